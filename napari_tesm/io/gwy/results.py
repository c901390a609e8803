"""Result maps as channels of a container, and back."""

import contextlib
import json
from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import xarray as xr
from gwyfile.objects import GwyContainer

from napari_tesm.data.lateral import ATTRIBUTE as LATERAL
from napari_tesm.data.maps import (
    DERIVED,
    MAP_KINDS,
    exported_maps,
    labels_from_maps,
    limited_values,
    map_name,
    map_title,
    map_values,
    status_name,
)
from napari_tesm.data.parity import COORDINATE
from napari_tesm.data.protocol import UNITS, length_from_attributes
from napari_tesm.evaluation.parity import ATTRIBUTE as PARTS
from napari_tesm.evaluation.recipe import words_of_threshold
from napari_tesm.findings.instrument import instrument_lines
from napari_tesm.findings.parity import parts_in_words
from napari_tesm.findings.summary import intervals_of_median
from napari_tesm.gwy import contents
from napari_tesm.gwy.objects import Field, mask_field, metadata_container
from napari_tesm.gwy.parts import put
from napari_tesm.gwy.si_units import stored_unit
from napari_tesm.io.gwy.digests import digest_metadata
from napari_tesm.io.gwy.traces import PROTOCOL_FIELDS
from napari_tesm.kernels.named import kernel_from_name
from napari_tesm.quantities.axes import axis_spacing
from napari_tesm.quantities.status import OK, STATUS_MEANINGS
from napari_tesm.quantities.text import text_from_quantity
from napari_tesm.statistics.description import quartiles

MAP_KEY: Final = "t-ESM map"
"""Metadata key that marks a channel as a result; its value is the map's name."""

SHA256_KEY: Final = "Input SHA-256"
QUANTITIES_KEYS: Final = PROTOCOL_FIELDS | {
    "Lock-in order": "lock_in_order", "Tip radius": "tip_radius", "Tip radius error": "tip_radius_error",
    "Contact radius": "contact_radius", "Contact radius error": "contact_radius_error",
}  # fmt: skip
"""Metadata key and attribute of the maps of what is written as a quantity."""
STRETCHES: Final = (("Window 1", "window1"), ("Window 2", "window2"), ("Record", "record"))
"""Metadata key and attribute of the maps of what was fitted."""
INSTRUMENT_KEY: Final = "t-ESM instrument"
PARTS_KEY: Final = "t-ESM parts"
LATERAL_KEY: Final = "t-ESM lateral"
PARITY_KEY: Final = "Parity"
_MOST_WINDOWS: Final = 3
"""Of maps; with a graph there are four, which a screen has room for."""
_SIGNED: Final = ("H", "even")
"""Maps whose colours have zero in their middle."""
_PALETTES: Final = {"H": "Warpp-spectral", "even": "Warpp-spectral", "r2": "Gray", "status": "Spectral"}


def is_result(metadata: Mapping[str, str]) -> bool:
    """Whether the metadata of a channel say that it is a result of this program."""
    return metadata.get(MAP_KEY) in MAP_KINDS


def remove_results(container: GwyContainer) -> None:
    """Remove the result channels of an earlier fit, with all that belongs to them."""
    for number in contents.ids(container, contents.CHANNEL):
        if is_result(contents.texts_of_channel(container, number)):
            contents.remove(container, contents.CHANNEL, number)


def add_results(container: GwyContainer, maps: xr.Dataset, *, sha256: str = "") -> None:
    """Add a channel with its mask and metadata for every exported map and pulse setting.

    Pixels without a value carry the median of the others (0 if there are none) and are marked in the mask:
    Gwyddion cannot show NaN.
    """
    common, shown = _common_metadata(maps, sha256), shown_maps(maps)
    for pulse, label in enumerate(labels_from_maps(maps)):
        here = maps.isel(pulse=pulse)
        for name in exported_maps(maps):
            _add_channel(
                container,
                map_values(here, name),
                name,
                map_title(name, label),
                common | _metadata(here, name, pulse),
                visible=(name, pulse) in shown,
            )


def shown_maps(maps: xr.Dataset) -> list[tuple[str, int]]:
    """Return name and pulse of the maps that have a window when Gwyddion opens the file.

    What was asked for, D (with lateral diffusion taken out where it was) or else tau or else H, and no more windows of
    it than three; Gwyddion's data browser has the rest.
    """
    choices = (("D_lateral",), ("D1", "D2", "D"), ("tau1", "tau2", "tau"), ("H",))
    names = next(filter(None, ([name for name in choice if name in maps] for choice in choices)), [])
    names += [name for name in ("even",) if name in maps]
    pulses = max(1, _MOST_WINDOWS // max(1, len(names)))
    return [(name, pulse) for name in names for pulse in range(min(pulses, maps.sizes["pulse"]))]


def _add_channel(
    container: GwyContainer,
    values: xr.DataArray,
    name: str,
    title: str,
    metadata: dict[str, str],
    *,
    visible: bool,
) -> None:
    numbers = np.asarray(values.values, dtype=np.float64)
    unit, in_words = stored_unit(str(values.attrs.get("units", "")) if name not in DERIVED else "")
    metadata = metadata | in_words
    add_channel(
        container,
        values,
        title,
        metadata,
        unit=unit,
        palette=next((palette for start, palette in _PALETTES.items() if name.startswith(start)), "Viridis"),
        limits=_shown_range(name, numbers[np.isfinite(numbers)]),
        visible=visible,
    )


def add_channel(
    container: GwyContainer,
    values: xr.DataArray,
    title: str,
    metadata: dict[str, str],
    *,
    unit: str = "",
    palette: str = "Viridis",
    limits: tuple[float, float] | None = None,
    visible: bool = False,
) -> None:
    """Add a map as a channel; pixels without a value carry the median of the others and are marked in its mask."""
    numbers, missing = filled(values.values)
    field = field_on_grid(numbers, values, unit)
    mask = missing if missing.any() else None
    metadata = metadata | digest_metadata(field, missing)
    put_channel(container, field, title, metadata, visible=visible, palette=palette, limits=limits, mask=mask)


def put_channel(
    container: GwyContainer,
    field: Field,
    title: str,
    metadata: dict[str, str],
    *,
    visible: bool | None = None,
    palette: str = "",
    limits: tuple[float, float] | None = None,
    mask: np.ndarray | None = None,
) -> int:
    """Put an image under the next id of a channel, and return that id."""
    number = contents.next_id(container, contents.CHANNEL)
    put(container, f"/{number}/data", field.to_object(), "o")
    put(container, f"/{number}/data/title", title, "s")
    if visible is not None:
        put(container, f"/{number}/data/visible", visible, "b")
    if palette:
        put(container, f"/{number}/base/palette", palette, "s")
    if limits is not None:
        put(container, f"/{number}/base/range-type", 1, "i")
        put(container, f"/{number}/base/min", limits[0], "d")
        put(container, f"/{number}/base/max", limits[1], "d")
    if mask is not None:
        put(container, f"/{number}/mask", mask_field(mask, field), "o")
    put(container, f"/{number}/meta", metadata_container(metadata), "o")
    return number


def filled(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the numbers with the median of the finite ones (0 if none is) in place of the others, and which those are.

    Gwyddion cannot show NaN. No finite number is the same to the last digit.
    """
    numbers = np.asarray(values, dtype=np.float64)
    missing = ~np.isfinite(numbers)
    fill = 0.0 if missing.all() else float(np.median(numbers[~missing]))
    while missing.any() and (numbers == fill).any():
        fill = float(np.nextafter(fill, np.inf))
    return np.where(missing, fill, numbers), missing


def _shown_range(name: str, values: np.ndarray) -> tuple[float, float] | None:
    """Return a colour range that a few hot pixels do not stretch; H keeps zero in the middle of its colours."""
    if values.size == 0 or name.startswith("status"):
        return None
    if name in _SIGNED:
        limit = float(np.percentile(np.abs(values), 99))
        return (-limit, limit) if limit > 0 else None
    low, high = (float(edge) for edge in np.percentile(values, [1, 99]))
    return (low, high) if high > low else None


def field_on_grid(numbers: np.ndarray, like: xr.DataArray, unit: str) -> Field:
    """Return an image on the grid of a map or channel."""
    width, height = like.sizes["x"], like.sizes["y"]
    steps = {axis: axis_spacing(like[axis]) for axis in ("x", "y")}
    return Field(
        numbers,
        x_real=steps["x"] * width,
        y_real=steps["y"] * height,
        x_offset=float(like["x"].values[0]) - steps["x"] / 2,
        y_offset=float(like["y"].values[0]) - steps["y"] / 2,
        unit_xy=str(like["x"].attrs.get("units", "")),
        unit_z=unit,
    )


def _common_metadata(maps: xr.Dataset, sha256: str) -> dict[str, str]:
    attributes = maps.attrs
    entries = {"Recipe": attributes["recipe"], "napari-tesm version": attributes["version"]}
    # Maps of H alone are made without kernel and threshold.
    fitted = any(name != "H" for name in exported_maps(maps))
    entries |= _metadata_from_recipe(attributes["recipe"], fitted=fitted)
    # Maps read back from a file were made from what that file came from.
    if checksum := attributes.get("input_sha256", sha256):
        entries[SHA256_KEY] = str(checksum)
    for key, name in QUANTITIES_KEYS.items():
        if name in attributes:
            entries[key] = text_from_quantity(float(attributes[name]), UNITS[name])
    entries |= {key: attributes[name] for key, name in STRETCHES if name in attributes}
    if "instrument" in attributes:
        entries[INSTRUMENT_KEY] = str(attributes["instrument"])
        entries["Noise"] = " ".join(instrument_lines(maps, labels_from_maps(maps)))
    if PARTS in attributes:
        entries[PARTS_KEY] = str(attributes[PARTS])
        entries["Parts"] = " ".join(parts_in_words(maps))
    if LATERAL in attributes:
        entries[LATERAL_KEY] = str(attributes[LATERAL])
    if "systematic" in attributes:
        entries["systematic"] = f"{float(attributes['systematic']):.6g}"
    return entries


def _metadata_from_recipe(text: str, *, fitted: bool) -> dict[str, str]:
    entries: dict[str, str] = {}
    # Somebody may have edited the recipe of results that were read back; it is kept as it stands.
    with contextlib.suppress(ValueError, KeyError, TypeError, AttributeError):
        recipe = json.loads(text)
        if (angle := recipe.get("phase_rotation")) is not None:
            entries["Phase rotation"] = f"{angle} deg"
        if fitted:
            entries |= {
                "Kernel": recipe["kernel"],
                "Geometry": kernel_from_name(recipe["kernel"]).geometry or recipe["geometry"],
                "Threshold": words_of_threshold(recipe["threshold"], recipe["threshold_of"]),
            }
    return entries


def _metadata(maps: xr.Dataset, name: str, pulse: int) -> dict[str, str]:
    entries = {MAP_KEY: name, "Pulse number": str(pulse + 1)} | setting_metadata(maps)
    if MAP_KINDS[name].fit is not None and status_name(name) in maps:
        status = maps[status_name(name)].values
        entries["Pixels fitted"] = f"{(status == OK).sum()} of {status.size}"
        entries |= _interval_metadata(maps, name)
        entries["Status values"] = ", ".join(f"{i} {text}" for i, text in enumerate(STATUS_MEANINGS))
    return entries


def setting_metadata(maps: xr.Dataset) -> dict[str, str]:
    """Return what is known of the pulse of one pulse setting, and the threshold of |H| there."""
    entries = {}
    voltage = float(maps["voltage"])
    if np.isfinite(voltage):
        entries["Pulse voltage"] = text_from_quantity(voltage, "V")
    if direction := str(maps["direction"].values):
        entries["Scan direction"] = direction
    if COORDINATE in maps.coords:
        entries[PARITY_KEY] = str(maps[COORDINATE].values)
    if "threshold" in maps.coords:
        unit = str(maps["threshold"].attrs.get("units", ""))
        entries["Threshold value"] = text_from_quantity(float(maps["threshold"]), unit)
    return entries


def _interval_metadata(maps: xr.Dataset, name: str) -> dict[str, str]:
    """Return the median of a map of D, and where it lies for what is known of its length l."""
    source = DERIVED.get(name, name)
    fit = MAP_KINDS[source].fit
    if fit is None or source != map_name("D", fit):
        return {}
    median = quartiles(limited_values(maps.expand_dims("pulse"), source, 0))[1]
    if not np.isfinite(median):
        return {}
    entries = {"Median": f"{median:.4g} m²/s"}
    radius = getattr(length_from_attributes(maps.attrs), "name", "")
    for level, (low, high) in (intervals_of_median(median, maps.attrs) or {}).items():
        entries[f"Median, {level} % for the {radius}"] = f"{low:.4g} to {high:.4g} m²/s"
    return entries


def recipe_text(container: GwyContainer) -> str | None:
    """Return the recipe, as JSON, that made the results in a container; None where there are none."""
    for number in contents.ids(container, contents.CHANNEL):
        metadata = contents.texts_of_channel(container, number)
        if is_result(metadata) and "Recipe" in metadata:
            return metadata["Recipe"]
    return None


def axes_from_field(field: Field) -> dict[str, tuple[str, np.ndarray, dict[str, Any]]]:
    """Return the pixel centres of an image as xarray takes coordinates."""
    height, width = field.values.shape
    return {
        axis: (
            axis,
            offset + (np.arange(count) + 0.5) * (real / count),
            {"units": field.unit_xy, "long_name": axis, "spacing": real / count},
        )
        for axis, offset, real, count in (
            ("x", field.x_offset, field.x_real, width),
            ("y", field.y_offset, field.y_real, height),
        )
    }
