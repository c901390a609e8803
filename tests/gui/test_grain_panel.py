"""The tab of grains in a real window: found, previewed, painted on, undone, measured, saved; nothing is left behind."""

import numpy as np
import pytest
from examples import SPACING, example_dataset
from simulated_grains import simulated_grains

from napari_tesm.grains import Grains, boundaries_from_grains
from napari_tesm.gui.layers.grain_layer import EDITED, take_painted_labels
from napari_tesm.gui.layers.scan_layers import add_layer, layers_from_scan
from napari_tesm.gui.models.grains import GrainModel
from napari_tesm.gui.models.scan import Scan, scans_from_path
from napari_tesm.interface import fit

SHAPE = (40, 48)


def scan_with_grains():
    truth = simulated_grains("domes", shape=SHAPE, spacing=SPACING, count=9, seed=1, groove=1.06e-6)
    dataset = example_dataset(shape=SHAPE, samples=50)
    dataset["topography"].values[:] = truth.topography
    maps = fit(dataset)
    near = boundaries_from_grains(Grains(truth.labels.astype(np.int32), truth.spacing), 1.4e-6).mask(
        "boundary"
    )
    maps["D2"].values[:] = (
        4e-13 * np.where(near, 2.0, 1.0) * np.random.default_rng(0).lognormal(0, 0.1, (2, *SHAPE))
    )
    return Scan("example", dataset, [dataset["topography"]], maps=maps), truth


@pytest.fixture
def made():
    return scan_with_grains()


def test_the_model_measures_without_a_screen(made):
    scan, _ = made
    model = GrainModel.of(scan)
    assert list(model.scan.images) == ["Topography"]
    assert model.source == "Topography"
    assert model.measure() is None
    scan.set_grains(model.segmented())
    assert abs(scan.grains.count - 9) <= 1
    assert model.chosen() == "D2"
    scan.set_band_width(1.4e-6)
    assert "D2 (+3 V) is higher at boundaries by factor" in model.measure().verdict
    assert len(model.rows()) == scan.grains.count
    assert model.csv_text().count("\n") == 1 + scan.grains.count
    model.set_class(2, "defect")
    assert model.boundaries().mask("defect").sum() == (scan.grains.labels == 2).sum()
    with pytest.raises(ValueError, match="smoothing width"):
        model.choose(smooth=-1.0)


def test_particles_are_proposed_as_regions_once(made):
    scan, _ = made
    scan.dataset["topography"].values[10:14, 20:24] += 80e-9
    model = GrainModel.of(scan)
    scan.set_grains(model.segmented())
    assert model.propose_defects() == 1
    assert [region.region_class for region in scan.regions] == ["defect"]
    assert model.boundaries().mask("defect")[11:13, 21:23].all()
    assert model.propose_defects() == 0


def test_grains_come_back_from_the_file_with_their_classes(made, tmp_path):
    scan, truth = made
    grains = Grains(truth.labels.astype(np.int32), truth.spacing).with_class(4, "cluster")
    scan.set_grains(grains)
    scan.set_band_width(1.1e-6)
    path = scan.save(tmp_path / "with_grains")
    (back,) = scans_from_path(path)
    np.testing.assert_array_equal(back.grains.labels, grains.labels)
    assert back.grains.label_classes == {4: "cluster"}
    assert back.band_width == pytest.approx(1.1e-6)
    layer = next(layer for layer in layers_from_scan(back) if layer[1]["name"] == "Grains")
    assert layer[2] == "labels"
    assert layer[1]["scale"] == pytest.approx((0.25, 0.4))
    assert layer[1]["units"] == ("µm", "µm")
    # What nobody touches is carried over by the next save, too.
    again = back.save(tmp_path / "again")
    np.testing.assert_array_equal(scans_from_path(again)[0].grains.labels, grains.labels)


def test_painted_labels_are_taken_over_and_said(made):
    scan, truth = made
    assert not take_painted_labels(scan, truth.labels)
    scan.set_grains(Grains(truth.labels.astype(np.int32), truth.spacing, label_classes={9: "defect"}))
    assert not take_painted_labels(scan, truth.labels.copy())
    painted = np.where(truth.labels == 9, 1, truth.labels)
    assert take_painted_labels(scan, painted)
    assert scan.grains.count == 8
    assert scan.grains.label_classes == {}
    assert EDITED in scan.grains.words
    assert not take_painted_labels(scan, np.zeros((3, 3), dtype=int))


@pytest.fixture
def panel(viewer, made, qtbot):
    from napari_tesm.gui.panels.grains import GrainPanel

    scan, _ = made
    for layer in layers_from_scan(scan):
        add_layer(viewer, layer)
    panel = GrainPanel(viewer)
    viewer.window.add_dock_widget(panel, area="right", name="grains")
    qtbot.waitUntil(lambda: panel.form.source_box.count() > 0)
    return panel


def settle(qtbot, panel):
    qtbot.waitUntil(
        lambda: (
            not panel.worker.running
            and not any(
                timer.isActive() for timer in (panel._refresh_timer, panel._edit_timer, panel._preview_timer)
            )
        ),
        timeout=20000,
    )


def grain_layer(panel):
    (layer,) = panel.session.layers_of(panel.scan, "grains")
    return layer


@pytest.mark.display
def test_segment_paint_undo_and_measure(panel, made, qtbot, tmp_path):
    scan, _ = made
    panel.segment()
    settle(qtbot, panel)
    layer = grain_layer(panel)
    np.testing.assert_array_equal(layer.data, scan.grains.labels)
    assert layer.scale == pytest.approx((0.25, 0.4))
    assert "is higher at boundaries by factor" in panel.words.text()
    before = scan.grains.labels.copy()
    count = scan.grains.count
    layer.selected_label = 77
    layer.brush_size = 6
    layer.paint((20, 20), 77)
    settle(qtbot, panel)
    assert (scan.grains.labels == 77).sum() > 10
    assert scan.grains.count == count + 1
    layer.undo()
    settle(qtbot, panel)
    np.testing.assert_array_equal(scan.grains.labels, before)
    layer.fill((20, 20), 55)
    settle(qtbot, panel)
    assert 55 in scan.grains.numbers
    # Segmenting again is one more step that can be undone.
    edited = scan.grains.labels.copy()
    panel.segment()
    settle(qtbot, panel)
    np.testing.assert_array_equal(layer.data, before)
    layer.undo()
    settle(qtbot, panel)
    np.testing.assert_array_equal(scan.grains.labels, edited)
    panel.export_to(tmp_path / "grains.csv")
    assert (tmp_path / "grains.csv").read_text("utf-8").startswith("id,class,area")


@pytest.mark.display
def test_the_smallest_area_can_be_as_large_as_the_scan(panel, made):
    scan, _ = made
    whole = 40 * 48 * SPACING[0] * SPACING[1]
    box = panel.form.spins["smallest_area"]
    box.setValue(1e12)
    assert GrainModel.of(scan).settings.smallest_area == pytest.approx(whole)
    assert box.value() == pytest.approx(whole / 1e-18)
    box.setValue(2.5e7)
    assert GrainModel.of(scan).settings.smallest_area == pytest.approx(25e-12)


@pytest.mark.display
def test_a_parameter_shows_a_preview_that_segment_takes_over(panel, made, qtbot):
    scan, _ = made
    # A dock of 450 pixels beside an image on a screen of 1280 × 800.
    assert panel.minimumSizeHint().width() <= 440
    assert panel.minimumSizeHint().height() <= 420
    panel.form.spins["smallest_area"].setValue(2.5e7)
    settle(qtbot, panel)
    (preview,) = panel.session.layers_of(scan, "grain preview")
    few = len(np.unique(preview.data))
    assert scan.grains is None
    assert panel.words.text() == f"Preview: {few} grains. Segment takes them over."
    panel.form.spins["smallest_area"].setValue(0)
    settle(qtbot, panel)
    assert len(np.unique(preview.data)) > few
    assert GrainModel.of(scan).settings.smallest_area is None
    panel.segment()
    settle(qtbot, panel)
    assert panel.session.layers_of(scan, "grain preview") == []
    np.testing.assert_array_equal(grain_layer(panel).data, scan.grains.labels)


@pytest.mark.display
def test_table_classes_labels_of_others_and_problems(panel, made, viewer, qtbot, tmp_path):
    scan, truth = made
    np.save(tmp_path / "labels.npy", truth.labels)
    panel.take_labels(tmp_path / "labels.npy")
    panel.views.setCurrentWidget(panel.table)
    settle(qtbot, panel)
    model = panel.table.shown
    assert model.rowCount() == 9
    assert model.setData(model.index(2, 1), "defect")
    settle(qtbot, panel)
    assert scan.grains.label_classes == {3: "defect"}
    assert model.index(2, 1).data() == "defect"
    assert not model.setData(model.index(2, 1), "boulder")
    panel.table.chosen.emit(5)
    assert grain_layer(panel).selected_label == 5
    np.save(tmp_path / "other.npy", np.ones((3, 3), dtype=int))
    panel.take_labels(tmp_path / "other.npy")
    assert "3 × 3 pixels" in panel.words.text()
    labels = viewer.add_labels(np.repeat([[1], [2]], 20, axis=0) * np.ones((1, 48), dtype=int), name="mine")
    viewer.layers.selection.active = labels
    panel.take_selected_layer()
    settle(qtbot, panel)
    assert scan.grains.count == 2
    assert scan.grains.source == "mine"
    panel.width_spin.setValue(1500)
    settle(qtbot, panel)
    assert scan.band_width == pytest.approx(1.5e-6)
    viewer.theme = "light"
    settle(qtbot, panel)


@pytest.mark.display
def test_hidden_it_is_deaf_and_shown_again_it_has_not_missed_a_stroke(panel, made, viewer, qtbot):
    scan, _ = made
    panel.segment()
    settle(qtbot, panel)
    layer = grain_layer(panel)
    listening = [
        len(getattr(layer.events, name).callbacks) for name in ("paint", "data", "labels_update", "set_data")
    ]
    panel.parent().hide()
    qtbot.waitUntil(lambda: not panel._listening)
    quiet = [
        len(getattr(layer.events, name).callbacks) for name in ("paint", "data", "labels_update", "set_data")
    ]
    assert [a - b for a, b in zip(listening, quiet, strict=True)] == [1, 1, 1, 1]
    layer.paint((5, 5), 99)
    assert 99 not in scan.grains.numbers
    panel.parent().show()
    qtbot.waitUntil(lambda: 99 in scan.grains.numbers)
    viewer.layers.remove(layer)
    settle(qtbot, panel)
    panel.segment()
    settle(qtbot, panel)
    assert grain_layer(panel) is not layer
