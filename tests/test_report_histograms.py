"""The section of histograms: numbers of every pulse setting, figures, and what is said where something is missing."""

from dataclasses import replace

import numpy as np
import pytest
from report_examples import RECIPE, example_data, example_scan, fitted

from napari_tesm.model_choice.histograms import histogram_comparison
from napari_tesm.report.assembling import drawn_figure
from napari_tesm.report.sections import histograms


@pytest.fixture(scope="module")
def section():
    return histograms.section_from_data(example_data())


def test_every_pulse_setting_has_its_numbers(section):
    dataset, maps = fitted()
    entries = section.numbers["settings"]
    assert [entry["label"] for entry in entries] == ["(+3 V)", "(-3 V)"]
    for pulse, entry in enumerate(entries):
        expected = histogram_comparison(maps, dataset, pulse=pulse)
        assert entry["windows"]["D1"]["median"] == np.nanmedian(maps["D1"].values[pulse])
        assert entry["ratio"]["median"] == expected.ratio.median
        assert entry["null"]["verdict"] == expected.verdict()
    # What was simulated: two exponentials, D2 twice D1.
    assert entries[1]["ratio"]["median"] == pytest.approx(2.0, rel=0.05)
    assert "does not explain" in entries[1]["null"]["verdict"]
    assert section.warnings == []


def test_the_tables_repeat_the_numbers(section):
    modes, ratios = section.tables
    assert [row[2] for row in modes.rows] == ["D1", "D2", "D1", "D2"]
    columns = [column.title for column in modes.heads]
    for row in modes.rows:
        named = dict(zip(columns, row, strict=True))
        assert named["from (log)"] <= named["mode (log)"] <= named["to (log)"]
        assert named["independent"] <= named["pixels"]
    assert [row[4] for row in ratios.rows] == [
        entry["ratio"]["median"] for entry in section.numbers["settings"]
    ]


def test_both_figures_are_drawn_and_say_what_is_counted(section):
    for figure in section.figures:
        assert drawn_figure(figure).png.startswith(b"\x89PNG")
        assert "Freedman and Diaconis" in figure.caption
        assert "n = " in figure.caption
    assert section.title == "Histograms of D1 and D2 (-3 V)"


def test_without_a_tip_radius_tau_takes_the_place_of_d():
    scan = example_scan()
    scan.maps = scan.maps.drop_vars(["D1", "D2", "D1_stderr", "D2_stderr"])
    section = histograms.section_from_data(example_data(scan, chosen=False))
    assert "tip radius" in section.missing[0]
    assert "tau1" in section.title
    assert any("No comparison with pure diffusion" in line for line in section.paragraphs)
    assert drawn_figure(section.figures[0]).png


def test_a_joint_kernel_has_one_histogram_and_no_ratio():
    section = histograms.section_from_data(example_data(example_scan(replace(RECIPE, kernel="flux-pulse"))))
    assert len(section.tables) == 1
    assert section.numbers["settings"][0]["ratio"] is None
    assert drawn_figure(section.figures[0]).png


def test_without_an_accepted_pixel_there_is_nothing_to_count():
    scan = example_scan()
    scan.maps = scan.maps.copy(deep=True)
    for name in ("D1", "D2", "tau1", "tau2"):
        scan.maps[name].values[:] = np.nan
    section = histograms.section_from_data(example_data(scan, chosen=False))
    assert "nothing to count" in section.missing[0]
    assert not section.figures


def test_a_ratio_that_diffusion_shows_too_is_warned_of():
    scan = example_scan()
    scan.maps = scan.maps.copy(deep=True)
    # As the flux of one D would show: at these D1 the ratio is 1.1.
    scan.maps["D2"].values[:] = 1.1 * scan.maps["D1"].values
    section = histograms.section_from_data(example_data(scan, chosen=False))
    assert len(section.warnings) == 2
    assert "no more than pure diffusion" in section.warnings[0]
