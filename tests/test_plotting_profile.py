"""Profiles along a line, distances from a step, and fits in words."""

import dataclasses

import numpy as np
import pytest
from plotting_checks import agg_figure, assert_legible, pixels, visible_texts

from napari_tesm.evaluation.fits import FittedWindow
from napari_tesm.plotting.lines import band_outlines, thinned
from napari_tesm.plotting.profile import ProfileCurve, ProfilePanel, ProfilePlot
from napari_tesm.plotting.theme import DARK, LIGHT
from napari_tesm.plotting.words import sentence_from_fit
from napari_tesm.quantities.status import (
    BELOW_THRESHOLD,
    INVALID,
    NO_RESPONSE,
    OK,
    UNRESOLVED_FAST,
    UNRESOLVED_SLOW,
)

POSITION = np.linspace(0, 120e-9, 60)
HILL = np.exp(-(((POSITION - 60e-9) / 7e-9) ** 2))
PANELS = [
    ProfilePanel("topography", "m", (ProfileCurve(3e-9 * HILL, 1e-10 * np.ones(60)),)),
    ProfilePanel("deflection error", "V", (ProfileCurve(0.01 * HILL),)),
    ProfilePanel("H (-3 V)", "V", (ProfileCurve(0.1 + 0.2 * HILL, 0.02 * np.ones(60)),)),
    ProfilePanel(
        "D", "m²/s",
        (ProfileCurve(3e-13 * (1 + HILL), 4e-13 * np.ones(60), label="D1"),
         ProfileCurve(6e-13 * (1 + HILL), label="D2")),
        log=True,
    ),
]  # fmt: skip


def a_plot(size=(420, 300), **options):
    return ProfilePlot(agg_figure(size), **options)


def texts(plot):
    return [text.get_text() for text in visible_texts(plot.figure)]


def curve_in(axes, index=0):
    return [line for line in axes.lines if len(line.get_xdata()) == 60][index]


def test_every_panel_has_its_readable_unit():
    plot = a_plot()
    plot.show(POSITION, PANELS)
    assert {"topography (nm)", "deflection error (mV)", "H (-3 V) (mV)", "D (10⁻¹³ m²/s)", "D1", "D2"} <= set(
        texts(plot)
    )
    assert "position (nm)" in texts(plot)
    np.testing.assert_allclose(curve_in(plot.axes[0]).get_ydata() * 1e-9, 3e-9 * HILL)
    np.testing.assert_allclose(curve_in(plot.axes[3], 1).get_ydata() * 1e-13, 6e-13 * (1 + HILL))
    np.testing.assert_allclose(curve_in(plot.axes[0]).get_xdata() * 1e-9, POSITION)


def test_the_edges_and_the_width_of_the_step_are_marked():
    plot = a_plot()
    plot.show(POSITION, PANELS, edges=(54e-9, 66e-9), width=12.1e-9, width_error=0.4e-9)
    assert "FWHM 12.1(4) nm" in texts(plot)
    for axes in plot.axes:
        marks = [
            line.get_xdata()[0] for line in axes.lines if line.get_visible() and len(line.get_xdata()) == 2
        ]
        assert sorted(marks) == pytest.approx([54, 66])
    plot.show(POSITION, PANELS, edges=(54e-9, 66e-9))
    assert "FWHM 12 nm" in texts(plot)
    plot.show(POSITION, PANELS)
    assert not any("FWHM" in text for text in texts(plot))


def test_artists_are_kept_from_profile_to_profile():
    plot = a_plot()
    plot.show(POSITION, PANELS)
    axes = list(plot.axes)
    half = [
        dataclasses.replace(
            panel, curves=tuple(ProfileCurve(np.asarray(curve.values)[:30]) for curve in panel.curves)
        )
        for panel in PANELS
    ]
    plot.show(POSITION[:30], half)
    assert plot.axes == axes
    plot.show(POSITION, PANELS[:2])
    assert len(plot.axes) == 2


def test_distances_are_points_with_a_median_line():
    plot = a_plot()
    distance = np.linspace(-50e-9, 50e-9, 60)
    values = 1e-13 * (1 + HILL)
    centres = np.array([-40e-9, 0.0, 40e-9])
    medians = np.array([1e-13, 2e-13, np.nan])
    plot.show_distance(
        distance, ProfilePanel("D2", "m²/s", (ProfileCurve(values),), log=True), centres=centres, medians=medians,
    )  # fmt: skip
    dots = curve_in(plot.axes[0])
    assert (dots.get_linestyle(), dots.get_marker()) == ("None", ".")
    (median,) = [line for line in plot.axes[0].lines if len(line.get_xdata()) == 3]
    np.testing.assert_allclose(median.get_ydata() * 1e-13, medians)
    np.testing.assert_allclose(median.get_xdata() * 1e-9, centres)
    assert "distance from the step (nm)" in texts(plot)
    plot.show(POSITION, PANELS[:1])
    assert not any(line.get_visible() for line in plot.axes[0].lines if len(line.get_xdata()) == 3)
    with pytest.raises(ValueError, match="one median for each bin"):
        plot.show_distance(distance, PANELS[0], centres=centres, medians=medians[:2])


@pytest.mark.parametrize(
    "values",
    [
        np.full(60, np.nan),
        np.zeros(60),
        np.full(60, -1.0),
        np.where(np.arange(60) == 5, 1e-13, np.nan),
        np.full(60, np.inf),
    ],
)
@pytest.mark.parametrize("log", [True, False])
def test_odd_profiles_are_drawn_without_a_warning(values, log):
    plot = a_plot()
    curve = ProfileCurve(values, np.abs(values))
    plot.show(POSITION, [ProfilePanel("D", "m²/s", (curve, curve), log=log), PANELS[0]], edges=(0.0, 1e-9))
    plot.figure.canvas.draw()
    if not np.isfinite(values).any():
        assert any("no value along this line" in text for text in texts(plot))


def test_a_line_without_length_or_panels():
    plot = a_plot()
    plot.show([0.0], [ProfilePanel("H", "V", (ProfileCurve([0.1]),))])
    plot.figure.canvas.draw()
    plot.show([], [ProfilePanel("H", "V", (ProfileCurve([]),))])
    assert texts(plot) == ["nothing to draw along this line"]
    plot.show(POSITION, [])
    with pytest.raises(ValueError, match="one value for each of 60 positions"):
        plot.show(POSITION, [ProfilePanel("H", "V", (ProfileCurve([0.1]),))])
    plot.show(POSITION, PANELS)
    assert len(plot.axes) == 4


@pytest.mark.parametrize("size", [(600, 350), (420, 300), (400, 260)])
@pytest.mark.parametrize("scale", [1.0, 1.25])
@pytest.mark.parametrize("count", [1, 2, 4])
def test_nothing_is_cut_off_and_no_label_lies_on_another(size, scale, count):
    plot = a_plot(size, theme=dataclasses.replace(DARK, font_size=scale * DARK.font_size))
    for edges in ((54e-9, 66e-9), (0.0, 3e-9), (115e-9, 120e-9)):
        plot.show(POSITION, PANELS[-count:], edges=edges, width=12.1e-9, width_error=0.4e-9)
        assert_legible(plot.figure)


def test_a_new_theme_draws_the_same_again():
    plot = a_plot()
    plot.set_theme(LIGHT)
    plot.show(POSITION, PANELS, edges=(54e-9, 66e-9))
    plot.set_theme(DARK)
    assert "FWHM 12 nm" in texts(plot)
    assert tuple(pixels(plot.figure)[0, 0][:3]) == (0x26, 0x29, 0x30)
    plot.clear("draw a line across a step")
    plot.set_theme(LIGHT)
    assert texts(plot) == ["draw a line across a step"]
    plot.close()
    plot.close()


def test_a_band_has_a_part_for_each_run_of_values():
    x = np.arange(6.0)
    low = np.array([0, 0, np.nan, 0, 0, np.nan])
    first, second = band_outlines(x, low, np.ones(6))
    np.testing.assert_array_equal(first, [[0, 1], [1, 1], [1, 0], [0, 0]])
    np.testing.assert_array_equal(second[:2], [[3, 1], [4, 1]])
    assert band_outlines(x, np.full(6, np.nan), np.ones(6)) == []


def test_a_thinned_line_keeps_its_peaks_and_its_place():
    x = np.linspace(0, 1, 50_001)
    y = np.sin(40 * x)
    y[12_345], y[30_000:30_400] = 7.0, np.nan
    thin_x, thin_y = thinned(x, y, 2000)
    assert thin_x.size == thin_y.size == 2000
    assert np.nanmax(thin_y) == 7.0
    assert np.nanmin(thin_y) == np.nanmin(y)
    assert abs(thin_x[np.nanargmax(thin_y)] - x[12_345]) < 1e-3
    assert np.isnan(thin_y[(thin_x > x[30_060]) & (thin_x < x[30_340])]).all()
    assert (np.diff(thin_x) >= 0).all()
    np.testing.assert_array_equal(thinned(x[:2000], y[:2000])[1], y[:2000])


# Words


def a_fit(status=OK, *, samples=151, **values):
    time = np.arange(samples) * 1e-4
    numbers = {"tau": 1.42e-3, "tau_stderr": 6e-5, "D": 4.4e-13, "D_stderr": 1.9e-14}
    return FittedWindow(2, time, 0 * time, 0 * time, status, numbers | values)


def test_a_resolved_fit_says_its_numbers():
    assert sentence_from_fit(a_fit()) == "τ2 1.42(6) ms, D2 4.40(19)×10⁻¹³ m²/s"
    assert sentence_from_fit(a_fit(D=np.nan, D_stderr=np.nan)) == "τ2 1.42(6) ms"


def test_slow_says_below_what_nothing_can_be_told():
    # l = 25 nm: D = l²/τ at two windows of 15 ms.
    tau = 0.1
    words = sentence_from_fit(a_fit(UNRESOLVED_SLOW, tau=tau, D=25e-9**2 / tau))
    assert words == "τ2 > 2 windows: D2 below 2×10⁻¹⁴ m²/s cannot be told from this record"
    words = sentence_from_fit(a_fit(UNRESOLVED_SLOW, tau=tau, D=np.nan))
    assert words == "τ2 > 2 windows: it cannot be told from this record"
    assert "> 2 windows" in sentence_from_fit(a_fit(UNRESOLVED_SLOW, tau=np.nan, D=np.nan))


def test_slow_but_within_two_windows_is_not_said_to_be_beyond_them():
    words = sentence_from_fit(a_fit(UNRESOLVED_SLOW, tau=12e-3, D=5e-14))
    assert "> 2 windows" not in words
    assert "12 ms" in words
    assert "D2 cannot be told" in words


def test_fast_says_above_what_nothing_can_be_told():
    words = sentence_from_fit(a_fit(UNRESOLVED_FAST, tau=5e-5, D=25e-9**2 / 5e-5))
    assert words == "τ2 faster than the sampling: D2 above 6×10⁻¹² m²/s cannot be told from this record"
    assert "near 1 ms" in sentence_from_fit(a_fit(UNRESOLVED_FAST, tau=1e-3))


def test_every_status_has_its_words():
    for status, words in (
        (BELOW_THRESHOLD, "below the threshold"),
        (NO_RESPONSE, "a constant describes it as well"),
        (INVALID, "fewer than six samples"),
        (UNRESOLVED_SLOW, "cannot be told"),
        (UNRESOLVED_FAST, "faster than the sampling"),
    ):
        assert words in sentence_from_fit(a_fit(status, tau=np.nan, D=np.nan, samples=0))
    with pytest.raises(ValueError, match="no status"):
        sentence_from_fit(a_fit(9))


def test_what_is_known_to_a_factor_has_a_band_of_that_factor():
    values, factor = 3e-13 * (1 + HILL), np.exp(0.1 + 0.3 * HILL)
    plot = a_plot()
    curves = (ProfileCurve(0.5 * values, label="D"), ProfileCurve(values, factor=factor, label="D lateral"))
    plot.show(POSITION, [ProfilePanel("D", "m²/s", curves, log=True)])
    none, band = plot.axes[0].collections
    assert not none.get_visible()
    (outline,) = [path.vertices for path in band.get_paths()]
    scale = 10.0 ** round(np.log10(3e-13 / np.median(plot.axes[0].lines[-2].get_ydata())))
    drawn = np.sort(outline[:, 1].reshape(-1))
    wanted = np.sort(np.concatenate([values / factor, values * factor]))
    assert drawn[0] * scale == pytest.approx(wanted[0], rel=1e-6)
    assert drawn[-1] * scale == pytest.approx(wanted[-1], rel=1e-6)
    low, high = plot.axes[0].get_ylim()
    assert low <= drawn[0] < drawn[-1] <= high
