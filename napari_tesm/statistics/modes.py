"""Modes of maps, with intervals that know that neighbouring pixels are alike."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from napari_tesm.statistics.description import (
    MOST_LIMITS,
    Estimate,
    Scale,
    mode_from_values,
    share_of_limits,
    values_on_scale,
)
from napari_tesm.statistics.independence import Mask
from napari_tesm.statistics.long_range import independent_in_map
from napari_tesm.statistics.ratios import ONE_REGION

_FEWEST_INDEPENDENT: Final = 50
"""With fewer, blocks give intervals that are too narrow: on 64x64 pixels smoothed with a Gaussian of 3 pixels, some 23
independent values, the 95 % interval of blocks holds the mode in 79 % of 150 maps."""
_LARGE: Final = 256
_MOST_BLOCKS: Final = 400
"""More say nothing new about their scatter and cost memory."""


@dataclass(frozen=True)
class Patchwork:
    """How a map is cut for a bootstrap.

    Parameters
    ----------
    area : float
        As many pixels count as one independent value; all of them where they are alike as far as the map reaches.
    side : int
        Length of a block, in pixels; 1 where every pixel is drawn by itself.
    """

    area: float
    side: int

    def labels(self, shape: tuple[int, ...]) -> NDArray[np.int64]:
        """Return to which block each pixel of a map belongs."""
        rows, columns = np.indices(shape)
        across = -(-shape[1] // self.side)
        return np.asarray((rows // self.side) * across + columns // self.side, dtype=np.int64)


def patchwork_from_map(values: NDArray[np.floating], *, scale: Scale = "log") -> Patchwork:
    """Return blocks as large as the area over which the pixels of a map are alike.

    Parameters
    ----------
    values : ndarray, shape (y, x)
    scale : {"linear", "log"}
    """
    numbers = values_on_scale(values, scale)
    middle = _middle(numbers)
    n = int(np.isfinite(middle).sum())
    if not n:
        return Patchwork(1.0, 1)
    independent = independent_in_map(middle)
    # What is alike as far as the middle reaches may be so over the whole.
    area = np.isfinite(numbers).sum() if independent < ONE_REGION <= n else n / independent
    side = round(float(np.sqrt(area)))
    if side > 1:
        side = max(side, int(np.ceil(np.sqrt(numbers.size / _MOST_BLOCKS))))
    return Patchwork(float(area), max(1, side))


def _middle(numbers: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the middle of a large map: how alike neighbours are is known from there, in a tenth of a second."""
    cut = tuple(
        slice(max(0, (size - _LARGE) // 2), max(0, (size - _LARGE) // 2) + _LARGE) for size in numbers.shape
    )
    middle = numbers[cut]
    return middle if 2 * np.isfinite(middle).sum() >= middle.size else numbers


def mode_from_map(
    values: NDArray[np.floating],
    *,
    mask: Mask | None = None,
    scale: Scale = "log",
    patchwork: Patchwork | None = None,
    seed: int = 0,
) -> Estimate | None:
    """Return the mode of a map, in its unit, with its 95 % interval.

    None for fewer than ten values, and where more than a fifth of the pixels are too slow or too fast to tell.

    The interval is NaN where the map is one independent region: nothing in it says where the mode of the next would be.

    Pixels that are alike are drawn together, in blocks of `patchwork_from_map`. Where they come to fewer than 50
    independent values, that many are drawn instead, which makes the interval wide rather than too narrow. Drawing every
    pixel by itself, on 64x64 pixels smoothed with a Gaussian of 1.5, the interval holds the mode of the distribution in
    85 % of 200 maps instead of 95 %, smoothed with 3 in 47 %; with blocks in 91 and 97 %.

    Parameters
    ----------
    values : ndarray, shape (y, x)
    mask : ndarray of bool, shape (y, x), optional
        The part that is meant.
    patchwork : Patchwork, optional
        Where it is known already.
    seed : int
        Of the bootstrap.
    """
    cut = patchwork_from_map(values, scale=scale) if patchwork is None else patchwork
    inside = np.isfinite(values_on_scale(values, scale)) & (True if mask is None else mask)
    meant = np.asarray(values, dtype=np.float64)[np.ones(inside.shape, dtype=bool) if mask is None else mask]
    if share_of_limits(meant) > MOST_LIMITS:
        return None
    chosen = np.asarray(values, dtype=np.float64)[inside]
    if cut.side == 1:
        return mode_from_values(chosen, scale=scale, seed=seed)
    independent = chosen.size / cut.area
    if independent < ONE_REGION:
        found = mode_from_values(chosen, scale=scale, independent=1, seed=seed)
        return None if found is None else Estimate(found.value, float("nan"), float("nan"))
    if independent < _FEWEST_INDEPENDENT:
        return mode_from_values(chosen, scale=scale, independent=independent, seed=seed)
    return mode_from_values(chosen, scale=scale, blocks=cut.labels(inside.shape)[inside], seed=seed)
