r"""Relaxation kernels with two parameters that are not linear: a time and a shape.

They are empirical: a stretched exponential stands for a distribution of relaxation times, two exponentials for two
processes, a power law for the tail of diffusion. The engine in `napari_tesm.fitting.shapes` searches both parameters.

D is taken from the **mean relaxation time**, the area below the relaxation,
:math:`\langle\tau\rangle = \int_0^\infty g\,dt` with g(0) = 1, in place of tau: for one exponential it is tau itself,
for a stretched one :math:`(\tau/\beta)\Gamma(1/\beta)`, for two exponentials the mean of both times weighted by their
amplitudes, for the power law :math:`t_0/(m-1)`. It does not exist, and D has no meaning, where the power law falls as
1/t or slower (m ≤ 1: the area is infinite) and where two amplitudes have opposite signs (the trace rises and falls).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, Final

import numpy as np
from numpy.typing import NDArray

from napari_tesm.kernels.low_pass import LowPass
from napari_tesm.kernels.one_parameter import LEAST_FILTERED

Array = NDArray[np.float64]
MeanTime = tuple[Array, Array, Array]


@dataclass(frozen=True)
class ShapeKernel:
    """A two-parameter family of unit curves, or of pairs of them.

    Parameters
    ----------
    name : str
        The name used everywhere: command line, recipe, metadata.
    words : str
        What it describes, in a few words.
    formula : callable
        Takes times from the start of the window, shape (time,), increasing from 0 or later, and points p, shape
        (n, 2); returns new arrays of ``g − constant``, shape (n, curves, time), and of the constants, shape
        (n, curves).
    mean_time : callable
        Takes p, shape (n, 2), and the share of the first curve, shape (n,); returns the mean relaxation time, its
        derivative by p, shape (n, 2), and by the share. NaN where there is no mean.
    curves : int
        How many curves are added, each with an amplitude of its own.
    first, second : (float, float)
        Range of exp(p), the first in windows.
    spacing : (float, float)
        Largest distance of two nodes of its table in p, found by measuring: with these the residual sum of squares is
        right to 1e-6 of itself.
    natural : ((float, float), (float, float))
        Rows that lead from p to ln tau and to ln shape.
    second_name : str
        What the second parameter is called in results and maps: ``"beta"``, ``"tau_slow"``, ``"exponent"``.
    low_pass : LowPass, optional
        The lock-in's filter, which the curves have passed.
    """

    name: str
    words: str
    formula: Callable[[Array, Array], tuple[Array, Array]]
    mean_time: Callable[[Array, Array], MeanTime]
    curves: int
    first: tuple[float, float]
    second: tuple[float, float]
    spacing: tuple[float, float]
    natural: tuple[tuple[float, float], tuple[float, float]]
    second_name: str
    low_pass: LowPass | None = None
    geometry: ClassVar[None] = None
    """How D follows is the user's to choose, as for the exponential."""
    joint: ClassVar[bool] = False
    fewest_samples: ClassVar[int] = 8
    """A trace with fewer finite samples is invalid: there are up to five parameters."""
    time_of_diffusion: ClassVar[str] = "tau_mean"
    """The time that D is taken from."""

    @property
    def parameters(self) -> int:
        """How many numbers describe a trace: time, shape, amplitudes and final value."""
        return 3 + self.curves

    @property
    def quantities(self) -> tuple[str, ...]:
        """What a fit gives beyond tau, a and c; each has a standard error of its own."""
        return (self.second_name, *(("share",) if self.curves == 2 else ()), "tau_mean")

    @property
    def least_left(self) -> float:
        """How much of a curve must be left from the first sample on for its digits to mean anything."""
        # The squares of less would be no numbers.
        return 1e-100 if self.low_pass is None else LEAST_FILTERED

    def unit_curves(self, time: Array, p: Array) -> tuple[Array, Array]:
        """Return ``g − constant``, shape (n, curves, time), and the constants, shape (n, curves), after the filter."""
        if self.low_pass is None:
            return self.formula(time, p)

        def before(grid: Array) -> Array:
            return self.formula(grid, p)[0].reshape(-1, grid.size)

        filtered = self.low_pass.filtered(before, time).reshape(len(p), self.curves, time.size)
        return filtered, np.ones((len(p), self.curves))

    def points(self, tau: Array, second: Array) -> Array:
        """Return p, shape (n, 2), of tau and the second parameter, shape (n,)."""
        logs = np.log(np.stack([tau, second]))
        return np.asarray(np.linalg.solve(np.array(self.natural, dtype=np.float64), logs).T)


def stretched_decay(time: Array, p: Array) -> tuple[Array, Array]:
    """Return ``exp(−(t/tau)^β)`` less its first value, and that value; p = (ln tau, ln β).

    Kohlrausch, R. (1854). Ann. Phys. 167, 179-214; Williams, G. and Watts, D. C. (1970). Trans. Faraday Soc. 66, 80-85.
    """
    with np.errstate(divide="ignore"):
        log_time = np.log(time)
    exponent = np.exp(np.minimum(np.exp(p[:, 1, None]) * (log_time - p[:, 0, None]), 700.0))
    first = np.exp(-exponent[:, 0])
    curves = np.expm1(exponent[:, :1] - exponent)
    curves *= first[:, None]
    return curves[:, None], first[:, None]


def power_decay(time: Array, p: Array) -> tuple[Array, Array]:
    """Return ``1/(1 + t/t0)^m`` less its first value, and that; p = (ln(t0/m), ln m), t0/m the time of the first fall.

    With t0/m instead of t0 the two hardly depend on each other, and m → ∞ is the exponential.
    """
    m = np.exp(p[:, 1, None])
    t0 = m * np.exp(p[:, :1])
    first = np.exp(-m * np.log1p(time[0] / t0))
    curves = np.expm1(-m * np.log1p((time - time[0]) / (t0 + time[0])))
    curves *= first
    return curves[:, None], first


def two_decays(time: Array, p: Array) -> tuple[Array, Array]:
    """Return ``exp(−t/tau)`` less its first value for both times, and those; p = (mean of logarithms, difference)."""
    rates = np.exp(-(p[:, :1] + p[:, 1:] * np.array([-0.5, 0.5])))
    first = np.exp(-time[0] * rates)
    curves = np.expm1((time[0] - time) * rates[:, :, None])
    curves *= first[:, :, None]
    return curves, first


def mean_of_stretched(p: Array, share: Array) -> MeanTime:
    r"""Return :math:`(\tau/\beta)\Gamma(1/\beta)` and its derivatives (Lindsey, C. P. and Patterson, G. D. (1980).

    J. Chem. Phys. 73, 3348-3357, eq. 7).
    """
    from scipy.special import gammaln, psi

    inverse = np.exp(-p[:, 1])
    mean = np.exp(p[:, 0] - p[:, 1] + gammaln(inverse))
    slope = np.stack([mean, -mean * (1 + inverse * psi(inverse))], axis=1)
    return mean, slope, np.zeros_like(share)


def mean_of_power(p: Array, share: Array) -> MeanTime:
    """Return ``t0/(m − 1)`` and its derivatives; NaN for m ≤ 1."""
    beyond = np.expm1(p[:, 1])
    beyond = np.where(beyond > 0, beyond, np.nan)
    mean = np.exp(p[:, 0] + p[:, 1]) / beyond
    return mean, np.stack([mean, -mean / beyond], axis=1), np.zeros_like(share)


def mean_of_two(p: Array, share: Array) -> MeanTime:
    """Return ``share·tau + (1 − share)·tau_slow`` and its derivatives; NaN where the amplitudes differ in sign."""
    share = np.where((share >= 0) & (share <= 1), share, np.nan)
    fast, slow = np.exp(p[:, 0] - p[:, 1] / 2), np.exp(p[:, 0] + p[:, 1] / 2)
    of_fast, of_slow = share * fast, (1 - share) * slow
    mean = of_fast + of_slow
    return mean, np.stack([mean, (of_slow - of_fast) / 2], axis=1), fast - slow


SHAPE_KERNELS: Final = {
    kernel.name: kernel
    for kernel in (
        ShapeKernel(
            "stretched", "a distribution of relaxation times", stretched_decay, mean_of_stretched, 1,
            (0.01, 10.0), (0.2, 2.0), (0.27, 0.24), ((1, 0), (0, 1)), "beta",
        ),
        ShapeKernel(
            "biexponential", "two processes, each with an exponential", two_decays, mean_of_two, 2,
            (0.02, 3.0), (1.5, 150.0), (0.36, 0.42), ((1, -0.5), (1, 0.5)), "tau_slow",
        ),
        ShapeKernel(
            "power", "a power law", power_decay, mean_of_power, 1,
            (0.003, 10.0), (0.1, 30.0), (0.42, 0.64), ((1, 1), (0, 1)), "exponent",
        ),
    )
}  # fmt: skip
"""The kernels by name."""
