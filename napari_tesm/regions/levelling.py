"""Images levelled: the tilt of a plane, or the level of each line, taken off."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]


def without_plane(image: ArrayLike) -> Array:
    """Return an image without its mean and tilt: less the plane that is nearest to it by least squares.

    Parameters
    ----------
    image : array-like, shape (y, x)
        NaN where there is no value.

    Raises
    ------
    ValueError
        If the pixels with a value lie on one line, so that no plane goes through them.
    """
    values = np.asarray(image, dtype=np.float64)
    good = np.isfinite(values)
    rows, columns = (np.arange(size, dtype=np.float64) for size in values.shape)
    places = np.meshgrid(rows, columns, indexing="ij")
    # About the middle of the pixels: far from it the three parts of the plane would hardly differ.
    parts = [np.ones(values.shape)] + [part - part[good].mean() for part in places if good.any()]
    if not good.any() or np.linalg.matrix_rank(_columns(parts, good)) < len(parts):
        raise ValueError("a plane needs pixels with a value that do not lie on one line")
    size = float(np.abs(values[good]).max()) or 1.0
    found = np.linalg.lstsq(_columns(parts, good), values[good] / size, rcond=None)[0]
    return np.asarray(values - size * sum(weight * part for weight, part in zip(found, parts, strict=True)))


def without_line_levels(image: ArrayLike) -> Array:
    """Return an image whose lines (rows) have one median, that of the image before.

    Parameters
    ----------
    image : array-like, shape (y, x)
        NaN where there is no value; a line without any stays as it is.
    """
    values = np.asarray(image, dtype=np.float64).copy()
    lines = np.isfinite(values).any(axis=1)
    if lines.any():
        level = np.nanmedian(values)
        values[lines] += (level - np.nanmedian(values[lines], axis=1))[:, None]
    return values


def _columns(parts: list[Array], good: NDArray[np.bool_]) -> Array:
    return np.stack([part[good] for part in parts], axis=1)
