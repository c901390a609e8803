"""From a file of any format to its scans, with what an earlier session left in it."""

from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import xarray as xr

from napari_tesm.evaluation.recipe import Recipe
from napari_tesm.gwy.reading import read_container
from napari_tesm.io.gwy.traces import UnknownTimeUnitError
from napari_tesm.io.mapping.entries import Mapping
from napari_tesm.io.registry import (
    OpenedFile,
    is_gwy,
    only_dataset,
    open_file,
    opened_from_container,
)
from napari_tesm.scan.restoring import recipe_from_container, restore_drawings, restore_results
from napari_tesm.scan.scan import Scan


def scans_from_file(
    path: str | PathLike[str],
    recipe: Recipe | None = None,
    *,
    mapping: Mapping | None = None,
    restored: bool = True,
) -> list[Scan]:
    """Return a scan for each group of traces in a file, or a single one without traces, whose `refusal` says why.

    Parameters
    ----------
    path : path-like
        Of any format that `napari_tesm.io` reads.
    recipe : Recipe, optional
        Says which traces to take, and the units of axes that have none in the file.
    mapping : Mapping, optional
        What is what in an instrument's file; by default the YAML file beside it.
    restored : bool
        Take results, recipe, regions, points and grains of an earlier session along; whoever only fits the traces
        anew needs none of them. The earlier recipe then knows the units that a fit was told.

    Raises
    ------
    OSError
        If the file cannot be opened.
    ValueError
        If it is of no known format, or not sound, or there are no traces as the recipe wants them.
    """
    path, asked = Path(path), recipe or Recipe()
    wanted: dict[str, Any] = {name: getattr(asked, name) for name in ("traces", "time_unit", "lateral_unit")}
    if not restored or not is_gwy(path):
        return scans_from_opened(path, open_file(path, mapping=mapping, **wanted))
    container = read_container(path)
    opened = opened_from_container(container, path, fitted=recipe_from_container(container), **wanted)
    scans = scans_from_opened(path, opened)
    restore_results(scans, of_these_traces=not asked.traces)
    for scan in scans:
        restore_drawings(scan)
    return scans


def scans_from_opened(path: Path, opened: OpenedFile) -> list[Scan]:
    """Return a scan for each group of traces of an opened file, or one of its images alone; nothing is restored."""
    datasets, refusal = opened.datasets, opened.refusal
    if isinstance(refusal, UnknownTimeUnitError) and opened.container is not None:
        # A stand-in lets the traces be looked at; nothing is computed with it.
        datasets = opened_from_container(opened.container, path, time_unit="s").datasets
    about: dict[str, Any] = {
        "path": path, "refusal": refusal, "mapping": opened.mapping, "container": opened.container
    }  # fmt: skip
    if not datasets:
        return [Scan(path.stem, None, by_grid(opened.channels), notes=opened.notes, **about)]
    scans = []
    for number, dataset in enumerate(datasets):
        own = [array for array in dataset.data_vars.values() if array.dims == ("y", "x")]
        others = dataset.encoding.get("other_channels", [])
        if opened.container is not None:
            own = [channel for channel in opened.channels if str(channel.name) in dataset]
            others = [channel for channel in opened.channels if str(channel.name) not in dataset]
        # Images on no trace's grid come along with the first group.
        name = path.stem if len(datasets) == 1 else f"{path.stem} {' + '.join(dataset.attrs['traces'])}"
        scan = Scan(name, channels=[*own, *(others if number == 0 else [])], group=number, **about)
        if refusal is None:
            scan.dataset = dataset
        else:
            scan.unfinished = dataset
        scans.append(scan)
    scans[0].notes = list(opened.notes)
    return scans


def scan_with_traces(scans: Sequence[Scan]) -> tuple[Scan, xr.Dataset]:
    """Return the one scan of a file that can be evaluated, and its traces.

    Raises
    ------
    ValueError
        If there are no traces, their time has no unit, or there are several groups of them.
    """
    scan = scans[0]
    if scan.dataset is None:
        raise scan.refusal or ValueError(f"{scan.name} holds no time traces")
    only_dataset([each.dataset for each in scans if each.dataset is not None], scan.path or scan.name)
    return scan, scan.dataset


def by_grid(channels: Sequence[xr.DataArray]) -> list[xr.DataArray]:
    """Return images grid by grid, those of the grid that has the most of them first."""
    grids: dict[tuple[Any, ...], list[xr.DataArray]] = {}
    for channel in channels:
        key = (channel.shape, channel["x"].values.tobytes(), channel["y"].values.tobytes())
        grids.setdefault(key, []).append(channel)
    return [channel for grid in sorted(grids.values(), key=len, reverse=True) for channel in grid]
