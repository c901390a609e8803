"""The report's voltage series on the simulated paper series, whose truth is known, and on what lacks something."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from matplotlib.figure import Figure
from report_examples import RECIPE, StrictPage, example_data, example_scan

from napari_tesm.evaluation.displacement_maps import displacement_maps
from napari_tesm.evaluation.evaluation import Evaluation
from napari_tesm.regions.shapes import Region
from napari_tesm.report.assembling import drawn_figure, report_from_data
from napari_tesm.report.choices import choose_marks
from napari_tesm.report.data import InputFile, ReportData, ReportScan
from napari_tesm.report.html import page_from_report
from napari_tesm.report.sections import points as curves_at_points
from napari_tesm.report.sections import regions as parts_of_scans
from napari_tesm.report.sections.series import section_from_data
from napari_tesm.simulation import simulate_series
from napari_tesm.simulation.voltage_scans import POINTS, VOLTAGES

SIMULATED = simulate_series(size=(64, 48), samples=100, seed=0)


@cache
def scan(voltage):
    """Return a scan of the simulated series; H alone, as a fit would take its time."""
    traces = SIMULATED.scan(voltage)
    found = ReportScan(
        f"{voltage:g}V", traces, file=InputFile(f"{voltage:g}V.gwy", "ab" * 32),
        maps=displacement_maps(Evaluation.of(traces)), recipe=RECIPE,
    )  # fmt: skip
    found.channels = [one for one in traces.data_vars.values() if one.dims == ("y", "x")]
    if voltage == VOLTAGES[0]:
        found.points = list(SIMULATED.points)
    return found


def only(voltages):
    scans = [scan(voltage) for voltage in voltages]
    return ReportData(scans, recipe=RECIPE, files=[one.file for one in scans])


@pytest.fixture(scope="module")
def section():
    return section_from_data(only(VOLTAGES))


def test_the_papers_verdicts_are_found_at_its_points(section):
    (found,) = section.numbers["series"]
    judged = [(one["verdict"], one["voltage"]) for one in found["points"]["H"]]
    assert judged == [(point.verdict, -point.peak) for point in POINTS]
    for one in found["points"]["H"]:
        first = one["steps"][0]
        assert first["change"] > 0
        assert first["p_value"] < 0.05  # −3 V does not saturate
    assert "Point 1 saturates from −5 V (rise −3 V → −5 V: p" in section.paragraphs[1]
    assert "−3 V does not saturate point 3" in section.paragraphs[2]


def test_the_drift_that_was_put_in_is_found(section):
    (found,) = section.numbers["series"]
    assert found["reference"] == "−3 V"
    truth = SIMULATED.truth()["scans"]
    assert len(found["registration"]) == len(truth)
    for one, true in zip(found["registration"], truth, strict=True):
        right, down = true["drift_pixels"]
        assert np.allclose(one["down_right_pixels"], [-down, -right], atol=0.05)
        assert one["by"] == ("" if true["voltage"] == -3 else "deflection error")


def test_histograms_broaden_move_and_flatten(section):
    (found,) = section.numbers["series"]
    modes, widths, peaks = (
        [one[key]["value"] for one in found["distributions"]] for key in ("mode", "width", "peak")
    )
    assert np.all(np.diff(modes) > 0)
    assert np.all(np.diff(widths) > 0)
    assert np.all(np.diff(peaks) < 0)
    words = " ".join(section.paragraphs)
    assert "broadens" in words
    assert "Its peak falls" in words
    assert "moves to larger values" in words


def test_tables_hold_what_the_figures_show(section):
    tables = {table.name: table for table in section.tables}
    assert set(tables) == {"series_registration", "series_points", "series_verdicts", "series_histograms"}
    points = tables["series_points"].rows
    assert len(points) == 3 * len(VOLTAGES)
    own = scan(5.0).maps["H"].values[0]
    means = [row[2] for row in points if row[0] == 1 and row[1] == -5.0]
    row, column = scan(3.0).pixel_at(SIMULATED.points[0].x, SIMULATED.points[0].y)
    # Of three measured pixels next to each other, somewhere within the drift.
    triples = [
        own[r, c - 1 : c + 2].mean() for r in range(row - 2, row + 3) for c in range(column - 3, column + 4)
    ]
    assert min(abs(means[0] - one) for one in triples) < 1e-12
    assert [row[4] for row in points] == [3] * len(points)


def wider(voltage):
    """Return a scan with pixels 9 nm wide and 6 nm high, elsewhere on the sample, and its points."""
    traces = SIMULATED.scan(voltage)
    x, y = traces["x"].values * 1.5 + 3.7e-6, traces["y"].values - 2.3e-6
    traces = traces.assign_coords(x=traces["x"].copy(data=x), y=traces["y"].copy(data=y))
    found = replace(scan(voltage), dataset=traces, maps=displacement_maps(Evaluation.of(traces)))
    found.channels = [one for one in traces.data_vars.values() if one.dims == ("y", "x")]
    found.points = [replace(one, x=one.x * 1.5 + 3.7e-6, y=one.y - 2.3e-6) for one in SIMULATED.points]
    return found


def test_tables_and_numbers_tell_right_from_down_and_a_mean_from_its_spread():
    scans = [wider(voltage) for voltage in VOLTAGES[:3]]
    section = section_from_data(replace(only(VOLTAGES[:3]), scans=scans))
    registration, points = (
        [dict(zip(table.keys, row, strict=True)) for row in table.rows] for table in section.tables[:2]
    )
    (numbers,) = section.numbers["series"]
    truth = {one["voltage"]: one["drift_pixels"] for one in SIMULATED.truth()["scans"]}
    for row, member, voltage in zip(registration, numbers["registration"], (-3, -5, -6), strict=True):
        right, down = truth[voltage]
        assert (row["right, pixels"], row["down, pixels"]) == pytest.approx((-right, -down), abs=0.1)
        assert (row["right"], row["down"]) == pytest.approx((-9e-9 * right, -6e-9 * down), abs=0.9e-9)
        assert member["down_right"] == pytest.approx([row["down"], row["right"]])
        assert abs(right - down) > 0.3 or voltage == -3
    # At the reference a point's three pixels are those of its row.
    height = scans[0].maps["H"].values[list(scans[0].voltages).index(-3.0)]
    for number, pinned in enumerate(scans[0].points, start=1):
        row, column = scans[0].pixel_at(pinned.x, pinned.y)
        three = height[row, column - 1 : column + 2]
        found = next(one for one in points if (one["point"], one["voltage"]) == (number, -3.0))
        assert found["H"] == pytest.approx(three.mean())
        assert found["H, standard deviation"] == pytest.approx(three.std(ddof=1))
        assert found["H, pixels"] == 3
        entry = numbers["points"]["H"][number - 1]
        assert (entry["number"], entry["x"], entry["y"]) == (number, pinned.x, pinned.y)
        assert entry["standard_deviation"][0] == pytest.approx(three.std(ddof=1))


def expected_pixel(scan, place, voltage):
    """Return the pixel (row, column) in which a place of the −3 V scan lies in another one, or None near a border."""
    right, down = next(one["drift_pixels"] for one in SIMULATED.truth()["scans"] if one["voltage"] == voltage)
    down_by, right_by = scan.spacing
    fractions = (
        (place.y - scan.y[0]) / down_by + down, (place.x - scan.x[0]) / right_by + right,
    )  # fmt: skip
    nearest = [round(at) for at in fractions]
    near_border = any(abs(at - pixel) > 0.4 for at, pixel in zip(fractions, nearest, strict=True))
    return None if near_border else tuple(nearest)


def test_curves_at_the_points_are_there_for_every_scan_where_the_points_lie_in_it():
    scans = [wider(voltage) for voltage in VOLTAGES[:2]]
    scans[0].points = [replace(one, size=1) for one in scans[0].points]
    data = replace(only(VOLTAGES[:2]), scans=scans)
    section = curves_at_points.section_from_data(data)
    tables = {table.name: table for table in section.tables}
    curves = [dict(zip(tables["points_series_curves"].keys, row, strict=True)) for row in
              tables["points_series_curves"].rows]  # fmt: skip
    heights = [dict(zip(tables["points_series"].keys, row, strict=True)) for row in
               tables["points_series"].rows]  # fmt: skip
    compared = 0
    for one, voltage in zip(scans, (-3.0, -5.0), strict=True):
        pulse = list(one.voltages).index(voltage)
        label = f"−{-voltage:g} V"
        for point in scans[0].points:
            pixel = expected_pixel(one, point, voltage)
            if pixel is None:
                continue
            compared += 1
            values = [row[f"point {point.number}"] for row in curves if row["pulse"] == label]
            np.testing.assert_array_equal(values, one.dataset["displacement"].values[pulse][pixel])
            (height,) = [row for row in heights if (row["pulse"], row["point"]) == (label, point.number)]
            assert height["H"] == one.maps["H"].values[pulse][pixel]
            assert (height["row"], height["column"]) == pixel
            assert height["scan"] == one.name
    assert compared >= 4
    figure = next(figure for figure in section.figures if figure.name == "points_series")
    canvas = Figure(figsize=figure.size)
    figure.fill(canvas)
    assert [axes.get_title() for axes in canvas.axes if axes.axison] == ["−3 V", "−5 V"]
    assert all(len(axes.get_legend().get_texts()) == len(scans[0].points) for axes in canvas.axes)


def test_regions_of_the_main_scan_are_laid_on_the_others_of_its_series():
    scans = [wider(voltage) for voltage in VOLTAGES[:3]]
    first = scans[0]
    corners = [(first.x[column], first.y[row]) for column, row in ((12, 10), (30, 10), (30, 24), (12, 24))]
    first.regions = [Region("rectangle", tuple(corners), "mine", "step")]
    own = Region("line", tuple(corners[:2]), "own", "grain")
    scans[2].regions = [own]
    scans[1].points = []
    choose_marks(replace(only(VOLTAGES[:3]), scans=scans))
    right, down = next(one["drift_pixels"] for one in SIMULATED.truth()["scans"] if one["voltage"] == -5.0)
    (lent,) = scans[1].regions
    assert (lent.name, lent.region_class, scans[1].regions_of) == ("mine", "step", first.name)
    moved = np.array(corners) + np.array([9e-9 * right, 6e-9 * down])
    np.testing.assert_allclose(lent.xy(), moved, atol=0.9e-9)
    assert abs(right) + abs(down) > 0.5
    # Regions that somebody drew are left alone.
    assert scans[2].regions == [own]
    np.testing.assert_allclose(
        [(point.x, point.y) for point in scans[1].points],
        [(point.x + 9e-9 * right, point.y + 6e-9 * down) for point in first.points],
        atol=0.9e-9,
    )
    section = parts_of_scans.section_from_data(replace(only(VOLTAGES[:3]), scans=scans))
    table = next(table for table in section.tables if table.name == "regions_si")
    named = {(row[0], row[2]) for row in table.rows}
    assert {(first.name, "mine"), (scans[1].name, "mine"), (scans[2].name, "own")} <= named
    assert f"the regions are those of {first.name}" in " ".join(section.paragraphs)


def test_its_figures_are_drawn_and_its_page_is_valid():
    data = only(VOLTAGES[:3])
    report = report_from_data(data, sections={"series": section_from_data})
    page = StrictPage.of(page_from_report(report))
    assert page.count("img") + page.count("svg") >= 5
    assert "could not" not in page.text.lower()
    assert "Point 1" in page.text


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (lambda: example_data(), "two or more voltages of one sign"),
        (lambda: only(VOLTAGES[:1]), "two or more voltages of one sign"),
        (lambda: example_data(example_scan(pulses=(1,)), example_scan(pulses=(1,))), "two or more voltages"),
    ],
)
def test_without_a_series_it_says_what_one_takes(data, words):
    section = section_from_data(data())
    assert any(words in sentence for sentence in section.missing)
    assert section.figures == []
    assert section.tables == []


@pytest.mark.slow
def test_scans_of_other_size_without_images_or_values_are_named_and_the_rest_shown():
    first, second, third = (scan(voltage) for voltage in VOLTAGES[:3])
    small = replace(second, maps=second.maps.isel(x=slice(0, 50)), channels=[])
    empty = replace(third, maps=third.maps.where(third.maps["H"] > 1e9), channels=[])
    section = section_from_data(ReportData([first, small, empty], recipe=RECIPE))
    missing, warnings = " ".join(section.missing), " ".join(section.warnings)
    assert "differ in size" in missing
    assert "H at −6 V has no value in any pixel" in missing
    assert "−6 V could not be registered" in warnings
    (found,) = section.numbers["series"]
    # −3 and −5 V alone; the second point lies beyond the smaller scan.
    assert [one["verdict"] for one in found["points"]["H"]] == ["rising", "untested", "rising"]
    for figure in section.figures:
        assert drawn_figure(figure).files["png"].startswith(b"\x89PNG")


def test_no_scan_with_maps_is_no_error():
    bare = replace(scan(3.0), maps=None)
    assert section_from_data(ReportData([bare], recipe=RECIPE)).missing
