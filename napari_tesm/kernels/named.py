"""All kernels by name, of one parameter and of two, and the curves that their fitted parameters stand for."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from napari_tesm.kernels.low_pass import LowPass
from napari_tesm.kernels.one_parameter import KERNELS, Kernel
from napari_tesm.kernels.two_parameters import SHAPE_KERNELS, ShapeKernel

Array = NDArray[np.float64]
AnyKernel = Kernel | ShapeKernel

ALL_KERNELS: Final[dict[str, AnyKernel]] = {
    "exponential": KERNELS["exponential"],
    **SHAPE_KERNELS,
    **{name: kernel for name, kernel in KERNELS.items() if name != "exponential"},
}
"""The kernels by name, in the order in which they are offered."""
_BETWEEN: Final = 0.04
"""Distance of curves in ln tau: a cubic between four of them is right to 1e-7 of a curve's length."""


def kernels_in_words() -> str:
    """Return the names of all kernels, those last that describe the record as one."""
    joint = [name for name, kernel in ALL_KERNELS.items() if kernel.joint]
    others = [name for name in ALL_KERNELS if name not in joint]
    each, whole = (f"{', '.join(names[:-1])} or {names[-1]}" for names in (others, joint))
    return f"{each} for each window; {whole} for the record as one"


def kernel_from_name(name: str, *, pulse: float | None = None, low_pass: LowPass | None = None) -> AnyKernel:
    """Return a kernel, or raise a ValueError that lists those there are.

    Parameters
    ----------
    pulse : float, optional
        Length of the pulse, in the unit of the times: what a joint kernel's curves need, and no other has use for.
    low_pass : LowPass, optional
        The lock-in's filter that traces have passed.
    """
    if name not in ALL_KERNELS:
        raise ValueError(f"unknown kernel '{name}': choose one of {', '.join(ALL_KERNELS)}")
    kernel = ALL_KERNELS[name]
    if low_pass is not None:
        kernel = replace(kernel, low_pass=low_pass)
    if pulse is None or isinstance(kernel, ShapeKernel) or not kernel.joint:
        return kernel
    if not 0 < pulse < np.inf:
        raise ValueError(f"the pulse must last longer than nothing, not {pulse:g}")
    return replace(kernel, pulse=float(pulse))


def curves_of_fit(kernel: AnyKernel, time: Array, values: Mapping[str, Array]) -> tuple[Array, Array]:
    """Return ``g − constant``, shape (n, curves, time), and the constants, shape (n, curves), of fitted parameters.

    Parameters
    ----------
    time : ndarray, shape (time,)
        From the start of the window.
    values : mapping of str to ndarray, shape (n,)
        ``tau`` and, for a kernel of two parameters, its second one, by the names of `ShapeKernel.quantities`.
    """
    tau = np.asarray(values["tau"], dtype=np.float64)
    if isinstance(kernel, ShapeKernel):
        second = np.asarray(values[kernel.second_name], dtype=np.float64)
        return kernel.unit_curves(time, kernel.points(tau, second))
    curves, constant = kernel.curves(time, np.log(tau))
    return curves[:, None], constant[:, None]


def fitted_curves(kernel: AnyKernel, time: Array, values: Mapping[str, Array]) -> Array:
    """Return ``a·g + c``, shape (n, time), of parameters of shape (n,); NaN where one of them is missing.

    Parameters
    ----------
    time : ndarray, shape (time,)
        From the start of the window, in the unit of tau.
    values : mapping of str to ndarray, shape (n,)
        As `curves_of_fit` takes them, with ``a``, ``c`` and, for two curves, ``share``.

    Examples
    --------
    >>> kernel = ALL_KERNELS["stretched"]
    >>> numbers = {"tau": [2.0], "beta": [0.5], "a": [3.0], "c": [1.0]}
    >>> fitted_curves(kernel, np.array([0.0, 2.0]), {name: np.array(n) for name, n in numbers.items()}).round(
    ...     4
    ... )
    array([[4.    , 2.1036]])
    """
    needed = ["tau", "a", "c"]
    if isinstance(kernel, ShapeKernel):
        needed += [kernel.second_name, *(("share",) if kernel.curves == 2 else ())]
    numbers = {name: np.asarray(values[name], dtype=np.float64) for name in needed}
    complete = np.isfinite(list(numbers.values())).all(axis=0)
    fitted = np.full((complete.size, time.size), np.nan)
    numbers = {name: number[complete] for name, number in numbers.items()}
    if not complete.any():
        return fitted
    curves, constants = curves_of_fit(kernel, time, numbers)
    share = numbers.get("share", np.ones(len(curves)))
    shares = np.stack([share, 1 - share], axis=1)[:, : curves.shape[1]]
    unit = (shares[:, :, None] * (curves + constants[:, :, None])).sum(axis=1)
    fitted[complete] = numbers["a"][:, None] * unit + numbers["c"][:, None]
    return fitted


def fitted_curves_nearly(kernel: AnyKernel, time: Array, values: Mapping[str, Array]) -> Array:
    """Return `fitted_curves` of many fits to a millionth, from cubics between a few curves of a one-parameter kernel.

    The filter of a lock-in takes as long as a whole fit, and fits of a map lie close to each other in ln tau.
    """
    tau, a, c = (np.asarray(values[name], dtype=np.float64) for name in ("tau", "a", "c"))
    complete = np.flatnonzero(np.isfinite(tau) & np.isfinite(a) & np.isfinite(c))
    with np.errstate(invalid="ignore", divide="ignore"):
        place = np.log(tau[complete]) / _BETWEEN
    cells = np.floor(place)
    order = np.argsort(cells)
    numbers, starts = np.unique(cells[order], return_index=True)
    nodes = np.unique(numbers + np.arange(-1, 3)[:, None])
    if isinstance(kernel, ShapeKernel) or not complete.size or nodes.size > complete.size / 2:
        return fitted_curves(kernel, time, values)
    curves, constants = kernel.curves(time, np.asarray(nodes * _BETWEEN, dtype=np.float64))
    curves += constants[:, None]
    fitted = np.full((tau.size, time.size), np.nan)
    s = place - cells
    # Lagrange's polynomials through the nodes at -1, 0, 1 and 2.
    weights = np.stack(
        [
            -s * (s - 1) * (s - 2) / 6, (s + 1) * (s - 1) * (s - 2) / 2,
            -(s + 1) * s * (s - 2) / 2, (s + 1) * s * (s - 1) / 6,
        ],
        axis=1,
    )  # fmt: skip
    weights *= a[complete, None]
    for number, start, stop in zip(numbers, starts, [*starts[1:], order.size], strict=True):
        own = order[start:stop]
        first = int(np.searchsorted(nodes, number - 1))
        fitted[complete[own]] = weights[own] @ curves[first : first + 4] + c[complete[own], None]
    return fitted
