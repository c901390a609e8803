"""How many pixels a fit resolves, and what became of the others: counted, and in words."""

from dataclasses import dataclass

import numpy as np
import xarray as xr

from napari_tesm.data.maps import FITS, labels_from_maps, map_name, words_of_fit
from napari_tesm.quantities.status import OK, STATUS_MEANINGS


@dataclass(frozen=True)
class FitCounts:
    """Pixels of one window and pulse setting by their status.

    Parameters
    ----------
    window : int
        1 for the pulse, 2 for the relaxation, `napari_tesm.data.maps.JOINT` for both together.
    label : str
        What tells the pulse setting apart, ``(-3 V)``; may be empty.
    by_status : tuple of int
        In the order of the status values.
    """

    window: int
    pulse: int
    label: str
    by_status: tuple[int, ...]

    @property
    def pixels(self) -> int:
        """All pixels of the map."""
        return sum(self.by_status)

    @property
    def fitted(self) -> int:
        """Pixels with a number."""
        return self.by_status[OK]

    def rejected(self) -> list[tuple[str, int]]:
        """Return why pixels have no number, and how many: meanings of the status as DESIGN names them."""
        return [
            (meaning, count)
            for value, (meaning, count) in enumerate(zip(STATUS_MEANINGS, self.by_status, strict=True))
            if value != OK and count
        ]

    def share_in_words(self) -> str:
        """Return ``1 402 (71 %)``; a share that is neither none nor all is not rounded to it."""
        return f"{grouped(self.fitted)} ({self._percent()} %)"

    def in_words(self) -> str:
        """Return ``window 1 (-3 V): 1 402 of 1 961 pixels fitted (71 %); no response 559``."""
        line = f"{words_of_fit(self.window)} {self.label}".rstrip()
        line += f": {grouped(self.fitted)} of {grouped(self.pixels)} pixels fitted ({self._percent()} %)"
        reasons = ", ".join(
            f"{meaning.replace('_', ' ')} {grouped(count)}" for meaning, count in self.rejected()
        )
        return f"{line}; {reasons}" if reasons else line

    def _percent(self) -> str:
        share = self.fitted / self.pixels
        return f"{100 * share:.{0 if share in (0, 1) or 0.01 <= share <= 0.99 else 2}f}"


def counts_from_maps(maps: xr.Dataset) -> list[FitCounts]:
    """Return the counts of every window and pulse setting of a result."""
    return [
        FitCounts(number, pulse, label, _counted(maps[map_name("status", number)].values[pulse]))
        for number in FITS
        if map_name("status", number) in maps
        for pulse, label in enumerate(labels_from_maps(maps))
    ]


def grouped(count: int) -> str:
    """Return a count in groups of three digits."""
    return f"{int(count):,}".replace(",", "\u2009")


def _counted(status: np.ndarray) -> tuple[int, ...]:
    counts = np.bincount(status.ravel(), minlength=len(STATUS_MEANINGS))
    return tuple(int(count) for count in counts)
