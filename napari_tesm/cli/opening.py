"""The scan of a file that a command works on, as its options say."""

import argparse
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Final

from napari_tesm.cli.recipes import recipe_from_options
from napari_tesm.data.parity import EACH
from napari_tesm.evaluation.displacement_maps import displacement_maps
from napari_tesm.evaluation.evaluation import Evaluation
from napari_tesm.evaluation.pipeline import Progress
from napari_tesm.evaluation.recipe import Recipe
from napari_tesm.files.errors import FileChangedError
from napari_tesm.files.sentences import Field, Sentence
from napari_tesm.io.mapping.text import mapping_from_file
from napari_tesm.io.series import series_from_datasets
from napari_tesm.scan import Scan, scan_with_traces, scans_from_file
from napari_tesm.scan.restoring import recipe_from_container

_FIT = Field("a fit")
_TITLES: Final = 4
"""Images of a file that one sentence names."""


def scan_to_evaluate(options: argparse.Namespace, recipe: Recipe) -> tuple[Scan, Evaluation]:
    """Return the scan of a command's file, of which nothing is restored, and the evaluation of its traces.

    Traces of the files that it is to be joined with follow those of its own.

    Raises
    ------
    OSError, ValueError
        If the file cannot be read, or the recipe does not go with it.
    """
    scan, dataset = scan_with_traces(_scans(options, recipe, restored=False))
    others = [
        (Path(name), scan_with_traces(_scans(options, recipe, restored=False, name=name))[1])
        for name in getattr(options, "joined", None) or ()
    ]
    if others:
        scan.dataset = dataset = series_from_datasets([(Path(options.file), dataset), *others])
    evaluation = Evaluation.of(dataset, recipe)
    if evaluation.recipe.parity != EACH:
        scan.dataset, scan.recorded = evaluation.dataset, dataset
    return scan, evaluation


def scan_to_measure(
    options: argparse.Namespace, progress: Progress | None, *, without_maps: str | None
) -> Scan:
    """Return a scan with maps: the results in the options' file, or H of its traces.

    Its notes say what is missing; its traces have time 0 at the start of the pulse, and are there only where the maps
    are known to be theirs.

    Parameters
    ----------
    without_maps : str or None
        How the note begins where there is neither, before the reason; None where images alone will not do.

    Raises
    ------
    OSError, ValueError
        If the file cannot be read, or there is nothing to measure.
    """
    asked = recipe_from_options(options)
    scans = _scans(options, asked, restored=True)
    if all(scan.maps is None for scan in scans) and scans[0].container is not None and not asked.traces:
        earlier = recipe_from_container(scans[0].container)
        if earlier is not None and earlier.traces:  # the results are of these alone
            with suppress(ValueError):
                scans = _scans(options, replace(asked, traces=earlier.traces), restored=True)
    fitted = [scan for scan in scans if scan.maps is not None]
    if not fitted:
        return _scan_with_heights(options, scans, progress, without_maps=without_maps)
    scan = fitted[0]
    if len(fitted) > 1:
        scan.dataset = None
        scan.notes.append(
            Sentence(
                "the file holds several trace stacks of the size of its maps: choose one with {traces}; mean traces "
                "are left out"
            )
        )
    if scan.dataset is not None:
        try:
            scan.dataset = Evaluation.of(scan.dataset, recipe_from_options(options, scan.recipe)).dataset
        except ValueError as error:
            scan.dataset = None
            scan.notes.append(Sentence("{error}", error=error))
    return scan


def _scan_with_heights(
    options: argparse.Namespace, scans: list[Scan], progress: Progress | None, *, without_maps: str | None
) -> Scan:
    scan, recipe = scans[0], recipe_from_options(options)
    try:
        scan, dataset = scan_with_traces(scans)
        evaluation = Evaluation.of(dataset, recipe)
        scan.maps = displacement_maps(evaluation, progress=progress)
        scan.dataset = evaluation.dataset
    except FileChangedError:
        raise
    except ValueError as error:
        template = "there are no result maps, run {fit} first; H alone cannot be measured: {error}"
        sentence = Sentence(template, fit=_FIT, error=error)
        if without_maps is None and scan.channels and not options.traces:
            images = [channel for channel in scan.channels if channel.dtype != bool]
            titles = [f"'{image.attrs.get('long_name', image.name)}'" for image in images]
            more = f" and {len(titles) - _TITLES} more" if len(titles) > _TITLES else ""
            template = "{sentence}; an image of the file is measured with {channel} ({titles})"
            titles_shown = ", ".join(titles[:_TITLES]) + more
            raise ValueError(Sentence(template, sentence=sentence, titles=titles_shown)) from None
        if without_maps is None or options.traces:
            raise ValueError(sentence) from None
        scan.dataset = None
        scan.notes.append(Sentence("{words}{sentence}", words=without_maps, sentence=sentence))
    else:
        template = "only H is known, measured from the traces: run {fit} first to get tau and D"
        scan.notes.append(Sentence(template, fit=_FIT))
    return scan


def _scans(
    options: argparse.Namespace, recipe: Recipe, *, restored: bool, name: str | None = None
) -> list[Scan]:
    mapping = mapping_from_file(options.mapping) if options.mapping else None
    return scans_from_file(name or options.file, recipe, mapping=mapping, restored=restored)
