"""The section of the odd and even parts: D of each voltage against D of the odd part, with a force in the traces."""

import numpy as np
import pytest
from plotting_checks import agg_figure, assert_legible
from test_parity import H, scene

from napari_tesm import fit
from napari_tesm.evaluation.evaluation import Evaluation
from napari_tesm.evaluation.recipe import Recipe
from napari_tesm.report.data import InputFile, ReportData, ReportScan
from napari_tesm.report.sections import parity

RECIPE = Recipe(kernel="flux-pulse", nuisance="none")


def data_of(dataset, recipe=RECIPE):
    evaluation = Evaluation.of(dataset, recipe)
    scan = ReportScan(
        "scan", evaluation.dataset, file=InputFile("scan.gwy", ""), recipe=evaluation.recipe,
        maps=fit(dataset, recipe=recipe),
    )  # fmt: skip
    return ReportData([scan])


@pytest.fixture(scope="module")
def recorded():
    return scene(np.random.default_rng(7), shape=(10, 14))


def test_d_of_a_single_voltage_is_held_against_that_of_the_odd_part(recorded):
    dataset, truth, force = recorded
    data = data_of(dataset)
    section = parity.section_from_data(data)
    (table,) = section.tables
    rows = {row[0]: row for row in table.rows}
    assert list(rows) == ["+3 V odd", "+3 V", "-3 V"]
    assert rows["+3 V odd"][3] == pytest.approx(np.median(truth), rel=0.1)
    each, odd = data.main.maps["D"].values, fit(dataset, recipe=RECIPE, parity="odd")["D"].values[0]
    for label, pulse in (("+3 V", 0), ("-3 V", 1)):
        assert rows[label][-1] == pytest.approx(np.nanmedian(each[pulse] / odd))
    assert rows["+3 V"][-1] > 3
    assert rows["-3 V"][-1] < 0.4
    assert len(section.warnings) == 2
    assert section.numbers["even"][0]["median"] == pytest.approx(np.median(force), abs=0.02 * H)
    (figure,) = section.figures
    drawn = agg_figure(tuple(100 * side for side in figure.size))
    figure.fill(drawn)
    assert_legible(drawn)


def test_a_report_on_the_odd_part_shows_what_was_fitted(recorded):
    data = data_of(recorded[0], Recipe(kernel="flux-pulse", nuisance="none", parity="odd"))
    section = parity.section_from_data(data)
    assert section.tables == []
    assert len(section.figures) == 1
    assert section.numbers["parts"]["parity"] == "odd"


def test_a_single_voltage_has_no_parts(recorded):
    assert parity.section_from_data(data_of(recorded[0].isel(pulse=[1]))) is None
