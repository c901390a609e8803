"""Trace against retrace: the model against simulated shifts, and the tab in a real window."""

import re

import numpy as np
import pytest
from examples import example_dataset

pytest.importorskip("psygnal")
from napari_tesm.gui.layers.linked_views import _largest_cells
from napari_tesm.gui.layers.session import Session
from napari_tesm.gui.models.compare import Alignment, CompareModel
from napari_tesm.gui.models.scan import Scan


def rough(shape, seed=0):
    from scipy.ndimage import gaussian_filter

    field = gaussian_filter(np.random.default_rng(seed).standard_normal(shape), 2.0)
    return field / field.std()


def scan_with_heights(first, second, **options):
    """A scan whose H maps are these: the amplitude of each trace is scaled."""
    dataset = example_dataset(shape=first.shape, noise=1e-6, **options)
    values = dataset["displacement"].values.copy()
    for pulse, height in enumerate((first, second)):
        values[pulse] *= (height / 0.1)[..., None] * (-1 if pulse == 0 else 1)
    dataset["displacement"] = dataset["displacement"].copy(data=values)
    return Scan("ways", dataset, [dataset["topography"]])


def test_a_shift_between_the_ways_is_measured_and_taken_back():
    field = 0.1 + 0.02 * rough((60, 70))
    scan = scan_with_heights(field[5:45, 8:58], field[8:48, 6:56])
    model = CompareModel(scan)
    before = model.result().between.pearson
    assert model.measure()
    assert model.alignment.dy == pytest.approx(3, abs=0.15)
    assert model.alignment.dx == pytest.approx(-2, abs=0.15)
    assert model.result().between.pearson > max(before, 0.95)
    left = model.difference()
    assert np.nanstd(left[5:-5, 5:-5]) < 0.3 * 0.02
    down, right = re.search(r"\(([-+][\d.]+), ([-+][\d.]+) µm\)", model.shift_in_words()).groups()
    assert float(down) == pytest.approx(3 * 0.25, abs=0.15 * 0.25)
    assert float(right) == pytest.approx(-2 * 0.4, abs=0.15 * 0.4)


def test_a_mirrored_way_back_is_found_alike_when_it_is_flipped():
    field = 0.1 + 0.02 * rough((40, 50))
    model = CompareModel(scan_with_heights(field, field[:, ::-1]))
    assert model.result().between.pearson < 0.5
    assert any("little alike" in text for text in model.result().warnings)
    model.align(Alignment(flip=True))
    assert model.result().between.pearson > 0.85  # the halves of the example relax differently fast
    assert str(model.alignment) == "flipped left to right"
    assert not any("little alike" in text for text in model.result().warnings)


def test_correlations_are_found_once_for_an_alignment(monkeypatch):
    from napari_tesm.gui.models import compare as module

    calls = []
    find = module.cross_talk_from_maps
    monkeypatch.setattr(module, "cross_talk_from_maps", lambda *a, **k: (calls.append(1), find(*a, **k))[1])
    model = CompareModel(Scan("example", example_dataset(shape=(12, 16)), []))
    assert model.result() is model.result()
    assert len(calls) == 1
    model.choose(1, 0)
    other = model.result()
    model.align(Alignment(dx=1.0))
    assert model.result() is not other
    assert len(calls) == 3


def test_traces_are_never_moved():
    scan = scan_with_heights(0.1 + 0.02 * rough((20, 25)), 0.1 + 0.02 * rough((20, 25), 1))
    before = scan.dataset["displacement"].values.tobytes()
    model = CompareModel(scan)
    model.align(Alignment(True, 1.5, -2.25))
    model.result()
    assert scan.dataset["displacement"].values.tobytes() == before


def test_one_pulse_setting_has_nothing_to_be_compared_with():
    scan = Scan("single", example_dataset(voltage=(-3.0,), direction=("",)), [])
    assert "Only one pulse setting" in CompareModel(scan).problem


@pytest.mark.parametrize("change", ["nan", "pixel", "constant"])
def test_what_cannot_be_compared_is_said_in_a_sentence(change):
    dataset = example_dataset(shape=(1, 1) if change == "pixel" else (5, 6), noise=0.0)
    values = dataset["displacement"].values.copy()
    values[:] = np.nan if change == "nan" else values[:, :1, :1]
    dataset["displacement"] = dataset["displacement"].copy(data=values)
    model = CompareModel(Scan(change, dataset, []))
    assert not model.measure()
    assert "no shift can be measured" in model.message
    assert np.isnan(model.result().between.pearson)


@pytest.mark.parametrize("away", [(0, 17), (14, 0), (-13, -18)])
def test_a_way_back_from_beyond_the_window_is_said_to_fit_nowhere(away):
    field = 0.1 + 0.01 * rough((110, 140))
    first, second = (
        field[30 + dy : 70 + dy, 40 + dx : 90 + dx] + np.linspace(0, 0.1, 50) for dy, dx in ((0, 0), away)
    )
    model = CompareModel(scan_with_heights(first, second))
    model.align(Alignment(dx=1.5))
    assert not model.measure()
    assert model.message.startswith("No shift within the window fits")
    assert model.alignment == Alignment(dx=1.5)


@pytest.mark.display
def test_the_table_says_how_alike_the_maps_are(opened):
    from qtpy.QtCore import Qt

    _, panel, _ = opened
    shown, result = panel.table.shown, panel.model.result()
    assert [column.texts[0] for column in shown.columns] == [
        "the other way", f"{result.between.pearson:.2f}",
        f"{result.between.low:.2f} … {result.between.high:.2f}",
    ]  # fmt: skip
    assert shown.table.values("|H| with")[1:] == list(result.with_surface)
    assert shown.table.values("n") == [192] * (1 + len(result.with_surface))
    assert f"Spearman {result.between.spearman:.2f}" in shown.look(0, "r", Qt.ItemDataRole.ToolTipRole)


def test_cells_are_as_large_as_the_canvas_allows():
    assert _largest_cells(3, (300, 400), (700, 480)) == (3, 1)
    assert _largest_cells(3, (300, 400), (400, 1500)) == (1, 3)
    assert _largest_cells(4, (100, 100), (500, 500)) == (2, 2)


@pytest.fixture
def opened(viewer, qtbot):
    from napari_tesm.gui.dock import open_workspace
    from napari_tesm.gui.layers.scan_layers import add_layer, layers_from_scan

    dataset = example_dataset(shape=(12, 16))
    error = dataset["topography"].rename("deflection_error").assign_attrs(long_name="Deflection error")
    scan = Scan("example", dataset, [dataset["topography"], error])
    for layer in layers_from_scan(scan):
        add_layer(viewer, layer)
    workspace = open_workspace(viewer)
    workspace.tabs.setCurrentWidget(workspace.panels["Compare"])
    qtbot.wait(150)
    return viewer, workspace.panels["Compare"], scan


@pytest.mark.display
def test_side_by_side_shows_three_linked_maps_and_gives_everything_back(opened, qtbot):
    viewer, panel, scan = opened
    before = [(layer.name, layer.visible) for layer in viewer.layers]
    grid = viewer.canvas.grid
    state = (grid.enabled, grid.stride, tuple(grid.shape))
    callbacks = len(scan.probe_changed)
    for _ in range(5):
        panel.side_button.setChecked(True)
        qtbot.wait(20)
        shown = [layer for layer in viewer.layers if layer.visible]
        assert [layer.name for layer in shown if not layer.name.startswith("probe")] == [
            "Deflection error", "H (+3 V)", "H (-3 V)",
        ]  # fmt: skip
        assert grid.enabled
        scan.look_at((3, 4))
        crosses = [layer for layer in shown if layer.name.startswith("probe")]
        place = np.array(scan.display.origin) + np.array([3, 4]) * scan.display.spacing
        assert all(np.allclose(cross.data, [place], atol=0) for cross in crosses)
        cells = [grid.position(viewer.layers.index(layer), viewer.layers) for layer in shown]
        assert len(set(cells)) == 3
        assert cells[0::2] == cells[1::2]  # each cross on its map
        panel.side_button.setChecked(False)
        qtbot.wait(20)
    assert [(layer.name, layer.visible) for layer in viewer.layers] == before
    assert (grid.enabled, grid.stride, tuple(grid.shape)) == state
    assert len(scan.probe_changed) == callbacks


@pytest.mark.display
def test_a_shift_that_cannot_be_measured_is_said_in_the_tab(opened, qtbot, monkeypatch):
    _, panel, _ = opened
    rng = np.random.default_rng(0)
    heights = 0.1 + 0.01 * rng.standard_normal((2, 12, 16))
    monkeypatch.setattr(panel.model, "heights", lambda: heights)
    panel.measure_button.click()
    qtbot.wait(100)
    assert "No shift within the window fits" in panel.sentence.text()
    assert panel.spins["dx"].value() == 0


@pytest.mark.display
def test_maps_that_are_added_lie_right_and_say_what_was_done_to_them(opened, qtbot):
    viewer, panel, scan = opened
    panel.flip_box.setChecked(True)
    panel.spins["dx"].setValue(1.5)
    qtbot.wait(50)
    panel.add_difference()
    panel.add_aligned()
    made = [layer for layer in viewer.layers if layer.metadata["tesm"].get("kind") == "derived"]
    assert [layer.name for layer in made] == ["Difference of |H|", "H (-3 V) aligned"]
    for layer in made:
        assert np.allclose(layer.scale, scan.display.spacing, atol=0)
        assert np.allclose(layer.translate, scan.display.origin, atol=0)
        assert "flipped" in layer.metadata["tesm"]["done"]
        assert "+1.50 px right" in layer.metadata["tesm"]["done"]
    assert [layer.name for layer in viewer.layers][-2:] == ["Regions", "Points"]


@pytest.mark.display
def test_deleting_a_layer_that_lies_side_by_side_is_survived(opened, qtbot):
    viewer, panel, scan = opened
    panel.side_button.setChecked(True)
    qtbot.wait(20)
    viewer.layers.remove(viewer.layers["H (+3 V)"])
    qtbot.wait(20)
    panel.side_button.setChecked(False)
    qtbot.wait(20)
    assert not viewer.canvas.grid.enabled
    assert Session.of(viewer).scan is scan
