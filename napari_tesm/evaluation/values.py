"""A recipe from values as people write them: quantities as text with their unit, or SI numbers."""

from typing import Any

import numpy as np

from napari_tesm.data.protocol import RADII, Window
from napari_tesm.evaluation.recipe import AUTO, MAXIMA, NO_WINDOW, OF_NOISE, UNITS, Recipe
from napari_tesm.files.sentences import Sentence
from napari_tesm.kernels.low_pass import order_from_text
from napari_tesm.quantities.text import (
    angle_from_text,
    fraction_from_text,
    multiple_from_text,
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
            understood |= _threshold_from_text(value, given_values.get("threshold_of"), recipe or Recipe())
        elif name in ("window1", "window2"):
            understood[name] = value if value == NO_WINDOW else _entry_from_value(Window.from_text(value))
        elif name == "traces":
            understood[name] = [value]
        elif name == "lock_in_order":
            understood[name] = order_from_text(value)
        elif name == "voltage":
            understood[name] = [quantity_from_text(part, "V") for part in value.split(",")]
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


def _threshold_from_text(text: str, of: str | None, recipe: Recipe) -> dict[str, Any]:
    """Return the threshold and what it is of: ``5sigma`` of the pixel's noise, ``15 %`` of the map's maximum."""
    multiple = multiple_from_text(text)
    if multiple is None:
        back = of is None and recipe.threshold_of == OF_NOISE
        return {"threshold": fraction_from_text(text)} | ({"threshold_of": MAXIMA[0]} if back else {})
    if of not in (None, OF_NOISE):
        raise ValueError(
            Sentence(
                "a threshold of {text} is one of the noise and of no maximum: leave {threshold_of} out, or give a "
                "percentage, {threshold:15%}",
                text=text,
            )
        )
    return {"threshold": multiple, "threshold_of": OF_NOISE}


def _entry_from_value(value: Any) -> Any:
    """Return a value as a recipe in JSON holds it; what it cannot hold is left for the recipe to refuse."""
    if isinstance(value, Window):
        return [value.start, value.stop]
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, tuple | list):
        return [_entry_from_value(item) for item in value]
    return value
