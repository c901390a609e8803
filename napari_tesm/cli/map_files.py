"""The files a command writes its maps to: .gwy, summary, pixels, figure, recipe; all of them or none."""

import argparse
import csv
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TextIO

import numpy as np
import xarray as xr
from gwyfile.objects import GwyContainer

from napari_tesm.cli.outputs import outputs_of, print_outcome
from napari_tesm.cli.recipes import origins_from_options
from napari_tesm.cli.spelling import spelled
from napari_tesm.data.maps import DERIVED, MAP_KINDS
from napari_tesm.evaluation.evaluation import Evaluation
from napari_tesm.evaluation.recipe import digest_of_maps
from napari_tesm.files.checksum import sha256_of_file
from napari_tesm.files.texts import printable
from napari_tesm.findings.summary import lines_from_summary, summary_from_maps
from napari_tesm.io.gwy.map_graphs import add_map_graphs
from napari_tesm.recording import REPORT
from napari_tesm.scan import Scan, container_from_scan


def write_maps(
    options: argparse.Namespace,
    scan: Scan,
    evaluation: Evaluation,
    make_maps: Callable[[], xr.Dataset],
    draw: Callable[[xr.Dataset], Any],
    *,
    with_sha256: bool = True,
) -> None:
    """Make maps and write every file that the options ask for, then say what came out.

    Parameters
    ----------
    scan : Scan
        Gets the maps.
    make_maps : callable
        Called when all files are open: what cannot be written is said before an hour of fitting, not after.
    draw : callable
        Gives the figure of the maps.
    with_sha256 : bool
        Take the input's SHA-256, for which all of it has to be read.
    """
    with outputs_of(options) as outputs:
        scan.maps = maps = make_maps()
        sha256 = sha256_of_file(options.file) if with_sha256 else ""
        container = carried_over(options, scan, sha256)
        if getattr(options, "graphs", False) and scan.dataset is not None:
            add_map_graphs(container, scan.dataset, maps, scan.points)
        outputs.write_container(lambda: container)
        origins = origins_from_options(options, evaluation.asked)
        summary = summary_from_maps(maps, name=Path(options.file).name, sha256=sha256, origins=origins)
        outputs.write_json(summary, escaped=False)
        if "csv" in outputs.files:
            _write_pixels(outputs.files["csv"], maps)
        outputs.write_figure(lambda: draw(maps))
        outputs.write_json(evaluation.recipe.to_dict(), "save_recipe", escaped=False)
    notes = [f"Note: {sentence}" for sentence in evaluation.contradictions()]
    lines = [*_import_lines(scan), *notes, *lines_from_summary(summary, maps)]
    print_outcome(options, summary, map(spelled, lines))


def _import_lines(scan: Scan) -> list[str]:
    """Return what was said about opening the file: where the pulses of a recording went, and what was odd.

    What a .gwy file holds was said when it was imported.
    """
    report = ""
    if scan.dataset is not None and scan.container is None:
        report = str(scan.dataset.attrs.get(REPORT, ""))
    return [printable(line) for line in (*report.splitlines(), *(f"Note: {note}" for note in scan.notes))]


def carried_over(options: argparse.Namespace, scan: Scan, sha256: str) -> GwyContainer:
    """Return a scan as it is written: what its file holds as it stands there, and what was made of it."""
    return container_from_scan(
        scan,
        maps_only=options.maps_only,
        with_entered=False,
        kept=("regions", "points", "grains"),
        sha256=sha256,
    )


def _write_pixels(file: TextIO, maps: xr.Dataset) -> None:
    names = [name for name in MAP_KINDS if name in maps.data_vars and name not in DERIVED]
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(["pulse", "voltage", "direction", "row", "column", "x", "y", *names, "recipe"])
    recipe = digest_of_maps(maps)
    for pulse in range(maps.sizes["pulse"]):
        here = maps.isel(pulse=pulse)
        voltage = _cell(float(here["voltage"]))
        direction = str(here["direction"].values)
        for row in range(maps.sizes["y"]):
            columns = [here[name].values[row].tolist() for name in names]
            pixels = _pixel_rows(here, columns, [pulse + 1, voltage, direction, row], row)
            writer.writerows([*pixel, recipe] for pixel in pixels)


def _pixel_rows(here: xr.Dataset, columns: list[list[Any]], head: list[Any], row: int) -> Iterator[list[Any]]:
    y = float(here["y"].values[row])
    for column, (x, *values) in enumerate(zip(here["x"].values.tolist(), *columns, strict=True)):
        yield [*head, column, x, y, *map(_cell, values)]


def _cell(value: float) -> float | str:
    return "" if isinstance(value, float) and np.isnan(value) else value
