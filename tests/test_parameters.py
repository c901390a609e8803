"""Every parameter of a result has a value and an origin: option, recipe, file or default."""

import json
from dataclasses import fields

import pytest
from report_examples import StrictPage, example_data, example_scan

from napari_tesm.cli.entry import main
from napari_tesm.evaluation.recipe import Recipe
from napari_tesm.findings.parameters import ORIGINS
from napari_tesm.report.assembling import report_from_data
from napari_tesm.report.html import page_from_report
from napari_tesm.report.writing import numbers_of_report


@pytest.fixture(scope="module")
def scan_file(tmp_path_factory):
    """A scan of 12 by 8 pixels whose file says when the pulse was on, its voltages, and the lock-in's filter."""
    path = tmp_path_factory.mktemp("parameters") / "scan.gwy"
    assert main(["simulate", "-o", str(path), "--size", "12x8", "--samples", "60", "--progress", "none"]) == 0
    return path


def parameters(scan_file, tmp_path, *options):
    summary = tmp_path / "summary.json"
    line = ["fit", str(scan_file), "-o", str(tmp_path / "out.gwy"), "--json", str(summary), "--overwrite"]
    assert main([*line, "--quiet", "--progress", "none", "--jobs", "1", *options]) == 0
    return json.loads(summary.read_text(encoding="utf-8"))["parameters"]


def test_what_the_file_says_stands_in_the_summary_as_the_files(scan_file, tmp_path):
    made = parameters(scan_file, tmp_path)
    assert {entry.name for entry in fields(Recipe)} <= set(made)
    assert {each["origin"] for each in made.values()} <= set(ORIGINS)
    # The preset's pulse of 10 ms, and its relaxation to the end of the record.
    assert made["pulse_duration"] == {"value": pytest.approx(0.01), "origin": "file"}
    assert made["window1"] == {"value": pytest.approx([0.0, 0.01]), "origin": "file"}
    assert made["window2"]["value"][0] == pytest.approx(0.01)
    assert made["voltage"] == {"value": [3.0, -3.0], "origin": "file"}
    assert made["threshold"] == {"value": 0.15, "origin": "default"}
    assert made["kernel"] == {"value": "exponential", "origin": "default"}
    assert made["tau_bounds"] == {"value": None, "origin": "default"}


def test_options_and_recipes_are_told_apart(scan_file, tmp_path):
    recipe = tmp_path / "recipe.json"
    entries = {"version": 1, "threshold": 0.2, "contact_radius": 6e-9, "noise": "white"}
    recipe.write_text(json.dumps(entries), encoding="utf-8")
    options = (
        "--recipe",
        str(recipe),
        "--tip-radius",
        "30nm±3nm",
        "--window2",
        "10ms:20ms",
        "--noise",
        "white",
    )
    made = parameters(scan_file, tmp_path, *options)
    assert made["threshold"] == {"value": 0.2, "origin": "recipe"}
    assert made["contact_radius"] == {"value": 6e-9, "origin": "recipe"}
    assert made["noise"] == {"value": "white", "origin": "option"}
    assert made["tip_radius"] == {"value": pytest.approx(30e-9), "origin": "option"}
    assert made["tip_radius_error"] == {"value": pytest.approx(3e-9), "origin": "option"}
    assert made["window2"] == {"value": pytest.approx([0.01, 0.02]), "origin": "option"}
    assert made["window1"]["origin"] == "file"
    assert made["response_level"]["origin"] == "default"


def test_an_option_that_says_the_default_is_an_option(scan_file, tmp_path):
    made = parameters(scan_file, tmp_path, "--threshold", "15%", "--pulse-duration", "8ms")
    assert made["threshold"] == {"value": 0.15, "origin": "option"}
    assert made["pulse_duration"] == {"value": pytest.approx(0.008), "origin": "option"}
    assert made["window1"] == {"value": pytest.approx([0.0, 0.008]), "origin": "option"}


def test_a_report_prints_them_and_keeps_them_in_its_numbers():
    data = example_data(example_scan(), origins={"tip_radius": "option"})
    report = report_from_data(data, sections={}, strict=True)
    kept = numbers_of_report(report)["parameters"]["scan"]
    assert kept["tip_radius"] == {"value": 25e-9, "origin": "option"}
    assert kept["pulse_duration"] == {"value": pytest.approx(0.01), "origin": "file"}
    page = StrictPage.of(page_from_report(report))
    # Nothing that a printer leaves folded away.
    assert page.count("details") == 0
    assert "tip_radius 2.5e-08 option" in page.text
    assert "threshold 0.15 default" in page.text
