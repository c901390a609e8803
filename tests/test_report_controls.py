"""What the report says of controls, of X beside R, of examples of fits and of cycling, against simulated truth."""

from dataclasses import replace

import numpy as np
import pytest
from report_examples import RECIPE, StrictPage, example_data

from napari_tesm import fit
from napari_tesm.evaluation.evaluation import Evaluation
from napari_tesm.quantities.status import OK
from napari_tesm.report.assembling import drawn_figure, report_from_data
from napari_tesm.report.choices import choose_examples
from napari_tesm.report.data import InputFile, ReportScan
from napari_tesm.report.html import page_from_report
from napari_tesm.report.sections import controls, cycling, fit_examples, signal
from napari_tesm.simulation import simulate_dataset, simulate_series
from napari_tesm.simulation.cells import CELLS, CYCLES, cycle_capacities, cycling_text


def scan_of(dataset, label, recipe=RECIPE):
    dataset = Evaluation.of(dataset, recipe).dataset
    scan = ReportScan(label, dataset, file=InputFile(f"{label}.gwy", "cd" * 32, "control"), recipe=recipe)
    scan.maps = fit(dataset, recipe=recipe)
    scan.channels = [one for one in dataset.data_vars.values() if one.dims == ("y", "x")]
    choose_examples(scan)
    return scan


@pytest.fixture(scope="module")
def weak_and_none():
    return [
        scan_of(simulate_dataset(preset, size=(40, 32), samples=100, seed=5), preset)
        for preset in ("silicon-wafer", "hopg")
    ]


@pytest.fixture(scope="module")
def with_quadrature():
    series = simulate_series(size=(48, 36), samples=100, seed=0)
    scan = scan_of(series.scan(3.0), "series")
    scan.points, scan.points_chosen = series.points, False
    return scan


def test_controls_are_told_apart(weak_and_none):
    section = controls.section_from_data(example_data(controls=weak_and_none))
    entries = {(one["control"], one["pulse"]): one for one in section.numbers["controls"]}
    none, weak = entries["silicon-wafer", "(-3 V)"], entries["hopg", "(-3 V)"]
    assert none["verdict"] == "no response"
    assert none["H_interval"][0] < 0 < none["H_interval"][1]
    assert all(one["accepted"] <= 2 and one["pixels"] == 1280 for one in none["accepted"].values())
    assert none["ratio"]["at_least"]
    assert weak["verdict"] == "response"
    # 0.3 against 0.06, as they were made.
    assert weak["ratio"]["ratio_ci"][0] < 5 < weak["ratio"]["ratio_ci"][1]
    assert weak["ratio"]["ratio"] == pytest.approx(5, rel=0.1)
    # Noise of 8 mV: one pixel alone shows some 20 mV, not a tenth of it.
    assert 0.01 < none["detectable_H"] < 0.05
    words = " ".join(section.paragraphs)
    assert "silicon-wafer: No response (+3 V)" in words
    assert "hopg: A response (-3 V)" in words
    assert "5.0" in words
    assert len(section.tables[0].rows) == 4


def test_curves_of_controls_are_on_the_scale_of_the_scan(weak_and_none):
    data = example_data(controls=weak_and_none)
    section = controls.section_from_data(data)
    assert [figure.name for figure in section.figures] == ["controls", "controls_2"]
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    for figure in section.figures:
        canvas = FigureCanvasAgg(Figure(figsize=figure.size))
        figure.fill(canvas.figure)
        titled = {axes.get_title(): axes for axes in canvas.figure.axes if axes.get_title()}
        own, shared = titled["own scale"], titled["scale of scan"]
        assert len(own.lines) == len(shared.lines) == 6
        # The strong scan reaches 0.3 V: beside it the control is flat.
        spans = [np.ptp(axes.get_ylim()) for axes in (own, shared)]
        assert shared.get_ylabel() == "displacement (mV)"
        assert spans[1] > 2 * spans[0]


def test_controls_without_traces_say_so():
    empty = ReportScan("nothing", file=InputFile("n.gwy", "", "control"), notes=["there are no traces"])
    section = controls.section_from_data(example_data(controls=[empty]))
    assert section.missing == ["The control nothing could not be evaluated: there are no traces."]
    assert section.figures == []
    section = controls.section_from_data(example_data())
    assert "(controls='FILE')" in section.missing[0]


def test_a_control_without_one_value_is_told(weak_and_none):
    wafer = weak_and_none[0]
    blank = ReportScan(
        "blank",
        file=wafer.file,
        maps=wafer.maps.assign(H=wafer.maps["H"] * np.nan),
        recipe=wafer.recipe,
    )
    section = controls.section_from_data(example_data(controls=[blank, wafer]))
    assert "no pixel has an H" in section.missing[0]
    assert len(section.tables[0].rows) == 4
    assert section.tables[0].rows[0][4] is None


def test_x_beside_r(with_quadrature):
    section = signal.section_from_data(example_data(with_quadrature, chosen=False))
    assert section.numbers["rotation"] == pytest.approx(8.0, abs=0.3)
    assert section.numbers["in_x"] == pytest.approx(0.9806, abs=0.003)
    assert "98.1 % of the energy" in section.paragraphs[0]
    assert section.warnings == []
    for figure in section.figures:
        assert drawn_figure(figure).files["png"].startswith(b"\x89PNG")


def test_x_that_is_unfit_is_warned_of_and_turned(with_quadrature):
    from napari_tesm.data.phase import rotated_dataset

    traces = rotated_dataset(with_quadrature.dataset, -60.0)
    wrong = traces.drop_attrs(deep=False).assign_attrs(
        {k: v for k, v in traces.attrs.items() if k != "phase_rotation"}
    )
    section = signal.section_from_data(example_data(scan_of(wrong, "turned away"), chosen=False))
    assert section.numbers["in_x"] == pytest.approx(np.cos(np.deg2rad(68)) ** 2, abs=0.01)
    assert "phase_rotation='auto'" in section.warnings[0]
    from dataclasses import replace

    righted = scan_of(wrong, "righted", replace(RECIPE, phase_rotation=68.0))
    section = signal.section_from_data(example_data(righted, chosen=False))
    assert section.warnings == []
    assert section.numbers["turned_by"] == 68.0
    assert section.numbers["in_x"] == pytest.approx(1, abs=0.003)
    assert "turned by 68°" in section.paragraphs[0]


def test_x_alone_is_missing_y():
    section = signal.section_from_data(example_data())
    assert "lock-in Y" in section.missing[0]
    assert section.figures == []


def test_examples_of_fits_are_the_numbers_of_the_maps():
    data = example_data()
    section = fit_examples.section_from_data(data)
    scan = data.main
    assert [figure.name for figure in section.figures] == ["fit_examples_quality", "fit_examples_points"]
    for one in section.numbers["examples"]:
        for number, words in ((1, "window 1"), (2, "window 2")):
            fitted = one["fits"][words]
            if fitted["status"] == "ok":
                known = scan.value_at(f"D{number}", scan.main_pulse, one["row"], one["column"])
                assert fitted["D"] == pytest.approx(known, rel=1e-6)
                assert fitted["b"] == pytest.approx(1 / fitted["tau"])
    assert len(section.tables[0].rows) == 2 * len(section.numbers["examples"])
    assert not section.tables[1].on_page
    data_of_curves = np.array(section.tables[1].rows)
    np.testing.assert_allclose(
        data_of_curves[20, 1] - data_of_curves[20, 2], data_of_curves[20, 3], atol=1e-15
    )
    for figure in section.figures:
        assert drawn_figure(figure).width > 400


def test_nothing_accepted_is_told(weak_and_none):
    wafer = weak_and_none[0]
    masked = wafer.maps.copy()
    for name in ("status1", "status2"):
        masked[name] = masked[name].copy(data=np.full(masked[name].shape, 2, np.int8))
    scan = ReportScan(
        "wafer", wafer.dataset, file=wafer.file, maps=masked, recipe=wafer.recipe, points=wafer.points
    )
    section = fit_examples.section_from_data(example_data(scan, chosen=False))
    assert "no pixel was accepted" in section.missing[0]
    assert [figure.name for figure in section.figures] == ["fit_examples_points"]
    assert all(fit["status"] != "ok" for one in section.numbers["examples"] for fit in one["fits"].values())
    assert OK not in masked["status2"].values


def test_cells_are_laid_over_each_other(tmp_path):
    for cell in CELLS:
        (tmp_path / f"{cell}.csv").write_text(cycling_text(cell))
    (tmp_path / "bad.csv").write_text("nothing\n")
    paths = [tmp_path / f"{name}.csv" for name in (*CELLS, "bad", "absent")]
    section = cycling.section_from_data(example_data(cycling=paths))
    assert [cell["name"] for cell in section.numbers["cells"]] == list(CELLS)
    for cell in section.numbers["cells"]:
        for cycle, one in zip(CYCLES, cell["cycles"], strict=True):
            assert (one["discharge"], one["charge"]) == pytest.approx(
                cycle_capacities(cell["name"], cycle), rel=1e-4
            )
    assert "bad.csv: no line names" in section.missing[0]
    assert "absent" in section.missing[1]
    assert drawn_figure(section.figures[0]).files["png"].startswith(b"\x89PNG")
    assert cycling.section_from_data(example_data()) is None


def test_the_page_holds_all_of_it(tmp_path, weak_and_none):
    (tmp_path / "cell.csv").write_text(cycling_text("swagelok"))
    data = example_data(controls=weak_and_none[:1], cycling=[tmp_path / "cell.csv"], chosen=False)
    wanted = {
        "controls": controls.section_from_data, "signal": signal.section_from_data,
        "fit_examples": fit_examples.section_from_data, "cycling": cycling.section_from_data,
    }  # fmt: skip
    report = report_from_data(data, sections=wanted, strict=True)
    page = StrictPage.of(page_from_report(report))
    for title in ("Controls", "Signal check", "Examples of fits", "Cycling of the cells"):
        assert title in page.text
    assert page.count("img") == len(report.drawn) == 3


def test_a_wafer_behind_a_lock_in_does_not_respond_in_the_report():
    from test_controls import wafer_behind_a_lock_in

    recipe = replace(RECIPE, tip_radius=None, tip_radius_error=None)
    verdicts, detectable = {}, {}
    for noise in ("measured", "white"):
        scan = scan_of(wafer_behind_a_lock_in(2), "wafer", replace(recipe, noise=noise))
        section = controls.section_from_data(example_data(controls=[scan]))
        (entry,) = section.numbers["controls"]
        verdicts[noise], detectable[noise] = entry["verdict"], entry["detectable_H"]
    assert verdicts == {"measured": "no response", "white": "response"}
    # Noise of 5 mV: what fakes no response has to be larger, too.
    assert detectable["measured"] > 4 * detectable["white"]
