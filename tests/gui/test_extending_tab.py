"""The tab of docs/extending.md works as it stands there."""

import numpy as np
import pytest
from examples import example_dataset
from extending_page import blocks, module_from_block

from napari_tesm import fit
from napari_tesm.gui.layers.scan_layers import add_layer, layers_from_scan
from napari_tesm.gui.models.scan import Scan


@pytest.mark.display
def test_a_tab_follows_the_scan(make_viewer, qtbot):
    viewer = make_viewer(show=True)
    dataset = example_dataset(shape=(5, 8))
    scan = Scan("example", dataset, [dataset["topography"]])
    for layer in layers_from_scan(scan):
        add_layer(viewer, layer)
    (code,), (line,) = blocks("A tab in napari"), blocks("A tab in napari", "text")
    panel = module_from_block(code, "extremes").ExtremesPanel(viewer)
    ((_, made),) = eval(f"[{line}]", {"ExtremesPanel": type(panel)})
    assert isinstance(panel, made)
    viewer.window.add_dock_widget(panel)
    qtbot.waitUntil(lambda: panel.text.text() == "Fit the traces first.")
    maps = fit(dataset, tip_radius="25 nm")
    scan.set_results(maps)
    height = np.abs(maps["H"].values[1])
    row, column = np.unravel_index(height.argmax(), height.shape)
    qtbot.waitUntil(lambda: f"{scan.labels[1]}: row {row}, column {column}" in panel.text.text())
