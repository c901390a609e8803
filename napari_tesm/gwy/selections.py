"""Selections: the points, lines and shapes that Gwyddion keeps on a channel, and the regions they draw."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Self

import numpy as np
from gwyfile.objects import GwyObject

from napari_tesm.files.errors import GwyFormatError
from napari_tesm.gwy.parts import Doubles, finite_number, new_object, put
from napari_tesm.regions.shapes import Region

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


@dataclass(frozen=True)
class Frame:
    """Where an image lies, in its lateral unit: selections count from its top left corner.

    Parameters
    ----------
    left, top, width, height : float
        Outer edges of the pixels.
    columns, rows : int
    """

    left: float
    top: float
    width: float
    height: float
    columns: int
    rows: int

    @property
    def tolerance(self) -> float:
        """Length below which two places are one: less than anybody can draw, more than rounding makes."""
        return 1e-9 * max(self.width, self.height)

    def scaled(self, factor: float) -> Frame:
        """Return the frame in another unit."""
        left, top, width, height = (
            factor * value for value in (self.left, self.top, self.width, self.height)
        )
        return Frame(left, top, width, height, self.columns, self.rows)

    def is_same(self, other: Frame) -> bool:
        """Whether the pixels lie at the same places, to a hundredth of a pixel."""
        if (self.columns, self.rows) != (other.columns, other.rows):
            return False
        step = 0.01 * np.array([self.width / self.columns, self.height / self.rows] * 2)
        ours, theirs = (np.array([f.left, f.top, f.left + f.width, f.top + f.height]) for f in (self, other))
        with np.errstate(invalid="ignore", over="ignore"):
            return bool((np.abs(ours - theirs) <= step).all())

    def holds(self, xy: Doubles) -> bool:
        """Whether places, counted from the corner, lie on the image or its border."""
        inside = (xy >= -self.tolerance) & (xy <= np.array([self.width, self.height]) + self.tolerance)
        return bool(inside.all())

    def pixel(self, x: float, y: float) -> tuple[int, int] | None:
        """Return row and column of a place, None beside the image."""
        column = np.floor((x - self.left) / (self.width / self.columns))
        row = np.floor((y - self.top) / (self.height / self.rows))
        # Written so that what is no number lies beside the image, too.
        if not (0 <= row < self.rows and 0 <= column < self.columns):
            return None
        return int(row), int(column)


def item_from_region(region: Region, frame: Frame) -> tuple[str, Doubles] | None:
    """Return the kind of selection that shows a region in Gwyddion, and its numbers; None where there is none.

    Nobody can draw beside the image in Gwyddion, and there are no turned frames.
    """
    xy = region.xy() - (frame.left, frame.top)
    if not frame.holds(xy):
        return None
    if region.kind not in ("rectangle", "ellipse"):
        return ("line" if region.kind == "line" else "path"), xy.ravel()
    x0, y0, x1, y1 = box = np.concatenate([xy.min(axis=0), xy.max(axis=0)])
    ring = np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]])
    # A frame may begin at any corner and run either way round, but it must not cross itself.
    rings = [np.roll(way, turn, axis=0) for way in (ring, ring[::-1]) for turn in range(4)]
    upright = any(np.abs(xy - corners).max() <= frame.tolerance for corners in rings)
    return (region.kind, box) if upright else None


def vertices_from_item(kind: str, numbers: Doubles, frame: Frame) -> tuple[tuple[float, float], ...]:
    """Return the vertices of a region from the numbers of a selection; a frame from its top left corner."""
    pairs = np.asarray(numbers, dtype=np.float64).reshape(-1, 2)
    if kind in ("rectangle", "ellipse"):
        (x0, y0), (x1, y1) = pairs.min(axis=0), pairs.max(axis=0)
        pairs = np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]])
    return tuple((float(x + frame.left), float(y + frame.top)) for x, y in pairs)


def same_item(kind: str, first: Doubles, second: Doubles, frame: Frame) -> bool:
    """Whether the numbers of two selections draw the same, whichever corner or end comes first."""
    if first.size != second.size:
        return False
    ours, theirs = first.reshape(-1, 2), second.reshape(-1, 2)
    if kind in ("rectangle", "ellipse"):
        ours, theirs = (np.array([xy.min(axis=0), xy.max(axis=0)]) for xy in (ours, theirs))
    ways = (theirs, theirs[::-1]) if kind == "line" else (theirs,)
    with np.errstate(over="ignore"):
        return any(np.abs(ours - way).max(initial=0.0) <= frame.tolerance for way in ways)
