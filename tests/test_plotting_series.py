"""Drawings of a voltage series: what they show is what was measured, and everything can be read."""

import numpy as np
import pytest
from matplotlib.figure import Figure
from plotting_checks import agg_figure, assert_legible
from series_examples import point, result, scans

from napari_tesm.plotting.series import (
    PAPER_COLOURS,
    VERDICT_COLOURS,
    draw_distribution_trend,
    draw_point_values,
    draw_series_histograms,
    draw_series_maps,
    draw_shifts,
    draw_verdicts,
)
from napari_tesm.regions.shapes import PinnedPoint
from napari_tesm.series import (
    VERDICT_MEANINGS,
    aligned_series,
    distributions_of_series,
    point_curves,
    series_from_results,
    verdict_map,
)


@pytest.fixture(scope="module")
def aligned():
    drift = [[0, 0], [2.3, -1.1], [-1.7, 1.6], [0.4, 1.3], [1.0, -2.0]]
    results, images, _ = scans(drift=drift, shape=(40, 60), seed=5)
    return aligned_series(series_from_results(results, images=images)[0])


@pytest.fixture(scope="module")
def points(aligned):
    grid = aligned.grid
    return [
        PinnedPoint(number + 1, float(grid["x"][12 * number + 6]), float(grid["y"][20]))
        for number in range(4)
    ]


def figure_of(size=(7.5, 4.5)) -> Figure:
    figure = agg_figure((int(100 * size[0]), int(100 * size[1])))
    figure.set_layout_engine("constrained")
    return figure


def test_all_maps_have_one_colour_scale_one_bar_and_a_scale_bar(aligned, points):
    figure = figure_of((10, 5))
    draw_series_maps(figure, aligned, points)
    images = [axes.images[0] for axes in figure.axes if axes.images]
    assert len(images) == 5
    assert {image.get_clim() for image in images} == {aligned.colour_limits()}  # in V
    assert len(figure.axes) == 7  # six places, of which one is empty, and the bar
    assert np.allclose(images[1].get_array().filled(np.nan), aligned.moved(1), equal_nan=True, atol=0)
    texts = [text.get_text() for axes in figure.axes for text in axes.texts]
    assert "100 nm" in texts
    assert texts.count("1") == 5
    assert_legible(figure)
    few = figure_of()
    draw_series_maps(few, aligned, most=2)
    assert sum(bool(axes.images) for axes in few.axes) == 2


def test_points_have_the_papers_colours_their_values_and_error_bars(aligned, points):
    figure = figure_of()
    axes = figure.subplots()
    curves = point_curves(aligned, points)
    draw_point_values(axes, curves)
    assert axes.xaxis_inverted()  # the size of the voltage grows to the right
    for curve, container in zip(curves, axes.containers, strict=True):
        line, _, (bars,) = container.lines
        assert np.allclose(line.get_ydata(), curve.means, atol=0)
        halves = [np.ptp(segment[:, 1]) / 2 for segment in bars.get_segments()]
        assert np.allclose(halves, curve.stds, atol=0)
    colours = [container.lines[0].get_color() for container in axes.containers]
    assert colours[:3] == [PAPER_COLOURS[number] for number in (1, 2, 3)]
    assert len(set(colours)) == 4
    assert len({container.lines[0].get_marker() for container in axes.containers}) == 4
    legend = [text.get_text() for text in axes.get_legend().get_texts()]
    assert legend[1] == "2: peaked, at −6 V"
    assert_legible(figure)


def test_histograms_of_all_voltages_share_their_bins(aligned):
    figure = figure_of()
    axes = figure.subplots()
    found = distributions_of_series(aligned.series)
    draw_series_histograms(axes, found)
    outlines = [patch for patch in axes.patches if not patch.get_fill()]
    assert len(outlines) == 5
    for patch, one in zip(outlines, found.each, strict=True):
        values, edges, _ = patch.get_data()
        assert np.array_equal(values, found.histograms.counts[one.label])
        assert np.allclose(edges, found.histograms.edges / found.histograms.edges[0] * edges[0], atol=0)
    assert len({patch.get_edgecolor() for patch in outlines}) == 5
    assert_legible(figure)


@pytest.mark.parametrize("trend", ["mode", "width", "peak"])
def test_trends_are_drawn_with_their_intervals(aligned, trend):
    figure = figure_of((3.4, 2.6))
    axes = figure.subplots()
    found = distributions_of_series(aligned.series)
    draw_distribution_trend(axes, found, trend)
    line, _, (bars,) = axes.containers[0].lines
    values = np.array([getattr(one, trend).value for one in found.each])
    ratio = line.get_ydata() / values
    assert np.allclose(ratio, ratio[0], atol=0)
    spans = [np.ptp(segment[:, 1]) for segment in bars.get_segments()]
    expected = [getattr(one, trend).high - getattr(one, trend).low for one in found.each]
    assert np.allclose(spans, np.array(expected) * ratio[0], atol=0)
    assert_legible(figure)


def test_shifts_show_what_was_measured_and_what_was_not(aligned):
    figure = figure_of()
    axes = figure.subplots()
    draw_shifts(axes, aligned)
    right, down = (container.lines[0].get_ydata() for container in axes.containers)
    assert np.allclose(right, [one.pixels[1] for one in aligned.alignments], atol=0)
    assert np.allclose(down, [one.pixels[0] for one in aligned.alignments], atol=0)
    for container, name in zip(axes.containers, ("dx_error", "dy_error"), strict=True):
        halves = [np.ptp(segment[:, 1]) / 2 for segment in container.lines[2][0].get_segments()]
        expected = [0.0 if one.shift is None else getattr(one.shift, name) for one in aligned.alignments]
        assert np.allclose(halves, expected, atol=1e-12)
    assert [container.get_label() for container in axes.containers] == ["to the right", "down"]
    assert_legible(figure)
    empty = aligned_series(series_from_results([result(np.full((2, 9, 9), np.nan), [-3.0, -5.0])])[0])
    axes = figure_of().subplots()
    draw_shifts(axes, empty)
    assert "not measured" in [text.get_text() for text in axes.get_legend().get_texts()]


def test_verdicts_have_a_colour_each_and_say_how_many(aligned, points):
    assert len(set(VERDICT_COLOURS)) == len(VERDICT_MEANINGS)
    figure = figure_of((8, 4.5))
    axes = figure.subplots()
    found = verdict_map(aligned)
    draw_verdicts(axes, found, points)
    legend = [text.get_text() for text in axes.get_legend().get_texts()]
    share = 100 * (found["verdict"].values == VERDICT_MEANINGS.index("saturating")).mean()
    assert f"saturating {share:.0f} %" in legend
    shown = axes.images[0].to_rgba(axes.images[0].get_array())
    row, column = np.argwhere(found["verdict"].values == 1)[0]
    assert np.allclose(
        shown[row, column, :3],
        [int(VERDICT_COLOURS[1][i : i + 2], 16) / 255 for i in (1, 3, 5)],
        atol=0,
    )
    assert_legible(figure)


def test_a_series_without_a_value_is_drawn_all_the_same():
    (series,) = series_from_results([result(np.full((2, 9, 9), np.nan), [-3.0, -5.0])])
    aligned = aligned_series(series)
    found = distributions_of_series(series)
    figure = figure_of()
    draw_series_maps(figure, aligned)
    figure.canvas.draw()
    figure = figure_of((9, 6))
    axes = figure.subplots(2, 3)
    draw_point_values(axes[0, 0], point_curves(aligned, [point(1, 3, 3)]))
    draw_point_values(axes[0, 1], [])
    draw_series_histograms(axes[0, 2], found)
    draw_distribution_trend(axes[1, 0], found, "mode")
    draw_shifts(axes[1, 1], aligned)
    draw_verdicts(axes[1, 2], verdict_map(aligned))
    figure.canvas.draw()
