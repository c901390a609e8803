"""How fitted curves move with their parameters, for shapes that stand for those of many pixels."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from napari_tesm.kernels.named import AnyKernel, fitted_curves
from napari_tesm.kernels.two_parameters import ShapeKernel

Array = NDArray[np.float64]

CELL: Final = 0.08
"""Width, in the logarithm of a time or exponent, within which the shape of a curve is taken for the same."""
_STEP: Final = 1e-3
_FARTHEST: Final = 50.0
"""Parameters beyond, in their logarithms, are those of a fit that ended nowhere."""


def parameter_names(kernel: AnyKernel) -> tuple[str, ...]:
    """Return the parameters that describe a curve; amplitude and final value come last."""
    if not isinstance(kernel, ShapeKernel):
        return ("tau", "a", "c")
    return ("tau", kernel.second_name, *(("share",) if kernel.curves == 2 else ()), "a", "c")


def tangents_of_curve(kernel: AnyKernel, time: Array, shape: Mapping[str, float]) -> Array:
    """Return the derivatives of a·g + c by its parameters at a = 1, c = 0; those of times by their logarithm.

    Parameters
    ----------
    time : ndarray, shape (time,)
        From the kernel's start.
    shape : mapping of str to float
        The parameters but a and c.

    Returns
    -------
    ndarray, shape (time, p)
    """
    return np.asarray(tangents_of_curves(kernel, time, [shape])[0])


def tangents_of_curves(kernel: AnyKernel, time: Array, shapes: Sequence[Mapping[str, float]]) -> Array:
    """Return the tangents of several shapes, shape (shapes, time, p)."""
    names = parameter_names(kernel)
    if not shapes:
        return np.zeros((0, time.size, len(names)))
    # For each shape every parameter but a and c is moved up and down: the derivative by a is the curve.
    here = {
        name: np.array([{**shape, "a": 1.0, "c": 0.0}[name] for shape in shapes], dtype=np.float64)
        for name in names
    }
    moved: dict[str, list[Array]] = {name: [] for name in names}
    for name in names[:-2]:
        for sign in (1, -1):
            there = here[name] + sign * _STEP if name == "share" else here[name] * np.exp(sign * _STEP)
            for key in names:
                moved[key].append(there if key == name else here[key])
    curves = fitted_curves(kernel, time, {name: np.concatenate(rows) for name, rows in moved.items()})
    curves = curves.reshape(len(names) - 2, 2, len(shapes), time.size)
    slopes = (curves[:, 0] - curves[:, 1]) / (2 * _STEP)
    # Half of what lies on either side: off by half a millionth.
    curve = (curves[0, 0] + curves[0, 1]) / 2
    columns = [*slopes, curve, np.ones_like(curve)]
    return np.stack(columns, axis=-1)


def logarithms_of_parameters(kernel: AnyKernel, values: Mapping[str, Array]) -> Array:
    """Return where curves of n fits lie by their shape, shape (parameters, n): logarithms of all but a share."""
    names = parameter_names(kernel)[:-2]
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.stack([values[name] if name == "share" else np.log(values[name]) for name in names])


@dataclass(frozen=True, eq=False)
class Cells:
    """Shapes of curves that stand for those of many fits.

    Parameters
    ----------
    shapes : list of dict of str to float
        Parameters but a and c.
    members : ndarray of int, shape (n,)
        Which shape is that of each fit; −1 where there is no fit.
    """

    shapes: list[dict[str, float]]
    members: NDArray[np.intp]

    @classmethod
    def of(cls, kernel: AnyKernel, values: Mapping[str, Array], *, width: float = CELL) -> "Cells":
        """Return the cells of fitted parameters, each of shape (n,)."""
        names = parameter_names(kernel)[:-2]
        width *= len(names) ** 2  # cells of more parameters would be as many as pixels
        places = logarithms_of_parameters(kernel, values)
        complete = np.isfinite(places).all(axis=0)
        members = np.full(complete.size, -1, dtype=np.intp)
        if not complete.any():
            return cls([], members)
        complete &= (np.abs(places) < _FARTHEST).all(axis=0)
        rounded = np.rint(places[:, complete] / width)
        if len(names) == 1:  # sorting columns takes ten times as long
            times, members[complete] = np.unique(rounded[0], return_inverse=True)
            rounded = times[None]
        else:
            rounded, members[complete] = np.unique(rounded, axis=1, return_inverse=True)
        shapes = [
            {name: float(x if name == "share" else np.exp(x)) for name, x in zip(names, row, strict=True)}
            for row in rounded.T * width
        ]
        return cls(shapes, members)
