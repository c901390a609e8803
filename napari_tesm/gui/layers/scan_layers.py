"""The layers of a scan, as napari's layer-data tuples: data, options, kind.

Values are shown in units people read (nm, pm, ms); what a layer holds and the factor to SI stand in its metadata under
``"tesm"``.
"""

import re
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from napari_tesm.data.maps import (
    DERIVED,
    FITS,
    LOGARITHMS,
    exported_maps,
    labels_from_maps,
    map_name,
    map_title,
    map_values,
)
from napari_tesm.findings.lateral import shown_resolution
from napari_tesm.gui.layers.label_layers import LayerTuple, best_kernel_layer, classes_layer, grains_layer
from napari_tesm.gui.layers.time_stack import traces_layers
from napari_tesm.gui.models.display import Display, display_from_axes
from napari_tesm.gui.models.heights import displacement_maps
from napari_tesm.gui.models.layer_looks import (
    NEGATIVE,
    ONE_SIGN,
    STATUS_COLOURS,
    colour_limits,
    look_of,
    sign_of_map,
)
from napari_tesm.gui.models.scan import Scan
from napari_tesm.quantities.text import prefix_for

_RESOLVED: Final = ("D_lateral", "log10_D_lateral", "log_D_lateral_stderr")
"""Maps beside which the length is shown that they resolve."""
REGION_COLOURS: Final = {"step": "#ff9f1c", "grain": "#ff6ad5", "other": "#8fd3ff"}


def layers_from_scan(scan: Scan) -> list[LayerTuple]:
    """Return all layers of a scan, the bottom one first: channels, traces, results, regions, points."""
    layers = [channel_layer(scan, channel) for channel in _ordered(scan.channels)]
    layers += traces_layers(scan)
    if scan.maps is not None:
        layers += layers_from_maps(scan, scan.maps)
    elif scan.dataset is not None:
        layers += displacement_layers(scan)
    _show_the_first_glance(layers)
    if scan.grains is not None:
        layers.append(grains_layer(scan, scan.grains))
    return [*layers, regions_layer(scan), points_layer(scan)]


def layers_from_maps(
    scan: Scan, maps: xr.Dataset, *, kind: str = "map", names: Sequence[str] | None = None
) -> list[LayerTuple]:
    """Return layers of result maps, one for each pulse setting; log10 D (or tau) is shown.

    Parameters
    ----------
    kind : {"map", "preview"}
        The role in the metadata.
    names : sequence of str, optional
        Which maps; by default those that are looked at first. A layer costs napari a tenth of a second, so the others
        are made when somebody asks for them.
    """
    there = names_of_maps(maps)
    first = [name for name in there if name in LOGARITHMS]
    first = first or [name for n in FITS if (name := map_name("tau", n)) in there]
    wanted = [*(["H"] if "H" in there else []), *first] if names is None else list(names)
    layers = []
    for name in wanted:
        of_name = []
        for pulse, label in enumerate(labels_from_maps(maps)):
            values = map_values(maps.isel(pulse=pulse), name)
            title, unit = map_title(name, label), str(values.attrs.get("units", ""))
            if name.startswith("status"):
                colours = {meaning.replace("_", " "): shade for meaning, shade in STATUS_COLOURS.items()}
                role = role_of_map(scan, name, pulse)
                layer = classes_layer(values.values, "meaning", colours, title, scan.display, role)
            else:
                unit = "" if name in DERIVED else unit
                layer = map_layer(scan, np.asarray(values.values), name, title, unit, pulse)
            layer[1]["metadata"]["tesm"] |= {"kind": kind, "recipe": maps.attrs.get("recipe", "")}
            if name in _RESOLVED:
                layer[1]["metadata"]["tesm"]["resolution"] = shown_resolution(maps, pulse)
            layer[1]["visible"] = name in first
            of_name.append(layer)
        if not name.startswith("status"):
            share_colours(of_name)
        layers += of_name
    share_colours([layer for layer in layers if layer[1]["metadata"]["tesm"]["map"] in LOGARITHMS])
    return layers


def names_of_maps(maps: xr.Dataset) -> list[str]:
    """Return the names of the maps of a result that can be shown, in their order."""
    return list(exported_maps(maps))


def map_layer(scan: Scan, values: NDArray[Any], name: str, title: str, unit: str, pulse: int) -> LayerTuple:
    """Return the layer of one map on the grid of the traces."""
    shown, factor, shown_unit = _readable(values, unit)
    return _image_layer(
        shown, title, name, scan.display, role_of_map(scan, name, pulse, unit=shown_unit, factor=factor)
    )


def role_of_map(scan: Scan, name: str, pulse: int, *, unit: str = "", factor: float = 1.0) -> dict[str, Any]:
    """Return what the metadata of a map's layer say: whose it is, and the factor of its values to SI."""
    return {"scan": scan, "kind": "map", "map": name, "pulse": pulse, "unit": unit, "factor": factor}


def displacement_layers(scan: Scan) -> list[LayerTuple]:
    """Return an H layer for every pulse setting, where it is known when the pulse was on."""
    maps = displacement_maps(scan)
    layers = [] if maps is None else layers_from_maps(scan, maps, names=["H"])
    for _, options, _ in layers:
        del options["metadata"]["tesm"]["recipe"]  # H belongs to whatever is fitted afterwards
    return layers


def share_colours(layers: list[LayerTuple]) -> None:
    """Give maps that will be compared one colour scale: the widest of them, in the unit of each.

    Maps of one sign share one of sizes: where one is negative and the other positive, as large a value has the same
    colour in both. Zero is in the middle for all as soon as one of them has both signs.
    """
    looks = [(options["colormap"], options["contrast_limits"]) for _, options, _ in layers]
    of_one_sign = [name in (ONE_SIGN, NEGATIVE) for name, _ in looks]
    if any(of_one_sign) and not all(of_one_sign):
        both = next(name for (name, _), one in zip(looks, of_one_sign, strict=True) if not one)
        for _, options, _ in layers:
            high = max(map(abs, options["contrast_limits"]))
            options |= {"colormap": both, "contrast_limits": (-high, high)}
    ends = [
        [
            end * options["metadata"]["tesm"]["factor"] * _sign_of(options)
            for end in options["contrast_limits"]
        ]
        for _, options, _ in layers
    ]
    if layers:
        low, high = min(min(pair) for pair in ends), max(max(pair) for pair in ends)
        for _, options, _ in layers:
            factor = options["metadata"]["tesm"]["factor"] * _sign_of(options)
            options["contrast_limits"] = tuple(sorted((low / factor, high / factor)))


def _sign_of(options: dict[str, Any]) -> float:
    return -1.0 if options["colormap"] == NEGATIVE else 1.0


def channel_layer(scan: Scan, channel: xr.DataArray) -> LayerTuple:
    """Return the layer of an image."""
    name = str(channel.name)
    display = display_from_axes(channel["y"], channel["x"], unit=scan.display.unit)
    title = str(channel.attrs.get("long_name", name))
    metadata = {"scan": scan, "kind": "channel", "channel": name}
    if "kernel_map" in channel.attrs and "flag_meanings" in channel.attrs:
        kernels = tuple(str(channel.attrs["flag_meanings"]).split())
        return best_kernel_layer(np.asarray(channel.values), kernels, title, display, metadata)
    if channel.dtype == bool:
        options = {
            "name": title, "visible": False, "opacity": 0.5, "metadata": {"tesm": metadata}, **display.layer_options()
        }  # fmt: skip
        return np.asarray(channel.values, dtype=np.uint8), options, "labels"
    values, factor, unit = _readable(np.asarray(channel.values), str(channel.attrs.get("units", "")))
    return _image_layer(values, title, name, display, {**metadata, "unit": unit, "factor": factor})


def _image_layer(
    values: NDArray[Any], title: str, name: str, display: Display, role: dict[str, Any]
) -> LayerTuple:
    look = look_of(name)
    sign = sign_of_map(values) if look.signed else 0
    diverging = look.signed and not sign
    options = {
        "name": title,
        "colormap": {1: ONE_SIGN, -1: NEGATIVE}.get(sign, look.colormap),
        "contrast_limits": colour_limits(values, signed=diverging),
        "visible": False,
        "metadata": {"tesm": role},
        **display.layer_options(),
    }
    return values, options, "image"


def _readable(values: NDArray[Any], unit: str) -> tuple[NDArray[np.float32], float, str]:
    """Return values in a unit that people read, the factor to SI, and that unit."""
    limits = colour_limits(values, signed=False)
    factor, shown = prefix_for(limits, unit)
    with np.errstate(over="ignore", invalid="ignore"):
        return np.asarray(values / factor, dtype=np.float32), factor, shown


def _ordered(channels: list[xr.DataArray]) -> list[xr.DataArray]:
    """Return channels with topography at the bottom and the deflection error above it, masks on top."""

    def rank(channel: xr.DataArray) -> int:
        name = str(channel.name)
        if channel.dtype == bool:
            return 3
        return 0 if re.search(r"topograph|height", name) else 2 if "deflection" in name else 1

    return sorted(channels, key=rank)


def _show_the_first_glance(layers: list[LayerTuple]) -> None:
    """Make visible what a user wants to see first: a channel as ground, and H or a D map on top of it."""
    ground: list[dict[str, Any]] = []
    traces: list[dict[str, Any]] = []
    maps: list[dict[str, Any]] = []
    heights: list[dict[str, Any]] = []
    for _, options, of_kind in layers:
        role = options["metadata"]["tesm"]
        if role["kind"] == "channel" and of_kind == "image":
            ground.append(options)
        elif role["kind"] == "traces":
            traces.append(options)
        elif role["kind"] == "map":
            (heights if role["map"] == "H" else maps).append(options)
    shown_maps = [options for options in maps if options["visible"]]
    for options in shown_maps[
        :-1
    ]:  # through pixels without a value another map would show, and look like this one
        options["visible"] = False
    results = bool(shown_maps)
    if results and ground:
        ground[-1]["colormap"] = "gray"  # colours under pixels without a value look like one
    shown = [*ground[-1:], *(heights[-1:] if not results else [])]
    for options in shown if shown or results else traces[:1]:
        options["visible"] = True


def regions_layer(scan: Scan) -> LayerTuple:
    """Return the shapes layer on which regions are drawn; its data are world coordinates."""
    display = scan.display
    data = [display.world_from_xy(region.xy()) for region in scan.regions]
    options: dict[str, Any] = {
        "name": "Regions",
        "ndim": 2,
        "metadata": {"tesm": {"scan": scan, "kind": "regions"}},
        "features": {
            "name": [region.name for region in scan.regions],
            "class": [region.region_class for region in scan.regions],
        },
        **display.drawing_options(),
    }
    if data:
        options |= {
            "shape_type": [region.kind for region in scan.regions],
            "edge_width": [edge_width_of(region.width, display) for region in scan.regions],
            "edge_color": [colour_of_class(region.region_class) for region in scan.regions],
            "face_color": "#ffffff00",
        }
    return data, options, "shapes"


def edge_width_of(width: float, display: Display) -> float:
    """Return the edge width, in world units, that shows the averaging width of a line; a hair for areas."""
    return width / display.factor if width > 0 else 0.01 * max(display.extent())


def colour_of_class(name: str) -> str:
    """Return the colour of regions of a class, half transparent so that the map under a wide line shows."""
    return REGION_COLOURS.get(name, REGION_COLOURS["other"]) + "b0"


def fill_of_class(name: str, *, is_line: bool) -> str:
    """Return the colour inside a shape of a class: a breath of it for areas, none for lines."""
    return colour_of_class(name)[:7] + ("00" if is_line else "30")


def points_layer(scan: Scan) -> LayerTuple:
    """Return the layer of pinned points, numbered and in the colours of their curves."""
    display = scan.display
    data = np.array([display.world_from_xy((point.x, point.y)) for point in scan.points]).reshape(-1, 2)
    options: dict[str, Any] = {
        "name": "Points",
        "ndim": 2,
        "size": point_size(display),
        "border_width": 0.12,
        "border_color": "white",
        "face_color": [point.colour or "#ffffff" for point in scan.points] or "#ffffff",
        "features": {"number": [point.number for point in scan.points]},
        "text": {"string": "{number}", "size": 10, "color": "white", "anchor": "upper_left"},
        "metadata": {"tesm": {"scan": scan, "kind": "points"}},
        **display.drawing_options(),
    }
    return data, options, "points"


def point_size(display: Display) -> float:
    """Return the diameter of a marker, in world units: easy to see, small enough to show what it marks."""
    return max(0.018 * max(display.extent()), 1.5 * min(display.spacing))


def add_layer(viewer: Any, layer: LayerTuple) -> Any:
    """Add a layer-data tuple to a viewer (or viewer model) and return the layer."""
    from napari.layers import Layer

    return viewer.add_layer(Layer.create(*layer))
