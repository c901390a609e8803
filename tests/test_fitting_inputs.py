"""What the fit engine is given: memory orders, types, gaps, offsets, scales, threads, and what it refuses."""

import threading
import tracemalloc
from dataclasses import fields

import numpy as np
import pytest
from fitting_reference import reference_fit, sample_traces
from threadpoolctl import threadpool_info, threadpool_limits

from napari_tesm.fitting import FitResult, fit_traces, single_threaded_blas
from napari_tesm.fitting.search import CHUNK
from napari_tesm.quantities.status import INVALID, OK

DATA = sample_traces(700, samples=150, seed=20)
TIME, TRACES = DATA.time, DATA.traces
EXPECTED = fit_traces(TRACES, TIME)


def assert_identical(result: FitResult, expected: FitResult) -> None:
    for field in fields(FitResult):
        np.testing.assert_array_equal(getattr(result, field.name), getattr(expected, field.name))


def assert_close(result, expected, pixels=slice(None), tolerance=1e-5):
    """Compare two fits of the same traces in standard errors."""
    for name in ("a", "c", "tau"):
        off = getattr(result, name)[pixels] - getattr(expected, name)[pixels]
        assert np.abs(off / getattr(expected, f"{name}_stderr")[pixels]).max() < tolerance


def assert_fits_whole_traces(result, traces, time, pixels):
    """Compare with the reference, in standard errors."""
    for pixel in pixels:
        best = reference_fit(traces[pixel], time, np.log(result.tau[pixel]))
        found = np.array([np.log(result.tau[pixel]), result.a[pixel], result.c[pixel]])
        assert np.abs((found - [best.log_tau, best.a, best.c]) / best.errors).max() < 1e-5
        np.testing.assert_allclose(
            [result.log_tau_stderr[pixel], result.a_stderr[pixel], result.c_stderr[pixel], result.rms[pixel]],
            [*best.errors, best.rms],
            rtol=1e-4,
        )


def read_only(traces):
    traces = traces.copy()
    traces.flags.writeable = False
    return traces


def unaligned(traces):
    raw = np.zeros(traces.nbytes + 1, dtype=np.uint8)
    view = raw[1:].view(np.float64).reshape(traces.shape)
    view[:] = traces
    assert not view.flags.aligned
    return view


LAYOUTS = {
    "time first": lambda traces: np.ascontiguousarray(traces.T).T,
    "fortran": np.asfortranarray,
    "big-endian": lambda traces: traces.astype(">f8"),
    "read-only": read_only,
    "unaligned": unaligned,
    "every other sample of twice as many": lambda traces: np.repeat(traces, 2, axis=1)[:, ::2],
    "every other row of twice as many": lambda traces: np.repeat(traces, 2, axis=0)[::2],
    "a window of longer records": lambda traces: np.pad(traces, ((0, 0), (30, 20)))[:, 30:-20],
    "backwards": lambda traces: traces[::-1].copy()[::-1],
    "backwards in time": lambda traces: traces[:, ::-1].copy()[:, ::-1],
    "list": lambda traces: traces.tolist(),
    "long double": lambda traces: traces.astype(np.longdouble),
}


@pytest.mark.parametrize("name", LAYOUTS)
def test_the_same_numbers_in_any_layout_give_the_same_result(name):
    assert_identical(fit_traces(LAYOUTS[name](TRACES), TIME), EXPECTED)


@pytest.mark.parametrize("dtype", ["float32", ">f4", "int16", "uint8", "int64", "float16"])
def test_other_types_are_fitted_in_double_precision(dtype):
    traces = (TRACES - TRACES.min()) * (250 / np.ptp(TRACES))
    traces = traces.astype(dtype)
    assert_identical(fit_traces(traces, TIME), fit_traces(traces.astype(np.float64), TIME))
    assert_identical(fit_traces(np.asfortranarray(traces), TIME), fit_traces(traces, TIME))


def test_shapes():
    maps = fit_traces(TRACES.reshape(2, 35, 10, 150), TIME)
    assert maps.tau.shape == (2, 35, 10)
    assert_identical(maps.reshaped((700,)), EXPECTED)
    one = fit_traces(TRACES[3], TIME)
    assert one.tau.shape == ()
    assert one.tau == pytest.approx(EXPECTED.tau[3], rel=1e-9)
    assert fit_traces(TRACES[:0], TIME).tau.shape == (0,)


def test_any_part_of_a_stack_of_planes():
    """A crop of a (time, y, x) brick has no flat view; it is read row by row of the chunk."""
    brick = np.ascontiguousarray(TRACES.reshape(35, 20, 150).transpose(2, 0, 1))
    crop = brick.transpose(1, 2, 0)[3:30, 4:17]
    assert_identical(fit_traces(crop, TIME), fit_traces(np.ascontiguousarray(crop), TIME))


def test_masked_arrays_lose_their_masked_samples():
    mask = np.random.default_rng(0).random(TRACES.shape) < 0.05
    masked = fit_traces(np.ma.MaskedArray(TRACES, mask), TIME)
    assert_identical(masked, fit_traces(np.where(mask, np.nan, TRACES), TIME))


# Missing samples


def test_missing_samples_are_left_out():
    rng = np.random.default_rng(1)
    traces = TRACES.copy()
    gaps = rng.random(traces.shape) < 0.1
    gaps[::3] = False
    traces[gaps] = rng.choice([np.nan, np.inf, -np.inf], gaps.sum())
    result = fit_traces(traces, TIME)
    np.testing.assert_array_equal(result.samples, 150 - gaps.sum(axis=1))
    pixels = np.flatnonzero((result.status == OK) & gaps.any(axis=1))
    assert pixels.size > 200
    assert_fits_whole_traces(result, traces, TIME, pixels[:80])
    # The others in the chunk never notice.
    assert_close(result, EXPECTED, slice(None, None, 3), 1e-9)


def test_samples_missing_in_all_traces():
    """Many traces with the same gaps get a table of their own; it must agree with whole-trace fits."""
    data = sample_traces(1500, samples=120, seed=21)
    traces = data.traces.copy()
    traces[:, [0, 1, 2, 50, 51]] = np.nan
    result = fit_traces(traces, data.time)
    assert (result.samples == 115).all()
    assert_fits_whole_traces(result, traces, data.time, np.flatnonzero(result.status == OK)[:60])
    assert_close(fit_traces(traces[:500], data.time), result.part(slice(500)))


@pytest.mark.parametrize("delay", [0.0, 2e-3])
def test_the_table_and_fits_of_whole_traces_agree(delay):
    """A sample missing at the end of a few traces sends them to the exact fit, which the reference vouches for."""
    data = sample_traces(4000, samples=200, seed=23)
    longer = np.append(data.time, 1.0)
    options = {"bounds": (1e-4, 0.1), "start": -delay}
    table = fit_traces(data.traces, data.time, **options)
    for first in range(0, 4000, 500):
        some = slice(first, first + 500)
        exact = fit_traces(
            np.pad(data.traces[some], ((0, 0), (0, 1)), constant_values=np.nan), longer, **options
        )
        off = np.log(exact.tau / table.tau[some]) / exact.log_tau_stderr
        inside = (exact.tau > 1.01e-4) & (exact.tau < 0.099)
        assert np.abs(off[inside]).max() < 1e-5
        for name in ("log_tau_stderr", "a_stderr", "c_stderr"):
            np.testing.assert_allclose(
                getattr(table, name)[some][inside], getattr(exact, name)[inside], rtol=3e-4
            )


def test_memory_stays_bounded():
    """A crop of a brick as large as 100 MB in doubles, half of it with gaps, in a few tens of MB."""
    brick = np.random.default_rng(0).standard_normal((200, 260, 260), dtype=np.float32)
    brick[7, ::2, 1::2] = np.nan
    crop = brick.transpose(1, 2, 0)[3:, 5:]
    time = np.arange(200) * 1e-4
    fit_traces(crop[:2, :2], time)
    tracemalloc.start()
    try:
        fit_traces(crop, time)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 80e6


def test_gaps_and_offsets_together():
    traces = TRACES + 1e6
    traces[::2, 40:60] = np.nan
    result = fit_traces(traces, TIME)
    assert_fits_whole_traces(result, traces, TIME, np.flatnonzero(result.status == OK)[:60])


def test_nothing_to_fit_is_invalid():
    traces = np.stack([
        np.full(150, np.nan), np.full(150, 3.3), np.zeros(150), np.full(150, 1e300), TRACES[0], TRACES[1],
        np.where(np.arange(150) % 40 == 0, 7.0, np.nan),
    ])  # fmt: skip
    traces[4, 5:] = np.nan
    traces[5, 6:] = np.nan
    result = fit_traces(traces, TIME)
    np.testing.assert_array_equal(result.status == INVALID, [True, True, True, True, True, False, True])
    np.testing.assert_array_equal(result.samples, [0, 150, 150, 150, 5, 6, 4])
    for name in ("tau", "a", "c", "tau_stderr", "a_stderr", "c_stderr", "log_tau_stderr", "rms", "r2"):
        values = getattr(result, name)
        assert np.isnan(values[result.status == INVALID]).all()
        assert np.isfinite(values[5])


def test_windows_of_fewer_than_six_samples_are_invalid():
    result = fit_traces(np.array([[1.0, 2, 3, 4, np.nan]] * 3), np.arange(5))
    assert (result.status == INVALID).all()
    assert (result.samples == 4).all()


# Offsets and scales


@pytest.mark.parametrize("offset", [1e4, 1e8, -1e11])
def test_large_offsets_cost_no_accuracy(offset):
    """The traces are rounded to multiples of 2^-12 so that the sum with the offset is exact."""
    traces = np.round(TRACES * 4096) / 4096
    plain, shifted = fit_traces(traces, TIME), fit_traces(traces + offset, TIME)
    resolved = plain.status == OK
    np.testing.assert_array_equal(shifted.status, plain.status)
    np.testing.assert_allclose(shifted.tau[resolved], plain.tau[resolved], rtol=1e-8)
    np.testing.assert_allclose(shifted.a[resolved], plain.a[resolved], rtol=1e-8)
    np.testing.assert_allclose(shifted.c - offset, plain.c, rtol=1e-6, atol=abs(offset) * 1e-14)
    for name in ("rms", "log_tau_stderr", "c_stderr"):
        np.testing.assert_allclose(
            getattr(shifted, name)[resolved], getattr(plain, name)[resolved], rtol=1e-7
        )


def test_float32_traces_keep_what_their_storage_holds():
    """Products in single precision would be wrong by up to 100 % in rms at SNR 1000."""
    data = sample_traces(200, snr=(1000, 1000.1), tau=(1e-3, 5e-3), seed=22)
    traces = data.traces.astype(np.float32)
    assert_fits_whole_traces(fit_traces(traces, data.time), traces, data.time, range(0, 200, 5))


@pytest.mark.parametrize("scale", [1e-11, 1e-160, 1e-300, 1e160, 1e290])
def test_squares_neither_overflow_nor_vanish(scale):
    result = fit_traces(TRACES * scale, TIME)
    np.testing.assert_array_equal(result.status, EXPECTED.status)
    np.testing.assert_allclose(result.tau, EXPECTED.tau, rtol=1e-9)
    for name in ("a", "c", "a_stderr", "c_stderr", "rms"):
        np.testing.assert_allclose(getattr(result, name), scale * getattr(EXPECTED, name), rtol=1e-8)
    np.testing.assert_allclose(result.r2, EXPECTED.r2, rtol=1e-9)


def test_subnormal_traces():
    """Only the first digits are left in storage; the result must be as good as they are."""
    result = fit_traces(np.exp(-TIME / 2e-3) * 1e-318, TIME)
    assert result.status == OK
    assert result.tau == pytest.approx(2e-3, rel=1e-4)


def test_extreme_rows_do_not_touch_their_neighbours():
    traces = TRACES.copy()
    traces[::5] *= 1e200
    traces[1::5, 3] = np.nan
    traces[2::5] += 1e12
    np.testing.assert_array_equal(fit_traces(traces, TIME).tau[3::5], EXPECTED.tau[3::5])


# Threads


def many_traces():
    traces = np.tile(TRACES, (60, 1))
    assert len(traces) > 2 * CHUNK
    traces[5::7, 30] = np.nan
    traces[6::1000] += 1e9
    return traces


def test_any_number_of_jobs_gives_the_same_bits():
    traces = many_traces()
    one = fit_traces(traces, TIME)
    for jobs in (2, 5):
        assert_identical(fit_traces(traces, TIME, jobs=jobs), one)


@pytest.mark.parametrize("jobs", [1, 2])
def test_progress_reaches_one(jobs):
    done = []
    fit_traces(many_traces(), TIME, jobs=jobs, progress=done.append)
    assert done == sorted(done)
    assert len(done) == 3
    assert done[-1] == 1.0


@pytest.mark.parametrize("jobs", [1, 2])
@pytest.mark.parametrize("reason", [KeyboardInterrupt, RuntimeError])
def test_what_progress_raises_stops_the_fit(jobs, reason):
    calls = []

    def progress(fraction):
        calls.append(fraction)
        raise reason

    before, threads = blas_threads(), threading.active_count()
    with pytest.raises(reason):
        fit_traces(many_traces(), TIME, jobs=jobs, progress=progress)
    assert len(calls) == 1
    assert threading.active_count() == threads
    assert blas_threads() == before


def blas_threads():
    """Threads of the BLAS that NumPy uses; SciPy may bring another, loaded whenever somebody imports it."""
    libraries = [library for library in threadpool_info() if library["user_api"] == "blas"]
    of_numpy = [library for library in libraries if "numpy" in library["filepath"]]
    return [library["num_threads"] for library in of_numpy or libraries]


@pytest.fixture
def three_blas_threads():
    """A limit that differs from the fit's, also on one core and after a fit that left its own behind."""
    with threadpool_limits(limits=3, user_api="blas"):
        yield


def test_blas_threads_come_back_when_the_last_fit_ends(three_blas_threads):
    before = blas_threads()
    assert set(before) == {3}
    with single_threaded_blas():
        with single_threaded_blas():
            assert set(blas_threads()) == {1}
        assert set(blas_threads()) == {1}
        fit_traces(TRACES[:2], TIME)
        assert set(blas_threads()) == {1}
    assert blas_threads() == before


def test_blas_threads_come_back_whatever_the_order():
    before, entered, leave = blas_threads(), threading.Event(), threading.Event()

    def other():
        with single_threaded_blas():
            entered.set()
            leave.wait(10)

    thread = threading.Thread(target=other)
    with single_threaded_blas():
        thread.start()
        assert entered.wait(10)
    assert set(blas_threads()) == {1}  # the other still needs it
    leave.set()
    thread.join(10)
    assert blas_threads() == before


def test_fits_may_run_in_several_threads_at_once():
    found = [None] * 4

    def run(index):
        found[index] = fit_traces(TRACES if index % 2 else TRACES[:, :100], TIME if index % 2 else TIME[:100])

    threads = [threading.Thread(target=run, args=(index,)) for index in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert_identical(found[1], EXPECTED)
    assert_identical(found[3], EXPECTED)
    assert_identical(found[0], found[2])


# What is refused


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"time": TIME[::-1]}, "sort the samples"),
        ({"time": np.zeros(150)}, "do not increase at sample 1"),
        ({"time": np.where(np.arange(150) == 9, np.nan, TIME)}, "not finite"),
        ({"time": TIME[:-1]}, "149 samples"),
        ({"time": TIME[:, None]}, "one dimension"),
        ({"traces": TRACES + 1j}, "real"),
        ({"traces": np.full(150, "a")}, "real"),
        ({"traces": 3.0}, "last axis"),
        ({"kernel": "exponentail"}, "exponential"),
        ({"bounds": (1e-3, 1e-4)}, "in order"),
        ({"bounds": (0.0, 1e-3)}, "positive"),
        ({"bounds": (1e-3, np.nan)}, "in order"),
        ({"bounds": (1e-300, 1e300)}, "narrow"),
        ({"start": 1e-4}, "earlier"),
        ({"start": np.nan}, "first sample or earlier"),
        ({"start": -10.0}, "lower bound"),
        ({"max_log_tau_error": 0.0}, "positive"),
        ({"jobs": 0}, "at least one"),
    ],
)
def test_what_makes_no_sense_is_refused_in_a_sentence(change, words):
    options = {"traces": TRACES, "time": TIME} | change
    with pytest.raises(ValueError, match=words):
        fit_traces(options.pop("traces"), options.pop("time"), **options)


def test_a_scan_most_of_whose_traces_are_missing_is_fitted_where_it_is_not():
    few = np.full((CHUNK + 1500, TIME.size), np.nan)
    few[700:720] = TRACES[:20]
    result = fit_traces(few, TIME)
    assert (np.delete(result.status, np.arange(700, 720)) == INVALID).all()
    np.testing.assert_allclose(result.tau[700:720], EXPECTED.tau[:20], rtol=1e-9)
