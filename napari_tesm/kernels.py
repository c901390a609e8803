"""Relaxation kernels as pure formulas.

A kernel with one shape parameter describes a trace as ``a·g(t; tau) + c``, t counted from the start of the
relaxation. It is registered by name in `KERNELS`; the engine in `napari_tesm.fitting` knows nothing else of it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
CurveFunction = Callable[[Array, Array], tuple[Array, Array]]


@dataclass(frozen=True)
class Kernel:
    """A one-parameter family of unit curves.

    Parameters
    ----------
    name : str
        The name used everywhere: command line, recipe, metadata.
    curves : callable
        Takes times, shape (time,), increasing from 0 or later, and ln tau, shape (n,). Returns new arrays of
        ``g − constant``, shape (n, time), and of the constant, shape (n,). The constant is the kernel's to
        choose: without it g would lose its digits where tau is much longer than the record and g hardly leaves 1.
    """

    name: str
    curves: CurveFunction


def exponential_decay(time: Array, log_tau: Array) -> tuple[Array, Array]:
    """Return ``exp(−t/tau)`` less its first value, and that value; the paper's eq. 4 with a = 1, c = 0.

    Examples
    --------
    >>> curves, constant = exponential_decay(np.array([0.0, 1.0]), np.log([1.0, 1e20]))
    >>> curves.round(22)
    array([[ 0.00000000e+00, -6.32120559e-01],
           [ 0.00000000e+00, -1.00000000e-20]])
    >>> constant
    array([1., 1.])
    """
    rate = np.exp(-log_tau)
    first = np.exp(-time[0] * rate)
    curves = rate[:, None] * (time[0] - time)
    # In place: fresh memory for large arrays costs more time than the exponential.
    np.expm1(curves, out=curves)
    curves *= first[:, None]
    return curves, first


KERNELS: Final = {kernel.name: kernel for kernel in (Kernel("exponential", exponential_decay),)}
"""The kernels by name."""


def kernel_from_name(name: str) -> Kernel:
    """Return a kernel, or raise a ValueError that lists those there are."""
    try:
        return KERNELS[name]
    except KeyError:
        raise ValueError(f"unknown kernel '{name}': choose one of {', '.join(KERNELS)}") from None
