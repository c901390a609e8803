"""What a fit gives for each trace, and what it can claim."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from napari_tesm.quantities.status import INVALID

Array = NDArray[np.float64]

_NUMBERS: Final = 9
"""Fields of a result that hold parameters and errors; they come first."""


@dataclass(frozen=True)
class FitResult:
    """Parameters of ``a·g(t − start; tau) + c`` for each trace, all of the traces' shape without time.

    Parameters
    ----------
    tau, tau_stderr : ndarray
        Relaxation time and its standard error, in the unit of the times.
    a, a_stderr, c, c_stderr : ndarray
        Amplitude and final value, in the unit of the traces: the curve is a + c at `start` and goes to c.
    log_tau_stderr : ndarray
        Standard error of ln tau. Like all errors here it is the linearised one, good up to about 0.3; beyond, the
        true interval is longer on the slow side.
    rms : ndarray
        Root mean square of the residuals, in the unit of the traces.
    r2 : ndarray
        Fraction of the variance that the relaxation explains, 0 to 1.
    status : ndarray of int8
        0 ok, 3 unresolved slow, 4 unresolved fast, 5 invalid. Numbers are NaN where invalid; where
        unresolved they are what the fit ended at.
    samples : ndarray of int32
        Finite samples of each trace.
    extra : dict of str to ndarray
        What kernels of two parameters give beyond tau, by the names of `ShapeKernel.quantities`, each with its standard
        error as ``…_stderr``: ``beta`` (stretched), ``tau_slow`` and ``share`` (biexponential), ``exponent`` (power),
        and ``tau_mean``, the mean relaxation time that D is taken from.
    """

    tau: Array
    a: Array
    c: Array
    tau_stderr: Array
    a_stderr: Array
    c_stderr: Array
    log_tau_stderr: Array
    rms: Array
    r2: Array
    status: NDArray[np.int8]
    samples: NDArray[np.int32]
    extra: Mapping[str, Array] = field(default_factory=dict)

    @classmethod
    def empty(cls, count: int, *, extra: Iterable[str] = ()) -> "FitResult":
        """Return a result that says invalid for each of `count` traces; `extra` names further quantities."""
        numbers = {entry.name: np.full(count, np.nan) for entry in fields(cls)[:_NUMBERS]}
        status, samples = np.full(count, INVALID, dtype=np.int8), np.zeros(count, dtype=np.int32)
        further = {name: np.full(count, np.nan) for stem in extra for name in (stem, f"{stem}_stderr")}
        return cls(**numbers, status=status, samples=samples, extra=further)

    def reshaped(self, shape: tuple[int, ...]) -> "FitResult":
        """Return the same with every array in another shape."""
        return self._changed(lambda values: values.reshape(shape))

    def part(self, rows: slice) -> "FitResult":
        """Return views of some of the traces, for results of one axis."""
        return self._changed(lambda values: values[rows])

    def blank(self, rows: NDArray[np.bool_]) -> None:
        """Say invalid for some of the traces, in place."""
        self.status[rows] = INVALID
        for values in (
            *(getattr(self, entry.name) for entry in fields(self)[:_NUMBERS]),
            *self.extra.values(),
        ):
            values[rows] = np.nan

    def values(self, name: str) -> NDArray[np.generic]:
        """Return a quantity by its name, of this class or of `extra`."""
        return self.extra[name] if name in self.extra else np.asarray(getattr(self, name))

    def _changed(self, change: Callable[[NDArray[Any]], NDArray[Any]]) -> "FitResult":
        arrays = {entry.name: change(getattr(self, entry.name)) for entry in fields(self)[:-1]}
        extra = {name: change(values) for name, values in self.extra.items()}
        return FitResult(**arrays, extra=extra)
