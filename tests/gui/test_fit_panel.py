"""The Fit tab in a real napari window: typing, previews, whole fits, Cancel, deleting and closing meanwhile."""

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
from examples import example_dataset, lock_in_noise

pytest.importorskip("qtpy")
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QApplication
from test_workspace import add_scan, settle

from napari_tesm import save
from napari_tesm.evaluation.recipe import Recipe
from napari_tesm.gui.dock import WIDTH, open_workspace
from napari_tesm.gui.models.fit import is_provisional
from napari_tesm.gui.models.scan import Scan, scans_from_path

pytestmark = pytest.mark.display


@pytest.fixture
def open_scan(viewer, qtbot):
    """Call with a scan to get the Fit tab that shows it."""

    def open_it(scan):
        add_scan(viewer, scan)
        panel = open_workspace(viewer).panels["Fit"]
        settle(qtbot, 100)
        return panel

    return open_it


@pytest.fixture
def panel(open_scan, example_scan):
    return open_scan(example_scan)


def with_traces(dataset, values):
    traces = dataset["displacement"]
    return dataset.assign(displacement=(traces.dims, values, traces.attrs))


def type_into(qtbot, entry, text):
    entry.native.selectAll()
    qtbot.keyClicks(entry.native, text)


def previews(panel):
    return panel.session.layers_of(panel.scan, "preview")


def results(panel):
    return [
        layer for layer in panel.session.layers_of(panel.scan, "map") if layer.metadata["tesm"]["map"] != "H"
    ]


def wait_for_preview(qtbot, panel):
    qtbot.waitUntil(lambda: not panel._preview_worker.running and not panel._preview_wanted, timeout=20_000)


def fit(qtbot, panel):
    before = panel.scan.maps
    qtbot.mouseClick(panel.fit_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: panel.scan.maps is not before, timeout=20_000)
    settle(qtbot)


def test_maps_follow_what_is_typed_in_one_layer_that_stays(panel, qtbot):
    type_into(qtbot, panel.form.numbers["tip_radius"], "20")
    wait_for_preview(qtbot, panel)
    (first,) = previews(panel)
    assert first.visible
    values = np.array(first.data)
    type_into(qtbot, panel.form.numbers["tip_radius"], "40")
    wait_for_preview(qtbot, panel)
    (second,) = previews(panel)
    assert second is first
    # D = l²/tau: four times as large, in decades.
    assert np.nanmedian(second.data - values) == pytest.approx(np.log10(4), abs=1e-5)
    assert results(panel) == []


def test_the_form_fits_the_dock_and_never_scrolls_sideways(panel, qtbot):
    area = panel.area
    bar = area.verticalScrollBar().sizeHint().width()
    panel.form.gates_button.setChecked(True)
    qtbot.waitUntil(panel.form.gates.isVisible)
    # As wide as the dock opens, less the margins of the workspace and of the tab.
    assert area.widget().minimumSizeHint().width() <= WIDTH - bar - 16
    panel.form.gates_button.setChecked(False)


def test_of_a_burst_of_changes_the_last_one_is_shown(panel, qtbot):
    for percent in range(5, 60):
        panel.form.threshold.value = float(percent)
    wait_for_preview(qtbot, panel)
    assert panel.scan.recipe.threshold == pytest.approx(0.59)
    shown = Recipe.from_json(panel.model.preview_maps.attrs["recipe"])
    assert shown.threshold == pytest.approx(0.59)
    assert Recipe.from_json(previews(panel)[0].metadata["tesm"]["recipe"]).threshold == pytest.approx(0.59)


def test_once_an_entry_rests_the_preview_has_the_numbers_of_a_fit(panel, qtbot):
    type_into(qtbot, panel.form.numbers["tip_radius"], "20")
    wait_for_preview(qtbot, panel)
    seen = []
    panel.model.shown_changed.connect(lambda: seen.append(panel.model.preview_maps))
    panel.model.set(skip_after_edge="0.3 ms")
    wait_for_preview(qtbot, panel)
    assert [is_provisional(maps) for maps in seen] == [True, False]
    whole = panel.model.fit()
    assert seen[-1].attrs["instrument"] == whole.attrs["instrument"]
    assert np.array_equal(seen[-1]["tau2_stderr"].values, whole["tau2_stderr"].values, equal_nan=True)


def test_a_preview_that_is_switched_off_leaves_nothing(panel, qtbot):
    type_into(qtbot, panel.form.numbers["tip_radius"], "20")
    wait_for_preview(qtbot, panel)
    panel.form.preview.value = False
    settle(qtbot)
    assert previews(panel) == []
    type_into(qtbot, panel.form.numbers["tip_radius"], "30")
    settle(qtbot, 150)
    assert previews(panel) == []
    assert panel.scan.recipe.tip_radius == pytest.approx(30e-9)


def test_every_whole_fit_makes_layers_of_its_own_with_its_recipe(panel, qtbot):
    type_into(qtbot, panel.form.numbers["tip_radius"], "20")
    fit(qtbot, panel)
    first = results(panel)
    assert {layer.metadata["tesm"]["map"] for layer in first} == {"log10_D1", "log10_D2"}
    assert previews(panel) == []
    values = [np.array(layer.data) for layer in first]
    type_into(qtbot, panel.form.numbers["tip_radius"], "30")
    fit(qtbot, panel)
    assert len(results(panel)) == 2 * len(first)
    radii = [Recipe.from_json(layer.metadata["tesm"]["recipe"]).tip_radius for layer in results(panel)]
    assert sorted(radii) == pytest.approx([20e-9] * len(first) + [30e-9] * len(first))
    assert all(layer in panel.viewer.layers for layer in first)
    assert all(
        np.array_equal(layer.data, old, equal_nan=True) for layer, old in zip(first, values, strict=True)
    )
    assert sum(layer.visible for layer in results(panel)) == 1


def test_the_colour_bar_is_that_of_the_map_on_top(panel, qtbot):
    fit(qtbot, panel)
    for choice in ("tau2", "status1", "D1"):
        index = panel.outcome.map_box.findData(choice)
        panel.outcome.map_box.setCurrentIndex(index)
        panel.outcome.map_box.activated.emit(index)
        settle(qtbot)
        shown = [
            layer
            for layer in panel.viewer.layers
            if layer.visible and layer.metadata["tesm"]["kind"] == "map"
        ]
        assert [layer.metadata["tesm"]["map"] for layer in shown] == [choice]
        bars = [
            layer
            for layer in panel.viewer.layers
            if getattr(layer, "colorbar", None) and layer.colorbar.visible
        ]
        assert bars == [layer for layer in shown if hasattr(layer, "colorbar")]


def test_pixels_without_a_number_are_transparent_and_counted(open_scan, qtbot):
    dataset = example_dataset(shape=(12, 16))
    weaker = dataset["displacement"].values.copy()
    weaker[:, :5] *= 0.3
    panel = open_scan(Scan("weak", with_traces(dataset, weaker), []))
    panel.form.threshold.value = 60.0
    fit(qtbot, panel)
    scan = panel.scan
    ok = scan.maps["status2"].isel(pulse=0).values == 0
    assert 0 < ok.sum() < ok.size
    layer = next(layer for layer in results(panel) if layer.metadata["tesm"]["map"] == "log10_D2")
    assert np.array_equal(np.isfinite(layer.data), ok)
    rgba = layer.colormap.map(np.array([np.nan]))
    assert rgba[0, 3] == 0
    assert str(int(ok.sum())) in panel.outcome.counts.text()
    assert "below threshold" in panel.outcome.reasons.text().replace("&nbsp;", " ")


def test_cancel_leaves_everything_as_it_was(open_scan, qtbot):
    panel = open_scan(Scan("large", example_dataset(shape=(150, 150)), []))
    wait_for_preview(qtbot, panel)
    before = list(panel.viewer.layers)
    qtbot.mouseClick(panel.fit_button, Qt.MouseButton.LeftButton)
    assert panel.cancel_button.isVisible()
    assert not panel.fit_button.isEnabled()
    qtbot.mouseClick(panel.cancel_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: not panel._fit_worker.running, timeout=20_000)
    settle(qtbot)
    assert panel.scan.maps is None
    assert list(panel.viewer.layers) == before
    assert panel.fit_button.isEnabled()
    fit(qtbot, panel)
    assert results(panel)


@pytest.mark.parametrize("kind", ["fit", "preview"])
def test_layers_that_are_deleted_meanwhile_do_not_come_back(open_scan, qtbot, kind):
    panel = open_scan(Scan("large", example_dataset(shape=(120, 120)), []))
    if kind == "fit":
        panel.fit_all()
        worker = panel._fit_worker
    else:
        type_into(qtbot, panel.form.numbers["tip_radius"], "20")
        worker = panel._preview_worker
    assert worker.running
    panel.viewer.layers.clear()
    qtbot.waitUntil(lambda: not worker.running, timeout=20_000)
    settle(qtbot)
    assert len(panel.viewer.layers) == 0
    assert panel.message.text() == "No scan is open."


@pytest.mark.parametrize(
    ("entry", "text", "words"),
    [
        ("tip_radius", "abc", "tip radius"),
        ("tip_radius", "-3", "tip radius"),
        ("tip_radius", "1e999", "tip radius"),
        ("response_level", "2", "response level"),
        ("max_log_tau_error", "x", "not a number"),
        ("skip_after_edge", "1 s 2", "time to skip"),
    ],
)
def test_nonsense_is_said_in_a_sentence_and_changes_nothing(panel, qtbot, entry, text, words):
    before = panel.scan.recipe
    panel.form.gates_button.setChecked(True)
    panel.form.numbers[entry].value = text
    panel.form.numbers[entry].native.textEdited.emit(text)
    assert panel.scan.recipe == before
    assert words in panel.message.text().lower()
    assert panel.message.isVisible()


def test_windows_that_cross_or_hold_too_little_are_refused(panel, qtbot):
    before = panel.scan.recipe
    for start, stop in (("8", "3"), ("5", "5"), ("2", "2.1")):
        for edge, text in (("start", start), ("stop", stop)):
            panel.form.edges[1, edge].value = text
        panel.form.edges[1, "stop"].native.textEdited.emit(stop)
        settle(qtbot)
        if panel.scan.recipe == before:
            assert "window 1" in panel.message.text().lower()
        else:
            # A window is right in itself, and too short for this sampling: the fit says so.
            assert panel.model.problem
            assert panel.message.text() == panel.model.problem
            qtbot.mouseClick(panel.fit_button, Qt.MouseButton.LeftButton)
            settle(qtbot)
            assert panel.scan.maps is None


def test_a_map_with_nothing_above_the_threshold_says_so(open_scan, qtbot):
    dataset = example_dataset(shape=(12, 16))
    rng = np.random.default_rng(3)
    noise = 1e-12 * rng.standard_normal(dataset["displacement"].shape)
    panel = open_scan(Scan("flat", with_traces(dataset, noise), []))
    fit(qtbot, panel)
    assert "0 (0 %)" in panel.outcome.counts.text()
    assert "no response" in panel.outcome.reasons.text().replace("&nbsp;", " ")


def test_large_maps_are_previewed_thinned_and_fitted_whole(open_scan, qtbot):
    panel = open_scan(Scan("large", example_dataset(shape=(260, 260)), []))
    type_into(qtbot, panel.form.numbers["tip_radius"], "20")
    wait_for_preview(qtbot, panel)
    (layer,) = previews(panel)
    step = int(panel.model.preview_maps.attrs["preview_step"])
    assert step > 1
    assert layer.data.shape[0] == pytest.approx(260 / step, abs=1)
    assert f"every {step}" in panel.outcome.reasons.text()
    fit(qtbot, panel)
    assert results(panel)[0].data.shape == (260, 260)
    assert previews(panel) == []


def test_the_command_and_the_python_code_go_to_the_clipboard(open_scan, qtbot, tmp_path):
    path = tmp_path / "my scan.gwy"
    save(path, example_dataset(shape=(4, 5)))
    (scan,) = scans_from_path(path)
    panel = open_scan(scan)
    type_into(qtbot, panel.form.numbers["tip_radius"], "20")
    panel.recipe_button.copy_command.trigger()
    assert QApplication.clipboard().text().startswith("tesm fit ")
    assert "20" in QApplication.clipboard().text()
    panel.recipe_button.copy_python.trigger()
    compile(QApplication.clipboard().text(), "copied", "exec")
    assert "my scan.gwy" in QApplication.clipboard().text()


def test_napari_may_be_closed_during_a_fit():
    script = """
        import napari
        from qtpy.QtCore import QTimer
        from examples import example_dataset
        from napari_tesm.gui.layers.scan_layers import layers_from_scan
        from napari_tesm.gui.models.scan import Scan
        from napari_tesm.gui.dock import open_workspace
        from napari_tesm.gui.layers.scan_layers import add_layer

        viewer = napari.Viewer()
        scan = Scan("large", example_dataset(shape=(300, 300)), [])
        for layer in layers_from_scan(scan):
            add_layer(viewer, layer)
        panel = open_workspace(viewer).panels["Fit"]

        def close():
            panel.fit_all()
            assert panel._fit_worker.running
            viewer.close()

        QTimer.singleShot(600, close)
        napari.run()
        print("closed")
    """
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(Path(__file__).parents[1]), *sys.path])}
    done = subprocess.run(
        [sys.executable, "-W", "error::ResourceWarning", "-c", textwrap.dedent(script)],
        capture_output=True, text=True, timeout=120, env=environment,
    )  # fmt: skip
    assert done.stdout.strip() == "closed"
    assert done.returncode == 0
    assert done.stderr.strip() == ""


def test_the_outcome_says_what_the_noise_is_made_of(open_scan, qtbot):
    panel = open_scan(Scan("example", example_dataset(shape=(12, 16), noise=0.01, lock_in=6.0), []))
    panel.fit_all()
    qtbot.waitUntil(lambda: panel.scan.maps is not None, timeout=20_000)
    settle(qtbot, 200)
    measured = json.loads(panel.scan.maps.attrs["instrument"])["noise"][1]
    samples, effective = measured["windows"]["2"]
    words = panel.outcome.reasons.text()
    assert f"{samples} samples count as {effective:.0f}." in words
    for share in measured["shares"].values():
        assert f"{100 * share:.0f} %" in words
    # The rest of it, and of the other window, in sentences.
    assert f"{samples} samples of window 2 count as {effective:.0f}" in panel.outcome.reasons.toolTip()
    assert "Not tested for drift" in panel.outcome.reasons.toolTip()


def test_noise_alone_is_called_no_response(open_scan, qtbot):
    dataset = example_dataset(shape=(20, 24), noise=0.01, lock_in=6.0)
    noise = 0.01 * lock_in_noise(np.random.default_rng(5), dataset["displacement"].shape, samples=6.0)
    panel = open_scan(Scan("wafer", with_traces(dataset, noise), []))
    panel.fit_all()
    qtbot.waitUntil(lambda: panel.scan.maps is not None, timeout=20_000)
    settle(qtbot, 200)
    assert "No response: " in panel.outcome.reasons.text()
    panel.form.noise.value = "white"
    qtbot.waitUntil(lambda: panel.model.preview_maps is not None, timeout=20_000)
    settle(qtbot, 200)
    assert "No response: " not in panel.outcome.reasons.text()
