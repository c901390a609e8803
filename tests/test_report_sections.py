"""What the sections of a report say of a simulated scan whose truth is known, and of scans that lack something."""

import re
from dataclasses import replace

import numpy as np
import pytest
from examples import quartiles_with_limits
from matplotlib.figure import Figure
from report_examples import RECIPE, WIDER, StrictPage, example_data, example_scan, fitted, simulation
from scipy.ndimage import gaussian_filter
from scipy.stats import norm

from napari_tesm.quantities.status import OK
from napari_tesm.regions.shapes import PinnedPoint, Region
from napari_tesm.report.assembling import drawn_figure, report_from_data
from napari_tesm.report.data import InputFile, ReportScan
from napari_tesm.report.html import page_from_report
from napari_tesm.report.methods import methods_from_data, warnings_about
from napari_tesm.report.section import Section
from napari_tesm.report.sections import (
    SECTIONS,
    diffusion,
    displacement,
    points,
    regions,
    section_functions,
    similarity,
    summary,
    trace,
)

OWN = {
    "summary": summary, "trace": trace, "displacement": displacement, "similarity": similarity, "points": points,
    "diffusion": diffusion, "regions": regions,
}  # fmt: skip


@pytest.fixture(scope="module")
def data():
    return example_data()


def test_every_subject_has_a_section_and_a_place():
    assert list(section_functions()) == list(SECTIONS)
    assert [name for name in SECTIONS if name in OWN] == [
        "summary", "trace", "displacement", "similarity", "points", "diffusion", "regions",
    ]  # fmt: skip


def test_the_trace_marks_h_as_the_maps_have_it(data):
    section = trace.section_from_data(data)
    scan = data.main
    # The first point is the mean of nine pixels, and H is linear in the trace.
    numbers = section.numbers
    near = scan.maps["H"].isel(
        y=slice(numbers["row"] - 1, numbers["row"] + 2), x=slice(numbers["column"] - 1, numbers["column"] + 2)
    )
    assert numbers["H"]["(-3 V)"] == pytest.approx(float(near.isel(pulse=1).mean()), rel=1e-9)
    assert numbers["H"]["(+3 V)"] == pytest.approx(float(near.isel(pulse=0).mean()), rel=1e-9)
    assert numbers["H"]["(+3 V)"] < 0 < numbers["H"]["(-3 V)"]
    assert drawn_figure(section.figures[0]).files["png"].startswith(b"\x89PNG")


def test_both_polarities_are_alike_and_not_shifted(data):
    section = similarity.section_from_data(data)
    assert np.hypot(*section.numbers["shift_pixels"].values()) < 0.1
    assert section.numbers["between"]["pearson"] > 0.95
    assert set(section.numbers["with_surface"]) == {"topography", "slope of topography", "deflection error"}


def test_a_shift_of_the_way_back_is_found_and_told_in_lengths():
    scan = example_scan()
    shifted = np.roll(scan.maps["H"].values[1], (3, 2), axis=(0, 1))
    scan.maps = scan.maps.assign(H=scan.maps["H"].copy(data=np.stack([scan.maps["H"].values[0], shifted])))
    section = similarity.section_from_data(example_data(scan))
    assert section.numbers["shift_pixels"]["dx"] == pytest.approx(-2, abs=0.15)
    assert section.numbers["shift_pixels"]["dy"] == pytest.approx(-3, abs=0.15)
    assert section.numbers["shift"]["dx"] == pytest.approx(-2 * 9e-9, abs=0.15 * 9e-9)
    assert section.numbers["shift"]["dy"] == pytest.approx(-3 * 6e-9, abs=0.15 * 6e-9)
    words = re.search(
        r"shifted by (\S+) pixels across and (\S+) down \(([\d.]+) nm", " ".join(section.paragraphs)
    )
    across, down, far = (float(number) for number in words.groups())
    assert (across, down) == pytest.approx((-2, -3), abs=0.15)
    assert far == pytest.approx(np.hypot(2 * 9, 3 * 6), abs=1.5)
    assert section.numbers["correlation_after"] > section.numbers["correlation_before"] + 0.05


@pytest.mark.parametrize("axis", [0, 1])
def test_a_way_back_from_beyond_the_window_is_compared_as_it_is_and_said_so(axis):
    scan = example_scan()
    heights = scan.maps["H"].values.copy()
    rng = np.random.default_rng(2)
    size, far = heights.shape[1:], heights.shape[1 + axis] // 2
    surface = gaussian_filter(rng.standard_normal((2 * size[0], 2 * size[1])), 1.5)
    offset = [far if number == axis else 0 for number in (0, 1)]
    heights[0] = -2 - surface[: size[0], : size[1]]
    heights[1] = 2 + surface[offset[0] : offset[0] + size[0], offset[1] : offset[1] + size[1]]
    heights = heights * 1e-12
    scan.maps = scan.maps.assign(H=scan.maps["H"].copy(data=heights))
    section = similarity.section_from_data(example_data(scan))
    assert any(
        "as they are in the file: no shift within the window fits" in text for text in section.warnings
    )
    assert section.numbers["shift_pixels"] is None
    assert section.numbers["correlation_after"] == section.numbers["correlation_before"]
    assert "by no shift that could be measured" in section.paragraphs[0]
    # Maps, difference, overlay.
    assert len(section.figures) == 3
    assert set(section.numbers["with_surface"]) == {"topography", "slope of topography", "deflection error"}


def test_a_mirrored_way_back_is_noticed():
    scan = example_scan()
    mirrored = scan.maps["H"].values[1][:, ::-1]
    scan.maps = scan.maps.assign(H=scan.maps["H"].copy(data=np.stack([scan.maps["H"].values[0], mirrored])))
    section = similarity.section_from_data(example_data(scan))
    assert any("mirrored" in sentence for sentence in section.warnings)


def test_one_polarity_is_held_against_the_surface_instead():
    data = example_data(example_scan(pulses=(1,)))
    assert similarity.section_from_data(data) is None
    section = displacement.section_from_data(data)
    assert section.numbers["pulse"] == "(-3 V)"
    assert set(section.numbers["with_surface"]) == {
        "topography",
        "slope of the topography",
        "deflection error",
    }
    assert displacement.section_from_data(example_data()) is None


def test_one_polarity_is_not_warned_of_what_chance_may_have_made():
    """A few smooth hills are often alike by 0.3 and more; a likeness that many pixels share is warned of."""
    rng = np.random.default_rng(11)

    def hills(smooth):
        return gaussian_filter(rng.standard_normal((132, 140)), smooth)[50:82, 50:90]

    by_chance = 0
    for _ in range(30):
        scan = example_scan(pulses=(1,), without=("Topography",))
        height, surface = hills(9), hills(9)
        alike = np.corrcoef(height.ravel(), surface.ravel())[0, 1]
        if 0.35 < abs(alike) < 0.6:
            section = _displacement_over(scan, height, surface)
            assert section.numbers["with_surface"]["deflection error"]["pearson"] == pytest.approx(alike)
            assert section.warnings == []
            assert "not to be told from zero" in section.paragraphs[0]
            by_chance += 1
    fine, other = hills(0.7), hills(0.7)
    section = _displacement_over(example_scan(pulses=(1,), without=("Topography",)), fine, fine + other)
    (warning,) = section.warnings
    alike = np.corrcoef(fine.ravel(), (fine + other).ravel())[0, 1]
    assert f"follows the deflection error (r = {alike:.2f})" in warning
    assert by_chance >= 2


def _displacement_over(scan, height, surface):
    """Return the section of a scan with other H, of one sign, and another image."""
    size = (3 + height / (3 * np.abs(height).max())) * 1e-3
    scan.maps = scan.maps.assign(H=scan.maps["H"].copy(data=size[None]))
    scan.channels = [one.copy(data=surface * 1e-9) for one in scan.channels]
    return displacement.section_from_data(example_data(scan, chosen=False))


def test_chosen_points_lie_on_the_step_and_away_from_it(data):
    section = points.section_from_data(data)
    scan = data.main
    truth = simulation().truth["distance"].values
    groups = section.numbers["groups"]
    assert len(groups["on a step"]) == 3
    assert len(groups["away from steps"]) >= 2
    for point in scan.points:
        away = abs(truth[scan.pixel_at(point.x, point.y)])
        assert (away < 10e-9 * WIDER) == (point.number in groups["on a step"])
    assert section.numbers["chosen_by_program"]
    curves = next(table for table in section.tables if table.name == "points_curves")
    assert len(curves.rows) == scan.dataset.sizes["time"]
    assert not curves.on_page


def test_pinned_points_keep_their_numbers_places_and_colours():
    scan = example_scan()
    scan.points = (PinnedPoint(7, float(scan.x[3]), float(scan.y[5]), 1, "#123456"),)
    section = points.section_from_data(example_data(scan))
    table = next(one for one in section.tables if one.name == "points_si")
    row = table.rows[0]
    assert row[0] == 7
    assert row[2:4] == [5, 3]
    assert row[4:6] == [float(scan.x[3]), float(scan.y[5])]
    assert section.tables[0].rows[0][4:6] == row[4:6]
    names = [column.title for column in table.heads]
    assert row[names.index("D2")] == pytest.approx(float(scan.maps["D2"].values[1, 5, 3]))
    assert not section.numbers["chosen_by_program"]


def test_where_no_point_is_pinned_on_the_step_some_are_chosen_there(data):
    scan = example_scan()
    # A corner, far from the step.
    scan.points = [PinnedPoint(7, float(scan.x[-2]), float(scan.y[-2]), 1, "#123456")]
    section = points.section_from_data(example_data(scan))
    assert section.numbers["groups"]["away from steps"] == [7]
    assert section.numbers["groups"]["on a step"] == section.numbers["chosen_on_step"] == [8, 9, 10]
    distance = simulation().truth["distance"].values
    table = next(each for each in section.tables if each.name == "points_si")
    assert [row[0] for row in table.rows] == [7, 8, 9, 10]
    assert all(abs(distance[row[2], row[3]]) < 12e-9 for row in table.rows[1:])
    # What was pinned stays what is followed elsewhere.
    assert [point.number for point in scan.points] == [7]
    assert points.section_from_data(data).numbers["chosen_on_step"] == []


def test_fitted_curves_are_those_of_the_maps(data):
    scan = data.main
    row, column = np.argwhere(scan.maps["status2"].values[1] == OK)[0]
    (time, values), *_ = reversed(scan.fitted_curves(1, row, column))
    tau, a, c = (scan.value_at(name, 1, row, column) for name in ("tau2", "a2", "c2"))
    assert values == pytest.approx(a * np.exp(-(time - 10e-3) / tau) + c, rel=1e-6, abs=1e-9)


def test_fitted_curves_of_two_parameters_follow_the_trace():
    scan = example_scan(replace(RECIPE, kernel="stretched", window1="none"), pulses=(1,))
    row, column = np.argwhere(scan.maps["status2"].values[0] == OK)[0]
    ((time, values),) = scan.fitted_curves(0, row, column)
    measured = scan.trace_at(0, row, column)[-time.size :]
    # The noise of the preset is 8 mV.
    assert np.std(measured - values) == pytest.approx(8e-3, rel=0.3)


def test_the_maps_of_d_tell_the_truth_about_the_step(data):
    section = diffusion.section_from_data(data)
    truth = simulation().truth
    on_step = np.abs(truth["distance"].values) < 4e-9 * WIDER
    course = section.numbers["course"]
    assert course["peaks_on_step"]
    assert course["median_on_step"] == pytest.approx(
        float(np.nanmedian(truth["D2"].values[on_step])), rel=0.1
    )
    assert any(side["falls"] for side in course["sides"])
    kept = section.numbers["kept"]["window 2"]
    assert kept["ok"] == int((data.main.maps["status2"].values[1] == OK).sum())
    assert sum(kept.values()) == truth["distance"].size
    thickness = {(one["step"], one["seen_in"]): one["fwhm"] for one in section.numbers["thickness"]}
    assert thickness["step 1", "D2"] == pytest.approx(12e-9 * WIDER, abs=3e-9)


def test_the_table_against_the_distance_tells_median_from_mean():
    """One pixel in seven has ten times the D of all others: that moves every mean and no median."""
    scan = example_scan(pulses=(1,))
    every_seventh = np.arange(40 * 32).reshape(1, 32, 40) % 7 == 0
    scan.maps = scan.maps.assign(
        D2=scan.maps["D2"].copy(data=np.where(every_seventh, 4e-12, 4e-13)),
    )
    section = diffusion.section_from_data(example_data(scan))
    table = next(one for one in section.tables if one.name == "diffusion_distance")
    titles = ["distance", "pixels", "median", "mean", "standard deviation"]
    assert [column.title for column in table.heads] == titles
    steps = np.diff([row[0] for row in table.rows])
    assert steps == pytest.approx(steps[0])
    checked = 0
    for _, pixels, median, mean, std in table.rows:
        if pixels >= 20:
            tens = round((mean / 4e-13 - 1) * pixels / 9)  # as many as make this mean
            assert 1 <= tens < pixels / 3
            assert median == pytest.approx(4e-13)
            assert mean == pytest.approx(4e-13 * (1 + 9 * tens / pixels))
            assert std == pytest.approx(36e-13 * np.sqrt(tens * (pixels - tens) / pixels / (pixels - 1)))
            checked += 1
    assert checked > 5


def test_regions_are_compared_step_against_the_rest(data):
    section = regions.section_from_data(data)
    d2 = next(
        one for one in section.numbers["measures"] if (one["quantity"], one["pulse"]) == ("D2", "(-3 V)")
    )
    comparison = d2["comparisons"][0]
    assert comparison["names"] == ["step", "the rest of the image"]
    assert comparison["ratio"] > 1.3
    assert any(paragraph.startswith("D2 (-3 V) in step") for paragraph in section.paragraphs)


def test_the_summary_counts_what_the_maps_hold(data):
    section = summary.section_from_data(data)
    assert [entry["n_pixels"] for entry in section.numbers["pulses"]] == [40 * 32] * 2
    maps = data.main.maps.isel(pulse=1)
    cells = {
        column.title: cell
        for table in section.tables
        for column, cell in zip(table.heads, table.rows[1], strict=True)
    }
    for name in ("D1", "D2"):
        found = [cells[f"{name}, {word}"] for word in ("quartile 1", "median", "quartile 3")]
        wanted = quartiles_with_limits(maps[name].values, maps[f"status{name[-1]}"].values)
        assert found == pytest.approx(wanted, rel=1e-12, abs=0)
    # Both are bell-shaped over decades: the mode of the logarithms lies between the quartiles.
    assert cells["D2, quartile 1"] < cells["D2, mode of log D"] < cells["D2, quartile 3"]
    assert cells["fitted, window 2"] == int((maps["status2"].values == OK).sum())
    assert cells["threshold"] == pytest.approx(float(maps["threshold"]))


def test_limits_in_tables_are_in_order_and_counts_belong_to_their_part():
    """Whatever the table: the quartiles beside their median, both ends of an interval beside what lies between."""
    triples = (
        ("quartile 1", "median", "quartile 3"),
        ("from", "median", "to"),
        ("from", "ratio of medians", "to"),
    )
    seen = dict.fromkeys(triples, 0)
    marked = example_scan()
    marked.regions = tuple(simulation_regions())
    marked_data = example_data(marked)
    sections = [
        section_functions()[name](marked_data) for name in ("summary", "diffusion", "regions", "histograms")
    ]
    tables = {table.name: table for section in sections for table in section.tables}
    for table in tables.values():
        names = [column.title for column in table.heads]
        for triple in triples:
            if not set(triple) <= set(names):
                continue
            for row in table.rows:
                low, middle, high = (row[names.index(name)] for name in triple)
                if all(isinstance(value, float) and np.isfinite(value) for value in (low, middle, high)):
                    assert low <= middle <= high, (table.name, triple, row)
                    seen[triple] += low < high
    assert min(seen.values()) >= 2, seen
    counts = {(row[1], row[2]): row[4] for row in tables["regions"].rows}
    for row in tables["regions_compared"].rows:
        scan_label, quantity, first, second, n_first, n_second = row[:6]
        assert n_first != n_second
        for name, count in ((first, n_first), (second, n_second)):
            whole = counts.get((quantity, name)) or counts.get((quantity, f"all {name}s (2)"))
            if whole is not None:
                assert count == whole, (scan_label, name)


def simulation_regions():
    """Two steps, of 6 and of 10 pixels, and a grain of 100."""
    y, x = (simulation().dataset[name].values for name in ("y", "x"))

    def box(columns, rows, name, region_class):
        (left, right), (top, bottom) = columns, rows
        corners = [(x[left], y[top]), (x[right], y[top]), (x[right], y[bottom]), (x[left], y[bottom])]
        return Region.from_xy("rectangle", np.array(corners) - 1e-9, name=name, region_class=region_class)

    return [
        box((2, 5), (3, 9), "step 1", "step"),
        box((8, 12), (3, 8), "step 2", "step"),
        box((20, 30), (10, 22), "grain 1", "grain"),
    ]


# What lacks something.


def no_tip_radius():
    scan = example_scan(replace(RECIPE, tip_radius=None, tip_radius_error=None))
    scan.dataset = scan.dataset.assign_attrs(scan.dataset.attrs)
    for name in ("tip_radius", "tip_radius_error"):
        scan.dataset.attrs.pop(name)
    scan.maps = scan.maps.drop_vars(["D1", "D2", "D1_stderr", "D2_stderr"])
    return scan


def empty_regions():
    scan = example_scan()
    far = 1e-3
    scan.regions = [
        Region("rectangle", ((far, far), (2 * far, far), (2 * far, 2 * far), (far, 2 * far)), "far", "step")
    ]
    return scan


def nothing_accepted():
    return example_scan(replace(RECIPE, response_level=1e-300, threshold=1.0))


def without_traces():
    scan = example_scan()
    scan.dataset, scan.maps_from_file = None, True
    return scan


def images_alone():
    scan = example_scan()
    scan.dataset = scan.maps = None
    return scan


def without_h():
    scan = example_scan()
    scan.maps, scan.dataset = scan.maps.drop_vars("H"), None
    return scan


def one_fit():
    return example_scan(replace(RECIPE, kernel="flux-pulse"))


def voltage_unknown():
    scan = example_scan(pulses=(1,))
    scan.maps = scan.maps.assign_coords(voltage=("pulse", [np.nan]))
    scan.dataset = scan.dataset.assign_coords(voltage=("pulse", [np.nan]))
    return scan


def tiny():
    dataset, maps = fitted()
    place = {"x": slice(3, 5), "y": slice(2, 5)}
    return ReportScan(
        "tiny", dataset.isel(place), file=InputFile("tiny.gwy", ""), maps=maps.isel(place), recipe=RECIPE
    )


CASES = [
    (no_tip_radius, "summary diffusion points", "No tip radius is known"),
    (empty_regions, "regions diffusion points", "'far' lies outside the image"),
    (nothing_accepted, "summary diffusion regions", "no pixel was accepted"),
    (without_traces, "trace points summary", "There are no traces in the file"),
    (
        images_alone,
        "summary trace similarity displacement points diffusion regions",
        "There are no maps of tau or D",
    ),
    (without_h, "displacement similarity points", "There are no traces in the file"),
    (one_fit, "diffusion summary", "Nobody drew regions"),
    (voltage_unknown, "trace displacement", "The voltage of the pulses is not known"),
    (
        lambda: example_scan(without=("Topography", "Deflection error")),
        "similarity diffusion",
        "Neither topography nor deflection error",
    ),
    (lambda: example_scan(without=("Deflection error",)), "similarity", "Nobody drew regions"),
    (tiny, "summary trace similarity points diffusion regions", "no region is drawn and no step stands out"),
    (lambda: example_scan(pulses=(0,)), "trace", "no positive and negative pulse of one size"),
]


@pytest.mark.slow
@pytest.mark.parametrize(("make", "subjects", "words"), CASES)
def test_what_is_missing_is_said_and_the_report_goes_on(make, subjects, words):
    sections = {name: OWN[name].section_from_data for name in subjects.split()}
    report = report_from_data(example_data(make()), sections=sections, strict=True)
    text = StrictPage.of(page_from_report(report)).text
    assert words in text
    assert all(isinstance(section, Section) for section in report.sections)


def test_the_main_scan_is_the_one_of_the_papers_voltage():
    def at(volts):
        scan = example_scan(pulses=(1,), label=f"{volts} V")
        scan.maps = scan.maps.assign_coords(voltage=("pulse", [volts]))
        return scan

    data = example_data(at(-2.0), at(-5.0), at(-3.0), at(3.0), chosen=False)
    assert data.main.name == "-3.0 V"
    assert example_data(images_alone(), at(-5.0), chosen=False).main.name == "-5.0 V"


def test_the_methods_say_how_large_the_scan_is(data):
    words = " ".join(methods_from_data(data))
    assert "40 × 32 pixels, 360 nm × 192 nm" in words


def test_the_methods_say_what_the_threshold_selects(data):
    words = " ".join(methods_from_data(data))
    radius, pulse = data.main.settings.length.value, data.main.settings.protocol.pulse_duration
    # Of a constant flux the part that came in s before the end has decayed to 1 − √(s/(s + τ)): summed over s.
    s = (np.linspace(0, np.sqrt(pulse), 200_001)[1:] - np.sqrt(pulse) / 400_000) ** 2
    weights = 2 * np.sqrt(s) * np.sqrt(pulse) / 200_000 / pulse
    heights = [
        float((weights * (1 - np.sqrt(s / (s + radius**2 / (4 * d))))).sum()) for d in (1e-15, 1e-13, 1e-11)
    ]
    assert "selects by D" in words
    assert all(f"{height:.2g}" in words for height in heights)
    noise = replace(data, recipe=replace(data.recipe, threshold=5.0, threshold_of="noise"))
    assert "selects by D" not in " ".join(methods_from_data(noise))


def test_the_part_shown_larger_is_three_tenths_of_the_image_either_way(data):
    section = diffusion.section_from_data(data)
    drawing = next(one for one in section.figures if one.name == "diffusion_maps")
    axes = Figure().subplots(1, drawing.panels)
    drawing.draw(*axes)
    (frame,) = axes[0].patches
    # The image is 360 nm wide and 192 nm high.
    assert (frame.get_width(), frame.get_height()) == pytest.approx((0.3 * 360, 0.3 * 192))
    left, right, bottom, top = axes[1].images[0].get_extent()
    assert [axes[1].get_xlabel(), axes[1].get_ylabel()] == ["x (nm)", "y (nm)"]
    # Larger stand the pixels whose centres lie in it.
    assert abs(right - left) == pytest.approx(0.3 * 360, abs=9)
    assert abs(top - bottom) == pytest.approx(0.3 * 192, abs=6)


def test_the_error_of_the_tip_radius_is_told_in_nm_and_as_parts_of_d(data):
    assert any("the tip radius, 25 nm (standard error 2 nm)" in text for text in methods_from_data(data))
    (warning,) = (text for text in warnings_about(data) if "error of the tip radius" in text)
    # D goes with the square of the radius, whose error is normal: its quantiles, squared.
    ends = {
        level: (1 + 0.08 * norm.ppf([(1 - share) / 2, (1 + share) / 2])) ** 2
        for level, share in (("68", 0.6827), ("95", 0.95))
    }
    shown = ", ".join(f"{low:.2f} to {high:.2f} of it with {level} %" for level, (low, high) in ends.items())
    assert f"the tip radius, 25 nm ± 2 nm: {shown}, common to all pixels" in warning


def test_scans_of_different_sizes_go_together():
    other = tiny()
    sections = {name: OWN[name].section_from_data for name in ("summary", "regions")}
    report = report_from_data(example_data(example_scan(), other), sections=sections, strict=True)
    text = StrictPage.of(page_from_report(report)).text
    assert "40 × 32 pixels" in text
    assert "2 × 3 pixels" in text
