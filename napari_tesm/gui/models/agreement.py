"""Whether the maps of a scan are those of the present recipe: what differs, and how a recipe is named in short."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, fields, replace
from typing import Any, Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from napari_tesm.data.lateral import Inversion, inversion_of_maps
from napari_tesm.data.protocol import RADII, length_from_attributes
from napari_tesm.evaluation.recipe import AUTO, Recipe, words_of_threshold
from napari_tesm.files.sentences import Field
from napari_tesm.findings.instrument import instrument_summary
from napari_tesm.gui.models.form_words import FORMS
from napari_tesm.gui.models.scan import Scan
from napari_tesm.gui.models.spelling import text_of_entry
from napari_tesm.quantities.text import text_from_quantity

_MOST: Final = 3
"""Entries that one sentence names."""
_LATERAL: Final = "lateral diffusion"
PREVIEW_STEP: Final = "preview_step"
"""Attribute of the maps of a preview: every how many pixels are in them."""
_TIMES: Final = ("pulse_start", "pulse_duration")
_TOLD_WITH: Final = {"threshold_of": "threshold", **{f"{name}_error": name for name in RADII}}
"""Entries that are part of the text of another one."""


@dataclass(frozen=True)
class Difference:
    """An entry that was another one when the maps were fitted.

    Parameters
    ----------
    name : str
        What the forms call it.
    fitted, present : str
        As text with units.
    """

    name: str
    fitted: str
    present: str


def recipe_of_maps(maps: xr.Dataset | None) -> Recipe | None:
    """Return the recipe that made maps; None where they do not say one that this version knows."""
    written = None if maps is None else maps.attrs.get("recipe")
    with suppress(ValueError):
        return Recipe.from_json(str(written)) if written else None
    return None


def maps_are_of_present_recipe(scan: Scan, maps: xr.Dataset | None) -> bool:
    """Return whether a fit with what the forms of a scan say now would give these maps; also where there are none."""
    return not differences_of_maps(scan, maps)


def differences_of_maps(scan: Scan, maps: xr.Dataset | None) -> list[Difference]:
    """Return in what maps of a scan, the last results or a preview, differ from what its forms say now."""
    made_with = recipe_of_maps(maps)
    if maps is None or made_with is None:
        return []
    present, voltages = scan.recipe, None
    attributes: Mapping[Any, Any] = {}
    if scan.dataset is not None:
        attributes, voltages = scan.dataset.attrs, scan.voltages
    with suppress(ValueError):
        evaluation = scan.evaluation
        present, attributes = evaluation.recipe, evaluation.dataset.attrs
    if present.nuisance == AUTO and (instrument_summary(maps) or {}).get("nuisances"):
        made_with = replace(made_with, nuisance=AUTO)  # what was found stands for it
    changed = [
        field.name
        for field in fields(Recipe)
        if getattr(made_with, field.name) != getattr(present, field.name)
    ]
    named = dict.fromkeys(_TOLD_WITH.get(name, name) for name in changed)
    short = "threshold_of" not in changed
    differences = [
        Difference(FORMS(Field(name)), _text(made_with, name, short=short), _text(present, name, short=short))
        for name in named
    ]
    return [*differences, *_of_inversion(maps, scan.inversion), *_of_protocol(maps, attributes, voltages)]


def sentence_about_maps(scan: Scan) -> str:
    """Return that the results of a scan are not those of its form, and in what; empty where they are."""
    differences = list(dict.fromkeys(differences_of_maps(scan, scan.maps)))
    if not differences:
        return ""
    named, more = differences[:_MOST], len(differences) - _MOST
    fitted = ", ".join(f"{entry.name} {entry.fitted}" for entry in named)
    present = ", ".join(entry.present for entry in named)
    rest = f" (and {more} more)" if more > 0 else ""
    return f"Tables and Save have the last fit, {fitted}; the form says {present}{rest}."


def recipe_in_short(scan: Scan) -> str:
    """Return the recipe of the results of a scan in a line; empty where they say none."""
    recipe = recipe_of_maps(scan.maps)
    if recipe is None or scan.maps is None:
        return ""
    default = Recipe()
    parts = [recipe.kernel, words_of_threshold(recipe.threshold, recipe.threshold_of)]
    length = length_from_attributes(scan.maps.attrs)
    if length is not None:
        parts.append(f"{length.name} {text_from_quantity(length.value, 'm')}")
    if (inversion := inversion_of_maps(scan.maps)) is not None:
        parts.append(f"{_LATERAL} {words_of_inversion(inversion)}")
    told = ("kernel", "threshold", "traces", *_TOLD_WITH, *RADII)
    for name in (field.name for field in fields(Recipe) if field.name not in told):
        if getattr(recipe, name) != getattr(default, name):
            parts.append(f"{FORMS(Field(name))} {_text(recipe, name)}")
    return " · ".join(parts)


def words_of_earlier_recipe(scan: Scan, written: object) -> str:
    """Return in what the recipe of maps of an earlier fit differs from that of the results of a scan, in short.

    Parameters
    ----------
    written : object
        The recipe of the earlier maps, as JSON; anything else belongs to whatever was fitted.
    """
    latest = None if scan.maps is None else scan.maps.attrs.get("recipe")
    if not written or not latest or written == latest:
        return ""
    with suppress(ValueError):
        then, now = Recipe.from_json(str(written)), Recipe.from_json(str(latest))
        changed = [
            _TOLD_WITH.get(field.name, field.name)
            for field in fields(Recipe)
            if getattr(then, field.name) != getattr(now, field.name)
        ]
        return ", ".join(_in_short(then, name) for name in list(dict.fromkeys(changed))[:_MOST])
    return "earlier fit"


def _in_short(recipe: Recipe, name: str) -> str:
    return recipe.kernel if name == "kernel" else f"{FORMS(Field(name))} {_text(recipe, name)}"


def words_of_inversion(inversion: Inversion | None) -> str:
    """Return what becomes of lateral diffusion, in words.

    Examples
    --------
    >>> words_of_inversion(None), words_of_inversion(Inversion((0.5, 5e-8), together=True))
    ('left in', 'taken out, with the prior 0.5:50nm, of all voltages together')
    """
    if inversion is None:
        return "left in"
    prior = "" if inversion.prior is None else f", with the prior {inversion.prior_text}"
    return f"taken out{prior}{', of all voltages together' if inversion.together else ''}"


def _of_inversion(maps: xr.Dataset, present: Inversion | None) -> list[Difference]:
    """Return whether lateral diffusion was taken out otherwise; a preview always leaves it in."""
    made_with = inversion_of_maps(maps)
    if made_with == present or PREVIEW_STEP in maps.attrs:
        return []
    return [Difference(_LATERAL, words_of_inversion(made_with), words_of_inversion(present))]


def _of_protocol(
    maps: xr.Dataset, attributes: Mapping[Any, Any], voltages: NDArray[np.float64] | None
) -> list[Difference]:
    """Return what was entered of the pulse since the fit; a file says numbers as text, to six digits and more."""
    pairs = [(name, "s", maps.attrs.get(name), attributes.get(name)) for name in _TIMES]
    if voltages is not None and "voltage" in maps.coords:
        fitted, present = np.asarray(maps["voltage"].values, dtype=np.float64), voltages
        if fitted.shape == present.shape:
            pairs += [("voltage", "V", *pair) for pair in zip(fitted.tolist(), present.tolist(), strict=True)]
    return [
        Difference(FORMS(Field(name)), _number(then, unit), _number(now, unit))
        for name, unit, then, now in pairs
        if then is not None
        and now is not None
        and not np.isclose(then, now, rtol=1e-6, atol=0, equal_nan=True)
    ]


def _number(value: float, unit: str) -> str:
    number = float(value)
    return text_from_quantity(number, unit) if np.isfinite(number) else "not known"


def _text(recipe: Recipe, name: str, *, short: bool = False) -> str:
    """Return an entry of a recipe as people read it; a threshold alone if `short`."""
    if name == "threshold" and not short:
        return words_of_threshold(recipe.threshold, recipe.threshold_of)
    if getattr(recipe, name) is None:
        return "by itself"
    return str(text_of_entry(recipe, name))
