"""What an earlier session left in a .gwy file: results, the recipe that made them, regions, points and grains.

Whatever of it cannot be understood is said in the scan's notes, and nothing of it stops the file from opening.
"""

from collections.abc import Sequence
from contextlib import suppress

import xarray as xr
from gwyfile.objects import GwyContainer

from napari_tesm.data.parity import EACH
from napari_tesm.evaluation.recipe import Recipe
from napari_tesm.files.errors import GwyFormatError
from napari_tesm.files.sentences import Sentence
from napari_tesm.io.gwy.annotations import annotations_from_container
from napari_tesm.io.gwy.grains import grains_from_container
from napari_tesm.io.gwy.results import recipe_text
from napari_tesm.io.gwy.results_reading import maps_from_container
from napari_tesm.scan.scan import Scan


def recipe_from_container(container: GwyContainer, notes: list[str] | None = None) -> Recipe | None:
    """Return the recipe of the results in a file; None where there is none, or it cannot be used.

    Parameters
    ----------
    notes : list of str, optional
        Gets a sentence where it cannot be used: it is of another version, or somebody has edited it.
    """
    text = recipe_text(container)
    try:
        return Recipe.from_json(text) if text else None
    except ValueError as error:
        if notes is not None:
            notes.append(Sentence("the recipe in the file cannot be used: {error}", error=error))
        return None


def restore_results(scans: Sequence[Scan], *, of_these_traces: bool) -> None:
    """Put the results of a file into those of its scans that they are of, with the recipe that made them.

    Parameters
    ----------
    scans : sequence of Scan
        Of one .gwy file.
    of_these_traces : bool
        The results have to be of all traces of a scan; else some of their pulse settings will do.
    """
    first, notes = scans[0], scans[0].notes
    if first.container is None:
        return
    try:
        maps = maps_from_container(first.container, notes=notes)
    except (GwyFormatError, OSError) as error:
        notes.append(f"the results in the file cannot be read: {error}")
        return
    if maps is None:
        return
    recipe = recipe_from_container(first.container, notes)
    if recipe is not None and recipe.parity != EACH:
        for scan in scans:
            with suppress(ValueError):  # of other traces of the file
                scan.take_parts(recipe)
    axes = ("pulse", "y", "x") if of_these_traces else ("y", "x")
    fitted = [scan for scan in scans if _are_of(maps, scan, axes)]
    if not fitted:
        notes.append("the results in the file are those of other traces: they are left out")
        return
    for scan in fitted:
        scan.maps, scan.recipe = maps, recipe or scan.recipe


def _are_of(maps: xr.Dataset, scan: Scan, axes: Sequence[str]) -> bool:
    traces = scan.unfinished if scan.dataset is None else scan.dataset
    return traces is None or all(maps.sizes[axis] == traces.sizes[axis] for axis in axes)


def restore_drawings(scan: Scan) -> None:
    """Put in the regions, points and grains that the file holds on the scan's grid."""
    if scan.container is None or scan.is_empty:
        return
    axes = scan.grid["y"], scan.grid["x"]
    drawn = annotations_from_container(scan.container, *axes)
    scan.regions, scan.points = drawn.regions, drawn.points
    scan.notes += drawn.notes
    grains = grains_from_container(scan.container, *axes, notes=scan.notes)
    if grains is not None:
        scan.grains, scan.band_width = grains[0], grains[1] or None
