r"""Relaxation kernels with two parameters that are not linear: a time and a shape.

They are empirical: a stretched exponential stands for a distribution of relaxation times, two exponentials for two
processes, a power law for the tail of diffusion. The engine in `napari_tesm.fitting.shapes` searches both parameters.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True)
class ShapeKernel:
    """A two-parameter family of unit curves, or of pairs of them.

    Parameters
    ----------
    name : str
    formula : callable
        Takes times from the start of the window, shape (time,), and points p, shape (n, 2); returns new arrays of
        ``g − constant``, shape (n, curves, time), and of the constants, shape (n, curves).
    curves : int
        How many curves are added, each with an amplitude of its own.
    first, second : (float, float)
        Range of exp(p), the first in windows.
    spacing : (float, float)
        Largest distance of two nodes of its table in p, found by measuring: with these the residual sum of squares is
        right to 1e-5 of itself.
    natural : ((float, float), (float, float))
        Rows that lead from p to ln tau and to ln shape.
    shape : str
        What the shape is.
    """

    name: str
    formula: Callable[[Array, Array], tuple[Array, Array]]
    curves: int
    first: tuple[float, float]
    second: tuple[float, float]
    spacing: tuple[float, float]
    natural: tuple[tuple[float, float], tuple[float, float]]
    shape: str


def stretched_decay(time: Array, p: Array) -> tuple[Array, Array]:
    """Return ``exp(−(t/tau)^n)`` less 1, and 1; p = (ln tau, ln n). Mean time ``(tau/n) Γ(1/n)``.

    Kohlrausch, R. (1854). Ann. Phys. 167, 179-214; Williams, G. and Watts, D. C. (1970). Trans. Faraday Soc. 66, 80-85.
    """
    with np.errstate(divide="ignore"):
        log_time = np.log(time)
    exponent = np.exp(p[:, 1, None]) * (log_time - p[:, 0, None])
    curves = np.expm1(-np.exp(np.minimum(exponent, 700.0)))
    return curves[:, None], np.ones((len(p), 1))


def power_decay(time: Array, p: Array) -> tuple[Array, Array]:
    """Return ``1/(1 + t/t0)^m`` less 1, and 1; p = (ln(t0/m), ln m): t0/m is the time of its first fall.

    With t0/m instead of t0 the two hardly depend on each other, and m → ∞ is the exponential.
    """
    m = np.exp(p[:, 1, None])
    curves = np.expm1(-m * np.log1p(time * np.exp(-p[:, 0, None]) / m))
    return curves[:, None], np.ones((len(p), 1))


def two_decays(time: Array, p: Array) -> tuple[Array, Array]:
    """Return ``exp(−t/tau)`` less 1 for both times, and 1; p = (mean of their logarithms, difference)."""
    logs = p[:, :1] + p[:, 1:] * np.array([-0.5, 0.5])
    return np.expm1(-time * np.exp(-logs)[:, :, None]), np.ones(logs.shape)


SHAPE_KERNELS: Final = {
    kernel.name: kernel
    for kernel in (
        ShapeKernel(
            "stretched", stretched_decay, 1, (0.01, 10.0), (0.2, 2.0), (0.32, 0.32), ((1, 0), (0, 1)),
            "exponent n of t/tau",
        ),
        ShapeKernel(
            "biexponential", two_decays, 2, (0.02, 3.0), (1.5, 150.0), (0.36, 0.42), ((1, -0.5), (1, 0.5)),
            "the slower time, in s; tau is the faster one",
        ),
        ShapeKernel(
            "power", power_decay, 1, (0.003, 10.0), (0.1, 30.0), (0.42, 0.64), ((1, 1), (0, 1)), "exponent m; tau is t0"
        ),
    )
}  # fmt: skip
"""The kernels by name."""


def shape_kernel_from_name(name: str) -> ShapeKernel:
    """Return a kernel, or raise a ValueError that lists those there are."""
    try:
        return SHAPE_KERNELS[name]
    except KeyError:
        raise ValueError(
            f"unknown kernel '{name}' of two parameters: choose one of {', '.join(SHAPE_KERNELS)}"
        ) from None
