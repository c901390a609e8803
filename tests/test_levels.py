"""H of a record that begins with its pulse: right where the kernel is wrong, and less noisy than one sample."""

from itertools import pairwise

import numpy as np
import pytest
from examples import axes_of, lock_in_noise
from scipy.integrate import quad

from napari_tesm import fit
from napari_tesm.data.dataset import dataset_from_traces
from napari_tesm.data.displacement import displacement_from_traces
from napari_tesm.data.protocol import PulseProtocol, Window
from napari_tesm.evaluation.displacement_maps import displacement_maps
from napari_tesm.evaluation.evaluation import Evaluation
from napari_tesm.evaluation.instrument import instrument_of
from napari_tesm.evaluation.levels import FEWEST_SAMPLES, height_from_traces
from napari_tesm.evaluation.traces import maps_from_traces

STEP, PULSE = 5e-5, Window(0.0, 10e-3)
TIME = np.arange(500) * STEP
RADIUS = 25e-9
SHAPE = (15, 40)


def rise(kind, diffusion, time):
    """Return what a pulse has done after a time: 0 at its start."""
    tau = RADIUS**2 / diffusion
    if kind == "exponential":
        return 1 - np.exp(-time / tau)
    if kind == "two exponentials":
        return 1 - 0.5 * np.exp(-time / tau) - 0.5 * np.exp(-6 * time / tau)
    if kind == "stretched":
        return 1 - np.exp(-((time / tau) ** 0.6))
    # A constant flux through exp(-r²/R²) on a half-space.
    rate = lambda s: 1 - np.sqrt(s / (s + tau / 4))  # noqa: E731
    steps = [quad(rate, *edges, epsabs=0)[0] for edges in pairwise(time)]
    return np.concatenate([[0.0], np.cumsum(steps)])


def traces_of(kind, diffusion, time=TIME):
    """Return a trace of H = 1 and the same H, by the definition: the mean of the pulse's last 5 %."""
    inside = time < PULSE.stop - 1e-9
    count = int(inside.sum())
    up = rise(kind, diffusion, time[inside])
    end = up[count - max(1, round(count / 20)) :].mean()
    trace = np.concatenate([up, up[-1] * np.exp(-(time[~inside] - PULSE.stop) * diffusion / RADIUS**2)])
    return trace / end


def dataset_of(traces, **protocol):
    y, x = axes_of(SHAPE)
    return dataset_from_traces(
        [traces.reshape(*SHAPE, -1)], time=TIME, x=x, y=y, voltage=[-3.0], unit="V",
        protocol=PulseProtocol(pulse_start=0.0, pulse_duration=10e-3, **protocol),
    )  # fmt: skip


def noise_of(snr, *, lock_in=0.0, seed=0):
    return lock_in_noise(np.random.default_rng(seed), (SHAPE[0] * SHAPE[1], TIME.size), samples=lock_in) / snr


@pytest.mark.parametrize("diffusion", [1e-14, 1e-13, 4e-13, 3e-12])
def test_of_exponentials_h_is_less_noisy_than_over_one_sample(diffusion):
    traces = traces_of("exponential", diffusion) + noise_of(10)
    height = fit(dataset_of(traces), nuisance="none")["H"].values
    over_one = displacement_from_traces(traces, TIME, PULSE)
    # One sample and the mean of ten: 0.1·√1.1.
    assert over_one.std() == pytest.approx(0.105, rel=0.07)
    assert height.std() < (0.1 if diffusion == 3e-12 else 0.067)
    assert abs(height.mean() - 1) < 0.01


@pytest.mark.parametrize("kind", ["flux", "two exponentials", "stretched"])
@pytest.mark.parametrize("diffusion", [1e-14, 1e-13, 4e-13, 3e-12])
def test_of_other_curves_h_is_right_too(kind, diffusion):
    curve = traces_of(kind, diffusion)
    for snr, most in ((10, 0.06), (50, 0.045), (1000, 0.006)):
        height = height_from_traces(curve + noise_of(snr), TIME, PULSE)
        assert abs(height.mean() - 1) < most
        assert height.std() < 1.35 * np.sqrt(1.1) / snr
    assert height_from_traces(curve, TIME, PULSE) == pytest.approx(1, abs=8e-3)


@pytest.mark.parametrize(
    ("kind", "snr", "lock_in", "low", "high"),
    [
        ("exponential", 10, 0.0, 0.8, 1.02), ("exponential", 50, 0.0, 0.8, 1.05), ("flux", 10, 0.0, 0.9, 1.25),
        ("exponential", 10, 3.0, 0.8, 1.05), ("nothing", 10, 3.0, 0.85, 1.08),
    ],
)  # fmt: skip
def test_the_error_that_is_stated_is_the_one_there_is(kind, snr, lock_in, low, high):
    curve = 0 * TIME if kind == "nothing" else traces_of(kind, 4e-13)
    traces = curve + noise_of(snr, lock_in=lock_in, seed=1)
    evaluation = Evaluation.of(dataset_of(traces))
    instrument = instrument_of(evaluation)
    maps = maps_from_traces(traces, evaluation)
    instrument.apply(maps, 0)
    pull = (maps["H"] - curve.any()) / instrument.error_of_displacement(maps, 0)
    assert low < np.sqrt(np.mean(pull**2)) < high
    # A few per cent of what a wrong kernel leaves over may pass for noise.
    assert (instrument.noises[0].shares.get("white", 0) > 0.95) == (lock_in == 0)


def test_behind_a_filter_that_is_told_the_level_is_what_was_there_before():
    curve = traces_of("exponential", 4e-13)
    stage = 1e-4
    fine = np.interp(np.arange(25 * TIME.size) * STEP / 25, TIME, curve)
    for _ in range(2):
        passed = np.zeros_like(fine)
        for i in range(1, fine.size):
            passed[i] = passed[i - 1] + (fine[i] - passed[i - 1]) * (1 - np.exp(-STEP / 25 / stage))
        fine = passed
    traces = fine[::25] + noise_of(30)
    wanted = displacement_from_traces(fine[::25], TIME, PULSE)
    maps = fit(dataset_of(traces, lock_in_time_constant=stage, lock_in_order=2), nuisance="none")
    assert maps["H"].values.mean() == pytest.approx(wanted, abs=0.006)
    # Where it is not told the corner that the filter makes is no misfit of the kernel's kind: still within noise.
    told = fit(dataset_of(traces), nuisance="none")
    assert told["H"].values.mean() == pytest.approx(wanted, abs=0.03)


def test_h_does_not_depend_on_the_kernel_nor_on_who_asks():
    dataset = dataset_of(traces_of("flux", 4e-13) + noise_of(20))
    wanted = displacement_maps(Evaluation.of(dataset))["H"].values
    for recipe in ({}, {"kernel": "flux-pulse"}, {"window1": "none"}, {"skip_after_edge": "1 ms"},
                   {"kernel": "flux-pulse", "skip_after_edge": "1 ms"}):  # fmt: skip
        found = fit(dataset, tip_radius="25 nm", nuisance="none", **recipe)["H"].values
        assert found.tobytes() == wanted.tobytes()


@pytest.mark.parametrize("unit", [1e-12, 1.0, 1e150])
def test_units_signs_and_offsets_change_nothing_else(unit):
    traces = traces_of("two exponentials", 4e-13) + noise_of(20)
    plain = height_from_traces(traces, TIME, PULSE)
    np.testing.assert_allclose(height_from_traces(unit * traces, TIME, PULSE) / unit, plain, rtol=1e-6)
    np.testing.assert_allclose(-height_from_traces(7 - traces, TIME, PULSE), plain, rtol=1e-6)


def test_missing_samples_are_left_out():
    traces = traces_of("exponential", 4e-13) + noise_of(20)
    plain = height_from_traces(traces, TIME, PULSE)
    holes = traces.copy()
    holes[np.random.default_rng(3).random(traces.shape) < 0.05] = np.nan
    found = height_from_traces(holes, TIME, PULSE)
    assert np.isfinite(found).all()
    assert np.std(found - plain) < 0.5 * np.std(plain)
    # The level of a pixel that begins late is what it begins with; without a sample at the end there is no H.
    holes = traces[:3].copy()
    holes[0, :30], holes[1, 190:200], holes[2, :200] = np.inf, np.nan, np.nan
    late = height_from_traces(holes, TIME, PULSE)
    assert late[0] == pytest.approx(traces[0, 190:200].mean() - traces[0, 30])
    assert np.isnan(late[1:]).all()


def test_few_samples_keep_the_first_one_and_dead_traces_have_no_h():
    time = np.arange(25) * 1e-3
    traces = np.random.default_rng(0).standard_normal((5, 25))
    assert (time < PULSE.stop).sum() < FEWEST_SAMPLES
    np.testing.assert_array_equal(
        height_from_traces(traces, time, PULSE), displacement_from_traces(traces, time, PULSE)
    )
    assert np.isnan(height_from_traces(np.full((2, TIME.size), 3.0), TIME, PULSE)).all()


def test_samples_before_the_pulse_are_its_level_to_the_last_bit():
    time = np.concatenate([np.arange(-20, 0) * STEP, TIME])
    traces = (
        np.pad(traces_of("flux", 4e-13), (20, 0)) + np.random.default_rng(0).standard_normal((7, 520)) / 10
    )
    found = height_from_traces(traces, time, PULSE)
    assert found.tobytes() == (traces[:, 210:220].mean(axis=1) - traces[:, :20].mean(axis=1)).tobytes()
