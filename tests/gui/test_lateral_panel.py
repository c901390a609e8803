"""Lateral diffusion taken out by mouse, in a real napari window."""

import re
from html import unescape

import numpy as np
import pytest
from lateral_truth import band_recording

pytest.importorskip("qtpy")
from qtpy.QtCore import QPoint, Qt
from test_workspace import add_scan, settle

from napari_tesm.evaluation.recipe import Recipe
from napari_tesm.findings.lateral import lateral_in_words, lateral_summary
from napari_tesm.gui.dock import open_workspace
from napari_tesm.gui.models.scan import Scan

pytestmark = pytest.mark.display


@pytest.fixture
def panel(viewer, qtbot):
    scan = Scan(
        "band", band_recording(), [], recipe=Recipe(kernel="flux-pulse", noise="white", nuisance="none")
    )
    add_scan(viewer, scan)
    panel = open_workspace(viewer).panels["Fit"]
    settle(qtbot, 100)
    return panel


def tick(qtbot, box):
    """Click on the little square of a box; a click into the void beside its words does nothing."""
    qtbot.mouseClick(box.native, Qt.MouseButton.LeftButton, pos=QPoint(8, box.native.height() // 2))


def visible_map(panel):
    (shown,) = [
        layer.metadata["tesm"]["map"]
        for kind in ("map", "preview")
        for layer in panel.session.layers_of(panel.scan, kind)
        if layer.visible
    ]
    return shown


def test_by_mouse_from_the_box_to_the_bar_and_back(panel, qtbot):
    scan, bar = panel.scan, panel.viewer.canvas.overlays
    lateral = panel.form.lateral
    tick(qtbot, lateral.box)
    assert scan.inversion is not None
    qtbot.waitUntil(lambda: not panel._preview_worker.running and not panel._preview_wanted, timeout=20_000)
    settle(qtbot, 100)
    assert visible_map(panel) == "log10_D"
    assert "Fit all takes lateral diffusion out" in panel.outcome.reasons.text()

    qtbot.mouseClick(panel.fit_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: panel.progress.value() > 500, timeout=20_000)
    before = list(panel.viewer.layers)
    qtbot.mouseClick(panel.cancel_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: not panel._fit_worker.running, timeout=10_000)
    assert scan.maps is None
    assert list(panel.viewer.layers) == before

    qtbot.mouseClick(panel.fit_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: scan.maps is not None, timeout=30_000)
    settle(qtbot, 150)
    assert visible_map(panel) == "log10_D_lateral"
    assert bar["tesm_resolution"].visible
    layer = next(layer for layer in panel.session.layers_of(scan, "map") if layer.visible)
    assert np.array_equal(np.isnan(layer.data), np.isnan(scan.maps["D_lateral"].values[1]))
    assert np.isnan(layer.data).any()
    said = unescape(re.sub("<[^>]+>", "\n", panel.outcome.reasons.text())).splitlines()
    for line in lateral_in_words(lateral_summary(scan.maps.isel(pulse=1), 1)):
        assert line.strip() in said

    index = panel.outcome.map_box.findData("log10_D")
    panel.outcome.map_box.setCurrentIndex(index)
    panel.outcome.map_box.activated.emit(index)
    settle(qtbot, 100)
    assert visible_map(panel) == "log10_D"
    assert not bar["tesm_resolution"].visible


def test_a_kernel_without_a_surface_takes_the_box_away_and_says_why(panel, qtbot):
    lateral = panel.form.lateral
    tick(qtbot, lateral.box)
    panel.form.kernel.value = "exponential"
    assert not lateral.box.enabled
    assert not lateral.box.value
    assert "does not say what happens at the surface" in lateral.box.tooltip
    panel.form.kernel.value = "clamped"
    assert lateral.box.enabled
    assert lateral.box.value
    assert panel.scan.inversion is not None
    panel.form.gates_button.setChecked(True)
    for text, prior in (("0.5:50", None), ("0.5:50nm", (0.5, 50e-9)), ("", None)):
        lateral.prior.native.selectAll()
        qtbot.keyClicks(lateral.prior.native, text)
        if not text:
            qtbot.keyClick(lateral.prior.native, Qt.Key.Key_Delete)
        assert panel.scan.inversion.prior == prior
        assert bool(panel.model.message) == (text == "0.5:50")
    lateral.prior.native.editingFinished.emit()
    assert lateral.prior.value == "auto"
