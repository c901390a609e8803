"""Fits of lines that were whole at an earlier look, so that each look reads and fits what is new."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_tesm.files.journal import Arrays

Held = dict[str, NDArray[Any]]


@dataclass
class RememberedFits:
    """What `napari_tesm.evaluation.pipeline.run` keeps of its blocks, in memory, as long as the same is asked.

    Blocks begin at the same rows in every look, as long as the first line does: the last one alone is made anew.
    """

    _context: Any = None
    _lines: dict[tuple[int, int], bytes] = field(default_factory=dict)
    _known: dict[tuple[str, str, str], tuple[str, bytes, Held]] = field(default_factory=dict)

    def begin(self, context: Any, lines: dict[tuple[int, int], bytes]) -> None:
        """Say what the next run is of; what was kept of something else is forgotten.

        Parameters
        ----------
        context : object
            Equal where the same lines come to the same fits.
        lines : dict of bytes by pulse setting and row
            What tells the content of each line; empty where it is not whole.
        """
        if context != self._context:
            self._known.clear()
        self._context, self._lines = context, lines

    def taken(self, name: str) -> Held | None:
        """Return a block, None where it is not there or other lines are whole in it now."""
        key, rows = _key(name)
        held = self._known.get(key)
        if held is None or held[:2] != (rows, self._content(key, rows)):
            return None
        return held[2]

    def keep(self, name: str, arrays: Arrays) -> None:
        """Keep a block of fits in the place of a smaller one; limits, which depend on all of the map, are not kept."""
        key, rows = _key(name)
        if key[0] == "fit":
            self._known[key] = (rows, self._content(key, rows), {n: np.array(v) for n, v in arrays.items()})

    def _content(self, key: tuple[str, str, str], rows: str) -> bytes:
        first, stop = map(int, rows.split(":"))
        return b"|".join(self._lines.get((int(key[1]), row), b"") for row in range(first, stop))


def _key(name: str) -> tuple[tuple[str, str, str], str]:
    """Return stage, pulse setting and place of a block, of its rows the first alone, and its rows."""
    stage, pulse, rows, columns = name.split()
    return (stage, pulse, f"{rows.split(':')[0]} {columns}"), rows
