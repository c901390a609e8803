"""Histograms, and the axes and colours that all plots share."""

import dataclasses
import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.patches import StepPatch
from plotting_checks import agg_figure, assert_legible, pixels, visible_texts

from napari_tesm.plotting.axes import finite_range, log_ticks, scale_for, sticky_limits
from napari_tesm.plotting.histogram import Distribution, HistogramPlot
from napari_tesm.plotting.theme import DARK, LIGHT, POINT_COLOURS, apply_theme, theme_from_colours

EDGES = np.geomspace(1e-14, 1e-11, 41)
COUNTS = np.arange(40)


def texts(figure):
    return [text.get_text() for text in visible_texts(figure)]


def a_plot(size=(420, 300), **options):
    return HistogramPlot(agg_figure(size), **options)


def outlines(plot):
    return [patch for patch in plot.axes.patches if isinstance(patch, StepPatch) and not patch.get_fill()]


def test_the_outline_is_the_counts_over_the_bins_in_the_shown_unit():
    plot = a_plot()
    plot.show(EDGES, [Distribution("D1", COUNTS)], name="D", unit="m²/s", log=True)
    (outline,) = outlines(plot)
    np.testing.assert_array_equal(outline.get_data().values, COUNTS)
    np.testing.assert_allclose(outline.get_data().edges * 1e-13, EDGES)
    assert "D (10⁻¹³ m²/s)" in texts(plot.figure)
    assert f"D1: n = {COUNTS.sum()}" in texts(plot.figure)


def test_artists_are_kept_and_those_left_over_vanish():
    plot = a_plot()
    one, two = Distribution("D1", COUNTS), Distribution("D2", COUNTS[::-1])
    plot.show(EDGES, [one, two], log=True)
    kept = outlines(plot)
    plot.show(EDGES, [two], log=True)
    assert outlines(plot) == kept
    assert [outline.get_visible() for outline in kept] == [True, False]
    assert not any("D1" in text for text in texts(plot.figure))
    plot.show(np.linspace(-1, 1, 4), [Distribution("H", [1, 2, 3])], name="H", unit="V")
    np.testing.assert_array_equal(kept[0].get_data().values, [1, 2, 3])
    assert plot.axes.get_xscale() == "linear"


def test_the_mode_stands_in_the_legend_with_its_interval_and_unit():
    plot = a_plot((600, 350))
    one = Distribution("D2 (-3 V)", COUNTS, n=99, mode=4.02e-13, mode_interval=(3.91e-13, 4.3e-13))
    plot.show(EDGES, [one], name="D", unit="m²/s", log=True)
    assert "D2 (-3 V): n = 99, mode 4.02 (3.91–4.3)×10⁻¹³ m²/s" in texts(plot.figure)
    without = dataclasses.replace(one, mode=np.nan)
    plot.show(EDGES, [without], name="D", unit="m²/s", log=True)
    assert "D2 (-3 V): n = 99" in texts(plot.figure)


def test_bins_that_make_no_sense_are_refused():
    plot = a_plot()
    with pytest.raises(ValueError, match="two increasing"):
        plot.show([1.0, 1.0], [Distribution("D1", [3])])
    with pytest.raises(ValueError, match="must be positive"):
        plot.show([0.0, 1.0], [Distribution("D1", [3])], log=True)
    with pytest.raises(ValueError, match="one count for each of the 1 bins"):
        plot.show([0.0, 1.0], [Distribution("D1", [3, 4])])


def test_nothing_to_count_says_so():
    plot = a_plot()
    plot.show(EDGES, [])
    assert texts(plot.figure) == ["nothing to count"]
    plot.show(EDGES, [Distribution("D1", np.zeros(40))], log=True)
    plot.clear("no pixel accepted")
    assert texts(plot.figure) == ["no pixel accepted"]
    plot.show(EDGES, [Distribution("D1", COUNTS)], log=True)
    assert "no pixel accepted" not in texts(plot.figure)


@pytest.mark.parametrize("size", [(600, 350), (420, 300), (400, 220)])
@pytest.mark.parametrize("scale", [1.0, 1.25])
@pytest.mark.parametrize("count", [1, 2, 6])
@pytest.mark.parametrize("bins", [EDGES, np.geomspace(1.2e-13, 6e-13, 41), np.geomspace(1e-20, 1e-9, 41)])
def test_nothing_is_cut_off_and_no_label_lies_on_another(size, scale, count, bins):
    theme = dataclasses.replace(LIGHT, font_size=scale * LIGHT.font_size)
    plot = a_plot(size, theme=theme)
    many = [
        Distribution(f"D1 (-{k} V)", 100 * COUNTS, mode=3e-13, mode_interval=(2e-13, 4e-13))
        for k in range(count)
    ]
    plot.show(bins, many, name="D", unit="m²/s", log=True)
    assert_legible(plot.figure)


@pytest.mark.parametrize("size", [(600, 350), (420, 300), (400, 220)])
@pytest.mark.parametrize("shaded", [False, True])
def test_ranges_stand_above_the_bars_and_keep_to_the_axes(size, shaded):
    plot = a_plot(size)
    ranges = {"flux-pulse": (2e-14, 3e-13), "clamped": (2e-11, 1e-10)}
    plot.show(
        EDGES, [Distribution("D1", COUNTS)], name="D", unit="m²/s", log=True, ranges=ranges, shaded=shaded
    )
    assert_legible(plot.figure)
    low, high = plot.axes.get_xlim()
    factor = plot._factor
    assert (low <= 2e-11 / factor <= high) == shaded
    lowest = min(text.get_window_extent().y0 for text in plot.axes.texts)
    top = plot.axes.transData.transform((1, max(COUNTS)))[1]
    assert top <= lowest + 1
    kept = len(plot.axes.get_children())
    for _ in range(3):
        plot.show(
            EDGES, [Distribution("D1", COUNTS)], name="D", unit="m²/s", log=True, ranges=ranges, shaded=shaded
        )
    assert len(plot.axes.get_children()) == kept
    plot.show(EDGES, [Distribution("D1", COUNTS)], name="D", unit="m²/s", log=True)
    assert not plot.axes.texts


def test_a_new_theme_keeps_what_is_shown():
    plot = a_plot()
    plot.show(EDGES, [Distribution("D1", COUNTS)], log=True)
    plot.set_theme(LIGHT)
    assert len(outlines(plot)) == 1
    assert tuple(pixels(plot.figure)[0, 0]) == (255, 255, 255, 255)
    plot.close()
    plot.close()


# Ticks, units and limits of all plots


@given(low=st.floats(-18, 6), decades=st.floats(0.02, 20), most=st.integers(2, 12))
def test_log_ticks_lie_within_the_limits_and_do_not_crowd(low, decades, most):
    low, high = 10.0**low, 10.0 ** (low + decades)
    ticks = log_ticks(low, high, most)
    assert ticks == sorted(set(ticks))
    assert all(low * (1 - 1e-6) <= tick <= high * (1 + 1e-6) for tick in ticks)
    assert len(ticks) <= 2 * most
    if most > 2:
        assert len(ticks) >= 2, "one label alone gives no scale"


# Numbers below 1e-300 have no digits left to add a margin to.
RANGES = st.tuples(
    st.floats(-1e6, 1e6).map(lambda value: value if abs(value) > 1e-300 else 0.0),
    st.floats(0, 1e6).map(lambda value: value if value > 1e-300 else 0.0),
)


@given(
    data=st.lists(st.one_of(st.none(), RANGES), min_size=1, max_size=4),
    more=st.lists(st.one_of(st.none(), RANGES), min_size=4, max_size=4),
    symmetric=st.booleans(),
)
def test_limits_hold_the_data_share_a_span_and_stay(data, more, symmetric):
    limits = None
    for ranges in (data, more[: len(data)]):
        ranges = [None if one is None else (one[0], one[0] + one[1]) for one in ranges]
        limits = sticky_limits(limits, ranges, symmetric=symmetric)
        for (low, high), one in zip(limits, ranges, strict=True):
            assert one is None or low <= one[0] <= one[1] <= high
            assert high > low
        spans = [high - low for low, high in limits]
        size = max(abs(end) for pair in limits for end in pair)
        assert max(spans) == pytest.approx(min(spans), rel=1e-6, abs=1e-14 * size)
        assert sticky_limits(limits, ranges, symmetric=symmetric) == limits


@given(st.floats(1e-20, 1e12), st.sampled_from(["V", "m", "a.u.", "", "m²/s"]))
def test_a_scaled_number_is_short_and_its_unit_tells_the_factor(value, unit):
    factor, shown = scale_for([value, np.nan, np.inf], unit)
    assert 0.99e-2 <= value / factor < 1e5
    assert shown.endswith(unit)
    if factor != 1:
        assert shown != unit


def test_the_range_of_nothing_is_none():
    assert finite_range([]) is None
    assert finite_range([np.array([np.nan, np.inf])]) is None
    assert finite_range([np.array([np.nan, 2.0]), np.array([-1.0])]) == (-1.0, 2.0)


# Colours


def _linear(colour):
    values = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def _oklab(linear):
    """Björn Ottosson's OKLab."""
    to_cones = np.array(
        [[0.4122214708, 0.5363325363, 0.0514459929], [0.2119034982, 0.6806995451, 0.1073969566],
         [0.0883024619, 0.2817188376, 0.6299787005]]
    )  # fmt: skip
    to_lab = np.array(
        [[0.2104542553, 0.7936177850, -0.0040720468], [1.9779984951, -2.4285922050, 0.4505937099],
         [0.0259040371, 0.7827717662, -0.8086757660]]
    )  # fmt: skip
    return to_lab @ np.cbrt(np.clip(to_cones @ linear, 0, None))


SIGHTS = {
    "normal": np.eye(3),
    # Machado, Oliveira & Fernandes 2009, severity 1
    "protanopia": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "deuteranopia": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
}


@pytest.mark.parametrize("sight", SIGHTS)
def test_everybody_tells_the_colours_of_points_apart(sight):
    seen = [_oklab(np.clip(SIGHTS[sight] @ _linear(colour), 0, 1)) for colour in POINT_COLOURS]
    closest = min(np.linalg.norm(a - b) for a, b in itertools.combinations(seen, 2))
    assert closest > 0.09


@pytest.mark.parametrize(("background", "least"), [("#ffffff", 1.7), ("#262930", 1.8)])
def test_points_stand_out_from_both_backgrounds(background, least):
    weights = np.array([0.2126, 0.7152, 0.0722])
    ground = weights @ _linear(background)
    for colour in POINT_COLOURS:
        light, dark = sorted([weights @ _linear(colour), ground], reverse=True)
        assert (light + 0.05) / (dark + 0.05) > least


def test_a_theme_follows_the_colours_of_the_viewer():
    assert DARK.is_dark
    assert not LIGHT.is_dark
    made = theme_from_colours("black", "white", font_size=9)
    assert (made.background, made.foreground, made.font_size) == ("#000000", "#ffffff", 9)
    assert made.colour_of_window(1) != made.colour_of_window(2)
    assert made.colour_of_window(3) == made.colour_of_window(1)


def test_a_theme_is_put_on_any_figure():
    figure = agg_figure()
    axes = figure.add_subplot()
    axes.plot([1, 2], label="line")
    axes.legend()
    apply_theme(figure, DARK)
    figure.canvas.draw()
    assert tuple(pixels(figure)[0, 0][:3]) == (0x26, 0x29, 0x30)
    assert axes.get_legend().get_texts()[0].get_color() == DARK.foreground
