"""Kernels with a time and a shape, against SciPy and against known truth."""

import numpy as np
import pytest
from scipy.optimize import curve_fit, least_squares

from napari_tesm.fitting import fit_shapes, fit_traces
from napari_tesm.kernels.two_parameters import SHAPE_KERNELS
from napari_tesm.quantities.status import INVALID, OK, UNRESOLVED_SLOW

TIME = np.arange(300) * 5e-5
MODELS = {
    "stretched": lambda t, a, c, lt, ls: a * np.exp(-((t / np.exp(lt)) ** np.exp(ls))) + c,
    "power": lambda t, a, c, lt, ls: a * (1 + t / np.exp(lt)) ** -np.exp(ls) + c,
    "biexponential": lambda t, a, c, lt, ls, b: a * np.exp(-t / np.exp(lt)) + b * np.exp(-t / np.exp(ls)) + c,
}


def drawn(kernel, count, snr=(20, 100), seed=0):
    """Return traces, ln tau, ln shape and the amplitudes beyond the first; a = 1, c = 0.3."""
    rng = np.random.default_rng(seed)
    ranges = {
        "stretched": ((0.5e-3, 4e-3), (0.4, 1.2)),
        "power": ((0.3e-3, 3e-3), (0.5, 3)),
        "biexponential": ((0.3e-3, 0.9e-3), (3e-3, 7e-3)),
    }[kernel]
    log_tau, log_shape = (np.log(rng.uniform(*one, count)) for one in ranges)
    extra = (1.5,) if kernel == "biexponential" else ()
    clean = MODELS[kernel](TIME, 1.0, 0.3, log_tau[:, None], log_shape[:, None], *extra)
    noise = 1 / rng.uniform(*snr, (count, 1))
    return clean + noise * rng.standard_normal(clean.shape), log_tau, log_shape, extra


@pytest.mark.parametrize("kernel", SHAPE_KERNELS)
def test_the_optimum_is_scipys(kernel):
    """Where curve_fit starts at the truth and settles: within 1e-3 standard errors, errors to 1 %."""
    traces, log_tau, log_shape, extra = drawn(kernel, 40)
    result = fit_shapes(traces, TIME, kernel=kernel)
    compared = 0
    for i, y in enumerate(traces):
        start = (1.0, 0.3, log_tau[i], log_shape[i], *extra)
        try:
            best, covariance = curve_fit(
                MODELS[kernel], TIME, y, p0=start, maxfev=4000, ftol=1e-14, xtol=1e-14
            )
        except RuntimeError:
            continue
        if result.status[i] != OK:
            continue
        errors = np.sqrt(np.diag(covariance))
        rms = np.sqrt(np.mean((MODELS[kernel](TIME, *best) - y) ** 2))
        assert result.rms[i] <= rms * (1 + 1e-5)
        assert np.log(result.tau[i]) == pytest.approx(best[2], abs=1e-3 * errors[2])
        assert np.log(result.shape[i]) == pytest.approx(best[3], abs=1e-3 * errors[3])
        assert result.log_tau_stderr[i] == pytest.approx(errors[2], rel=0.01)
        assert result.log_shape_stderr[i] == pytest.approx(errors[3], rel=0.01)
        assert result.a[i] == pytest.approx(best[0] + sum(best[4:]), rel=1e-3)
        assert result.c[i] == pytest.approx(best[1], abs=1e-3)
        assert result.share[i] == pytest.approx(best[0] / (best[0] + sum(best[4:])), rel=1e-3)
        compared += 1
    assert compared >= 35


@pytest.mark.parametrize("start", [0.0, 3e-4])
@pytest.mark.parametrize("kernel", SHAPE_KERNELS)
def test_tables_are_right_to_a_thousandth_of_a_standard_error(kernel, start):
    """Against least squares on whole traces with the amplitudes eliminated, from where the tables end."""
    known, time = SHAPE_KERNELS[kernel], TIME + start
    traces, *_ = drawn(kernel, 30, seed=5)
    result = fit_traces(traces, time, kernel=kernel, start=0.0)
    found = known.points(result.tau, result.extra[known.second_name])
    errors = (
        result.log_tau_stderr,
        result.extra[f"{known.second_name}_stderr"] / result.extra[known.second_name],
    )
    assert (result.status == OK).mean() > 0.75
    for i in np.flatnonzero(result.status == OK):
        y = traces[i] - traces[i].mean()

        def residuals(p, y=y):
            curves = known.formula(time, p[None])[0][0]
            vectors = np.linalg.qr((curves - curves.mean(axis=1, keepdims=True)).T)[0]
            return y - vectors @ (vectors.T @ y)

        best = least_squares(
            residuals, found[i], method="lm", diff_step=1e-6, xtol=1e-15, ftol=1e-15, gtol=1e-15
        )
        off = np.array(known.natural) @ (best.x - found[i])
        assert abs(off[0]) < 1e-3 * errors[0][i]
        assert abs(off[1]) < 1e-3 * errors[1][i]


@pytest.mark.parametrize("kernel", SHAPE_KERNELS)
def test_truth_is_recovered_with_the_stated_errors(kernel):
    traces, log_tau, log_shape, _ = drawn(kernel, 3000, snr=(80, 200), seed=1)
    result = fit_shapes(traces, TIME, kernel=kernel)
    ok = result.status == OK
    assert ok.mean() > 0.97
    for found, true, error in (
        (result.tau, log_tau, result.log_tau_stderr),
        (result.shape, log_shape, result.log_shape_stderr),
    ):
        pulls = ((np.log(found) - true) / error)[ok]
        assert 0.9 < pulls.std() < 1.1
        assert abs(np.median(pulls)) < 0.1


def test_unit_offset_and_sign_of_the_traces_do_not_matter():
    traces, *_ = drawn("stretched", 50)
    expected = fit_shapes(traces, TIME)
    changed = fit_shapes(-1e-9 * traces + 5e-9, TIME)
    np.testing.assert_allclose(changed.tau, expected.tau, rtol=1e-6)
    np.testing.assert_allclose(changed.a, -1e-9 * expected.a, rtol=1e-6)
    np.testing.assert_allclose(changed.c, -1e-9 * expected.c + 5e-9, rtol=1e-6, atol=1e-15)
    np.testing.assert_allclose(changed.r2, expected.r2, rtol=1e-9)


def test_a_missing_sample_is_a_shorter_record():
    traces, *_ = drawn("stretched", 20)
    kept = np.sort(np.random.default_rng(2).choice(np.arange(1, 299), 240, replace=False))
    kept = np.concatenate([[0], kept, [299]])
    gappy = np.full_like(traces, np.nan)
    gappy[:, kept] = traces[:, kept]
    full, short = fit_shapes(gappy, TIME), fit_shapes(traces[:, kept], TIME[kept])
    assert (full.samples == 242).all()
    assert (np.abs(np.log(full.tau / short.tau)) < 0.01 * short.log_tau_stderr).all()
    np.testing.assert_allclose(full.rms, short.rms, rtol=1e-4)
    np.testing.assert_allclose(full.r2, short.r2, rtol=1e-3)
    np.testing.assert_allclose(full.log_tau_stderr, short.log_tau_stderr, rtol=0.1)


def test_hostile_traces_do_not_poison_their_neighbours():
    traces, *_ = drawn("power", 6)
    expected = fit_shapes(traces, TIME, kernel="power")
    traces[1], traces[2], traces[3, 7:] = np.nan, 4.0, np.nan
    traces[4, 10] = np.inf
    result = fit_shapes(traces, TIME, kernel="power")
    assert result.status[1] == result.status[2] == result.status[3] == INVALID
    assert np.isnan(result.tau[1:4]).all()
    assert np.isfinite(result.tau[4])
    np.testing.assert_allclose(result.tau[[0, 5]], expected.tau[[0, 5]], rtol=1e-6)


def test_a_ramp_is_unresolved():
    result = fit_shapes(np.linspace(0, 1, 300)[None], TIME, kernel="stretched")
    assert result.status[0] in (UNRESOLVED_SLOW, 4)


def test_an_exponential_is_stretched_by_one():
    trace = np.exp(-TIME / 2e-3) + 1e-4 * np.random.default_rng(0).standard_normal(300)
    result, plain = fit_shapes(trace, TIME, kernel="stretched"), fit_traces(trace, TIME)
    assert float(result.shape) == pytest.approx(1.0, abs=0.002)
    assert float(result.tau) == pytest.approx(float(plain.tau), rel=1e-3)


@pytest.mark.parametrize(
    ("time", "options", "words"),
    [
        (TIME[:7], {}, "needs 8 samples"),
        (TIME, {"kernel": "exponential"}, "choose one of stretched"),
        (TIME[::-1], {}, "do not increase"),
        (TIME, {"max_log_tau_error": 0.0}, "must be positive"),
    ],
)
def test_nonsense_is_refused_in_a_sentence(time, options, words):
    with pytest.raises(ValueError, match=words):
        fit_shapes(np.zeros((2, time.size)), time, **options)
