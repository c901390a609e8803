"""What the names of columns and files say: a quantity with its unit, and the row and column of a pixel."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from napari_tesm.io.content import si_from_unit

_WITH_UNIT: Final = (
    re.compile(r"(.*?)[\s_]*[(\[{]\s*([^()\[\]{}]*)\s*[)\]}]"),
    re.compile(r"(.*\S)\s*/\s*([^/\s]+)"),
    re.compile(r"(.*\S)\s*,\s*([^,\s]+)"),
    re.compile(r"(.*\S)\s+in\s+([^\s]+)"),
)
"""``Time (ms)``, ``Time [ms]``; ``Time / ms``; ``Time, ms``; ``t in ms``."""
_BEHIND: Final = re.compile(r"(.*[^\W_])_(s|ms|us|µs|ns|V|mV|uV|µV|nm|pm|um|µm)")
_UNITS: Final = frozenset(
    {"m", "s", "V", "A", "Hz", "deg", "rad", "m/V", "a.u.", "N", "C", "K", "W", "Pa", "F", "Ohm"}
)
_NUMBERED: Final = re.compile(r"([^\W\d_]*)[\s_\-=#:.,()\[\]]*(\d+)")
_ROWS: Final = frozenset({"r", "row", "y", "line", "ln", "zeile"})
_COLUMNS: Final = frozenset({"c", "col", "column", "x", "spalte"})
_PIXELS: Final = frozenset(
    {
        "",
        "p",
        "px",
        "pix",
        "pixel",
        "trace",
        "curve",
        "point",
        "pt",
        "pos",
        "position",
        "spectrum",
        "no",
        "nr",
    }
)
_MANY: Final = 16
"""More channels than that are pixels, whatever they are called."""
_FILLED: Final = 0.5
"""Part of a grid that must be there for numbers to be rows and columns."""


def name_and_unit(text: str) -> tuple[str, str]:
    """Return a heading without its unit, and the unit; the heading itself where it has none that is known.

    Examples
    --------
    >>> (
    ...     name_and_unit("Time [ms]"),
    ...     name_and_unit("X / nm"),
    ...     name_and_unit("height (top)"),
    ...     name_and_unit("t_us"),
    ... )
    (('Time', 'ms'), ('X', 'nm'), ('height (top)', ''), ('t', 'us'))
    """
    text = text.strip().strip('"').strip()
    for form in (*_WITH_UNIT, _BEHIND):
        parts = form.fullmatch(text)
        if parts and is_unit(parts[2]):
            return parts[1].strip(), parts[2].strip()
    return text, ""


def is_unit(text: str) -> bool:
    """Whether a text is a unit that is known."""
    return bool(text.strip()) and len(text) < 24 and si_from_unit(text)[1] in _UNITS


@dataclass(frozen=True, eq=False)
class Arrangement:
    """How things that are told apart by numbers in their names lie.

    Parameters
    ----------
    stem : str
        What the names have in common.
    axes : tuple of str
        What the numbers count: ``("pixel",)``, ``("y", "x")``, or two without a name.
    shape : tuple of int
    places : ndarray of int, shape (name,)
        Place of each in the flattened shape.
    """

    stem: str
    axes: tuple[str, ...]
    shape: tuple[int, ...]
    places: NDArray[np.intp]

    @property
    def missing(self) -> int:
        """Places for which there is no name."""
        return int(np.prod(self.shape)) - self.places.size


def stem_of(name: str) -> str:
    """Return a name with a sign in the place of each of its numbers: those of one kind have one stem."""
    return re.sub(r"\d+", "\0", name)


def arrangement_of(names: Sequence[str]) -> Arrangement | None:
    """Return how names of one stem lie: by those of their numbers that differ; None where that tells nothing.

    Two numbers are rows and columns, by the words before them (``row 3 col 7``, ``y03_x07``); where these do not say
    which is which, both axes stay without a name.

    Examples
    --------
    >>> lying = arrangement_of(["r1c1", "r1c2", "r1c3", "r2c1", "r2c2", "r2c3"])
    >>> lying.axes, lying.shape, lying.places.tolist()
    (('y', 'x'), (2, 3), [0, 1, 2, 3, 4, 5])
    """
    parts = [_NUMBERED.findall(name) for name in names]
    if len(names) < 2 or len({stem_of(name) for name in names}) != 1 or not parts[0]:
        return None
    numbers = np.array([[int(number[:18]) for _, number in own] for own in parts], dtype=np.int64)
    words = [word.lower() for word, _ in parts[0]]
    differ = [n for n in range(numbers.shape[1]) if np.ptp(numbers[:, n])]
    stem = re.sub(r"[\s_\-=#:.,()\[\]\0]+", " ", stem_of(names[0])).strip()
    stem = "" if set(stem.lower().split()) <= _ROWS | _COLUMNS else stem
    if len(differ) == 2:
        own, (first, second) = numbers[:, differ], (words[n] for n in differ)
        axes: tuple[str, str] = ("", "")
        if (first in _ROWS) != (second in _ROWS):
            axes = ("y", "x") if first in _ROWS else ("x", "y")
        elif (first in _COLUMNS) != (second in _COLUMNS):
            axes = ("x", "y") if first in _COLUMNS else ("y", "x")
        own = own[:, ::-1] if axes == ("x", "y") else own
        axes = ("y", "x") if "x" in axes else axes
        own = own - own.min(axis=0)
        shape = (int(own[:, 0].max()) + 1, int(own[:, 1].max()) + 1)
        if len(names) >= _FILLED * shape[0] * shape[1]:
            places = own[:, 0] * shape[1] + own[:, 1]
            return None if np.unique(places).size < places.size else Arrangement(stem, axes, shape, places)
    order = np.lexsort([numbers[:, n] for n in differ[::-1]]) if differ else np.arange(len(names))
    places = np.empty(len(names), np.intp)
    places[order] = np.arange(len(names))
    return Arrangement(stem, ("pixel",), (len(names),), places) if differ else None


def are_pixels(names: Sequence[str], arrangement: Arrangement) -> bool:
    """Whether columns with these names are one trace for each pixel, and not the channels of a recorder."""
    word = _NUMBERED.findall(names[0])[-1][0].lower()
    return len(arrangement.axes) == 2 or len(names) > _MANY or (word in _PIXELS and len(names) > 2)
