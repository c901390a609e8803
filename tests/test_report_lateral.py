"""The report's section on D with lateral diffusion taken out: numbers of a known band, and when it is there."""

import json
import warnings
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import xarray as xr
from lateral_truth import banded_scan
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from plotting_checks import faults_of_print
from report_examples import StrictPage, example_data

from napari_tesm import lateral, open_dataset, save
from napari_tesm.cli import main
from napari_tesm.evaluation.recipe import Recipe
from napari_tesm.findings.lateral_changes import lateral_change
from napari_tesm.gwy import read_container
from napari_tesm.io.gwy.results_reading import maps_from_container
from napari_tesm.plotting.lateral import lateral_figure
from napari_tesm.plotting.style import FigureStyle, finish
from napari_tesm.quantities.status import INVALID
from napari_tesm.regions.measures import parts_of_image
from napari_tesm.regions.shapes import Region
from napari_tesm.report import assembling
from napari_tesm.report.data import InputFile, ReportData, ReportScan
from napari_tesm.report.gathering import report_data_from_files
from napari_tesm.report.sections import lateral as of_lateral

BAND = 35e-9
RECIPE = Recipe(kernel="flux-pulse", noise="white", nuisance="none")


@cache
def scanned():
    """Return the places from the middle of a fast band, its scan, and the maps of its inversion."""
    x, _, dataset = banded_scan(BAND, 2.5, "flux-pulse", rows=7, half=140e-9)
    return x, dataset, lateral(dataset, recipe=RECIPE)


def band_of(dataset, x):
    """Return the band as a region of steps."""
    left, right = (1e-6 - x[0] + side * 0.4 * BAND for side in (-1, 1))
    bottom = float(dataset["y"][-1]) + 6e-9
    corners = np.array([(left, -6e-9), (right, -6e-9), (right, bottom), (left, bottom)])
    return Region.from_xy("rectangle", corners, name="band", region_class="step")


def scan_of(maps=None, **more):
    x, dataset, inverted = scanned()
    return ReportScan(
        "scan", dataset, file=InputFile("scan.gwy", ""), recipe=RECIPE, maps=inverted if maps is None else maps,
        regions=[band_of(dataset, x)], **more,
    )  # fmt: skip


def test_what_changes_at_a_step_is_that_of_the_pixels_with_both_kinds_of_d():
    x, _, maps = scanned()
    maps = maps.copy(deep=True)
    inside = np.broadcast_to(np.abs(x) < 0.4 * BAND, (7, x.size))
    # As where nothing tells, and as where a pixel's own fit found nothing.
    maps["D_lateral"].values[0, :2] = np.nan
    maps["D"].values[0, 5, ::3] = np.nan
    maps["status"].values[0, 5, ::3] = INVALID
    section = of_lateral.section_from_data(ReportData([scan_of(maps)]))
    both = np.isfinite(maps["D_lateral"].values[0]) & np.isfinite(maps["D"].values[0])
    entry = section.numbers["pulses"][0]
    assert entry["left_out"] == int((~both).sum())
    for name, mask in (("band", inside), ("outside of all", ~inside)):
        part = entry["parts"][name]
        assert part["n"] == int((mask & both).sum())
        for kind, of_kind in (("alone", "D"), ("lateral", "D_lateral")):
            median, low, high = part[kind]
            assert median == pytest.approx(np.median(maps[of_kind].values[0][mask & both]))
            assert low < median < high
    assert 2.0 < entry["parts"]["band"]["lateral"][0] / 4e-13 < 2.9
    ratios = entry["ratios"][0]
    assert ratios["alone"]["ratio"] < 1.3
    assert 2 < ratios["lateral"]["ratio"] < 2.9
    assert ratios["lateral"]["n"] == [int((inside & both).sum()), int((~inside & both).sum())]
    assert any("with lateral diffusion taken out (n = " in text for text in section.paragraphs)
    regions, compared = section.tables
    row = regions.rows[regions.values("part").index("band")]
    assert row[5:7] == [entry["parts"]["band"]["n"], entry["parts"]["band"]["alone"][0]]
    assert compared.values("ratio lateral") == [pytest.approx(ratios["lateral"]["ratio"])]


def test_the_interval_of_a_smooth_map_holds_its_standard_error():
    x, dataset, maps = scanned()
    even = maps.copy(deep=True)
    even["D_lateral"].values[:] = 4e-13  # as smooth as can be: it does not scatter at all
    even["log_D_lateral_stderr"].values[:] = 0.1
    parts = parts_of_image([band_of(dataset, x)], {}, dataset["x"].values, dataset["y"].values)
    found = lateral_change(even, 0, parts).parts[0].lateral
    assert found.low == pytest.approx(4e-13 * np.exp(-0.196))
    assert found.high == pytest.approx(4e-13 * np.exp(0.196))


def test_a_misfit_and_what_is_left_out_are_said_in_words():
    maps = scanned()[2].copy()
    found = json.loads(maps.attrs["lateral"])
    maps.attrs["lateral"] = json.dumps([found[0] | {"misfit": 2.5, "n_prior": 9, "n_incomplete": 1}])
    section = of_lateral.section_from_data(ReportData([scan_of(maps)]))
    assert section.warnings == [
        "scan (-3 V): the traces are not described: chi-square is 2.50 per degree of freedom. The boundary, the tip's "
        "radius or a D that changes with depth may be the reason."
    ]
    words = " ".join(section.paragraphs)
    assert "9 pixels too far from any response to tell" in words
    assert "1 trace with missing samples" in words
    assert of_lateral.section_from_data(ReportData([scan_of()])).warnings == []


def test_there_is_no_section_without_such_a_map():
    assert of_lateral.section_from_data(example_data()) is None
    maps = scanned()[2].drop_vars("misfit_lateral")  # a channel that was deleted
    assert of_lateral.section_from_data(ReportData([scan_of(maps)])) is None


def test_a_map_without_a_pixel_is_said_and_drawn():
    maps = scanned()[2].copy(deep=True)
    for name in ("D_lateral", "log_D_lateral_stderr", "misfit_lateral", "amplitude_lateral"):
        maps[name].values[:] = np.nan
    maps.attrs["lateral"] = json.dumps([{"n_incomplete": 0}])
    section = of_lateral.section_from_data(ReportData([scan_of(maps)]))
    assert any("D lateral none: fewer than 16 pixels respond" in text for text in section.paragraphs)
    for figure in section.figures:
        assert faults_of_print(printed(figure, "180mm")) == []


def printed(figure, width):
    canvas = FigureCanvasAgg(Figure(figsize=figure.size, dpi=100))
    figure.fill(canvas.figure)
    finish(canvas.figure, FigureStyle.of("paper", width))
    canvas.draw()
    return canvas.figure


@pytest.mark.parametrize("width", ["85mm", pytest.param("180mm", marks=pytest.mark.slow)])
def test_figures_can_be_printed_and_compare_d_on_one_scale(width):
    maps_drawn, quality = of_lateral.section_from_data(ReportData([scan_of()])).figures
    drawn = printed(maps_drawn, width)
    alone, inverted, factor = (axes.images[0] for axes in drawn.axes if axes.get_subplotspec() is not None)
    assert alone.get_clim() == inverted.get_clim()
    low, high = factor.get_clim()
    assert low * high == pytest.approx(1)
    for figure in (drawn, printed(quality, width)):
        assert faults_of_print(figure) == []
        bars = [axes.yaxis.label for axes in figure.axes if axes.get_subplotspec() is None]
        assert all("\n" not in label.get_text() for label in bars)


@pytest.mark.slow
def test_the_figure_of_several_pulses_fits_a_column():
    """Colour bars stay with their maps where rows of panels come to stand below one another."""
    maps = scanned()[2]
    both = xr.concat([maps.assign_coords(voltage=("pulse", [3.0])), maps], "pulse")
    figure = lateral_figure(both.assign_attrs(lateral=json.dumps(2 * json.loads(maps.attrs["lateral"]))))
    FigureCanvasAgg(figure)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        finish(figure, FigureStyle.of("paper", "85mm"))
    assert faults_of_print(figure) == []
    bars = [axes.yaxis.label.get_text() for axes in figure.axes if axes.get_subplotspec() is None]
    assert bars == ["D (m²/s)", "D (m²/s)", "error"] * 2


# From files


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Return a scan with its band drawn, and what the inversion makes of it."""
    folder = tmp_path_factory.mktemp("lateral")
    x, dataset, _ = scanned()
    save(folder / "scan.gwy", dataset, regions=[band_of(dataset, x)])
    words = ["--noise", "white", "--nuisance", "none", "--quiet"]
    assert main(["lateral", str(folder / "scan.gwy"), "-o", str(folder / "out.gwy"), *words]) == 0
    return folder / "scan.gwy", folder / "out.gwy"


def test_the_maps_of_an_earlier_inversion_are_shown_as_they_are(files):
    kept = maps_from_container(read_container(files[1]))
    scan = report_data_from_files([files[1]]).main
    assert scan.lateral is scan.maps
    np.testing.assert_array_equal(scan.maps["D_lateral"].values, kept["D_lateral"].values)
    assert scan.maps.attrs["lateral"] == kept.attrs["lateral"]
    # A fit has more than the file kept of it.
    assert "a" in scan.maps
    assert scan.regions[0].name == "band"


def test_maps_without_their_traces_will_do_and_so_will_a_recipe_of_another_version(files, tmp_path):
    maps = maps_from_container(read_container(files[1]))
    save(tmp_path / "maps.gwy", None, maps)
    data = report_data_from_files([tmp_path / "maps.gwy"])
    assert data.main.maps_from_file
    section = of_lateral.section_from_data(data)
    assert section.numbers["pulses"][0]["D_lateral"]["n_ok"] == np.isfinite(maps["D_lateral"].values).sum()
    data.main.maps.attrs["recipe"] = '{"version": 99}'
    assert len(of_lateral.section_from_data(data).tables) == len(section.tables)


def test_an_inversion_with_other_parameters_stays_apart_and_that_is_said(files):
    kept = maps_from_container(read_container(files[1]))
    recipe = Recipe.from_json(kept.attrs["recipe"])
    data = report_data_from_files([files[1]], recipe=replace(recipe, kernel="exponential"))
    assert {"D1", "D2"} <= set(data.main.maps)
    np.testing.assert_array_equal(data.main.lateral["D_lateral"].values, kept["D_lateral"].values)
    section = of_lateral.section_from_data(data)
    assert section.warnings == []
    assert section.paragraphs[1].startswith(
        "out: the kernel is 'flux-pulse', in the maps above 'exponential'"
    )
    data = report_data_from_files([files[1]], recipe=replace(recipe, tip_radius=30e-9))
    (warning,) = of_lateral.section_from_data(data).warnings
    assert "was made earlier, with another tip radius than the rest of this report" in warning


@pytest.mark.parametrize("kernel", ["flux-pulse", "exponential"])
def test_a_report_takes_lateral_diffusion_out_where_it_is_asked_to(files, kernel):
    recipe = replace(RECIPE, kernel=kernel)
    data = report_data_from_files([files[0]], recipe=recipe, lateral=True)
    expected = lateral(open_dataset(files[0]), recipe=RECIPE)
    np.testing.assert_array_equal(data.main.lateral["D_lateral"].values, expected["D_lateral"].values)
    assert data.main.maps is data.main.lateral or kernel == "exponential"
    assert data.notes == []


def test_why_lateral_diffusion_is_not_taken_out_is_said(tmp_path):
    dataset = scanned()[1]
    del (bare := dataset.copy()).attrs["tip_radius"]
    save(tmp_path / "bare.gwy", bare)
    data = report_data_from_files([tmp_path / "bare.gwy"], recipe=RECIPE, lateral=True)
    assert of_lateral.section_from_data(data) is None
    assert any("lateral diffusion was not taken out: how far ions diffuse" in note for note in data.notes)


def test_the_command_writes_the_section(files, tmp_path, monkeypatch):
    monkeypatch.setattr(assembling, "section_functions", lambda: {"lateral": of_lateral.section_from_data})
    words = [
        "report",
        str(files[0]),
        "-o",
        str(tmp_path / "report"),
        "--lateral",
        "--noise",
        "white",
        "--quiet",
    ]
    assert main([*words, "--nuisance", "none", "--kernel", "flux-pulse"]) == 0
    page = (tmp_path / "report" / "report.html").read_text(encoding="utf-8")
    assert "D with lateral diffusion taken out" in StrictPage.of(page).text
    numbers = json.loads((tmp_path / "report" / "numbers.json").read_text(encoding="utf-8"))
    assert numbers["sections"]["lateral"]["pulses"][0]["parts"]["band"]["factor"] > 1.8
    assert (tmp_path / "report" / "tables" / "lateral_regions.csv").exists()
