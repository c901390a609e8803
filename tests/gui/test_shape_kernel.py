"""A kernel of two parameters in the workspace: form, layers through the Show box, curve and words of the inspector."""

import numpy as np
import pytest
from examples import example_dataset

pytest.importorskip("qtpy")
from test_workspace import add_scan, settle

from napari_tesm.evaluation.values import recipe_from_values
from napari_tesm.gui.dock import open_workspace
from napari_tesm.gui.models.scan import Scan
from napari_tesm.gui.models.trace import TraceModel
from napari_tesm.kernels.low_pass import LowPass
from napari_tesm.kernels.named import ALL_KERNELS, fitted_curves, kernel_from_name
from napari_tesm.plotting.words import sentence_from_fit


@pytest.fixture
def scan():
    """Return a scan whose relaxation is one exponential: stretched by one."""
    dataset = example_dataset(shape=(8, 10), noise=5e-4)
    return Scan("stretched", dataset, [dataset["topography"]])


@pytest.mark.display
def test_the_fit_panel_offers_maps_of_the_shape(viewer, qtbot, scan):
    add_scan(viewer, scan)
    workspace = open_workspace(viewer)
    panel = workspace.panels["Fit"]
    settle(qtbot, 100)
    assert list(panel.form.kernel.choices) == list(ALL_KERNELS)
    panel.form.kernel.value = "stretched"
    assert panel.model.message == ""
    assert panel.form.geometry.enabled
    assert panel.form.edges[1, "stop"].enabled
    qtbot.waitUntil(lambda: not panel._preview_worker.running and not panel._preview_wanted, timeout=20_000)
    panel.fit_button.click()
    qtbot.waitUntil(lambda: scan.maps is not None, timeout=20_000)
    settle(qtbot)
    box = panel.outcome.map_box
    for text in ("beta2", "beta2 standard error", "mean τ2"):
        assert box.findText(text) >= 0
    panel.outcome.map_chosen.emit("beta2", 1)
    settle(qtbot)
    layer = next(layer for layer in viewer.layers if layer.name == "beta2 (-3 V)")
    assert layer.visible
    assert np.nanmedian(layer.data) == pytest.approx(1.0, abs=0.05)


def test_the_inspector_draws_the_fitted_curve_and_says_the_shape(scan):
    for kernel in ("stretched", "biexponential", "power"):
        scan.set_recipe(recipe_from_values(scan.recipe, kernel=kernel))
        sample = scan.traces_at((2, 3))
        fitted = TraceModel(scan).fits_of(sample)[1].windows[2]
        assert np.sqrt(np.mean(fitted.residuals**2)) == pytest.approx(fitted.values["rms"], rel=1e-3)
        assert np.sqrt(np.mean(fitted.residuals**2)) < 1.2 * 5e-4
        assert set(fitted.values) >= set(ALL_KERNELS[kernel].quantities)
    scan.set_recipe(recipe_from_values(scan.recipe, kernel="stretched"))
    fitted = TraceModel(scan).fits_of(scan.traces_at((2, 3)))[1].windows[2]
    assert fitted.values["D"] * fitted.values["tau_mean"] == pytest.approx(25e-9**2)
    words = sentence_from_fit(fitted)
    assert "beta2 " in words
    assert "mean τ2 " in words


def test_the_inspector_draws_the_curve_behind_the_lock_in_s_filter():
    """A trace that only a filtered kernel can describe leaves nothing but noise."""
    dataset = example_dataset(shape=(2, 2), noise=0)
    time = dataset["time"].values
    low_pass = LowPass(3e-4, 4)
    filtered = fitted_curves(
        kernel_from_name("exponential", low_pass=low_pass),
        time[100:] - 10e-3,
        {"tau": np.array([8e-4]), "a": np.array([0.1]), "c": np.array([0.02])},
    )
    values = dataset["displacement"].values.copy()
    values[..., 100:] = filtered + 1e-5 * np.random.default_rng(0).standard_normal(values[..., 100:].shape)
    scan = Scan("filtered", dataset.assign(displacement=dataset["displacement"].copy(data=values)))
    scan.set_recipe(recipe_from_values(scan.recipe, lock_in_time_constant="0.3 ms", lock_in_order=4))
    fitted = TraceModel(scan).fits_of(scan.traces_at((0, 1)))[1].windows[2]
    assert fitted.values["tau"] == pytest.approx(8e-4, rel=1e-3)
    assert np.sqrt(np.mean(fitted.residuals**2)) < 1.3e-5
    scan.set_recipe(recipe_from_values(scan.recipe, lock_in_time_constant=0))
    plain = TraceModel(scan).fits_of(scan.traces_at((0, 1)))[1].windows[2]
    assert np.sqrt(np.mean(plain.residuals**2)) > 1e-3
