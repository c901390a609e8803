"""The fit widget without its widgets: parameters as people write them, previews, counts, messages."""

from dataclasses import replace
from typing import Any, Final

import numpy as np
import xarray as xr
from psygnal import Signal

from napari_tesm.displacement import OK, STATUS_MEANINGS
from napari_tesm.gui.scan import Scan
from napari_tesm.interface import recipe_from_values
from napari_tesm.maps import WINDOWS, labels_from_maps
from napari_tesm.pipeline import Progress, run
from napari_tesm.protocol import PulseProtocol, Window, windows_from_protocol
from napari_tesm.recipe import NO_WINDOW, Recipe

PREVIEW_SAMPLES: Final = 128 * 128 * 250
"""Samples that are refitted at each change of a parameter; larger maps are thinned to this."""


class FitModel:
    """Parameters of one scan's evaluation.

    Parameters
    ----------
    scan : Scan
    """

    changed = Signal()

    def __init__(self, scan: Scan) -> None:
        self.scan = scan
        self.message = ""
        """What is wrong with the last entry, in a sentence; empty where nothing is."""
        self._thinned: tuple[xr.Dataset, xr.Dataset] | None = None

    @property
    def recipe(self) -> Recipe:
        """The last parameters that made sense."""
        return self.scan.recipe

    @property
    def tip_radius(self) -> tuple[float | None, float | None]:
        """Tip radius and its error that hold: the recipe's, else the file's; None where nobody has said it."""
        if self.recipe.tip_radius is not None:
            return self.recipe.tip_radius, self.recipe.tip_radius_error
        if self.scan.dataset is None:
            return None, None
        protocol = PulseProtocol.from_attributes(self.scan.dataset.attrs)
        return protocol.tip_radius, protocol.tip_radius_error

    def window(self, number: int) -> Window | None:
        """Return a window as it holds now, None where it is left out or not known."""
        chosen = self.recipe.window1 if number == 1 else self.recipe.window2
        if isinstance(chosen, Window):
            return chosen
        if chosen == NO_WINDOW or self.scan.dataset is None:
            return None
        protocol = PulseProtocol.from_attributes(self.scan.dataset.attrs)
        return windows_from_protocol(protocol)[number - 1]

    def set(self, **values: Any) -> bool:
        """Change parameters, as text with units or SI numbers; None takes back to the file's or the default.

        Returns whether they made sense; where not, `message` says why and everything stays as it was.
        """
        cleared = {name: getattr(Recipe(), name) for name, value in values.items() if value is None}
        given = {name: value for name, value in values.items() if value is not None}
        try:
            if cleared.get("tip_radius", 0) is None:
                cleared["tip_radius_error"] = None
            recipe = replace(self.recipe, **cleared) if cleared else self.recipe
            if "tip_radius_error" in given and "tip_radius" not in given:
                given["tip_radius"] = self.tip_radius[0]
            recipe = recipe_from_values(recipe, **given)
        except (ValueError, TypeError) as error:
            self._say(str(error))
            return False
        self._say("")
        self.scan.set_recipe(recipe)
        return True

    def refuse(self, message: str) -> None:
        """Say what is wrong with an entry that was not understood."""
        self._say(message)

    def preview_dataset(self) -> tuple[xr.Dataset, int]:
        """Return the scan in memory, thinned to what can be refitted while a hand moves, and every how many pixels.

        Raises
        ------
        ValueError
            If there are no traces.
        """
        dataset = self.scan.dataset
        if dataset is None:
            raise ValueError(self.scan.problem or "this file holds no traces")
        samples = int(dataset["displacement"].size)
        step = (
            max(1, int(np.ceil(np.sqrt(samples / PREVIEW_SAMPLES)))) if samples > 2 * PREVIEW_SAMPLES else 1
        )
        if self._thinned is None or self._thinned[0] is not dataset:
            self._thinned = (dataset, _thinned(dataset, step))
        return self._thinned[1], step

    def preview(self, progress: Progress | None = None) -> xr.Dataset:
        """Return the maps of the preview with the present recipe; thread-safe, as it changes nothing but a cache."""
        dataset, step = self.preview_dataset()
        maps = run(dataset, self.recipe, jobs=1, progress=progress)
        maps.attrs["preview_step"] = step
        return maps

    def fit(self, *, jobs: int = 1, progress: Progress | None = None) -> xr.Dataset:
        """Return the maps of the whole scan."""
        if self.scan.dataset is None:
            raise ValueError(self.scan.problem or "this file holds no traces")
        return run(self.scan.dataset, self.recipe, jobs=jobs, progress=progress)

    def _say(self, message: str) -> None:
        self.message = message[:1].upper() + message[1:]
        self.changed.emit()


def _thinned(dataset: xr.Dataset, step: int) -> xr.Dataset:
    """Return every `step`-th pixel of a dataset in memory, pixels of one trace side by side."""
    rows, columns = (
        slice(step // 2 if dataset.sizes[axis] > step // 2 else 0, None, step) for axis in ("y", "x")
    )
    part = dataset[["displacement"]].isel(y=rows, x=columns)
    traces = [
        np.ascontiguousarray(part["displacement"].isel(pulse=p).values) for p in range(part.sizes["pulse"])
    ]
    values = np.stack(traces).astype(np.float64, copy=False)
    made = part.assign(displacement=(part["displacement"].dims, values, part["displacement"].attrs))
    for axis in ("y", "x"):
        spacing = dataset[axis].attrs.get("spacing")
        if spacing is not None:
            made[axis].attrs["spacing"] = spacing * step
    return made


def counts_in_words(maps: xr.Dataset) -> list[str]:
    """Return for each window how many pixels were fitted, one number for each pulse setting.

    Examples
    --------
    ``"window 1: 1 402 (71 %), 1 380 (70 %) of 1 961 pixels fitted"``
    """
    lines = []
    for number in WINDOWS:
        if f"status{number}" in maps:
            status = maps[f"status{number}"].values
            size = status[0].size
            fitted = [int((here == OK).sum()) for here in status]
            numbers = ", ".join(f"{_grouped(count)} ({_percent(count / size)} %)" for count in fitted)
            lines.append(f"window {number}: {numbers} of {_grouped(size)} pixels fitted")
    return lines


def reasons_in_words(maps: xr.Dataset) -> list[str]:
    """Return for each window and pulse setting why pixels were not fitted, with their numbers."""
    lines = []
    for number in WINDOWS:
        if f"status{number}" not in maps:
            continue
        for pulse, label in enumerate(labels_from_maps(maps)):
            counts = np.bincount(
                maps[f"status{number}"].values[pulse].ravel(), minlength=len(STATUS_MEANINGS)
            )
            others = [
                f"{meaning.replace('_', ' ')} {_grouped(count)}"
                for value, (meaning, count) in enumerate(zip(STATUS_MEANINGS, counts, strict=True))
                if value != OK and count
            ]
            lines.append(f"window {number} {label}".rstrip() + f": {', '.join(others) or 'all fitted'}")
    return lines


def _percent(share: float) -> str:
    return f"{100 * share:.0f}" if share in (0, 1) or 0.01 <= share <= 0.99 else f"{100 * share:.2f}"


def _grouped(count: int) -> str:
    return f"{int(count):,}".replace(",", "\u2009")
