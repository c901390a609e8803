"""Drawings of grains: what stands where, in which unit, without a display."""

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from simulated_grains import maps_of_grains, simulated_grains

from napari_tesm.grains import Grains, boundaries_from_grains, curve_from_boundary
from napari_tesm.plotting.grains import draw_against_distance, draw_classes, draw_grains, outline_segments
from napari_tesm.plotting.theme import DARK


@pytest.fixture(scope="module")
def truth():
    return simulated_grains("domes", shape=(60, 80), count=10)


@pytest.fixture(scope="module")
def boundaries(truth):
    return boundaries_from_grains(grains_of(truth), 25e-9)


@pytest.fixture
def axes():
    figure = Figure(figsize=(4, 3))
    FigureCanvasAgg(figure)
    return figure.add_subplot()


def grains_of(truth):
    return Grains(truth.labels.astype(np.int32), truth.spacing)


def test_outlines_have_the_length_of_the_boundaries(truth, boundaries):
    sides = outline_segments(grains_of(truth))
    lengths = np.abs(sides[:, 1] - sides[:, 0]).sum(axis=1)
    assert lengths.sum() == pytest.approx(boundaries.length)
    labels = np.ones((3, 4), dtype=np.int32)
    labels[:, 3] = 2
    one = outline_segments(Grains(labels, (2.0, 1.0)))
    np.testing.assert_array_equal(one[0], [[3, 0], [3, 2]])
    assert len(one) == 3


def test_the_image_is_in_readable_units_with_outlines_on_it(truth, boundaries, axes):
    image = draw_grains(
        axes, truth.topography, grains_of(truth), title="Topography", unit="m", boundaries=boundaries
    )
    assert axes.get_title() == "Topography (nm)"
    assert axes.get_xlim() == pytest.approx((0, 80 * 6.25))
    assert sorted(axes.get_ylim()) == pytest.approx([0, 60 * 4])
    assert image.get_array().max() == pytest.approx(1e9 * truth.topography.max())
    assert len(axes.collections[0].get_segments()) == len(outline_segments(grains_of(truth)))
    over = axes.images[1].get_array()
    np.testing.assert_array_equal(over[..., 3] > 0, boundaries.mask("boundary"))
    axes.figure.canvas.draw()


def test_classes_show_medians_and_counts(truth, boundaries, axes):
    values = maps_of_grains(truth, ratio=2.0)["D2"].values[0]
    draw_classes(axes, values, boundaries, name="D2", unit="m²/s", log=True, theme=DARK)
    axes.figure.canvas.draw()
    medians = [line.get_ydata()[0] for line in axes.lines if len(line.get_ydata()) == 1]
    expected = [np.median(values[boundaries.mask(name)]) * 1e13 for name in ("interior", "boundary")]
    assert medians == pytest.approx(expected)
    assert axes.get_yscale() == "log"
    assert "10⁻¹³ m²/s" in axes.get_ylabel()
    words = [tick.get_text() for tick in axes.get_xticklabels()]
    assert words[1] == f"boundary\nn = {boundaries.mask('boundary').sum()}"


def test_a_map_without_values_says_so(truth, boundaries, axes):
    draw_classes(axes, np.full(truth.labels.shape, np.nan), boundaries, name="D2", unit="m²/s", log=True)
    assert "no values" in [text.get_text() for text in axes.texts]
    draw_against_distance(axes, {}, unit="m²/s")
    assert "no values" in [text.get_text() for text in axes.texts]
    axes.figure.canvas.draw()


def test_the_curve_is_in_nm_and_its_band_is_the_interval(truth, boundaries, axes):
    values = maps_of_grains(truth, ratio=2.0)["D2"].values[0]
    curve = curve_from_boundary(values, boundaries, bin_width=10e-9, logarithmic=True)
    draw_against_distance(axes, {"D2": curve}, name="D2", unit="m²/s", width=25e-9, log=True)
    axes.figure.canvas.draw()
    x, y = axes.lines[0].get_data()
    np.testing.assert_allclose(x, 1e9 * curve.distance[curve.n > 0])
    assert axes.get_xlabel() == "distance from boundary (nm)"
    assert axes.get_ylabel() == "D2 (10⁻¹³ m²/s)"
    np.testing.assert_allclose(y, 1e13 * curve.median[curve.n > 0])
    assert axes.get_legend() is None
    draw_against_distance(axes, {"D1": curve, "D2": curve}, unit="m²/s")
    assert len(axes.get_legend().get_texts()) == 2
