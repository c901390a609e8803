"""What an instrument's file holds, in words and numbers that JSON can carry."""

from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from napari_tesm.data.dataset import titles_of_traces
from napari_tesm.data.protocol import PulseProtocol
from napari_tesm.io.content import Axis, FileContent, Source
from napari_tesm.io.gwy.description import entry_of_traces
from napari_tesm.io.mapping.proposal import Proposal
from napari_tesm.io.registry import open_datasets
from napari_tesm.io.zarr_store.arrays import stored_bytes
from napari_tesm.quantities.text import text_from_quantity

Entry = dict[str, Any]
_LONGEST_TEXT = 200
_MOST_ATTRIBUTES = 40


def description_from_content(content: FileContent, proposal: Proposal | None) -> Entry:
    """Return what a file holds: arrays with axes and units, a mapping to start from, and what is missing for a fit."""
    path = Path(content.path)
    traces, problems = [], []
    if proposal is not None and proposal.is_complete and proposal.mapping.traces:
        try:
            traces = [description_of_traces(dataset) for dataset in open_datasets(path)]
        except ValueError as error:
            problems = [str(error)]
    return {
        "name": path.name,
        "format": content.format,
        "bytes": path.stat().st_size if path.is_file() else stored_bytes(path),
        "attributes": _attributes(content.attributes),
        "arrays": [_array(source) for source in content.sources],
        "notes": list(content.notes),
        "questions": [] if proposal is None else list(proposal.questions),
        "mapping": None if proposal is None else proposal.to_text(content),
        "traces": traces,
        "problems": problems,
    }


def description_of_traces(dataset: xr.Dataset) -> Entry:
    """Return what is known of the pulse of traces, and what a fit of them lacks."""
    voltages = [text_from_quantity(float(v), "V") for v in dataset["voltage"].values if np.isfinite(v)]
    stated = {"pulse voltage": ", ".join(voltages)} if voltages else {}
    titles = list(dict.fromkeys(titles_of_traces(dataset)))
    return entry_of_traces(titles, stated, PulseProtocol.from_attributes(dataset.attrs))


def _array(source: Source) -> Entry:
    return {
        "name": source.name,
        "title": source.title,
        "shape": list(source.shape),
        "dtype": str(source.array.dtype),
        "unit": source.unit,
        "axes": [_axis(axis) for axis in source.axes],
        "attributes": _attributes(source.attributes),
    }


def _axis(axis: Axis) -> Entry:
    entry: Entry = {"name": axis.name, "size": axis.size, "unit": axis.unit}
    if axis.known and axis.size:
        positions = axis.positions()
        entry |= {"first": float(positions[0]), "last": float(positions[-1])}
    return entry


def _attributes(attributes: dict[str, Any]) -> Entry:
    """Return attributes as JSON can hold them; long ones are cut."""
    entries: Entry = {}
    for name, value in list(attributes.items())[:_MOST_ATTRIBUTES]:
        if isinstance(value, np.generic):
            value = value.item()
        if isinstance(value, np.ndarray):
            value = value.tolist() if value.size <= 16 else f"array of {value.size} values"
        if isinstance(value, float) and not np.isfinite(value):
            value = str(value)
        if not isinstance(value, int | float | bool | list | type(None)):
            value = str(value)[:_LONGEST_TEXT]
        entries[str(name)] = value
    return entries
