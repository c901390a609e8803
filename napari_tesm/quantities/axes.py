"""Axes of an image: how far apart its pixels are."""

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike


def axis_spacing(axis: xr.DataArray | ArrayLike) -> float:
    """Return the distance of two pixel centres, in the unit of the axis; 1 where a single pixel does not tell it.

    Parameters
    ----------
    axis : DataArray or array-like
        Increasing pixel centres. What is written as its attribute `spacing` goes before what they come to.
    """
    written = axis.attrs.get("spacing") if isinstance(axis, xr.DataArray) else None
    if written:
        return abs(float(written))
    centres = np.asarray(axis, dtype=np.float64)
    return float((centres[-1] - centres[0]) / (centres.size - 1)) or 1.0 if centres.size > 1 else 1.0
