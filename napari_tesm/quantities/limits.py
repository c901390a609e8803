"""What physical quantities can be, and a sentence for each that cannot.

The limits are decades wider than anything that is measured. What lies outside is a slip of a sign or a unit, and would
end as an overflow, a NaN or a computation that never ends.
"""

from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

_DIFFUSION: Final = (1e-30, 1e3)
_DURATION: Final = (1e-15, 1e15)
LARGEST: Final = 1e100
"""Factors beyond this make no displacement, and their products no number."""


def check_diffusion(diffusion: ArrayLike) -> None:
    """Raise a ValueError unless all diffusion coefficients, in m²/s, are some that a material could have."""
    values = np.asarray(diffusion, dtype=np.float64)
    bad = values[~(values > 0)]
    if bad.size:
        raise ValueError(f"a diffusion coefficient must be larger than zero, not {bad.flat[0]:g} m²/s")
    low, high = _DIFFUSION
    far = values[(values < low) | (values > high)]
    if far.size:
        raise ValueError(
            f"a diffusion coefficient lies between {low:g} and {high:g} m²/s, not at {far.flat[0]:g} m²/s"
        )


def check_radius(value: float, name: str = "tip radius") -> None:
    """Raise a ValueError for a radius, in m, that no tip has and whose square may not even be a number."""
    if not 1e-12 <= value <= 1:
        raise ValueError(f"the {name} must lie between 1 pm and 1 m, not {value:g} m")


def check_duration(duration: float, name: str) -> None:
    """Raise a ValueError unless a length of time, in s, is one in which something can happen, and end."""
    if not duration > 0:
        raise ValueError(f"the {name} must last longer than nothing, not {duration:g} s")
    low, high = _DURATION
    if not low <= duration <= high:
        raise ValueError(f"the {name} must last between {low:g} and {high:g} s, not {duration:g} s")


def check_times(times: NDArray[np.float64]) -> None:
    """Raise a ValueError unless times, in s, are numbers along one axis, and not ages away."""
    if times.ndim != 1 or not times.size or not np.isfinite(times).all():
        raise ValueError("the times must be finite numbers along one axis")
    if np.abs(times).max() > _DURATION[1]:
        raise ValueError(f"the times must lie within {_DURATION[1]:g} s of the pulse")


def check_within(value: float, name: str, limits: tuple[float, float], unit: str) -> None:
    """Raise a ValueError unless a quantity, in a unit, lies within limits."""
    low, high = limits
    if not low <= value <= high:
        raise ValueError(f"the {name} lies between {low:g} and {high:g} {unit}, not at {value:g} {unit}")


def check_poisson_ratio(ratio: float) -> None:
    """Raise a ValueError for a Poisson ratio that no isotropic material has."""
    if not -1 < ratio <= 0.5:
        raise ValueError(f"the Poisson ratio lies between -1 and 0.5, not at {ratio:g}")


def check_factor(value: float, name: str) -> None:
    """Raise a ValueError for a factor of the displacement that is no number, or none that leaves one."""
    if not abs(value) <= LARGEST:
        raise ValueError(f"the {name} must be a finite number, not {value:g}")


def check_level(level: float) -> None:
    """Raise a ValueError unless the level of an interval is a probability."""
    if not 0 < level < 1:
        raise ValueError(f"the level of an interval is a probability between 0 and 1, not {level:g}")


def check_count(count: float, name: str, *, fewest: int, most: int) -> None:
    """Raise a ValueError unless something that is counted is a whole number within limits."""
    if not fewest <= count <= most or count != int(count):
        raise ValueError(f"the {name} must be a whole number from {fewest} to {most}, not {count:.12g}")
