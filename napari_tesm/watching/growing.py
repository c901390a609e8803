"""A scan that grows: each look opens its file anew, fits what is whole in it, and lets go of the file."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from napari_tesm.data.parity import EACH
from napari_tesm.evaluation.evaluation import Evaluation
from napari_tesm.evaluation.instrument import instrument_of
from napari_tesm.evaluation.pipeline import run
from napari_tesm.evaluation.recipe import Recipe
from napari_tesm.files.disk import growing_files
from napari_tesm.io.mapping.entries import Mapping
from napari_tesm.quantities.status import INVALID
from napari_tesm.scan import scan_with_traces, scans_from_file
from napari_tesm.watching.lines import WholeLines, lines_alone, span_of_rows
from napari_tesm.watching.remembered import RememberedFits

Progress = Callable[[float, str], None]
Error = TypeVar("Error", bound=Exception)


@dataclass(frozen=True, eq=False)
class Look:
    """What a look at a growing scan has shown; it holds no file open.

    Parameters
    ----------
    whole : ndarray of bool, shape (pulse, y)
        Which of its lines are whole.
    maps : Dataset, optional
        Of the whole lines, on the grid of the scan and invalid elsewhere; None where there is none, or no map.
    refusal : ValueError, optional
        Why there are no maps of what is there.
    passed : ndarray of bool, shape (pulse, y), optional
        Which lines have no number, and will get none: others on both sides of them are there.
    """

    whole: NDArray[np.bool_]
    maps: xr.Dataset | None = None
    refusal: ValueError | None = None
    passed: NDArray[np.bool_] | None = None

    @property
    def done(self) -> NDArray[np.bool_]:
        """Of which lines nothing more is to come, shape (pulse, y)."""
        return self.whole if self.passed is None else self.whole | self.passed

    @property
    def is_all(self) -> bool:
        """Whether nothing more is to come of any line."""
        return bool(self.done.all())


@dataclass
class GrowingScan:
    """A file that is looked at again and again while a recorder writes it.

    Parameters
    ----------
    path : Path
    recipe : Recipe
    mapping : Mapping, optional
        What is what in the file; by default what lies beside it.
    entered : callable
        Puts into the dataset what somebody has said of it.
    """

    path: Path
    recipe: Recipe = field(default_factory=Recipe)
    mapping: Mapping | None = None
    entered: Callable[[xr.Dataset], xr.Dataset] = lambda dataset: dataset
    _lines: WholeLines = field(default_factory=WholeLines)
    _looks: int = 0
    _fits: RememberedFits = field(default_factory=RememberedFits)
    _last: Look | None = None
    _recipe: Recipe | None = None

    def look(self, *, jobs: int = 1, progress: Progress | None = None) -> Look:
        """Return what is there now.

        Parameters
        ----------
        jobs : int
            Threads.
        progress : callable, optional
            As of `napari_tesm.evaluation.pipeline.run`; what it raises ends the look.

        Raises
        ------
        OSError, ValueError
            If the file is not there yet, or what is there can not be understood: it may be half written, and be sound
            at the next look.
        """
        with growing_files():
            _, dataset = scan_with_traces(
                scans_from_file(self.path, self.recipe, mapping=self.mapping, restored=False)
            )
            dataset = self.entered(dataset)
            whole = self._lines.of(dataset)
            last = self._last
            recipe = self.recipe
            look = Look(whole, passed=self._lines.passed)
            same = last is not None and last.maps is not None and np.array_equal(last.whole, whole)
            if last is not None and same and recipe == self._recipe and np.array_equal(last.done, look.done):
                return last
            if whole.any():
                try:
                    look = replace(look, maps=self._maps(dataset, whole, recipe, jobs, progress))
                except ValueError as error:  # a line alone may not tell what many do
                    look = replace(look, refusal=without_frames(error))
        self._last, self._recipe = look, recipe
        return look

    def _maps(
        self,
        dataset: xr.Dataset,
        whole: NDArray[np.bool_],
        recipe: Recipe,
        jobs: int,
        progress: Progress | None,
    ) -> xr.Dataset:
        evaluation = Evaluation.of(lines_alone(dataset, whole), recipe)
        rows = span_of_rows(whole)
        try:
            instrument = instrument_of(evaluation)
            # A line in which a pulse was lost may get other pixels still, and is fitted at each look.
            self._looks += 1
            known, new = self._lines.contents(), f"look {self._looks}".encode()
            lines = {(p, r - rows.start): known.get((p, r), new) for p, r in np.argwhere(whole).tolist()}
            resolved = instrument.evaluation.recipe.to_json()
            shape = tuple(evaluation.dataset.sizes[name] for name in ("pulse", "x", "time"))
            parity = evaluation.recipe.parity == EACH
            self._fits.begin((rows.start, resolved, shape, evaluation.time.tobytes()), lines)
            maps = run(evaluation, jobs=jobs, progress=progress, journal=self._fits if parity else None)
        finally:
            # What it remembers knows the evaluation, and with it the file, which a recorder must find closed.
            evaluation.memory.clear()
        return on_all_rows(maps, dataset, rows)


def without_frames(error: Error) -> Error:
    """Return an exception that no longer holds what was at work when it was raised, such as an open file."""
    error.__context__ = error.__cause__ = None
    return error.with_traceback(None)


def on_all_rows(maps: xr.Dataset, dataset: xr.Dataset, rows: slice) -> xr.Dataset:
    """Return maps of some rows of a dataset on all of them, without values elsewhere.

    Parameters
    ----------
    maps : Dataset
    dataset : Dataset
        Has the axis of all rows.
    rows : slice
        Those of the maps.
    """
    height = dataset.sizes["y"]
    variables = {}
    for name, array in maps.data_vars.items():
        shape = (array.sizes["pulse"], height, array.sizes["x"])
        empty = np.full(shape, INVALID if array.dtype.kind in "iu" else np.nan, array.dtype)
        empty[:, rows] = array.values
        variables[name] = (array.dims, empty, array.attrs)
    others = {name: array.variable for name, array in maps.coords.items() if "y" not in array.dims}
    return xr.Dataset(variables, {**others, "y": dataset["y"].variable}, maps.attrs)
