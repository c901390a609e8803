"""The framework of reports: the page, the files, failures of sections, and the command line."""

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from examples import CORNER
from report_examples import RECIPE, StrictPage, example_data, example_scan, simulation

from napari_tesm import save
from napari_tesm.cli import main
from napari_tesm.evaluation.pipeline import Cancelled
from napari_tesm.findings.summary import summary_from_maps
from napari_tesm.findings.table import Column, Table
from napari_tesm.report.assembling import report_from_data
from napari_tesm.report.gathering import report_data_from_files
from napari_tesm.report.html import page_from_report
from napari_tesm.report.methods import methods_from_data, warnings_about
from napari_tesm.report.section import ReportFigure, Section
from napari_tesm.report.sections import section_functions
from napari_tesm.report.writing import files_of_report, write_report


def plain_section(data):
    """Return a section with one of each."""
    return Section(
        "plain",
        "A <plain> & simple section",
        paragraphs=["Less than 5 % of <b>them</b>."],
        figures=[ReportFigure("plain_line", 'The "line".', lambda figure: figure.subplots().plot([0, 1]))],
        tables=[
            Table(
                "plain",
                "Some numbers.",
                [Column("name"), Column("tau", "s"), Column("D", "m²/s"), Column("sure")],
                [["a, b", 1.25e-3, 4.0e-13, True], ["c", float("nan"), None, False]],
            )
        ],
        numbers={"n": np.int64(3), "tau": np.float64(1.25e-3), "none": np.nan, "all": np.arange(2)},
        warnings=["Beware."],
        missing=["The other half is missing."],
    )


def broken_section(data):
    raise ValueError("the phase of the moon is not in the file")


def broken_figure(data):
    def draw(figure):
        raise ZeroDivisionError("by the moon")

    return Section("moon", "Moon", figures=[ReportFigure("moon", "The moon.", draw)])


@pytest.fixture(scope="module")
def data():
    return example_data(title="A <title>")


@pytest.fixture
def report(data):
    return report_from_data(data, sections={"plain": plain_section}, strict=True)


def test_the_page_is_sound_and_asks_nobody_for_anything(report):
    text = page_from_report(report)
    page = StrictPage.of(text)
    assert "A <plain> & simple section" in page.text
    assert "Less than 5 % of <b>them</b>." in page.text
    assert page.count("img") == 1
    assert "http" not in text


def test_warnings_and_what_is_missing_stand_before_the_first_section(report):
    text = page_from_report(report)
    assert text.index("Beware.") < text.index('<section id="plain"')
    assert text.index("The other half is missing.") < text.index('<section id="plain"')


def test_a_page_writes_numbers_with_prefixes_and_the_csv_in_si(data, report):
    page = StrictPage.of(page_from_report(report))
    assert "tau (ms)" in page.text
    assert "1.25" in page.text
    assert "D (10⁻¹³ m²/s)" in page.text
    csv = files_of_report(report)["tables/plain.csv"].decode()
    digest = summary_from_maps(data.main.maps)["recipe_digest"]
    assert re.fullmatch("[0-9a-f]{12}", digest)
    assert csv == f'name,tau (s),D (m²/s),sure,recipe\n"a, b",0.00125,4e-13,yes,{digest}\nc,,,no,{digest}\n'


def test_each_row_of_a_csv_names_the_recipe_of_its_own_scan():
    """Maps of an earlier fit keep the recipe that made them."""
    other = replace(RECIPE, threshold=0.2)
    scans = [example_scan(), example_scan(other, label="other")]

    def both(data):
        rows = [[scan.name, 1.0] for scan in data.scans]
        return Section("both", "Both", tables=[Table("both", "Both.", ["scan", "n"], [*rows, [None, 2.0]])])

    report = report_from_data(example_data(*scans), sections={"both": both, "cycling": lambda data: Section(
        "cycling", "Cells", tables=[Table("cells", "Cells.", ["n"], [[1]])]
    )}, strict=True)  # fmt: skip
    digests = [summary_from_maps(scan.maps)["recipe_digest"] for scan in scans]
    assert digests[0] != digests[1]
    files = files_of_report(report)
    _, *rows = files["tables/both.csv"].decode().splitlines()
    assert [row.split(",")[-1] for row in rows] == [*digests, digests[0]]
    assert files["tables/cells.csv"].decode() == "n\n1\n"


def test_numbers_are_json_without_nan(report):
    numbers = json.loads(files_of_report(report)["numbers.json"], parse_constant=pytest.fail)
    assert numbers["sections"]["plain"] == {"n": 3, "tau": 1.25e-3, "none": None, "all": [0, 1]}
    assert numbers["recipe"]["tip_radius"] == RECIPE.tip_radius
    assert numbers["inputs"] == [{"role": "scan", "name": "scan.gwy", "sha256": "ab" * 32}]
    assert numbers["files"] == sorted(files_of_report(report))


def test_text_that_is_no_character_does_not_break_the_page(data):
    def hostile(data):
        return Section("hostile", "\x00\x1b[31m\udcff</title><script>", paragraphs=["\ud800"])

    report = report_from_data(data, sections={"hostile": hostile}, strict=True)
    page = StrictPage.of(files_of_report(report)["report.html"].decode("utf-8"))
    assert "</title><script>" in page.text


def test_a_section_that_fails_is_a_sentence_and_the_report_goes_on(data):
    sections = {"moon_phase": broken_section, "moon": broken_figure, "plain": plain_section}
    report = report_from_data(data, sections=sections)
    sentences = [sentence for _, sentence in report.warnings]
    assert "The section 'moon phase' is left out: the phase of the moon is not in the file." in sentences
    assert any("'moon' could not be drawn: unexpected ZeroDivisionError" in one for one in sentences)
    assert list(report.drawn) == ["plain_line"]
    StrictPage.of(page_from_report(report))


@pytest.mark.parametrize(
    ("section", "kind"), [(broken_section, ValueError), (broken_figure, ZeroDivisionError)]
)
def test_a_failure_is_raised_where_somebody_wants_to_see_it(data, section, kind):
    with pytest.raises(kind):
        report_from_data(data, sections={"one": section}, strict=True)


def test_a_report_can_be_cancelled(data):
    def progress(fraction, text):
        raise Cancelled

    with pytest.raises(Cancelled):
        report_from_data(data, sections={"plain": plain_section}, progress=progress)


def test_two_parts_of_one_name_are_refused(data):
    with pytest.raises(ValueError, match="are called 'plain'"):
        report_from_data(data, sections={"one": plain_section, "two": plain_section})


@pytest.mark.parametrize("name", ["", "Fig 1", "a__b", "../a", "a/b", "é"])
def test_names_that_are_no_file_names_are_refused(name):
    with pytest.raises(ValueError, match="cannot name a part"):
        ReportFigure(name, "", lambda figure: None)


def test_a_row_of_another_length_is_refused():
    with pytest.raises(ValueError, match="2 columns and a row of 1"):
        Table("t", "", [Column("a"), Column("b")], [["x"]])


def test_a_csv_keeps_every_digit():
    value = 1.2345678901234567e-13
    assert float(Table("t", "", [Column("D", "m²/s")], [[value]]).csv().splitlines()[1]) == value


# Writing.


def everything_in(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }


def test_a_folder_holds_what_the_report_says(report, tmp_path):
    write_report(report, tmp_path / "R")
    assert everything_in(tmp_path / "R") == files_of_report(report)
    assert [path.name for path in tmp_path.iterdir()] == ["R"]


def test_a_folder_that_exists_is_left_alone_unless_it_may_be_replaced(report, tmp_path):
    write_report(report, tmp_path / "R")
    before = everything_in(tmp_path / "R")
    other = replace_title(report, "Another")
    with pytest.raises(FileExistsError, match="exists already"):
        write_report(other, tmp_path / "R")
    assert everything_in(tmp_path / "R") == before
    write_report(other, tmp_path / "R", overwrite=True)
    assert b"Another" in (tmp_path / "R" / "report.html").read_bytes()
    assert [path.name for path in tmp_path.iterdir()] == ["R"]


def replace_title(report, title):
    from copy import copy

    other = copy(report)
    other.title = title
    return other


def test_files_that_no_report_wrote_are_never_lost(report, tmp_path):
    write_report(report, tmp_path / "R")
    (tmp_path / "R" / "figures" / "mine.txt").write_text("hours of work")
    with pytest.raises(FileExistsError, match=r"figures/mine\.txt"):
        write_report(report, tmp_path / "R", overwrite=True)
    assert (tmp_path / "R" / "figures" / "mine.txt").read_text() == "hours of work"


def test_a_folder_of_something_else_is_never_replaced(report, tmp_path):
    folder = tmp_path / "R"
    folder.mkdir()
    (folder / "numbers.json").write_text('{"files": ["numbers.json"]}')
    with pytest.raises(FileExistsError, match="no part of a report"):
        write_report(report, folder, overwrite=True)


def test_nothing_is_left_where_writing_fails(report, tmp_path, monkeypatch):
    write_report(report, tmp_path / "R")
    before = everything_in(tmp_path / "R")

    def failing(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("napari_tesm.files.folders.swapped", failing)
    with pytest.raises(OSError, match="nothing was written"):
        write_report(replace_title(report, "Another"), tmp_path / "R", overwrite=True)
    monkeypatch.undo()
    assert everything_in(tmp_path / "R") == before
    assert [path.name for path in tmp_path.iterdir()] == ["R"]


# From files, and by the command line.


@pytest.fixture(scope="module")
def scan_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("scan") / "scan.gwy"
    save(path, simulation().dataset)
    return path


@pytest.mark.slow
def test_the_command_makes_the_same_bytes_twice_and_says_where(tmp_path, capsys):
    one_pulse = tmp_path / "one.gwy"  # every figure of it is drawn twice
    save(one_pulse, simulation().dataset.isel(pulse=[1]).drop_vars(["topography", "deflection_error"]))
    words = ["report", str(one_pulse), "--tip-radius", "25nm±2nm", "--title", "Two runs", "--debug"]
    assert main([*words, "-o", str(tmp_path / "A"), "--jobs", "1"]) == 0
    out = capsys.readouterr().out
    assert "Written: " in out
    assert main([*words, "-o", str(tmp_path / "B"), "--jobs", "2", "--quiet"]) == 0
    assert capsys.readouterr().out == ""
    first = everything_in(tmp_path / "A")
    assert first == everything_in(tmp_path / "B")
    page = StrictPage.of(first["report.html"].decode())
    assert page.count("img") == sum(name.endswith(".png") for name in first)
    assert len(first["report.html"]) < 10_000_000
    assert str(one_pulse.parent).encode() not in b"".join(first.values())
    figures = {name: content for name, content in first.items() if name.endswith(".svg")}
    assert figures
    for content in figures.values():
        assert not re.search(rb"20\d\d-\d\d-\d\dT", content)
        links = [
            v
            for one in ElementTree.fromstring(content).iter()
            for k, v in one.attrib.items()
            if k.endswith("href")
        ]
        assert all(link.startswith(("#", "data:")) for link in links)


def test_mistakes_are_said_before_anything_is_fitted(scan_file, tmp_path, capsys):
    assert main(["report", str(scan_file), "-o", str(tmp_path / "A"), "--labels", "a", "b"]) == 2
    assert "give one for each" in capsys.readouterr().err
    (tmp_path / "A").mkdir()
    assert main(["report", str(scan_file), "-o", str(tmp_path / "A")]) == 1
    assert "exists already" in capsys.readouterr().err
    assert main(["report", str(scan_file), "-o", str(tmp_path / "nowhere" / "A")]) == 1
    assert "does not exist" in capsys.readouterr().err
    assert main(["report", str(tmp_path / "none.gwy"), "-o", str(tmp_path / "B")]) == 1
    assert not (tmp_path / "B").exists()
    copied = tmp_path / "A" / "scan.gwy"
    shutil.copy(scan_file, copied)
    assert main(["report", str(copied), "-o", str(tmp_path / "A"), "--overwrite"]) == 1
    assert copied.exists()


@pytest.mark.slow
def test_maps_without_traces_are_taken_as_they_are(scan_file, tmp_path):
    fitted, bare = tmp_path / "fitted.gwy", tmp_path / "R"
    words = ["fit", str(scan_file), "-o", str(fitted), "--tip-radius", "25nm", "--maps-only", "--quiet"]
    assert main(words) == 0
    assert main(["report", str(fitted), "-o", str(bare), "--quiet", "--debug"]) == 0
    numbers = json.loads((bare / "numbers.json").read_text())
    assert any("those of an earlier fit" in one for one in numbers["missing"])
    assert any("no traces" in one for one in numbers["missing"])
    kept = numbers["sections"]["diffusion"]["kept"]["window 2"]["ok"]
    assert kept == numbers["sections"]["summary"]["pulses"][1]["tau2"]["n_ok"]


def test_the_recipe_of_an_earlier_fit_is_taken_up(scan_file, tmp_path):
    fitted = tmp_path / "fitted.gwy"
    assert (
        main(
            [
                "fit",
                str(scan_file),
                "-o",
                str(fitted),
                "--tip-radius",
                "30nm",
                "--threshold",
                "20%",
                "--quiet",
            ]
        )
        == 0
    )
    data = report_data_from_files([fitted])
    assert data.recipe.tip_radius == 30e-9
    assert data.recipe.threshold == 0.2
    assert data.scans[0].maps.attrs["tip_radius"] == 30e-9


def test_a_file_that_cannot_be_fitted_is_a_note_beside_one_that_can(scan_file, tmp_path):
    images = tmp_path / "images.gwy"
    save(images, None, channels=[simulation().dataset["topography"]])
    data = report_data_from_files([images, scan_file], labels=["bare", "full"])
    assert data.scans[0].maps is None
    assert data.main.name == "full"
    assert any(note.startswith("bare: there are neither traces nor maps") for note in data.notes)
    summary = section_functions()["summary"](data)
    assert [entry["scan"] for entry in summary.numbers["pulses"]] == ["full", "full"]


def test_regions_and_points_of_the_file_are_taken_and_not_replaced(tmp_path):
    from napari_tesm.regions.shapes import PinnedPoint, Region

    path = tmp_path / "marked.gwy"
    top, left = CORNER
    corners = np.array([(20, 20), (80, 20), (80, 80), (20, 80)]) * 1e-9 + (left, top)
    region = Region.from_xy("rectangle", corners, name="mine", region_class="grain")
    save(path, simulation().dataset, regions=[region], points=[PinnedPoint(1, left + 50e-9, top + 50e-9)])
    scan = report_data_from_files([path]).main
    assert [one.name for one in scan.regions] == ["mine"]
    assert len(scan.points) == 1
    assert not scan.regions_proposed
    assert not scan.points_chosen


def test_labels_that_begin_with_a_minus_are_understood(scan_file, tmp_path, monkeypatch):
    summary = section_functions()["summary"]
    monkeypatch.setattr("napari_tesm.report.assembling.section_functions", lambda: {"summary": summary})
    words = ["report", str(scan_file), str(scan_file), "-o", str(tmp_path / "R"), "--quiet"]
    assert main([*words, "--labels", "-3V", "--labels", "-5V"]) == 0
    numbers = json.loads((tmp_path / "R" / "numbers.json").read_text())
    assert [entry["scan"] for entry in numbers["sections"]["summary"]["pulses"]] == [
        "-3V",
        "-3V",
        "-5V",
        "-5V",
    ]


def test_a_tip_radius_without_an_error_is_warned_of():
    recipe = replace(RECIPE, tip_radius_error=None)
    report = report_from_data(example_data(example_scan(recipe)), sections={}, strict=True)
    assert any("25 nm, has no error" in sentence for _, sentence in report.warnings)


def test_methods_and_warnings_name_the_length_that_d_was_made_with():
    recipe = replace(RECIPE, contact_radius=5e-9, contact_radius_error=1e-9)
    data = example_data(example_scan(recipe))
    text = " ".join(methods_from_data(data))
    assert "the length l being the contact radius, 5 nm (standard error 1 nm)" in text
    assert "The tip radius, 25 nm, has no part in it." in text
    (shared,) = [sentence for sentence in warnings_about(data) if "shares the error" in sentence]
    assert "contact radius, 5 nm ± 1 nm" in shared
    (alone,) = [
        sentence
        for sentence in warnings_about(example_data(example_scan(replace(recipe, contact_radius_error=None))))
        if "has no error" in sentence
    ]
    assert alone.startswith("The contact radius, 5 nm,")
