"""The page that sets the paper's statements beside reproduced numbers: every statement holds, and none is missing."""

import importlib.util
import json
from pathlib import Path

import pytest

from napari_tesm import fit
from napari_tesm.evaluation.displacement_maps import displacement_maps
from napari_tesm.evaluation.evaluation import Evaluation
from napari_tesm.evaluation.recipe import Recipe
from napari_tesm.report.assembling import report_from_data
from napari_tesm.report.data import InputFile, ReportData, ReportScan
from napari_tesm.report.sections import section_functions
from napari_tesm.report.writing import numbers_of_report
from napari_tesm.simulation import simulate_series
from napari_tesm.simulation.cells import CELLS, CYCLES, cycle_capacities, cycling_text
from napari_tesm.simulation.voltage_scans import VOLTAGES

DOCS = Path(__file__).parents[1] / "docs"

pytestmark = pytest.mark.slow


def script():
    spec = importlib.util.spec_from_file_location("make_reproduction", DOCS / "make_reproduction.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def scan_of(dataset, label, role="scan", *, fitted=True):
    recipe = Recipe()
    dataset = Evaluation.of(dataset, recipe).dataset
    maps = fit(dataset) if fitted else displacement_maps(Evaluation.of(dataset))
    scan = ReportScan(label, dataset, file=InputFile(f"{label}.gwy", "", role), maps=maps, recipe=recipe)
    scan.channels = [one for one in dataset.data_vars.values() if one.dims == ("y", "x")]
    return scan


def numbers_of(data, subjects):
    """Return the numbers of some sections, with nothing drawn."""

    def without_figures(make):
        def section_from_data(data):
            section = make(data)
            if section is not None:
                section.figures.clear()
            return section

        return section_from_data

    wanted = {name: without_figures(make) for name, make in section_functions().items() if name in subjects}
    numbers = numbers_of_report(report_from_data(data, sections=wanted, strict=True))
    return json.loads(json.dumps(numbers))["sections"]


@pytest.fixture(scope="module")
def reported(tmp_path_factory):
    """The numbers of the report on a small series, and the truth; of the other voltages H is enough."""
    folder = tmp_path_factory.mktemp("cells")
    for cell in CELLS:
        (folder / f"cycling_{cell}.csv").write_text(cycling_text(cell))
    series = simulate_series(size=(64, 48), samples=250)
    first = scan_of(series.scan(VOLTAGES[0]), "si_c_03V")
    first.regions, first.points = series.regions, series.points
    others = [
        scan_of(series.scan(voltage), f"si_c_{voltage:02.0f}V", fitted=False) for voltage in VOLTAGES[1:]
    ]
    controls = [
        scan_of(series.control(preset), name, "control")
        for name, preset in (("silicon_wafer", "silicon-wafer"), ("hopg", "hopg"))
    ]
    alone = ReportData([first], controls, sorted(folder.glob("*.csv")), files=[first.file])
    sections = numbers_of(alone, set(section_functions()) - {"series", "trace", "points", "grains"})
    sections |= numbers_of(ReportData([first, *others]), {"series"})
    truth = series.truth()
    truth["cycling"] = {
        f"cycling_{cell}.csv": [list(cycle_capacities(cell, cycle)) for cycle in CYCLES] for cell in CELLS
    }
    return sections, json.loads(json.dumps(truth))


def test_every_statement_is_reproduced(reported):
    rows = script().rows_from_numbers(*reported)
    assert [row.paper for row in rows if not row.holds] == []
    figures = {name for row in rows for name in row.figure.split(", ")}
    assert figures >= {
        "1",
        "2",
        "3",
        "4",
        "6a",
        "6b",
        "6c",
        "7",
        "7a",
        "7b",
        "8",
        "S1",
        "S2",
        "S3",
        "S4",
        "S5",
    }


def test_the_page_has_the_statements_of_the_script(reported):
    module = script()
    rows = module.rows_from_numbers(*reported)
    page = (DOCS / "reproduction.md").read_text()
    stated = [
        line.split(" | ")[1] for line in page.splitlines() if line.startswith("| ") and "---" not in line
    ][1:]
    assert stated == [row.paper for row in rows]
    assert "**no**" not in page
    assert "**simulated**" in page


def test_what_is_not_reproduced_is_said(reported):
    sections, truth = reported
    wrong = json.loads(json.dumps(sections))
    wrong["diffusion"]["course"]["median_on_step"] = 5e-13
    rows = script().rows_from_numbers(wrong, truth)
    assert [row.figure for row in rows if not row.holds] == ["7a"]
    assert "**no**" in script().page_from_rows(rows, size="64x48", warning="")
