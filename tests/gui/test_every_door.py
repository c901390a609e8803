"""One table for all doors: terminal, CSV, JSON, page and screen say numpy's numbers, with the same titles and units.

The scan is as awkward as a real one may be: oblong pixels, more columns than rows, µm, an offset, two pulses, and parts
and grains of different sizes in which pixels are missing.
"""

import csv
import json
import re
from html.parser import HTMLParser

import numpy as np
import pytest
from examples import example_dataset

from napari_tesm import fit, save
from napari_tesm.cli import main
from napari_tesm.gwy.reading import read_container
from napari_tesm.io.gwy.results_reading import maps_from_container
from napari_tesm.quantities.text import quantity_from_text
from napari_tesm.regions.shapes import Region

pytest.importorskip("qtpy")

ROWS, COLUMNS = np.indices((14, 22))
PULSES = ("(+3 V)", "(-3 V)")
QUANTITIES = {"H": "V", "tau1": "s", "D1": "m²/s", "tau2": "s", "D2": "m²/s"}
PARTS = {"the step": COLUMNS < 5, "a grain": COLUMNS >= 9}
LABELS = np.where(COLUMNS < 6, 1, np.where(ROWS < 4, 2, 3))
NUMBERS = ("n", "median", "q25", "q75", "mean", "std")


def tesm(*words):
    assert main([str(word) for word in words]) == 0


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Return the path of a fitted file with a step and a grain, and its maps."""
    dataset = example_dataset(shape=(14, 22), samples=60)
    axes = {"y": -2e-6 + 0.25e-6 * np.arange(14), "x": 5e-6 + 0.4e-6 * np.arange(22)}
    dataset = dataset.assign_coords({name: (name, values, {"units": "m"}) for name, values in axes.items()})
    maps = fit(dataset)
    spread = np.exp(0.4 * np.random.default_rng(3).standard_normal((2, 14, 22)))
    for name in QUANTITIES:
        maps[name].values[:] *= spread
        maps[name].values[:, 3:5, 2:13] = np.nan
    edges = {"the step": (0, 5, "step"), "a grain": (9, 22, "grain")}
    regions = [
        Region.from_xy("rectangle", np.array([(a, 0), (b, 0), (b, 14), (a, 14)]) * (0.4e-6, 0.25e-6)
                       + (4.8e-6, -2.125e-6), name=name, region_class=kind)
        for name, (a, b, kind) in edges.items()
    ]  # fmt: skip
    folder = tmp_path_factory.mktemp("doors")
    save(folder / "scan.gwy", dataset, maps, regions=regions)
    np.save(folder / "labels.npy", LABELS)
    tesm(
        "grains",
        folder / "scan.gwy",
        "--labels",
        folder / "labels.npy",
        "-o",
        folder / "grains.gwy",
        "--quiet",
    )
    return folder, maps_from_container(read_container(folder / "scan.gwy"))


def described(values):
    """Return what numpy says of some pixels."""
    finite = values[np.isfinite(values)]
    low, middle, high = np.percentile(finite, [25, 50, 75])
    return dict(
        zip(NUMBERS, (finite.size, middle, low, high, finite.mean(), finite.std(ddof=1)), strict=True)
    )


def wanted_of_parts(maps):
    return {
        (name, quantity, pulse): described(maps[quantity].values[pulse][mask])
        for name, mask in PARTS.items()
        for quantity in QUANTITIES
        for pulse in (0, 1)
    }


def si(text, unit):
    """Return the SI value of a number as it is shown with a unit such as ``10⁻¹³ m²/s`` or ``mV``."""
    power = re.fullmatch("10([⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+) (.*)", unit)
    if power:
        factor = 10.0 ** int(power[1].translate(str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789")))
        return float(text.replace("−", "-")) * factor, power[2]
    plain = next(base for base in ("m²/s", "V", "s", "m²", "m") if unit.endswith(base))
    number = quantity_from_text(f"{text} {unit}", plain) if plain != "m²" else float(text) * area(unit)
    return number, plain


def area(unit):
    return quantity_from_text(f"1 {unit.removesuffix('²')}", "m") ** 2


class Tables(HTMLParser):
    """Read the tables of a page: by their id the titles and the rows."""

    def __init__(self, page):
        super().__init__(convert_charrefs=True)
        self.tables, self._open = {}, ""
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        if tag == "table":
            self.rows = self.tables.setdefault(dict(attrs)["id"], [])
        elif tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            self.rows[-1].append("")
        self._open = tag

    def handle_endtag(self, tag):
        self._open = ""

    def handle_data(self, data):
        if self._open in ("td", "th"):
            self.rows[-1][-1] += data

    def entries(self, name):
        titles, *rows = self.tables[name]
        return [dict(zip(titles, row, strict=True)) for row in rows]


@pytest.fixture(scope="module")
def page(made):
    from napari_tesm.report.assembling import report_from_data
    from napari_tesm.report.gathering import report_data_from_files
    from napari_tesm.report.html import page_from_report
    from napari_tesm.report.sections import section_functions

    functions = section_functions()
    data = report_data_from_files([made[0] / "grains.gwy"])
    data.main.maps = made[1]  # it has fitted the traces anew
    report = report_from_data(
        data, sections={name: functions[name] for name in ("regions", "grains")}, strict=True
    )
    return Tables(page_from_report(report)), report


def screen(path):
    from napari_tesm.gui.models.scan import scans_from_path

    (scan,) = scans_from_path(path)
    return scan


def cells(model, line):
    """Return the texts of a line of a model by the titles above them, and the titles' units."""
    from qtpy.QtCore import Qt

    heads = [
        model.headerData(n, Qt.Orientation.Horizontal).partition("\n") for n in range(model.columnCount())
    ]
    return (
        {head[0]: model.index(line, n).data() for n, head in enumerate(heads)},
        {title: unit for title, _, unit in heads},
    )


def test_regions_by_the_command_line(made, capsys):
    folder, maps = made
    wanted = wanted_of_parts(maps)
    tesm("regions", folder / "scan.gwy", "--csv", folder / "r.csv", "--json", folder / "r.json", "--quiet")
    with (folder / "r.csv").open(newline="", encoding="utf-8") as file:
        rows = {(row["name"], row["quantity"], int(row["pulse"]) - 1): row for row in csv.DictReader(file)}
    report = json.loads((folder / "r.json").read_text(encoding="utf-8"))
    entries = {
        (part["name"], entry["quantity"], entry["pulse"] - 1): entry
        for part in report["parts"]
        for entry in part["statistics"]
    }
    capsys.readouterr()
    tesm("regions", folder / "scan.gwy")
    blocks = dict(zip((f"{q} {label}" for label in PULSES for q in QUANTITIES),
                      capsys.readouterr().out.split("\n\n")[1:], strict=True))  # fmt: skip
    for (name, quantity, pulse), numbers in wanted.items():
        for door in (rows, entries):
            cell = door[name, quantity, pulse]
            assert {key: float(cell[key]) for key in NUMBERS} == pytest.approx(numbers, rel=1e-12)
            assert cell["unit"] == QUANTITIES[quantity]
        title = f"{quantity} {PULSES[pulse]}"
        head, *lines = blocks[title].splitlines()
        unit = re.match(rf"{re.escape(title)} in (\S+(?: m²/s)?) ", head)[1]
        assert re.split("  +", head)[1:] == ["class", "n/px", "median", "quartiles", "mean ± sd"]
        _, _, count, median, quartiles, mean = re.split(
            "  +", next(line for line in lines if line.startswith(name))
        )
        assert count == f"{numbers['n']}/{PARTS[name].sum()}"
        shown = [median, *quartiles.split(" … "), mean.split(" ± ")[0]]
        for text, key in zip(shown, ("median", "q25", "q75", "mean"), strict=True):
            assert si(text, unit) == (pytest.approx(numbers[key], rel=0.06, abs=0), QUANTITIES[quantity])
        assert numbers["q25"] < numbers["median"] < numbers["q75"] or quantity == "H"


def test_a_comparison_has_one_shape_and_each_group_its_own_numbers(made, page):
    folder, maps = made
    tesm("regions", folder / "scan.gwy", "--json", folder / "c.json", "--quiet", "--overwrite")
    tesm("grains", folder / "grains.gwy", "--json", folder / "g.json", "--quiet", "--overwrite")
    of_regions = json.loads((folder / "c.json").read_text())["comparisons"]
    of_grains = [
        entry["boundary_against_interior"]
        for entry in json.loads((folder / "g.json").read_text())["quantities"]
    ]
    numbers = {section.slug: section.numbers["measures"] for section in page[1].sections}
    of_page = [comparison for measure in numbers["regions"] for comparison in measure["comparisons"]]
    keys = [
        "names", "n", "independent", "medians", "ratio", "ratio_ci", "cliffs_delta", "effect", "hedges_g", "p_value",
    ]  # fmt: skip
    assert [list(comparison)[3:-1] for comparison in of_regions] == [keys] * 10
    for comparison in (*of_grains, *of_page, *(m["boundary_against_interior"] for m in numbers["grains"])):
        assert list(comparison) == keys
    assert of_page == [{key: comparison[key] for key in keys} for comparison in of_regions]
    shown = page[0].entries("table-regions_compared")
    for comparison, row in zip(of_regions, shown, strict=True):
        parts = [
            described(maps[comparison["quantity"]].values[comparison["pulse"] - 1][PARTS[name]])
            for name in ("the step", "a grain")
        ]
        assert comparison["names"] == ["step", "grain"] == [row["first"], row["second"]]
        assert comparison["n"] == [part["n"] for part in parts] == [int(row["n first"]), int(row["n second"])]
        assert comparison["n"][0] != comparison["n"][1]
        assert comparison["medians"] == pytest.approx([part["median"] for part in parts], rel=1e-12)
        ratio = parts[0]["median"] / parts[1]["median"]
        if comparison["quantity"] != "H":
            assert comparison["ratio"] == pytest.approx(ratio, rel=1e-12)
            assert comparison["ratio_ci"][0] < ratio < comparison["ratio_ci"][1]
            assert [float(row[t]) for t in ("ratio of medians", "from", "to")] == pytest.approx(
                [comparison["ratio"], *comparison["ratio_ci"]], rel=6e-3
            )


def test_regions_on_the_page(made, page):
    rows = page[0].entries("table-regions")
    for (name, quantity, pulse), numbers in wanted_of_parts(made[1]).items():
        row = next(
            row for row in rows if (row["part"], row["quantity"]) == (name, f"{quantity} {PULSES[pulse]}")
        )
        assert (int(row["n"]), int(row["pixels"])) == (numbers["n"], PARTS[name].sum())
        titles = {"median": "median", "q25": "quartile 1", "q75": "quartile 3", "mean": "mean",
                  "std": "standard deviation"}  # fmt: skip
        for key, title in titles.items():
            shown = quantity_from_text(row[title], QUANTITIES[quantity])
            assert shown == pytest.approx(numbers[key], rel=6e-3, abs=0)


def test_regions_on_the_screen(made):
    from napari_tesm.gui.models.region_table import RegionTable
    from napari_tesm.gui.panels.region_table_view import RegionTableModel

    folder, maps = made
    scan = screen(folder / "scan.gwy")
    table, model = RegionTable.of(scan), RegionTableModel()
    for (name, quantity, pulse), numbers in wanted_of_parts(maps).items():
        table.choose(key=quantity, pulse=pulse)
        model.show_regions(table)
        line = [model.index(n, 0).data() for n in range(model.rowCount())].index(name)
        shown, units = cells(model, line)
        assert shown["n/px"] == f"{numbers['n']}/{PARTS[name].sum()}"
        texts = [shown["median"], *shown["quartiles"].split(" … ")]
        for text, key in zip(texts, ("median", "q25", "q75"), strict=True):
            assert si(text, units["median"]) == (pytest.approx(numbers[key], rel=6e-3), QUANTITIES[quantity])
        head, *lines = list(csv.reader(table.separated_text(",").splitlines()))
        saved = dict(zip(head, next(cells for cells in lines if cells[0] == name), strict=True))
        title = f"{quantity} {PULSES[pulse]}"
        unit = QUANTITIES[quantity]
        assert int(saved["n ok"]) == numbers["n"]
        for key, word in {
            "median": "median",
            "q25": "q25",
            "q75": "q75",
            "mean": "mean",
            "std": "sd",
        }.items():
            assert float(saved[f"{title} {word} ({unit})"]) == pytest.approx(numbers[key], rel=1e-8)


def test_grains_by_every_door(made, page, capsys):
    from napari_tesm.gui.models.grains import GrainModel
    from napari_tesm.gui.panels.grain_table_view import parts_of_grains
    from napari_tesm.gui.panels.table_view import TableModel

    folder, maps = made
    tesm("grains", folder / "grains.gwy", "--csv", folder / "t.csv", "--json", folder / "t.json", "--quiet")
    with (folder / "t.csv").open(newline="", encoding="utf-8") as file:
        rows = {(int(row["id"]), int(row["pulse"]) - 1): row for row in csv.DictReader(file)}
    entries = {entry["id"]: entry for entry in json.loads((folder / "t.json").read_text())["grains"]}
    capsys.readouterr()
    tesm("grains", folder / "grains.gwy")
    text = capsys.readouterr().out
    scan = screen(folder / "grains.gwy")
    grains, model = GrainModel.of(scan), TableModel()
    saved = {int(row["id"]): row for row in csv.DictReader(grains.csv_text().splitlines())}
    shown_on_page = {int(row["grain"]): row for row in page[0].entries("table-grain_table")}
    for number in (1, 2, 3):
        inside = number == LABELS
        size = inside.sum() * 0.4e-6 * 0.25e-6
        assert float(rows[number, 0]["area"]) == pytest.approx(size)
        assert entries[number]["area"] == pytest.approx(size)
        page_row = shown_on_page[number]
        for title in page_row:
            if title.startswith("area"):
                assert si(page_row[title], title[6:-1]) == (pytest.approx(size, rel=6e-3), "m²")
        for quantity, unit in QUANTITIES.items():
            for pulse in (0, 1):
                numbers = described(maps[quantity].values[pulse][inside])
                entry = next(
                    entry for entry in entries[number]["values"]
                    if (entry["quantity"], entry["pulse"]) == (quantity, pulse + 1)
                )  # fmt: skip
                title = f"{quantity} {PULSES[pulse]}"
                for key in ("n", "median", "q25", "q75"):
                    want = pytest.approx(numbers[key], rel=1e-12)
                    assert float(rows[number, pulse][f"{quantity}_{key}"]) == want
                    assert entry[key] == want
                    assert float(saved[number][f"{title} {key}"]) == want
                grains.choose(quantity=quantity, pulse=pulse)
                model.show_table(grains.table(), parts_of_grains(grains))
                shown, units = cells(model, number - 1)
                assert (shown["Id"], shown["n"]) == (f"{number} *", str(numbers["n"]))
                assert si(shown["area"], units["area"]) == (pytest.approx(size, rel=6e-3), "m²")
                median, low, high = re.fullmatch(r"(.+) \((.+)…(.+)\)", shown[quantity]).groups()
                for word, key in ((median, "median"), (low, "q25"), (high, "q75")):
                    assert si(word, units[quantity]) == (pytest.approx(numbers[key], rel=6e-3), unit)
                if quantity in ("H", "D1", "D2"):
                    head, below, *lines = text[text.index(f"Grains {PULSES[pulse]}") :].splitlines()
                    titles, own = re.split("  +", head), re.split("  +", below.strip())
                    line = re.split("  +", next(text for text in lines if text.startswith(f"{number} grain")))
                    place = titles.index(quantity)
                    # The grains' own column and n have no unit.
                    below_it = own[place - 1 - (place > titles.index("n"))]
                    assert si(line[place], below_it) == (pytest.approx(numbers["median"], rel=6e-3), unit)
        assert "(-3 V)" in next(
            table.caption for table in page[1].sections[1].tables if table.name == "grain_table"
        )
        numbers = described(maps["D2"].values[1][inside])
        title = next(title for title in page_row if title.startswith("D2 median"))
        assert int(page_row["D2 n"]) == numbers["n"]
        assert si(page_row[title], title[11:-1]) == (pytest.approx(numbers["median"], rel=6e-3), "m²/s")
        wide = next(title for title in page_row if title.startswith("D2 IQR"))
        spread = numbers["q75"] - numbers["q25"]
        assert si(page_row[wide], wide[8:-1]) == (pytest.approx(spread, rel=6e-3), "m²/s")
