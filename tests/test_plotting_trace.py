"""The trace plot: what is drawn, what is drawn again, and the mouse on it."""

import dataclasses
import io

import numpy as np
import pytest
from examples import exponential_traces
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.backend_bases import MouseEvent, ResizeEvent
from plotting_checks import SIZES, agg_figure, assert_legible, pixels, visible_texts

from napari_tesm.data.protocol import Window
from napari_tesm.plotting.theme import DARK, LIGHT, colour_of_point
from napari_tesm.plotting.trace import FitCurve, TraceCurve, TracePlot
from napari_tesm.plotting.trace_mouse import moved_window

TIME = np.arange(250) * 1e-4
PULSE = Window(0.0, 10e-3)
WINDOWS = {1: PULSE, 2: Window(10e-3)}
LABELS = ["(+3 V)", "(-3 V)"]


def a_curve(amplitude=0.1, *, number=None, pulse=1, seed=0, fitted=True, time=TIME, spread=None):
    rng = np.random.default_rng(seed)
    clean = exponential_traces(time, 2.5e-3, 2e-3, amplitude)
    fits = tuple(FitCurve(n, time[w.samples(time)], clean[w.samples(time)]) for n, w in WINDOWS.items())
    return TraceCurve(
        LABELS[pulse], clean + 0.03 * abs(amplitude) * rng.standard_normal(time.size),
        fits=fits if fitted else (), voltage=3.0 - 6 * pulse, pulse=pulse, spread=spread,
        role="probe" if number is None else "pinned", number=number,
        colour="" if number is None else colour_of_point(number),
    )  # fmt: skip


def both(amplitude=0.1, **options):
    return [a_curve(-amplitude, pulse=0, **options), a_curve(amplitude, pulse=1, **options)]


def a_plot(size=(420, 300), *, time=TIME, windows=WINDOWS, pulse=PULSE, unit="V", theme=DARK, **options):
    plot = TracePlot(agg_figure(size), theme=theme)
    plot.set_axes(time, windows=windows, pulse=pulse, unit=unit, labels=LABELS, **options)
    return plot


def mouse(plot, name, time, fraction=0.5, *, axes=None, button=1, modifiers=(), shift=(0.0, 0.0)):
    """Send a mouse event at a time and a height, as a share of the first panel, moved by some pixels."""
    axes = plot.frame.panels[0] if axes is None else axes
    x = axes.transData.transform((time / plot.frame.time_factor, 0))[0]
    y = axes.transAxes.transform((0, fraction))[1]
    MouseEvent(
        name, plot.figure.canvas, x + shift[0], y + shift[1], button=button, modifiers=modifiers
    )._process()


# What is drawn


@pytest.mark.parametrize("layout", ["overlay", "polarities"])
def test_a_blitted_update_looks_exactly_like_a_full_redraw(layout):
    plot = a_plot(layout=layout)
    pinned = [curve for n in (1, 2, 3) for curve in both(0.05 + 0.01 * n, number=n, seed=n)]
    plot.show(both(0.1) + pinned)
    before = plot.full_draws
    for amplitude, marker in ((0.09, 2e-3), (0.07, 11e-3), (0.1, 20e-3)):
        plot.show(both(amplitude, seed=7) + pinned)
        plot.set_marker(marker)
    assert plot.full_draws == before
    blitted = pixels(plot.figure)
    plot.figure.canvas.draw()
    np.testing.assert_array_equal(blitted, pixels(plot.figure))


def test_pinned_curves_that_change_are_drawn_anew_without_a_full_redraw():
    plot = a_plot()
    plot.show(both(0.1) + both(0.08, number=1) + both(0.06, number=2))
    before, picture = plot.full_draws, pixels(plot.figure)
    plot.show(both(0.1) + both(0.05, number=1) + both(0.06, number=2))
    assert not np.array_equal(picture, pixels(plot.figure))
    plot.show(both(0.1) + both(0.05, number=1))  # one of them unpinned
    assert plot.full_draws == before
    blitted = pixels(plot.figure)
    plot.figure.canvas.draw()
    np.testing.assert_array_equal(blitted, pixels(plot.figure))
    plot.show([])
    empty = pixels(plot.figure)
    plot.figure.canvas.draw()
    np.testing.assert_array_equal(empty, pixels(plot.figure))


def test_limits_stay_while_the_data_fit_and_follow_when_they_leave_or_shrink_a_lot():
    plot = a_plot()
    plot.show(both(0.1))
    limits, draws = plot.limits, plot.full_draws
    plot.show(both(0.06))
    assert plot.limits == limits
    assert plot.full_draws == draws
    plot.show(both(0.2))
    assert plot.limits[0][1] > 0.2
    assert plot.full_draws == draws + 1
    plot.show(both(0.02))
    assert plot.limits[0][1] < 0.04
    assert plot.full_draws == draws + 2


def test_limits_outlast_an_empty_plot_but_do_not_come_from_it():
    plot = a_plot()
    plot.show(both(0.5))  # fits into the axes that were drawn for nothing
    assert plot.limits[0][1] < 0.7
    limits, draws = plot.limits, plot.full_draws
    plot.show([])
    plot.show([])
    plot.show(both(0.4))
    assert plot.limits == limits
    assert plot.full_draws == draws


def test_polarities_share_one_scale():
    plot = a_plot(layout="polarities")
    plot.show([a_curve(-0.02, pulse=0), a_curve(0.1, pulse=1)])
    (low0, high0), (low1, high1) = plot.limits
    assert high0 - low0 == pytest.approx(high1 - low1)
    assert low0 < -0.02 < 0 < high0
    assert low1 < 0 < 0.1 < high1
    draws = plot.full_draws
    plot.show([a_curve(-0.02, pulse=0, seed=3), a_curve(0.1, pulse=1, seed=3)])
    assert plot.full_draws == draws, "the smaller of the two must not ask for other limits for ever"


def test_numbers_are_shown_in_a_readable_unit():
    plot = a_plot()
    plot.show(both(0.1))
    texts = [text.get_text() for text in visible_texts(plot.figure)]
    assert {"displacement (mV)", "time (ms)", "100", "(-3 V)", "window 1:  0–10 ms"} <= set(texts)
    line = plot.frame.panels[0].lines[-1]
    assert max(abs(line.get_xdata()[np.isfinite(line.get_xdata())])) == pytest.approx(24.9)
    plot.show(both(1e-3))
    assert "displacement (mV)" in [text.get_text() for text in visible_texts(plot.figure)]
    plot.show(both(1e-5))
    assert "displacement (µV)" in [text.get_text() for text in visible_texts(plot.figure)]


def test_residuals_are_data_minus_fit_where_there_is_a_fit():
    curve = a_curve(0.1)
    left = curve.residuals(TIME)
    np.testing.assert_allclose(left[:100], (curve.values - exponential_traces(TIME, 2.5e-3, 2e-3, 0.1))[:100])
    one_window = dataclasses.replace(curve, fits=curve.fits[1:])
    left = one_window.residuals(TIME)
    assert np.isnan(left[:100]).all()
    assert np.isfinite(left[100:]).all()
    assert np.isnan(dataclasses.replace(curve, fits=()).residuals(TIME)).all()


def test_the_voltage_is_the_pulse():
    plot = a_plot()
    plot.show(both())
    drawn = [line for line in plot.frame.voltage.lines if len(line.get_xdata()) == 6]
    assert sorted(max(line.get_ydata(), key=abs) for line in drawn) == [-3.0, 3.0]
    for line in drawn:
        inside = np.asarray(line.get_ydata()) != 0
        assert np.asarray(line.get_xdata())[inside].tolist() == [0.0, 10.0]


def saved(plot, dpi):
    file = io.BytesIO()
    plot.figure.savefig(file, format="png", dpi=dpi)
    return file.getvalue()


@pytest.mark.parametrize("dpi", [100, 200])
def test_a_saved_figure_holds_the_curves_and_leaves_no_ghosts_on_the_screen(dpi):
    plot = a_plot()
    plot.show([a_curve(0.1)])
    with_curve = saved(plot, dpi)
    plot.show([a_curve(0.07, seed=4)])
    after_saving = pixels(plot.figure)
    plot.figure.canvas.draw()
    np.testing.assert_array_equal(after_saving, pixels(plot.figure))
    plot.show([])
    assert saved(plot, dpi) != with_curve


def test_a_size_that_changed_unannounced_is_noticed():
    plot = a_plot()
    plot.show([a_curve(0.1)])
    plot.figure.set_size_inches(5, 3)
    plot.show([a_curve(0.09)])
    shown = pixels(plot.figure)
    plot.figure.canvas.draw()
    np.testing.assert_array_equal(shown, pixels(plot.figure))
    assert shown.shape[:2] == (300, 500)


def test_the_theme_colours_everything():
    plot = a_plot()
    plot.show(both())
    plot.set_theme(LIGHT)
    assert tuple(pixels(plot.figure)[0, 0]) == (255, 255, 255, 255)
    draws = plot.full_draws
    plot.set_theme(LIGHT)
    assert plot.full_draws == draws


def test_the_probe_takes_the_residuals_from_the_pinned():
    plot = a_plot()

    def visible():
        return [
            line for line in plot.frame.residuals.lines if line.get_visible() and len(line.get_xdata()) > 2
        ]

    plot.show(both(number=1))
    assert len(visible()) == 2
    plot.show([a_curve(seed=5), *both(number=1)])
    assert len(visible()) == 1


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("scale", [1.0, 1.25])
@pytest.mark.parametrize("layout", ["overlay", "polarities"])
def test_nothing_is_cut_off_and_no_label_lies_on_another(size, scale, layout):
    theme = dataclasses.replace(DARK, font_size=scale * DARK.font_size)
    plot = a_plot(size, unit="a.u.", theme=theme, layout=layout)
    plot.show(both(0.06) + [c for n in range(1, 6) for c in both(0.06, number=n)])
    assert_legible(plot.figure)


@pytest.mark.parametrize(
    ("amplitude", "unit"), [(0.1, "V"), (3e-12, "m"), (7e-9, "a.u."), (1234.0, ""), (0.5, "V")]
)
def test_every_unit_has_room(amplitude, unit):
    plot = a_plot((400, 300), unit=unit, theme=dataclasses.replace(LIGHT, font_size=9.4))
    plot.show(both(amplitude))
    assert_legible(plot.figure)


def test_a_resized_figure_is_laid_out_again():
    plot = a_plot((600, 350))
    plot.show(both())
    plot.figure.set_size_inches(3.0, 1.5)
    ResizeEvent("resize_event", plot.figure.canvas)._process()
    plot.show(both(0.09))  # must not put back the picture of the old size
    assert pixels(plot.figure).shape[:2] == (150, 300)
    assert_legible(plot.figure)
    assert not plot.frame.voltage.get_visible()


# Degenerate data


ODD_CURVES = {
    "all missing": np.full(250, np.nan),
    "infinite": np.full(250, np.inf),
    "one sample": np.where(np.arange(250) == 7, 0.1, np.nan),
    "constant": np.full(250, 3.0),
    "zero": np.zeros(250),
    "huge": np.linspace(-1e300, 1e300, 250),
    "tiny": np.linspace(0, 1e-300, 250),
    "an offset": 5.0 + 1e-7 * np.arange(250),
}


@pytest.mark.parametrize("name", ODD_CURVES)
@pytest.mark.parametrize("layout", ["overlay", "polarities"])
def test_odd_traces_are_drawn_without_a_warning(name, layout):
    plot = a_plot(layout=layout)
    values = ODD_CURVES[name]
    fit = FitCurve(1, TIME[:100], np.full(100, np.nan))
    curve = TraceCurve("", values, fits=(fit,), spread=np.abs(values), voltage=np.nan, pulse=1)
    plot.show([curve, dataclasses.replace(curve, role="pinned", number=4)])
    plot.figure.canvas.draw()
    remark = "no finite sample here" in [text.get_text() for text in visible_texts(plot.figure)]
    assert remark == (name in ("all missing", "infinite"))
    if remark:
        assert plot.limits == []
    plot.show(both())
    assert plot.limits[-1][1] < 0.3


@pytest.mark.parametrize(
    "time", [np.array([2e-3]), np.array([0.0, 1.0]), np.geomspace(1e-6, 1e-2, 250), np.arange(250) * 40.0]
)
def test_odd_times_are_drawn_without_a_warning(time):
    plot = a_plot(time=time, windows={}, pulse=None, unit="a.u.")
    plot.show(
        [TraceCurve("", np.linspace(0, 1, time.size)), TraceCurve("", np.zeros(time.size), voltage=3.0)]
    )
    plot.set_marker(float(time[0]))
    assert plot.frame.voltage is None
    assert plot.frame.residuals is None
    assert_legible(plot.figure)


def test_no_pulse_means_no_voltage_and_no_window_no_residuals():
    plot = a_plot(windows={2: Window(10e-3)}, pulse=None)
    plot.show(both())
    assert plot.frame.voltage is None
    assert plot.frame.residuals is not None
    plot.set_windows({})
    assert plot.frame.residuals is None
    plot.set_windows(WINDOWS, PULSE)
    assert plot.frame.voltage is not None


def test_what_does_not_fit_the_time_axis_is_refused():
    plot = a_plot()
    with pytest.raises(ValueError, match="3 samples does not go with 250"):
        plot.show([TraceCurve("", np.zeros(3))])
    with pytest.raises(ValueError, match="at least one sample"):
        plot.set_axes([])


def test_a_cleared_plot_takes_axes_again():
    plot = a_plot()
    plot.show(both())
    plot.clear()
    assert plot.figure.axes == []
    plot.show(both())
    plot.set_marker(1e-3)
    plot.set_windows(WINDOWS)
    plot.set_theme(LIGHT)
    assert plot.figure.axes == []
    plot.set_axes(TIME, windows=WINDOWS, pulse=PULSE, unit="V", labels=LABELS)
    plot.show(both())
    blitted = pixels(plot.figure)
    plot.figure.canvas.draw()
    np.testing.assert_array_equal(blitted, pixels(plot.figure))


# The mouse


@pytest.fixture
def played():
    """A plot with two pinned points, and what it called."""
    plot = a_plot((600, 350))
    plot.show(both(0.1) + both(0.05, number=1) + both(0.08, number=2))
    calls = []
    plot.on_window_dragged = lambda *values: calls.append(("window", *values))
    plot.on_curve_clicked = lambda number: calls.append(("curve", number))
    plot.on_time_clicked = lambda time: calls.append(("time", time))
    return plot, calls


def test_dragging_an_edge_moves_the_window(played):
    plot, calls = played
    mouse(plot, "button_press_event", 10e-3, shift=(-2, 0))  # on the side of window 1
    mouse(plot, "motion_notify_event", 8.03e-3, shift=(0, 400))  # outside the axes is fine, too
    mouse(plot, "button_release_event", 7.03e-3)
    assert [call[:2] for call in calls] == [("window", 1), ("window", 1)]
    assert [call[4] for call in calls] == [False, True]
    assert calls[0][2:4] == pytest.approx((0.0, 8.03e-3), abs=5e-5)
    assert calls[1][3] == plot.windows[1].stop
    assert plot.windows[2] == WINDOWS[2]
    mouse(plot, "motion_notify_event", 5e-3)
    assert len(calls) == 2


@pytest.mark.parametrize("beside", [-2, 0, 2])
def test_the_edge_that_two_windows_share_goes_either_way(played, beside):
    plot, calls = played
    mouse(plot, "button_press_event", 10e-3, shift=(beside, 0))
    mouse(plot, "motion_notify_event", 11e-3)
    mouse(plot, "button_release_event", 12e-3)
    assert calls[-1][:2] == ("window", 2)
    assert plot.windows[2].start == pytest.approx(12e-3, abs=1e-4)
    assert plot.windows[2].stop is None, "an open end stays open"
    assert plot.windows[1] == WINDOWS[1]
    plot.set_windows(WINDOWS)
    mouse(plot, "button_press_event", 10e-3, shift=(beside, 0))
    mouse(plot, "motion_notify_event", 9e-3)
    mouse(plot, "button_release_event", 8e-3)
    assert calls[-1][:2] == ("window", 1)
    assert plot.windows[1].stop == pytest.approx(8e-3, abs=1e-4)
    assert plot.windows[2] == WINDOWS[2]


@pytest.mark.parametrize("beside", [-3, 0, 3])
def test_a_click_at_an_edge_moves_no_window_and_is_a_click(played, beside):
    plot, calls = played
    mouse(plot, "button_press_event", 10e-3, 0.97, shift=(beside, 0))
    mouse(plot, "motion_notify_event", 10e-3, 0.97, shift=(beside + 1, 1))  # no hand is quite still
    mouse(plot, "button_release_event", 10e-3, 0.97, shift=(beside + 1, 1))
    assert plot.windows == dict(WINDOWS)
    assert [call[0] for call in calls] == ["time"]
    assert calls[0][1] == pytest.approx(10e-3, abs=5e-4)


def test_shift_snaps_an_edge_to_a_sample(played):
    plot, calls = played
    mouse(plot, "button_press_event", 10e-3, shift=(-2, 0))
    mouse(plot, "button_release_event", 6.234e-3, modifiers=("shift",))
    assert calls[-1][3] in TIME
    assert calls[-1][3] == pytest.approx(6.2e-3)


def test_windows_do_not_cross_nor_starve(played):
    plot, calls = played
    plot.set_windows({1: PULSE, 2: Window(12e-3)})
    mouse(plot, "button_press_event", 10e-3, shift=(-2, 0))
    mouse(plot, "motion_notify_event", 20e-3)
    assert plot.windows[1].stop == pytest.approx(12e-3)
    mouse(plot, "button_release_event", -5e-3)
    inside = plot.windows[1].samples(TIME)
    assert inside.stop - inside.start == 6
    assert len(calls) == 2


def test_dragging_to_the_end_of_the_record_opens_the_window(played):
    plot, _ = played
    plot.set_windows({1: PULSE, 2: Window(10e-3, 20e-3)})
    mouse(plot, "button_press_event", 20e-3)
    mouse(plot, "button_release_event", 40e-3)
    assert plot.windows[2] == Window(10e-3)


def test_a_click_chooses_the_curve_under_it(played):
    plot, calls = played
    for number, amplitude in ((1, 0.05), (2, 0.08)):
        panel = plot.frame.panels[0]
        height = exponential_traces(np.array([6e-3]), 2.5e-3, 2e-3, amplitude)[0]
        fraction = panel.transAxes.inverted().transform(panel.transData.transform((0, height * 1e3)))[1]
        mouse(plot, "button_press_event", 6e-3, fraction)
        mouse(plot, "button_release_event", 6e-3, fraction)
        assert calls == [("curve", number)]
        calls.clear()


def test_a_click_on_a_badge_chooses_its_point(played):
    plot, calls = played
    assert [number for number, _, _ in plot.badges_on_screen()] == [1, 2]
    _, x, y = plot.badges_on_screen()[1]
    MouseEvent("button_press_event", plot.figure.canvas, x + 2, y - 2, button=1)._process()
    assert calls == [("curve", 2)]


def test_a_click_elsewhere_sets_the_time_to_a_sample_and_dragging_goes_on(played):
    plot, calls = played
    mouse(plot, "button_press_event", 5.04e-3, 0.97)
    mouse(plot, "motion_notify_event", 7.26e-3, 0.97)
    mouse(plot, "button_release_event", 7.26e-3, 0.97)
    mouse(plot, "motion_notify_event", 9e-3, 0.97)
    assert [name for name, _ in calls] == ["time", "time"]
    assert {time for _, time in calls} <= set(TIME)
    assert [time for _, time in calls] == pytest.approx([5.04e-3, 7.26e-3], abs=1e-4)
    mouse(plot, "button_press_event", 5e-3, 0.97, button=3)
    assert len(calls) == 2


def test_clicks_without_anybody_listening_do_no_harm():
    plot = a_plot()
    plot.show(both(number=1))
    for time in (5e-3, 10e-3, 24.9e-3):
        mouse(plot, "button_press_event", time, 0.97)
        mouse(plot, "motion_notify_event", time + 1e-3, 0.97)
        mouse(plot, "button_release_event", time, 0.97)
    plot.clear()
    MouseEvent("button_press_event", plot.figure.canvas, 200, 100, button=1)._process()
    MouseEvent("motion_notify_event", plot.figure.canvas, 200, 100)._process()


def test_a_closed_plot_leaves_the_canvas_alone(played):
    plot, calls = played
    plot.close()
    draws = plot.full_draws
    mouse(plot, "button_press_event", 5e-3, 0.97)
    plot.figure.canvas.draw()
    assert calls == []
    assert plot.full_draws == draws
    plot.close()


@given(
    wanted=st.floats(-0.05, 0.05),
    side=st.sampled_from(["start", "stop"]),
    number=st.sampled_from([1, 2]),
    border=st.floats(1e-3, 20e-3),
    gap=st.floats(0, 3e-3),
    open_end=st.booleans(),
)
def test_a_moved_window_keeps_samples_and_meets_no_other(wanted, side, number, border, gap, open_end):
    windows = {1: Window(0.0, border), 2: Window(border + gap, None if open_end else 24.5e-3)}
    moved = moved_window(windows, TIME, number, side, wanted)
    held = moved.samples(TIME)
    assert held.stop - held.start >= 6
    both = {**windows, number: moved}
    assert both[1].stop is not None
    assert both[1].stop <= both[2].start + 1e-9
    assert moved.start >= 0
    assert moved.stop is None or moved.stop <= TIME[-1]
    fixed = "stop" if side == "start" else "start"
    assert getattr(moved, fixed) == getattr(windows[number], fixed)


def test_twelve_points_have_twelve_colours_that_stand_out():
    colours = [colour_of_point(number) for number in range(1, 13)]
    assert len(set(colours)) == 12
    assert colour_of_point(13) == colours[0]


def test_what_is_in_axes_without_room_is_not_drawn_over_others():
    plot = a_plot((400, 130))
    plot.show(both(0.1))
    hidden = [axes for axes in plot.figure.axes if not axes.get_visible()]
    assert plot.frame.residuals in hidden
    drawn = []
    plot.figure.draw_artist = drawn.append
    plot.figure.canvas.draw()
    assert drawn
    assert not [artist for artist in drawn if artist.axes in hidden]
