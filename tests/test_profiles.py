"""Profiles across steps, and their widths against steps of known width."""

import numpy as np
import pytest
from scipy.special import erf

from napari_tesm.regions.profile import profile_along
from napari_tesm.regions.widths import width_from_profile

PIXEL = 3e-9
SIDE = 48
X = (np.arange(SIDE) + 0.5) * PIXEL
CENTRE = np.array([SIDE / 2 * PIXEL] * 2)


def oversampled(function, oversampling=7):
    """Return an image whose pixels are means of a function over their area, as a scan's are."""
    fine = (np.arange(SIDE * oversampling) + 0.5) * (PIXEL / oversampling)
    image = function(*np.meshgrid(fine, fine))
    return image.reshape(SIDE, oversampling, SIDE, oversampling).mean(axis=(1, 3))


def strip(fwhm, angle, shift, shape):
    """A strip through the middle; `angle` is that of its normal."""

    def height(x, y):
        u = (x - CENTRE[0]) * np.cos(angle) + (y - CENTRE[1]) * np.sin(angle) - shift
        if shape == "gaussian":
            return np.exp(-4 * np.log(2) * (u / fwhm) ** 2)
        blur = 2e-9 * np.sqrt(2)
        return 0.5 * (erf((u + fwhm / 2) / blur) - erf((u - fwhm / 2) / blur))

    return height


def line_across(angle, rng, half=60e-9):
    tilt = angle + rng.uniform(-0.05, 0.05)
    middle = CENTRE + rng.uniform(-4e-9, 4e-9, 2)
    direction = np.array([np.cos(tilt), np.sin(tilt)])
    return [middle - half * direction, middle + half * direction]


@pytest.mark.parametrize("shape", ["gaussian", "box"])
@pytest.mark.parametrize("fwhm", [12e-9, 35e-9])
def test_the_papers_steps_of_12_and_35_nm_are_measured_within_five_percent(fwhm, shape):
    widths, pulls = [], []
    for seed in range(20):
        rng = np.random.default_rng(seed)
        angle, shift = rng.uniform(0, np.pi), rng.uniform(-PIXEL, PIXEL)
        image = oversampled(strip(fwhm, angle, shift, shape)) + 0.1 * rng.standard_normal((SIDE, SIDE))
        profile = profile_along(image, line_across(angle, rng), X, X, width=60e-9)
        found = width_from_profile(profile, kind="ridge")
        widths.append(found.fwhm)
        pulls.append((found.fwhm - fwhm) / found.error)
    assert np.median(widths) == pytest.approx(fwhm, rel=0.03)
    assert (np.abs(np.array(widths) / fwhm - 1) < 0.05).mean() > 0.6
    assert (np.abs(np.array(widths) / fwhm - 1) < 0.12).all()
    assert 0.3 < np.std(pulls) < 2.5


@pytest.mark.slow
def test_the_error_of_a_width_counts_neighbours_as_far_as_they_are_independent():
    """Samples lie half a pixel apart, and are interpolated: each by itself tells less than a third of a value."""
    pulls = []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        angle, shift = rng.uniform(0, np.pi), rng.uniform(-PIXEL, PIXEL)
        image = oversampled(strip(20e-9, angle, shift, "gaussian")) + 0.1 * rng.standard_normal((SIDE, SIDE))
        found = width_from_profile(
            profile_along(image, line_across(angle, rng), X, X, width=3e-9), kind="ridge"
        )
        pulls.append((found.fwhm - 20e-9) / found.error)
    # A normal deviate's middle half lies within 0.67; so do these, which outliers of the search do not stretch.
    assert 0.5 < np.median(np.abs(pulls)) < 0.95


@pytest.mark.parametrize("fwhm", [12e-9, 35e-9])
def test_without_noise_the_width_is_right_at_any_angle(fwhm):
    for angle in np.linspace(0, np.pi, 9):
        rng = np.random.default_rng(0)
        image = oversampled(strip(fwhm, angle, 0.7e-9, "gaussian"))
        profile = profile_along(image, line_across(angle, rng), X, X, width=40e-9)
        assert width_from_profile(profile, kind="ridge").fwhm == pytest.approx(fwhm, rel=0.03)


def terrace(fwhm, angle, shift=0.0):
    def height(x, y):
        u = (x - CENTRE[0]) * np.cos(angle) + (y - CENTRE[1]) * np.sin(angle) - shift
        return 0.5 * (1 + erf(u / (fwhm / 2.3548 * np.sqrt(2))))

    return height


@pytest.mark.parametrize("fwhm", [12e-9, 35e-9])
def test_a_terrace_edge_is_known_as_one_and_its_slope_has_a_width(fwhm):
    widths = []
    for seed in range(10):
        rng = np.random.default_rng(seed)
        angle = rng.uniform(0, 2 * np.pi)
        image = 5e-9 * oversampled(terrace(fwhm, angle, rng.uniform(-PIXEL, PIXEL)))
        image += 0.15e-9 * rng.standard_normal((SIDE, SIDE))
        found = width_from_profile(profile_along(image, line_across(angle, rng), X, X, width=50e-9))
        # The other flank of a strip could lie just beyond the end of the profile; without seeing it, it is an edge.
        assert found.kind == "edge"
        assert found.height == pytest.approx(5e-9, rel=0.12)
        widths.append(found.fwhm)
    assert np.median(widths) == pytest.approx(fwhm, rel=0.06)


def test_a_strip_between_two_levels_is_a_strip_with_its_width():
    # As D does in the paper's Fig. 7: 6 before the step, 10 on it, 4 behind it.
    widths = []
    for seed in range(10):
        rng = np.random.default_rng(seed)
        angle, shift = rng.uniform(0, 2 * np.pi), rng.uniform(-PIXEL, PIXEL)
        left, right = (oversampled(terrace(3e-9, angle, shift + side * 6e-9)) for side in (-1, 1))
        image = 6 + 4 * left - 6 * right + 0.3 * rng.standard_normal((SIDE, SIDE))
        found = width_from_profile(profile_along(image, line_across(angle, rng), X, X, width=50e-9))
        assert found.kind == "ridge"
        assert found.height == pytest.approx(5, rel=0.15)
        widths.append(found.fwhm)
    assert np.median(widths) == pytest.approx(12e-9, rel=0.03)


def test_a_strip_that_goes_on_beyond_the_profile_is_not_given_a_width():
    rng = np.random.default_rng(3)
    image = oversampled(strip(60e-9, 0.4, 30e-9, "box")) + 0.05 * rng.standard_normal((SIDE, SIDE))
    profile = profile_along(image, line_across(0.4, rng, half=40e-9), X, X, width=40e-9)
    assert width_from_profile(profile).kind == "edge"
    assert width_from_profile(profile, kind="ridge") is None


def test_a_strip_is_known_as_one_also_on_a_slope_and_upside_down():
    rng = np.random.default_rng(2)
    image = (
        -3 * oversampled(strip(12e-9, 0.3, 0.0, "box"))
        + X[None, :] / 40e-9
        + 0.1 * rng.standard_normal((SIDE, SIDE))
    )
    found = width_from_profile(profile_along(image, line_across(0.3, rng), X, X, width=50e-9))
    assert found.kind == "ridge"
    assert found.fwhm == pytest.approx(12e-9, rel=0.06)
    assert found.height < 0


@pytest.mark.slow
def test_noise_alone_has_no_step():
    seen = 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        profile = profile_along(rng.standard_normal((SIDE, SIDE)), line_across(0.5, rng), X, X, width=12e-9)
        seen += width_from_profile(profile) is not None
    assert seen <= 2


@pytest.mark.parametrize("values", [np.full((SIDE, SIDE), 3.0), np.full((SIDE, SIDE), np.nan)])
def test_flat_and_empty_maps_have_no_step(values):
    assert width_from_profile(profile_along(values, [(0, 0), (1e-7, 1e-7)], X, X)) is None


def test_a_plane_is_sampled_exactly_also_with_an_offset_and_unequal_pixels():
    x, y = 5e-7 + np.arange(12) * 4e-9, -2e-7 + np.arange(9) * 7e-9
    image = 3 * x[None, :] - 2 * y[:, None]
    line = [(x[1], y[1]), (x[9], y[6])]
    profile = profile_along(image, line, x, y, width=10e-9)
    direction = np.subtract(line[1], line[0]) / np.hypot(*np.subtract(line[1], line[0]))
    places = np.array(line[0]) + profile.position[:, None] * direction
    assert np.allclose(profile.mean, 3 * places[:, 0] - 2 * places[:, 1], rtol=1e-9, atol=0)


@pytest.mark.parametrize("degrees", [0, 30, 90, 215])
def test_each_value_is_smeared_by_what_of_a_pixel_lies_along_the_line(degrees):
    x, y = 5e-7 + np.arange(12) * 4e-9, -2e-7 + np.arange(9) * 7e-9
    way = np.array([np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))])
    middle = np.array([x.mean(), y.mean()])
    found = profile_along(np.ones((9, 12)), [middle - 9e-9 * way, middle + 9e-9 * way], x, y)
    # The variance of a box of the pixel's width and height, seen along the line, is that of a box of this width.
    rng = np.random.default_rng(0)
    places = rng.uniform(-0.5, 0.5, (200_000, 2)) * (4e-9, 7e-9)
    assert found.sample_width == pytest.approx(np.sqrt(12) * (places @ way).std(), rel=0.01)


def test_outside_the_image_and_beside_missing_pixels_there_is_no_value():
    image = np.ones((10, 10))
    image[4:6, :] = np.nan
    x = np.arange(10) * 1e-9
    profile = profile_along(image, [(5e-9, -3e-9), (5e-9, 12e-9)], x, x, step=1e-9)
    at = -3 + np.arange(profile.position.size)
    assert np.isnan(profile.mean[(at < 0) | (at > 9)]).all()
    assert np.isnan(profile.mean[(at == 4) | (at == 5)]).all()
    assert (profile.mean[(at == 3) | (at == 6)] == 1).all()


def test_a_path_is_followed_round_its_corner():
    x = np.arange(20) * 1e-9
    image = np.broadcast_to(x, (20, 20))
    profile = profile_along(image, [(2e-9, 3e-9), (12e-9, 3e-9), (12e-9, 15e-9)], x, x, step=1e-9)
    assert profile.position[-1] == pytest.approx(22e-9)
    assert np.allclose(profile.mean, np.minimum(2e-9 + profile.position, 12e-9), atol=0)


def test_profiles_of_several_maps_share_their_positions():
    line, axis = [(0, 0), (4, 4)], np.arange(5.0)
    zeros, ones = (profile_along(np.full((5, 5), value), line, axis, axis) for value in (0.0, 1.0))
    assert np.array_equal(zeros.position, ones.position)
    pixel = profile_along([[7.0]], [(-1, 0), (1, 0)], [0.0], [0.0], spacing=(2.0, 2.0))
    assert np.allclose(pixel.mean, 7.0, atol=0)
    assert pixel.position.size == 3
    assert (ones.mean == 1).all()


def test_a_line_without_length_is_refused_and_one_pixel_has_a_profile():
    with pytest.raises(ValueError, match="no length"):
        profile_along(np.zeros((3, 3)), [(1, 1), (1, 1)], np.arange(3.0), np.arange(3.0))
    profile = profile_along([[7.0]], [(-1, 0), (1, 0)], [0.0], [0.0], spacing=(1.0, 1.0))
    assert 7.0 in profile.mean
    assert width_from_profile(profile) is None


@pytest.mark.parametrize(("far", "width"), [(1e9, 0.0), (3.0, 1e8), (1e5, 1e4)])
def test_a_line_far_beyond_the_image_is_refused_and_takes_no_memory(far, width):
    with pytest.raises(ValueError, match="draw it on the image"):
        profile_along(np.zeros((4, 4)), [(0, 0), (far, 0)], np.arange(4.0), np.arange(4.0), width=width)
