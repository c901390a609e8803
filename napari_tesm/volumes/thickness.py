"""What a map of thickness comes to: mean, heterogeneity, and the error of the mean of one field of view."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from napari_tesm.statistics.independence import independent_samples
from napari_tesm.volumes.surfaces import MOST_CUT

METHOD: Final = 0.01
"""By which part a mean thickness has been found wrong where it is known (see the page on volumes)."""
_LARGEST: Final = 512
"""Pixels along a side of the map whose correlation is looked at; larger ones are averaged over blocks first."""


@dataclass(frozen=True)
class Thickness:
    """Thickness of an electrode over one field of view, in m.

    Parameters
    ----------
    mean : float
    sd : float
        Standard deviation over the field: the electrode's own heterogeneity, no error.
    mean_error : float
        Standard error of the mean, as far as one field tells; samples differ by more.
    independent : float
        As how many independent values the columns count.
    """

    mean: float
    sd: float
    mean_error: float
    independent: float

    @property
    def error(self) -> float:
        """Standard error of the mean with what the method itself may be wrong by: one per cent."""
        return math.hypot(self.mean_error, METHOD * self.mean)

    @property
    def known(self) -> bool:
        """Whether there is a number at all."""
        return math.isfinite(self.mean)


UNKNOWN: Final = Thickness(math.nan, math.nan, math.nan, 0.0)
"""Of an electrode that most of its columns do not tell."""


def thickness_of_electrode(surfaces: xr.Dataset) -> Thickness:
    """Return the thickness between surfaces, `UNKNOWN` where the top of the volume cuts off more than half of it.

    Parameters
    ----------
    surfaces : xarray.Dataset
        As `surfaces_of` gives them.

    Raises
    ------
    ValueError
        If too many numbers are missing in every column.
    """
    if surfaces.attrs["cut"] > MOST_CUT or not surfaces.attrs["air"]:
        return UNKNOWN
    return thickness_of(surfaces["thickness"].values)


def thickness_of(thickness: NDArray[np.floating]) -> Thickness:
    """Return mean, standard deviation and the error of the mean of a map of thickness.

    Neighbouring columns are alike, so the error counts independent ones: `independent_samples`.

    Parameters
    ----------
    thickness : ndarray, shape (y, x), in m
        NaN where it is not known.

    Raises
    ------
    ValueError
        If it is known nowhere.
    """
    values = np.asarray(thickness, dtype=np.float64)
    if not np.isfinite(values).any():
        raise ValueError(
            "the thickness is not known in any column: too many numbers of the volume are missing"
        )
    coarse = _in_blocks(values, -(-max(values.shape) // _LARGEST))
    (independent,) = independent_samples(coarse, np.ones(coarse.shape, dtype=bool))
    mean, sd = float(np.nanmean(values)), float(np.nanstd(values))
    if sd == 0:
        return Thickness(mean, 0.0, 0.0, independent)
    # The spread about the field's own mean lacks what that mean took up.
    error = float(np.nanstd(coarse)) / math.sqrt(max(independent - 1, 1.0))
    return Thickness(mean, sd, error, independent)


def _in_blocks(values: NDArray[np.float64], side: int) -> NDArray[np.float64]:
    if side == 1:
        return values
    rows, columns = (size // side for size in values.shape)
    whole = values[: rows * side, : columns * side]
    return np.asarray(whole.reshape(rows, side, columns, side).mean(axis=(1, 3)))
