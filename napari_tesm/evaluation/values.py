"""A recipe from values as people write them: quantities as text with their unit, or SI numbers."""

from typing import Any

import numpy as np

from napari_tesm.data.protocol import RADII, Window
from napari_tesm.evaluation.recipe import AUTO, NO_WINDOW, UNITS, Recipe
from napari_tesm.kernels.low_pass import order_from_text
from napari_tesm.quantities.text import (
    angle_from_text,
    fraction_from_text,
    quantity_and_error_from_text,
    quantity_from_text,
)


def recipe_from_values(recipe: Recipe | None = None, **values: Any) -> Recipe:
    """Return a recipe from values as people write them, on top of another one.

    Parameters
    ----------
    recipe : Recipe, optional
        Supplies what is not given.
    **values
        Fields of `Recipe`. Quantities may be texts with their unit, ``tip_radius="25 nm ± 5 nm"``, or
        SI numbers.

    Raises
    ------
    ValueError
        If a text cannot be understood or a value makes no sense.
    """
    understood: dict[str, Any] = {}
    # What is not given must not undo what another value brings along: a radius has its error in one text.
    given_values = {name: value for name, value in values.items() if value is not None}
    for name, value in given_values.items():
        if not isinstance(value, str):
            understood[name] = _entry_from_value(value)
        elif name in RADII:
            radius, error = quantity_and_error_from_text(value, "m")
            understood |= {name: radius, f"{name}_error": error}
        elif name == "phase_rotation":
            understood[name] = value if value == AUTO else angle_from_text(value)
        elif name == "threshold":
            understood[name] = fraction_from_text(value)
        elif name in ("window1", "window2"):
            understood[name] = value if value == NO_WINDOW else _entry_from_value(Window.from_text(value))
        elif name == "traces":
            understood[name] = [value]
        elif name == "lock_in_order":
            understood[name] = order_from_text(value)
        elif name in UNITS:
            understood[name] = quantity_from_text(value, UNITS[name])
        else:
            understood[name] = value
    for name in RADII:
        if name in understood:
            # A new radius does not inherit the error of the old one.
            understood.setdefault(f"{name}_error", None)
    # By way of what JSON knows: every type and name is checked in one place.
    return Recipe.from_dict((recipe or Recipe()).to_dict() | understood)


def _entry_from_value(value: Any) -> Any:
    """Return a value as a recipe in JSON holds it; what it cannot hold is left for the recipe to refuse."""
    if isinstance(value, Window):
        return [value.start, value.stop]
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, tuple | list):
        return [_entry_from_value(item) for item in value]
    return value
