"""Result maps as channels of a container, and back."""

import json
from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import xarray as xr
from gwyfile.objects import GwyContainer

from napari_tesm.displacement import OK, STATUS_MEANINGS
from napari_tesm.io.gwy import contents
from napari_tesm.io.gwy.objects import Field, mask_field, metadata_container, metadata_entries
from napari_tesm.io.gwy.parts import put
from napari_tesm.maps import (
    MAP_KINDS,
    exported_maps,
    labels_from_maps,
    map_title,
    map_values,
    status_name,
)
from napari_tesm.units import text_from_quantity

MAP_KEY: Final = "t-ESM map"
"""Metadata key that marks a channel as a result; its value is the map's name."""

_PALETTES: Final = {"H": "Warpp-spectral", "r2": "Gray", "status": "Spectral"}


def is_result(metadata: Mapping[str, str]) -> bool:
    """Whether the metadata of a channel say that it is a result of this program."""
    return metadata.get(MAP_KEY) in MAP_KINDS


def remove_results(container: GwyContainer) -> None:
    """Remove the result channels of an earlier fit, with all that belongs to them."""
    for number in contents.ids(container, contents.CHANNEL):
        if is_result(metadata_entries(container.get(contents.metadata_key(contents.CHANNEL, number)))):
            for key in contents.keys_of(container, contents.CHANNEL, number):
                del container[key]
                container.typecodes.pop(key, None)


def add_results(container: GwyContainer, maps: xr.Dataset, *, sha256: str = "") -> None:
    """Add a channel with its mask and metadata for every exported map and pulse setting.

    Pixels without a value carry the median of the others (0 if there are none) and are marked in the mask:
    Gwyddion cannot show NaN.
    """
    common = _common_metadata(maps, sha256)
    for pulse, label in enumerate(labels_from_maps(maps)):
        here = maps.isel(pulse=pulse)
        for name in exported_maps(maps):
            values = map_values(here, name)
            _add_channel(
                container, values, name, map_title(name, label), common | _metadata(here, name, pulse)
            )


def _add_channel(
    container: GwyContainer, values: xr.DataArray, name: str, title: str, metadata: dict[str, str]
) -> None:
    number = contents.next_id(container, contents.CHANNEL)
    numbers = np.asarray(values.values, dtype=np.float64)
    missing = ~np.isfinite(numbers)
    if missing.any():
        fill = 0.0 if missing.all() else float(np.median(numbers[~missing]))
        numbers = np.where(missing, fill, numbers)
    unit = str(values.attrs.get("units", "")) if name not in ("log10_D1", "log10_D2") else ""
    if unit == "a.u.":
        unit, metadata = "", metadata | {"Unit": "a.u."}
    field = field_on_grid(numbers, values, unit)
    put(container, f"/{number}/data", field.to_object(), "o")
    put(container, f"/{number}/data/title", title, "s")
    put(container, f"/{number}/data/visible", MAP_KINDS[name].visible, "b")
    palette = next((known for start, known in _PALETTES.items() if name.startswith(start)), "Viridis")
    put(container, f"/{number}/base/palette", palette, "s")
    if (limits := _shown_range(name, numbers[~missing])) is not None:
        put(container, f"/{number}/base/range-type", 1, "i")
        put(container, f"/{number}/base/min", limits[0], "d")
        put(container, f"/{number}/base/max", limits[1], "d")
    if missing.any():
        put(container, f"/{number}/mask", mask_field(missing, field), "o")
    put(container, f"/{number}/meta", metadata_container(metadata), "o")


def _shown_range(name: str, values: np.ndarray) -> tuple[float, float] | None:
    """Return a colour range that a few hot pixels do not stretch; H keeps zero in the middle of its colours."""
    if values.size == 0 or name.startswith("status"):
        return None
    if name == "H":
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


def axis_spacing(axis: xr.DataArray) -> float:
    """Return the distance of two pixel centres, in the unit of the axis."""
    if "spacing" in axis.attrs:
        return float(axis.attrs["spacing"])
    values = axis.values
    return float((values[-1] - values[0]) / (values.size - 1)) if values.size > 1 else 1.0


def _common_metadata(maps: xr.Dataset, sha256: str) -> dict[str, str]:
    attributes = maps.attrs
    recipe: dict[str, Any] = json.loads(attributes["recipe"])
    entries = {
        "Recipe": attributes["recipe"],
        "napari-tesm version": attributes["version"],
        "Kernel": recipe["kernel"],
        "Geometry": recipe["geometry"],
        "Threshold": f"{100 * recipe['threshold']:g} % of the {recipe['threshold_of']} maximum",
    }
    if sha256:
        entries["Input SHA-256"] = sha256
    for key, name, unit in (
        ("Pulse start", "pulse_start", "s"),
        ("Pulse duration", "pulse_duration", "s"),
        ("AC amplitude", "ac_amplitude", "V"),
        ("AC frequency", "ac_frequency", "Hz"),
        ("Tip radius", "tip_radius", "m"),
        ("Tip radius error", "tip_radius_error", "m"),
    ):
        if name in attributes:
            entries[key] = text_from_quantity(float(attributes[name]), unit)
    for number in (1, 2):
        if f"window{number}" in attributes:
            entries[f"Window {number}"] = attributes[f"window{number}"]
    if "systematic" in attributes:
        entries["systematic"] = f"{float(attributes['systematic']):.6g}"
    return entries


def _metadata(maps: xr.Dataset, name: str, pulse: int) -> dict[str, str]:
    entries = {MAP_KEY: name, "Pulse number": str(pulse + 1)}
    voltage = float(maps["voltage"])
    if np.isfinite(voltage):
        entries["Pulse voltage"] = text_from_quantity(voltage, "V")
    direction = str(maps["direction"].values)
    if direction:
        entries["Scan direction"] = direction
    if "threshold" in maps.coords:
        unit = str(maps["threshold"].attrs.get("units", ""))
        entries["Threshold value"] = text_from_quantity(float(maps["threshold"]), unit)
    if name != "H" and status_name(name) in maps:
        status = maps[status_name(name)].values
        counts = np.bincount(status.ravel(), minlength=len(STATUS_MEANINGS))
        entries["Pixels fitted"] = f"{counts[OK]} of {status.size}"
        entries["Status values"] = ", ".join(f"{i} {text}" for i, text in enumerate(STATUS_MEANINGS))
    return entries


def recipe_text(container: GwyContainer) -> str | None:
    """Return the recipe, as JSON, that made the results in a container; None where there are none."""
    for number in contents.ids(container, contents.CHANNEL):
        metadata = metadata_entries(container.get(contents.metadata_key(contents.CHANNEL, number)))
        if is_result(metadata) and "Recipe" in metadata:
            return metadata["Recipe"]
    return None


def maps_from_container(container: GwyContainer) -> xr.Dataset | None:
    """Return the results that a container holds, NaN under their masks; None where there are none."""
    found: dict[int, dict[str, xr.DataArray]] = {}
    settings: dict[int, tuple[float, str]] = {}
    attributes: dict[str, str] = {}
    for number in contents.ids(container, contents.CHANNEL):
        metadata = metadata_entries(container.get(contents.metadata_key(contents.CHANNEL, number)))
        if not is_result(metadata) or metadata[MAP_KEY].startswith("log10"):
            continue
        key = contents.object_key(contents.CHANNEL, number)
        field = Field.from_object(container[key], key)
        values = np.array(field.values)
        mask = container.get(f"/{number}/mask")
        if mask is not None:
            values[Field.from_object(mask, f"/{number}/mask").values > 0.5] = np.nan
        pulse = int(metadata.get("Pulse number", "1"))
        found.setdefault(pulse, {})[metadata[MAP_KEY]] = _map_from_field(values, field, metadata)
        settings[pulse] = (_voltage(metadata), metadata.get("Scan direction", ""))
        attributes = {
            "recipe": metadata.get("Recipe", ""),
            "version": metadata.get("napari-tesm version", ""),
        }
    if not found:
        return None
    pulses = sorted(found)
    names = [name for name in MAP_KINDS if all(name in found[pulse] for pulse in pulses)]
    variables = {name: xr.concat([found[pulse][name] for pulse in pulses], dim="pulse") for name in names}
    maps = xr.Dataset(variables, attrs=attributes)
    return maps.assign_coords(
        voltage=("pulse", [settings[pulse][0] for pulse in pulses], {"units": "V"}),
        direction=("pulse", [settings[pulse][1] for pulse in pulses]),
    )


def _map_from_field(values: np.ndarray, field: Field, metadata: Mapping[str, str]) -> xr.DataArray:
    name = metadata[MAP_KEY]
    height, width = values.shape
    axes = {
        "x": ("x", field.x_offset + (np.arange(width) + 0.5) * (field.x_real / width)),
        "y": ("y", field.y_offset + (np.arange(height) + 0.5) * (field.y_real / height)),
    }
    unit = metadata.get("Unit", field.unit_z)
    attributes = {"units": unit, "long_name": MAP_KINDS[name].title}
    if name.startswith("status"):
        values = values.astype(np.int8)
    made = xr.DataArray(values, dims=("y", "x"), coords=axes, name=name, attrs=attributes)
    for axis, step in (("x", field.x_real / width), ("y", field.y_real / height)):
        made[axis].attrs.update(units=field.unit_xy, spacing=step)
    return made


def _voltage(metadata: Mapping[str, str]) -> float:
    from napari_tesm.units import quantity_from_text

    text = metadata.get("Pulse voltage")
    return np.nan if text is None else quantity_from_text(text, "V")
