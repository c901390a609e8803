r"""What the noise of a record can be made of: processes with a physical meaning and their autocorrelations.

- *white*: converters, shot noise; samples do not know of each other.
- *lock-in*: white noise behind the lock-in's filter, n RC stages with the time constant τc. Its autocorrelation is that
  of a Matérn process with the index n − 1/2,

  .. math:: \rho(t) = e^{-x}\,\frac{n'!}{(2n')!}\sum_{k=0}^{n'}\frac{(n'+k)!}{k!\,(n'-k)!}(2x)^{n'-k},
     \quad x = |t|/\tau_c,\ n' = n - 1

  (Rasmussen, C. E. and Williams, C. K. I. (2006). Gaussian Processes for Machine Learning, eq. 4.16).
- *slow*: first-order processes of many time constants; their mixture is any 1/f noise (van der Ziel, A. (1950).
  Physica 16, 359-372).
- *mains*: an oscillation that every trace meets at another phase.
- *drift*: a straight line of another slope in every trace. The one that is not stationary.
"""

from dataclasses import dataclass
from math import factorial
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from napari_tesm.kernels.low_pass import LowPass

Array = NDArray[np.float64]
Kind = Literal["white", "lock-in", "fast", "slow", "mains", "drift"]

MAINS: Final = (50.0, 60.0)
"""Frequencies of the world's grids, in Hz."""
_FILTERS: Final = (2, 4, 8)
"""Stages of a filter that nobody has told of; one stage is among the slow processes."""
_LONGEST: Final = 4.0
"""Slow processes reach up to so many records: beyond, they are a constant within each."""

_ROUNDED: Final = 1e-6
"""Of a sampling interval, by which evenly spaced times may be off."""


@dataclass(frozen=True)
class Process:
    """Noise of variance 1.

    Parameters
    ----------
    kind : {"white", "lock-in", "fast", "slow", "mains", "drift"}
    time : float
        Time constant in s; for mains the frequency in Hz, for a drift the length of the record in which its variance is
        1; 0 for white noise.
    order : int
        Stages of the filter.
    """

    kind: Kind
    time: float = 0.0
    order: int = 1

    def covariance(self, time: Array) -> Array:
        """Return the covariance of samples at times in s, shape (time, time)."""
        if (columns := self.columns(time)) is not None:
            return np.asarray(columns @ columns.T, dtype=np.float64)
        if not _is_even(time):
            return self.autocorrelation(time[:, None] - time)
        # Of evenly spaced samples each row is the one before, a sample later.
        one_sided = self.autocorrelation(time - time[0])
        both = np.concatenate([one_sided[:0:-1], one_sided])
        return np.ascontiguousarray(np.lib.stride_tricks.sliding_window_view(both, time.size)[::-1])

    def columns(self, time: Array) -> Array | None:
        """Return the few curves, shape (time, n), that mains or a drift are made of in every trace; None for others.

        With independent factors of variance 1 they are the process: their products are its covariance.
        """
        if self.kind == "drift":
            return np.asarray((time - time.mean()) * (np.sqrt(12) / self.time))[:, None]
        if self.kind == "mains":
            angle = 2 * np.pi * self.time * time
            return np.column_stack([np.cos(angle), np.sin(angle)])
        return None

    def autocorrelation(self, lags: Array) -> Array:
        """Return the correlation of two samples so far apart, for lags in s, of all but a drift."""
        if self.kind == "white":
            return np.asarray(lags == 0, dtype=np.float64)
        if self.kind == "mains":
            return np.asarray(np.cos(2 * np.pi * self.time * lags))
        x = np.abs(lags) / self.time
        last = self.order - 1
        terms = (
            factorial(last + k) / (factorial(k) * factorial(last - k)) * (2 * x) ** (last - k)
            for k in range(last + 1)
        )
        return np.asarray(sum(terms) * np.exp(-x) * (factorial(last) / factorial(2 * last)))


def _is_even(time: Array) -> bool:
    """Return whether times are evenly spaced, to the digits that files keep."""
    if time.size < 2:
        return False
    step = (time[-1] - time[0]) / (time.size - 1)
    return bool(np.abs(time - time[0] - step * np.arange(time.size)).max() <= _ROUNDED * step)


def processes_from_times(time: Array, low_pass: LowPass | None = None) -> tuple[Process, ...]:
    """Return what the noise of a record may be made of.

    Parameters
    ----------
    time : ndarray, shape (time,)
        Increasing, in s.
    low_pass : LowPass, optional
        The lock-in's filter. Behind it nothing but the recorder's own white noise is faster than the filter.
    """
    step, span = float(np.diff(time).min()), float(np.ptp(time))
    possible = [Process("white")]
    if low_pass is not None and low_pass.time_constant > step / 8:
        possible.append(Process("lock-in", low_pass.time_constant, int(low_pass.order)))
        fastest = max(4 * low_pass.order * low_pass.time_constant, step / 2)
    else:
        fastest = step / 2
        for order in _FILTERS:
            count = max(0, int(np.log2(span / step / order / 4)) + 1)
            possible += [Process("fast", 2 * step * 2.0**power, order) for power in range(count)]
    # A factor of three between time constants makes 1/f of them to within a few per cent.
    count = max(1, int(np.ceil(np.log(_LONGEST * span / fastest) / np.log(3))))
    possible += [Process("slow", fastest * 3.0**power) for power in range(count)]
    possible += [Process("mains", frequency) for frequency in MAINS]
    return (*possible, Process("drift", span))
