"""The tab of histograms in a real window: choices, regions that change, nothing left behind."""

import numpy as np
import pytest
from examples import drawn, example_dataset, world

from napari_tesm.gui.layers.scan_layers import add_layer, layers_from_scan
from napari_tesm.gui.models.histogram import HistogramModel
from napari_tesm.gui.models.regions import RegionModel
from napari_tesm.gui.models.scan import Scan
from napari_tesm.interface import fit

pytestmark = pytest.mark.display

BOX = drawn("rectangle", ((0, 0), (7, 0), (7, 12), (0, 12)), "left", "grain")


@pytest.fixture
def scan():
    dataset = example_dataset(shape=(12, 16))
    return Scan("example", dataset, [dataset["topography"]])


@pytest.fixture
def panel(viewer, scan, qtbot):
    from napari_tesm.gui.panels.histogram import HistogramPanel

    for layer in layers_from_scan(scan):
        add_layer(viewer, layer)
    panel = HistogramPanel(viewer)
    viewer.window.add_dock_widget(panel, area="right", name="histogram")
    qtbot.waitUntil(lambda: panel.quantity_box.count() > 0)
    return panel


def _settled(qtbot, panel):
    qtbot.waitUntil(lambda: panel._listening and not panel._refresh_timer.isActive())


def test_h_before_a_fit_and_d_after_it(panel, scan, qtbot):
    assert panel.quantity_box.currentText() == "H"
    assert not panel.log_box.isChecked()
    scan.set_results(fit(scan.dataset, tip_radius="25 nm", threshold=0.0))
    _settled(qtbot, panel)
    assert panel.quantity_box.currentText() == "D1 and D2"
    assert panel.log_box.isChecked()
    assert panel.words.text().count("(-3 V)") == 2
    panel.log_box.click()
    _settled(qtbot, panel)
    assert "linear" in panel.words.text()
    panel.pulse_box.setCurrentIndex(0)
    panel._chosen()
    _settled(qtbot, panel)
    assert panel.words.text().count("(+3 V)") == 2


def test_the_null_box_takes_the_brackets_away_and_brings_them_back(panel, scan, qtbot):
    assert not panel.null_box.isVisible()
    scan.set_results(fit(scan.dataset, tip_radius="25 nm", threshold=0.0))
    _settled(qtbot, panel)
    assert panel.null_box.isVisible()
    assert panel.null_box.isChecked()
    assert "Pure diffusion" in panel.words.text()
    shown = [text.get_text() for text in panel.plot.axes.texts]
    assert shown == ["pure diffusion, a flux", "pure diffusion, a clamped tip"]
    panel.null_box.click()
    _settled(qtbot, panel)
    assert panel.plot.axes.texts[:] == []
    assert "Pure diffusion" not in panel.words.text()
    HistogramModel.of(scan).choose("D2/D1", with_nulls=True)
    _settled(qtbot, panel)
    low, high = panel.plot.axes.get_xlim()
    for first, last in HistogramModel.of(scan).view().nulls.ranges.values():
        assert low < first < last < high


def test_a_long_record_is_compared_beside_the_window(panel, scan, qtbot, monkeypatch):
    monkeypatch.setattr("napari_tesm.gui.models.histogram_nulls.LONG_RECORD", 10)
    scan.set_results(fit(scan.dataset, tip_radius="25 nm", threshold=0.0))
    qtbot.waitUntil(lambda: "Pure diffusion" in panel.words.text(), timeout=20_000)
    assert len(panel.plot.axes.texts) == 2


def test_regions_are_followed(panel, scan, qtbot, tmp_path):
    panel.split_box.setCurrentIndex(panel.split_box.findData("regions"))
    panel._chosen()
    _settled(qtbot, panel)
    assert "No region is drawn" in panel.words.text()
    assert not panel.export_button.isEnabled()
    panel.link.layer.add(world((0, 0), (0, 7), (12, 7), (12, 0)), shape_type="rectangle")
    _settled(qtbot, panel)
    assert "region 1" in panel.words.text()
    RegionModel.of(scan).rename(0, "mine")
    _settled(qtbot, panel)
    assert "mine" in panel.words.text()
    panel.export_to(tmp_path / "bins.csv")
    assert "mine" in (tmp_path / "bins.csv").read_text("utf-8")
    assert "Saved bins.csv" in panel.words.text()


def test_no_scan_no_values_and_the_other_theme(panel, scan, viewer, qtbot):
    viewer.theme = "light"
    qtbot.waitUntil(lambda: not panel.plot.theme.is_dark)
    scan.dataset["topography"].values[:] = np.nan
    HistogramModel.of(scan).choose("channel:topography")
    _settled(qtbot, panel)
    assert "No pixel in the map" in panel.words.text()
    viewer.layers.clear()
    _settled(qtbot, panel)
    assert panel.words.text() == ""
    panel._chosen()
    panel._scale_chosen(True)


def test_twenty_openings_leave_no_callback(panel, scan, viewer, qtbot):
    scan.set_regions([BOX])
    _settled(qtbot, panel)
    dock, regions = panel.parent(), panel.link.layer

    def count():
        emitters = [*viewer.layers.events.emitters.values(), *viewer.events.emitters.values()]
        for layer in viewer.layers:
            emitters += layer.events.emitters.values()
        signals = (
            scan.regions_changed, scan.results_changed, scan.dataset_changed, HistogramModel.of(scan).changed,
            RegionModel.of(scan).selection_changed, RegionModel.of(scan).settled,
        )  # fmt: skip
        return [
            sum(len(emitter.callbacks) for emitter in emitters),
            len(regions.selected_data.events.items_changed),
            *(len(signal) for signal in signals),
        ]

    dock.hide()
    before = count()
    for _ in range(20):
        dock.show()
        dock.hide()
    assert count() == before
    dock.show()
