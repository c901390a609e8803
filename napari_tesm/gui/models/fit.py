"""The fit widget without its widgets: parameters as people write them, previews, which map is shown, messages."""

import re
from dataclasses import replace
from typing import Any, Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from psygnal import Signal

from napari_tesm.data.dataset import thinned
from napari_tesm.data.lateral import Inversion
from napari_tesm.data.maps import ENDINGS, LATERAL
from napari_tesm.data.parity import EACH, pairs_of_settings, parity_of_dataset
from napari_tesm.data.protocol import RADII, PulseProtocol, Window, windows_from_protocol
from napari_tesm.evaluation.evaluation import Evaluation
from napari_tesm.evaluation.instrument import instrument_kept
from napari_tesm.evaluation.pipeline import Progress, run
from napari_tesm.evaluation.recipe import NO_WINDOW, Recipe
from napari_tesm.evaluation.settings import protocol_with_radii
from napari_tesm.evaluation.values import recipe_from_values
from napari_tesm.files.sentences import Field
from napari_tesm.findings.instrument import instrument_summary
from napari_tesm.gui.layers.scan_layers import names_of_maps
from napari_tesm.gui.models.agreement import PREVIEW_STEP, maps_are_of_present_recipe
from napari_tesm.gui.models.form_words import FORMS, sentence_for_forms
from napari_tesm.gui.models.scan import Scan
from napari_tesm.inversion.lateral import lateral_maps, prior_from_text
from napari_tesm.inversion.requirements import check_lateral
from napari_tesm.model_choice.maps import KernelChoice, choice_of_kernels, with_averages

Array = NDArray[np.float64]
PREVIEW_SAMPLES: Final = 128 * 128 * 250
"""Samples that are refitted at each change of a parameter; larger maps are thinned to this."""


_FIRST_SHOWN: Final = ("log10_D_lateral", "log10_D2", "log10_D1", "log10_D", "tau2", "tau1", "tau", "H")


class FitModel:
    """Parameters of one scan's evaluation.

    Parameters
    ----------
    scan : Scan
    """

    changed = Signal()
    """The message is another one."""
    shown_changed = Signal()
    """Other maps are there to be shown, or another one of them is."""

    def __init__(self, scan: Scan) -> None:
        self.scan = scan
        self.message = ""
        """What is wrong with the last entry, in a sentence; empty where nothing is."""
        self.preview_maps: xr.Dataset | None = None
        """Maps of the last preview; None where results, or nothing, are on the screen."""
        self._choice: tuple[str, int] | None = None
        self._thinned: tuple[xr.Dataset, xr.Dataset] | None = None
        self._traces: tuple[xr.Dataset, tuple[Any, ...], Array] | None = None
        self._previewed: Evaluation | None = None
        self._measured: Evaluation | None = None

    @property
    def recipe(self) -> Recipe:
        """The last parameters that made sense."""
        return self.scan.recipe

    def radius(self, name: str) -> tuple[float | None, float | None]:
        """Return "tip_radius" or "contact_radius" and its error that hold: the recipe's, else the file's, else None."""
        said = protocol_with_radii(self._protocol, self.recipe)
        return getattr(said, name), getattr(said, f"{name}_error")

    @property
    def lock_in(self) -> tuple[float | None, float | None]:
        """Time constant and order of the lock-in's low-pass that hold: the recipe's, else the file's."""
        protocol = self._protocol.updated(
            lock_in_time_constant=self.recipe.lock_in_time_constant, lock_in_order=self.recipe.lock_in_order
        )
        return protocol.lock_in_time_constant, protocol.lock_in_order

    def radius_is_the_files(self, name: str) -> bool:
        """Whether the radius of this name that holds comes from the file."""
        return getattr(self.recipe, name) is None and self.radius(name)[0] is not None

    @property
    def has_opposite_voltages(self) -> bool:
        """Whether there are pulse settings that odd and even parts can be taken of, or the traces are such parts."""
        dataset = self.scan.dataset
        if dataset is None:
            return False
        if parity_of_dataset(dataset) != EACH:
            return True
        return bool(pairs_of_settings(self.scan.voltages, [str(way) for way in dataset["direction"].values]))

    @property
    def problem(self) -> str:
        """Why nothing can be fitted, in a sentence; empty where it can."""
        if self.scan.dataset is None:
            reason = self.scan.problem or "This file holds no time traces."
            return reason if self.scan.unfinished is not None else f"{reason} There is nothing to fit."
        return self.scan.fit_problem

    @property
    def lateral_problem(self) -> str:
        """Why lateral diffusion cannot be taken out of these traces with this recipe; empty where it can."""
        try:
            check_lateral(self.scan.evaluation)
        except ValueError as error:
            return sentence_for_forms(error)
        return ""

    @property
    def refusal(self) -> str:
        """Why the whole fit cannot be made as it is asked for, in a sentence; empty where it can.

        A preview, which is of each pixel by itself, may still be possible.
        """
        return self.problem or ("" if self.scan.inversion is None else self.lateral_problem)

    @property
    def _protocol(self) -> PulseProtocol:
        """What the file says of the pulse; nothing where there are no traces."""
        return PulseProtocol.from_attributes({} if self.scan.dataset is None else self.scan.dataset.attrs)

    @property
    def hint(self) -> str:
        """What is worth saying although nothing is wrong; empty where nothing is."""
        if all(self.radius(name)[0] is None for name in RADII):
            return "Without a tip radius there are maps of τ, but none of D."
        return ""

    @property
    def maps(self) -> xr.Dataset | None:
        """The maps that are looked at: those of the preview, else of the last whole fit."""
        return self.scan.maps if self.preview_maps is None else self.preview_maps

    @property
    def shown(self) -> tuple[str, int] | None:
        """Name and pulse setting of the map on top: the one chosen, or what comes closest; None where there is none."""
        return None if self.maps is None else self.shown_of(self.maps)

    def shown_of(self, maps: xr.Dataset) -> tuple[str, int]:
        """Return which of these maps would be on top."""
        names, pulses = names_of_maps(maps), maps.sizes["pulse"]
        name, pulse = self._choice or ("", pulses - 1)
        if name not in names:
            candidates = [first for first in _FIRST_SHOWN if first in names]
            window = re.sub(f"({'|'.join(ENDINGS)})$", "", name)[-1:]
            name = next((first for first in candidates if first[-1] == window), candidates[0])
        return name, min(pulse, pulses - 1)

    def show_fitted(self, maps: xr.Dataset) -> tuple[str, int]:
        """Return which of the maps of a whole fit comes on top; D with lateral diffusion taken out where it is new."""
        name, pulse = self.shown_of(maps)
        if "D_lateral" in maps and name not in LATERAL:
            name = _FIRST_SHOWN[0]
            self._choice = (name, pulse)
        return name, pulse

    @property
    def is_stale(self) -> bool:
        """Whether the maps that are looked at belong to another recipe than the present one."""
        return not maps_are_of_present_recipe(self.scan, self.maps)

    def show(self, name: str, pulse: int) -> None:
        """Choose the map on top."""
        if self._choice != (name, pulse):
            self._choice = (name, pulse)
            self.shown_changed.emit()

    def show_preview(self, maps: xr.Dataset | None) -> None:
        """Look at the maps of a preview; None goes back to the results."""
        self.preview_maps = maps
        self.shown_changed.emit()

    def window(self, number: int) -> Window | None:
        """Return a window as it holds now, None where it is left out or not known."""
        chosen = self.recipe.window1 if number == 1 else self.recipe.window2
        if isinstance(chosen, Window):
            return chosen
        return None if chosen == NO_WINDOW else windows_from_protocol(self._protocol)[number - 1]

    def set(self, **values: Any) -> bool:
        """Change parameters, as text with units or SI numbers; None takes back to the file's or the default.

        Returns whether they made sense; where not, `message` says which and why, and everything stays as it was.
        """
        cleared = {name: getattr(Recipe(), name) for name, value in values.items() if value is None}
        given = {name: value for name, value in values.items() if value is not None}
        try:
            cleared |= {f"{name}_error": None for name in RADII if name in cleared}
            recipe = replace(self.recipe, **cleared) if cleared else self.recipe
            for name in RADII:
                if f"{name}_error" in given and name not in given:
                    given[name] = self.radius(name)[0]
            recipe = recipe_from_values(recipe, **given)
            self._say("")
            self.scan.set_recipe(recipe)
        except (ValueError, TypeError) as error:
            self.refuse(error, entry=next(iter(values), ""))
            return False
        return True

    def set_lateral(self, *, wanted: bool, together: bool = False, prior: str = "") -> bool:
        """Take lateral diffusion out from now on, or leave it in.

        Parameters
        ----------
        together : bool
            Pulse settings share their D.
        prior : str
            As `napari_tesm.inversion.lateral.prior_from_text` reads it; empty for auto.

        Returns
        -------
        bool
            Whether it made sense; where not, `message` says why, and everything stays as it was.
        """
        try:
            inversion = Inversion(prior_from_text(prior or "auto"), together) if wanted else None
        except ValueError as error:
            self.refuse(error, entry="prior")
            return False
        self._say("")
        self.scan.set_lateral(inversion)
        return True

    def refuse(self, message: object, *, entry: str = "") -> None:
        """Say what is wrong with an entry that was not understood, or why something could not be done."""
        if isinstance(message, MemoryError):
            message = "there is not enough memory for this fit"
        text, name = FORMS(message), FORMS(Field(entry))
        self._say(sentence_for_forms(message if name in text.lower() else f"{name}: {text}"))

    def preview_dataset(self) -> tuple[xr.Dataset, int]:
        """Return the scan in memory, thinned to what can be refitted while a hand moves, and every how many pixels.

        Raises
        ------
        ValueError
            If there are no traces.
        """
        evaluation = self.scan.evaluation
        dataset, recipe = evaluation.dataset, evaluation.recipe
        samples = int(dataset["displacement"].size)
        step = (
            max(1, int(np.ceil(np.sqrt(samples / PREVIEW_SAMPLES)))) if samples > 2 * PREVIEW_SAMPLES else 1
        )
        if self._thinned is None or self._thinned[0] is not dataset:
            # Most of what makes another dataset leaves its traces as they are: a pulse has another duration.
            made_by: tuple[Any, ...] = (recipe.phase_rotation, recipe.parity)
            if recipe.parity != EACH:
                made_by = (*made_by, recipe.pulse_start, recipe.pulse_duration, recipe.voltage)
            traces = self._traces
            if traces is None or traces[0] is not evaluation.source or traces[1] != made_by:
                traces = self._traces = (evaluation.source, made_by, _traces_in_memory(dataset, step))
                self._measured = None
            part = thinned(dataset[["displacement"]], step)
            displacement = part["displacement"]
            part = part.assign(displacement=(displacement.dims, traces[2], displacement.attrs))
            self._thinned = (dataset, part)
        return self._thinned[1], step

    def preview(self, progress: Progress | None = None, *, moving: bool = False) -> xr.Dataset:
        """Return the maps of the preview with the present recipe; thread-safe, as it changes nothing but a cache.

        Parameters
        ----------
        moving : bool
            A hand still moves: where only windows have changed, what was measured of the instrument before is taken
            for what it is now. The maps are near those of a fit then, and `is_provisional` tells; else they are those
            of a fit of the same pixels.
        """
        recipe = self.scan.evaluation.recipe
        dataset, step = self.preview_dataset()
        last = self._previewed
        # What was measured of the instrument is kept for recipes that differ in other things.
        evaluation = (
            Evaluation.of(dataset, recipe)
            if last is None or last.source is not dataset
            else last.updated(recipe)
        )
        self._previewed = evaluation
        kept = None if self._measured is None or not moving else instrument_kept(self._measured, evaluation)
        maps = run(evaluation, jobs=1, progress=progress, instrument=kept)
        if kept is None:
            self._measured = evaluation
        maps.attrs[PREVIEW_STEP] = step
        return maps

    def fit(self, *, jobs: int = 1, progress: Progress | None = None) -> xr.Dataset:
        """Return the maps of the whole scan, with lateral diffusion taken out where that is asked for."""
        evaluation, inversion = self.scan.evaluation, self.scan.inversion
        if inversion is None:
            return run(evaluation, jobs=jobs, progress=progress)
        return lateral_maps(
            evaluation, prior=inversion.prior, together=inversion.together, jobs=jobs, progress=progress
        )

    def compare_kernels(self, *, jobs: int = 1, progress: Progress | None = None) -> KernelChoice:
        """Return which kernel the scan's traces support."""
        # The kernel of the fit plays no part in the question.
        recipe = replace(self.recipe, kernel=Recipe().kernel, geometry=Recipe().geometry)
        evaluation = self.scan.evaluation.updated(recipe)
        choice = choice_of_kernels(evaluation, jobs=jobs, progress=progress)
        return with_averages(choice, evaluation, jobs=jobs)

    def _say(self, message: str) -> None:
        if message != self.message:
            self.message = message
            self.changed.emit()


def is_provisional(maps: xr.Dataset) -> bool:
    """Return whether maps of a preview were made with what was measured for other windows."""
    return bool((instrument_summary(maps) or {}).get("kept", False))


def _traces_in_memory(dataset: xr.Dataset, step: int) -> Array:
    """Return the traces of every `step`-th pixel, shape (pulse, y, x, time), those of one pixel side by side."""
    displacement = thinned(dataset[["displacement"]], step)["displacement"]
    traces = [
        np.ascontiguousarray(displacement.isel(pulse=p).values) for p in range(displacement.sizes["pulse"])
    ]
    return np.stack(traces).astype(np.float64, copy=False)
