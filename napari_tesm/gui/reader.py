"""Opening files in napari: drag and drop, File → Open, and `tesm view`."""

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import Any

import xarray as xr
from gwyfile.objects import GwyContainer

from napari_tesm.gui.layers.scan_layers import layers_from_scan
from napari_tesm.gui.models.form_words import FORMS
from napari_tesm.gui.models.scan import Scan, role_of, share_world_unit
from napari_tesm.io.mapping.entries import Mapping
from napari_tesm.io.registry import OpenedFile, is_gwy, open_datasets, open_file, says_itself_what_it_is

IMPORT = "Import a t-ESM recording"
_MICROSCOPES = re.compile(r"\.(ibw|spm|mdt|nid|gsf|sxm|jpk|jpk-force-map|[0-9]{3})")


def napari_get_reader(path: str | Sequence[str]) -> Callable[[Any], list[Any]] | None:
    """Return the reader of a path or several; None where one is neither a Gwyddion file nor an instrument's."""
    paths = [Path(path)] if isinstance(path, str | PathLike) else [Path(one) for one in path]
    return layers_from_paths if paths and all(_is_gwy(one) or _is_instruments(one) for one in paths) else None


def layers_from_paths(path: str | Sequence[str]) -> list[Any]:
    """Return the layers of files, and open the workspace once napari has added them.

    In a window, what cannot be read is said in a sentence, and napari's word for "no layers" returned where nothing
    can: napari would show the user a traceback and advise her to install another plugin. For a recording that does not
    say what is what, the import form is opened.

    Raises
    ------
    OSError, ValueError
        Without a window: if a file cannot be read.
    """
    paths = [path] if isinstance(path, str | PathLike) else list(path)
    scans: list[Scan] = []
    for one in paths:
        try:
            scans += scans_from_path(one)
        except (OSError, ValueError) as error:
            if not _has_window():
                raise
            if isinstance(error, UnknownContentError):
                _open_import_later(Path(one))
            else:
                _say_not_opened(error)
    if not scans:
        return [(None,)]
    share_unit_of_viewer(scans)
    layers = [layer for scan in scans for layer in layers_from_scan(scan)]
    if len(scans) > 1:
        for _, options, _ in layers:
            options["name"] = f"{options['name']} · {options['metadata']['tesm']['scan'].name}"
    open_workspace_later()
    return layers


class UnknownContentError(ValueError):
    """A file holds a recording, but does not say what is what in it."""


def scans_from_path(
    path: str | PathLike[str],
    *,
    time_unit: str | None = None,
    lateral_unit: str | None = None,
    mapping: Mapping | None = None,
) -> list[Scan]:
    """Return a scan for each group of traces in a file, or one of its channels alone.

    Parameters
    ----------
    time_unit, lateral_unit : str, optional
        Units of axes that have none in the file.
    mapping : Mapping, optional
        What is what in an instrument's file.

    Raises
    ------
    UnknownContentError
        If it holds traces, but not what they are.
    OSError, ValueError
        If the file cannot be read, or holds neither traces nor images.
    """
    from napari_tesm.gwy.reading import read_container
    from napari_tesm.io.gwy.channels import channels_from_container
    from napari_tesm.io.gwy.traces import chosen_stacks, trace_stacks

    path = Path(path)
    if not says_itself_what_it_is(path):
        return scans_from_opened(
            path, open_file(path, time_unit=time_unit, lateral_unit=lateral_unit, mapping=mapping)
        )
    container = read_container(path)
    channels = channels_from_container(container)
    stacks = chosen_stacks(trace_stacks(container), None)
    if not stacks:
        if not channels:
            raise ValueError(f"{path.name} holds neither time traces nor images")
        ordered = [channel for grid in _channels_by_grid(channels) for channel in grid]
        scan = Scan(
            path.stem, None, ordered, path=path, problem="This file holds images only, no time traces."
        )
        return [_with_saved_work(scan, container)]
    unknown = time_unit is None and any(not stack.time_unit for stack in stacks)
    # A stand-in lets the traces be looked at; nothing is computed with it.
    datasets = open_datasets(path, time_unit="s" if unknown else time_unit, lateral_unit=lateral_unit)
    scans = []
    for number, dataset in enumerate(datasets):
        own = [channel for channel in channels if str(channel.name) in dataset]
        others = [channel for channel in channels if str(channel.name) not in dataset]
        # Channels on no trace's grid come along with the first group.
        kept = own + (others if number == 0 else [])
        name = path.stem if len(datasets) == 1 else f"{path.stem} {' + '.join(dataset.attrs['traces'])}"
        scan = Scan(
            name,
            None if unknown else dataset,
            kept,
            path=path,
            group=number,
            unfinished=dataset if unknown else None,
            problem="The time axis has no unit: say it in the form, then the traces can be fitted."
            if unknown
            else "",
        )
        scans.append(_with_saved_work(scan, container))
    return scans


def scans_from_opened(path: Path, opened: OpenedFile) -> list[Scan]:
    """Return a scan for each group of traces of an instrument's file, or one of its images alone.

    Raises
    ------
    UnknownContentError
        If there is neither, because it is not known what is what.
    """
    scans = []
    for number, dataset in enumerate(opened.datasets):
        own = [array for array in dataset.data_vars.values() if array.dims == ("y", "x")]
        others = list(dataset.encoding.get("other_channels", []))
        name = (
            path.stem if len(opened.datasets) == 1 else f"{path.stem} {' + '.join(dataset.attrs['traces'])}"
        )
        scans.append(Scan(name, dataset, own + (others if number == 0 else []), path=path, group=number))
    if not scans:
        if opened.questions and not opened.channels:
            raise UnknownContentError(f"{path.name}: it is not known {opened.questions[0]}")
        problem = "This file holds images only, no time traces."
        if opened.questions:
            problem = f"Its traces wait for Plugins → {IMPORT}: it is not known {opened.questions[0]}."
        ordered = [channel for grid in _channels_by_grid(opened.channels) for channel in grid]
        scans.append(Scan(path.stem, None, ordered, path=path, problem=problem))
    scans[0].notes = list(opened.notes)
    for scan in scans:
        scan.mapping = opened.mapping
    return scans


def reopened(scan: Scan, *, time_unit: str | None = None, lateral_unit: str | None = None) -> Scan:
    """Return the same scan read again with units that its file lacks."""
    if scan.path is None:
        raise ValueError("this scan did not come from a file")
    return scans_from_path(scan.path, time_unit=time_unit, lateral_unit=lateral_unit, mapping=scan.mapping)[
        scan.group
    ]


def _channels_by_grid(channels: Sequence[xr.DataArray]) -> list[list[xr.DataArray]]:
    grids: dict[tuple[Any, ...], list[xr.DataArray]] = {}
    for channel in channels:
        key = (channel.shape, channel["x"].values.tobytes(), channel["y"].values.tobytes())
        grids.setdefault(key, []).append(channel)
    return sorted(grids.values(), key=len, reverse=True)


def _with_saved_work(scan: Scan, container: GwyContainer) -> Scan:
    """Put in results, recipe, regions and points that the file holds from an earlier session or from Gwyddion."""
    import json

    from napari_tesm.evaluation.recipe import Recipe
    from napari_tesm.io.gwy.annotations import annotations_from_container
    from napari_tesm.io.gwy.grains import grains_from_container
    from napari_tesm.io.gwy.results import maps_from_container, recipe_text
    from napari_tesm.plotting.theme import colour_of_point

    found = annotations_from_container(container, scan.grid["y"], scan.grid["x"])
    scan.regions = found.regions
    scan.points = [
        point if point.colour else replace(point, colour=colour_of_point(point.number))
        for point in found.points
    ]
    scan.notes = found.notes
    grains = grains_from_container(container, scan.grid["y"], scan.grid["x"], notes=scan.notes)
    if grains is not None:
        scan.grains, scan.band_width = grains[0], grains[1] or None
    if scan.dataset is None:
        return scan
    maps = maps_from_container(container, notes=scan.notes)
    if maps is not None and all(maps.sizes[name] == scan.dataset.sizes[name] for name in ("pulse", "y", "x")):
        scan.maps = maps
        text = recipe_text(container)
        if text:
            try:
                scan.recipe = Recipe.from_dict(json.loads(text))
            except ValueError as error:
                scan.notes.append(f"the recipe in the file cannot be used: {error}")
    return scan


def _is_gwy(path: Path) -> bool:
    # What has the name of a Gwyddion file is taken too: the reader says best what is wrong with it.
    return path.is_file() if path.suffix.lower() == ".gwy" else is_gwy(path)


def _is_instruments(path: Path) -> bool:
    """Whether a file or folder is of a format that recorders and microscopes write, by its content.

    What only the converter could tell, which is slow, is taken by its name: this is asked at every file dropped.
    """
    from napari_tesm.io.detection import format_of_file

    try:
        return bool(format_of_file(path)) or _MICROSCOPES.fullmatch(path.suffix.lower()) is not None
    except (OSError, ValueError, ImportError):
        return False


def _has_window() -> bool:
    import napari

    return getattr(napari.current_viewer(), "window", None) is not None


def _say_not_opened(error: Exception) -> None:
    from napari.utils.notifications import show_warning

    show_warning(f"Not opened: {FORMS(error)}")


def _open_import_later(path: Path) -> None:
    """Open the import form with a file once napari is done with its drop."""
    import napari
    from qtpy.QtCore import QTimer

    viewer: Any = napari.current_viewer()

    def show() -> None:
        _, panel = viewer.window.add_plugin_dock_widget("napari-tesm", IMPORT)
        panel.open_file(path)

    QTimer.singleShot(0, show)


def share_unit_of_viewer(scans: Sequence[Scan]) -> None:
    """Let new scans take the unit of length of those in the viewer that they will be added to, where there is one."""
    import napari

    viewer = napari.current_viewer()
    known = () if viewer is None else (role_of(layer.metadata).get("scan") for layer in viewer.layers)
    share_world_unit(scans, [scan for scan in known if scan is not None])


def open_workspace_later() -> None:
    """Show the workspace beside the new layers, where there is a window to show it in."""
    import napari
    from qtpy.QtCore import QTimer

    viewer = napari.current_viewer()
    if viewer is None or getattr(viewer, "window", None) is None:
        return

    def show() -> None:
        from napari_tesm.gui.dock import open_workspace

        if napari.current_viewer() is viewer:
            open_workspace(viewer)

    QTimer.singleShot(0, show)
