"""The switch that watches a recording: maps grow on the canvas, and the end is the fit of the whole file."""

import numpy as np
import pytest

pytest.importorskip("qtpy")
from test_watching import MAPPING, TRACES, hdf5

from napari_tesm import fit, open_dataset
from napari_tesm.evaluation.recipe import Recipe
from napari_tesm.gui.dock import open_workspace
from napari_tesm.gui.layers.scan_layers import add_layer, layers_from_scan
from napari_tesm.gui.models.scan import Scan, role_of, scans_from_path
from napari_tesm.io import rehearsal

pytestmark = pytest.mark.display


def test_maps_grow_with_the_recording_and_the_whole_of_it_is_fitted_in_the_end(
    viewer, qtbot, tmp_path, monkeypatch
):
    monkeypatch.setattr(rehearsal, "_rehearsing", True)
    path = tmp_path / "scan.h5"
    path.with_suffix(".yaml").write_text(MAPPING)
    stored, flush = hdf5(path)
    stored[:, :2] = TRACES[:, :2]
    flush()
    [scan] = scans_from_path(path)
    for layer in layers_from_scan(scan):
        add_layer(viewer, layer)
    workspace = open_workspace(viewer)
    panel = workspace.panels["Scans"]
    workspace.tabs.setCurrentWidget(panel)
    qtbot.wait(50)
    switch = panel.watch_button
    switch.idle = 2.0
    scan.enter(tip_radius=30e-9)
    switch.click()

    def rows_with_values():
        layers = [layer for layer in viewer.layers if role_of(layer.metadata).get("kind") == "preview"]
        return [] if not layers else np.isfinite(layers[-1].data).any(axis=1).nonzero()[0].tolist()

    qtbot.waitUntil(lambda: rows_with_values() == [0, 1], timeout=20_000)
    # H was looked at, and it is what grows.
    previews = [layer for layer in viewer.layers if role_of(layer.metadata).get("kind") == "preview"]
    assert [(one.metadata["tesm"]["map"], one.visible) for one in previews] == [("H", True)]
    stored[:, 2] = TRACES[:, 2]
    stored[:, 3, :2] = TRACES[:, 3, :2]
    flush()
    qtbot.waitUntil(lambda: rows_with_values() == [0, 1, 2], timeout=20_000)
    assert "6 of 12 lines" in panel.words.text()
    # What is there can be looked at while the file is another one every moment.
    np.testing.assert_array_equal(scan.dataset["displacement"].values[:, 2], TRACES[:, 2])
    stored[:, 3:] = TRACES[:, 3:]
    flush()
    qtbot.waitUntil(lambda: not switch.isChecked(), timeout=30_000)
    assert "fitted as a whole" in panel.words.text()
    assert rows_with_values() == []
    whole = fit(open_dataset(path), tip_radius="30 nm")
    for name in ("H", "tau1", "D2", "status1"):
        np.testing.assert_array_equal(scan.maps[name].values, whole[name].values)
    switch.click()
    assert switch.isChecked()
    switch.click()
    qtbot.waitUntil(lambda: "No longer watching" in panel.words.text(), timeout=10_000)


def test_what_cannot_grow_is_refused_in_a_sentence(viewer, qtbot):
    from examples import example_dataset

    workspace = open_workspace(viewer)
    panel = workspace.panels["Scans"]
    panel.watch_button.click()
    assert not panel.watch_button.isChecked()
    for layer in layers_from_scan(Scan("made up", example_dataset(), recipe=Recipe())):
        add_layer(viewer, layer)
    qtbot.wait(50)
    panel.watch_button.click()
    assert not panel.watch_button.isChecked()
    assert "lies in no file" in panel.words.text()
