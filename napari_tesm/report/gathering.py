"""From files to the data of a report: open them, fit them with one recipe, take their regions and points along."""

import json
from collections.abc import Sequence
from dataclasses import replace
from os import PathLike
from pathlib import Path

import xarray as xr

from napari_tesm.evaluation.evaluation import Evaluation
from napari_tesm.evaluation.pipeline import Progress, progress_of_stage, run
from napari_tesm.evaluation.recipe import Recipe
from napari_tesm.files.checksum import sha256_of_file
from napari_tesm.files.errors import GwyFormatError
from napari_tesm.files.sentences import Sentence
from napari_tesm.gwy.reading import read_container
from napari_tesm.io.gwy.annotations import annotations_from_container
from napari_tesm.io.gwy.channels import channels_from_container
from napari_tesm.io.gwy.grains import grains_from_container
from napari_tesm.io.gwy.results import maps_from_container, recipe_text
from napari_tesm.io.registry import is_gwy, open_datasets, open_file, says_itself_what_it_is
from napari_tesm.report.choices import choose_examples
from napari_tesm.report.data import InputFile, ReportData, Scan

PathLikeText = str | PathLike[str]


def recipe_in_files(paths: Sequence[PathLikeText]) -> Recipe | None:
    """Return the recipe of the first file that holds results; which traces it took is left to each file."""
    for path in paths:
        if not is_gwy(path):
            continue
        text = recipe_text(read_container(path))
        if text is None:
            continue
        try:
            return replace(Recipe.from_json(text), traces=None)
        except ValueError:  # somebody has edited it
            continue
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
    scans: dict[str, list[Scan]] = {"scan": [], "control": []}
    inputs: list[InputFile] = []
    for number, (path, role, label) in enumerate(wanted):
        part = _part(progress, number, len(wanted))
        file = InputFile(Path(path).name, sha256_of_file(path), role)
        inputs.append(file)
        opened = scans_from_file(path, file, label, chosen, mapping=mapping)
        for group, scan in enumerate(opened):
            fit_scan(scan, jobs=jobs, progress=_part(part, group, len(opened)))
        scans[role] += opened
    inputs += [InputFile(Path(path).name, sha256_of_file(path), "cycling") for path in cycling]
    notes = _notes_about(scans["scan"])
    if not any(scan.maps is not None or scan.images for scan in scans["scan"]):
        raise ValueError(notes[0] if notes else "the files hold nothing to report on")
    for scan in (*scans["scan"], *scans["control"]):
        choose_examples(scan)
    names = ", ".join(dict.fromkeys(scan.label for scan in scans["scan"]))
    return ReportData(
        scans["scan"],
        scans["control"],
        [Path(path) for path in cycling],
        chosen,
        title or f"t-ESM report: {names}",
        inputs,
        notes,
    )


def scans_from_file(
    path: PathLikeText, file: InputFile, label: str, recipe: Recipe, *, mapping: PathLikeText | None = None
) -> list[Scan]:
    """Return what a file holds, a scan for each group of traces, not yet fitted.

    Raises
    ------
    OSError, ValueError
        If the file cannot be read; that it holds no traces is a note of its scan.
    """
    container = read_container(path) if is_gwy(path) else None
    problem: str = ""
    groups: list[xr.Dataset] = []
    try:
        groups = open_datasets(
            path, traces=recipe.traces, time_unit=recipe.time_unit, lateral_unit=recipe.lateral_unit,
            mapping=None if says_itself_what_it_is(path) else mapping,
        )  # fmt: skip
    except GwyFormatError:
        raise
    except ValueError as error:
        if recipe.traces:  # somebody has chosen them
            raise ValueError(Sentence("{name}: {error}", name=Path(path).name, error=error)) from None
        problem = Sentence("{error}", error=error)
    scans = []
    for group in groups:
        titles = " + ".join(group.attrs.get("traces", []))
        scan = Scan(label if len(groups) == 1 else f"{label}: {titles}", file, traces=group, recipe=recipe)
        scan.images = _images_of([array for array in group.data_vars.values() if array.dims == ("y", "x")])
        scans.append(scan)
    if not groups:
        scans.append(_scan_without_traces(path, file, label, recipe, problem))
    if container is not None:
        for scan in scans:
            if scan.grid is not None:
                found = annotations_from_container(container, scan.grid["y"], scan.grid["x"])
                scan.regions, scan.points = tuple(found.regions), tuple(found.points)
                grains = grains_from_container(container, scan.grid["y"], scan.grid["x"], notes=scan.notes)
                if grains is not None:
                    scan.grains, scan.band_width = grains[0], grains[1] or None
                scan.notes += found.notes
    return scans


def fit_scan(scan: Scan, *, jobs: int = 1, progress: Progress | None = None) -> None:
    """Put the maps of its traces into a scan; why there are none is said in its notes."""
    if scan.traces is None:
        return
    try:
        evaluation = Evaluation.of(scan.traces, scan.recipe)
        scan.traces, scan.recipe = evaluation.dataset, evaluation.recipe
        scan.maps = run(evaluation, jobs=jobs, progress=progress)
    except ValueError as error:
        scan.notes.append(Sentence("the traces were not fitted: {error}", error=error))


def _scan_without_traces(
    path: PathLikeText, file: InputFile, label: str, recipe: Recipe, problem: str
) -> Scan:
    scan = Scan(label, file, recipe=recipe)
    if is_gwy(path):
        container = read_container(path)
        scan.maps = maps_from_container(container, notes=scan.notes)
        channels = channels_from_container(container)
    else:
        channels = open_file(path).channels
    if scan.maps is None:
        scan.images = images_on_grid(channels, None)
        scan.notes.append(Sentence("there are neither traces nor maps: {problem}", problem=problem))
        return scan
    scan.images = images_on_grid(channels, scan.maps)
    scan.maps_from_file = True
    text = scan.maps.attrs.get("recipe")
    if text:
        try:
            scan.recipe = Recipe.from_json(str(text))
        except (ValueError, json.JSONDecodeError):
            scan.notes.append("the recipe of the maps cannot be read: it is not known what made them")
    scan.notes.append(
        Sentence(
            "there are no traces to fit, the maps are those of an earlier fit and were taken as they are ({problem})",
            problem=problem,
        )
    )
    return scan


def images_on_grid(channels: Sequence[xr.DataArray], grid: xr.Dataset | None) -> dict[str, xr.DataArray]:
    """Return the images by their titles that have the pixels of a grid; without one, of the first image's."""
    if grid is not None:
        shape: tuple[int, ...] = (grid.sizes["y"], grid.sizes["x"])
    elif channels:
        shape = channels[0].shape
    else:
        return {}
    return _images_of([one for one in channels if one.shape == shape])


def _images_of(channels: Sequence[xr.DataArray]) -> dict[str, xr.DataArray]:
    found: dict[str, xr.DataArray] = {}
    for channel in channels:
        if channel.dtype.kind == "f":
            found.setdefault(str(channel.attrs.get("long_name", channel.name)), channel)
    return found


def _labels(paths: Sequence[PathLikeText]) -> list[str]:
    """Return a name for each file: without its ending where that is enough to tell them apart."""
    stems, names = [Path(path).stem for path in paths], [Path(path).name for path in paths]
    return stems if len(set(stems)) == len(stems) else names


def _notes_about(scans: Sequence[Scan]) -> list[str]:
    return [Sentence("{label}: {note}", label=scan.label, note=note) for scan in scans for note in scan.notes]


def _part(progress: Progress | None, number: int, count: int) -> Progress | None:
    """Return the progress of one of several equal parts as that of the whole."""
    return progress_of_stage(progress, number / count, (number + 1) / count)
