"""Pages of More: they say what the command line and the report say of the same scans, and turn the lock-in's phase."""

import csv

import numpy as np
import pytest
from examples import example_dataset

pytest.importorskip("psygnal")
from napari_tesm.cli.entry import main
from napari_tesm.data.phase import rotated_dataset
from napari_tesm.gui.layers.session import Session
from napari_tesm.gui.models.findings import FindingsModel
from napari_tesm.gui.models.fit import FitModel
from napari_tesm.gui.models.scan import Scan

ANGLE = 30.0


class Owner:
    """What the session of a viewer is to the model."""


def scan_of(dataset, name="example"):
    return Scan(name, dataset, [dataset["topography"]])


def section_of(model, page, scan, *scans):
    return model.work(page, scan, [scan, *scans])(lambda *_: None)


def with_quadrature(dataset, angle):
    """Return traces whose response lies at an angle to X, in degrees."""
    noise = np.random.default_rng(0).normal(scale=1e-14, size=dataset["displacement"].shape)
    both = dataset.assign(
        displacement_quadrature=dataset["displacement"].copy(data=noise).assign_attrs(units="m")
    )
    return rotated_dataset(both, -angle).drop_attrs(deep=False).assign_attrs(dataset.attrs)


def test_pure_diffusion_is_what_the_command_line_prints(tmp_path, capsys):
    scan, model = scan_of(example_dataset(shape=(4, 5))), FindingsModel.of(Owner())
    FitModel(scan).set(tip_radius="25 nm")
    scan.save(tmp_path / "scan.gwy")
    model.ask("noise", "5 %")
    model.ask("diffusion", "1e-13m2/s:1e-12m2/s")
    model.ask("apparent", "4e-13m2/s")
    section = section_of(model, "null", scan)
    asked = ["--noise", "5%", "--diffusion", "1e-13m2/s:1e-12m2/s", "--tip-radius", "25nm"]
    curves = tmp_path / "null.csv"
    assert main(["null", str(tmp_path / "scan.gwy"), *asked, "--csv", str(curves)]) == 0
    assert section.tables[-1].csv() == curves.read_text()
    printed = capsys.readouterr().out.splitlines()
    assert main(["null", str(tmp_path / "scan.gwy"), *asked, "--apparent", "4e-13m2/s"]) == 0
    apparent = capsys.readouterr().out.strip()
    assert section.paragraphs[0].strip() == apparent
    for sentence in "\n".join(section.paragraphs[1:]).splitlines()[-4:]:
        assert f"  {sentence}" in printed
    model.ask("diffusion", "1e-13")
    with pytest.raises(ValueError, match="range"):
        section_of(model, "null", scan)


def test_controls_are_those_that_somebody_chose_and_cycling_lays_files_over_each_other(tmp_path):
    model = FindingsModel.of(Owner())
    scan = scan_of(dataset := example_dataset(shape=(8, 9)))
    noise = np.random.default_rng(1).normal(scale=1e-12, size=dataset["displacement"].shape)
    wafer = scan_of(dataset.assign(displacement=dataset["displacement"].copy(data=noise)), "wafer")
    with pytest.raises(ValueError, match="which of the open scans"):
        model.work("controls", scan, [scan, wafer])
    model.take_control(wafer, True)
    section = section_of(model, "controls", scan, wafer)
    assert section.numbers["against"] == "example"
    assert {entry["control"] for entry in section.numbers["controls"]} == {"wafer"}
    assert {entry["verdict"] for entry in section.numbers["controls"]} == {"no response"}
    with pytest.raises(ValueError, match="control itself"):
        model.work("controls", wafer, [scan, wafer])

    paths = [tmp_path / "A.csv", tmp_path / "B.csv"]
    for factor, path in enumerate(paths, start=1):
        with path.open("w") as file:
            rows = csv.writer(file)
            rows.writerow(["Cycle", "State", "Voltage (V)", "Capacity (mAh/g)"])
            rows.writerows([1, "charge", v, factor * 1000 * v] for v in (0.0, 0.5, 1.0))
            rows.writerows([1, "discharge", 1 - v, factor * 800 * v] for v in (0.0, 0.5, 1.0))
        model.open_cycling([path])
    section = section_of(model, "cycling", scan)
    assert [cell["cycles"][0]["charge"] for cell in section.numbers["cells"]] == [1000.0, 2000.0]
    assert section.numbers["cells"][1]["cycles"][0]["efficiency"] == pytest.approx(0.8)


@pytest.mark.display
def test_the_window_turns_the_phase_and_says_what_x_holds(qtbot, viewer_model, monkeypatch):
    from qtpy.QtCore import Qt

    from napari_tesm.gui.layers.scan_layers import add_layer, layers_from_scan
    from napari_tesm.gui.models.entries import EntryModel
    from napari_tesm.gui.panels import findings_window
    from napari_tesm.gui.panels.focus_ring import FocusRing

    said = []
    monkeypatch.setattr(findings_window, "say", lambda words, **_: said.append(words))
    scan = scan_of(with_quadrature(example_dataset(shape=(6, 8)), ANGLE))
    for layer in layers_from_scan(scan):
        add_layer(viewer_model, layer)
    entries = EntryModel.of(scan)
    Session.of(viewer_model).scan = scan
    window = findings_window.FindingsWindow(viewer_model, "signal", None)
    qtbot.addWidget(window)
    window.show()
    qtbot.waitUntil(lambda: window.section is not None)
    numbers = window.section.numbers
    assert numbers["rotation"] == pytest.approx(ANGLE, abs=0.2)
    assert numbers["in_x"] == pytest.approx(np.cos(np.radians(ANGLE)) ** 2, abs=0.01)
    window.angle.setText(f"{ANGLE:g} °")
    window.angle.editingFinished.emit()
    assert scan.recipe.phase_rotation == ANGLE
    qtbot.waitUntil(lambda: window.section.numbers.get("turned_by") == ANGLE)
    assert window.section.numbers["in_x"] == pytest.approx(1, abs=0.01)
    assert entries.undo()
    assert scan.recipe.phase_rotation is None
    window.activateWindow()
    window.angle.setFocus()
    qtbot.waitUntil(window.angle.hasFocus)
    ring = window.findChild(FocusRing)
    assert not ring.isVisible()  # whoever clicks sees where
    qtbot.keyClick(window.angle, Qt.Key.Key_Tab)
    focused = window.focusWidget()
    assert focused is not window.angle
    assert ring.isVisible()
    assert ring.geometry() == focused.geometry()
    window.angle.setFocus()
    assert not ring.isVisible()
    window.angle.setText("north")
    window.angle.editingFinished.emit()
    assert len(said) == 1
    assert scan.recipe.phase_rotation is None
    window.close()
    qtbot.waitUntil(lambda: not window._worker.running)
