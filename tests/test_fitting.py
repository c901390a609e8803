"""The fit engine against an independent least-squares fit, brute force and statistics."""

import numpy as np
import pytest
from fitting_reference import BOUNDS, WINDOW, reference_fit, sample_traces, smallest_rms

from napari_tesm.fitting import fit_traces
from napari_tesm.quantities.status import INVALID, OK, UNRESOLVED_FAST, UNRESOLVED_SLOW

RNG = np.random.default_rng(7)
GRIDS = {
    "uniform": np.arange(500) * 2e-5,
    "thousands": np.arange(3000) * (WINDOW / 3000),
    "logarithmic": np.concatenate([[0], np.geomspace(1e-5, WINDOW, 250)]),
    "random": np.sort(RNG.uniform(0, WINDOW, 120)),
    "two rates": np.concatenate([np.arange(100) * 1e-5, 1e-3 + np.arange(60) * 1.5e-4]),
    "late": 3.7 + np.arange(200) * 5e-5,
    "few": np.arange(12) * (WINDOW / 12),
    "fewest": np.arange(6) * (WINDOW / 6),
}


def assert_least_squares(result, traces, time, pixels, tolerance=1e-5):
    """Compare with the reference in units of the standard errors; the errors themselves to 1e-4."""
    for pixel in pixels:
        best = reference_fit(traces[pixel], time, np.log(result.tau[pixel]))
        errors = np.array([result.log_tau_stderr[pixel], result.a_stderr[pixel], result.c_stderr[pixel]])
        off = np.array([np.log(result.tau[pixel]), result.a[pixel], result.c[pixel]]) - [
            best.log_tau, best.a, best.c,
        ]  # fmt: skip
        assert np.abs(off / best.errors).max() < tolerance
        np.testing.assert_allclose(errors, best.errors, rtol=1e-4)
        np.testing.assert_allclose(result.rms[pixel], best.rms, rtol=1e-5)
        np.testing.assert_allclose(result.r2[pixel], best.r2, atol=1e-9)
        assert result.tau_stderr[pixel] == pytest.approx(result.tau[pixel] * result.log_tau_stderr[pixel])


@pytest.mark.parametrize("name", GRIDS)
def test_optimum_and_errors_are_those_of_least_squares(name):
    time = GRIDS[name]
    data = sample_traces(200, time=time, seed=1)
    result = fit_traces(data.traces, time)
    resolved = np.flatnonzero(result.status == OK)
    assert resolved.size > 20
    assert_least_squares(result, data.traces, time, resolved[:60])


def test_high_signal_to_noise():
    """Beyond 1500 the fit leaves the table for the whole trace; on either side it must be right."""
    data = sample_traces(300, snr=(200, 1e5), tau=(0.3e-3, 20e-3), seed=2)
    result = fit_traces(data.traces, data.time)
    assert_least_squares(result, data.traces, data.time, range(0, 300, 4), tolerance=1e-4)


@pytest.mark.parametrize(("samples", "count"), [pytest.param(500, 2000, marks=pytest.mark.slow), (40, 4000)])
def test_no_global_optimum_is_missed_on_noise(samples, count):
    time = np.arange(samples) * (WINDOW / samples)
    traces = np.random.default_rng(3).standard_normal((count, samples))
    result = fit_traces(traces, time)
    brute = smallest_rms(traces, time, (WINDOW / 100, 10 * WINDOW))
    assert ((result.rms <= brute * (1 + 1e-7)) | (result.status == INVALID)).all()


def test_pulls_are_standard_normal():
    data = sample_traces(20000, snr=(3, 100), seed=4)
    result = fit_traces(data.traces, data.time)
    ok = result.status == OK
    pull = (np.log(result.tau) - np.log(data.tau)) / result.log_tau_stderr
    assert 0.95 < pull[ok].std() < 1.1
    assert abs(np.median(pull[ok])) < 0.1
    well = ok & (result.log_tau_stderr < 0.1)
    for name, truth in (("a", data.a), ("c", data.c)):
        pulls = ((getattr(result, name) - truth) / getattr(result, f"{name}_stderr"))[well]
        assert 0.95 < pulls.std() < 1.05
        assert abs(pulls.mean()) < 0.05
    unbiased = result.rms * np.sqrt(500 / 497)
    assert np.median(unbiased / data.noise) == pytest.approx(1, abs=0.002)


def test_noise_free_traces_have_finite_errors():
    time, tau = GRIDS["uniform"], np.geomspace(0.3e-3, 50e-3, 50)
    for scale in (1.0, 1e-11, 1e200):
        result = fit_traces(scale * (0.2 - np.exp(-time / tau[:, None])), time)
        np.testing.assert_allclose(result.tau, tau, rtol=1e-8)
        np.testing.assert_allclose(result.a, -scale, rtol=1e-8)
        np.testing.assert_allclose(result.c, 0.2 * scale, rtol=1e-8)
        for errors in (result.tau_stderr, result.a_stderr, result.c_stderr, result.log_tau_stderr):
            assert np.isfinite(errors).all()
        assert (result.log_tau_stderr < 1e-8).all()
        assert (result.r2 > 1 - 1e-13).all()
        assert (result.r2 <= 1).all()
        assert (result.status == OK).all()


def test_r2_is_precise_where_it_is_small():
    """The pipeline derives its F-test from R2, so noise must give the right small number."""
    time = GRIDS["uniform"]
    traces = np.random.default_rng(5).standard_normal((200, 500)) + 30
    result = fit_traces(traces, time)
    for pixel in np.flatnonzero(result.status == OK)[:20]:
        best = reference_fit(traces[pixel], time, np.log(result.tau[pixel]))
        assert result.r2[pixel] == pytest.approx(best.r2, rel=1e-6)


def test_what_cannot_be_resolved_is_flagged_slow():
    time = GRIDS["uniform"]
    noise = 1e-3 * np.random.default_rng(6).standard_normal((6, 500))
    shapes = [
        time / WINDOW, -time / WINDOW, np.exp(time / 3e-3), (time > 5e-3) * 1.0, time**2 / WINDOW**2,
        np.exp(-time / 0.5),
    ]  # fmt: skip
    for traces in (np.array(shapes), np.array(shapes) + noise):
        result = fit_traces(traces, time)
        assert (result.status == UNRESOLVED_SLOW).all()
        assert np.isfinite(result.tau).all()


def test_what_cannot_be_resolved_is_flagged_fast():
    time = GRIDS["uniform"]
    rng = np.random.default_rng(6)
    spike = np.zeros(500)
    spike[0] = 1.0
    quick = np.exp(-time / 8e-6)
    assert fit_traces(spike, time).status == UNRESOLVED_FAST
    assert fit_traces(quick, time, bounds=(1e-6, 0.1)).status == UNRESOLVED_FAST  # below one interval
    result = fit_traces(rng.standard_normal((500, 500)), time)
    uncertain = result.log_tau_stderr > 0.5
    assert uncertain.mean() > 0.9
    assert (result.status[uncertain & (result.tau < WINDOW / 2)] == UNRESOLVED_FAST).all()
    assert (result.status[uncertain & (result.tau > WINDOW / 2)] == UNRESOLVED_SLOW).all()


def test_the_error_threshold_is_a_parameter():
    data = sample_traces(500, samples=100, seed=8)
    strict = fit_traces(data.traces, data.time, max_log_tau_error=0.05)
    assert (strict.log_tau_stderr[strict.status == OK] <= 0.05).all()
    loose = fit_traces(data.traces, data.time, max_log_tau_error=5.0)
    assert (loose.status == OK).sum() > (strict.status == OK).sum()


def test_default_bounds_are_a_hundredth_of_the_window_and_ten_windows():
    time = GRIDS["uniform"]
    result = fit_traces(np.stack([np.exp(time / 3e-3), (time == 0) * 1.0]), time)
    np.testing.assert_allclose(result.tau, [0.1, 1e-4], rtol=1e-12)


def test_bounds_confine_tau():
    data = sample_traces(400, samples=100, seed=9)
    result = fit_traces(data.traces, data.time, bounds=(1e-3, 5e-3))
    assert result.tau.min() == pytest.approx(1e-3)
    assert result.tau.max() == pytest.approx(5e-3)
    assert (result.status[result.tau < 1.0001e-3] == UNRESOLVED_FAST).all()
    assert (result.status[result.tau > 4.9999e-3] == UNRESOLVED_SLOW).all()
    inside = np.flatnonzero(result.status == OK)
    assert_least_squares(result, data.traces, data.time, inside[:40])


def test_bounds_may_be_narrow_or_very_wide():
    time = GRIDS["uniform"]
    trace = np.exp(-time / 2e-3)
    for bounds in ((1.9e-3, 2.1e-3), (1e-12, 1e8)):
        result = fit_traces(trace, time, bounds=bounds)
        assert result.tau == pytest.approx(2e-3, rel=1e-8)
        assert result.status == OK
    ramp = fit_traces(time + 1e-9 * np.random.default_rng(0).standard_normal(500), time, bounds=(1e-12, 1e8))
    assert ramp.status == UNRESOLVED_SLOW


@pytest.mark.parametrize("delay", [1e-4, 3e-3, 20e-3])
def test_a_refers_to_the_start(delay):
    data = sample_traces(60, samples=300, tau=(1e-3, 8e-3), snr=(20, 100), seed=10)
    here = fit_traces(data.traces, data.time)
    earlier = fit_traces(data.traces, data.time, start=-delay)
    np.testing.assert_allclose(earlier.tau, here.tau, rtol=1e-6)
    np.testing.assert_allclose(earlier.a, here.a * np.exp(delay / here.tau), rtol=1e-5)
    np.testing.assert_allclose(earlier.c, here.c, rtol=1e-5)
    np.testing.assert_allclose(earlier.c_stderr, here.c_stderr, rtol=1e-4)
    # The amplitude's error is what the covariance of the default origin gives, seen from further away.
    time, pixel = data.time, 0
    u = np.log(earlier.tau[pixel])
    g = np.exp(-(time + delay) * np.exp(-u))
    jacobian = np.stack([earlier.a[pixel] * g * (time + delay) * np.exp(-u), g, np.ones_like(g)], axis=1)
    jacobian /= (scale := np.linalg.norm(jacobian, axis=0))
    rss = earlier.rms[pixel] ** 2 * time.size
    covariance = np.linalg.inv(jacobian.T @ jacobian) * rss / (time.size - 3)
    assert earlier.a_stderr[pixel] == pytest.approx(np.sqrt(covariance[1, 1]) / scale[1], rel=1e-4)


def test_narrow_windows_of_a_paper_like_measurement():
    """SNR 10, 250 samples, 15 ms: the error of tau is the Cramér-Rao bound (5 % at 1-3 ms)."""
    time = np.arange(375) * 4e-5
    traces = np.exp(-time / 2e-3) + 0.1 * np.random.default_rng(1).standard_normal((3000, 375))
    result = fit_traces(traces, time, bounds=BOUNDS)
    assert np.median(result.log_tau_stderr) == pytest.approx(0.05, abs=0.01)
    assert np.log(result.tau).std() == pytest.approx(np.median(result.log_tau_stderr), rel=0.05)
