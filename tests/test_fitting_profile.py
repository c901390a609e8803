import noises
import numpy as np
import pytest

from napari_tesm.fitting import fit_traces, profile_intervals
from napari_tesm.fitting.nuisances import NuisanceColumns

TIME = np.arange(250) * 4e-5
WINDOW = 10e-3


def noisy(tau, snr, count, seed=0):
    rng = np.random.default_rng(seed)
    return np.exp(-TIME / tau) + rng.standard_normal((count, TIME.size)) / snr


@pytest.mark.parametrize(("tau", "snr"), [(2e-3, 10), (6 * WINDOW, 10), (20 * WINDOW, 10)])
def test_95_of_100_intervals_hold_the_truth(tau, snr):
    """Also where the linear error's cover 0.71 and 0.41 only (tau of 6 and 20 windows)."""
    found = profile_intervals(noisy(tau, snr, 2000), TIME)
    covered = ((found.low <= tau) & (tau <= found.high)).mean()
    assert 0.92 < covered < 0.985


def test_the_linear_error_is_the_limit_of_little_noise():
    traces = noisy(2e-3, 300, 50)
    fitted = fit_traces(traces, TIME)
    found = profile_intervals(traces, TIME, level=0.6827)
    np.testing.assert_allclose(np.log(found.high / found.low) / 2, fitted.log_tau_stderr, rtol=0.02)
    np.testing.assert_allclose(np.sqrt(found.low * found.high), fitted.tau, rtol=1e-3)


def test_what_is_too_slow_has_no_upper_end():
    found = profile_intervals(noisy(100 * WINDOW, 20, 200), TIME)
    assert np.isinf(found.high).mean() > 0.9
    slow = found.is_open
    assert (found.low[slow] < 100 * WINDOW).mean() > 0.9
    assert not profile_intervals(noisy(2e-3, 20, 5), TIME).is_open.any()


def test_gaps_and_hostile_traces():
    traces = noisy(2e-3, 30, 6)
    expected = profile_intervals(traces[0, ::2], TIME[::2], bounds=(1e-4, 0.1))
    traces[0, 1::2] = np.nan
    traces[1], traces[2] = np.nan, 1.0
    found = profile_intervals(traces, TIME, bounds=(1e-4, 0.1))
    assert found.low[0] == pytest.approx(float(expected.low), rel=1e-3)
    assert found.high[0] == pytest.approx(float(expected.high), rel=1e-3)
    assert np.isnan(found.low[1:3]).all()
    assert np.isfinite(found.high[3:]).all()


def test_joint_kernels_have_intervals_too():
    from napari_tesm.kernels.named import kernel_from_name

    time = np.arange(250) * 1e-4
    clean = kernel_from_name("flux-pulse", pulse=10e-3).curves(time, np.log([4e-4]))[0]
    traces = clean / clean.max() + np.random.default_rng(0).standard_normal((1000, 250)) / 10
    found = profile_intervals(traces, time, kernel="flux-pulse", pulse=10e-3)
    assert 0.92 < ((found.low <= 4e-4) & (found.high >= 4e-4)).mean() < 0.985


def beside_a_flux(count, gaps=0.0):
    """A step of 0.4 and a drift of 0.5 beside flux diffusion of height 1, SNR 10, and what fits both."""
    rng = np.random.default_rng(2)
    on = (noises.TIME < noises.PULSE - 1e-9).astype(float)
    columns = np.stack([on, noises.TIME], axis=1)
    flux = noises.flux_displacement(np.array([4e-13]))
    traces = flux + columns @ [0.4, 20.0] + rng.standard_normal((count, noises.TIME.size)) / 10
    traces[rng.random(traces.shape) < gaps] = np.nan
    return traces, columns


@pytest.mark.parametrize("gaps", [0.0, 0.1])
def test_intervals_know_what_is_fitted_beside_the_curve(gaps):
    """Without the step and the drift none of these holds the truth."""
    traces, columns = beside_a_flux(400, gaps)
    tau = noises.RADIUS**2 / (4 * 4e-13)
    found = profile_intervals(
        traces, noises.TIME, kernel="flux-pulse", pulse=noises.PULSE, start=0.0,
        nuisances=NuisanceColumns.of(("step", "drift"), columns),
    )  # fmt: skip
    assert 0.91 < ((found.low <= tau) & (found.high >= tau)).mean() < 0.985


def test_gaps_beside_nuisances_are_as_good_as_times_that_were_never_there():
    traces, columns = beside_a_flux(4)
    kept = np.r_[0:150, 190:320, 330 : noises.TIME.size]
    options = {"kernel": "flux-pulse", "pulse": noises.PULSE, "start": 0.0, "bounds": (1e-6, 1e-1)}
    expected = profile_intervals(
        traces[:, kept], noises.TIME[kept],
        nuisances=NuisanceColumns.of(("step", "drift"), columns[kept]), **options,
    )  # fmt: skip
    traces[:, np.setdiff1d(np.arange(noises.TIME.size), kept)] = np.nan
    found = profile_intervals(
        traces, noises.TIME, nuisances=NuisanceColumns.of(("step", "drift"), columns), **options
    )
    np.testing.assert_allclose(found.low, expected.low, rtol=1e-5)
    np.testing.assert_allclose(found.high, expected.high, rtol=1e-5)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"level": 1.0}, "probability"),
        ({"bounds": (1.0, 0.5)}, "in order"),
        ({"kernel": "clamped"}, "how long"),
    ],
)
def test_nonsense_is_refused_in_a_sentence(options, words):
    with pytest.raises(ValueError, match=words):
        profile_intervals(np.zeros((2, 250)), TIME, **options)
