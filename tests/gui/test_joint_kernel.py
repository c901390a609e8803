"""A kernel for pulse and relaxation together, in the workspace: form, layers, counts, curves and their table."""

import numpy as np
import pytest
from examples import TIP_RADIUS, example_dataset

pytest.importorskip("qtpy")
from test_workspace import add_scan, settle

from napari_tesm.data.maps import JOINT
from napari_tesm.gui.dock import open_workspace
from napari_tesm.gui.layers.scan_layers import layers_from_maps, names_of_maps
from napari_tesm.gui.models.fit_counts import counts_from_maps
from napari_tesm.gui.models.scan import Scan
from napari_tesm.gui.panels.fit_outcome import words_of_map
from napari_tesm.kernels.named import kernel_from_name

D = 4e-13


@pytest.fixture
def flux_scan():
    """Return a scan of the flux model with D = 4e-13 everywhere."""
    dataset = example_dataset(shape=(8, 10))
    time = dataset["time"].values
    tau = TIP_RADIUS**2 / (4 * D)
    curve = kernel_from_name("flux-pulse", pulse=10e-3).curves(time, np.log([tau]))[0][0]
    noise = np.random.default_rng(1).standard_normal(dataset["displacement"].shape)
    values = 0.1 * curve + 5e-4 * noise
    changed = dataset.assign(displacement=dataset["displacement"].copy(data=values))
    return Scan("flux", changed, [dataset["topography"]])


@pytest.mark.display
def test_choosing_a_joint_kernel_in_the_form(viewer, qtbot, flux_scan):
    add_scan(viewer, flux_scan)
    workspace = open_workspace(viewer)
    panel = workspace.panels["Fit"]
    settle(qtbot, 100)
    form = panel.form
    form.geometry.value = "l2/6tau"
    form.edges[1, "stop"].native.setText("9")
    form.edges[1, "stop"].native.textEdited.emit("9")
    assert flux_scan.recipe.geometry == "l2/6tau"

    form.kernel.value = "flux-pulse"
    assert panel.model.message == ""
    assert panel.model.problem == ""
    assert (flux_scan.recipe.kernel, flux_scan.recipe.geometry) == ("flux-pulse", "l2/tau")
    assert flux_scan.recipe.window1 is None
    assert form.geometry.current_choice == "D = l²/4τ"  # what holds, not to be changed
    assert not form.geometry.enabled
    assert not form.edges[1, "stop"].enabled

    qtbot.waitUntil(lambda: flux_scan_previewed(panel), timeout=20_000)
    panel.fit_button.click()
    qtbot.waitUntil(lambda: flux_scan.maps is not None, timeout=20_000)
    settle(qtbot)
    assert np.nanmedian(flux_scan.maps["D"]) == pytest.approx(D, rel=0.02)
    names = [layer.name for layer in viewer.layers]
    assert {"log10 D (+3 V)", "log10 D (-3 V)"} <= set(names)
    assert "pulse and relaxation" in panel.outcome.counts.text()
    assert panel.outcome.map_box.findText("log10 D") >= 0

    form.kernel.value = "exponential"
    assert form.geometry.enabled
    assert form.edges[1, "stop"].enabled


def flux_scan_previewed(panel):
    return not panel._preview_worker.running and not panel._preview_wanted


@pytest.mark.display
def test_the_table_of_traces_has_one_tau_and_one_d(viewer, qtbot, flux_scan):
    from dataclasses import replace

    add_scan(viewer, flux_scan)
    workspace = open_workspace(viewer)
    settle(qtbot, 100)
    panel = workspace.trace
    flux_scan.set_recipe(replace(flux_scan.recipe, kernel="flux-pulse"))
    flux_scan.look_at((3, 4))
    settle(qtbot, 200)
    headings = [panel.table.shown.columns[n].head for n in range(panel.table.shown.columnCount())]
    assert [heading.split(" ")[0] for heading in headings] == ["", "H", "τ", "D"]
    assert "10⁻¹³" in panel.table.shown.index(0, 3).data()
    assert list(panel.plot.windows) == [JOINT]
    flux_scan.set_recipe(replace(flux_scan.recipe, kernel="exponential"))
    settle(qtbot, 200)
    assert panel.table.shown.columnCount() == 6


def test_layers_counts_and_words_of_a_joint_fit(flux_scan):
    from napari_tesm.evaluation.evaluation import Evaluation
    from napari_tesm.evaluation.pipeline import run
    from napari_tesm.evaluation.recipe import Recipe

    pytest.importorskip("napari")
    maps = run(Evaluation.of(flux_scan.dataset, Recipe(kernel="clamped", nuisance="none")))
    assert [name for name in names_of_maps(maps) if name != "H"] == [
        "tau", "tau_stderr", "D", "D_stderr", "log10_D", "r2", "status",
    ]  # fmt: skip
    visible = [layer[1]["name"] for layer in layers_from_maps(flux_scan, maps) if layer[1]["visible"]]
    assert all(name.startswith("log10 D (") for name in visible)
    assert len(visible) == 2
    (first, _) = counts_from_maps(maps)
    assert first.in_words().startswith("pulse and relaxation (+3 V")
    assert words_of_map("r2") == "R² of pulse and relaxation"
    assert words_of_map("status") == "status of pulse and relaxation"
    assert words_of_map("D_stderr") == "D standard error"
