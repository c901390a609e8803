"""The workspace in a real napari window, used with mouse and keys."""

from dataclasses import replace

import numpy as np
import pytest
from examples import example_dataset

pytest.importorskip("qtpy")
from canvas_mouse import CanvasMouse
from napari.utils.notifications import notification_manager
from qtpy.QtCore import QPoint, Qt
from qtpy.QtWidgets import QApplication

from napari_tesm import open_dataset, save
from napari_tesm.data.protocol import PulseProtocol
from napari_tesm.files.sentences import Sentence
from napari_tesm.gui.dock import open_workspace
from napari_tesm.gui.layers.session import Session
from napari_tesm.gui.models.scan import Scan, scans_from_path

pytestmark = pytest.mark.display


def settle(qtbot, milliseconds=60):
    qtbot.wait(milliseconds)


def add_scan(viewer, scan):
    from napari_tesm.gui.layers.scan_layers import add_layer, layers_from_scan

    for layer in layers_from_scan(scan):
        add_layer(viewer, layer)
    viewer.reset_view()


def world_of(scan, row, column):
    display = scan.display
    return (
        display.origin[0] + row * display.spacing[0],
        display.origin[1] + column * display.spacing[1],
    )


@pytest.fixture
def opened(viewer, qtbot, example_scan):
    """Viewer, workspace and scan, drawn and at rest."""
    add_scan(viewer, example_scan)
    workspace = open_workspace(viewer)
    settle(qtbot, 150)
    return viewer, workspace, example_scan


def callbacks_of(viewer, scan):
    """Count everything that would be called when viewer or scan change."""
    emitters = [viewer.layers.events, viewer.dims.events, viewer.events, viewer.layers.selection.events]
    emitters += [layer.events for layer in viewer.layers]
    napari_callbacks = sum(
        len(emitter.callbacks) for group in emitters for emitter in group.emitters.values()
    )
    mouse = sum(
        len(callbacks)
        for owner in (viewer, *viewer.layers)
        for callbacks in (owner.mouse_move_callbacks, owner.mouse_drag_callbacks, owner.mouse_wheel_callbacks)
    )
    signals = (
        scan.dataset_changed, scan.recipe_changed, scan.results_changed, scan.probe_changed, scan.points_changed,
        scan.regions_changed, scan.time_changed, Session.of(viewer).scan_changed, Session.of(viewer).layers_changed,
    )  # fmt: skip
    return napari_callbacks, mouse, sum(len(signal) for signal in signals)


def test_the_workspace_shows_the_scan_that_is_there(opened):
    _, workspace, scan = opened
    assert workspace.scan is scan
    assert workspace.summary.text().replace("\N{NO-BREAK SPACE}", " ") == scan.summary()
    assert "16 × 12 px" in scan.summary()
    assert "-3 V" in scan.summary()


def test_hovering_shows_the_trace_under_the_mouse(opened, qtbot):
    viewer, workspace, scan = opened
    mouse = CanvasMouse(viewer)
    for pixel in ((3, 4), (8, 12)):
        mouse.move(world_of(scan, *pixel))
        settle(qtbot)
        assert scan.probe == pixel
        curves = workspace.trace.plot._curves
        assert np.array_equal(curves[0].values, scan.dataset["displacement"].values[0, *pixel])
    assert workspace.trace.table.shown.rowCount() == 2
    assert "τ" in workspace.trace.table.shown.columns[2].head


def test_a_click_pins_and_a_drag_does_not(opened, qtbot):
    viewer, workspace, scan = opened
    mouse = CanvasMouse(viewer)
    mouse.click(world_of(scan, 2, 5))
    mouse.drag(world_of(scan, 8, 3), world_of(scan, 9, 9))
    settle(qtbot)
    assert [scan.pixel_of(point.x, point.y) for point in scan.points] == [(2, 5)]
    layer = Session.of(viewer).layers_of(scan, "points")[0]
    assert len(layer.data) == 1
    marker = layer.face_color[0]
    assert np.allclose(
        marker[:3] * 255, [int(scan.points[0].colour[i : i + 2], 16) for i in (1, 3, 5)], atol=1
    )
    assert any(
        curve.number == 1 and curve.colour == scan.points[0].colour for curve in workspace.trace.plot._curves
    )


def test_after_a_click_that_pins_the_keys_for_undo_work_on_the_canvas(opened, qtbot):
    viewer, workspace, scan = opened
    mouse = CanvasMouse(viewer)
    mouse.click(world_of(scan, 3, 5))
    mouse.click(world_of(scan, 6, 2))
    settle(qtbot)
    assert [point.number for point in scan.points] == [1, 2]
    control = Qt.KeyboardModifier.ControlModifier
    for modifiers, left in (
        (control, 1),
        (control | Qt.KeyboardModifier.ShiftModifier, 2),
        (control, 1),
        (control, 0),
    ):
        qtbot.keyClick(mouse.native, Qt.Key.Key_Z, modifiers)
        settle(qtbot)
        assert len(scan.points) == left
    workspace.parentWidget().hide()
    assert not any("Z" in str(key) for key in viewer.keymap), "without the workspace the keys are napari's"


def test_a_sentence_on_the_last_fit_moves_no_entry(opened, qtbot):
    _, workspace, scan = opened
    scan.set_results(workspace.fit_panel.model.fit(jobs=1, progress=lambda *_: None))
    settle(qtbot, 120)
    entry = workspace.fit_panel.form.kernel.native
    before = entry.mapTo(workspace, entry.rect().topLeft())
    scan.set_recipe(replace(scan.recipe, threshold=0.4))
    settle(qtbot, 120)
    assert workspace.notice.isVisible()
    assert entry.mapTo(workspace, entry.rect().topLeft()) == before


def test_shift_click_pins_the_mean_of_the_neighbourhood(opened, qtbot):
    viewer, workspace, scan = opened
    CanvasMouse(viewer).click(world_of(scan, 5, 5), Qt.KeyboardModifier.ShiftModifier)
    settle(qtbot)
    assert [point.size for point in scan.points] == [3]
    curve = next(curve for curve in workspace.trace.plot._curves if curve.number == 1)
    block = scan.dataset["displacement"].values[curve.pulse, 4:7, 4:7].reshape(9, -1)
    assert np.allclose(curve.values, block.mean(axis=0), atol=0)
    assert np.allclose(curve.spread, block.std(axis=0, ddof=1), atol=0)


def test_no_pin_while_a_drawing_tool_is_active(opened, qtbot):
    viewer, _, scan = opened
    regions = Session.of(viewer).layers_of(scan, "regions")[0]
    viewer.layers.selection.active = regions
    regions.mode = "add_rectangle"
    CanvasMouse(viewer).drag(world_of(scan, 2, 2), world_of(scan, 6, 8))
    settle(qtbot)
    assert scan.points == []
    assert len(regions.data) == 1


def test_keys_move_pin_jump_and_remove(opened, qtbot):
    viewer, workspace, scan = opened
    CanvasMouse(viewer).move(world_of(scan, 4, 4))
    settle(qtbot)
    panel = workspace.trace
    panel.setFocus()
    qtbot.keyClick(panel, Qt.Key.Key_Space)
    assert [point.number for point in scan.points] == [1]
    qtbot.keyClick(panel, Qt.Key.Key_Right)
    qtbot.keyClick(panel, Qt.Key.Key_Down)
    assert scan.pixel_of(scan.points[0].x, scan.points[0].y) == (5, 5)
    scan.look_at((0, 0))
    qtbot.keyClick(panel, Qt.Key.Key_1)
    assert scan.probe == (5, 5)
    qtbot.keyClick(panel, Qt.Key.Key_Delete)
    settle(qtbot)
    assert scan.points == []
    assert len(Session.of(viewer).layers_of(scan, "points")[0].data) == 0


def test_moving_a_marker_with_naparis_own_tool_moves_its_point(opened, qtbot):
    viewer, _, scan = opened
    mouse = CanvasMouse(viewer)
    mouse.click(world_of(scan, 3, 3))
    settle(qtbot)
    points = Session.of(viewer).layers_of(scan, "points")[0]
    viewer.layers.selection.active = points
    points.mode = "select"
    settle(qtbot)
    mouse.drag(world_of(scan, 3, 3), world_of(scan, 9, 10), steps=8)
    settle(qtbot)
    assert [scan.pixel_of(point.x, point.y) for point in scan.points] == [(9, 10)]
    assert scan.points[0].number == 1


def test_dragging_a_window_edge_in_the_plot_changes_the_recipe(opened, qtbot):
    viewer, workspace, scan = opened
    CanvasMouse(viewer).move(world_of(scan, 4, 4))
    settle(qtbot)
    canvas, plot = workspace.trace.canvas, workspace.trace.plot
    axes = next(
        axes for axes in plot.figure.axes[1:] if axes.get_visible()
    )  # a small window has no room for all
    ratio = canvas.devicePixelRatioF()

    def place(milliseconds):
        x, y = axes.transData.transform((milliseconds, np.mean(axes.get_ylim())))
        return QPoint(round(x / ratio), round((canvas.figure.bbox.height - y) / ratio))

    edge = 10.0
    qtbot.mouseMove(canvas, place(edge))
    qtbot.mousePress(canvas, Qt.MouseButton.LeftButton, pos=place(edge))
    for milliseconds in (10.5, 11.5, 12.5):
        qtbot.mouseMove(canvas, place(milliseconds))
        QApplication.processEvents()
    qtbot.mouseRelease(canvas, Qt.MouseButton.LeftButton, pos=place(12.5))
    settle(qtbot)
    moved = [window for window in (scan.recipe.window1, scan.recipe.window2) if window is not None]
    assert len(moved) == 1
    assert any(abs(edge - 12.5e-3) < 0.4e-3 for edge in (moved[0].start, moved[0].stop or 0))


def test_what_is_missing_is_asked_for_and_the_layers_follow(viewer, qtbot):
    dataset = example_dataset(shape=(6, 9), protocol=PulseProtocol(), voltage=(np.nan, np.nan))
    scan = Scan("unknown", dataset, [dataset["topography"]])
    add_scan(viewer, scan)
    workspace = open_workspace(viewer)
    settle(qtbot, 150)
    assert workspace.form.isVisible()
    answers = {"pulse_start": "0 ms", "pulse_duration": "10 ms", "voltage_1": "+3 V", "voltage_2": "-3 V"}
    for name, text in answers.items():
        entry = workspace.form.entry(name)
        entry.clear()
        qtbot.keyClicks(entry, text)
    qtbot.mouseClick(workspace.form.apply_button, Qt.MouseButton.LeftButton)
    settle(qtbot, 100)
    names = [layer.name for layer in viewer.layers]
    assert names.count("H (-3 V)") == 1
    assert names.count("Traces (+3 V)") == 1
    assert "Traces" not in names
    assert names[-2:] == ["Regions", "Points"]
    assert not workspace.form.isVisible()


def test_a_wrong_answer_is_said_and_changes_nothing(viewer, qtbot):
    scan = Scan("unknown", example_dataset(shape=(3, 4), protocol=PulseProtocol()), [])
    add_scan(viewer, scan)
    workspace = open_workspace(viewer)
    settle(qtbot, 150)
    before = scan.dataset
    qtbot.keyClicks(workspace.form.entry("pulse_start"), "soon")
    qtbot.mouseClick(workspace.form.apply_button, Qt.MouseButton.LeftButton)
    assert "soon" in workspace.form.message.text()
    assert scan.dataset is before


def test_opening_and_closing_twenty_times_leaves_no_callback(opened, qtbot):
    viewer, workspace, scan = opened
    dock = viewer.window._wrapped_dock_widgets["t-ESM workspace (t-ESM)"]
    dock.hide()
    settle(qtbot)
    before = callbacks_of(viewer, scan)
    for _ in range(20):
        dock.show()
        for index in range(workspace.tabs.count()):
            workspace.tabs.setCurrentIndex(index)
        QApplication.processEvents()
        dock.hide()
        QApplication.processEvents()
    settle(qtbot, 100)
    assert callbacks_of(viewer, scan) == before
    assert not Session.of(viewer).is_attached


@pytest.mark.parametrize(
    ("tab", "after"), [("Regions", "Regions"), ("Fit", "Profile"), ("Histogram", "Profile")]
)
def test_a_line_shows_its_profile_but_to_whom_draws_regions(opened, qtbot, tab, after):
    _, workspace, _ = opened
    workspace.tabs.setCurrentWidget(workspace.panels[tab])
    settle(qtbot)
    workspace.panels["Profile"].profile_wanted.emit()
    assert workspace.tabs.currentWidget() is workspace.panels[after]


def test_deleting_any_layer_while_everything_is_open_raises_nothing(opened, qtbot):
    viewer, workspace, scan = opened
    CanvasMouse(viewer).click(world_of(scan, 4, 4))
    for index in range(workspace.tabs.count()):
        workspace.tabs.setCurrentIndex(index)
        settle(qtbot, 30)
    while len(viewer.layers):
        viewer.layers.remove(viewer.layers[-1])
        settle(qtbot, 30)
    assert workspace.scan is None
    assert "Drop" in workspace.summary.text()


@pytest.mark.parametrize("shape", [(1, 1), (1, 6)])
def test_one_pixel_and_one_line_work_in_every_tab(viewer, qtbot, shape):
    scan = Scan("tiny", example_dataset(shape=shape), [])
    add_scan(viewer, scan)
    workspace = open_workspace(viewer)
    scan.look_at((0, 0))
    for index in range(workspace.tabs.count()):
        workspace.tabs.setCurrentIndex(index)
        settle(qtbot, 40)
    assert len(workspace.trace.plot._curves) == 2


def test_traces_without_a_finite_value_work_in_every_tab(viewer, qtbot):
    dataset = example_dataset(shape=(4, 5))
    dataset["displacement"] = dataset["displacement"].copy(
        data=np.full(dataset["displacement"].shape, np.nan)
    )
    scan = Scan("nothing", dataset, [])
    add_scan(viewer, scan)
    workspace = open_workspace(viewer)
    scan.look_at((2, 2))
    for index in range(workspace.tabs.count()):
        workspace.tabs.setCurrentIndex(index)
        settle(qtbot, 40)


def test_both_themes_and_a_larger_font_are_drawn(opened, qtbot):
    viewer, workspace, scan = opened
    scan.look_at((3, 3))
    for theme in ("light", "dark"):
        viewer.theme = theme
        settle(qtbot, 60)
        face = workspace.trace.canvas.figure.get_facecolor()
        assert (sum(face[:3]) > 1.5) == (theme == "light")


def test_notes_and_refusals_name_the_places_in_the_forms(viewer, qtbot, example_scan):
    example_scan.notes = [Sentence("give {time_unit}")]
    add_scan(viewer, example_scan)
    before = len(notification_manager.records)
    workspace = open_workspace(viewer)
    settle(qtbot, 150)
    said = [str(record.message) for record in notification_manager.records[before:]]
    assert said == ["Example: give Protocol → Unit of the time axis"]
    refusal = ValueError(Sentence("{why}: give {pulse_start}", why=Sentence("no {voltage}")))
    words = "No Protocol → Pulse voltage: give Protocol → Pulse starts at"
    workspace.panels["Regions"].tell(refusal)
    assert workspace.panels["Regions"].message.text() == words
    workspace.trace.sentence.setText(refusal)
    assert workspace.trace.sentence.text() == f"no{words[2:]}"


def test_saving_and_reopening_restores_the_work(opened, qtbot, tmp_path):
    viewer, workspace, scan = opened
    CanvasMouse(viewer).click(world_of(scan, 4, 7))
    settle(qtbot)
    assert workspace.save_to(tmp_path / "work.gwy")
    (again,) = scans_from_path(tmp_path / "work.gwy")
    assert again.points == scan.points
    assert np.array_equal(
        open_dataset(tmp_path / "work.gwy")["displacement"].values, scan.dataset["displacement"]
    )


def test_saving_over_the_source_is_refused_in_a_sentence(viewer, qtbot, tmp_path, monkeypatch):
    from napari_tesm.gui.panels import workspace as module

    path = tmp_path / "source.gwy"
    save(path, example_dataset(shape=(3, 4)))
    content = path.read_bytes()
    (scan,) = scans_from_path(path)
    add_scan(viewer, scan)
    workspace = open_workspace(viewer)
    settle(qtbot, 100)
    said = []
    monkeypatch.setattr(module, "say", lambda text, **_: said.append(text))
    assert not workspace.save_to(path)
    assert path.read_bytes() == content
    assert len(said) == 1
    assert "Not saved" in said[0]


def test_what_the_file_holds_and_nobody_understands_is_said_once(viewer, qtbot, tmp_path, monkeypatch):
    from napari_tesm.gwy import metadata_container, put, read_container, write_container

    path = tmp_path / "odd.gwy"
    save(path, example_dataset(shape=(5, 6)))
    container = read_container(path)
    put(container, "/0/meta", metadata_container({"Regions": "[not JSON"}), "o")
    other = tmp_path / "odder.gwy"
    write_container(other, container)
    said = []
    monkeypatch.setattr("napari_tesm.gui.panels.workspace.say", lambda text, **_: said.append(text))
    (scan,) = scans_from_path(other)
    add_scan(viewer, scan)
    workspace = open_workspace(viewer)
    settle(qtbot, 100)
    workspace.refresh()
    assert len(said) == 1
    assert said[0].startswith("odder: the regions in the file")


def test_dropping_a_file_opens_layers_and_the_workspace(viewer, qtbot, tmp_path):
    path = tmp_path / "scan.gwy"
    save(path, example_dataset(shape=(5, 6)))
    viewer.open(str(path), plugin=None)
    qtbot.waitUntil(
        lambda: any("t-ESM" in name for name in viewer.window._wrapped_dock_widgets), timeout=3000
    )
    assert {layer.name for layer in viewer.layers} >= {"H (-3 V)", "Traces (+3 V)", "Regions", "Points"}


def test_every_sample_opens(viewer, qtbot):
    for key in ("si-c-step", "hopg", "silicon-wafer"):
        viewer.open_sample("napari-tesm", key)
        settle(qtbot, 50)
    assert len(Session.of(viewer).scans) == 3
