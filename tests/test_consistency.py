"""Pixels that contradict themselves or their map in sign get no number; all others keep theirs."""

import numpy as np
import pytest
from examples import PROTOCOL, axes_of, exponential_traces, lock_in_noise

from napari_tesm.data.dataset import dataset_from_traces
from napari_tesm.data.maps import map_name
from napari_tesm.evaluation.evaluation import Evaluation
from napari_tesm.evaluation.fits import fits_of_traces
from napari_tesm.evaluation.instrument import instrument_of
from napari_tesm.evaluation.pipeline import run
from napari_tesm.evaluation.recipe import Recipe
from napari_tesm.findings.summary import lines_from_summary, summary_from_maps
from napari_tesm.quantities.status import INCONSISTENT, OK

SHAPE = (20, 32)
TIME = (np.arange(270) - 20) * 1e-4
AFTER = TIME >= 10e-3
KERNELS = ("exponential", "stretched", "flux-pulse")


def traces_of(amplitude=1.0, *, shape=SHAPE):
    """Return traces without noise, (y, x, time), of H = 1."""
    tau = np.full(shape, 2e-3)
    return exponential_traces(TIME, 1.3 * tau, tau, np.broadcast_to(amplitude, shape))


def dataset_of(traces, *, noise=0.05, lock_in=0.0, seed=0, voltage=-3.0, protocol=PROTOCOL):
    y, x = axes_of(traces.shape[:2])
    noisy = traces + noise * lock_in_noise(np.random.default_rng(seed), traces.shape, samples=lock_in)
    return dataset_from_traces([noisy], time=TIME, x=x, y=y, voltage=[voltage], unit="V", protocol=protocol)


def statuses(traces, *, noise=0.05, **recipe):
    maps = run(Evaluation.of(dataset_of(traces, noise=noise), Recipe(nuisance="none", **recipe)))
    return {name: maps[name].values[0] for name in ("status1", "status2", "status") if name in maps}


def scattered(count, *, shape=SHAPE, seed=5):
    """Return pixels here and there, shape (y, x)."""
    chosen = np.zeros(np.prod(shape), dtype=bool)
    chosen[np.random.default_rng(seed).choice(chosen.size, count, replace=False)] = True
    return chosen.reshape(shape)


@pytest.mark.parametrize("kernel", ["exponential", "stretched"])
def test_traces_that_go_on_rising_after_the_pulse_are_inconsistent(kernel):
    traces, rising = traces_of(), scattered(320)
    end = traces[0, 0, ~AFTER][-1]
    traces[rising] = np.where(AFTER, 2 * end - traces[rising], traces[rising])
    for status in statuses(traces, kernel=kernel).values():
        assert (status[rising] == INCONSISTENT).all()
        assert (status[~rising] == OK).all()


def test_rising_is_noticed_behind_a_slow_filter_too():
    """H is not sure there, and the relaxation has to speak against the pulse by itself."""
    traces, rising = traces_of(), scattered(320)
    end = traces[0, 0, ~AFTER][-1]
    traces[rising] = np.where(AFTER, 2 * end - traces[rising], traces[rising])
    maps = run(Evaluation.of(dataset_of(traces, noise=0.25, lock_in=2.0), Recipe(nuisance="none")))
    status = maps["status1"].values[0]
    passing = np.isin(status[rising], (OK, INCONSISTENT))
    assert (status[rising] == OK).sum() < 0.18 * passing.sum()
    assert (status[~rising] != INCONSISTENT).all()


def test_a_joint_curve_that_contradicts_h_is_inconsistent():
    # A disturbance at the end of the pulse turns H round; the curve of the whole record keeps its sign.
    traces, disturbed = traces_of(), scattered(40)
    at_end = (TIME > 9.4e-3) & ~AFTER
    traces[disturbed] = np.where(at_end, -0.5, traces[disturbed])
    asked = {sign: statuses(traces, kernel="clamped", sign=sign)["status"] for sign in ("any", "auto")}
    assert (asked["any"] == OK).all()
    assert (asked["auto"][disturbed] == INCONSISTENT).all()
    assert (asked["auto"][~disturbed] == OK).all()


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("count", [1, 64, 128])
def test_pixels_reversed_here_and_there_are_inconsistent(kernel, count):
    reverse = scattered(count)
    for status in statuses(traces_of(np.where(reverse, -1.0, 1.0)), kernel=kernel).values():
        assert (status[reverse] == INCONSISTENT).all()
        assert (status[~reverse] == OK).all()


@pytest.mark.parametrize("line", [np.s_[3], np.s_[:, 7], np.s_[0:2], np.s_[:, 30:]])
def test_reversed_lines_are_inconsistent_also_along_the_border(line):
    sign = np.ones(SHAPE)
    sign[line] = -1
    status = statuses(traces_of(sign))["status2"]
    assert (status[sign < 0] == INCONSISTENT).all()
    assert (status[sign > 0] == OK).all()


@pytest.mark.parametrize("domain", [np.s_[:, 20:], np.s_[3:9, 5:11], np.s_[:5, :8], np.s_[10:, :]])
def test_domains_of_the_other_sign_keep_their_numbers(domain):
    sign = np.ones(SHAPE)
    sign[domain] = -1
    for status in statuses(traces_of(sign)).values():
        assert (status == OK).all()


def test_any_sign_will_do_where_the_recipe_says_so():
    traces = traces_of(np.where(scattered(64), -1.0, 1.0))
    traces[0, :, AFTER] *= -1
    assert all((status == OK).all() for status in statuses(traces, sign="any").values())
    with pytest.raises(ValueError, match="'auto', or 'any'"):
        Recipe(sign="up")


@pytest.mark.parametrize("polarity", [1, -1])
@pytest.mark.parametrize("lock_in", [0.0, 2.0])
@pytest.mark.parametrize("snr", [3, 10, 50])
def test_nothing_is_lost_where_signs_agree(polarity, lock_in, snr):
    # Amplitudes down to a twentieth and times of all lengths, so that weak and lost pixels are there, too.
    rng = np.random.default_rng(11)
    tau = 10 ** rng.uniform(-3.7, -1.7, (40, 60))
    amplitude = polarity * np.where(rng.random(tau.shape) < 0.5, 1.0, rng.uniform(0.05, 1, tau.shape))
    dataset = dataset_of(exponential_traces(TIME, 1.3 * tau, tau, amplitude), noise=1 / snr, lock_in=lock_in)
    for kernel in ("exponential", "flux-pulse"):
        maps = run(Evaluation.of(dataset, Recipe(kernel=kernel, nuisance="none")))
        for name in ("status1", "status2", "status"):
            if name in maps:
                assert (maps[name] == OK).sum() > 20
                assert not (maps[name] == INCONSISTENT).any()


def test_the_count_is_said_and_one_trace_is_judged_as_in_the_map():
    traces, rising = traces_of(), scattered(40)
    end = traces[0, 0, ~AFTER][-1]
    traces[rising] = np.where(AFTER, 2 * end - traces[rising], traces[rising])
    dataset = dataset_of(traces)
    evaluation = Evaluation.of(dataset)
    maps = run(evaluation)
    summary = summary_from_maps(maps)
    assert summary["pulses"][0]["D2"]["status"]["inconsistent"] == 40
    assert "40 inconsistent" in " ".join(str(line) for line in lines_from_summary(summary, maps))
    assert np.isnan(maps["D2"].values[0][rising]).all()
    rows = dataset["displacement"].values[0][rising][:5]
    for trace in fits_of_traces(rows, evaluation, instrument=instrument_of(evaluation), pulses=[0] * 5):
        assert [window.status for window in trace.windows.values()] == [INCONSISTENT] * 2


@pytest.mark.parametrize("lock_in", [0.0, 4.0])
def test_error_of_h_is_the_spread_of_h(lock_in):
    """Monte Carlo: 2400 pixels of one H; behind a filter neighbouring samples say less than they are."""
    dataset = dataset_of(traces_of(shape=(40, 60)), noise=0.1, lock_in=lock_in, seed=8)
    instrument = instrument_of(Evaluation.of(dataset, Recipe(nuisance="none")))
    maps = run(instrument.evaluation)
    of_pulse = {name: values.values[0] for name, values in maps.items()}
    of_pulse[map_name("samples", 1)] = np.full((40, 60), 100)
    error = instrument.error_of_displacement(of_pulse, 0)
    assert np.median(error) == pytest.approx(maps["H"].values.std(), rel=0.08)


@pytest.mark.parametrize("left_out", [{}, {"window1": "none"}])
def test_records_that_begin_with_the_pulse_are_judged_alike(left_out):
    start = TIME >= 0
    traces, wrong = traces_of()[..., start], scattered(320)
    after, end = AFTER[start], traces[0, 0, ~AFTER[start]][-1]
    noise = 0.05 * lock_in_noise(np.random.default_rng(2), traces.shape, samples=0.0)
    y, x = axes_of(SHAPE)
    for relaxation in (2 * end - traces, -traces):  # goes on rising; comes from the other side
        turned = np.where(after & wrong[..., None], relaxation, traces) + noise
        dataset = dataset_from_traces(
            [turned], time=TIME[start], x=x, y=y, voltage=[-3.0], unit="V", protocol=PROTOCOL
        )
        maps = run(Evaluation.of(dataset, Recipe(nuisance="none", **left_out)))
        for status in (maps[name].values[0] for name in ("status1", "status2") if name in maps):
            assert (status[wrong] == INCONSISTENT).all()
            assert (status[~wrong] == OK).all()
