"""From relaxation times to diffusion coefficients, and what a window can and cannot resolve.

The paper takes D = l²/tau, l being the tip radius. Other geometries differ by a factor only; they are named by
their formula, not by an author.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from napari_tesm.quantities.limits import check_diffusion, check_radius

GEOMETRIES: Final[dict[str, float]] = {
    "l2/tau": 1.0,
    "l2/2tau": 1 / 2,
    "l2/4tau": 1 / 4,
    "l2/6tau": 1 / 6,
    "l2/pi2tau": 1 / np.pi**2,
    "4l2/pi2tau": 4 / np.pi**2,
}
"""Factor of l²/tau for each geometry: the paper's; root mean square in one dimension; Gaussian radius; root mean
square in three dimensions; slowest mode of a slab of thickness l between two sinks (or of a sphere of radius l);
slowest mode of a slab open at one side."""


def diffusion_from_tau(
    tau: NDArray[np.floating], length: float, *, geometry: str = "l2/tau"
) -> NDArray[np.float64]:
    """Return the diffusion coefficient, in m²/s, that belongs to a relaxation time.

    Parameters
    ----------
    tau : ndarray
        Relaxation times in s.
    length : float
        Characteristic length l in m: the tip radius.
    geometry : str
        A key of `GEOMETRIES`.

    Raises
    ------
    ValueError
        If the geometry is unknown, the length is none of a tip, or a time is not positive; NaN stays NaN.

    Examples
    --------
    >>> print(f"{diffusion_from_tau(np.float64(1.5625e-3), 25e-9):.3g}")
    4e-13
    """
    factor = geometry_factor(geometry)
    check_radius(length)
    if (np.asarray(tau) <= 0).any():
        raise ValueError("a relaxation time must be larger than zero")
    return np.asarray(factor * length**2 / tau)


def tau_from_diffusion(
    diffusion: NDArray[np.floating], length: float, *, geometry: str = "l2/tau"
) -> NDArray[np.float64]:
    """Return the relaxation time, in s, that belongs to a diffusion coefficient in m²/s; NaN stays NaN."""
    coefficients = np.asarray(diffusion, dtype=np.float64)
    check_diffusion(coefficients[~np.isnan(coefficients)])
    return diffusion_from_tau(coefficients, length, geometry=geometry)  # the relation is its own inverse


def geometry_factor(geometry: str) -> float:
    """Return the factor of l²/tau, or raise a ValueError that lists the geometries there are."""
    try:
        return GEOMETRIES[geometry]
    except KeyError:
        raise ValueError(f"unknown geometry '{geometry}': choose one of {', '.join(GEOMETRIES)}") from None


def systematic_error(length: float, length_error: float | None) -> float | None:
    """Return the relative error of D, common to the whole map, that comes from the characteristic length.

    ``2 σ_l / l``, as D goes with l². None where the error of the length is unknown.
    """
    if length_error is None:
        return None
    check_radius(length)
    if not 0 <= length_error < np.inf:
        raise ValueError(f"the error of the tip radius must not be negative, not {length_error:g} m")
    return 2 * length_error / length
