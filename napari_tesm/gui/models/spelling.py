"""The evaluation on the screen, spelled as a command line and as Python: the same recipe, the same numbers."""

from dataclasses import fields
from typing import Any, Final

import numpy as np

from napari_tesm.data.protocol import RADII, Window, text_from_radius
from napari_tesm.evaluation.recipe import OF_NOISE, UNITS, Recipe
from napari_tesm.files.sentences import option_from_field
from napari_tesm.files.texts import line_from_words
from napari_tesm.gui.models.scan import Scan
from napari_tesm.quantities.text import text_from_quantity
from napari_tesm.scan import scans_from_file

_NOT_OPTIONS: Final = ("tau_bounds", "response_level", "max_log_tau_error")
"""Entries of a recipe that the command line takes from a recipe file only."""


def recipe_for_file(scan: Scan) -> Recipe:
    """Return the recipe with what was entered by hand put in: a file opened anew does not know it.

    Raises
    ------
    ValueError
        If there is no file, or the voltages entered differ between pulse settings, which one command cannot say.
    """
    if scan.path is None:
        raise ValueError("this scan did not come from a file: save it first")
    recipe = scan.recipe
    held = scan.recording
    if held is None:
        return recipe
    values = recipe.to_dict()
    original = scan.reopened()
    if original.unfinished is not None:
        values["time_unit"] = "s" if recipe.time_unit is None else recipe.time_unit
        values["time_unit"] = scan.entered.get("time_unit", values["time_unit"])
    if "lateral_unit" in scan.entered:
        values["lateral_unit"] = scan.entered["lateral_unit"]
    opened = original.dataset if original.dataset is not None else original.unfinished
    assert opened is not None
    for name in ("pulse_start", "pulse_duration"):
        if held.attrs.get(name) != opened.attrs.get(name) and values.get(name) is None:
            values[name] = held.attrs.get(name)
    volts = held["voltage"].values
    if not np.array_equal(volts, opened["voltage"].values, equal_nan=True) and values.get("voltage") is None:
        if np.unique(volts).size > 1:
            raise ValueError(
                "the voltages entered differ: save the file first, then its command needs none of them"
            )
        values["voltage"] = float(volts[0])
    if recipe.traces is None and len(scans_from_file(scan.path, restored=False)) > 1:
        values["traces"] = list(held.attrs.get("traces", []))
    return Recipe.from_dict(values)


def command_from_scan(scan: Scan) -> str:
    """Return the `tesm fit`, or `tesm lateral`, line that gives the maps on the screen.

    Raises
    ------
    ValueError
        If there is no file, or the recipe holds what only a recipe file can say.
    """
    recipe = recipe_for_file(scan)
    changed = [name for name in _NOT_OPTIONS if getattr(recipe, name) != getattr(Recipe(), name)]
    if changed:
        named = ", ".join(name.replace("_", " ") for name in changed)
        raise ValueError(f"the command line takes {named} from a recipe file only: copy as Python instead")
    # A name that begins with a dash would be taken for an option.
    command = "fit" if scan.inversion is None else "lateral"
    words = ["tesm", command, _path_word(str(scan.path)), "-o", _path_word(scan.path_beside("_D.gwy").name)]
    if scan.inversion is not None and scan.inversion.prior is not None:
        words += [option_from_field("prior"), scan.inversion.prior_text]
    if scan.inversion is not None and scan.inversion.together:
        words.append(option_from_field("together"))
    for name, value in _entries(recipe):
        option = option_from_field(name)
        if name == "traces":
            words += [f"{option}={title}" for title in value]
        elif getattr(recipe, name) is True:
            words.append(option)
        elif str(value).startswith("-"):
            words.append(f"{option}={value}")
        else:
            words += [option, str(value)]
    return line_from_words(words)


def _path_word(path: str) -> str:
    """Return a path as no command takes it for an option."""
    return f"./{path}" if path.startswith("-") else path


def python_from_scan(scan: Scan) -> str:
    """Return Python code that gives the maps on the screen, as `maps`.

    Raises
    ------
    ValueError
        If there is no file.
    """
    recipe = recipe_for_file(scan)
    opening = [repr(str(scan.path))]
    arguments = ["dataset"]
    for name, value in _entries(recipe, plain=True):
        (opening if name in ("traces", "time_unit", "lateral_unit") else arguments).append(f"{name}={value}")
    inversion = scan.inversion
    function = "fit" if inversion is None else "lateral"
    if inversion is not None and inversion.prior is not None:
        arguments.append(f"prior={inversion.prior_text!r}")
    if inversion is not None and inversion.together:
        arguments.append("together=True")
    names = ", ".join(sorted((function, "open_dataset", "save")))
    return (
        f"from napari_tesm import {names}\n\n"
        f"dataset = open_dataset({', '.join(opening)})\n"
        f"maps = {function}({', '.join(arguments)})\n"
        f"save({scan.path_beside('_D.gwy').name!r}, dataset, maps)\n"
    )


def _entries(recipe: Recipe, *, plain: bool = False) -> list[tuple[str, Any]]:
    """Return what differs from the defaults, as text with units; for Python, as literals."""
    entries: list[tuple[str, Any]] = []
    default = Recipe()
    for field in fields(recipe):
        name, value = field.name, getattr(recipe, field.name)
        of_noise = recipe.threshold_of == OF_NOISE
        if name.endswith("_radius_error") or (name == "threshold_of" and of_noise):
            continue
        if value == getattr(default, name) and not (name == "threshold" and of_noise):
            continue
        text = text_of_entry(recipe, name, plain=plain)
        entries.append((name, repr(text) if plain else text))
    return entries


def text_of_entry(recipe: Recipe, name: str, *, plain: bool = False) -> Any:
    """Return an entry that is not None as text with units, `traces` as a list; what has no unit as it is if `plain`."""
    value = getattr(recipe, name)
    if name == "traces":
        return list(value)
    if name in RADII:
        return text_from_radius(value, getattr(recipe, f"{name}_error"))
    if isinstance(value, Window):
        return str(value)
    if name in UNITS:
        return text_from_quantity(value, UNITS[name])
    if name == "threshold" and not (plain and recipe.threshold_of != OF_NOISE):
        return recipe.threshold_text
    return value if plain else str(value)
