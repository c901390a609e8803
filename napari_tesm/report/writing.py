"""A report as a folder: page, figures, tables and numbers, written whole or not at all."""

import contextlib
import json
from collections.abc import Sequence
from functools import partial
from os import PathLike
from pathlib import Path, PurePosixPath
from typing import Any, Final

from napari_tesm.files.atomic import exists_already
from napari_tesm.files.folders import folder_output
from napari_tesm.files.leftovers import put_right
from napari_tesm.findings.parameters import parameters_as_entries
from napari_tesm.quantities.numbers import plain_value
from napari_tesm.report.assembling import Report
from napari_tesm.report.html import page_from_report

PAGE: Final = "report.html"
NUMBERS: Final = "numbers.json"
_MARK: Final = "t-ESM report"
"""What `numbers.json` says it belongs to, by which the folder of an earlier report is known."""

_WITHOUT_FIT: Final = (
    "cycling",
    "electrode_thickness",
    "electrode_attenuation",
    "electrode_bodies",
    "ion_counts",
)
"""Sections whose tables hold nothing that a recipe made."""


def check_folder(
    folder: str | PathLike[str], *, overwrite: bool = False, inputs: Sequence[str | PathLike[str]] = ()
) -> None:
    """See that a report may be written to a folder.

    Raises
    ------
    OSError
        If it exists, unless `overwrite`; if it holds what is no part of an earlier report, which would be lost; or if
        the folder it should lie in is not there.
    """
    target = Path(folder)
    put_right(target)
    parent = target.resolve().parent
    if not parent.is_dir():
        raise FileNotFoundError(f"{folder} cannot be written: the folder {parent} does not exist.")
    if not (target.exists() or target.is_symlink()):
        return
    if not target.is_dir():
        raise FileExistsError(f"{folder} is a file: a report is a folder, give it another name.")
    if not overwrite:
        raise exists_already(folder)
    here = target.resolve()
    for path in inputs:
        if Path(path).resolve().is_relative_to(here):
            raise FileExistsError(
                f"{folder} holds {path}, which the report is made from: give another folder."
            )
    strangers = _strangers(target)
    if strangers:
        raise FileExistsError(
            f"{folder} holds {strangers[0]}, which is no part of a report and would be lost: give another folder."
        )


def write_report(report: Report, folder: str | PathLike[str], *, overwrite: bool = False) -> None:
    """Write a report as a folder with ``report.html``, ``numbers.json``, ``figures/`` and ``tables/``.

    Raises
    ------
    OSError
        As `check_folder`, or if it cannot be written; the folder is then as it was.
    """
    with folder_output(folder, check=partial(check_folder, folder, overwrite=overwrite)) as unfinished:
        for name, content in files_of_report(report).items():
            path = unfinished / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)


def files_of_report(report: Report) -> dict[str, bytes]:
    """Return the content of every file of a report by its name in the folder; the same bytes for the same report."""
    contents = {PAGE: page_from_report(report).encode("utf-8")}
    for section in report.sections:
        for figure in section.figures:
            drawn = report.drawn[figure.name]
            contents |= {f"figures/{figure.name}.{ending}": made for ending, made in drawn.files.items()}
        for table in section.tables:
            made = table if section.slug in _WITHOUT_FIT else table.with_recipe(report.digest, report.digests)
            contents[f"tables/{table.name}.csv"] = made.csv().encode("utf-8")
    numbers = numbers_of_report(report) | {"files": sorted([*contents, NUMBERS])}
    text = json.dumps(numbers, indent=1, ensure_ascii=False, allow_nan=False)
    contents[NUMBERS] = f"{text}\n".encode("utf-8", "replace")
    return contents


def numbers_of_report(report: Report) -> dict[str, Any]:
    """Return all numbers of a report as JSON can hold them: SI, None where there is none."""
    plain: dict[str, Any] = plain_value(
        {
            "made_by": _MARK,
            "title": report.title,
            "versions": report.versions,
            "inputs": [
                {"role": file.role, "name": file.name, "sha256": file.sha256} for file in report.files
            ],
            "recipe": report.recipe,
            "parameters": {name: parameters_as_entries(each) for name, each in report.parameters.items()},
            "warnings": [sentence for _, sentence in report.warnings],
            "missing": [sentence for _, sentence in report.missing],
            "sections": {section.slug: section.numbers for section in report.sections},
        }
    )
    return plain


def _strangers(folder: Path) -> list[str]:
    """Return the files of a folder that no report wrote there."""
    here = sorted(
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if not path.is_dir() or path.is_symlink()
    )
    written: set[str] = set()
    with contextlib.suppress(OSError, ValueError, TypeError, AttributeError):
        numbers = json.loads((folder / NUMBERS).read_text(encoding="utf-8"))
        if numbers.get("made_by") == _MARK:
            written = {str(PurePosixPath(name)) for name in numbers["files"]}
    return [name for name in here if name not in written]
