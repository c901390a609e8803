"""Selections: the points, lines and shapes that Gwyddion keeps on a channel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Self

import numpy as np
from gwyfile.objects import GwyObject

from napari_tesm.io.gwy.errors import GwyFormatError
from napari_tesm.io.gwy.parts import Doubles, finite_number, new_object, put

NUMBERS_PER_ITEM: Final = {"point": 2, "line": 4, "rectangle": 4, "ellipse": 4, "lattice": 4, "path": 2}
"""Kinds of selections and how many coordinates make one item; the items of a path are its vertices."""

_TYPES: Final = {kind: f"GwySelection{kind.capitalize()}" for kind in NUMBERS_PER_ITEM}
_KINDS: Final = {name: kind for kind, name in _TYPES.items()}


@dataclass(frozen=True, eq=False)
class Selection:
    """Items of one kind on a channel.

    Parameters
    ----------
    kind : {"point", "line", "rectangle", "ellipse", "lattice", "path"}
        A path is a single one whose items are its vertices.
    items : numpy.ndarray
        Shape ``(items, 2)`` with x, y or ``(items, 4)`` with x0, y0, x1, y1 (a lattice's two vectors), in the
        channel's lateral unit from the top left corner of the image, its offset not included.
    closed : bool
        Whether a path is.
    slackness : float
        Tension of a path between 0 (polygon) and 1.
    """

    kind: str
    items: Doubles
    closed: bool = False
    slackness: float = 1.0

    def to_object(self) -> GwyObject:
        """Return the object of the file.

        Raises
        ------
        ValueError
            If the kind is unknown, or the items are not finite or of another shape.
        """
        if self.kind not in NUMBERS_PER_ITEM:
            raise ValueError(
                f"Gwyddion has no selections of kind {self.kind!r}, only {', '.join(NUMBERS_PER_ITEM)}."
            )
        items = np.asarray(self.items, "<f8")
        numbers = NUMBERS_PER_ITEM[self.kind]
        if items.ndim != 2 or items.shape[1] != numbers or not np.isfinite(items).all():
            raise ValueError(f"A {self.kind} selection needs {numbers} finite numbers per item.")
        # Gwyddion cuts items beyond `max`, and drops a selection with an empty array and all that follows it.
        result = new_object(_TYPES[self.kind], max=("i", max(1, len(items))))
        if items.size:
            put(result, "data", items.reshape(-1), "D")
        if self.kind == "path":
            put(result, "slackness", float(self.slackness), "d")
            put(result, "closed", bool(self.closed), "b")
        return result

    @classmethod
    def from_object(cls, obj: GwyObject, key: str = "") -> Self:
        """Take a selection from a file; one without items is empty.

        Raises
        ------
        GwyFormatError
            If the object is no selection on an image or has a broken number of coordinates.
        """
        kind = _KINDS.get(obj.name) if isinstance(obj, GwyObject) else None
        if kind is None:
            raise GwyFormatError(f"{key or 'An object'} is no selection on an image.")
        data = obj.get("data", np.empty(0))
        numbers = NUMBERS_PER_ITEM[kind]
        if not isinstance(data, np.ndarray) or data.dtype != np.float64 or data.size % numbers:
            raise GwyFormatError(f"{key or obj.name} needs {numbers} coordinates per item.")
        return cls(
            kind=kind,
            items=data.reshape(-1, numbers),
            closed=obj.get("closed") is True,
            slackness=finite_number(obj, "slackness") if "slackness" in obj else 1.0,
        )


def is_selection(obj: object) -> bool:
    """Return whether an object is a selection that `Selection` understands."""
    return isinstance(obj, GwyObject) and obj.name in _KINDS
