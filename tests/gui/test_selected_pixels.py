"""Pixels selected in a plot and ranges of colours, against the maps themselves."""

import numpy as np
import pytest
from examples import example_dataset

pytest.importorskip("qtpy")
from qtpy.QtCore import QPoint, Qt

from napari_tesm.gui.dock import open_workspace
from napari_tesm.gui.layers.scan_layers import add_layer, layers_from_scan, map_layer
from napari_tesm.gui.layers.session import Session
from napari_tesm.gui.models.colour_ranges import range_of_values
from napari_tesm.gui.models.scan import Scan, role_of
from napari_tesm.gui.panels.colour_button import ColourButton


def test_ranges_of_colours_are_those_of_the_pixels_and_hot_ones_rule_none():
    rng = np.random.default_rng(1)
    values = rng.normal(5.0, 2.0, (40, 50))
    values[3, 4], values[0, 0] = 1e6, np.nan
    assert range_of_values([values], "all") == (np.nanmin(values), 1e6)
    low, high = range_of_values([values], "2s")
    assert (low, high) == pytest.approx((1.0, 9.0), abs=0.25)
    assert range_of_values([values], "10") == pytest.approx((2.44, 7.56), abs=0.2)
    # Maps that share a range count together; a signed one has zero in the middle.
    assert range_of_values([np.array([0.0, 1.0]), np.array([-7.0])], "all") == (-7.0, 1.0)
    assert range_of_values([np.array([-7.0, 1.0])], "all", signed=True) == (-7.0, 7.0)
    assert range_of_values([np.full(9, 2.0)], "2s") is None
    assert range_of_values([np.full(9, np.nan)], "all") is None


def test_maps_of_opposite_sign_share_the_sizes_of_their_colours(qtbot, viewer_model):
    size = np.linspace(1e-12, 9e-12, 12 * 16).reshape(12, 16)
    scan = Scan("example", dataset := example_dataset(shape=(12, 16)), [dataset["topography"]])
    maps = [
        add_layer(viewer_model, map_layer(scan, values, "H", "H", "m", pulse))
        for pulse, values in enumerate((size, -0.5 * size))
    ]
    session = Session.of(viewer_model)
    session.scan = scan
    maps[1].visible = True
    chosen = -4e-12, -2e-12
    button = ColourButton(session, lambda: ("H", *chosen))
    qtbot.addWidget(button)

    def ends():
        return [tuple(np.array(one.contrast_limits) * one.metadata["tesm"]["factor"]) for one in maps]

    button.take_selected()
    assert ends() == [pytest.approx((2e-12, 4e-12)), pytest.approx((-4e-12, -2e-12))]
    button.take("all")  # of both, as sizes: 0.5 to 9 pm
    assert ends() == [pytest.approx((0.5e-12, 9e-12)), pytest.approx((-9e-12, -0.5e-12))]
    button.lock_action.setChecked(False)
    button.take("all")
    assert ends() == [pytest.approx((0.5e-12, 9e-12)), pytest.approx((-4.5e-12, -0.5e-12))]
    # One that has both signs puts all on the diverging scale.
    button.lock_action.setChecked(True)
    maps[0].colormap, maps[0].data = "RdBu_r", maps[0].data - 5
    button.take("all")
    assert ends() == [pytest.approx((-4.5e-12, 4.5e-12))] * 2
    assert maps[1].colormap.name == "RdBu_r"


def marks(viewer):
    return [layer for layer in viewer.layers if role_of(layer.metadata).get("kind") == "marks"]


def drag(qtbot, canvas, axes, start, stop):
    """Drag with the mouse from one place of the axes to another, in their coordinates."""
    ratio = canvas.device_pixel_ratio

    def at(place):
        x, y = axes.transData.transform(place)
        return QPoint(round(x / ratio), round(canvas.height() - y / ratio))

    qtbot.mousePress(canvas, Qt.MouseButton.LeftButton, pos=at(start))
    for part in np.linspace(0, 1, 6):
        qtbot.mouseMove(canvas, at(np.add(start, part * np.subtract(stop, start))))
    qtbot.mouseRelease(canvas, Qt.MouseButton.LeftButton, pos=at(stop))
    qtbot.wait(80)


@pytest.mark.display
def test_a_range_dragged_in_a_plot_marks_its_pixels_on_the_map_and_gives_its_colours(viewer, qtbot):
    scan = Scan("example", dataset := example_dataset(shape=(12, 16)), [dataset["topography"]])
    for layer in layers_from_scan(scan):
        add_layer(viewer, layer)
    workspace = open_workspace(viewer)
    panel = workspace.panels["Histogram"]
    workspace.tabs.setCurrentWidget(panel)
    qtbot.waitUntil(lambda: bool(panel.plot._distributions))
    qtbot.wait(80)
    low, high = panel.plot.axes.get_xlim()
    middle = panel.plot.axes.get_ylim()[1] / 2
    drag(
        qtbot,
        panel.canvas,
        panel.plot.axes,
        (low + 0.3 * (high - low), middle),
        (low + 0.6 * (high - low), middle),
    )
    (layer,) = marks(viewer)
    start, stop = panel.model.selected
    height = next(one for one in viewer.layers if one.name.startswith("H (") and one.visible)
    values = height.data * height.metadata["tesm"]["factor"]
    inside = (values >= start) & (values <= stop)
    assert 0 < inside.sum() < inside.size
    assert np.array_equal(layer.data.astype(bool), inside)
    assert panel.words.text().startswith(f"{inside.sum()} pixel")

    panel.log_box.click()  # the range stays, on the other axis
    qtbot.wait(60)
    assert np.array_equal(marks(viewer)[0].data.astype(bool), inside)
    panel.log_box.click()
    qtbot.wait(60)
    panel.colour_button.take_selected()
    factor = height.metadata["tesm"]["factor"]
    assert np.array(height.contrast_limits) * factor == pytest.approx((start, stop))
    alike = [
        one for one in viewer.layers
        if role_of(one.metadata).get("map") == "H" and one.colormap.name == height.colormap.name
    ]  # fmt: skip
    assert all(tuple(one.contrast_limits) == tuple(height.contrast_limits) for one in alike)

    drag(
        qtbot,
        panel.canvas,
        panel.plot.axes,
        (low + 0.5 * (high - low), middle),
        (low + 0.5 * (high - low), middle),
    )
    assert not marks(viewer)
    assert panel.model.selected is None

    compare = workspace.panels["Compare"]
    workspace.tabs.setCurrentWidget(compare)
    qtbot.wait(120)
    high = compare.plot.axes.get_xlim()[1]
    drag(qtbot, compare.canvas, compare.plot.axes, (0.3 * high, 0.1 * high), (0.95 * high, 0.97 * high))
    (layer,) = marks(viewer)
    first, second = (np.abs(compare.model.heights()[n]) for n in (compare.model.first, compare.model.second))
    shown = compare.plot._factor * high
    inside = (first > 0.3 * shown) & (first < 0.95 * shown) & (second > 0.1 * shown) & (second < 0.97 * shown)
    # To the pixel of the screen that the mouse was on.
    assert np.mean(layer.data.astype(bool) != inside) < 0.08
    assert layer.data.any()
    workspace.tabs.setCurrentWidget(workspace.panels["Fit"])
    qtbot.wait(80)
    assert not marks(viewer)
