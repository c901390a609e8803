"""All that traces say of a step response, in a few numbers each: one pass over a map, whatever its record is long."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from napari_tesm.kernels.low_pass import LowPass

Array = NDArray[np.float64]

_NODES: Final = 36
_POWER: Final = 4
"""Nodes lie densely at early times: their distance from 0 goes with the fourth power."""
_LOST: Final = 1e-7
"""Directions in which no response reaches farther than this part of the farthest are rounding."""
_OWN: Final = 0.02
"""Of the variance, white, put beside a noise that hardly has fast parts: there the model would have to be exact."""


@dataclass(frozen=True, eq=False)
class Nodes:
    """Times at which a step response is known; in between it is a polynomial of a root of time.

    Parameters
    ----------
    last : float
        The longest time since the drive was switched on, in s.
    """

    last: float

    @property
    def times(self) -> Array:
        """In s, from 0 to the last, shape (nodes,)."""
        return np.asarray(self.last * ((1 - np.cos(np.pi * np.arange(_NODES) / (_NODES - 1))) / 2) ** _POWER)

    def interpolation(self, time: Array) -> Array:
        """Return what turns values at the nodes into those at times from 0 to the last, shape (nodes, time).

        By Lagrange's polynomials in barycentric form (Berrut, J.-P. and Trefethen, L. N. (2004). SIAM Rev. 46,
        501-517).
        """
        places = -np.cos(np.pi * np.arange(_NODES) / (_NODES - 1))
        weights = (-1.0) ** np.arange(_NODES)
        weights[[0, -1]] /= 2
        at = 2 * np.clip(time / self.last, 0, 1) ** (1 / _POWER) - 1
        apart = at - places[:, None]
        there = np.abs(apart) < 1e-14
        terms = weights[:, None] / np.where(there, 1.0, apart)
        shares = terms / terms.sum(axis=0)
        hit = there.any(axis=0)
        shares[:, hit] = there[:, hit]
        return np.asarray(shares)

    def of_pulse(self, time: Array, pulse: float, low_pass: LowPass | None = None) -> Array:
        """Return what turns a step response at the nodes into that to a pulse, shape (nodes, time).

        Parameters
        ----------
        time : ndarray, shape (time,)
            From the start of the pulse, in s.
        pulse : float
            Its length in s.
        low_pass : LowPass, optional
            The lock-in's filter.
        """

        def since(switched: Array) -> Array:
            inside = np.maximum(switched, 0.0)
            if low_pass is None:
                return self.interpolation(inside) * (switched > 0)
            return low_pass.filtered(self.interpolation, inside) * (switched > 0)

        return np.asarray(since(time) - since(time - pulse))


@dataclass(frozen=True, eq=False)
class Compression:
    """What takes traces to a few numbers that hold all they say of a step response, in noise of variance 1.

    Parameters
    ----------
    response : ndarray, shape (numbers, nodes)
        What the numbers are of a step response at the nodes.
    traces : ndarray, shape (numbers, time)
        What they are of a trace.
    whitening : ndarray, shape (time, time)
        Makes samples of the noise independent.
    beside : ndarray, shape (columns, time)
        Orthonormal, of whitened traces: what lies along the constant and the nuisances and says nothing.
    """

    response: Array
    traces: Array
    whitening: Array
    beside: Array

    @classmethod
    def of(cls, of_nodes: Array, nuisances: Array | None, covariance: Array | None) -> "Compression":
        """Return the compression for a record.

        Parameters
        ----------
        of_nodes : ndarray, shape (nodes, time)
            From `Nodes.of_pulse`.
        nuisances : ndarray, shape (time, columns), optional
            Beside the constant, which is always there.
        covariance : ndarray, shape (time, time), optional
            Of the noise, its trace the number of samples; white noise without.
        """
        samples = of_nodes.shape[1]
        columns = np.ones((samples, 1))
        if nuisances is not None:
            columns = np.column_stack([columns, nuisances])
        whitening = np.eye(samples)
        if covariance is not None:
            softened = covariance * (1 - _OWN) + _OWN * np.eye(samples)
            whitening = np.linalg.inv(np.linalg.cholesky(softened))
        beside = np.linalg.qr(whitening @ columns)[0].T
        seen = whitening @ of_nodes.T
        seen -= beside.T @ (beside @ seen)
        left, sizes, right = np.linalg.svd(seen, full_matrices=False)
        kept = sizes > _LOST * sizes[0]
        return cls(sizes[kept, None] * right[kept], left[:, kept].T @ whitening, whitening, beside)

    @property
    def freedom(self) -> int:
        """Degrees of freedom of a trace that say nothing of the response but show the noise."""
        return len(self.whitening) - len(self.beside) - len(self.traces)

    def compress(self, traces: Array) -> tuple[Array, Array]:
        """Return the numbers of traces, and the variance of their noise.

        Parameters
        ----------
        traces : ndarray, shape (n, time)
            Those with a sample that is no number have numbers 0 and an infinite variance.

        Returns
        -------
        tuple of ndarray, shapes (n, numbers) and (n,)
        """
        whole = np.asarray(np.isfinite(traces).all(axis=1))
        values = np.where(whole[:, None], traces, 0.0)
        white = values @ self.whitening.T
        numbers = values @ self.traces.T
        along = white @ self.beside.T
        left = np.vecdot(white, white) - np.vecdot(along, along) - np.vecdot(numbers, numbers)
        # What rounding leaves of a trace without noise is no noise.
        least = np.vecdot(white, white) * np.finfo(float).eps
        return numbers, np.where(whole, np.maximum(left, least) / self.freedom, np.inf)
