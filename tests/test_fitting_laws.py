"""Laws of the fit, whatever the traces and times."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_tesm.fitting import fit_traces
from napari_tesm.quantities.status import OK

seeds = st.integers(0, 2**32 - 1)
NUMBERS = ("tau", "a", "c", "tau_stderr", "a_stderr", "c_stderr", "log_tau_stderr", "rms")
LINEAR = ("a", "c", "a_stderr", "c_stderr", "rms")
SETTINGS = settings(deadline=None, max_examples=25)


def drawn(seed, count=40):
    """Return random times and traces; relative tau 0.03 to 3, signal to noise 3 to 300."""
    rng = np.random.default_rng(seed)
    samples = int(rng.integers(20, 200))
    time = np.cumsum(rng.uniform(0.2, 1.8, samples)) / samples
    tau = np.exp(rng.uniform(np.log(0.03), np.log(3), (count, 1)))
    noise = np.exp(rng.uniform(np.log(1 / 300), np.log(1 / 3), (count, 1)))
    traces = rng.choice([-1, 1], (count, 1)) * np.exp(-time / tau) + rng.normal(0, 1, (count, 1))
    return time, traces + noise * rng.standard_normal((count, samples))


def assert_same(result, expected, factors=None, tolerance=1e-9):
    """Compare where the fit is determined; `factors` are what each number must have been multiplied with."""
    ok = expected.status == OK
    np.testing.assert_array_equal(result.status, expected.status)
    np.testing.assert_allclose(result.r2[ok], expected.r2[ok], rtol=tolerance)
    for name in NUMBERS:
        factor = (factors or {}).get(name, 1.0)
        scale = np.abs(expected.a[ok]) if name == "c" else 0.0
        off = np.abs(getattr(result, name)[ok] / factor - getattr(expected, name)[ok])
        assert (off <= tolerance * (np.abs(getattr(expected, name)[ok]) + scale)).all(), name


@SETTINGS
@given(seed=seeds, exponent=st.floats(-140, 140))
def test_the_unit_of_the_traces_does_not_matter(seed, exponent):
    time, traces = drawn(seed)
    scale = 10.0**exponent
    assert_same(fit_traces(traces * scale, time), fit_traces(traces, time), dict.fromkeys(LINEAR, scale))


@SETTINGS
@given(seed=seeds)
def test_the_sign_of_the_traces_does_not_matter(seed):
    time, traces = drawn(seed)
    flipped = fit_traces(-traces, time)
    assert_same(flipped, fit_traces(traces, time), {"a": -1.0, "c": -1.0})


@SETTINGS
@given(seed=seeds, exponent=st.floats(-12, 12))
def test_the_unit_of_time_does_not_matter(seed, exponent):
    time, traces = drawn(seed)
    scale = 10.0**exponent
    expected = fit_traces(traces, time)
    assert_same(fit_traces(traces, time * scale), expected, {"tau": scale, "tau_stderr": scale}, 1e-8)


@SETTINGS
@given(seed=seeds, shift=st.floats(-100, 100))
def test_the_origin_of_time_does_not_matter(seed, shift):
    time, traces = drawn(seed)
    time = np.round(time * 2**30) / 2**30  # exact sums
    shift = round(shift)
    assert_same(fit_traces(traces, time + shift), fit_traces(traces, time), tolerance=1e-12)


@SETTINGS
@given(seed=seeds, offset=st.floats(-1e6, 1e6))
def test_an_offset_goes_to_c(seed, offset):
    time, traces = drawn(seed)
    traces, offset = np.round(traces * 2**20) / 2**20, round(offset)  # exact sums
    expected, shifted = fit_traces(traces, time), fit_traces(traces + offset, time)
    ok = expected.status == OK
    np.testing.assert_array_equal(shifted.status, expected.status)
    np.testing.assert_allclose(shifted.c[ok], expected.c[ok] + offset, rtol=1e-8, atol=1e-7)
    for name in ("tau", "a", "log_tau_stderr", "rms"):
        np.testing.assert_allclose(getattr(shifted, name)[ok], getattr(expected, name)[ok], rtol=1e-6)


@SETTINGS
@given(seed=seeds)
def test_pixels_do_not_know_their_neighbours(seed):
    time, traces = drawn(seed, 300)
    expected = fit_traces(traces, time)
    order = np.random.default_rng(seed).permutation(300)[:211]
    shuffled = fit_traces(traces[order], time)
    ok = expected.status[order] == OK
    np.testing.assert_array_equal(shuffled.status, expected.status[order])
    for name in NUMBERS:
        np.testing.assert_allclose(
            getattr(shuffled, name)[ok], getattr(expected, name)[order][ok], rtol=1e-8, atol=1e-9
        )


@SETTINGS
@given(seed=seeds)
def test_memory_order_changes_no_bit(seed):
    time, traces = drawn(seed)
    expected = fit_traces(traces, time)
    result = fit_traces(np.asfortranarray(traces), time)
    for name in (*NUMBERS, "r2", "status"):
        np.testing.assert_array_equal(getattr(result, name), getattr(expected, name))


@SETTINGS
@given(seed=seeds)
def test_a_missing_sample_is_a_shorter_record(seed):
    time, traces = drawn(seed)
    rng = np.random.default_rng(seed)
    kept = np.sort(rng.choice(np.arange(1, time.size - 1), time.size * 3 // 4, replace=False))
    kept = np.concatenate([[0], kept, [time.size - 1]])
    gappy = np.full_like(traces, np.nan)
    gappy[:, kept] = traces[:, kept]
    bounds = (0.01, 10.0)
    full, short = (
        fit_traces(gappy, time, bounds=bounds),
        fit_traces(traces[:, kept], time[kept], bounds=bounds),
    )
    ok = (full.status == OK) & (short.status == OK)
    assert (np.abs(full.tau - short.tau)[ok] <= 1e-5 * short.tau_stderr[ok]).all()
    np.testing.assert_allclose(full.rms[ok], short.rms[ok], rtol=1e-5)
    np.testing.assert_allclose(full.log_tau_stderr[ok], short.log_tau_stderr[ok], rtol=1e-4)


@SETTINGS
@given(seed=seeds)
def test_standard_errors_shrink_with_the_noise(seed):
    """Residuals of one half the size at the same optimum mean errors of half the size."""
    time, traces = drawn(seed, 10)
    first = fit_traces(traces, time)
    fitted = first.a[:, None] * np.exp(-(time - time[0]) / first.tau[:, None]) + first.c[:, None]
    second = fit_traces((traces + fitted) / 2, time)
    ok = (first.status == OK) & (first.log_tau_stderr < 0.3)
    np.testing.assert_allclose(second.tau[ok], first.tau[ok], rtol=1e-5)
    np.testing.assert_allclose(second.log_tau_stderr[ok], first.log_tau_stderr[ok] / 2, rtol=1e-4)
    np.testing.assert_allclose(second.rms[ok], first.rms[ok] / 2, rtol=1e-5)
