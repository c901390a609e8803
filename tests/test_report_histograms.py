"""The section of histograms: numbers of every pulse setting, figures, and what is said where something is missing."""

from dataclasses import replace

import numpy as np
import pytest
from examples import quartiles_with_limits
from report_examples import RECIPE, example_data, example_scan, fitted

from napari_tesm.model_choice.histograms import histogram_comparison
from napari_tesm.model_choice.null_curve import SOURCES
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
        wanted = quartiles_with_limits(maps["D1"].values[pulse], maps["status1"].values[pulse])[1]
        assert entry["windows"]["D1"]["median"] == pytest.approx(wanted, rel=1e-12, abs=0)
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


def test_quartiles_and_intervals_of_the_tables_are_those_of_the_pixels(section):
    _, maps = fitted()
    modes, ratios = (
        [dict(zip(table.keys, row, strict=True)) for row in table.rows] for table in section.tables
    )
    values = {(pulse, name): maps[name].values[pulse] for pulse in (0, 1) for name in ("D1", "D2")}
    for row, ((pulse, name), sample) in zip(modes, values.items(), strict=True):
        found = [row[title] for title in ("quartile 1", "median", "quartile 3")]
        wanted = quartiles_with_limits(sample, maps[f"status{name[-1]}"].values[pulse])
        assert found == pytest.approx(wanted, rel=1e-12, abs=0)
        assert row["pixels"] == np.isfinite(sample).sum()
    for pulse, row in enumerate(ratios):
        pixels = values[pulse, "D2"] / values[pulse, "D1"]
        assert row["pixels"] == np.isfinite(pixels).sum()
        low, high = np.nanpercentile(pixels, [25, 75])
        assert (row["quartile 1"], row["quartile 3"]) == pytest.approx((low, high), rel=1e-3)
        # The interval of a median of hundreds of pixels is far narrower than their quartiles.
        assert low < row["from"] < row["median"] < row["to"] < high
        assert row["to"] - row["from"] < (high - low) / 2


def test_the_bands_in_the_table_run_from_the_smaller_ratio_to_the_larger():
    """Pixels with D1 of a flux into pure diffusion have a band: the ratios of all true D that would show them."""
    scan = example_scan()
    scan.maps = scan.maps.copy(deep=True)
    scan.maps["D2"].values[:] = 1.1 * scan.maps["D1"].values
    (_, table) = histograms.section_from_data(example_data(scan, chosen=False)).tables
    dataset, _ = fitted()
    known = 0
    for pulse, row in enumerate(table.rows):
        bands = histogram_comparison(scan.maps, dataset, pulse=pulse).alike.ratios
        shown = dict(zip(table.keys, row, strict=True))
        for source, words in SOURCES.items():
            ends = shown[f"{words}, from"], shown[f"{words}, to"]
            assert ends == bands.get(source, (None, None))
            if source in bands:
                assert ends[0] < ends[1]
                known += 1
    assert known >= 2


def test_both_figures_are_drawn_and_say_what_is_counted(section):
    for figure in section.figures:
        assert drawn_figure(figure).files["png"].startswith(b"\x89PNG")
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
    assert drawn_figure(section.figures[0]).files["png"]


def test_a_joint_kernel_has_one_histogram_and_no_ratio():
    section = histograms.section_from_data(example_data(example_scan(replace(RECIPE, kernel="flux-pulse"))))
    assert len(section.tables) == 1
    assert section.numbers["settings"][0]["ratio"] is None
    assert drawn_figure(section.figures[0]).files["png"]


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
