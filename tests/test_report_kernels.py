"""The report's section on which kernel the traces support."""

from dataclasses import replace

import numpy as np
import pytest
from test_kernel_choice import dataset_of, traces_of, two_halves

from napari_tesm import fit
from napari_tesm.evaluation.recipe import Recipe
from napari_tesm.report.assembling import drawn_figure
from napari_tesm.report.data import InputFile, ReportData, ReportScan
from napari_tesm.report.sections.kernels import section_from_data


def data_of(dataset):
    file = InputFile("scan.gwy", "ab" * 32)
    return ReportData([ReportScan("scan", dataset, file=file, maps=fit(dataset), recipe=Recipe())])


def test_the_kernel_of_the_maps_is_held_against_what_the_traces_support():
    data = data_of(dataset_of(traces_of("flux-pulse", 4e-13, noise=0.02)))
    section = section_from_data(data)
    assert section.numbers["recommended"] == "flux-pulse"
    assert section.numbers["n_judged"] == 48
    assert section.paragraphs[0].startswith("The data support 'flux-pulse'")
    (warning,) = section.warnings
    assert "D was taken with the kernel 'exponential', and the traces support 'flux-pulse'" in warning
    (table,) = section.tables
    assert table.rows[0][0] == "flux-pulse"
    assert sum(row[2] for row in table.rows) == pytest.approx(100)
    assert drawn_figure(section.figures[0]).files["png"].startswith(b"\x89PNG")
    main = data.main
    agreed = replace(main, recipe=replace(main.recipe, kernel="flux-pulse"))
    assert section_from_data(replace(data, scans=[agreed])).warnings == []


def test_a_map_of_two_kinds_is_warned_of():
    (warning,) = section_from_data(data_of(two_halves())).warnings
    assert warning.startswith("Which kernel: ")


def test_large_maps_are_thinned_and_say_so(monkeypatch):
    monkeypatch.setattr("napari_tesm.report.sections.kernels._MOST_TRACES", 12)
    section = section_from_data(data_of(dataset_of(traces_of("clamped", 4e-13))))
    assert section.numbers["every"] == 2
    assert section.numbers["n_judged"] == 12
    assert "one pixel in 4 was asked" in section.paragraphs[1]


def test_without_traces_or_windows_to_compare_it_says_what_is_missing():
    data = data_of(dataset_of(traces_of("clamped", 4e-13, shape=(3, 4))))
    assert section_from_data(replace(data, scans=[replace(data.main, dataset=None)])) is None
    cut = replace(data.main, recipe=replace(data.main.recipe, window1="none"))
    section = section_from_data(replace(data, scans=[cut]))
    assert "Kernels cannot be compared" in section.missing[0]
    assert np.size(section.figures) == 0
