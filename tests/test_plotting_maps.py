"""What is drawn on a map stands where it lies on the sample, counted from the corner of the image."""

import numpy as np
import pytest
from examples import SPACING, drawn, example_dataset, pinned, placed
from matplotlib.figure import Figure

from napari_tesm.plotting.maps import (
    MapFrame,
    draw_map,
    draw_points,
    draw_regions,
    draw_zoom_frame,
    map_extent,
)

ORIGIN = np.array([3.7, -2.3])
"""Upper left corner of the image on the sample, in µm."""


@pytest.fixture(scope="module")
def image():
    """9 pixels of 0.4 µm across, 6 of 0.25 µm down, somewhere on the sample."""
    return example_dataset()["topography"]


def test_a_map_is_as_wide_and_high_as_its_pixels(image):
    (left, right, bottom, top), unit = map_extent(image)
    assert unit == "µm"
    assert (left, right, bottom, top) == pytest.approx((3.7, 3.7 + 9 * 0.4, -2.3 + 6 * 0.25, -2.3))


def test_places_are_those_on_the_sample_in_the_unit_of_the_image(image):
    frame = MapFrame.of(image)
    corners = ((0, 0), (9, 6), (2.5, 4.25))
    expected = np.array(corners) * SPACING[::-1] * 1e6 + ORIGIN
    np.testing.assert_allclose(frame.shown(placed(*corners)), expected, atol=1e-9)


def test_points_regions_and_the_zoom_are_drawn_at_their_places(image):
    axes = Figure().subplots()
    draw_map(axes, image, "Topography", cmap="gray")
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("x (µm)", "y (µm)")
    frame = MapFrame.of(image)
    draw_points(axes, frame, [pinned(1, (4.5, 2.5))])
    *bar, disc = axes.get_lines()
    assert (disc.get_xdata()[0], disc.get_ydata()[0]) == pytest.approx((3.7 + 4.5 * 0.4, -2.3 + 2.5 * 0.25))
    # Three tenths of 3.6 µm hold one of 1 µm.
    assert [np.ptp(line.get_xdata()) for line in bar] == pytest.approx([1.0, 1.0])
    assert "1 µm" in [text.get_text() for text in axes.texts]
    draw_regions(axes, frame, [drawn("line", ((1, 5), (8, 1.5)), "step", "step")])
    for line in axes.get_lines()[3:]:
        np.testing.assert_allclose(line.get_xdata(), [3.7 + 0.4, 3.7 + 8 * 0.4])
        np.testing.assert_allclose(line.get_ydata(), [-2.3 + 5 * 0.25, -2.3 + 1.5 * 0.25])
    draw_regions(axes, frame, [drawn("polygon", ((1, 1), (5, 1), (3, 4)), "grain", "grain")])
    for patch in axes.patches:
        expected = np.array([[0.4, 0.25], [2.0, 0.25], [1.2, 1.0]]) + ORIGIN
        np.testing.assert_allclose(patch.get_xy()[:3], expected)
    (left, top), (right, bottom) = placed((2, 1), (6, 4))
    draw_zoom_frame(axes, frame, (left, top, right, bottom))
    zoom = axes.patches[-1]
    assert (*zoom.get_xy(), zoom.get_width(), zoom.get_height()) == pytest.approx(
        (3.7 + 0.8, -2.3 + 0.25, 1.6, 0.75)
    )
