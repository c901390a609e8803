"""The report's section on grains: verdict and numbers of a known surface, what is missing, and figures that draw."""

from dataclasses import replace

import numpy as np
import pytest
from examples import CORNER
from report_examples import example_data, example_scan
from simulated_grains import simulated_grains

from napari_tesm.grains import Grains, boundaries_from_grains
from napari_tesm.regions.shapes import Region
from napari_tesm.report.assembling import drawn_figure
from napari_tesm.report.sections import grains


@pytest.fixture(scope="module")
def made():
    """A scan of 40 × 32 pixels whose D2 is half as large at the boundaries of known grains."""
    truth = simulated_grains("domes", shape=(32, 40), spacing=(6e-9, 9e-9), count=5, seed=2)
    scan = example_scan()
    topography = scan.images["Topography"].copy(data=truth.topography)
    scan.channels = [topography if one.name == topography.name else one for one in scan.channels]
    near = boundaries_from_grains(Grains(truth.labels.astype(np.int32), truth.spacing), 50e-9).mask(
        "boundary"
    )
    scan.maps = scan.maps.copy(deep=True)
    noise = np.random.default_rng(0).lognormal(0, 0.1, scan.maps["D2"].shape)
    scan.maps["D2"].values[:] = 4e-13 * np.where(near, 0.5, 1.0) * noise
    return scan, truth


def test_the_verdict_numbers_and_tables_are_those_of_the_truth(made):
    scan, _ = made
    section = grains.section_from_data(example_data(scan, chosen=False))
    assert abs(section.numbers["count"] - 5) <= 1
    assert section.numbers["boundary_width"] == pytest.approx(50e-9)
    d2 = next(
        one for one in section.numbers["measures"] if one["quantity"] == "D2" and one["pulse"] == "(-3 V)"
    )
    low, high = d2["boundary_against_interior"]["ratio_ci"]
    assert 0.4 < low < 0.5 * 1.1
    assert high < 0.75
    assert any("D2 (-3 V) is lower at boundaries by factor" in text for text in section.paragraphs)
    assert "found automatically" in section.warnings[0]
    names = [table.name for table in section.tables]
    assert names == ["grain_classes", "grain_table", "grain_distances"]
    areas = [row[2] for row in section.tables[1].rows]
    assert sum(areas) == pytest.approx(32 * 40 * 54e-18)
    assert drawn_figure(section.figures[0]).files["png"].startswith(b"\x89PNG")


def test_saved_grains_and_their_band_are_taken_and_defects_count_apart(made):
    _, truth = made
    scan = example_scan()
    scan.grains, scan.band_width = (
        Grains(truth.labels.astype(np.int32), truth.spacing, words=("By hand.",)),
        20e-9,
    )
    corners = np.array([(36, 30), (72, 30), (72, 60), (36, 60)]) * 1e-9 + CORNER[::-1]
    scan.regions = (Region.from_xy("rectangle", corners, name="dirt", region_class="defect"),)
    section = grains.section_from_data(example_data(scan, chosen=False))
    assert section.numbers["count"] == 5
    assert section.numbers["boundary_width"] == 20e-9
    assert section.numbers["shares"]["defect"] == pytest.approx(20 / 1280)
    assert section.paragraphs[0] == "By hand."
    assert section.warnings == []


def test_the_caption_counts_interiors_and_boundaries_apart(made):
    scan, truth = made
    labelled = replace(scan, grains=Grains(truth.labels.astype(np.int32), truth.spacing), band_width=20e-9)
    found = boundaries_from_grains(labelled.grains, 20e-9)
    known = np.isfinite(scan.maps["D2"].values[1])
    inside, at = (int((found.mask(name) & known).sum()) for name in ("interior", "boundary"))
    assert inside != at
    (figure,) = grains.section_from_data(example_data(labelled, chosen=False)).figures
    assert f"in interiors (n = {inside}) and at boundaries (n = {at});" in figure.caption


def test_what_is_missing_is_said():
    flat = example_scan()
    noise = np.random.default_rng(0).normal(0, 1e-10, (32, 40))
    flat.channels = [flat.images["Topography"].copy(data=noise)]
    section = grains.section_from_data(example_data(flat, chosen=False))
    assert section.numbers["count"] == 1
    assert "no grain boundary stands out" in section.missing[0]
    assert section.figures == []
    assert (
        grains.section_from_data(example_data(example_scan(without=("Topography", "Deflection error"))))
        is None
    )


def test_grains_that_are_all_boundary_are_not_compared_with_it(made):
    scan, _ = made
    wide = replace(scan, maps=scan.maps.assign_attrs(tip_radius=100e-9))
    section = grains.section_from_data(example_data(wide, chosen=False))
    assert section.numbers["shares"]["boundary"] > 0.75
    assert "measures" not in section.numbers
    assert not section.figures
    assert "no grains to compare" in section.missing[0]
