"""``tesm fit``: file → maps → file."""

import argparse
import csv
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

import numpy as np
import xarray as xr

from napari_tesm.cli.entry import UsageError
from napari_tesm.cli.progress import progress_for
from napari_tesm.cli.terminal import printable
from napari_tesm.interface import recipe_from_values, sha256_of_file
from napari_tesm.io.atomic import AtomicOutputs, refuse_same_file
from napari_tesm.io.gwy.reading import read_container
from napari_tesm.io.gwy.results import recipe_text
from napari_tesm.io.gwy.saving import check_output_size, container_for_output
from napari_tesm.io.gwy.writing import write_container_to
from napari_tesm.io.registry import open_dataset
from napari_tesm.maps import DERIVED, MAP_KINDS
from napari_tesm.pipeline import prepared_dataset, run, settings_from_recipe
from napari_tesm.recipe import Recipe
from napari_tesm.summary import lines_from_summary, summary_from_maps

_RECIPE_OPTIONS = (
    "tip_radius", "voltage", "pulse_start", "pulse_duration", "time_unit", "lateral_unit",
    "window1", "window2", "kernel", "geometry", "threshold", "threshold_of", "skip_after_edge",
)  # fmt: skip
_MOST_JOBS = 8
_LARGEST_RECIPE = 1 << 20


def run_command(options: argparse.Namespace) -> int:
    """Fit a file as the options say; see ``tesm fit --help``."""
    jobs = _jobs(options.jobs)
    recipe = _recipe(options)
    outputs_asked = _outputs(options)
    for path in outputs_asked:
        try:
            refuse_same_file(path, options.file, *([options.recipe] if options.recipe else []))
        except ValueError as error:
            raise UsageError(str(error)) from None
    dataset = open_dataset(
        options.file,
        traces=recipe.traces,
        time_unit=recipe.time_unit,
        lateral_unit=recipe.lateral_unit,
    )
    settings_from_recipe(prepared_dataset(dataset, recipe), recipe)
    check_output_size(dataset, maps_only=options.maps_only)
    with AtomicOutputs(overwrite=options.overwrite) as outputs:
        # Opened before the fit: what cannot be written is said now and not after an hour.
        gwy = outputs.open(options.output)
        summary_file = outputs.open_text(options.json) if options.json else None
        pixels_file = outputs.open_text(options.csv) if options.csv else None
        figure_file = outputs.open(options.figure) if options.figure else None
        recipe_file = outputs.open_text(options.save_recipe) if options.save_recipe else None

        maps = run(dataset, recipe, jobs=jobs, progress=progress_for(options.progress))
        sha256 = sha256_of_file(options.file)
        container = container_for_output(dataset, maps, maps_only=options.maps_only, sha256=sha256)
        write_container_to(gwy, container)
        summary = summary_from_maps(maps, name=Path(options.file).name, sha256=sha256)
        if summary_file is not None:
            json.dump(summary, summary_file, indent=2, ensure_ascii=False)
            summary_file.write("\n")
        if pixels_file is not None:
            _write_pixels(pixels_file, maps)
        if figure_file is not None:
            from napari_tesm.plotting.overview import overview_figure

            overview_figure(dataset, maps).savefig(figure_file, format="png", metadata={"Software": None})
        if recipe_file is not None:
            json.dump(recipe.to_dict(), recipe_file, indent=2, ensure_ascii=False)
            recipe_file.write("\n")
    if not options.quiet:
        for line in lines_from_summary(summary, maps):
            print(line)
        print(f"Written: {', '.join(printable(path) for path in outputs_asked)}")
    return 0


def _outputs(options: argparse.Namespace) -> list[str]:
    asked = [options.output, options.json, options.csv, options.figure, options.save_recipe]
    paths = [path for path in asked if path]
    targets = [Path(path).resolve() for path in paths]
    for index, path in enumerate(paths):
        if targets[index] in targets[:index]:
            raise UsageError(f"{path} is asked for twice: give each output a name of its own")
    return paths


def _jobs(text: str | None) -> int:
    if text is None:
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        return min(cores, _MOST_JOBS)
    if not text.isdecimal() or not 1 <= int(text) <= 256:
        raise UsageError(f"--jobs takes a number of threads from 1 to 256, not '{text}'")
    return int(text)


def _recipe(options: argparse.Namespace) -> Recipe:
    base = _recipe_from_file(options.recipe) if options.recipe else None
    values: dict[str, Any] = {name: getattr(options, name) for name in _RECIPE_OPTIONS}
    if options.traces:
        values["traces"] = tuple(options.traces)
    try:
        return recipe_from_values(
            base, **{name: value for name, value in values.items() if value is not None}
        )
    except ValueError as error:
        raise UsageError(str(error)) from None


def _recipe_from_file(name: str) -> Recipe:
    """Return the recipe of a JSON file or of an earlier output, told apart by content."""
    path = Path(name)
    if path.is_dir():
        raise IsADirectoryError(f"{name} is a folder, not a recipe")
    with path.open("rb") as file:
        start = file.read(_LARGEST_RECIPE + 1)
    if start[:4] in (b"GWYP", b"GWYO"):
        text = recipe_text(read_container(path))
        if text is None:
            raise ValueError(f"{name} holds no recipe: it is no output of tesm fit")
    elif len(start) > _LARGEST_RECIPE:
        raise ValueError(f"{name} is no recipe: it is larger than 1 MB")
    else:
        try:
            text = start.decode("utf-8-sig")
        except UnicodeDecodeError:
            raise ValueError(f"{name} is neither a recipe in JSON nor an earlier output") from None
    try:
        return Recipe.from_json(text)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None


def _write_pixels(file: TextIO, maps: xr.Dataset) -> None:
    names = [name for name in MAP_KINDS if name in maps.data_vars and name not in DERIVED]
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(["pulse", "voltage", "direction", "row", "column", "x", "y", *names])
    for pulse in range(maps.sizes["pulse"]):
        here = maps.isel(pulse=pulse)
        voltage = _cell(float(here["voltage"]))
        direction = str(here["direction"].values)
        for row in range(maps.sizes["y"]):
            columns = [here[name].values[row].tolist() for name in names]
            writer.writerows(_pixel_rows(here, columns, [pulse + 1, voltage, direction, row], row))


def _pixel_rows(here: xr.Dataset, columns: list[list[Any]], head: list[Any], row: int) -> Iterator[list[Any]]:
    y = float(here["y"].values[row])
    for column, (x, *values) in enumerate(zip(here["x"].values.tolist(), *columns, strict=True)):
        yield [*head, column, x, y, *map(_cell, values)]


def _cell(value: float) -> float | str:
    return "" if isinstance(value, float) and np.isnan(value) else value
