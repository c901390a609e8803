import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from napari_tesm.data.displacement import (
    displacement_from_traces,
    gated_status,
    noise_from_traces,
    response_probability,
    supported_maximum,
    threshold_from_displacement,
    without_hot_pixels,
)
from napari_tesm.data.protocol import Window

TIME = np.arange(-10, 240) * 1e-4
PULSE = Window(0.0, 10e-3)


def test_h_is_the_last_twentieth_of_the_pulse_minus_what_was_before():
    trace = np.arange(250.0)
    # 100 samples in the pulse, indices 10 to 109; the last five of them against the ten before.
    assert displacement_from_traces(trace, TIME, PULSE) == pytest.approx(
        np.mean([105, 106, 107, 108, 109]) - 4.5
    )


def test_without_samples_before_the_pulse_the_first_counts():
    assert displacement_from_traces(np.arange(240.0), TIME[10:], PULSE) == pytest.approx(97.0)


def test_at_least_one_sample_is_averaged():
    time = np.arange(8) * 2e-3
    assert displacement_from_traces(np.arange(8.0), time, PULSE) == 4.0


def test_missing_samples_are_left_out():
    trace = np.arange(250.0)
    trace[[0, 105, 106]] = np.nan, np.inf, np.nan
    assert displacement_from_traces(trace, TIME, PULSE) == pytest.approx(108 - 5.0)
    trace[105:110] = np.nan
    assert np.isnan(displacement_from_traces(trace, TIME, PULSE))


def test_a_pulse_outside_the_record_is_refused():
    with pytest.raises(ValueError, match="no sample lies inside the pulse"):
        displacement_from_traces(np.zeros(250), TIME, Window(1.0, 2.0))


def test_noise_ignores_slow_changes():
    rng = np.random.default_rng(0)
    traces = 0.3 * rng.standard_normal((200, 500)) + np.linspace(0, 5, 500)
    assert np.mean(noise_from_traces(traces)) == pytest.approx(0.3, rel=0.02)


def _brute_supported_maximum(h):
    size = np.abs(h)
    best = -np.inf
    for row in range(h.shape[0]):
        for column in range(h.shape[1]):
            block = size[max(row - 1, 0) : row + 2, max(column - 1, 0) : column + 2].ravel()
            block = np.sort(block[np.isfinite(block)])
            if block.size >= 3:
                best = max(best, block[-3])
    finite = size[np.isfinite(size)]
    if np.isfinite(best):
        return best
    return finite.max() if finite.size else 0.0


shapes = st.tuples(st.integers(1, 5), st.integers(1, 5))


@settings(deadline=None)
@given(shapes.flatmap(lambda shape: arrays(float, shape, elements=st.floats(2, 8) | st.just(np.nan))))
def test_supported_maximum_equals_its_definition(h):
    # Nothing here is four times as large as the rest.
    assert supported_maximum(h) == _brute_supported_maximum(h)


def _flat_map(shape=(48, 64)):
    """Return a map of H of about −0.1, rougher than noise makes it."""
    rng = np.random.default_rng(4)
    return -0.1 * (1 + 0.2 * np.sin(np.arange(shape[1]) / 5) * np.cos(np.arange(shape[0]) / 7)[:, None]) + (
        0.004 * rng.standard_normal(shape)
    )


@pytest.mark.parametrize(
    ("where", "times"),
    [
        ([np.s_[10, 20:24]], 20), ([np.s_[:, 30]], 9), ([np.s_[7]], 9), ([np.s_[7], np.s_[25], np.s_[26]], 12),
        ([np.s_[0], np.s_[:, -1]], 9), ([np.s_[7], np.s_[31], np.s_[:, 40], np.s_[10, 20:24]], 15),
        ([np.s_[33, 5:30], np.s_[34, 8:35]], 20), ([np.s_[25], np.s_[26]], 9), ([np.s_[10:14, 20]], 20),
        ([np.s_[:5, :5]], 20), ([np.s_[-5:, :5], np.s_[7], np.s_[:, 40]], 9),
    ],
)  # fmt: skip
def test_lines_do_not_move_the_threshold(where, times):
    h = _flat_map()
    clean = supported_maximum(h)
    for line in where:
        h[line] *= times
    h[np.random.default_rng(2).random(h.shape) < 0.003] *= 40  # hot pixels beside them
    assert supported_maximum(h) == pytest.approx(clean, rel=0.05)


@pytest.mark.parametrize("block", [np.s_[:5, 20:25], np.s_[20:25, 30:35], np.s_[:20, :20], np.s_[:9, :9]])
def test_grains_keep_their_height(block):
    h = _flat_map()
    clean = supported_maximum(h)
    h[block] *= 9
    assert supported_maximum(h) > 6 * clean


@pytest.mark.parametrize("width", [1, 2])
@pytest.mark.parametrize("degrees", [5, 10, 20, 45, 60, 80])
@pytest.mark.parametrize("beside", [0.0, 0.1, 0.5])
def test_steps_one_or_two_pixels_wide_keep_their_height(width, degrees, beside):
    y, x = np.mgrid[:64, :48]
    angle = np.deg2rad(degrees)
    distance = (x - 24.3) * np.cos(angle) + (y - 31.6) * np.sin(angle)
    h = np.where(np.abs(distance) < width / 2, 1.0, beside)
    h += 0.01 * np.random.default_rng(1).standard_normal(h.shape)
    assert supported_maximum(h) == _brute_supported_maximum(h)


def test_a_step_along_a_line_counts_as_far_as_steps_rise():
    for times, counts in ((3.0, True), (9.0, False)):
        h = _flat_map()
        clean = supported_maximum(h)
        h[:, 30] *= times
        assert (supported_maximum(h) > 2 * clean) == counts


def test_one_pixel_wide_step_keeps_its_height_and_hot_pixels_do_not_count():
    h = np.ones((20, 20))
    h[np.arange(20), np.arange(20)] = -3.0
    h[4, 12] = h[5, 12] = 1000.0
    assert supported_maximum(h) == 3.0
    assert threshold_from_displacement(h, 0.15) == pytest.approx(0.45)
    assert threshold_from_displacement(h, 0.15, of="max") == pytest.approx(150.0)
    assert threshold_from_displacement(h, 0.5, of="p99") == pytest.approx(0.5 * np.percentile(np.abs(h), 99))


def test_hot_pixels_are_left_out_and_the_step_is_not():
    h = np.full((8, 8), 0.1)
    h[:, 3] = -0.3
    h[5, 6] = 2.0
    left = without_hot_pixels(h)
    assert np.isnan(left[5, 6])
    assert np.isfinite(left).sum() == h.size - 1
    assert h[5, 6] == 2.0
    assert np.isnan(without_hot_pixels(np.full((3, 3), np.nan))).all()


def test_empty_maps_have_threshold_zero():
    for of in ("robust", "max", "p99"):
        assert threshold_from_displacement(np.full((2, 2), np.nan), 0.15, of=of) == 0.0


def test_response_probability_is_the_f_test():
    from scipy.stats import f

    r2, n = np.array([0.0, 0.01, 0.2, 0.9]), 120
    statistic = (r2 / 2) / ((1 - r2) / (n - 3))
    np.testing.assert_allclose(response_probability(r2, n), f.sf(statistic, 2, n - 3), rtol=1e-12)


def test_precedence_of_the_gates():
    fitted = np.array([0, 3, 4, 5, 0, 0, 3, 0])
    probability = np.array([0.0, 0.0, 0.0, 0.0, 0.5, 0.5, 0.0, np.nan])
    h = np.array([1.0, 1.0, 1.0, 0.0, 0.0, 1.0, np.nan, 1.0])
    status = gated_status(fitted, probability, h, 0.5, response_level=0.001)
    assert status.tolist() == [0, 3, 4, 5, 2, 2, 1, 2]
    # Edges: |H| equal to the threshold passes, p equal to the level does not.
    edge = gated_status(
        np.array([0, 0]), np.array([0.0, 0.001]), np.array([-0.5, 0.5]), 0.5, response_level=0.001
    )
    assert edge.tolist() == [0, 2]


def test_infinities_of_both_signs_are_left_out():
    trace = np.where(TIME < 0, 1.0, 3.0)
    trace[[2, 105]], trace[[3, 106]] = np.inf, -np.inf
    assert displacement_from_traces(trace, TIME, PULSE) == 2.0
    assert noise_from_traces(trace[20:]) == 0.0


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.int16, np.uint8, ">f8"])
def test_any_type_is_averaged_as_doubles(dtype):
    traces = np.random.default_rng(0).integers(0, 200, (3, 4, TIME.size)).astype(dtype)
    plain = traces.astype(np.float64)
    for measured in (noise_from_traces, lambda y: displacement_from_traces(y, TIME, PULSE)):
        np.testing.assert_array_equal(measured(traces), measured(plain))


def test_a_misspelled_threshold_is_refused():
    with pytest.raises(ValueError, match="p95"):
        threshold_from_displacement(np.ones((3, 3)), 0.15, of="p95")
