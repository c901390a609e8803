"""One dock of each kind, whoever opens it, and a wheel that changes nothing in passing."""

import pytest
from examples import example_dataset
from qtpy.QtCore import QPoint, QPointF, Qt
from qtpy.QtGui import QWheelEvent
from qtpy.QtWidgets import QAbstractSpinBox, QApplication, QComboBox

from napari_tesm.gui.dock import open_import, open_workspace
from napari_tesm.gui.layers.scan_layers import add_layer, layers_from_scan
from napari_tesm.gui.models.scan import Scan

pytestmark = pytest.mark.display


def add_scan(viewer, scan):
    for layer in layers_from_scan(scan):
        add_layer(viewer, layer)


def docks(viewer):
    return sorted(name for name in viewer.window.dock_widgets if "t-ESM" in name)


def menu_action(viewer, command):
    from napari._app_model import get_app_model

    get_app_model().commands.execute_command(command).result()


def wheel_event(where, on_screen):
    return QWheelEvent(
        where, on_screen, QPoint(0, 0), QPoint(0, -120),
        Qt.MouseButton.NoButton, Qt.KeyboardModifier.NoModifier, Qt.ScrollPhase.NoScrollPhase, False,
    )  # fmt: skip


def turn_wheel(widget):
    """Turn the wheel over the middle of a widget, as the window system would."""
    window, middle = widget.window(), widget.rect().center()
    event = wheel_event(QPointF(widget.mapTo(window, middle)), QPointF(widget.mapToGlobal(middle)))
    QApplication.sendEvent(window.windowHandle(), event)


def entries_of(widget):
    kinds = (QComboBox, QAbstractSpinBox)
    return [entry for kind in kinds for entry in widget.findChildren(kind)]


def value_of(entry):
    return entry.currentIndex() if isinstance(entry, QComboBox) else entry.value()


@pytest.fixture
def workspace(viewer, qtbot):
    add_scan(viewer, Scan("example", example_dataset(shape=(6, 9))))
    widget = open_workspace(viewer)
    qtbot.wait(100)
    return widget


def test_code_and_menu_open_the_same_workspace(viewer, workspace, qtbot):
    assert docks(viewer) == ["t-ESM workspace (t-ESM)"]
    menu_action(viewer, "napari-tesm.workspace")  # napari's menu shows or hides what is there
    qtbot.wait(50)
    assert docks(viewer) == ["t-ESM workspace (t-ESM)"]
    assert not workspace.isVisible()
    assert open_workspace(viewer) is workspace
    assert workspace.isVisible()


def test_a_dropped_recording_and_the_menu_open_the_same_form(viewer, qtbot):
    menu_action(viewer, "napari-tesm.import")
    qtbot.wait(50)
    (name,) = docks(viewer)
    assert open_import(viewer) is viewer.window.dock_widgets[name]
    assert len(docks(viewer)) == 1


def test_a_second_workspace_hides_the_first(viewer, workspace, qtbot):
    _, second = viewer.window.add_plugin_dock_widget("napari-tesm", "t-ESM workspace")
    qtbot.wait(100)
    assert second is not workspace
    assert [widget.isVisible() for widget in (workspace, second)] == [False, True]
    assert second.scan is not None


def test_the_wheel_changes_no_entry_without_the_focus(viewer, workspace, qtbot):
    workspace.protocol_button.setChecked(True)  # its form is made only now
    import_form = open_import(viewer)
    qtbot.wait(100)
    entries = [entry for form in (workspace, import_form) for entry in entries_of(form)]
    turned = 0
    for tab in range(workspace.tabs.count()):
        workspace.tabs.setCurrentIndex(tab)
        qtbot.wait(30)
        for entry in entries:
            if entry.isVisible() and not entry.hasFocus():
                before = value_of(entry)
                turn_wheel(entry)
                assert value_of(entry) == before, entry.toolTip()
                turned += 1
    assert turned > 20


def test_a_wheel_that_turns_nothing_is_left_to_the_form_and_the_focus_makes_it_turn(workspace, monkeypatch):
    box = workspace.trace.size_box
    chosen = box.currentIndex()
    middle = QPointF(box.rect().center())
    event = wheel_event(middle, QPointF(box.mapToGlobal(box.rect().center())))
    QApplication.sendEvent(box, event)
    assert not event.isAccepted()  # Qt hands such a one to what is around the entry
    assert box.currentIndex() == chosen
    monkeypatch.setattr(
        box, "hasFocus", lambda: True
    )  # no window has it on a screen without a window manager
    turn_wheel(box)
    assert box.currentIndex() == chosen + 1


def test_docks_of_the_plugin_share_one_place(viewer, workspace, qtbot):
    dock, _ = viewer.window.add_plugin_dock_widget("napari-tesm", "Electrode volume")
    qtbot.wait(150)
    window = viewer.window._qt_window
    assert workspace.parentWidget() in window.tabifiedDockWidgets(dock)
    for tab in range(workspace.tabs.count()):
        workspace.tabs.setCurrentIndex(tab)
        qtbot.wait(60)
    dock.hide()
    qtbot.wait(60)
    # 1280 × 800 pixels with type of 125 %, less the title of the window; more would stay for good.
    assert workspace.minimumSizeHint().width() <= 396
    assert workspace.parentWidget().minimumWidth() <= 398
    assert window.minimumSizeHint().height() <= 622
    dock.show()
    qtbot.wait(60)
    import_form = open_import(viewer)
    qtbot.wait(100)
    assert import_form.parentWidget() in window.tabifiedDockWidgets(dock)
    assert import_form.isVisible()
