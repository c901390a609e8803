"""The Series tab on the simulated paper series, whose drift and verdicts are known: it shows what the report says."""

from functools import cache

import numpy as np
import pytest

pytest.importorskip("qtpy")
from napari_tesm.gui.dock import open_workspace
from napari_tesm.gui.layers.scan_layers import add_layer, layers_from_scan
from napari_tesm.gui.models.scan import Scan, role_of
from napari_tesm.gui.models.series import SeriesModel, value_in_file
from napari_tesm.regions.shapes import PinnedPoint, Region
from napari_tesm.report.data import InputFile, ReportData, ReportScan
from napari_tesm.report.sections.series import section_from_data
from napari_tesm.series import Abscissa
from napari_tesm.simulation import simulate_series
from napari_tesm.simulation.voltage_scans import POINTS, VOLTAGES

SIMULATED = simulate_series(size=(64, 48), samples=100, seed=0)


class Owner:
    """What the session of a viewer is to the model: somebody whose series these are."""


@cache
def traces(voltage):
    return SIMULATED.scan(voltage)


def scan(voltage, **more):
    dataset = traces(voltage)
    images = [one for one in dataset.data_vars.values() if one.dims == ("y", "x")]
    return Scan(f"{voltage:g}V", dataset, images, **more)


def computed(model, scans):
    work = model.waiting(scans)
    assert work is not None
    model.take(work.compute(lambda *_: None))
    assert model.waiting(scans) is None
    return model.findings


@pytest.fixture(scope="module")
def opened():
    """All voltages, another sample among them, and what was found of them."""
    scans = [scan(voltage) for voltage in VOLTAGES]
    scans[0].set_points(SIMULATED.points)
    owner = Owner()
    model = SeriesModel.of(owner)
    computed(model, scans)
    return owner, model, scans


def test_points_have_the_papers_verdicts_and_the_numbers_of_the_report(opened):
    _, model, scans = opened
    curves = model.curves(scans, scans[0])
    assert [(curve.verdict, curve.voltage) for curve in curves] == [(p.verdict, -p.peak) for p in POINTS]
    data = [ReportScan.of(one, file=InputFile(one.name, "")) for one in scans]
    for one, found in zip(data, model.state.data.scans, strict=True):
        one.maps = found.maps
    (numbers,) = section_from_data(ReportData(data)).numbers["series"]
    for curve, of_report in zip(curves, numbers["points"]["H"], strict=True):
        assert np.array_equal(curve.means, of_report["mean"])
        assert np.array_equal(curve.stds, of_report["standard_deviation"])
        assert curve.p_value == of_report["p"]
    assert model.table(scans, scans[0]).csv().count("\n") >= 3 * len(VOLTAGES)


def test_a_point_pinned_on_another_scan_is_the_same_place_of_the_sample(opened):
    _, model, scans = opened
    on_first = model.curves(scans, scans[0])[0]
    right, down = SIMULATED.truth()["scans"][3]["drift_pixels"]
    step_y, step_x = scans[0].spacing
    first = SIMULATED.points[0]
    # The sample has moved on between the scans: the same place lies there now.
    scans[3].set_points([PinnedPoint(7, first.x + right * step_x, first.y + down * step_y)])
    (curve,) = model.curves(scans, scans[3])
    scans[3].set_points([])
    assert curve.number == 7
    assert np.array_equal(curve.values, on_first.values)


def test_a_shift_that_is_entered_moves_maps_and_points_and_can_be_taken_back(opened):
    _, model, scans = opened
    measured = model.findings.aligned.alignments[2]
    before = model.curves(scans, scans[0])[0].values[2]
    model.enter_shift(2, right=measured.pixels[1] + 5.0)
    model.enter_shift(0, right=3.0)  # the reference is where it is
    findings = computed(model, scans)
    entered = findings.aligned.alignments[2]
    assert entered.pixels == (measured.pixels[0], measured.pixels[1] + 5.0)
    assert entered.sentence.endswith("entered by hand.")
    assert not np.array_equal(model.curves(scans, scans[0])[0].values[2], before)
    assert findings.aligned.alignments[0].pixels == (0.0, 0.0)
    assert findings.aligned.alignments[3] is model.state.data.aligned[0].alignments[3], "measured once"
    model.forget_shifts()
    assert computed(model, scans).aligned.alignments[2] == measured


def test_scans_of_one_voltage_go_by_a_temperature_with_the_verdicts_of_the_same_maps(opened):
    _, by_voltage, scans_of_voltages = opened
    reference = by_voltage.findings.aligned.series.members[by_voltage.findings.aligned.reference].source
    scans, degrees = [], {}
    for voltage in VOLTAGES:
        dataset = traces(voltage)
        volts = np.where(dataset["voltage"].values < 0, -3.0, 3.0)
        images = [one for one in dataset.data_vars.values() if one.dims == ("y", "x")]
        scans.append(Scan(f"{voltage:g}V", dataset.assign_coords(voltage=("pulse", volts)), images))
        degrees[scans[-1]] = 10 * voltage - 40
    scans[0].set_points(SIMULATED.points)
    model = SeriesModel.of(Owner())
    model.go_by(Abscissa("temperature", "°C"), degrees)
    findings = computed(model, scans)
    assert findings.aligned.series.labels[0] == f"−{40 - 10 * VOLTAGES[0]:g} °C"
    model.lay_on(reference)
    aligned = computed(model, scans).aligned
    assert aligned.series.members[aligned.reference].source == reference
    for curve, same in zip(
        model.curves(scans, scans[0]), by_voltage.curves(scans_of_voltages, scans_of_voltages[0]), strict=True
    ):
        assert np.array_equal(curve.means, same.means)
        assert (curve.verdict, curve.p_value) == (same.verdict, same.p_value)
        assert curve.voltage == pytest.approx(-10 * same.voltage - 40, nan_ok=True)
        assert curve.p_linear == pytest.approx(same.p_linear, rel=1e-6, nan_ok=True)
        assert "V" not in curve.sentence
        assert "°C" in curve.sentence
    table = model.table(scans, scans[0])
    assert sorted(set(table.values("temperature"))) == sorted(degrees.values())
    # A scan without a value is left out and named; metadata of the file are offered, nothing else is.
    model.go_by(Abscissa("cycle", ""), {one: number for number, one in enumerate(scans[1:])})
    assert computed(model, scans).aligned.series.labels[:2] == ["cycle 0", "cycle 1"]
    assert f"The cycle of {scans[0].name} is not entered: it is left out." in model.state.sentences
    scans[0].container = {"/0/meta": {"Temperature": "-12.5 °C", "Cycle": "first"}}
    assert value_in_file(scans[0], "temperature") == -12.5
    assert value_in_file(scans[0], "cycle") is None


def test_a_scan_of_another_place_is_left_out_and_named_and_one_can_be_taken_out():
    rng = np.random.default_rng(8)
    other = traces(3.0).copy()
    for name in ("displacement", "topography", "deflection_error"):
        if name in other:
            noise = rng.standard_normal(
                other[name].shape[-3:-1] if name == "displacement" else other[name].shape
            )
            values = 0.3 * other[name].values.std() * (noise[..., None] if name == "displacement" else noise)
            other[name] = other[name].copy(data=np.broadcast_to(values, other[name].shape).copy())
    images = [one for one in other.data_vars.values() if one.dims == ("y", "x")]
    scans = [scan(3.0), scan(5.0), Scan("elsewhere", other, images)]
    owner = Owner()
    model = SeriesModel.of(owner)
    findings = computed(model, scans)
    assert findings.aligned.series.labels == ["−3 V", "−5 V"]
    assert any(
        sentence.startswith("elsewhere (−3 V #2) is not of this area") for sentence in model.state.sentences
    )
    # The wafer's other polarity is no point of this sample either: one +3 V, of the scan that belongs to it.
    (alone,) = model.state.alone
    assert [member.source for member in alone.aligned.series.members] == ["3V"]
    model.take_part(scans[1], takes_part=False)
    assert computed(model, scans) is None
    assert model.problem(scans, scans[0]).startswith("No series yet")


@pytest.mark.display
def test_the_tab_shows_the_series_and_its_maps_on_the_canvas_on_one_scale(viewer, qtbot, tmp_path):
    scans = [scan(voltage) for voltage in VOLTAGES[:3]]
    x, y = scans[0].x, scans[0].y
    corners = ((x[5], y[5]), (x[20], y[5]), (x[20], y[25]), (x[5], y[25]))
    region = Region("rectangle", tuple((float(a), float(b)) for a, b in corners), name="left")
    scans[0].set_points(SIMULATED.points)
    for one in scans:
        for layer in layers_from_scan(one):
            add_layer(viewer, layer)
    workspace = open_workspace(viewer)
    panel = workspace.panels["Series"]
    workspace.tabs.setCurrentWidget(panel)
    qtbot.waitUntil(lambda: panel.model.findings is not None, timeout=30_000)
    qtbot.wait(60)
    shown = panel.table.shown
    texts = [shown.index(row, 1).data() for row in range(shown.rowCount())]
    assert len(texts) == 3
    assert set(texts) <= {"rising", "saturating", "peaked", "undecided"}
    panel.export_to(tmp_path / "points.csv")
    assert (tmp_path / "points.csv").read_text().startswith("point,voltage (V),H (V)")

    panel.model.choose(view="maps")
    qtbot.wait(60)
    before = {layer: layer.visible for layer in viewer.layers}
    panel.slider.setValue(2)
    (layer,) = [one for one in viewer.layers if role_of(one.metadata).get("kind") == "series"]
    aligned = panel.model.findings.aligned
    assert workspace.scan is scans[0], "the reference, on whose grid the maps lie"
    assert np.allclose(
        layer.data * layer.metadata["tesm"]["factor"], aligned.moved(2), atol=1e-6, equal_nan=True
    )
    limits = layer.contrast_limits
    panel.slider.setValue(1)
    qtbot.waitUntil(lambda: viewer.canvas.overlays["tesm_map"].text.startswith("H at −5 V"), timeout=10_000)
    assert layer in viewer.layers, "the same layer, other pixels"
    assert layer.contrast_limits == limits
    assert layer.name == "H at −5 V"
    assert not any(one.visible for one in viewer.layers if role_of(one.metadata).get("kind") == "map")
    panel.side_button.setChecked(True)
    qtbot.wait(60)
    together = [one for one in viewer.layers if role_of(one.metadata).get("kind") == "series"]
    assert len(together) == 3
    assert {tuple(one.contrast_limits) for one in together} == {tuple(limits)}
    assert not any(one.colorbar.visible for one in together), "the scale of all stands in the tab"
    panel.model.choose(view="regions")
    qtbot.wait(60)
    assert not any(role_of(one.metadata).get("kind") in ("series", "probe") for one in viewer.layers)
    assert not viewer.canvas.grid.enabled
    assert {one for one in viewer.layers if one.visible} == {
        one for one, visible in before.items() if one in viewer.layers and role_of(one.metadata)["scan"] is scans[0]
        and one.metadata["tesm"].get("seen", one.visible)
    }  # fmt: skip
    scans[0].set_regions([region])
    qtbot.wait(60)
    assert shown.index(0, 0).data() == "left"
