"""How well noise alone is described by a relaxation: the level of the response gate under noise as it is."""

from dataclasses import dataclass
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

_TAIL: Final = 0.04
"""Beyond this part of the draws their tail is taken for a generalised Pareto distribution."""
_USUAL_SHAPE: Final = 0.05
"""Standard deviation of the shape of such tails: of one curve in white noise −ln(1 − R²) is exponential, shape 0.
Behind 0.1 ms and four stages it was −0.04 in 120 000 draws, and p = 0.001 is told to 28 %."""
_STRAIGHT: Final = 1e-9
"""Shapes that are no larger are those of an exponential distribution."""


@dataclass(frozen=True, eq=False)
class NullDistribution:
    """R² of noise around a constant, from draws that went through the same search.

    Parameters
    ----------
    r2 : ndarray, shape (draws,)
        In order.
    knee, shape, scale : float
        Where the tail of −ln(1 − R²) begins, and the Pareto distribution of what lies beyond (Pickands, J. (1975).
        Ann. Stat. 3, 119-131), from its probability-weighted moments (Hosking, J. R. M. and Wallis, J. R. (1987).
        Technometrics 29, 339-349): as good here as maximum likelihood, which takes as long as fits of a whole map.
    """

    r2: Array
    knee: float
    shape: float
    scale: float

    @classmethod
    def of_draws(cls, r2: Array) -> Self:
        """Return the distribution of R² of draws, shape (n,)."""
        ordered = np.sort(r2[np.isfinite(r2)])
        tail = -np.log1p(-np.minimum(ordered, 1 - 1e-12))
        first = int((1 - _TAIL) * tail.size)
        knee = float(tail[first])
        beyond = tail[first + 1 :] - knee
        above = 1 - (np.arange(beyond.size) + 0.65) / beyond.size
        mean, weighed = float(beyond.mean()), float((beyond * above).mean())
        shape = 2 - mean / (mean - 2 * weighed)
        # With its variance of 4/3n (ibid.) beside what is known of it; of either the mean stays.
        shape *= _USUAL_SHAPE**2 / (_USUAL_SHAPE**2 + 4 / (3 * beyond.size))
        return cls(ordered, knee, shape, mean * (1 - shape))

    def probability(self, r2: Array) -> Array:
        """Return the probability of an R² as large or larger, of any shape; NaN where it is NaN."""
        x = -np.log1p(-np.clip(r2, 0, 1 - 1e-15))
        within = 1 - np.searchsorted(self.r2, r2) / self.r2.size
        over = np.maximum(x - self.knee, 0) / self.scale
        if abs(self.shape) > _STRAIGHT:
            # ln(1 + ξx)/ξ; for ξ < 0 the distribution ends at −1/ξ.
            with np.errstate(divide="ignore"):
                over = np.log(np.maximum(1 + self.shape * over, 0)) / self.shape
        beyond = _TAIL * np.exp(-over)
        return np.asarray(np.where(np.isnan(r2), np.nan, np.where(x > self.knee, beyond, within)))

    def critical(self, level: float) -> float:
        """Return the R² that noise exceeds with a probability: the inverse of `probability`."""
        if level >= _TAIL:
            return float(np.quantile(self.r2, 1 - level))
        over = float(np.log(_TAIL / level))
        if abs(self.shape) > _STRAIGHT:
            over = float(np.expm1(self.shape * over)) / self.shape
        x = self.knee + self.scale * over
        return float(-np.expm1(-x))
