"""The fit of one file of a batch, from opening it to its result and its record."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from napari_tesm.batch.inputs import Input, recipe_beside
from napari_tesm.batch.records import Record, mark_of_input
from napari_tesm.batch.small_maps import small_maps
from napari_tesm.data.maps import map_of
from napari_tesm.data.parity import EACH
from napari_tesm.evaluation.evaluation import Evaluation
from napari_tesm.evaluation.pipeline import Progress, run
from napari_tesm.evaluation.recipe import Recipe, digest_of_maps
from napari_tesm.evaluation.resuming import journal_of_run
from napari_tesm.evaluation.values import recipe_from_values
from napari_tesm.files.atomic import atomic_output, refuse_same_file
from napari_tesm.files.checksum import sha256_of_file
from napari_tesm.findings.summary import summary_from_maps
from napari_tesm.gwy.writing import write_container_to
from napari_tesm.io.gwy.saving import check_output_size
from napari_tesm.io.mapping.text import mapping_from_file
from napari_tesm.io.recipe_file import recipe_from_file
from napari_tesm.io.registry import mappings_beside
from napari_tesm.recording import REPORT
from napari_tesm.scan import container_from_scan, scan_with_traces, scans_from_file
from napari_tesm.statistics.modes import mode_from_map
from napari_tesm.version import __version__


@dataclass(frozen=True)
class Asked:
    """What is asked of all files.

    Parameters
    ----------
    recipe : Recipe, optional
        On which `values` stand; a recipe beside a file takes its place.
    values : mapping of str
        Fields of the recipe that were given one by one, as `recipe_from_values` takes them.
    mapping : Path, optional
        What is what in files that do not say it; by default what lies beside each.
    maps_only : bool
        Results leave out what the files hold.
    words : callable
        Returns what an exception or a sentence says, with its fields as its reader knows them.
    """

    recipe: Recipe | None = None
    values: Mapping[str, Any] = field(default_factory=dict)
    mapping: Path | None = None
    maps_only: bool = False
    words: Callable[[object], str] = str

    def mark(self, source: Input) -> str:
        """Return what stands for a file as it is now and what is asked of it."""
        values = {name: value for name, value in self.values.items() if value is not None}
        recipe = None if self.recipe is None else self.recipe.to_dict()
        asked = [__version__, recipe, repr(sorted(values.items())), str(self.mapping or ""), self.maps_only]
        mappings = mappings_beside(source.path) if self.mapping is None else [self.mapping]
        return mark_of_input(source, asked, [recipe_beside(source.path), *mappings])

    def recipe_of(self, path: Path) -> Recipe:
        """Return the recipe of a file.

        Raises
        ------
        OSError, ValueError
            If what lies beside it is no recipe.
        """
        beside = recipe_beside(path)
        return recipe_from_values(
            recipe_from_file(beside) if beside.is_file() else self.recipe, **self.values
        )


@dataclass(frozen=True)
class Task:
    """One file, for one worker."""

    source: Input
    folder: Path
    asked: Asked
    mark: str


def record_of_fit(task: Task, progress: Progress | None = None) -> Record:
    """Fit a file, write its result and return what became of it; whatever is wrong with the file is its reason."""
    start = time.perf_counter()
    try:
        record = _fitted(task, progress)
    except MemoryError:
        record = failed(task, "there is not enough memory to fit it beside the others: use fewer jobs")
    except Exception as error:  # a file may be broken in any way, and no other file is the worse for it
        expected = isinstance(error, OSError | ValueError | TypeError | ImportError)
        reason = task.asked.words(error)
        record = failed(task, reason if expected else f"unexpected {type(error).__name__}: {reason}")
    return replace(record, seconds=round(time.perf_counter() - start, 3))


def failed(task: Task, reason: str) -> Record:
    """Return the record of a file that could not be fitted."""
    # Where the file lies is nobody's business who is given the table.
    path = task.source.path
    for spelled in (path.resolve(), path.absolute(), path):
        reason = reason.replace(str(spelled), task.source.name)
    line = " ".join(reason.split())
    return Record(
        task.source.name,
        "failed",
        line or "it failed without a word",
        task.mark,
        str(task.source.path.absolute()),
        version=__version__,
    )


def _fitted(task: Task, progress: Progress | None) -> Record:
    """Do what ``tesm fit`` does; its result has the same bytes."""
    path, asked = task.source.path, task.asked
    recipe = asked.recipe_of(path)
    mapping = mapping_from_file(asked.mapping) if asked.mapping else None
    scan, dataset = scan_with_traces(scans_from_file(path, recipe, mapping=mapping, restored=False))
    evaluation = Evaluation.of(dataset, recipe)
    if evaluation.recipe.parity != EACH:
        scan.dataset, scan.recorded = evaluation.dataset, dataset
    _ = evaluation.settings  # what cannot be fitted is refused before hours are spent
    target = task.folder / task.source.result
    check_output_size(evaluation.source, maps_only=asked.maps_only, path=target)
    refuse_same_file(target, path)
    target.parent.mkdir(parents=True, exist_ok=True)
    with (
        journal_of_run(target, evaluation, [path], anew=True) as journal,
        atomic_output(target, overwrite=True) as file,
    ):
        scan.maps = maps = run(evaluation, progress=progress, journal=journal)
        sha256 = sha256_of_file(path)
        container = container_from_scan(
            scan,
            maps_only=asked.maps_only,
            with_entered=False,
            kept=("regions", "points", "grains"),
            sha256=sha256,
        )
        write_container_to(file, container, target)
    pulses = summary_from_maps(maps, name=path.name, sha256=sha256)["pulses"]
    for pulse, entry in enumerate(pulses):
        if "H" in entry:
            mode = mode_from_map(map_of(maps, "H", pulse).values, scale="linear")
            entry["H"]["mode"] = None if mode is None else mode.value
    report = "" if scan.container is not None else str(dataset.attrs.get(REPORT, ""))
    lines = [*report.splitlines(), *scan.notes, *evaluation.contradictions()]
    return Record(
        task.source.name, "ok", "", task.mark, str(path.absolute()), 0.0, task.source.result, __version__,
        digest_of_maps(maps), [*map(asked.words, lines)], pulses, [small.to_dict() for small in small_maps(maps)],
    )  # fmt: skip
