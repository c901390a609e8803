"""States of one electrode: how thick each is against a reference, and against what its capacity predicts."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from napari_tesm.volumes.thickness import Thickness

_FULL: Final = 3579.0
"""Capacity of silicon in mAh/g, to Li15Si4."""
_SWELLING: Final = 2.8
"""By how much of its volume silicon grows up to there (Obrovac and Krause 2007)."""
POROSITY: Final = 0.604
"""Of the nano-porous silicon of document 003."""


@dataclass(frozen=True)
class State:
    """An electrode at one time of its life.

    Parameters
    ----------
    name : str
    thickness : Thickness
    material : Thickness
        Attenuation times height, as `material_of` maps it.
    cycles, capacity : float, optional
        Number of cycles, and the capacity it was cycled with in mAh/g.
    """

    name: str
    thickness: Thickness
    material: Thickness
    cycles: float | None = None
    capacity: float | None = None


@dataclass(frozen=True)
class Change:
    """A state against the reference.

    Parameters
    ----------
    ratio, ratio_error : float
        Of the mean thickness, with its standard error; NaN where either holds no electrode or it is not known.
    expected : tuple of float, optional
        The ratios that the capacity predicts: where silicon swells into its pores, and where these keep their share.
    excess : float, optional
        By what the ratio exceeds the larger of these: pores and cracks between particles, gas, lift-off.
    material, material_error : float
        Ratio of the material, with its standard error.
    """

    ratio: float
    ratio_error: float
    expected: tuple[float, float] | None
    excess: float | None
    material: float
    material_error: float


def change_of(state: State, reference: State, *, porosity: float = POROSITY) -> Change:
    """Return how a state differs from the reference.

    Parameters
    ----------
    state, reference : State
    porosity : float
        Of the silicon before cycling.

    Raises
    ------
    ValueError
        If the porosity is no part of one.
    """
    ratio, error = _ratio(state.thickness, reference.thickness, same=state is reference)
    material, material_error = _ratio(state.material, reference.material, same=state is reference)
    expected = None if state.capacity is None else expected_expansion(state.capacity, porosity)
    excess = None if expected is None else ratio - expected[1]
    return Change(ratio, error, expected, excess, material, material_error)


def expected_expansion(capacity: float, porosity: float = POROSITY) -> tuple[float, float]:
    """Return by which ratio an electrode of porous silicon is thicker at a capacity, at least and at most.

    The volume of silicon grows linearly with its capacity (document 003, after Obrovac and Krause 2007). At least: the
    particles swell into their own pores first, and keep their size until these are full. At most: pores keep their
    share, and the electrode grows as its silicon does.

    Parameters
    ----------
    capacity : float
        In mAh/g of silicon.
    porosity : float

    Raises
    ------
    ValueError
        If the capacity is negative or the porosity no part of one.

    Examples
    --------
    >>> low, high = expected_expansion(2000, 0.604)
    >>> round(low, 2), round(high, 2)
    (1.02, 2.56)
    """
    if not (math.isfinite(capacity) and capacity >= 0):
        raise ValueError(f"a capacity of {capacity:g} mAh/g is impossible")
    if not 0 <= porosity < 1:
        raise ValueError(f"the porosity is a part of the volume, between 0 and 1, not {porosity:g}")
    grown = 1 + _SWELLING * capacity / _FULL
    return max(1.0, (1 - porosity) * grown), grown


def _ratio(value: Thickness, reference: Thickness, *, same: bool) -> tuple[float, float]:
    if not (value.known and reference.mean > 0):
        return math.nan, math.nan
    if same:
        return 1.0, 0.0
    ratio = value.mean / reference.mean
    return ratio, math.hypot(value.error, ratio * reference.error) / reference.mean
