"""What an instrument's file holds, in words and numbers that JSON can carry."""

from pathlib import Path
from typing import Any

import numpy as np

from napari_tesm.io.content import Axis, FileContent, Source
from napari_tesm.io.mapping.proposal import Proposal
from napari_tesm.io.zarr_store.arrays import stored_bytes

Entry = dict[str, Any]
_LONGEST_TEXT = 200
_MOST_ATTRIBUTES = 40


def description_from_content(content: FileContent, proposal: Proposal | None) -> Entry:
    """Return what a file holds: its arrays with axes and units, what is odd, and a mapping to start from."""
    path = Path(content.path)
    return {
        "name": path.name,
        "format": content.format,
        "bytes": path.stat().st_size if path.is_file() else stored_bytes(path),
        "attributes": _attributes(content.attributes),
        "arrays": [_array(source) for source in content.sources],
        "notes": list(content.notes),
        "questions": [] if proposal is None else list(proposal.questions),
        "mapping": None if proposal is None else proposal.to_text(content),
    }


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
