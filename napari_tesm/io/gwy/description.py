"""Everything a .gwy file holds, in words and numbers that JSON can carry; no sample is read."""

from collections.abc import Callable
from os import PathLike
from pathlib import Path
from typing import Any, Final

import numpy as np
from gwyfile.objects import GwyContainer

from napari_tesm.data.protocol import UNITS, PulseProtocol
from napari_tesm.files.errors import GwyFormatError
from napari_tesm.files.sentences import Sentence
from napari_tesm.gwy import contents
from napari_tesm.gwy.forms import GWYDDION_2, GWYDDION_3, OLD_MAGIC
from napari_tesm.gwy.graphs import Graph, Spectra
from napari_tesm.gwy.lawns import Lawn
from napari_tesm.gwy.objects import Brick
from napari_tesm.gwy.reading import read_container
from napari_tesm.gwy.selections import Selection
from napari_tesm.gwy.si_units import unit_from_stored
from napari_tesm.io.gwy.results import MAP_KEY, is_result
from napari_tesm.io.gwy.traces import TraceStackInfo, chosen_stacks, trace_stacks
from napari_tesm.quantities.text import text_from_quantity

Entry = dict[str, Any]
_FORMATS: Final = {
    OLD_MAGIC: "Gwyddion 1 file (GWYO)",
    GWYDDION_2.magic: "Gwyddion file (GWYP)",
    GWYDDION_3.magic: "Gwyddion 3 file (GWYQ)",
}


def description_from_file(path: str | PathLike[str]) -> Entry:
    """Return what a file holds: channels, volumes, curve maps, graphs, spectra, selections, traces.

    Raises
    ------
    GwyFormatError, OSError
        If the file cannot be read at all. An object that is not sound is described by its problem.
    """
    container = read_container(path)
    problems: list[str] = []
    return {
        "name": Path(path).name,
        "format": _FORMATS[container.disk_file[:4]],
        "bytes": Path(path).stat().st_size,
        "channels": _entries(container, contents.CHANNEL, _channel),
        "volumes": _entries(container, contents.BRICK, _volume),
        "curve_maps": _entries(container, contents.LAWN, _curve_map),
        "graphs": _entries(container, contents.GRAPH, _graph),
        "spectra": _entries(container, contents.SPECTRA, _spectra),
        "traces": _traces(container, problems),
        "problems": problems,
    }


def _entries(
    container: GwyContainer, kind: str, describe: Callable[[GwyContainer, int, str], Entry]
) -> list[Entry]:
    entries = []
    for number in contents.ids(container, kind):
        entry: Entry = {"id": number, "title": contents.title(container, kind, number)}
        try:
            entry |= describe(container, number, contents.object_key(kind, number))
        except GwyFormatError as error:
            entry["problem"] = str(error)
        metadata = contents.texts_of(container, kind, number)
        if metadata and not is_result(metadata):
            entry["metadata"] = metadata
        entries.append(entry)
    return entries


def _channel(container: GwyContainer, number: int, key: str) -> Entry:
    field = contents.image(container, number)
    entry: Entry = {
        "pixels": [field.values.shape[1], field.values.shape[0]],
        "size": [field.x_real, field.y_real],
        "lateral_unit": field.unit_xy,
        "unit": unit_from_stored(field.unit_z, contents.texts_of_channel(container, number)),
        "selections": [],
    }
    mask = contents.mask(container, number)
    if mask is not None:
        entry["mask"] = int(mask.sum())
    for name, value in contents.selections(container, number).items():
        selection = Selection.from_object(value, f"/{number}/select/{name}")
        entry["selections"].append({"name": name, "kind": selection.kind, "count": len(selection.items)})
    metadata = contents.texts_of_channel(container, number)
    if is_result(metadata):
        entry["result"] = metadata[MAP_KEY]
    return entry


def _volume(container: GwyContainer, number: int, key: str) -> Entry:
    brick = Brick.from_object(container[key], key)
    planes, height, width = brick.values.shape
    return {
        "pixels": [width, height],
        "size": [brick.x_real, brick.y_real],
        "lateral_unit": brick.unit_x,
        "samples": planes,
        "time_range": [float(brick.z[0]), float(brick.z[-1])],
        "time_unit": brick.z_unit,
        "unit": unit_from_stored(brick.unit_w, contents.texts_of(container, contents.BRICK, number)),
    }


def _curve_map(container: GwyContainer, number: int, key: str) -> Entry:
    lawn = Lawn.from_object(container[key], key)
    height, width = lawn.lengths.shape
    return {
        "pixels": [width, height],
        "size": [lawn.x_real, lawn.y_real],
        "lateral_unit": lawn.unit_xy,
        "lengths": [int(lawn.lengths.min()), int(lawn.lengths.max())],
        "curves": [
            {"label": label, "unit": unit} for label, unit in zip(lawn.labels, lawn.units, strict=True)
        ],
        "segments": list(lawn.segment_labels),
    }


def _graph(container: GwyContainer, number: int, key: str) -> Entry:
    graph = Graph.from_object(container[key], key)
    return {
        "x_label": graph.x_label,
        "x_unit": graph.x_unit,
        "y_label": graph.y_label,
        "y_unit": graph.y_unit,
        "count": len(graph.curves),
        "curves": [
            {"label": curve.description, "unit": graph.y_unit, "samples": len(curve.x)}
            for curve in graph.curves
        ],
    }


def _spectra(container: GwyContainer, number: int, key: str) -> Entry:
    spectra = Spectra.from_object(container[key], key)
    line = spectra.curves[0] if spectra.curves else None
    return {
        "count": len(spectra.curves),
        "x_label": spectra.x_label,
        "y_label": spectra.y_label,
        "x_unit": line.unit_x if line else "",
        "y_unit": line.unit_y if line else "",
    }


def _traces(container: GwyContainer, problems: list[str]) -> list[Entry]:
    """Return the stacks that ``tesm fit`` would take, with what is understood and what is missing."""
    try:
        stacks = chosen_stacks(trace_stacks(container), None)
    except GwyFormatError as error:
        problems.append(str(error))
        return []
    entries = []
    for stack in stacks:
        try:
            entries.append(_trace_entry(stack))
        except GwyFormatError as error:
            problems.append(str(error))
    return entries


def _trace_entry(stack: TraceStackInfo) -> Entry:
    protocol = stack.protocol()
    entries: dict[str, str] = {}
    if np.isfinite(stack.voltage):
        entries["pulse voltage"] = text_from_quantity(stack.voltage, "V")
    if stack.direction:
        entries["scan direction"] = stack.direction
    entries["lock-in signal"] = stack.signal
    titles = [stack.title or stack.name]
    return entry_of_traces(titles, entries, protocol, stack.time_unit) | {"id": stack.number}


def entry_of_traces(
    titles: list[str], known: dict[str, str], protocol: PulseProtocol, time_unit: str = "s"
) -> Entry:
    """Return what is understood of traces, with what else is `known` in words, and what is missing for a fit."""
    templates = {
        "unit of the time axis ({time_unit})": time_unit or None,
        "start of the pulse ({pulse_start}, or windows)": protocol.pulse_start,
        "duration of the pulse ({pulse_duration}, or windows)": protocol.pulse_duration,
        "tip radius ({tip_radius}); without it tau maps only": protocol.length,
        "pulse voltage ({voltage}); without it titles have no suffix": known.get("pulse voltage"),
    }
    values = protocol.to_attributes().items()
    words = {name.replace("_", " "): text_from_quantity(value, UNITS[name]) for name, value in values}
    missing = [Sentence(template) for template, value in templates.items() if value is None]
    return {"titles": titles, "protocol": known | words, "missing": missing}
