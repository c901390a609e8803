"""How white residuals are: the test of Ljung and Box (1978, Biometrika 65, 297-303)."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

LAGS: Final = 10
"""Lags of the test."""


def correlation_of_residuals(residuals: NDArray[np.floating]) -> Array:
    """Return the statistic of Ljung and Box, shape (...): χ² with `LAGS` degrees of freedom for white noise.

    Parameters
    ----------
    residuals : ndarray, shape (..., time)
        NaN where a sample is missing.
    """
    present = np.isfinite(residuals)
    n = present.sum(axis=-1)
    mean = np.where(present, residuals, 0.0).sum(axis=-1) / np.maximum(n, 1)
    free = np.where(present, residuals - mean[..., None], 0.0)
    square = np.square(free).sum(axis=-1)
    statistic = np.zeros(n.shape)
    for lag in range(1, LAGS + 1):
        together = (free[..., lag:] * free[..., :-lag]).sum(axis=-1) / np.where(square > 0, square, np.nan)
        statistic += together**2 / np.maximum(n - lag, 1)
    statistic *= n * (n + 2.0)
    return np.asarray(np.where(n > LAGS + 1, statistic, np.nan))


def whiteness_of_residuals(residuals: NDArray[np.floating]) -> Array:
    """Return the probability that white noise is at least as correlated, shape (...).

    Parameters
    ----------
    residuals : ndarray, shape (..., time)
        NaN where a sample is missing.
    """
    from scipy.special import gammaincc

    return np.asarray(gammaincc(LAGS / 2, correlation_of_residuals(residuals) / 2))
