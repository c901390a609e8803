"""Every parameter of a result with its value and where that came from: option, recipe, file or default."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Final

import xarray as xr

from napari_tesm.data.protocol import PulseProtocol, Window, windows_from_protocol
from napari_tesm.evaluation.recipe import Recipe
from napari_tesm.quantities.numbers import plain_value

OPTION: Final = "option"
RECIPE: Final = "recipe"
FILE: Final = "file"
DEFAULT: Final = "default"
ORIGINS: Final = (OPTION, RECIPE, FILE, DEFAULT)
_WINDOWS: Final = ("window1", "window2")
_NO_PART: Final = ("time_unit", "lateral_unit", "traces")
"""Fields that stand in for units of axes or choose among stacks: where nobody gives them the file has its own."""


@dataclass(frozen=True)
class Parameter:
    """A parameter of an evaluation.

    Parameters
    ----------
    name : str
        Field of `napari_tesm.evaluation.recipe.Recipe`, or of the protocol.
    value : object
        SI, what JSON can hold; None where it is not known or has no part in the result.
    origin : {"option", "recipe", "file", "default"}
    """

    name: str
    value: Any
    origin: str


def origins_from_recipes(
    recipe: Recipe, base: Recipe | None = None, given: tuple[str, ...] = ()
) -> dict[str, str]:
    """Return where those fields of a recipe come from that somebody gave.

    Parameters
    ----------
    base : Recipe, optional
        Of a file or an earlier output, which the recipe was made on top of.
    given : tuple of str
        Fields that were given as such, also where their value is the same.
    """
    plain, below = Recipe(), base or Recipe()
    origins = {}
    for entry in fields(Recipe):
        value = getattr(recipe, entry.name)
        # One text may give two fields: a radius and its error, a threshold and what it is taken of.
        if entry.name in given or value != getattr(below, entry.name):
            origins[entry.name] = OPTION
        elif value != getattr(plain, entry.name):
            origins[entry.name] = RECIPE
    return origins


def parameters_from_maps(maps: xr.Dataset, origins: Mapping[str, str] | None = None) -> list[Parameter]:
    """Return every parameter of a result, those that came from the file with the file's value.

    Parameters
    ----------
    maps : Dataset
        From `napari_tesm.evaluation.pipeline.run`.
    origins : mapping of str to str, optional
        From `origins_from_recipes`; by default what differs from the default is the recipe's.
    """
    recipe = Recipe.from_json(str(maps.attrs["recipe"]))
    said = origins_from_recipes(recipe, recipe) if origins is None else origins
    protocol = PulseProtocol.from_attributes(maps.attrs)
    first, second = windows_from_protocol(protocol)
    known: dict[str, Any] = {**protocol.to_attributes(), "window1": first, "window2": second}
    volts = maps["voltage"].values
    known["voltage"] = volts.tolist() if (volts == volts).any() else None
    names = [entry.name for entry in fields(Recipe)]
    names += [name for name in protocol.to_attributes() if name not in names]
    made = []
    for name in names:
        value = getattr(recipe, name, None)
        origin = said.get(name, DEFAULT)
        if value is None and known.get(name) is not None:
            value = known[name]
            # Windows that follow from the pulse come from where that does.
            origin = said.get("pulse_duration", FILE) if name in _WINDOWS else FILE
        elif value is None and name in _NO_PART:
            origin = FILE
        made.append(Parameter(name, _plain(value), origin))
    return made


def parameters_as_entries(parameters: list[Parameter]) -> dict[str, dict[str, Any]]:
    """Return parameters as JSON holds them: value and origin by the name."""
    return {each.name: {"value": each.value, "origin": each.origin} for each in parameters}


def _plain(value: Any) -> Any:
    if isinstance(value, Window):
        value = [value.start, value.stop]
    return plain_value(list(value) if isinstance(value, tuple) else value)
