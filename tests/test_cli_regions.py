"""``tesm regions``: numbers against numpy, what is drawn where, and files that mean harm."""

import csv
import hashlib
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from examples import CORNER, SPACING, drawn, example_dataset, pinned
from gwyfile.objects import GwyContainer

from napari_tesm import fit, open_dataset, save
from napari_tesm.cli import main
from napari_tesm.cli.entry import parser_for_tesm
from napari_tesm.data.protocol import PulseProtocol
from napari_tesm.gwy import contents
from napari_tesm.gwy.graphs import Graph
from napari_tesm.gwy.objects import Field, mask_field, metadata_container
from napari_tesm.gwy.parts import put
from napari_tesm.gwy.reading import read_container
from napari_tesm.gwy.selections import Selection
from napari_tesm.gwy.writing import write_container_to
from napari_tesm.io.gwy.results_reading import maps_from_container
from napari_tesm.regions.shapes import Region

STEERING = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]")
COLUMNS = np.indices((6, 9))[1]


def box(x0: float, y0: float, x1: float, y1: float, **properties: str) -> Region:
    """Return a rectangle with edges in pixels; the image is 9 wide and 6 high."""
    return drawn("rectangle", ((x0, y0), (x1, y0), (x1, y1), (x0, y1)), **properties)


STEP = box(0, 0, 3, 6, name="left step", region_class="step")
GRAIN = box(6, 0, 9, 6, name="right grain", region_class="grain")
FAR = box(50, 0, 60, 6, name="far")


@pytest.fixture
def fitted(tmp_path: Path) -> Path:
    """Return a fit of two polarities with a step, a grain and a region beside the image."""
    path = tmp_path / "fitted.gwy"
    dataset = example_dataset()
    save(path, dataset, fit(dataset), regions=[STEP, GRAIN, FAR])
    return path


@pytest.fixture
def plain(tmp_path: Path) -> Path:
    """Return a fit without regions."""
    path = tmp_path / "plain.gwy"
    dataset = example_dataset()
    save(path, dataset, fit(dataset))
    return path


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    path = tmp_path / "raw.gwy"
    save(path, example_dataset(), regions=[STEP])
    return path


def tesm(*words: object) -> int:
    return main([str(word) for word in words])


def changed(path: Path, change: Callable[[GwyContainer], None], name: str = "changed.gwy") -> Path:
    """Return a copy of a file in which something was drawn."""
    container = read_container(path)
    change(container)
    target = path.with_name(name)
    with target.open("wb") as file:
        write_container_to(file, container)
    return target


def number(path: Path, title: str) -> int:
    container = read_container(path)
    return next(
        n for n in contents.ids(container, contents.CHANNEL)
        if contents.title(container, contents.CHANNEL, n) == title
    )  # fmt: skip


def put_mask(container: GwyContainer, channel: int, mask: np.ndarray) -> None:
    image = Field.from_object(container[f"/{channel}/data"])
    put(container, f"/{channel}/mask", mask_field(mask, image), "o")


def put_rectangle(container: GwyContainer, channel: int, *edges: float) -> None:
    """Select a rectangle with edges in pixels of the scan, as Gwyddion does: from the corner of the image."""
    items = np.array([edges]) * (*SPACING[::-1], *SPACING[::-1])
    put(container, f"/{channel}/select/rectangle", Selection("rectangle", items).to_object(), "o")


def report(capsys: pytest.CaptureFixture[str], path: Path, *words: object) -> dict[str, Any]:
    capsys.readouterr()
    assert tesm("regions", path, "--json", *words) == 0
    printed = capsys.readouterr()
    assert printed.err == ""
    found = json.loads(printed.out, parse_constant=pytest.fail)
    assert isinstance(found, dict)
    return found


def part(found: dict[str, Any], name: str) -> dict[str, Any]:
    return next(one for one in found["parts"] if one["name"] == name)


def statistics(found: dict[str, Any], name: str, quantity: str, pulse: int | None) -> dict[str, Any]:
    lines = part(found, name)["statistics"]
    return next(one for one in lines if (one["quantity"], one["pulse"]) == (quantity, pulse))


def check_against_numpy(line: dict[str, Any], inside: np.ndarray) -> None:
    good = inside[np.isfinite(inside)]
    assert line["n"] == good.size > 1
    wanted = [np.median(good), *np.percentile(good, [25, 75]), good.mean(), good.std(ddof=1)]
    assert [line[key] for key in ("median", "q25", "q75", "mean", "std")] == pytest.approx(wanted, rel=1e-12)


def test_numbers_are_those_of_numpy_and_the_schema_is_stable(
    fitted: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = report(capsys, fitted)
    maps = maps_from_container(read_container(fitted))
    assert maps is not None
    assert list(found) == [
        "version", "input", "recipe", "recipe_digest", "pulses", "parts", "comparisons", "notes",
    ]  # fmt: skip
    assert (found["input"]["name"], len(found["input"]["sha256"])) == ("fitted.gwy", 64)
    assert found["recipe"]["threshold"] == 0.15
    assert found["pulses"] == [
        {"voltage": 3.0, "direction": "trace"}, {"voltage": -3.0, "direction": "retrace"}
    ]  # fmt: skip
    masks = {
        "left step": COLUMNS < 3,
        "right grain": COLUMNS >= 6,
        "all steps (1)": COLUMNS < 3,
        "outside of all": (COLUMNS >= 3) & (COLUMNS < 6),
    }
    for name, mask in masks.items():
        one = part(found, name)
        assert list(one) == ["part", "name", "class", "shape", "pixels", "note", "statistics"]
        assert one["pixels"] == mask.sum()
        for quantity in ("H", "tau1", "D1", "tau2", "D2"):
            for pulse in (1, 2):
                line = statistics(found, name, quantity, pulse)
                assert list(line) == [
                    "quantity", "unit", "pulse", "n", "median", "q25", "q75", "mean", "std", "n_below", "n_above",
                ]  # fmt: skip
                assert line["unit"] == maps[quantity].attrs["units"]
                check_against_numpy(line, maps[quantity].values[pulse - 1][mask])
    assert [one["part"] for one in found["parts"]] == ["region"] * 3 + ["class"] * 3 + ["outside"]
    assert part(found, "left step")["class"] == "step"
    assert part(found, "left step")["shape"] == "rectangle"
    far = part(found, "far")
    assert (far["pixels"], far["note"]) == (0, "lies outside the image")
    assert {line["n"] for line in far["statistics"]} == {0}
    assert {line["median"] for line in far["statistics"]} == {None}
    # The steps, at the left, relax four times slower than the grain.
    one = next(one for one in found["comparisons"] if (one["quantity"], one["pulse"]) == ("D2", 2))
    assert list(one) == [
        "quantity", "unit", "pulse", "names", "n", "independent", "medians", "ratio", "ratio_ci", "cliffs_delta",
        "effect", "hedges_g", "p_value", "sentence",
    ]  # fmt: skip
    assert one["names"] == ["step", "grain"]
    left, right = (np.nanmedian(maps["D2"].values[1][mask]) for mask in (COLUMNS < 3, COLUMNS >= 6))
    assert one["ratio"] == pytest.approx(left / right, rel=1e-12)
    assert 0.2 < one["ratio"] < 0.3
    assert (one["cliffs_delta"], one["effect"]) == (-1.0, "large")
    assert one["ratio_ci"][0] <= one["ratio"] <= one["ratio_ci"][1]


def test_the_table_fits_a_terminal_and_names_what_is_missing(
    fitted: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert tesm("regions", fitted) == 0
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 100
    text = "\n".join(lines)
    assert "D2 (-3 V) in 10⁻¹³ m²/s" in text
    assert text.count("lies outside the image") == 10
    assert "left step" in text
    assert "all steps (1)" not in text  # the line would only say again what the region's own says
    row = next(line for line in lines[text[: text.index("D2 (-3 V)")].count("\n") :] if "right grain" in line)
    maps = maps_from_container(read_container(fitted))
    assert maps is not None
    inside = maps["D2"].values[1][COLUMNS >= 6]
    assert f"{np.nanmedian(inside) / 1e-13:.3g}" in row
    assert "18/18" in row
    low, high = np.nanpercentile(inside, [25, 75]) / 1e-13
    assert f"{low:.3g} … {high:.3g}" in row
    # Rounded to the second digit of the deviation.
    spread = float(np.nanstd(inside, ddof=1)) / 1e-13
    decimals = 1 - int(np.floor(np.log10(spread)))
    assert row.rstrip().endswith(f"± {spread:.{decimals}f}")


def test_groups_of_different_size_keep_their_counts(
    fitted: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "unlike.gwy"
    save(
        path,
        open_dataset(fitted),
        fit(open_dataset(fitted)),
        regions=[box(0, 0, 2, 6, region_class="step"), GRAIN],
    )
    found = report(capsys, path)
    one = next(one for one in found["comparisons"] if (one["quantity"], one["pulse"]) == ("D2", 2))
    maps = maps_from_container(read_container(path))
    assert maps is not None
    d2 = maps["D2"].values[1]
    sides = [d2[:, :2], d2[:, 6:]]
    assert one["n"] == [int(np.isfinite(side).sum()) for side in sides] == [12, 18]
    assert one["medians"] == pytest.approx([np.nanmedian(side) for side in sides])
    assert one["independent"][0] < one["independent"][1]
    assert one["sentence"].startswith("D2 (-3 V) in step (n = 12) is ")
    assert "that in grain (n = 18)" in one["sentence"]
    assert tesm("regions", path) == 0
    words = " ".join(capsys.readouterr().out.split())
    assert "9 × 6 px" in words
    assert "step (n = 12)" in words
    assert "grain (n = 18)" in words


def test_csv_has_a_row_for_each_part_map_and_pulse(fitted: Path, tmp_path: Path) -> None:
    out, also = tmp_path / "r.csv", tmp_path / "r.json"
    assert tesm("regions", fitted, "--csv", out, "--json", also, "--quiet") == 0
    rows = list(csv.DictReader(out.read_text(encoding="utf-8").splitlines()))
    assert list(rows[0]) == [
        "part", "name", "class", "shape", "pixels", "quantity", "unit", "pulse", "voltage", "direction", "n",
        "median", "q25", "q75", "mean", "std", "n_below", "n_above", "note", "recipe",
    ]  # fmt: skip
    assert len(rows) == 7 * 10
    found = json.loads(also.read_text(encoding="utf-8"))
    written = json.dumps(found["recipe"], ensure_ascii=False, sort_keys=True)
    assert {row["recipe"] for row in rows} == {hashlib.sha256(written.encode()).hexdigest()[:12]}
    assert found["recipe_digest"] == rows[0]["recipe"]
    for row in rows:
        line = statistics(found, row["name"], row["quantity"], int(row["pulse"]))
        assert int(row["n"]) == line["n"]
        for key in ("median", "q25", "q75", "mean", "std"):
            assert (float(row[key]) if row[key] else None) == line[key]
        assert float(row["voltage"]) == (3.0, -3.0)[int(row["pulse"]) - 1]


def test_without_results_h_is_measured_and_a_line_says_how_to_get_the_rest(
    raw: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = report(capsys, raw)
    assert {line["quantity"] for one in found["parts"] for line in one["statistics"]} == {"H"}
    wanted = fit(open_dataset(raw))["H"].values
    check_against_numpy(statistics(found, "left step", "H", 1), wanted[0][COLUMNS < 3])
    assert "tesm fit" in found["notes"][0]
    assert [one["names"] for one in found["comparisons"]] == [["step", "the rest of the image"]] * 2


def test_without_results_and_pulse_it_says_what_to_give(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "silent.gwy"
    save(path, example_dataset(protocol=PulseProtocol()), regions=[STEP])
    assert tesm("regions", path) == 1
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    for word in ("tesm fit", "--pulse-start", "--pulse-duration"):
        assert word in lines[0]
    given = ["--pulse-start", "0ms", "--pulse-duration", "10ms"]
    found = report(capsys, path, *given)
    wanted = fit(open_dataset(path), pulse_start=0.0, pulse_duration=10e-3)["H"].values
    check_against_numpy(statistics(found, "left step", "H", 2), wanted[1][COLUMNS < 3])


def test_without_a_region_the_whole_image_is_measured(
    plain: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert tesm("regions", plain) == 0
    text = capsys.readouterr().out
    assert "holds no region" in text
    found = report(capsys, plain)
    assert [one["part"] for one in found["parts"]] == ["image"]
    maps = maps_from_container(read_container(plain))
    assert maps is not None
    check_against_numpy(statistics(found, "whole image", "D1", 1), maps["D1"].values[0].ravel())
    assert found["comparisons"] == []


def test_points_are_no_regions(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    dataset, path = example_dataset(), tmp_path / "p.gwy"
    save(path, dataset, fit(dataset), points=[pinned(1, (2, 2.5))])
    assert [one["part"] for one in report(capsys, path)["parts"]] == ["image"]


def test_selections_and_masks_of_gwyddion_are_regions(
    plain: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    topography = number(plain, "Topography")

    def draw(container: GwyContainer) -> None:
        put_rectangle(container, topography, 0, 0, 2, 6)
        put_mask(container, topography, COLUMNS >= 7)

    found = report(capsys, changed(plain, draw))
    assert [(one["part"], one["pixels"]) for one in found["parts"]] == [
        ("region", 12), ("class", 12), ("masked", 12), ("unmasked", 42), ("outside", 30)
    ]  # fmt: skip
    maps = maps_from_container(read_container(plain))
    assert maps is not None
    name = "under the mask of Topography"
    check_against_numpy(statistics(found, name, "D2", 1), maps["D2"].values[0][COLUMNS >= 7])
    names = [one["names"] for one in found["comparisons"][:2]]
    assert names == [
        ["rectangle 1", "the rest of the image"], [name, "not under the mask of Topography"]
    ]  # fmt: skip


def test_masks_of_results_mark_missing_values_and_are_no_regions(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    dataset, path = example_dataset(), tmp_path / "holes.gwy"
    values = np.array(dataset["displacement"].values)
    values[:, 1, 2] = np.random.default_rng(0).standard_normal((2, 250)) * 1e-4
    dataset = dataset.assign(displacement=dataset["displacement"].copy(data=values))
    save(path, dataset, fit(dataset))
    assert "/mask" in " ".join(read_container(path))
    assert [one["part"] for one in report(capsys, path)["parts"]] == ["image"]
    found = report(capsys, path, "--channel", "D2 (-3 V)")
    assert [one["part"] for one in found["parts"]] == ["image"]
    assert any("pixels without a value" in note for note in found["notes"])


def test_a_mask_drawn_on_a_map_is_a_region_that_keeps_its_values(
    plain: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    maps = maps_from_container(read_container(plain))
    assert maps is not None
    for title, quantity in (("D2 (-3 V)", "D2"), ("H (-3 V)", "H"), ("log10 D2 (-3 V)", "D2")):
        path = changed(plain, lambda c, t=title: put_mask(c, number(plain, t), COLUMNS < 4))
        found = report(capsys, path, "--channel", title)
        line = statistics(found, f"under the mask of {title}", quantity, 2)
        check_against_numpy(line, maps[quantity].values[1][COLUMNS < 4])


def test_a_channel_narrows_what_counts_and_is_measured_itself(
    fitted: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    anchor = number(fitted, "Topography")
    other = 99

    def draw(container: GwyContainer) -> None:
        image = Field.from_object(container[f"/{anchor}/data"])
        values = np.arange(54.0).reshape(6, 9)
        second = Field(values, image.x_real, image.y_real, image.x_offset, image.y_offset, "m", "V")
        put(container, f"/{other}/data", second.to_object(), "o")
        put(container, f"/{other}/data/title", "Current", "s")
        put_rectangle(container, other, 4, 0, 6, 6)

    path = changed(fitted, draw)
    found = report(capsys, path, "--channel", "Current")
    assert [(one["part"], one["pixels"]) for one in found["parts"]] == [
        ("region", 12), ("class", 12), ("outside", 42)
    ]  # fmt: skip
    line = statistics(found, "rectangle 1", "Current", None)
    assert line["unit"] == "V"
    check_against_numpy(line, np.arange(54.0).reshape(6, 9)[:, 4:6].ravel())
    # By its number, too; and without it everything counts.
    assert report(capsys, path, "--channel", other)["parts"] == found["parts"]
    assert len(report(capsys, path)["parts"]) == 4 + 3 + 1
    topography = report(capsys, path, "--channel", "Topography")
    assert [one["name"] for one in topography["parts"][:3]] == ["left step", "right grain", "far"]


def test_a_channel_with_other_pixels_counts_by_its_place(
    plain: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # Twice as many pixels, and the right third of the scan is not on this image.
    (height, width), (top, left) = SPACING, CORNER
    fine = Field(np.zeros((12, 12)), 6 * width, 6 * height, left - 0.1 * width, top, "m", "m")

    def draw(container: GwyContainer) -> None:
        put(container, "/50/data", fine.to_object(), "o")
        put(container, "/50/data/title", "Fine", "s")
        put_rectangle(container, 50, 0, 0, 2, 6)
        put(container, "/50/mask", mask_field(np.indices((12, 12))[1] >= 9, fine), "o")

    path = changed(plain, draw)
    found = report(capsys, path, "--channel", "Fine")
    assert [(one["part"], one["pixels"]) for one in found["parts"]] == [
        ("region", 12), ("class", 12), ("masked", 12), ("unmasked", 24), ("outside", 30)
    ]  # fmt: skip
    maps = maps_from_container(read_container(plain))
    assert maps is not None
    inside = maps["tau2"].values[0][(COLUMNS >= 4) & (COLUMNS < 6)]
    check_against_numpy(statistics(found, "under the mask of Fine", "tau2", 1), inside)
    assert "Fine" not in {line["quantity"] for line in found["parts"][0]["statistics"]}
    # Nobody has to know of the option.
    assert any("--channel" in note and "Fine" in note for note in report(capsys, path)["notes"])


@pytest.mark.parametrize("words", [["--channel", "Nobody"], ["--channel", "777"], ["--channel", "Twice"]])
def test_a_channel_that_is_not_there(
    plain: Path, capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    def draw(container: GwyContainer) -> None:
        for key in (60, 61):
            put(container, f"/{key}/data", Field(np.zeros((2, 2))).to_object(), "o")
            put(container, f"/{key}/data/title", "Twice", "s")

    assert tesm("regions", changed(plain, draw), *words) == 1
    said = capsys.readouterr().err
    assert len(said.splitlines()) == 1
    assert ("60, 61" if "Twice" in words else "Topography") in said


def test_a_file_of_images_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "images.gwy"
    container = GwyContainer()
    values = np.random.default_rng(0).standard_normal((6, 9))
    put(container, "/0/data", Field(values, 9e-6, 4.8e-6, unit_xy="m", unit_z="m").to_object(), "o")
    put(container, "/0/data/title", "Height", "s")
    put_mask(container, 0, COLUMNS < 2)
    with path.open("wb") as file:
        write_container_to(file, container)
    assert tesm("regions", path) == 1
    said = capsys.readouterr().err
    assert "tesm fit" in said
    assert "an image of the file is measured with --channel ('Height')" in said
    found = report(capsys, path, "--channel", "Height")
    check_against_numpy(statistics(found, "under the mask of Height", "Height", None), values[:, :2].ravel())
    assert found["recipe"] is None
    assert found["pulses"] == []
    out = tmp_path / "o.gwy"
    assert tesm("regions", path, "--channel", "Height", "-o", out) == 1
    assert "nothing to draw" in capsys.readouterr().err
    assert not out.exists()


def test_maps_without_a_value(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    dataset, path = example_dataset(), tmp_path / "noise.gwy"
    noise = np.random.default_rng(0).standard_normal(dataset["displacement"].shape)
    dataset = dataset.assign(displacement=dataset["displacement"].copy(data=noise))
    save(path, dataset, fit(dataset), regions=[STEP, GRAIN])
    assert tesm("regions", path) == 0
    text = capsys.readouterr().out
    assert "no value in these pixels" in text
    assert "cannot be compared: no pixel of step has a value" in text
    found = report(capsys, path)
    assert statistics(found, "left step", "D2", 1) == {
        "quantity": "D2", "unit": "m²/s", "pulse": 1, "n": 0, "median": None, "q25": None, "q75": None,
        "mean": None, "std": None, "n_below": 0, "n_above": 0,
    }  # fmt: skip


def graphs_of(path: Path) -> dict[str, Graph]:
    container = read_container(path)
    found = {}
    for one in contents.ids(container, contents.GRAPH):
        graph = Graph.from_object(container[contents.object_key(contents.GRAPH, one)])
        found[graph.title.split(":")[0]] = graph
    return found


def test_graphs_hold_mean_traces_and_histograms(fitted: Path, tmp_path: Path) -> None:
    out = tmp_path / "g.gwy"
    assert tesm("regions", fitted, "-o", out, "--quiet") == 0
    assert not contents.ids(read_container(out), contents.CHANNEL)
    graphs = graphs_of(out)
    assert list(graphs) == [
        "t-ESM mean trace (+3 V)", "t-ESM mean trace (-3 V)", "t-ESM histogram D1 (+3 V)",
        "t-ESM histogram D2 (+3 V)", "t-ESM histogram D1 (-3 V)", "t-ESM histogram D2 (-3 V)",
    ]  # fmt: skip
    dataset = open_dataset(fitted)
    mean = graphs["t-ESM mean trace (-3 V)"]
    assert (mean.x_unit, mean.y_unit) == ("s", "V")
    masks = [COLUMNS < 3, COLUMNS >= 6, (COLUMNS >= 3) & (COLUMNS < 6)]
    assert [curve.description for curve in mean.curves] == [
        "left step, 18 px", "right grain, 18 px", "outside of all, 18 px"
    ]  # fmt: skip
    for curve, mask in zip(mean.curves, masks, strict=True):
        np.testing.assert_allclose(curve.x, dataset["time"].values, rtol=1e-12)
        np.testing.assert_allclose(curve.y, dataset["displacement"].values[1][mask].mean(axis=0), rtol=1e-9)
    histogram = graphs["t-ESM histogram D2 (-3 V)"]
    maps = maps_from_container(read_container(fitted))
    assert maps is not None
    assert (histogram.x_label, histogram.x_unit, histogram.y_unit) == ("log10 D2 (m²/s)", "", "")
    edges = histogram.curves[0].x[::2]
    for curve, mask in zip(histogram.curves, masks, strict=True):
        inside = np.log10(maps["D2"].values[1][mask])
        counts = np.histogram(inside[np.isfinite(inside)], edges)[0]
        np.testing.assert_array_equal(curve.x[::2], edges)
        np.testing.assert_allclose(curve.y[1:-1:2], counts / counts.sum(), rtol=1e-12)
        assert curve.y[0] == curve.y[-1] == 0


def test_graphs_of_maps_without_traces_and_of_traces_without_maps(
    raw: Path, fitted: Path, tmp_path: Path
) -> None:
    alone, out = tmp_path / "maps.gwy", tmp_path / "g.gwy"

    def drop_traces(container: GwyContainer) -> None:
        for key in [key for key in container if key.startswith("/brick")]:
            del container[key]

    assert tesm("regions", changed(fitted, drop_traces, alone.name), "-o", out, "--quiet") == 0
    assert [title.split()[1] for title in graphs_of(out)] == ["histogram"] * 4
    assert tesm("regions", raw, "-o", out, "--overwrite", "--quiet") == 0
    assert list(graphs_of(out)) == [
        "t-ESM mean trace (+3 V)", "t-ESM mean trace (-3 V)", "t-ESM histogram H (+3 V)",
        "t-ESM histogram H (-3 V)",
    ]  # fmt: skip
    of_h = graphs_of(out)["t-ESM histogram H (-3 V)"]
    assert (of_h.x_label, of_h.x_unit, of_h.y_unit) == ("H", "V", "")
    # The largest |H| of the example is 0.1 V.
    assert 0.05 < max(curve.x.max() for curve in of_h.curves) < 0.2


def test_hot_pixels_do_not_bend_the_mean(tmp_path: Path) -> None:
    dataset = example_dataset()
    values = np.array(dataset["displacement"].values)
    values[1, 4, 1, 50:] += 10.0
    dataset = dataset.assign(displacement=dataset["displacement"].copy(data=values))
    path, out = tmp_path / "hot.gwy", tmp_path / "g.gwy"
    save(path, dataset, fit(dataset), regions=[STEP])
    assert tesm("regions", path, "-o", out, "--quiet") == 0
    curve = graphs_of(out)["t-ESM mean trace (-3 V)"].curves[0]
    assert curve.description == "left step, 17 px (1 hot left out)"
    counted = COLUMNS < 3
    counted[4, 1] = False
    np.testing.assert_allclose(curve.y, values[1][counted].mean(axis=0), rtol=1e-9)


def test_mean_traces_of_some_of_the_pulses(
    fitted: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "g.gwy"
    assert tesm("regions", fitted, "-o", out, "--quiet", "--traces", 1) == 0
    titles = list(graphs_of(out))
    assert [title for title in titles if "mean" in title] == ["t-ESM mean trace (-3 V)"]
    assert len(titles) == 5
    mean = open_dataset(fitted)["displacement"].values[1][COLUMNS < 3].mean(axis=0)
    np.testing.assert_allclose(graphs_of(out)[titles[0]].curves[0].y, mean, rtol=1e-9)
    assert tesm("regions", fitted, "--traces", "nothing") == 1
    assert "nothing" in capsys.readouterr().err


def test_gwyddion_opens_the_graphs_without_a_warning(
    fitted: Path,
    plain: Path,
    tmp_path: Path,
    gwyoracle: Callable[..., Any],
    gwyddion_check: Callable[[Path], str],
) -> None:
    topography = number(plain, "Topography")
    masked = changed(plain, lambda c: put_mask(c, topography, COLUMNS < 4))
    for source, count in ((fitted, 6), (plain, 6), (masked, 6)):
        out = tmp_path / f"graphs_{source.name}"
        assert tesm("regions", source, "-o", out, "--quiet") == 0
        view = gwyoracle(out)
        assert view.problems == []
        assert not gwyddion_check(out)
        models = [i for i in view.items.values() if isinstance(i, dict) and i.get("type") == "GwyGraphModel"]
        assert len(models) == count


def test_units_that_a_fit_was_told_are_known_from_its_recipe(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    silent, out, graphs = tmp_path / "s.gwy", tmp_path / "o.gwy", tmp_path / "g.gwy"
    save(silent, example_dataset(protocol=PulseProtocol()), regions=[STEP])

    def forget_units(container: GwyContainer) -> None:
        for key in ("/brick/0", "/brick/1"):
            for name in ("si_unit_z", "si_unit_x", "si_unit_y"):
                del container[key][name]
                container[key].typecodes.pop(name)
        del container["/0/data"]["si_unit_xy"]
        container["/0/data"].typecodes.pop("si_unit_xy")

    source = changed(silent, forget_units)
    given = ["--time-unit", "s", "--lateral-unit", "m", "--pulse-start", "1ms", "--pulse-duration", "9ms"]
    assert tesm("fit", source, "-o", out, *given, "--tip-radius", "25nm", "--quiet") == 0
    found = report(capsys, out, "-o", graphs)
    assert part(found, "left step")["pixels"] == 18
    curve = graphs_of(graphs)["t-ESM mean trace (-3 V)"].curves[0]
    assert curve.x[0] == pytest.approx(-1e-3, rel=1e-9)


def test_json_goes_where_it_is_sent(fitted: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "r.json"
    assert tesm("regions", fitted, "--json", path) == 0
    text = capsys.readouterr().out
    assert "left step" in text
    assert "r.json" in text
    assert json.loads(path.read_text(encoding="utf-8")) == report(capsys, fitted)
    assert tesm("regions", fitted, "--json", "-") == 0
    assert json.loads(capsys.readouterr().out) == json.loads(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", ["fitted", "raw"])
def test_progress_only_rises(
    name: str, request: pytest.FixtureRequest, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = request.getfixturevalue(name)
    assert tesm("regions", path, "-o", tmp_path / "g.gwy", "--progress", "lines", "--quiet") == 0
    lines = capsys.readouterr().err.splitlines()
    fractions = [float(line.split()[1]) for line in lines]
    assert fractions == sorted(fractions)
    assert (fractions[-1], len(fractions) >= 6) == (1.0, True)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ([], "required"),
        (["FILE", "-o", "FILE", "--overwrite"], "input file itself"),
        (["FILE", "--json", "FILE", "--overwrite"], "would be no .gwy file: give a name that ends in .json"),
        (["FILE", "--csv", "-"], "files"),
        (["FILE", "-o", "OUT", "--csv", "OUT"], "twice"),
        (["FILE", "--channel", ""], "empty"),
        (["FILE", "--json", ""], "empty"),
        (["FILE", "--tip-radius", "25nm"], "unrecognized"),
        (["FILE", "--pulse-start", "0"], "unit"),
    ],
)
def test_bad_usage(
    fitted: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], sentence: str
) -> None:
    before = fitted.read_bytes()
    replaced = {"FILE": str(fitted), "OUT": str(tmp_path / "out")}
    assert tesm("regions", *[replaced.get(word, word) for word in words]) == 2
    said = capsys.readouterr().err.replace(str(tmp_path), "")  # the folder bears the sentence in its name
    assert sentence in said
    assert 1 <= len(said.splitlines()) <= 3
    assert fitted.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == [fitted.name]


def test_all_outputs_or_none(fitted: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out, table = tmp_path / "g.gwy", tmp_path / "r.csv"
    table.write_text("mine")
    assert tesm("regions", fitted, "-o", out, "--csv", table) == 1
    assert "exists already" in capsys.readouterr().err
    assert table.read_text() == "mine"
    assert not out.exists()
    assert tesm("regions", tmp_path / "none.gwy", "-o", out) == 1
    assert len(capsys.readouterr().err.splitlines()) == 1
    assert not out.exists()


HOSTILE = ["\x1b[31mred\n\r\x07", "\u202eesrever", "x" * 50_000, "=1+1", "高" * 40, "\x00nul", "a\u0301" * 30]


@pytest.mark.parametrize("name", HOSTILE, ids=lambda name: ascii(name)[:12])
def test_names_steer_neither_terminal_nor_files(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, gwyoracle: Callable[..., Any]
) -> None:
    dataset, path, out = example_dataset(), tmp_path / "s.gwy", tmp_path / "g.gwy"
    region = Region(STEP.kind, STEP.vertices, name, name)
    save(path, dataset, fit(dataset), regions=[region])
    assert tesm("regions", path, "-o", out, "--csv", tmp_path / "r.csv", "--json", tmp_path / "r.json") == 0
    printed = capsys.readouterr()
    assert not STEERING.search(printed.out + printed.err)
    rows = [line for line in printed.out.splitlines() if "18/18" in line]
    assert len(rows) == 10
    assert gwyoracle(out).problems == []
    assert not STEERING.search((tmp_path / "r.csv").read_text(encoding="utf-8"))
    report(capsys, path)


def test_surrogates_in_a_name(fitted: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    def rename(container: GwyContainer) -> None:
        text = container["/0/meta"]["Regions"].replace("left step", "\\ud800")
        put(container, "/0/meta", metadata_container({"Regions": text}), "o")

    path = changed(fitted, rename)
    words = ["-o", tmp_path / "g.gwy", "--csv", tmp_path / "r.csv", "--json", tmp_path / "r.json"]
    assert tesm("regions", path, *words) == 0
    assert len(json.loads((tmp_path / "r.json").read_text(encoding="utf-8"))["parts"]) == 7


def test_regions_that_cannot_be_understood_are_named(
    fitted: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for text in ("{", "[]", '{"features": [{"geometry": 3}]}', '{"features": 7}'):
        meta = metadata_container({"Regions": text})
        path = changed(fitted, lambda c, m=meta: put(c, "/0/meta", m, "o"))
        found = report(capsys, path)
        assert any("cannot be understood" in note for note in found["notes"])


@pytest.mark.slow
def test_damaged_files_end_in_a_sentence(
    fitted: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = fitted.read_bytes()
    words = [p for m in re.finditer(rb"[\x00-\x7f]{6,}", whole) for p in range(*m.span())]
    draw = np.random.default_rng(0)
    broken, out = tmp_path / "b.gwy", tmp_path / "o.gwy"
    for trial in range(30):
        damaged = bytearray(whole)
        if trial % 6 == 0:
            del damaged[int(draw.integers(len(whole))) :]
        for place in draw.choice(words, 3):
            if place < len(damaged):
                damaged[place] = int(draw.integers(256))
        broken.write_bytes(damaged)
        for more in ([], ["--channel", "0"]):
            code = tesm("regions", broken, "-o", out, "--overwrite", *more)
            printed = capsys.readouterr()
            assert code in (0, 1)
            assert len(printed.err.splitlines()) == code
            assert "unexpected" not in printed.err
            assert not STEERING.search(printed.out + printed.err)
        assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


def test_help_names_what_counts_as_a_region(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parser_for_tesm().parse_args(["regions", "--help"])
    text = " ".join(capsys.readouterr().out.split())
    for word in ("selections", "masks", "--channel", "--json", "--csv"):
        assert word in text


@pytest.mark.parametrize(
    ("reader", "words"), [("", "run 'tesm fit' first"), ("gwyddion", "run 'Diffusion Maps' first")]
)
def test_what_to_run_first_is_called_as_the_reader_knows_it(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    reader: str,
    words: str,
) -> None:
    monkeypatch.setenv("TESM_READER", reader)
    save(tmp_path / "scan.gwy", example_dataset(), regions=[STEP])
    assert main(["regions", str(tmp_path / "scan.gwy")]) == 0
    assert f"Note: only H is known, measured from the traces: {words}" in capsys.readouterr().out
