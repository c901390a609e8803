"""Shifts, flips and correlations of two maps of one area, against simulated ones."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter, shift

from napari_tesm.registration import shift_between
from napari_tesm.registration.maps import correlation_between, cross_talk_from_maps, moved_map, slope_of


def surface(shape, seed, smooth=2.0):
    rng = np.random.default_rng(seed)
    field = gaussian_filter(rng.standard_normal((shape[0] + 60, shape[1] + 60)), smooth)
    return field / field.std()


def shifted_pair(shape, dy, dx, snr, seed):
    rng = np.random.default_rng(seed + 1000)
    large = surface(shape, seed)
    moved = shift(large, (-dy, -dx), order=3)
    cut = (slice(30, 30 + shape[0]), slice(30, 30 + shape[1]))
    return large[cut] + rng.standard_normal(shape) / snr, moved[cut] + rng.standard_normal(shape) / snr


@pytest.mark.parametrize(
    "shape",
    [
        (48, 64),
        pytest.param((64, 48), marks=pytest.mark.slow),
        pytest.param((128, 128), marks=pytest.mark.slow),
    ],
)
def test_a_shift_is_found_within_a_tenth_of_a_pixel_at_snr_5(shape):
    errors = []
    for seed in range(12):
        rng = np.random.default_rng(seed)
        dy, dx = rng.uniform(-5, 5, 2)
        found = shift_between(*shifted_pair(shape, dy, dx, 5, seed))
        errors.append((found.dy - dy, found.dx - dx))
        assert found.after > found.before
    assert np.sqrt(np.mean(np.square(errors))) < 0.1


def window_of(shape, dy, dx, seed=5, smooth=2.5):
    """Return a map and another that shows what lies (dy, dx) pixels away, of one surface larger than both."""
    margin = max(shape) + 10
    large = surface((shape[0] + 2 * margin, shape[1] + 2 * margin), seed, smooth)
    fixed = large[margin : margin + shape[0], margin : margin + shape[1]]
    moving = large[margin + dy : margin + dy + shape[0], margin + dx : margin + dx + shape[1]]
    return fixed, moving


def tilted(image, height):
    """Return an image on a slope that rises by `height` across and by half as much down."""
    down, across = (np.linspace(0, 1, size) for size in image.shape)
    return image + height * across[None, :] + height / 2 * down[:, None]


@pytest.mark.parametrize("shape", [(64, 96), (96, 64), (16, 200)])
@pytest.mark.parametrize("tilt", [0, 10])
def test_a_shift_beyond_the_window_is_refused_and_never_its_edge_returned(shape, tilt):
    far = [int(0.25 * size) for size in shape]
    for dy, dx in (
        (0, far[1] + 2), (0, -far[1] - 2), (far[0] + 2, 0), (-far[0] - 2, 0), (far[0] + 3, far[1] + 3),
        (-far[0] - 3, far[1] + 3), (0, 2 * far[1]), (2 * far[0], 1), (1, -3 * far[1]), (0, 4 * far[1] + 5),
    ):  # fmt: skip
        pair = [tilted(image, tilt) for image in window_of(shape, dy, dx)]
        with pytest.raises(ValueError, match="no shift within the window fits"):
            shift_between(*pair)


@pytest.mark.parametrize("tilt", [0, 10])
def test_a_shift_just_within_the_window_is_found(tilt):
    for dy, dx in ((0, 22), (0, -22), (14, 0), (-14, 0), (14, 22), (14, -22), (-14, 22)):
        found = shift_between(*(tilted(image, tilt) for image in window_of((64, 96), dy, dx)))
        assert (found.dy, found.dx) == (pytest.approx(dy, abs=0.05), pytest.approx(dx, abs=0.05))
        assert found.after > 0.95
    # Twice as far where twice as far is looked for.
    assert shift_between(*window_of((64, 96), 0, 40), largest=0.5).dx == pytest.approx(40, abs=0.05)


def test_where_it_lies_on_the_edge_is_said():
    with pytest.raises(ValueError, match=r"at its edge, 25 pixels left and 3 pixels down"):
        shift_between(*window_of((64, 96), 3, -26, smooth=4))


def test_a_slope_in_common_is_not_alike():
    rng = np.random.default_rng(0)
    for shape in ((64, 96), (30, 40)):
        for _ in range(6):
            pair = [tilted(gaussian_filter(rng.standard_normal(shape), 1.5), 10) for _ in range(2)]
            with pytest.raises(ValueError, match="no shift within the window fits"):
                shift_between(*pair)
    level, slope = (
        shift_between(*(tilted(image, height) for image in shifted_pair((64, 48), 2.3, -3.6, 5, 3)))
        for height in (0, 30)
    )
    assert (slope.dy, slope.dx) == (pytest.approx(level.dy, abs=0.01), pytest.approx(level.dx, abs=0.01))
    assert slope.before == pytest.approx(level.before, abs=0.02)
    with pytest.raises(ValueError, match="all alike: no shift can be measured"):
        shift_between(tilted(np.zeros((20, 30)), 3), surface((20, 30), 1)[:20, :30])


@pytest.mark.parametrize("shape", [(16, 200), (24, 16), (12, 20)])
def test_narrow_and_small_maps_are_laid_on_each_other_as_well(shape):
    errors = []
    for seed in range(12):
        rng = np.random.default_rng(seed)
        dy, dx = rng.uniform(-0.15, 0.15, 2) * shape
        found = shift_between(*shifted_pair(shape, dy, dx, 20, seed))
        errors.append((found.dy - dy, found.dx - dx))
    assert np.max(np.abs(errors)) < 0.2


def test_missing_pixels_do_not_pull_the_shift():
    fixed, moving = shifted_pair((64, 64), 2.3, -3.6, 10, 3)
    fixed[10:14] = np.nan
    moving[:, 40:43] = np.nan
    found = shift_between(fixed, moving)
    assert (found.dy, found.dx) == (pytest.approx(2.3, abs=0.12), pytest.approx(-3.6, abs=0.12))


def test_the_shift_lays_the_moving_map_on_the_fixed_one():
    fixed, moving = shifted_pair((64, 64), 3.0, -2.0, 1e6, 5)
    found = shift_between(fixed, moving)
    left = moved_map(moving, found.dy, found.dx) - fixed
    assert np.nanstd(left[5:-5, 5:-5]) < 0.05 * fixed.std()


def test_whole_shifts_and_the_flip_move_pixels_exactly():
    image = np.arange(20.0).reshape(4, 5)
    moved = moved_map(image, 1, -2)
    assert np.array_equal(moved[1:, :3], image[:3, 2:])
    assert np.isnan(moved[0]).all()
    assert np.isnan(moved[:, 3:]).all()
    assert np.array_equal(moved_map(image, 0, 0, flip=True), image[:, ::-1])


@pytest.mark.parametrize(
    ("a", "b"),
    [
        (np.ones((8, 8)), np.arange(64.0).reshape(8, 8)),
        (np.full((8, 8), np.nan), np.arange(64.0).reshape(8, 8)),
        (np.zeros((1, 1)), np.zeros((1, 1))),
        (np.zeros((4, 5)), np.zeros((5, 4))),
    ],
)
def test_what_cannot_be_aligned_is_refused_in_a_sentence(a, b):
    with pytest.raises(ValueError, match=r"too few values|cannot be compared"):
        shift_between(a, b)


def test_a_single_line_is_shifted_along_itself_only():
    line = surface((1, 80), 7)[30:31, 30:110]
    found = shift_between(line, np.roll(line, 4, axis=1))
    assert found.dy == 0
    assert found.dx == pytest.approx(-4, abs=0.1)


def test_correlation_is_that_of_numpy_over_common_pixels():
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((2, 30, 40))
    b += 0.5 * a
    a[0, :5], b[3, 3] = np.nan, np.nan
    good = np.isfinite(a) & np.isfinite(b)
    found = correlation_between(a, b)
    assert found.n == good.sum()
    assert found.pearson == pytest.approx(np.corrcoef(a[good], b[good])[0, 1])
    assert found.low < found.pearson < found.high


@pytest.mark.slow
def test_smooth_maps_that_have_nothing_to_do_with_each_other_are_not_certain():
    certain = sum(
        correlation_between(surface((64, 64), seed, 4), surface((64, 64), seed + 500, 4)).certain
        for seed in range(100)
    )
    assert certain <= 12  # 5 % and its binomial spread


def test_a_constant_map_correlates_with_nothing():
    assert np.isnan(correlation_between(np.ones((5, 5)), np.random.default_rng(0).random((5, 5))).pearson)


def test_the_slope_of_a_plane_is_the_same_everywhere():
    y, x = np.mgrid[:5, :7]
    assert np.allclose(slope_of(3.0 * x + 4.0 * y, spacing=(2.0, 1.0)), np.hypot(3, 2), atol=0)
    assert slope_of(np.ones((1, 1))).tolist() == [[0.0]]


def test_cross_talk_is_warned_of_where_it_is_and_only_there():
    rng = np.random.default_rng(4)
    topography = np.cumsum(surface((80, 80), 9)[:80, :80], axis=1)
    clean = 1 + 0.2 * surface((80, 80), 21)[:80, :80]
    noise = 0.03 * rng.standard_normal((2, 80, 80))
    good = cross_talk_from_maps(clean + noise[0], -clean + noise[1], {"topography": topography})
    assert good.warnings == []
    assert good.between.pearson > 0.9
    slope = slope_of(topography)
    dirty = clean + 0.3 * slope / slope.std()
    bad = cross_talk_from_maps(dirty + noise[0], -dirty + noise[1], {"topography": topography})
    assert len(bad.warnings) == 1
    assert "slope of topography" in bad.warnings[0]


def test_a_likeness_that_chance_may_have_made_is_no_cross_talk():
    """Two surfaces of a few smooth hills are often alike by 0.4 and more: that alone is no warning."""
    warned, alike = [], []
    for seed in range(40):
        surface_of_ions, topography = (surface((40, 60), 2 * seed + which, 9)[:40, :60] for which in (0, 1))
        found = cross_talk_from_maps(
            2 + 0.2 * surface_of_ions, -2 - 0.2 * surface_of_ions, {"deflection error": topography}
        )
        (likeness,) = (value for name, value in found.with_surface.items() if name == "deflection error")
        if abs(likeness.pearson) >= 0.4 and not likeness.certain:
            alike.append(seed)
            warned += [text for text in found.warnings if "follows the deflection error" in text]
    assert len(alike) >= 2
    assert warned == []


def test_ways_that_are_not_alike_are_said_to_be_so():
    found = cross_talk_from_maps(
        1 + surface((64, 64), 1)[:64, :64] * 0.1, 1 + surface((64, 64), 2)[:64, :64] * 0.1, {}
    )
    assert any("little alike" in warning for warning in found.warnings)


def test_maps_of_unlike_size_are_refused_with_width_and_height():
    with pytest.raises(ValueError, match="maps of 30×20 and 31×21 pixels"):
        shift_between(np.ones((20, 30)), np.ones((21, 31)))
