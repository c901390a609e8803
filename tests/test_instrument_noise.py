"""What an instrument adds to simulated scans, against closed forms and an own generator."""

import json
from math import factorial

import numpy as np
import pytest
from scipy.signal import fftconvolve

from napari_tesm import fit, open_dataset, simulate_dataset
from napari_tesm.cli import main
from napari_tesm.data.dataset import dataset_from_traces
from napari_tesm.data.protocol import PulseProtocol
from napari_tesm.quantities.status import OK
from napari_tesm.simulation import (
    MODELS,
    PRESETS,
    InstrumentNoise,
    simulate,
    simulate_series,
    traces_from_diffusion,
)

SIGMA = 0.008
PULSE = 10e-3
SIZE = (30, 20)
WAFER = {"preset": "silicon-wafer", "size": SIZE, "samples": 250, "seed": 3}


def traces_of(noise, **options):
    """Return the traces, shape (n, time), of both polarities and the times."""
    dataset = simulate_dataset(noise=noise, **(WAFER | options))
    values = dataset["displacement"].values
    return values.reshape(-1, values.shape[-1]), dataset["time"].values


def added_by(noise, **options):
    """Return what a noise adds to the same sample with the same white noise, shape (n, time), and the times."""
    noisy, time = traces_of(noise, **options)
    return noisy - traces_of(None, **options)[0], time


def impulse(time, constant, order):
    x = np.maximum(time, 0) / constant
    return x ** (order - 1) * np.exp(-x) / (factorial(order - 1) * constant)


@pytest.mark.parametrize(("constant", "order"), [(1e-4, 1), (1e-4, 4), (3e-4, 2), (2e-5, 1)])
def test_noise_behind_a_lock_in_has_the_autocorrelation_of_its_impulse_response(constant, order):
    traces, time = traces_of(f"lock-in:{constant}s:{order}")
    assert traces.std() == pytest.approx(SIGMA, rel=0.01)
    fine = constant / 400
    step = time[1] - time[0]
    response = impulse((np.arange(int(60 * constant / fine)) + 0.5) * fine, constant, order)
    for lag in (1, 2, 4, 8):
        apart = round(lag * step / fine)
        rest = response[: max(response.size - apart, 0)]
        expected = (rest * response[apart:]).sum() / (response**2).sum()
        measured = (traces[:, lag:] * traces[:, :-lag]).mean() / SIGMA**2
        assert measured == pytest.approx(expected, abs=0.012)
    # It has run for ever: the first sample is like any other.
    assert traces[:, 0].std() == pytest.approx(SIGMA, rel=0.08)


@pytest.mark.parametrize(("constant", "order"), [(1e-4, 4), (5e-4, 1), (1e-5, 2)])
def test_the_response_and_the_step_pass_the_filter(constant, order):
    """Against a convolution with the impulse response on a grid of a microsecond."""
    noise = InstrumentNoise(time_constant=constant, order=order, step_of_height=0.3)
    time = np.arange(250) * 1e-4 - 5e-4
    tau = np.array([0.8e-3, 5e-3])

    def curve(at):
        on = -np.expm1(-np.clip(at, 0, PULSE)[:, None] / tau)
        return on * np.exp(-np.clip(at - PULSE, 0, None)[:, None] / tau)

    response, height = noise.response(curve(noise.times(time)), time, SIGMA)
    np.testing.assert_allclose(height, -np.expm1(-PULSE / tau), rtol=1e-9)
    fine = 1e-6
    grid = (np.arange(26_000) + 0.5) * fine - 1e-3
    source = curve(grid) + 0.3 * height * ((grid >= 0) & (grid < PULSE))[:, None]
    weights = impulse((np.arange(20_000) + 0.5) * fine, constant, order) * fine
    filtered = fftconvolve(source, weights[:, None], axes=0)[: grid.size]
    # The sum of two midpoints lies a step later.
    expected = np.stack([np.interp(time, grid + fine / 2, each) for each in filtered.T], axis=1)
    tolerance = 0.003 if constant > 2e-5 else 0.03  # a microsecond is a tenth of the shortest
    np.testing.assert_allclose(response, expected, atol=tolerance)
    assert abs(response - curve(time)).max() > 0.05


def test_a_file_says_the_filter_and_a_fit_that_knows_it_finds_the_truth(tmp_path):
    path = tmp_path / "scan.gwy"
    words = ["simulate", "-o", str(path), "--size", "40x30", "--noise", "lock-in:0.2ms:4"]
    assert main(words) == 0
    opened = open_dataset(path)
    assert (opened.attrs["lock_in_time_constant"], opened.attrs["lock_in_order"]) == (2e-4, 4)
    truth = simulate(size=(40, 30), noise="lock-in:0.2ms:4").truth
    assert truth.attrs["noise"] == "lock-in:200 µs:4"
    for given, expected in (({}, 1.0), ({"lock_in_time_constant": 0.0}, 0.72)):
        maps = fit(opened, **given)
        ratio = (maps["D2"] / truth["D2"].values).values[maps["status2"].values == OK]
        assert np.nanmedian(ratio) == pytest.approx(expected, abs=0.03 if not given else 0.2)


def test_a_fit_that_takes_filter_drift_and_step_out_finds_the_d_that_was_put_in():
    """The forward model and the fit share no code: what either adds and takes out has to be the same thing."""
    noise = InstrumentNoise.from_text("lock-in:0.1ms:4,drift:10%,step:30%")
    time = np.arange(250) * 1e-4 - 5e-4
    true = np.geomspace(5e-14, 1e-12, 6)
    curves = traces_from_diffusion(
        true, time=noise.times(time), pulse=PULSE, tip_radius=25e-9, boundary="flux"
    )
    response, height = noise.response(curves.T / abs(curves).max(), time, SIGMA)
    rng = np.random.default_rng(1)
    traces = response + noise.added(time, height, SIGMA, rng) + 1e-5 * rng.standard_normal(response.shape)
    dataset = dataset_from_traces(
        [traces.T[None]], time=time, x=np.arange(6) * 1e-8, y=np.zeros(1), voltage=[-3.0],
        protocol=PulseProtocol(
            pulse_start=5e-4, pulse_duration=PULSE, tip_radius=25e-9, lock_in_time_constant=1e-4, lock_in_order=4
        ),
    )  # fmt: skip
    known = {"kernel": "flux-pulse", "noise": "white", "threshold": 0.0}
    maps = fit(dataset, nuisance="drift,step", **known)
    np.testing.assert_allclose(maps["D"].values[0, 0], true, rtol=0.005)
    blind = fit(dataset, nuisance="none", **known)
    assert (blind["D"].values[0, 0] / true).max() > 1.3


def heights_of(truth, pulse):
    return (truth["amplitude"][pulse] * -np.expm1(-PULSE / truth["tau1"])).values


@pytest.mark.parametrize("noise", ["drift:10%", "drift:-30%"])
def test_drift_is_a_line_of_a_part_of_h(noise):
    simulation = simulate(size=SIZE, seed=3, noise=noise)
    plain = simulate(size=SIZE, seed=3)
    added = (simulation.dataset["displacement"] - plain.dataset["displacement"]).values
    part = float(noise.split(":")[1][:-1]) / 100
    for pulse in (0, 1):
        height = heights_of(plain.truth, pulse)
        good = plain.truth["pixel_class"].values == 0
        line = np.linspace(0, 1, added.shape[-1])
        np.testing.assert_allclose(
            added[pulse][good], (part * height[good])[:, None] * line, atol=1e-6 * abs(height[good]).max()
        )


def test_random_drift_has_slopes_of_its_sigma():
    added, time = added_by("drift:2")
    rises = added[:, -1] - added[:, 0]
    assert rises.std() == pytest.approx(2 * SIGMA, rel=0.06)
    assert abs(rises.mean()) < 4 * 2 * SIGMA / np.sqrt(rises.size)
    np.testing.assert_allclose(added, rises[:, None] * np.linspace(0, 1, time.size), atol=1e-12)


def test_mains_is_one_frequency_of_any_phase():
    added, time = added_by("mains:60Hz:0.3", samples=300)
    columns = np.stack([np.sin(2 * np.pi * 60 * time), np.cos(2 * np.pi * 60 * time)], axis=1)
    amplitudes, residues, *_ = np.linalg.lstsq(columns, added.T, rcond=None)
    assert residues.max() < 1e-20
    np.testing.assert_allclose(np.hypot(*amplitudes), np.sqrt(2) * 0.3 * SIGMA, rtol=1e-9)
    phases = np.exp(1j * np.arctan2(*amplitudes))
    assert abs(phases.mean()) < 4 / np.sqrt(phases.size)


def test_pink_noise_has_its_variance_within_a_record_and_the_spectrum_of_1_over_f():
    """The spectrum against oscillations of equal height whose frequencies lie evenly on a logarithmic axis."""
    added, time = added_by("pink:0.5", size=(60, 40))
    own = added - added.mean(axis=1, keepdims=True)
    assert np.sqrt((own**2).mean()) == pytest.approx(0.5 * SIGMA, rel=0.02)
    rng = np.random.default_rng(8)
    step = time[1] - time[0]
    frequencies = np.geomspace(1 / (8 * time.size * step), 0.5 / step, 20_001)[:-1]
    phases = rng.uniform(0, 2 * np.pi, frequencies.size)
    theirs = np.cos(2 * np.pi * frequencies[:, None] * time + phases[:, None])
    theirs -= theirs.mean(axis=1, keepdims=True)
    spectra = [(abs(np.fft.rfft(each * np.hanning(time.size))) ** 2).mean(axis=0) for each in (own, theirs)]
    ours, expected = (spectrum / spectrum[4:60].sum() for spectrum in spectra)
    for low, high in ((4, 8), (8, 16), (16, 32), (32, 60)):
        assert ours[low:high].sum() == pytest.approx(expected[low:high].sum(), rel=0.08)
    # A trace does not know of the next one.
    assert abs(np.mean(own[1:] * own[:-1])) < 0.01 * SIGMA**2


def test_an_edge_step_lasts_as_long_as_the_voltage():
    simulation, plain = (simulate(size=SIZE, seed=3, noise=noise) for noise in ("step:30%", None))
    added = (simulation.dataset["displacement"] - plain.dataset["displacement"]).values[1]
    time = plain.dataset["time"].values
    height, good = heights_of(plain.truth, 1), plain.truth["pixel_class"].values == 0
    on = (time > -1e-9) & (time < PULSE - 1e-9)
    np.testing.assert_allclose(added[good], 0.3 * height[good][:, None] * on, atol=1e-6)
    wafer, _ = added_by("step:2")
    np.testing.assert_allclose(wafer, 2 * SIGMA * np.broadcast_to(on, wafer.shape), atol=1e-12)


def test_a_late_pulse_is_late():
    simulation, plain = (simulate(size=SIZE, seed=3, noise=noise) for noise in ("delay:200us", None))
    added = (simulation.dataset["displacement"] - plain.dataset["displacement"]).values[1]
    truth, good = plain.truth, plain.truth["pixel_class"].values == 0
    time = plain.dataset["time"].values

    def curve(at):
        tau1, tau2 = (truth[name].values[good][:, None] for name in ("tau1", "tau2"))
        on = -np.expm1(-np.clip(at, 0, PULSE) / tau1)
        return truth["amplitude"].values[1][good][:, None] * on * np.exp(-np.clip(at - PULSE, 0, None) / tau2)

    np.testing.assert_allclose(added[good], curve(time - 2e-4) - curve(time), atol=1e-12)
    # The file still says when the pulse should have been.
    assert simulation.dataset.attrs["pulse_start"] == plain.dataset.attrs["pulse_start"]


def test_a_converter_has_levels():
    traces, _ = traces_of("steps:0.5")
    level = 0.5 * SIGMA
    np.testing.assert_allclose(traces / level, np.round(traces / level), atol=1e-9)
    lost, _ = added_by("steps:0.5")
    assert lost.std() == pytest.approx(level / np.sqrt(12), rel=0.01)
    assert abs(lost).max() <= level / 2 + 1e-12  # the nearest one


def test_glitches_are_as_many_and_as_high_as_said():
    added, _ = added_by("glitches:0.2%")
    hit = added != 0
    assert abs(hit.mean() - 0.002) < 4 * np.sqrt(0.002 / hit.size)
    np.testing.assert_allclose(abs(added[hit]), 20 * SIGMA, rtol=1e-9)
    assert abs(np.sign(added[hit]).mean()) < 4 / np.sqrt(hit.sum())


def test_noises_add_up():
    parts = ["drift:1", "mains:50Hz:0.3", "pink:0.5"]
    together, _ = added_by(",".join(parts))
    variances = [(added_by(part)[0] ** 2).mean() for part in parts]
    assert (together**2).mean() == pytest.approx(sum(variances), rel=0.05)


def test_nothing_is_added_where_nothing_is_said():
    np.testing.assert_array_equal(added_by(InstrumentNoise())[0], 0)
    first, second = (traces_of("pink:1,glitches:1%")[0] for _ in range(2))
    np.testing.assert_array_equal(first, second)


ALL = "lock-in:0.1ms:4,drift:10%,mains:50Hz:0.3,pink:0.5,step:30%,delay:50us,steps:0.2,glitches:0.2%"


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("model", ["exponential", "flux-pulse", "clamped"])
def test_every_preset_and_model_takes_every_noise(preset, model):
    simulation = simulate(preset, size=(9, 8), samples=60, model=model, noise=ALL)
    assert np.isfinite(simulation.dataset["displacement"].values).all()
    assert InstrumentNoise.from_text(simulation.truth.attrs["noise"]) == InstrumentNoise.from_text(ALL)
    assert "pink:0.5" in simulation.dataset.attrs["title"]
    plain = simulate(preset, size=(9, 8), samples=60, model=model)
    np.testing.assert_array_equal(simulation.dataset["topography"].values, plain.dataset["topography"].values)


@pytest.mark.slow
def test_the_lateral_model_takes_a_filter(tmp_path):
    assert "lateral" in MODELS
    path = tmp_path / "line.gwy"
    words = ["simulate", "-o", str(path), "--size", "2x1", "--samples", "50", "--model", "lateral"]
    assert main([*words, "--progress", "none", "--noise", "lock-in:1ms:2,delay:100us"]) == 0
    assert open_dataset(path).attrs["lock_in_order"] == 2


def test_the_folder_of_a_series_says_its_noise_in_the_truth(tmp_path):
    folder = tmp_path / "paper"
    words = ["simulate", "-o", str(folder), "--preset", "paper-series", "--size", "48x36", "--samples", "60"]
    assert main([*words, "--noise", "pink:0.5,lock-in:0.1ms"]) == 0
    made_with = json.loads((folder / "truth.json").read_text())["made_with"]
    assert made_with["noise"] == "lock-in:100 µs:1,pink:0.5"
    scan, wafer = (open_dataset(folder / name) for name in ("si_c_05V.gwy", "silicon_wafer.gwy"))
    assert scan.attrs["lock_in_time_constant"] == wafer.attrs["lock_in_time_constant"] == 1e-4
    series = simulate_series(size=(48, 36), samples=60, noise=made_with["noise"])
    np.testing.assert_array_equal(series.scan(5.0)["displacement"].values, scan["displacement"].values)


@pytest.mark.parametrize("text", [ALL, "drift:2,step:-1.5", "lock-in:1ms:1", "delay:-100us", "step:-30%"])
def test_what_is_written_is_read_again(text):
    noise = InstrumentNoise.from_text(text)
    assert InstrumentNoise.from_text(str(noise)) == noise


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "'' is no noise: write one of lock-in:0.1ms:4"),
        ("brown:1", "'brown:1' is no noise"),
        ("pink", "write pink:0.5"),
        ("pink:1:2", "write pink:0.5"),
        ("pink:a", "'a' is not a number"),
        ("pink:nan", "'nan' is not a number"),
        ("pink:-1", "pink of the noise must not be negative"),
        ("pink:1,pink:2", "says 'pink' twice"),
        ("pink:1e9", "a number up to"),
        ("lock-in:0.1", "'0.1' has no unit"),
        ("lock-in:0s", "longer than nothing"),
        ("lock-in:0.1ms:4.5", "1 to 8 stages"),
        ("lock-in:0.1ms:9", "1 to 8 stages"),
        ("mains:50Hz", "write mains:50Hz:0.3"),
        ("mains:0Hz:1", "need their frequency"),
        ("delay:20ms", "less than it lasts"),
        ("glitches:0.2", "percentage"),
        ("glitches:200%", "at most 100%"),
        ("steps:-1", "must not be negative"),
    ],
)
def test_what_is_no_noise_is_refused_in_one_sentence(text, words, tmp_path, capsys):
    with pytest.raises(ValueError, match=words.replace("(", r"\(")) as caught:
        InstrumentNoise.from_text(text)
    assert "\n" not in str(caught.value)
    assert main(["simulate", "-o", str(tmp_path / "a.gwy"), f"--noise={text}"]) == 2
    assert words in capsys.readouterr().err
    assert not (tmp_path / "a.gwy").exists()
