"""What an earlier session left in a file: results, the recipe that made them, regions and points."""

from dataclasses import dataclass, field

import xarray as xr
from gwyfile.objects import GwyContainer

from napari_tesm.evaluation.recipe import Recipe
from napari_tesm.files.errors import GwyFormatError
from napari_tesm.io.gwy.annotations import Annotations, annotations_from_container
from napari_tesm.io.gwy.results import maps_from_container, recipe_text


@dataclass(frozen=True)
class Restored:
    """Work of an earlier session; what it lacks is None or empty.

    Parameters
    ----------
    maps : Dataset, optional
        Results, as `napari_tesm.evaluation.pipeline.run` returns them without what a file does not hold (a, b, c, RMS).
    recipe : Recipe, optional
        What made them.
    annotations : Annotations
        Regions and points; its notes say in sentences what of all this could not be understood.
    """

    maps: xr.Dataset | None = None
    recipe: Recipe | None = None
    annotations: Annotations = field(default_factory=Annotations)


def restored_from_container(
    container: GwyContainer, like: xr.Dataset | xr.DataArray | None = None
) -> Restored:
    """Return the results, recipe, regions and points that a file holds; nothing in it stops the file from opening.

    Parameters
    ----------
    like : Dataset or DataArray, optional
        Traces or image of the same file: results of another size are left out, and regions are those of its grid. By
        default the regions of the results.
    """
    notes: list[str] = []
    maps = recipe = None
    try:
        maps = maps_from_container(container, notes=notes)
    except (GwyFormatError, OSError) as error:
        notes.append(f"the results in the file cannot be read: {error}")
    if maps is not None and like is not None:
        shared = [name for name in ("pulse", "y", "x") if name in like.sizes]
        if any(maps.sizes[name] != like.sizes[name] for name in shared):
            notes.append("the results in the file are those of other traces: they are left out")
            maps = None
    if maps is not None:
        try:
            text = recipe_text(container)
            recipe = Recipe.from_json(text) if text else None
        except ValueError as error:
            notes.append(f"the recipe in the file cannot be used: {error}")
    grid = maps if like is None else like
    if grid is None:
        return Restored(annotations=Annotations(notes=notes))
    found = annotations_from_container(container, grid["y"], grid["x"])
    return Restored(maps, recipe, Annotations(found.regions, found.points, notes + found.notes))
