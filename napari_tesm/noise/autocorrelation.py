"""How samples of the noise hang together over time: as the residuals show it, and as the model of the noise has it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_tesm.noise.correlation import NoiseModel, Residuals, counted_rows

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Autocorrelation:
    """Correlation of two samples of what fits have left over.

    Parameters
    ----------
    lags : ndarray, shape (n,)
        By how much they are apart, in s, from the sampling interval to half of the window.
    measured, modelled : ndarray, shape (n,)
        In parts of the mean square; what the fit takes out of the noise is missing in both.
    """

    lags: Array
    measured: Array
    modelled: Array


def autocorrelation_from_residuals(window: Residuals, model: NoiseModel) -> Autocorrelation | None:
    """Return the autocorrelation of the residuals of a window; None where there are none."""
    good = counted_rows(window)
    if not good.size:
        return None
    rows = window.values[good]
    covariance = model.covariance(window.time)
    expected = np.zeros(covariance.shape)
    for group, count in zip(*np.unique(window.group[good], return_counts=True), strict=True):
        basis = np.linalg.qr(window.tangents[group])[0]
        taken = np.eye(window.time.size) - basis @ basis.T
        expected += count * (taken @ covariance @ taken)
    step = float(np.diff(window.time).min())
    place = np.rint((window.time - window.time[:, None]) / step).astype(np.intp)
    later = place >= 0
    counts = np.bincount(place[later])
    measured, modelled = (
        np.bincount(place[later], products[later]) / np.maximum(counts, 1)
        for products in (rows.T @ rows, expected)
    )
    lags = np.flatnonzero(counts[: counts.size // 2])[1:]
    return Autocorrelation(
        np.asarray(lags * step, dtype=np.float64), measured[lags] / measured[0], modelled[lags] / modelled[0]
    )
