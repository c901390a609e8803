"""The sections of a report, each in a file of its own with a function ``section_from_data(data) -> Section | None``."""

from collections.abc import Callable
from importlib import import_module
from typing import Final

from napari_tesm.report.data import ReportData
from napari_tesm.report.section import Section

SectionFromData = Callable[[ReportData], Section | None]

SECTIONS: Final = (
    "summary",
    "trace",
    "displacement",
    "similarity",
    "points",
    "diffusion",
    "lateral",
    "parity",
    "noise",
    "kernels",
    "histograms",
    "series",
    "regions",
    "grains",
    "controls",
    "signal",
    "fit_examples",
    "cycling",
)  # fmt: skip
"""Subjects in the order of the page, one on a line."""


def section_functions() -> dict[str, SectionFromData]:
    """Return the function of each section by its subject, in the order of the page."""
    home = "napari_tesm.report.sections"
    return {name: import_module(f"{home}.{name}").section_from_data for name in SECTIONS}
