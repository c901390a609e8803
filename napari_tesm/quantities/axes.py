"""Axes of an image: how far apart its pixels are."""

from typing import Final

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike

_ROUNDING: Final = 1e-3
"""Of the written distance, within which pixel centres agree with it."""


def axis_spacing(axis: xr.DataArray | ArrayLike) -> float:
    """Return the distance of two pixel centres, in the unit of the axis; 1 where a single pixel does not tell it.

    Parameters
    ----------
    axis : DataArray or array-like
        Increasing pixel centres. What is written as its attribute `spacing` holds to the last bit where they agree with
        it, and for a single pixel. Where they do not, it is that of another grid: a dataset keeps its attributes when
        every second pixel is taken, or when pixels are binned.
    """
    written = axis.attrs.get("spacing") if isinstance(axis, xr.DataArray) else None
    stated = abs(float(written)) if written else 0.0
    centres = np.asarray(axis, dtype=np.float64)
    if centres.size < 2:
        return stated or 1.0
    measured = float((centres[-1] - centres[0]) / (centres.size - 1))
    if stated and abs(abs(measured) - stated) <= _ROUNDING * stated:
        return stated
    return measured or stated or 1.0
