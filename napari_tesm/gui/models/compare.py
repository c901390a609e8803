"""Trace against retrace, without widgets: align one map with the other, and ask whether the surface shines through."""

from dataclasses import astuple, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from psygnal import Signal

from napari_tesm.data.maps import values_of
from napari_tesm.findings.table import Column, Table
from napari_tesm.gui.models.form_words import sentence_for_forms
from napari_tesm.gui.models.region_quantities import QuantityBook
from napari_tesm.gui.models.scan import Scan
from napari_tesm.registration import shift_between
from napari_tesm.registration.maps import CrossTalk, cross_talk_from_maps, moved_map
from napari_tesm.scan.scan import WORDS_OF_SURFACE

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Alignment:
    """What is done to the second map: mirrored, then shifted by (dy, dx) pixels."""

    flip: bool = False
    dy: float = 0.0
    dx: float = 0.0

    def __str__(self) -> str:
        words = ["flipped left to right"] if self.flip else []
        if self.dy or self.dx:
            words.append(f"shifted by {self.dy:+.2f} px down and {self.dx:+.2f} px right")
        return ", ".join(words) or "as recorded"


class CompareModel:
    """Two pulse settings of one scan, the second aligned with the first.

    Parameters
    ----------
    scan : Scan
    """

    changed = Signal()

    def __init__(self, scan: Scan) -> None:
        self.scan = scan
        self.message = ""
        self.alignment = Alignment()
        self.first, self.second = self._default_pair()
        self._result: tuple[Any, CrossTalk | None] | None = None

    @property
    def problem(self) -> str:
        """Why there is nothing to compare, in a sentence; empty where there is."""
        if self.scan.pulsed is None:
            return self.scan.problem
        if len(self.scan.labels) < 2:
            return "Only one pulse setting was recorded: there is nothing to compare it with."
        if self.heights() is None:
            return "H is not known yet: say when the pulse was on, or fit the scan first."
        return ""

    def heights(self) -> Array | None:
        """Return H of every pulse setting without hot pixels, shape (pulse, y, x), None where it is not known."""
        maps = self.scan.maps if "H" in (self.scan.maps or ()) else QuantityBook.of(self.scan).heights()
        return (
            None if maps is None else np.stack([values_of(maps, "H", n) for n in range(maps.sizes["pulse"])])
        )

    def choose(self, first: int, second: int) -> None:
        """Compare two other pulse settings; the alignment starts anew."""
        self.first, self.second = first, second
        self.align(Alignment())

    def align(self, alignment: Alignment) -> None:
        """Mirror and shift the second map."""
        self.alignment, self.message, self._result = alignment, "", None
        self.changed.emit()

    def measure(self) -> bool:
        """Find the shift with the present choice of the flip; a sentence in `message` says why not."""
        maps = self._pair()
        if maps is None:
            return False
        flipped = maps[1][:, ::-1] if self.alignment.flip else maps[1]
        try:
            shift = shift_between(np.abs(maps[0]), np.abs(flipped))
        except ValueError as error:
            self.message = sentence_for_forms(error)
            self.changed.emit()
            return False
        self.align(Alignment(self.alignment.flip, round(shift.dy, 3), round(shift.dx, 3)))
        self.message = (
            f"Correlation of |H|, levelled, {shift.before:.2f} before, {shift.after:.2f} after the shift."
        )
        self.changed.emit()
        return True

    def aligned(self) -> Array | None:
        """Return the second map, mirrored and shifted, in the unit of H."""
        maps = self._pair()
        if maps is None:
            return None
        return moved_map(maps[1], self.alignment.dy, self.alignment.dx, flip=self.alignment.flip)

    def difference(self) -> Array | None:
        """Return |H| of the aligned second map minus |H| of the first."""
        result = self.result()
        return None if result is None else result.difference

    def result(self) -> CrossTalk | None:
        """Return correlations and warnings for the present alignment."""
        maps, second = self._pair(), self.aligned()
        if maps is None or second is None:
            return None
        state = (self.scan.maps, self.alignment, self.scan.dataset)
        if self._result is None or any(a is not b for a, b in zip(self._result[0], state, strict=True)):
            self._result = (
                state,
                cross_talk_from_maps(maps[0], second, self.surface(), spacing=self.scan.spacing),
            )
        return self._result[1]

    def table(self) -> Table:
        """Return how |H| correlates with the other map and with the surface; what shines through has a warning."""
        numbers = [Column(title, decimals=2) for title in ("r", "Spearman", "low", "high")]
        result, rows = self.result(), []
        if result is not None:
            for name, correlation in ("the other way", result.between), *result.with_surface.items():
                warned = any(f"the {name} " in text for text in result.warnings)
                rows.append([f"⚠ {name}" if warned else name, *astuple(correlation)])
        return Table("", "", ("|H| with", *numbers, "n"), rows)

    def surface(self) -> dict[str, Array]:
        """Return topography and deflection error of the scan's grid, by the titles they have."""
        words = [word for of_kind in WORDS_OF_SURFACE.values() for word in of_kind]
        return {
            title.lower(): np.asarray(image.values, dtype=np.float64)
            for title, image in self.scan.images.items()
            if any(word in title.lower() for word in words)
        }

    def shift_in_words(self) -> str:
        """Return the alignment in pixels and in nm."""
        display = self.scan.display
        if not (self.alignment.dy or self.alignment.dx) or display.unit == "pixel":
            return str(self.alignment)
        down, right = self.alignment.dy * display.spacing[0], self.alignment.dx * display.spacing[1]
        return f"{self.alignment} ({down:+.3g}, {right:+.3g} {display.unit})"

    def _pair(self) -> tuple[Array, Array] | None:
        heights = self.heights()
        if heights is None or max(self.first, self.second) >= len(heights):
            return None
        return heights[self.first], heights[self.second]

    def _default_pair(self) -> tuple[int, int]:
        """Choose the first positive and the first negative voltage, else the first two settings."""
        volts = self.scan.voltages
        up, down = np.flatnonzero(volts > 0), np.flatnonzero(volts < 0)
        if up.size and down.size:
            return int(up[0]), int(down[0])
        return 0, min(1, max(0, len(volts) - 1))
