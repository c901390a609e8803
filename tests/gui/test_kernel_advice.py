"""Which kernel? in the Fit tab: the answer beside the window, its layers, and the one click that follows it."""

import numpy as np
import pytest
from test_kernel_choice import KERNELS, dataset_of, traces_of, two_halves

pytest.importorskip("qtpy")
from qtpy.QtCore import Qt
from test_fit_panel import open_scan  # noqa: F401
from test_workspace import add_scan, settle

from napari_tesm import kernel_choice, save
from napari_tesm.evaluation.evaluation import Evaluation
from napari_tesm.evaluation.recipe import Recipe
from napari_tesm.gui.layers.kernel_layers import layers_from_choice
from napari_tesm.gui.layers.scan_layers import layers_from_scan
from napari_tesm.gui.models.scan import Scan, scans_from_path
from napari_tesm.model_choice.maps import choice_of_kernels, with_averages
from napari_tesm.plotting.kernel_choice import colour_of_kernel
from napari_tesm.scan import save_scan


@pytest.fixture
def ask(qtbot):
    """Call with a panel to press the button and wait for the answer."""

    def ask_it(panel):
        qtbot.mouseClick(panel.advice.ask_button, Qt.MouseButton.LeftButton)
        assert panel.advice.worker.running
        qtbot.waitUntil(lambda: not panel.advice.worker.running, timeout=20_000)
        settle(qtbot, 50)

    return ask_it


def choice_layers(panel):
    names = ("best_kernel", "evidence", "misfit", "D_kernels_2", "D_kernels_spread_2")
    layers = panel.session.layers_of(panel.scan, "map")
    return {
        layer.metadata["tesm"]["map"]: layer for layer in layers if layer.metadata["tesm"]["map"] in names
    }


@pytest.mark.display
def test_the_answer_is_shown_and_one_click_follows_it(open_scan, ask, qtbot):  # noqa: F811
    panel = open_scan(Scan("diffusion", dataset_of(traces_of("flux-pulse", 4e-13, noise=0.03))))
    ask(panel)
    advice = panel.advice
    assert advice.isVisible()
    assert "The data support 'flux-pulse'" in advice.verdict.text()
    assert "⚠" not in advice.verdict.text()
    assert colour_of_kernel("flux-pulse") in advice.table.text()
    assert advice.voters.text() == "48 of 48 traces vote"
    assert "D2 over the kernels: " in advice.averages.text()
    assert "between the kernels" in advice.averages.text()
    layers = choice_layers(panel)
    assert layers["best_kernel"].visible
    best = panel.scan.choice.maps["best_kernel"].values[0]
    np.testing.assert_array_equal(layers["best_kernel"].data, best)
    assert [layer.visible for layer in panel.session.layers_of(panel.scan, "map")].count(True) == 1
    qtbot.mouseClick(advice.use_button, Qt.MouseButton.LeftButton)
    settle(qtbot, 100)
    assert panel.scan.recipe.kernel == "flux-pulse"
    assert not advice.isVisible()
    assert list(choice_layers(panel)) == list(layers)
    # Asked again: the layers are replaced, and what is in use already needs no click.
    ask(panel)
    assert not advice.use_button.isEnabled()
    assert len(choice_layers(panel)) == 5
    assert sum(layer.name.startswith("Best kernel") for layer in panel.viewer.layers) == 1


@pytest.mark.display
def test_a_kernel_that_does_not_describe_the_data_comes_with_a_warning(open_scan, ask, qtbot):  # noqa: F811
    panel = open_scan(Scan("mixed", two_halves()))
    ask(panel)
    assert panel.advice.verdict.text().startswith("⚠")
    assert panel.advice.use_button.text().endswith("all the same")
    # Each scan has its own answer.
    add_scan(panel.viewer, Scan("other", dataset_of(traces_of("clamped", 4e-13, shape=(3, 4)))))
    settle(qtbot, 100)
    assert not panel.advice.isVisible()
    panel.session.choose(panel.session.scans[0])
    settle(qtbot, 100)
    assert panel.advice.isVisible()
    # With another pulse it is void.
    panel.scan.enter(pulse_duration=9e-3)
    settle(qtbot, 100)
    assert panel.scan.choice is None
    assert not panel.advice.isVisible()


@pytest.mark.display
def test_cancel_and_what_cannot_be_compared_leave_everything_as_it_was(open_scan, ask, qtbot, monkeypatch):  # noqa: F811
    panel = open_scan(Scan("diffusion", dataset_of(traces_of("flux-pulse", 4e-13))))
    count = len(panel.viewer.layers)
    panel.model.set(window2="15 ms:20 ms")
    ask(panel)
    assert "A comparison of kernels takes pulse" in panel.message.text()
    panel.model.set(window2=None)
    qtbot.mouseClick(panel.advice.ask_button, Qt.MouseButton.LeftButton)
    panel.advice.worker.cancel()
    qtbot.waitUntil(lambda: not panel.advice.worker.running, timeout=20_000)
    assert panel.scan.choice is None
    assert not panel.advice.isVisible()
    assert panel.advice.ask_button.isEnabled()
    assert len([layer for layer in panel.viewer.layers if "preview" not in layer.name]) == count


def test_layers_lie_on_the_map_and_come_back_from_a_file(tmp_path, viewer_model):
    dataset = two_halves()
    source, out = tmp_path / "scan.gwy", tmp_path / "out.gwy"
    save(source, dataset)
    (scan,) = scans_from_path(source)
    scan.choice = kernel_choice(dataset, kernels=KERNELS, threshold=0.97)
    voting = scan.choice.maps["voting"].values[0] == 0
    (misfit, evidence, best) = layers_from_choice(scan, scan.choice)
    for data, options, kind in (misfit, evidence, best):
        assert data.shape == voting.shape
        assert options["scale"] == scan.display.layer_options()["scale"]
        assert options["units"] == scan.display.layer_options()["units"]
        assert kind == ("labels" if options["name"].startswith("Best") else "image")
    assert (best[0][~voting] == len(KERNELS)).all()
    assert best[1]["features"]["kernel"] == [*KERNELS, "no vote"]
    np.testing.assert_array_equal(best[0][voting], scan.choice.maps["best_kernel"].values[0][voting])
    save_scan(scan, out)
    (again,) = scans_from_path(out)
    layers = {options["name"]: (data, options, kind) for data, options, kind in layers_from_scan(again)}
    restored = layers["Best kernel (-3 V)"]
    assert restored[2] == "labels"
    np.testing.assert_array_equal(restored[0], best[0])
    assert restored[1]["features"]["kernel"] == [*KERNELS, "no vote"]
    assert "Mask of Best kernel (-3 V)" not in layers
    np.testing.assert_allclose(layers["Evidence (-3 V)"][0], evidence[0], rtol=1e-6)
    np.testing.assert_allclose(layers["Misfit (-3 V)"][0], misfit[0], rtol=1e-6)


def test_d_over_the_kernels_is_in_layers_in_the_file_and_in_the_panel_s_words(tmp_path, viewer_model):
    dataset = dataset_of(traces_of("flux-pulse", 4e-13, shape=(3, 8), noise=0.05))
    source, out = tmp_path / "scan.gwy", tmp_path / "out.gwy"
    save(source, dataset)
    (scan,) = scans_from_path(source)
    evaluation = Evaluation.of(scan.dataset, Recipe())
    scan.choice = with_averages(
        choice_of_kernels(evaluation, kernels=("exponential", "flux-pulse")), evaluation
    )
    layers = {options["name"]: data for data, options, _ in layers_from_choice(scan, scan.choice)}
    median = np.median(layers["D2 over kernels (-3 V)"])
    assert median == pytest.approx(4e-13, rel=0.1)
    spread = layers["D2 over kernels: error between kernels (-3 V)"]
    assert np.median(spread) < 0.1
    assert "D1 over kernels: error from noise (-3 V)" not in layers
    save_scan(scan, out)
    (again,) = scans_from_path(out)
    restored = {options["name"]: data for data, options, _ in layers_from_scan(again)}
    np.testing.assert_allclose(restored["D2 over kernels: error between kernels (-3 V)"], spread, rtol=1e-6)
