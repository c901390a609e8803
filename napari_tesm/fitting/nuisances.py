r"""Fits with nuisances: the constant beside a curve becomes a small subspace.

With V an orthonormal basis of the nuisances without their means, the least-squares fit of ``a·g + c + N·b`` is that of
``a·(I − VVᵀ)g + c`` to the trace less its own part in V (Frisch, R. and Waugh, F. V. (1933). Econometrica 1, 387-401):
the engine stays what it is, and only meets other curves. These see nothing of the trace's own part in V, which is taken
from the sum of squares alone.
"""

from dataclasses import dataclass, fields
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from napari_tesm.fitting.result import FitResult
from napari_tesm.kernels.one_parameter import Kernel

Array = NDArray[np.float64]

_ALONG: Final = 512
"""Intervals of ln tau between which coordinates along nuisances are straight."""
_EVERY: Final = 8
"""Errors change more slowly."""
_DEPENDENT: Final = 1e-6
"""Columns that leave less than this part of themselves beside the others say nothing of their own."""


@dataclass(frozen=True)
class ProjectedKernel(Kernel):
    """A kernel whose curves have lost their part along nuisances, on one time grid.

    Parameters
    ----------
    grid, basis : bytes
        The times, from the start of the window, and orthonormal rows without mean, shape (columns, time): as bytes,
        which have a hash.
    """

    grid: bytes = b""
    basis: bytes = b""

    def curves(self, time: Array, log_tau: Array) -> tuple[Array, Array]:
        """Return the curves at all or some of the times of the grid."""
        curves, constants = super().curves(time, log_tau)
        grid = np.frombuffer(self.grid)
        rows = np.frombuffer(self.basis).reshape(-1, grid.size)
        if time.size != grid.size:
            there = rows[:, np.searchsorted(grid, time)].T
            rows = np.linalg.qr(there - there.mean(axis=0))[0].T
        curves -= (curves @ rows.T) @ rows
        return curves, constants


@dataclass(frozen=True, eq=False)
class NuisanceColumns:
    """Columns to be fitted beside a curve, and what projects them out.

    Parameters
    ----------
    names : tuple of str
    columns : ndarray, shape (time, columns)
        As they were given.
    basis : ndarray, shape (time, columns)
        Orthonormal, without mean.
    towards : ndarray, shape (columns, columns)
        Turns coordinates in the basis into the numbers of the columns.
    """

    names: tuple[str, ...]
    columns: Array
    basis: Array
    towards: Array

    @classmethod
    def of(cls, names: tuple[str, ...], columns: Array) -> "NuisanceColumns":
        """Return columns, shape (time, columns), prepared for fits.

        Raises
        ------
        ValueError
            If a column is constant, or follows from the others.
        """
        free = columns - columns.mean(axis=0)
        basis, triangle = np.linalg.qr(free)
        lost = np.abs(np.diag(triangle)) <= _DEPENDENT * np.linalg.norm(columns, axis=0)
        if lost.any():
            name = names[int(lost.argmax())]
            raise ValueError(f"'{name}' cannot be told from a constant or from the other nuisances there")
        # Rounding leaves a mean that a large offset would meet.
        basis -= basis.mean(axis=0)
        return cls(names, columns, basis, np.linalg.inv(triangle))

    def kernel(self, kernel: Kernel, time: Array) -> ProjectedKernel:
        """Return the kernel less its part along the columns, at times from the start of the window."""
        own = {field.name: getattr(kernel, field.name) for field in fields(kernel)}
        rows = np.ascontiguousarray(self.basis.T)
        return ProjectedKernel(**own, grid=np.ascontiguousarray(time).tobytes(), basis=rows.tobytes())

    def along(self, kernel: Kernel, time: Array, low: float, high: float) -> "AlongNuisances":
        """Return what a fit needs of a kernel's curves at ln tau from `low` to `high`, from a cache of the last 16."""
        raw = (np.ascontiguousarray(part).tobytes() for part in (time, self.basis, self.columns))
        return _along(kernel, low, high, *raw)

    def coordinates(self, traces: NDArray[np.generic]) -> Array:
        """Return the part of traces, shape (n, time), along the basis, shape (n, columns).

        Samples that are not finite have no part in it: what is left out is the part of those that are there.
        """
        coordinates: Array = np.matmul(traces, self.basis)
        broken = np.flatnonzero(~np.isfinite(coordinates).all(axis=1))
        whole = np.column_stack([self.basis, np.ones(len(self.basis))])
        for row in broken:
            there = np.isfinite(traces[row])
            if there.sum() > whole.shape[1]:
                present = traces[row, there].astype(np.float64)
                coordinates[row] = np.linalg.lstsq(whole[there], present, rcond=None)[0][:-1]
            else:
                coordinates[row] = 0.0
        return coordinates

    def store(self, out: FitResult, coordinates: Array, along: Array, spread: Array, parameters: int) -> None:
        """Put the numbers of the columns into a result, and take the freedom they cost into its errors.

        Parameters
        ----------
        coordinates : ndarray, shape (n, columns)
            From `coordinates`.
        along : ndarray, shape (n, columns)
            The part of each trace's curve of unit amplitude along the basis.
        spread : ndarray, shape (n, columns)
            Standard errors of the numbers under noise of variance 1.
        parameters : int
            Numbers of the kernel itself.
        """
        numbers = (coordinates - out.a[:, None] * along) @ self.towards.T
        for name, values in zip(self.names, numbers.T, strict=True):
            out.extra[name][:] = values
        left = out.samples - parameters
        with np.errstate(invalid="ignore", divide="ignore"):
            noise = out.rms * np.sqrt(out.samples / np.maximum(left - len(self.names), np.finfo(float).tiny))
        for name, errors in zip(self.names, spread.T, strict=True):
            out.extra[f"{name}_stderr"][:] = errors * noise
        with np.errstate(invalid="ignore", divide="ignore"):
            factor = np.sqrt(left / np.maximum(left - len(self.names), np.finfo(float).tiny))
        for errors in (out.tau_stderr, out.a_stderr, out.c_stderr, out.log_tau_stderr):
            errors *= factor


class AlongNuisances:
    """What a fit with nuisances needs of a kernel's curves, as functions of ln tau.

    Parameters
    ----------
    u : ndarray, shape (n,)
        Evenly spaced.
    coordinates, spread : ndarray, shape (n, columns)
        Of the curve along the basis, and the errors of the columns' numbers under noise of variance 1.
    """

    def __init__(self, u: Array, coordinates: Array, spread: Array) -> None:
        self.first, self.step, self.columns = u[0], u[1] - u[0], coordinates.shape[1]
        self.values = np.concatenate([coordinates, spread], axis=1)

    def __call__(self, u: Array) -> tuple[Array, Array]:
        """Return the coordinates and errors at u, shape (n,), each of shape (n, columns); NaN where u is NaN."""
        x = (u - self.first) / self.step
        # What is NaN gets its NaN from its distance.
        left = np.clip(np.nan_to_num(x), 0, len(self.values) - 2).astype(np.intp)
        beyond = np.clip(x - left, 0, 1)[:, None]
        values = self.values[left] * (1 - beyond) + self.values[left + 1] * beyond
        return values[:, : self.columns], values[:, self.columns :]


@lru_cache(maxsize=16)
def _along(
    kernel: Kernel, low: float, high: float, time: bytes, basis: bytes, columns: bytes
) -> AlongNuisances:
    times = np.frombuffer(time)
    own, given = (np.frombuffer(part).reshape(times.size, -1) for part in (basis, columns))
    u = np.linspace(low, high, _ALONG + 1)
    curves = kernel.curves(times, u)[0]
    slopes = np.gradient(curves, u[1] - u[0], axis=0)[::_EVERY]
    there = curves[::_EVERY]
    tangents = np.concatenate(
        [
            np.stack([np.ones_like(there), there, slopes], axis=2),
            np.broadcast_to(given, (len(there), *given.shape)),
        ],
        axis=2,
    )
    lengths = np.maximum(np.linalg.norm(tangents, axis=1), np.finfo(float).tiny)
    inverse = np.linalg.pinv(np.linalg.qr(tangents / lengths[:, None])[1])
    spread = (np.linalg.norm(inverse, axis=2) / lengths)[:, 3:]
    fine = np.stack([np.interp(u, u[::_EVERY], column) for column in spread.T], axis=1)
    return AlongNuisances(u, curves @ own, fine)
