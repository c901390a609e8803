"""The tip radius as a distribution: what not knowing it well does to D.

D goes with the square of the radius, for every kernel: the fit gives a time, and the radius alone turns it into D. With
25 ± 5 nm the interval of D is far from symmetric, and the same for all pixels of a map.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from napari_tesm.quantities.limits import check_level, check_radius

Array = NDArray[np.float64]

LEVELS: Final = {"68": 0.6827, "95": 0.95}
"""Probabilities of the intervals that are given, by what they are called."""
_NODES: Final = 401
"""Equally likely radii that stand for a distribution."""
_LARGEST_ERROR: Final = 50.0
"""Of ln D: its limits would not be numbers any more."""


@dataclass(frozen=True, eq=False)
class TipRadius:
    """Equally likely tip radii, and the one that D was calculated with.

    Parameters
    ----------
    nominal : float
        In m.
    radii : ndarray, shape (n,)
        Increasing, in m.
    """

    nominal: float
    radii: Array

    @classmethod
    def normal(cls, radius: float, error: float) -> "TipRadius":
        """Return a normal distribution, cut off at zero.

        Raises
        ------
        ValueError
            If the radius makes no sense or the error is negative, or not a number.
        """
        from scipy.special import ndtr, ndtri

        check_radius(radius)
        if not 0 <= error < 1:
            raise ValueError(
                f"the error of the tip radius must not be negative, nor a metre or more, not {error:g} m"
            )
        if error == 0:
            return cls(radius, np.array([radius]))
        lowest = ndtr(-radius / error)
        probability = lowest + (1 - lowest) * (np.arange(_NODES) + 0.5) / _NODES
        return cls(radius, radius + error * ndtri(probability))

    @classmethod
    def measured(cls, radii: NDArray[np.floating]) -> "TipRadius":
        """Return the distribution of radii that were measured, in m; the median is the nominal one.

        Raises
        ------
        ValueError
            If there is none, or one makes no sense.
        """
        increasing = np.sort(np.asarray(radii, dtype=np.float64).ravel())
        if increasing.size == 0:
            raise ValueError("a distribution of tip radii needs at least one radius")
        for radius in (increasing[0], increasing[-1]):
            check_radius(float(radius))
        return cls(float(np.median(increasing)), increasing)

    def factors(self, level: float = 0.95) -> tuple[float, float]:
        """Return what the limits of D are to D itself, for a whole map: the systematic part alone.

        Examples
        --------
        >>> low, high = TipRadius.normal(25e-9, 5e-9).factors(0.6827)
        >>> round(low, 2), round(high, 2)
        (0.64, 1.44)
        """
        check_level(level)
        tail = (1 - level) / 2
        # Each radius stands for the middle of its share, as the nodes of `normal` do.
        low, high = np.quantile((self.radii / self.nominal) ** 2, [tail, 1 - tail], method="hazen")
        return float(low), float(high)

    def interval(
        self, diffusion: NDArray[np.floating], log_stderr: NDArray[np.floating], *, level: float = 0.95
    ) -> tuple[Array, Array]:
        """Return limits of D from both causes, in m²/s: the radius, and the fit with a normal error of ln D.

        Parameters
        ----------
        diffusion : ndarray
            D with the nominal radius, in m²/s.
        log_stderr : ndarray
            Standard error of ln D from the fit. Where it, or D, is NaN the limits are.

        Raises
        ------
        ValueError
            If a D is not positive, an error negative or infinite, or the level no probability.
        """
        from scipy.special import ndtr

        if (np.asarray(diffusion) <= 0).any() or np.isinf(diffusion).any():
            raise ValueError("a diffusion coefficient must be larger than zero, and finite")
        if (np.asarray(log_stderr) < 0).any() or (np.asarray(log_stderr) > _LARGEST_ERROR).any():
            raise ValueError(f"the standard error of ln D must lie between 0 and {_LARGEST_ERROR:g}")

        check_level(level)
        tail = (1 - level) / 2
        shifts = 2 * np.log(self.radii / self.nominal)
        centre, error = np.broadcast_arrays(np.log(diffusion), np.asarray(log_stderr, dtype=np.float64))
        limits = []
        for probability in (tail, 1 - tail):
            # The quantile of a mixture of normal distributions lies between those of its members.
            low = np.full(centre.shape, shifts[0]) - 10 * error
            high = np.full(centre.shape, shifts[-1]) + 10 * error
            for _ in range(50):
                middle = (low + high) / 2
                below = np.zeros(centre.shape)
                for shift in shifts:
                    below += ndtr((middle - shift) / np.maximum(error, 1e-12))
                too_low = below / shifts.size < probability
                low, high = np.where(too_low, middle, low), np.where(too_low, high, middle)
            limits.append(np.asarray(np.exp(centre + (low + high) / 2)))
        return limits[0], limits[1]


def systematic_intervals(diffusion: float, radius: float, error: float) -> dict[str, tuple[float, float]]:
    """Return where D, in m²/s, lies for a normal error of the tip radius, with 68 and with 95 %.

    Parameters
    ----------
    diffusion : float
        D that was taken with this radius; of a map its median, as all pixels share the radius.
    radius, error : float
        In m; the distribution is cut off at zero, so that the error may be as large as it is.

    Examples
    --------
    The rule D·(1 ± 2 σ/l) would say 0.6 to 1.4, and 0.2 to 1.8.

    >>> limits = systematic_intervals(1.0, 25e-9, 5e-9)
    >>> {level: (round(low, 2), round(high, 2)) for level, (low, high) in limits.items()}
    {'68': (0.64, 1.44), '95': (0.37, 1.94)}
    """
    tip = TipRadius.normal(radius, error)
    factors = {name: tip.factors(level) for name, level in LEVELS.items()}
    return {name: (diffusion * low, diffusion * high) for name, (low, high) in factors.items()}
