"""From files to the data of a report: open them, fit them with one recipe, take their regions and points along."""

from collections.abc import Sequence
from dataclasses import replace
from os import PathLike
from pathlib import Path

import xarray as xr

from napari_tesm.data.dataset import titles_of_traces
from napari_tesm.data.lateral import Inversion
from napari_tesm.evaluation.evaluation import Evaluation
from napari_tesm.evaluation.pipeline import Progress, progress_of_stage, run
from napari_tesm.evaluation.recipe import Recipe
from napari_tesm.files.checksum import sha256_of_file
from napari_tesm.files.sentences import Sentence
from napari_tesm.gwy.reading import read_container
from napari_tesm.inversion.lateral import lateral_maps, recipe_for_lateral, with_lateral_maps
from napari_tesm.io.mapping.text import mapping_from_file
from napari_tesm.io.registry import is_gwy, says_itself_what_it_is
from napari_tesm.report.choices import choose_marks
from napari_tesm.report.data import InputFile, ReportData, ReportScan
from napari_tesm.scan import scans_from_file
from napari_tesm.scan.restoring import recipe_from_container

PathLikeText = str | PathLike[str]


def recipe_in_files(paths: Sequence[PathLikeText]) -> Recipe | None:
    """Return the recipe of the first file that holds results; which traces it took is left to each file."""
    for path in filter(is_gwy, paths):
        recipe = recipe_from_container(read_container(path))
        if recipe is not None:
            return replace(recipe, traces=None)
    return None


def report_data_from_files(
    files: Sequence[PathLikeText],
    *,
    recipe: Recipe | None = None,
    labels: Sequence[str] = (),
    controls: Sequence[PathLikeText] = (),
    cycling: Sequence[PathLikeText] = (),
    mapping: PathLikeText | None = None,
    title: str = "",
    lateral: bool = False,
    jobs: int = 1,
    progress: Progress | None = None,
) -> ReportData:
    """Return the data of a report on some files.

    Parameters
    ----------
    files : sequence of path-like
        One scan, the files of a series, or several scans.
    recipe : Recipe, optional
        Of all fits; by default that of an earlier fit in the files, else the default one.
    labels : sequence of str
        What each file is called, as many as there are files; by default by their names.
    controls : sequence of path-like
        Files in which no or little response is expected.
    cycling : sequence of path-like
        CSV files.
    mapping : path-like, optional
        What is what in files that do not say it.
    lateral : bool
        Take lateral diffusion out of D of the scans, too. What an earlier inversion left in a file is kept anyway.
    jobs : int
        Threads.
    progress : callable, optional

    Raises
    ------
    OSError
        If a file cannot be opened.
    ValueError
        If one cannot be read, the number of labels is not that of the files, or none of them holds anything to show.
    """
    if not files:
        raise ValueError("a report needs at least one file")
    if labels and len(labels) != len(files):
        raise ValueError(f"there are {len(files)} files and {len(labels)} labels: give one for each")
    for path in (*files, *controls, *cycling):
        if not Path(path).exists():
            raise FileNotFoundError(f"{path} does not exist.")
    chosen = recipe or recipe_in_files(files) or Recipe()
    wanted = [
        *((path, "scan", label) for path, label in zip(files, labels or _labels(files), strict=True)),
        *((path, "control", label) for path, label in zip(controls, _labels(controls), strict=True)),
    ]
    scans: dict[str, list[ReportScan]] = {"scan": [], "control": []}
    inputs: list[InputFile] = []
    for number, (path, role, label) in enumerate(wanted):
        part = _part(progress, number, len(wanted))
        file = InputFile(Path(path).name, sha256_of_file(path), role)
        inputs.append(file)
        opened = scans_of_report(path, file, label, chosen, mapping=mapping)
        for group, scan in enumerate(opened):
            stage = _part(part, group, len(opened))
            inversion = Inversion() if lateral and role == "scan" else None
            fit_scan(scan, lateral=inversion, jobs=jobs, progress=stage)
        scans[role] += opened
    inputs += [InputFile(Path(path).name, sha256_of_file(path), "cycling") for path in cycling]
    notes = _notes_about(scans["scan"])
    if not any(scan.maps is not None or scan.images for scan in scans["scan"]):
        raise ValueError(notes[0] if notes else "the files hold nothing to report on")
    names = ", ".join(dict.fromkeys(scan.name for scan in scans["scan"]))
    data = ReportData(
        scans["scan"],
        scans["control"],
        [Path(path) for path in cycling],
        chosen,
        title or f"t-ESM report: {names}",
        inputs,
        notes,
    )
    choose_marks(data)
    return data


def scans_of_report(
    path: PathLikeText, file: InputFile, name: str, recipe: Recipe, *, mapping: PathLikeText | None = None
) -> list[ReportScan]:
    """Return the scans of a file, not yet fitted; that there are no traces is a note.

    Raises
    ------
    OSError, ValueError
        If the file cannot be read.
    """
    entries = None if mapping is None or says_itself_what_it_is(path) else mapping_from_file(mapping)
    opened = scans_from_file(path, recipe, mapping=entries)
    scans = []
    for scan in opened:
        titles = [] if scan.dataset is None or len(opened) == 1 else titles_of_traces(scan.dataset)
        made = ReportScan.of(scan, file=file, name=f"{name}: {' + '.join(titles)}" if titles else name)
        if made.dataset is not None:
            made.forget_maps()
            made.recipe = recipe
            if made.recorded is not None:  # the file is that of an odd or even part
                made.take_parts(recipe)
        elif made.maps is None:
            made.notes.append(Sentence("there are neither traces nor maps: {refusal}", refusal=scan.refusal))
        else:
            made.maps_from_file = True
            made.notes.append(
                Sentence(
                    "there are no traces to fit, the maps are those of an earlier fit and were taken as they are "
                    "({refusal})",
                    refusal=scan.refusal,
                )
            )
        scans.append(made)
    return scans


def fit_scan(
    scan: ReportScan, *, lateral: Inversion | None = None, jobs: int = 1, progress: Progress | None = None
) -> None:
    """Put the maps of its traces into a scan; why there are none is said in its notes.

    Parameters
    ----------
    lateral : Inversion, optional
        How to take lateral diffusion out of D, too. Without it the scan keeps the D of an earlier inversion: among its
        maps where they are made by the same recipe, else apart.
    """
    if scan.dataset is None:
        return
    inverts = int(lateral is not None)
    fitting, inverting = _part(progress, 0, 1 + inverts), _part(progress, inverts, 1 + inverts)
    try:
        evaluation = Evaluation.of(scan.dataset, scan.recipe)
        scan.notes += evaluation.contradictions()
        scan.dataset, scan.recipe = evaluation.dataset, evaluation.recipe
        scan.maps = run(evaluation, jobs=jobs, progress=fitting)
    except ValueError as error:
        scan.notes.append(Sentence("the traces were not fitted: {error}", error=error))
        return
    if lateral is not None:
        _invert(scan, evaluation, lateral, jobs, inverting)
    elif scan.inverted is not None and _same_recipe(scan.maps, scan.inverted):
        scan.maps = with_lateral_maps(scan.maps, scan.inverted)


def _invert(
    scan: ReportScan, evaluation: Evaluation, asked: Inversion, jobs: int, progress: Progress | None
) -> None:
    """Take lateral diffusion out of D, with the kernel of the maps or, where it has no lateral form, another."""
    assert scan.maps is not None
    recipe = recipe_for_lateral(evaluation.recipe)
    same = recipe == evaluation.recipe
    try:
        joint = evaluation if same else evaluation.updated(recipe)
        found = lateral_maps(
            joint,
            maps=scan.maps if same else None,
            prior=asked.prior,
            together=asked.together,
            jobs=jobs,
            progress=progress,
        )
    except ValueError as error:
        scan.notes.append(Sentence("lateral diffusion was not taken out: {error}", error=error))
        return
    if same:
        scan.maps, scan.inverted = found, None
    else:
        scan.inverted = found


def _same_recipe(maps: xr.Dataset, earlier: xr.Dataset) -> bool:
    """Whether maps of as many pulse settings were made by one recipe, whatever the traces were called in it."""
    try:
        recipes = {
            replace(Recipe.from_json(str(each.attrs["recipe"])), traces=None) for each in (maps, earlier)
        }
    except (KeyError, ValueError):
        return False
    return len(recipes) == 1 and maps.sizes == earlier.sizes


def _labels(paths: Sequence[PathLikeText]) -> list[str]:
    """Return a name for each file: without its ending where that is enough to tell them apart."""
    stems, names = [Path(path).stem for path in paths], [Path(path).name for path in paths]
    return stems if len(set(stems)) == len(stems) else names


def _notes_about(scans: Sequence[ReportScan]) -> list[str]:
    return [Sentence("{name}: {note}", name=scan.name, note=note) for scan in scans for note in scan.notes]


def _part(progress: Progress | None, number: int, count: int) -> Progress | None:
    return progress_of_stage(progress, number / count, (number + 1) / count)
