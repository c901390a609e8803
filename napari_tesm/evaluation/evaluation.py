"""One evaluation: a dataset, a recipe, and all that the two come to. Everybody who evaluates traces takes one."""

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Final, Self

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from napari_tesm.data.dataset import check_dataset, voltages_that_titles_tell_apart, with_protocol
from napari_tesm.data.displacement import samples_for_displacement
from napari_tesm.data.parity import EACH, parity_of_dataset
from napari_tesm.data.phase import ATTRIBUTE, complex_displacement, response_axis, rotated_dataset
from napari_tesm.data.protocol import PulseProtocol, Window
from napari_tesm.evaluation.parity import part_of_dataset
from napari_tesm.evaluation.recipe import AUTO, Recipe
from napari_tesm.evaluation.settings import (
    Settings,
    pulse_from_recipe,
    sentence_about_missing_pulse,
    settings_from_protocol,
)
from napari_tesm.files.sentences import Sentence
from napari_tesm.quantities.text import text_from_quantity

_PROTOCOL: Final = ("pulse_start", "pulse_duration", "lock_in_time_constant", "lock_in_order")
_PREPARING: Final = (*_PROTOCOL, "voltage", "phase_rotation", "parity")
"""What of a recipe changes the dataset."""


@dataclass(frozen=True, eq=False)
class Evaluation:
    """What a recipe means for a dataset, from `Evaluation.of`.

    Parameters
    ----------
    source : Dataset
        As it was opened; outputs carry over what it came with.
    asked : Recipe
        As it was given.
    recipe : Recipe
        With the angle that ``phase_rotation="auto"`` came to, and the parity of a dataset of parts: it gives the same
        numbers again.
    dataset : Dataset
        With the recipe's protocol put in for what the file says or lacks, its phase turned, and opposite pulse settings
        taken apart; traces are read, and turned, where they are asked for.
    memory : dict
        What was measured on the dataset, kept for the evaluations of it that differ in other things.
    """

    source: xr.Dataset
    asked: Recipe
    recipe: Recipe
    dataset: xr.Dataset
    memory: dict[Any, Any] = field(default_factory=dict, repr=False)

    @classmethod
    def of(cls, dataset: xr.Dataset, recipe: Recipe | None = None) -> Self:
        """Return the evaluation of a dataset; only an angle that is to be found reads traces, once.

        Parameters
        ----------
        dataset : Dataset
            As `napari_tesm.data.dataset` describes.
        recipe : Recipe, optional

        Raises
        ------
        ValueError
            If the dataset breaks the schema; one voltage is given for pulse settings of different ones, whose maps
            would trade names; the phase is to be turned and Y is not recorded, or to be found and nothing responds; or
            a part is wanted of a dataset without opposite voltages, or of one that is another part.
        """
        check_dataset(dataset)
        asked = recipe or Recipe()
        prepared = _with_protocol_of_recipe(dataset, asked)
        resolved = asked
        if asked.phase_rotation is not None:
            angle = _angle_from_recipe(prepared, asked)
            resolved, prepared = replace(asked, phase_rotation=angle), rotated_dataset(prepared, angle)
        present = parity_of_dataset(dataset)
        if present != EACH:
            if asked.parity not in (EACH, present):
                raise ValueError(
                    f"the traces are the {present} part already: there is no {asked.parity} one in it"
                )
            resolved = replace(resolved, parity=present)
        elif asked.parity != EACH:
            pulse = pulse_from_recipe(PulseProtocol.from_attributes(prepared.attrs), asked)
            prepared = part_of_dataset(prepared, asked.parity, pulse)
        return cls(dataset, asked, resolved, prepared)

    @classmethod
    def of_maps(cls, dataset: xr.Dataset, maps: xr.Dataset) -> Self:
        """Return the evaluation that maps of a dataset came from.

        Raises
        ------
        ValueError
            If the maps have no recipe, or it does not go with the dataset.
        """
        return cls.of(dataset, Recipe.from_json(str(maps.attrs.get("recipe", ""))))

    def updated(self, recipe: Recipe) -> Self:
        """Return the evaluation of the same dataset with another recipe; what stays the same is not made again."""
        if recipe == self.asked:
            return self
        same = all(getattr(recipe, name) == getattr(self.asked, name) for name in _PREPARING)
        if same and recipe.phase_rotation == AUTO:
            pulses = [pulse_from_recipe(self.protocol, either) for either in (recipe, self.asked)]
            same = pulses[0] == pulses[1]
        if not same:
            return self.of(self.source, recipe)
        resolved = replace(recipe, phase_rotation=self.recipe.phase_rotation, parity=self.recipe.parity)
        return type(self)(self.source, recipe, resolved, self.dataset, self.memory)

    @property
    def protocol(self) -> PulseProtocol:
        """Protocol of the pulse, the recipe's put in."""
        return PulseProtocol.from_attributes(self.dataset.attrs)

    def contradictions(self) -> list[str]:
        """Return in a sentence each where the recipe has the pulse at another time than the file; the recipe holds."""
        stated = PulseProtocol.from_attributes(self.source.attrs)
        apart = float(np.diff(self.source["time"].values[:2]).sum()) / 2
        told = []
        for name in ("pulse_start", "pulse_duration"):
            given, said = getattr(self.asked, name), getattr(stated, name)
            if given is not None and said is not None and abs(given - said) > apart:
                values = (text_from_quantity(value, "s", digits=6) for value in (given, said))
                told.append(
                    "the {} is {}, as given, where the file says {}".format(name.replace("_", " "), *values)
                )
        return told

    @property
    def time(self) -> NDArray[np.float64]:
        """Times of the samples in s from the start of the pulse, shape (time,)."""
        return np.asarray(self.dataset["time"].values, dtype=np.float64)

    @property
    def pulse(self) -> Window:
        """When the pulse was on: all that H needs.

        Raises
        ------
        ValueError
            If it is not known, or no sample lies inside it.
        """
        pulse = pulse_from_recipe(self.protocol, self.recipe)
        if pulse is None:
            raise ValueError(sentence_about_missing_pulse(self.protocol))
        samples_for_displacement(self.time, pulse)
        return pulse

    @cached_property
    def settings(self) -> Settings:
        """Windows, kernel and length l of D: what a fit needs.

        Raises
        ------
        ValueError
            If the timing of the pulse is missing, a window lies outside the record, or the kernel has no use for it.
        """
        return settings_from_protocol(self.protocol, self.time, self.recipe)


class LastEvaluation:
    """Remembers the last evaluation: who asks for the same dataset and an equal recipe again gets the same object."""

    def __init__(self) -> None:
        self._dataset: xr.Dataset | None = None
        self._recipe = Recipe()
        self._result: Evaluation | ValueError = ValueError("")

    def of(self, dataset: xr.Dataset, recipe: Recipe) -> Evaluation:
        """Return `Evaluation.of`, or raise what it raised, without trying twice."""
        if self._dataset is not dataset or self._recipe != recipe:
            last = self._result if self._dataset is dataset and isinstance(self._result, Evaluation) else None
            try:
                self._result = Evaluation.of(dataset, recipe) if last is None else last.updated(recipe)
            except ValueError as error:
                self._result = error.with_traceback(None)
            self._dataset, self._recipe = dataset, recipe
        if isinstance(self._result, ValueError):
            raise self._result.with_traceback(None)
        return self._result


def _with_protocol_of_recipe(dataset: xr.Dataset, recipe: Recipe) -> xr.Dataset:
    if recipe.voltage is not None:
        _check_voltage(dataset, np.atleast_1d(recipe.voltage))
    given = {name: getattr(recipe, name) for name in _PROTOCOL}
    return with_protocol(dataset, voltage=recipe.voltage, **given)


def _check_voltage(dataset: xr.Dataset, given: NDArray[np.float64]) -> None:
    """Raise a ValueError where voltages do not fit the pulse settings as the file or the titles of its traces say.

    Parameters
    ----------
    given : ndarray, shape (pulse,) or (1,)
        In V.
    """
    settings = dataset.sizes["pulse"]
    if given.size > 1 and given.size != settings:
        template = "{n} voltages are given for {settings} pulse settings: give {voltage} one, or one for each"
        raise ValueError(Sentence(template, n=given.size, settings=settings))
    if given.size > 1 or settings == 1:
        return
    said = np.array(dataset["voltage"].values, dtype=np.float64)
    titles = dataset.attrs.get("traces", [])
    if len(titles) == settings:
        unsaid = np.isnan(said)
        said[unsaid] = voltages_that_titles_tell_apart([str(title) for title in titles])[unsaid]
    stated = np.unique(said[np.isfinite(said)])
    if stated.size > 1 or (
        stated.size and stated[0] != given[0] and np.isnan(dataset["voltage"].values).any()
    ):
        template = (
            "the file holds pulses of {voltages}: choose one with {traces} before giving it another {voltage}"
        )
        voltages = ", ".join(text_from_quantity(float(value), "V") for value in stated)
        raise ValueError(Sentence(template, voltages=voltages))


def _angle_from_recipe(dataset: xr.Dataset, recipe: Recipe) -> float:
    """Return by how much (X, Y) is to be turned, in degrees."""
    if isinstance(recipe.phase_rotation, float | int):
        return float(recipe.phase_rotation)
    protocol = PulseProtocol.from_attributes(dataset.attrs)
    pulse = pulse_from_recipe(protocol, recipe)
    if pulse is None:
        raise ValueError(sentence_about_missing_pulse(protocol))
    turned = float(dataset.attrs.get(ATTRIBUTE, 0.0))
    return turned + response_axis(complex_displacement(dataset, pulse))
