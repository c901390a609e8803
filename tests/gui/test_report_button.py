"""“Report…” in a real napari window: made in the background, opened, stopped, refused in a sentence."""

import json

import pytest

pytest.importorskip("qtpy")
from qtpy.QtCore import Qt

from napari_tesm.gui.dock import open_workspace
from napari_tesm.gui.panels.report_button import QDesktopServices, suggested_folder
from napari_tesm.interface import fit
from napari_tesm.regions.shapes import PinnedPoint
from napari_tesm.report.sections import points, summary

pytestmark = pytest.mark.display


@pytest.fixture
def opened(viewer, qtbot, example_scan, monkeypatch):
    """Workspace and scan, the sections cut down to two, and what was said and opened."""
    from napari_tesm.gui.layers.scan_layers import add_layer, layers_from_scan

    for layer in layers_from_scan(example_scan):
        add_layer(viewer, layer)
    workspace = open_workspace(viewer)
    qtbot.wait(150)
    said, shown = [], []
    two = {"summary": summary.section_from_data, "points": points.section_from_data}
    monkeypatch.setattr("napari_tesm.report.assembling.section_functions", lambda: two)
    monkeypatch.setattr("napari_tesm.gui.panels.report_button.say", lambda text, **_: said.append(text))
    monkeypatch.setattr(QDesktopServices, "openUrl", lambda url: shown.append(url.toLocalFile()) or True)
    return workspace, example_scan, said, shown


def test_a_click_makes_the_report_and_opens_it(opened, qtbot, tmp_path, monkeypatch):
    workspace, scan, said, shown = opened
    scan.set_points([PinnedPoint(1, 55e-9, 36e-9)])
    folder = tmp_path / "R"
    monkeypatch.setattr(
        "napari_tesm.gui.panels.widgets.QFileDialog.getSaveFileName", lambda *_: (str(folder), "")
    )
    assert workspace.report_button.isVisible()
    qtbot.mouseClick(workspace.report_button, Qt.MouseButton.LeftButton)
    assert workspace.report_button.worker.running
    assert workspace.report_button.text().startswith("Stop")
    qtbot.waitUntil(lambda: not workspace.report_button.worker.running, timeout=30000)
    assert shown == [str(folder / "report.html")]
    assert said == [f"The report is in {folder / 'report.html'}"]
    assert workspace.report_button.text() == "Report…"
    numbers = json.loads((folder / "numbers.json").read_text())
    assert numbers["sections"]["points"]["groups"] == {"points": [1]}
    assert len(numbers["sections"]["summary"]["pulses"]) == 2


def test_maps_that_are_there_are_not_fitted_again(opened, qtbot, tmp_path, monkeypatch):
    workspace, scan, said, _ = opened
    scan.set_results(fit(scan.dataset, recipe=scan.recipe))

    def never(*_, **__):
        raise AssertionError("fitted again")

    monkeypatch.setattr("napari_tesm.report.gathering.run", never)
    workspace.report_button.make(tmp_path / "R")
    qtbot.waitUntil(lambda: not workspace.report_button.worker.running, timeout=30000)
    assert said[-1].startswith("The report is in")


def test_a_second_click_stops_it_and_nothing_is_written(opened, qtbot, tmp_path):
    workspace, _, said, shown = opened
    workspace.report_button.make(tmp_path / "R")
    qtbot.mouseClick(workspace.report_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: not workspace.report_button.worker.running, timeout=30000)
    assert said == ["The report was stopped; nothing was written"]
    assert shown == []
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_there_is_refused_and_the_next_name_proposed(opened, tmp_path):
    workspace, scan, said, _ = opened
    scan.path = tmp_path / "scan.gwy"
    (tmp_path / "scan_report").mkdir()
    workspace.report_button.make(tmp_path / "scan_report")
    assert not workspace.report_button.worker.running
    assert said[0].startswith("No report: ")
    assert "exists already" in said[0]
    assert suggested_folder(scan) == tmp_path / "scan_report_2"


def test_a_report_that_fails_is_a_sentence(opened, qtbot, tmp_path, monkeypatch):
    workspace, _, said, _ = opened

    def full(*_, **__):
        raise OSError("the disk is full")

    monkeypatch.setattr("napari_tesm.report.writing.write_report", full)
    workspace.report_button.make(tmp_path / "R")
    qtbot.waitUntil(lambda: not workspace.report_button.worker.running, timeout=30000)
    assert said == ["No report: the disk is full"]


def test_all_open_scans_make_one_report_with_what_each_has(opened, qtbot, tmp_path, monkeypatch):
    from examples import example_dataset

    from napari_tesm.gui.layers.scan_layers import add_layer, layers_from_scan
    from napari_tesm.gui.models.scan import Scan

    workspace, first, said, _ = opened
    second = Scan(
        "other voltage", example_dataset(shape=(12, 16)).assign_coords(voltage=("pulse", [5.0, -5.0])), []
    )
    for layer in layers_from_scan(second):
        add_layer(workspace.viewer, layer)
    qtbot.wait(150)
    folders = iter([tmp_path / "all", tmp_path / "one"])
    monkeypatch.setattr(
        "napari_tesm.gui.panels.widgets.QFileDialog.getSaveFileName",
        lambda *_: (str(next(folders)), ""),
    )
    made = []
    button = workspace.report_button
    for number in (1, 0):
        qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
        assert not button.worker.running  # which scans, is asked first
        button.choices.actions()[number].trigger()
        button.choices.close()
        qtbot.waitUntil(lambda: not button.worker.running, timeout=30000)
    for folder in ("all", "one"):
        numbers = json.loads((tmp_path / folder / "numbers.json").read_text())
        made.append([pulse["scan"] for pulse in numbers["sections"]["summary"]["pulses"]])
    assert made[0] == [first.name, first.name, second.name, second.name]
    assert made[1] == [workspace.scan.name] * 2
    assert [words.startswith("The report is in") for words in said] == [True, True]
