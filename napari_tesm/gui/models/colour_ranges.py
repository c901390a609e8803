"""Ranges of colours by percent of the pixels or by standard deviations."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from napari_tesm.gui.models.layer_looks import DIVERGING, NEGATIVE, ONE_SIGN

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
SIGNED: Final = (ONE_SIGN, NEGATIVE, DIVERGING)
"""Colours of one quantity: which of them a map has depends on its values."""
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


def shared_colours(colormaps: Sequence[str], low: float, high: float) -> list[tuple[str, float, float]]:
    """Return colours and their ends for maps of one quantity, those of the first map being given.

    As large a value has as dark a colour in all of them: a map of negative values among positive ones gets the ends
    with the other sign. Where one of the maps has both signs, all are on the diverging scale.

    Parameters
    ----------
    colormaps : sequence of str
        By name; only those of `SIGNED` say a sign.
    low, high : float
        For the first map.

    Examples
    --------
    >>> shared_colours(["Reds", "Blues_r"], 1.0, 4.0)
    [('Reds', 1.0, 4.0), ('Blues_r', -4.0, -1.0)]
    >>> shared_colours(["RdBu_r", "Blues_r"], -3.0, 3.0)
    [('RdBu_r', -3.0, 3.0), ('RdBu_r', -3.0, 3.0)]
    """
    if DIVERGING in colormaps and {*colormaps} <= {*SIGNED}:
        reach = max(abs(low), abs(high))
        return [(DIVERGING, -reach, reach)] * len(colormaps)
    turned = [(name == NEGATIVE) != (colormaps[0] == NEGATIVE) for name in colormaps]
    return [
        (name, -high, -low) if turn else (name, low, high)
        for name, turn in zip(colormaps, turned, strict=True)
    ]


def values_for_shared_colours(values: Sequence[Array], colormaps: Sequence[str]) -> list[Array]:
    """Return the values that ends shared by maps are taken of: in the sign of the first, as `shared_colours` has it."""
    if DIVERGING in colormaps:
        return list(values)
    return [
        -part if (name == NEGATIVE) != (colormaps[0] == NEGATIVE) else part
        for part, name in zip(values, colormaps, strict=True)
    ]
