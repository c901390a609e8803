"""Grains in a container: labels and boundaries as channels, and copies of the maps under a mask of the boundaries.

The truth is the channel `Grains`: labels as numbers, and in its metadata (key `Grains`) what they were found in and
how, and which of them are clusters and defects. `Grain boundaries` is 1 in the band and 0 elsewhere. The masks of the
maps themselves say which pixels have no value, so the boundaries are shown on copies of them.
"""

import json
from collections.abc import Mapping
from typing import Final

import numpy as np
import xarray as xr
from gwyfile.objects import GwyContainer

from napari_tesm.data.maps import MAP_KINDS, labels_from_maps, map_title, values_of
from napari_tesm.files.errors import GwyFormatError
from napari_tesm.grains import Boundaries, Grains
from napari_tesm.gwy import contents
from napari_tesm.gwy.si_units import stored_unit
from napari_tesm.io.gwy.annotations import channels_on_grid, number_for_json, storable_text
from napari_tesm.io.gwy.results import field_on_grid, filled, put_channel
from napari_tesm.quantities.axes import axis_spacing
from napari_tesm.quantities.text import text_from_quantity

GRAINS_KEY: Final = "Grains"
KIND_KEY: Final = "t-ESM grains"
"""Metadata key that marks a channel as one of these; its value is "labels", "boundaries" or "map"."""
_WIDTH_KEY: Final = "Boundary width"
_SHOWN: Final = ("H", "D1", "D2", "D")
_IN_A_WINDOW: Final = ("D2", "D", "D1", "H")
"""Of the maps under the mask the first of these that is there opens with the file."""
_TITLE: Final = "Grains"


def is_grain_channel(metadata: Mapping[str, str]) -> bool:
    """Whether the metadata of a channel say that it shows grains."""
    return KIND_KEY in metadata


def add_grains(
    container: GwyContainer,
    grains: Grains,
    boundaries: Boundaries,
    y: xr.DataArray,
    x: xr.DataArray,
    *,
    maps: xr.Dataset | None = None,
) -> None:
    """Write grains of a grid that has none: labels, boundaries, and maps under a mask of the boundaries.

    Parameters
    ----------
    y, x : DataArray
        Axes of the grid.
    maps : Dataset, optional
        H and D of every pulse setting are shown under the mask.

    Raises
    ------
    ValueError
        If the grains have another size.
    """
    if grains.labels.shape != (y.size, x.size):
        raise ValueError("the grains and the image they are saved with differ in size")
    like = xr.DataArray(grains.labels, dims=("y", "x"), coords={"y": y, "x": x})
    description = {
        "source": grains.source,
        "words": list(grains.words),
        "classes": {str(number): name for number, name in sorted(grains.label_classes.items())},
        "parameters": dict(grains.parameters),
        "boundary_width": boundaries.width,
    }
    unit = str(x.attrs.get("units", ""))
    width = text_from_quantity(boundaries.width, unit) if unit else f"{boundaries.width:g}"
    common = {_WIDTH_KEY: width}
    text = storable_text(json.dumps(description, ensure_ascii=False, default=number_for_json))
    labels = field_on_grid(grains.labels.astype(np.float64), like, "")
    described = {KIND_KEY: "labels", GRAINS_KEY: text}
    put_channel(container, labels, _TITLE, described, palette="Spectral", visible=True)
    band = boundaries.mask("boundary")
    shown = field_on_grid(band.astype(np.float64), like, "")
    put_channel(
        container,
        shown,
        "Grain boundaries",
        {KIND_KEY: "boundaries", **common},
        palette="Gray",
        visible=False,
    )
    if maps is None:
        return
    in_a_window = next((name for name in _IN_A_WINDOW if name in maps), "")
    for pulse, label in enumerate(labels_from_maps(maps)):
        for name in (name for name in _SHOWN if name in maps):
            values, missing = filled(values_of(maps, name, pulse))
            if missing.all():
                continue
            unit, in_words = stored_unit(str(maps[name].attrs.get("units", MAP_KINDS[name].unit)))
            metadata = {KIND_KEY: "map", **common, "Mask": "pixels at grain boundaries that have a value"}
            metadata |= in_words
            title = f"{map_title(name, label)} with grain boundaries"
            field = field_on_grid(values, like, unit)
            visible = name == in_a_window and pulse == 0
            mask = band & ~missing
            put_channel(container, field, title, metadata, palette="Viridis", mask=mask, visible=visible)


def remove_grains(container: GwyContainer, y: xr.DataArray, x: xr.DataArray) -> None:
    """Remove the channels of grains of a grid."""
    for number in channels_on_grid(container, y, x):
        if is_grain_channel(contents.texts_of_channel(container, number)):
            contents.remove(container, contents.CHANNEL, number)


def grains_from_container(
    container: GwyContainer, y: xr.DataArray, x: xr.DataArray, *, notes: list[str] | None = None
) -> tuple[Grains, float] | None:
    """Return the grains of a grid and the width of their boundaries' band, None where there are none.

    Labels may have been changed in Gwyddion; what is no whole number any more is rounded.

    Parameters
    ----------
    notes : list of str, optional
        Gets a sentence about what cannot be understood.
    """
    said = [] if notes is None else notes
    for number, scale in channels_on_grid(container, y, x).items():
        texts = contents.texts_of_channel(container, number)
        if texts.get(KIND_KEY) != "labels":
            continue
        try:
            image = contents.image(container, number)
            described = json.loads(texts.get(GRAINS_KEY, "{}"))
            width = scale * float(described.get("boundary_width", 0.0))
            classes = {int(label): str(name) for label, name in described.get("classes", {}).items()}
            words, source = tuple(map(str, described.get("words", ()))), str(described.get("source", ""))
            parameters = dict(described.get("parameters", {}))
        except (GwyFormatError, ValueError, TypeError, AttributeError, RecursionError) as error:
            said.append(f"the grains in the file cannot be understood ({error}); they are left out")
            continue
        values = np.clip(np.rint(np.where(np.isfinite(image.values), image.values, 0.0)), 0, 2**31 - 1)
        spacing = (axis_spacing(y), axis_spacing(x))
        return Grains(values.astype(np.int32), spacing, source, words, classes, parameters), width
    return None
