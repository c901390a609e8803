"""Ranges of colours by percent of the pixels or by standard deviations."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

PRESETS: Final = {
    "all": "All values",
    "0.5": "0.5 to 99.5 %",
    "2": "2 to 98 %",
    "10": "10 to 90 %",
    "2s": "Mean ± 2 σ",
    "3s": "Mean ± 3 σ",
}
"""Titles by what `range_of_values` knows them by."""
_ROUNDS: Final = 3
_CLIPPED: Final = 4.0


def range_of_values(
    values: Sequence[Array], preset: str, *, signed: bool = False
) -> tuple[float, float] | None:
    """Return the ends of the colours for maps that share them; None where they have no two different values.

    Parameters
    ----------
    values : sequence of ndarray
        In one unit; what is not finite is left out.
    preset : str
        Of `PRESETS`. Mean and σ are those of the pixels within 4 σ: hot pixels do not rule them.
    signed : bool
        Zero lies in the middle.
    """
    finite = np.concatenate([part[np.isfinite(part)].ravel() for part in values]) if values else np.zeros(0)
    if finite.size == 0 or np.ptp(finite) == 0:
        return None
    if preset == "all":
        low, high = float(finite.min()), float(finite.max())
    elif preset.endswith("s"):
        kept = finite
        for _ in range(_ROUNDS):
            kept = kept[np.abs(kept - kept.mean()) <= _CLIPPED * kept.std()]
        reach = float(preset[:-1]) * float(kept.std())
        low, high = float(kept.mean()) - reach, float(kept.mean()) + reach
    else:
        percent = float(preset)
        low, high = (float(end) for end in np.percentile(finite, [percent, 100 - percent]))
    if signed:
        high = max(abs(low), abs(high))
        low = -high
    return (low, high) if high > low else None
