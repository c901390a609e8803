"""Pages of the documentation for the window: they travel with the package, so that they are there without a network."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

PACKAGE: Final = Path(__file__).parents[1]
PAGES: Final = {
    "Scans": "napari.md#several-scans",
    "Fit": "computed.md",
    "Regions": "napari.md#drawings-and-classes",
    "Profile": "napari.md#plots",
    "Histogram": "null_curve.md#for-a-map-d1-and-d2-fig-8",
    "Compare": "instrument.md",
    "Grains": "grains.md",
    "Series": "napari.md#a-voltage-series",
    "Lock-in phase": "napari.md#more",
    "Controls": "napari.md#more",
    "Cycling": "napari.md#more",
    "Pure diffusion": "null_curve.md",
    "Keys": "napari.md#keys",
    "Electrode volume": "volumes.md",
}
"""Of each tab the page, and the heading on it, that explains what it shows."""


def folder_of_pages() -> Path | None:
    """Return where the pages are: in the installed package, or in the clone that it runs from; None where nowhere."""
    places = (PACKAGE / "docs", PACKAGE.parent / "docs")
    return next((folder for folder in places if (folder / "napari.md").is_file()), None)


def page_text(path: Path) -> str:
    """Return a page as Markdown that Qt shows: without what is for the site alone."""
    text = path.read_text("utf-8")
    text = re.sub(r"\A---\n.*?\n---\n", "", text, flags=re.DOTALL)
    return re.sub(r"^```\{[^}]*\}.*?^```\n", "", text, flags=re.DOTALL | re.MULTILINE)


def anchor_of(heading: str) -> str:
    """Return the anchor of a heading, as links spell it.

    Examples
    --------
    >>> anchor_of("Which length: tip radius or contact radius")
    'which-length-tip-radius-or-contact-radius'
    """
    return re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-")
