r"""How strong the noise of single pixels is: what their few independent samples say, with what all pixels say.

The variance s² that a pixel shows has the scatter of a χ² of ν degrees of freedom, and behind a slow filter ν is ten or
twenty where there are hundreds of samples. If the variances of the pixels themselves scatter like a scaled inverse χ²
around σ₀² with d degrees of freedom, the best that is known of one is

.. math:: \tilde s^2 = \frac{d\,\sigma_0^2 + \nu s^2}{d + \nu}

(Smyth, G. K. (2004). Stat. Appl. Genet. Mol. Biol. 3, 3): σ₀² where all pixels have the same noise (d = ∞), s² where
they have little in common (d = 0). Both σ₀² and d follow from the pixels.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

_CLEARLY: Final = 3.0
"""Standard deviations by which ln s² must scatter more than samples do before pixels are held for different."""
_OUTLYING: Final = 1e-3
"""A larger s² of a smaller probability is a matter of its pixel alone: a glitch, a contact that is lost."""


@dataclass(frozen=True)
class NoiseLevel:
    """What all pixels say of the variance of the noise in one of them.

    Parameters
    ----------
    variance : float
        σ₀², of a sample of the record, in the square of the traces' unit; NaN where it is not known.
    scatter : float
        1/d: 0 where all pixels have the same noise.
    """

    variance: float = np.nan
    scatter: float = 0.0

    @classmethod
    def of_pixels(cls, variances: Array, freedom: Array) -> "NoiseLevel":
        """Return the level behind the variances s² of pixels, each of so many degrees of freedom, shape (n,)."""
        from scipy.optimize import brentq
        from scipy.special import polygamma

        logarithm = np.log(variances / np.mean(variances))
        by_chance = float(np.mean(polygamma(1, freedom / 2)))
        # The fourth moment of ln χ² is not far from that of a normal distribution.
        limit = by_chance * (1 + _CLEARLY * np.sqrt(2 / variances.size))
        excess = float(np.var(logarithm)) - by_chance
        if excess + by_chance <= limit:
            return cls(float(np.mean(variances)))
        half = brentq(lambda x: float(np.log(polygamma(1, x) / excess)), 1e-6, 1e9)
        expected = polygamma(0, freedom / 2) - np.log(freedom / 2)
        centre = np.mean(logarithm - expected) + float(polygamma(0, half)) - np.log(half)
        return cls(float(np.mean(variances) * np.exp(centre)), 1 / (2 * half))

    def known(self, variances: Array, freedom: Array, *, part: float = 1.0) -> Array:
        """Return the best that is known of the variances of pixels that show s² with ν degrees of freedom.

        Parameters
        ----------
        variances, freedom : ndarray, shape (...)
        part : float
            Variance in what is looked at, in parts of that in the record.
        """
        from scipy.special import chdtri, fdtri

        centre = self.variance * part
        if not np.isfinite(centre):
            return variances
        own = freedom * self.scatter
        # Pixels of one shape of the curve have one number of degrees of freedom.
        distinct, members = np.unique(freedom, return_inverse=True)
        if self.scatter > 0:
            most = fdtri(distinct, 1 / self.scatter, 1 - _OUTLYING)[members]
        else:
            most = (chdtri(distinct, _OUTLYING) / distinct)[members]
        return np.asarray(
            np.where(variances > most * centre, variances, (centre + own * variances) / (1 + own))
        )
