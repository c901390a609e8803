"""How well noise alone is described by a relaxation: the level of the response gate under noise as it is."""

from dataclasses import dataclass
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

_TAIL: Final = 0.02
"""Beyond this part of the draws their tail is taken for a generalised Pareto distribution."""


@dataclass(frozen=True, eq=False)
class NullDistribution:
    """R² of noise around a constant, from draws that went through the same search.

    Parameters
    ----------
    r2 : ndarray, shape (draws,)
        In order.
    knee, shape, scale : float
        Where the tail of −ln(1 − R²) begins, and the Pareto distribution of what lies beyond (Pickands, J. (1975).
        Ann. Stat. 3, 119-131).
    """

    r2: Array
    knee: float
    shape: float
    scale: float

    @classmethod
    def of_draws(cls, r2: Array) -> Self:
        """Return the distribution of R² of draws, shape (n,)."""
        from scipy.stats import genpareto

        ordered = np.sort(r2[np.isfinite(r2)])
        tail = -np.log1p(-np.minimum(ordered, 1 - 1e-12))
        knee = float(tail[int((1 - _TAIL) * tail.size)])
        shape, _, scale = genpareto.fit(tail[tail > knee] - knee, floc=0)
        return cls(ordered, knee, float(shape), float(scale))

    def probability(self, r2: Array) -> Array:
        """Return the probability of an R² as large or larger, of any shape; NaN where it is NaN."""
        from scipy.stats import genpareto

        x = -np.log1p(-np.clip(r2, 0, 1 - 1e-15))
        within = 1 - np.searchsorted(self.r2, r2) / self.r2.size
        beyond = _TAIL * genpareto.sf(x - self.knee, self.shape, scale=self.scale)
        return np.asarray(np.where(np.isnan(r2), np.nan, np.where(x > self.knee, beyond, within)))

    def critical(self, level: float) -> float:
        """Return the R² that noise exceeds with a probability: the inverse of `probability`."""
        from scipy.stats import genpareto

        if level >= _TAIL:
            return float(np.quantile(self.r2, 1 - level))
        x = self.knee + genpareto.isf(level / _TAIL, self.shape, scale=self.scale)
        return float(-np.expm1(-x))
