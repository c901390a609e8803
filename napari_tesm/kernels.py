"""Relaxation kernels as pure formulas.

A kernel with one shape parameter describes a trace as ``a·g(t; tau) + c``. It is registered by name in `KERNELS`;
the engine in `napari_tesm.fitting` knows nothing else about it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

CurveFunction = Callable[[NDArray[np.float64], NDArray[np.float64]], NDArray[np.float64]]


@dataclass(frozen=True)
class Kernel:
    """A one-parameter family of unit curves.

    Parameters
    ----------
    name : str
        The name used everywhere: command line, recipe, metadata.
    curves : callable
        Takes times, shape (time,), and ln tau, shape (n, 1), and returns ``g − constant``, shape (n, time),
        computed without cancellation for tau much longer than the record.
    constant : float
        What `curves` leaves out of g.
    """

    name: str
    curves: CurveFunction
    constant: float


def exponential_decay(time: NDArray[np.float64], log_tau: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return ``exp(−t/tau) − 1``, the paper's eq. 4 for a = 1 and c = −1.

    Examples
    --------
    >>> exponential_decay(np.array([0.0, 1.0]), np.array([[0.0]])).round(4)
    array([[-0.    , -0.6321]])
    """
    return np.expm1(-time * np.exp(-log_tau))


KERNELS: Final = {kernel.name: kernel for kernel in (Kernel("exponential", exponential_decay, 1.0),)}
"""The kernels by name."""


def kernel_from_name(name: str) -> Kernel:
    """Return a kernel, or raise a ValueError that lists those there are."""
    try:
        return KERNELS[name]
    except KeyError:
        raise ValueError(f"unknown kernel '{name}': choose one of {', '.join(KERNELS)}") from None
