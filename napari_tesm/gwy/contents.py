"""What a container holds: ids of channels, volumes, curve maps, graphs and spectra, and keys below them."""

from __future__ import annotations

import re
from typing import Final

import numpy as np
from gwyfile.objects import GwyContainer, GwyObject
from numpy.typing import NDArray

from napari_tesm.gwy.graphs import Graph
from napari_tesm.gwy.objects import Field, metadata_entries
from napari_tesm.gwy.parts import drop, put
from napari_tesm.gwy.selections import is_selection

CHANNEL, BRICK, LAWN, GRAPH, SPECTRA = "channel", "brick", "lawn", "graph", "spectra"

# Ids are plain decimal numbers; Gwyddion does not take "/007/data" for a channel.
_ID = r"(0|[1-9][0-9]*)"
_KINDS: Final = {
    CHANNEL: ("/", "GwyDataField"),
    BRICK: ("/brick/", "GwyBrick"),
    LAWN: ("/lawn/", "GwyLawn"),
    GRAPH: ("/0/graph/graph/", "GwyGraphModel"),
    SPECTRA: ("/sps/", "GwySpectra"),
}
"""What stands before the ids of a kind, and the type of its objects."""
_LARGEST_ID = 2**31 - 1
LAST_GRAPH: Final = "/0/graph/lastid"


def object_key(kind: str, number: int) -> str:
    """Return the key of an object.

    Parameters
    ----------
    kind : str
        `CHANNEL`, `BRICK`, `LAWN`, `GRAPH` or `SPECTRA`.
    number : int
        Its id.

    Examples
    --------
    >>> object_key(CHANNEL, 3)
    '/3/data'
    """
    return f"{_KINDS[kind][0]}{number}" + ("/data" if kind == CHANNEL else "")


def ids(container: GwyContainer, kind: str) -> list[int]:
    """Return the ids of one kind of object, ascending; they need not start at 0 nor be without gaps."""
    before, type_name = _KINDS[kind]
    pattern = re.compile(before + _ID + ("/data" if kind == CHANNEL else ""))
    numbers = (
        int(match[1])
        for key, value in container.items()
        if (match := pattern.fullmatch(key)) and isinstance(value, GwyObject) and value.name == type_name
    )
    return sorted(number for number in numbers if number <= _LARGEST_ID)


def next_id(container: GwyContainer, kind: str) -> int:
    """Return the id after the largest in use.

    Whatever stands under an id counts, so that a new channel never meets the mask or title of a broken one.
    Graphs also respect the last id the file remembers.
    """
    # Graphs hang below channel 0 by convention, whether there is such a channel or not.
    pattern = re.compile(_KINDS[kind][0] + _ID + "(/(?!graph/).*)?", re.DOTALL)
    used = [int(match[1]) for key in container if (match := pattern.fullmatch(key))]
    if kind == GRAPH and isinstance(last := container.get(LAST_GRAPH), int):
        used.append(last)
    return max((number for number in used if number < _LARGEST_ID), default=-1) + 1


def title(container: GwyContainer, kind: str, number: int) -> str:
    """Return the title as a person gave it, empty where there is none."""
    key = object_key(kind, number)
    if kind in (GRAPH, SPECTRA):
        text = container[key].get("title", "") if isinstance(container.get(key), GwyObject) else ""
    else:
        text = container.get(f"{key}/title", "")
    return text if isinstance(text, str) else ""


def metadata_key(kind: str, number: int) -> str:
    """Return the key of the metadata container that belongs to an object.

    Examples
    --------
    >>> metadata_key(CHANNEL, 3), metadata_key(BRICK, 0)
    ('/3/meta', '/brick/0/meta')
    """
    return f"/{number}/meta" if kind == CHANNEL else f"{object_key(kind, number)}/meta"


def texts_of(container: GwyContainer, kind: str, number: int) -> dict[str, str]:
    """Return the texts of an object's metadata; none where it has no metadata."""
    return metadata_entries(container.get(metadata_key(kind, number)))


def texts_of_channel(container: GwyContainer, number: int) -> dict[str, str]:
    """Return the texts of a channel's metadata; none where it has no metadata."""
    return texts_of(container, CHANNEL, number)


def image(container: GwyContainer, number: int) -> Field:
    """Return the image of a channel; raises GwyFormatError where it is none."""
    key = object_key(CHANNEL, number)
    return Field.from_object(container[key], key)


def mask(container: GwyContainer, number: int) -> NDArray[np.bool_] | None:
    """Return the mask of a channel, whatever its size, None where it has none; raises GwyFormatError as `image`."""
    key = f"/{number}/mask"
    return np.asarray(Field.from_object(container[key], key).values > 0.5) if key in container else None


def selections(container: GwyContainer, number: int) -> dict[str, GwyObject]:
    """Return the selections of a channel: their names in the file and the objects, in file order."""
    start = f"/{number}/select/"
    return {
        key.removeprefix(start): value
        for key, value in container.items()
        if key.startswith(start) and is_selection(value)
    }


def keys_of(container: GwyContainer, kind: str, number: int) -> list[str]:
    """Return all keys that belong to an object: its own, title, mask, metadata, selections and unknown ones.

    What hangs below channel 0 by convention only (graphs) does not belong to it.
    """
    start = f"/{number}" if kind == CHANNEL else object_key(kind, number)
    return [
        key
        for key in container
        if (key == start or key.startswith(f"{start}/"))
        and not (kind == CHANNEL and key.startswith(f"{start}/graph/"))
    ]


def remove(container: GwyContainer, kind: str, number: int) -> None:
    """Remove an object with all that belongs to it."""
    for key in keys_of(container, kind, number):
        drop(container, key)


def add_graph(container: GwyContainer, graph: Graph, *, visible: bool | None = None) -> None:
    """Add a graph under the next id; Gwyddion's own choice is whether it is shown, where nothing is said."""
    number = next_id(container, GRAPH)
    key = object_key(GRAPH, number)
    put(container, key, graph.to_object(), "o")
    if visible is not None:
        put(container, f"{key}/visible", visible, "b")
    put(container, LAST_GRAPH, number, "i")
