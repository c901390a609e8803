"""What can be done with every plot of the workspace: printed, copied, enlarged and brought back."""

import numpy as np
import pytest
from examples import example_dataset

pytest.importorskip("qtpy")
from imageio.v3 import imread
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QApplication

from napari_tesm import fit
from napari_tesm.gui.dock import open_workspace
from napari_tesm.gui.layers.result_layers import add_result_layers
from napari_tesm.gui.layers.scan_layers import add_layer, layers_from_scan
from napari_tesm.gui.layers.session import Session
from napari_tesm.gui.models.scan import Scan

pytestmark = pytest.mark.display


@pytest.fixture
def workspace(viewer, qtbot):
    """The workspace of a fitted scan with a pinned point, the Histogram tab open."""
    dataset = example_dataset(shape=(12, 16))
    scan = Scan("example", dataset, [dataset["topography"]])
    for layer in layers_from_scan(scan):
        add_layer(viewer, layer)
    widget = open_workspace(viewer)
    maps = fit(dataset, tip_radius="25 nm")
    add_result_layers(Session.of(viewer), scan, maps)
    scan.set_results(maps)
    scan.pin((3, 4))
    widget.tabs.setCurrentWidget(widget.panels["Histogram"])
    qtbot.wait(100)
    return widget


def menus_of(workspace):
    return {
        menu.title: menu
        for panel in (workspace.trace, *workspace.panels.values())
        if (menu := panel.plot_menu) is not None
    }


def test_every_tab_with_a_plot_has_a_menu(workspace):
    assert set(menus_of(workspace)) == {"Traces", "Profile", "Histogram", "Comparison", "Grains", "Series"}


def test_a_plot_is_saved_as_for_print_and_stays_as_it_is_on_the_screen(workspace, tmp_path, qtbot):
    trace, menu = workspace.trace, workspace.trace.plot_menu
    figure, theme = trace.canvas.figure, trace.plot.theme
    size = tuple(figure.get_size_inches())
    for width, inches in (("85mm", 85 / 25.4), ("180mm", 180 / 25.4)):
        menu.save_to(tmp_path / f"{width}.png", width)
        pixels = imread(tmp_path / f"{width}.png")
        assert pixels.shape[1] == pytest.approx(inches * 300, abs=2)
        assert (pixels[:3, :3, :3] == 255).all(), "on white"
        assert len(np.unique(pixels.reshape(-1, pixels.shape[2]), axis=0)) > 50, "with curves in it"
    menu.save_to(tmp_path / "curves.svg", "85mm")
    text = (tmp_path / "curves.svg").read_text()
    assert "time (ms)" in text, "letters stay letters"
    assert trace.plot.curves[0].values.size < text.count(" L ") + text.count("\nL "), (
        "with the samples of a curve"
    )
    menu.save_to(tmp_path / "curves.pdf", "85mm")
    assert b"/Type3" not in (tmp_path / "curves.pdf").read_bytes()
    menu.save_to(tmp_path / "of_no_kind", "85mm")
    assert (tmp_path / "of_no_kind.pdf").read_bytes().startswith(b"%PDF")
    assert tuple(figure.get_size_inches()) == size
    assert trace.plot.theme == theme


def test_a_plot_that_cannot_be_saved_says_so(workspace, tmp_path):
    from napari.utils.notifications import notification_manager

    workspace.trace.plot_menu.save_to(tmp_path / "missing" / "a.pdf", "85mm")
    assert "Not saved" in notification_manager.records[-1].message
    assert not list(tmp_path.iterdir())


def test_a_plot_is_copied(workspace):
    QApplication.clipboard().clear()
    workspace.panels["Histogram"].plot_menu.copy()
    assert QApplication.clipboard().image().width() == pytest.approx(180 / 25.4 * 300, abs=2)


def test_an_enlarged_plot_follows_the_scan_though_its_tab_is_hidden(workspace, qtbot):
    panel = workspace.panels["Histogram"]
    menu = panel.plot_menu
    menu.enlarge()
    workspace.tabs.setCurrentWidget(workspace.panels["Fit"])
    qtbot.wait(50)
    assert panel.canvas.isVisible()
    assert panel.canvas.window() is not workspace.window()
    shown = []
    panel.plot.show = lambda *_, **values: shown.append(values["name"])
    panel.scan.set_results(fit(panel.scan.dataset, tip_radius="12 nm"))
    qtbot.waitUntil(lambda: bool(shown), timeout=5000)
    menu.bring_back()
    qtbot.wait(50)
    shown.clear()
    panel.scan.set_results(fit(panel.scan.dataset, tip_radius="25 nm"))
    qtbot.wait(100)
    assert shown == [], "behind another tab it sleeps again"
    workspace.tabs.setCurrentWidget(panel)
    qtbot.wait(50)
    assert panel.canvas.isVisible()
    assert panel.canvas.window() is workspace.window()


def test_a_drag_in_an_enlarged_plot_is_taken_back_there(workspace, qtbot):
    trace, scan = workspace.trace, workspace.scan
    trace.plot_menu.enlarge()
    qtbot.wait(60)
    trace._window_dragged(1, 0.0, 7.893456e-3, True)
    assert scan.recipe.window1.stop == pytest.approx(7.893e-3, abs=1e-9), "without digits that mean nothing"
    qtbot.keyClick(trace.canvas, Qt.Key.Key_Z, modifier=Qt.KeyboardModifier.ControlModifier)
    assert scan.recipe.window1 is None
    button, canvas = trace.plot_menu.button, trace.canvas
    assert button.x() + button.width() > canvas.width() - 10, "the button is in the corner of the new size"
    trace.plot_menu.bring_back()


def test_closing_the_workspace_takes_enlarged_plots_back(workspace, qtbot):
    menu = workspace.trace.plot_menu
    menu.enlarge()
    assert menu.is_enlarged
    workspace.parentWidget().hide()
    qtbot.wait(50)
    assert not menu.is_enlarged
    workspace.parentWidget().show()
    qtbot.wait(50)
    assert workspace.trace.canvas.isVisible()


def test_a_tool_of_the_enlarged_plot_has_the_mouse_to_itself(workspace, qtbot):
    trace = workspace.trace
    trace.plot_menu.enlarge()
    qtbot.wait(100)
    times = []
    trace.plot.on_time_clicked = times.append
    canvas = trace.canvas
    middle = canvas.rect().center()
    canvas.toolbar.zoom()
    qtbot.mouseClick(canvas, Qt.MouseButton.LeftButton, pos=middle)
    assert times == []
    trace.plot_menu.bring_back()  # switches the tool off
    trace.plot_menu.enlarge()
    qtbot.wait(50)
    qtbot.mouseClick(canvas, Qt.MouseButton.LeftButton, pos=middle)
    assert len(times) == 1
    trace.plot_menu.bring_back()
