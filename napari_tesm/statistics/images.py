"""Images with missing pixels: filled, levelled, smoothed."""

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def filled(image: NDArray[Any], missing: NDArray[np.bool_] | None = None) -> NDArray[Any]:
    """Return an image whose missing pixels, by default those that are not finite, have the value of the nearest one."""
    from scipy.ndimage import distance_transform_edt

    if missing is None:
        missing = ~np.isfinite(image)
    if not missing.any():
        return image
    nearest = distance_transform_edt(missing, return_distances=False, return_indices=True)
    return np.asarray(image[tuple(nearest)])


def without_plane(image: Array) -> Array:
    """Return an image without the plane that fits it best, so that its mean is zero too.

    Parameters
    ----------
    image : ndarray, shape (y, x)
        Pixels without a value keep none.
    """
    present = np.isfinite(image)
    if not present.any():
        return image
    places = np.indices(image.shape).astype(np.float64)
    ramps = [place / size - 0.5 for place, size in zip(places, image.shape, strict=True) if size > 1]
    basis = np.stack([np.ones(image.shape), *ramps])
    plane = np.linalg.lstsq(basis[:, present].T, image[present], rcond=None)[0]
    return np.asarray(image - np.tensordot(plane, basis, axes=1))


def smoothed_over_gaps(
    image: Array,
    width: float | Sequence[float],
    *,
    beyond: Literal["constant", "reflect"] = "constant",
    fewest: float = 0.2,
) -> tuple[Array, NDArray[np.bool_]]:
    """Return an image under a Gaussian, and where enough was known for that; missing pixels count nothing.

    Parameters
    ----------
    image : ndarray, shape (y, x)
    width : float, or one for each axis
        Standard deviation, in pixels.
    beyond : {"constant", "reflect"}
        What lies beyond the border: nothing, or the image mirrored.
    fewest : float
        The weight that known pixels must have together, 1 for all.

    Returns
    -------
    smooth : ndarray, shape (y, x)
        Zero where too little was known.
    known : ndarray of bool, shape (y, x)
    """
    from scipy.ndimage import gaussian_filter

    present = np.isfinite(image)
    weight = gaussian_filter(present.astype(np.float64), width, mode=beyond)
    total = gaussian_filter(np.where(present, image, 0.0), width, mode=beyond)
    good = present & (weight > fewest)
    return np.divide(total, weight, out=np.zeros(image.shape), where=good), good
