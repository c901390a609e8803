"""The layers of a scan, as napari's layer-data tuples: data, options, kind.

Values are shown in units people read (nm, pm, ms); what a layer holds and the factor to SI stand in its metadata under
``"tesm"``.
"""

import re
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from napari_tesm.displacement import STATUS_MEANINGS
from napari_tesm.gui.display import Display, display_from_axes
from napari_tesm.gui.scan import Scan
from napari_tesm.maps import DERIVED, MAP_KINDS, labels_from_maps, map_title, map_values
from napari_tesm.units import prefix_for

LayerTuple = tuple[Any, dict[str, Any], str]

_LARGEST_READ: Final = 1 << 28
"""More than 256 MB are not read just to open a file; H then comes with the fit."""
REGION_COLOURS: Final = {"step": "#ff9f1c", "grain": "#2ec4b6", "other": "#b8b8ff"}
_SHOWN_MAPS: Final[tuple[str, ...]] = ("log10_D1", "log10_D2")


@dataclass(frozen=True)
class Look:
    """How a quantity is coloured.

    Parameters
    ----------
    colormap : str
        Name of a napari colour map.
    signed : bool
        Zero lies in the middle of the colours.
    """

    colormap: str
    signed: bool = False


_LOOKS: Final[tuple[tuple[str, Look], ...]] = (
    # The first pattern that the slug of a title or the name of a map matches decides.
    (r"^h$|^h_\d|displacement|piezoresponse|strain", Look("RdBu_r", signed=True)),
    (r"^status", Look("tab10")),
    (r"^log10_d|^d[12]?$", Look("viridis")),
    (r"^tau", Look("plasma")),
    (r"stderr|standard_error", Look("magma")),
    (r"^r2", Look("gray")),
    (r"topograph|height|^z_|zsensor|^channel", Look("gist_earth")),
    (r"deflection|error|amplitude|adhesion|friction|gray", Look("gray")),
    (r"phase", Look("twilight_shifted")),
)


def look_of(name: str) -> Look:
    """Return how a channel or map of this name is coloured."""
    return next((look for pattern, look in _LOOKS if re.search(pattern, name.lower())), Look("gray"))


def layers_from_scan(scan: Scan) -> list[LayerTuple]:
    """Return all layers of a scan, the bottom one first: channels, traces, results, regions, points."""
    layers = [_channel_layer(scan, channel) for channel in _ordered(scan.channels)]
    layers += traces_layers(scan)
    if scan.maps is not None:
        layers += layers_from_maps(scan, scan.maps)
    elif scan.dataset is not None:
        layers += displacement_layers(scan)
    _show_the_first_glance(layers)
    return [*layers, regions_layer(scan), points_layer(scan)]


def layers_from_maps(scan: Scan, maps: xr.Dataset, *, kind: str = "map") -> list[LayerTuple]:
    """Return a layer for every exported map and pulse setting; log10 D is shown, the others wait hidden.

    Parameters
    ----------
    kind : {"map", "preview"}
        The role in the metadata.
    """
    layers = []
    names = [name for name in MAP_KINDS if MAP_KINDS[name].exported and DERIVED.get(name, name) in maps]
    shown = [name for name in _SHOWN_MAPS if name in names] or [
        name for name in names if name in ("tau1", "tau2")
    ]
    # What is looked at most comes last, as napari's list shows the last layer on top.
    for name in sorted(names, key=lambda known: (known in shown, known == "H", -names.index(known))):
        for pulse, label in enumerate(labels_from_maps(maps)):
            values = map_values(maps.isel(pulse=pulse), name)
            unit = "log10 m²/s" if name in DERIVED else str(values.attrs.get("units", ""))
            layer = map_layer(scan, np.asarray(values.values), name, map_title(name, label), unit, pulse)
            layer[1]["metadata"]["tesm"] |= {"kind": kind, "recipe": maps.attrs.get("recipe", "")}
            layer[1]["visible"] = name in shown
            layers.append(layer)
    return layers


def map_layer(scan: Scan, values: NDArray[Any], name: str, title: str, unit: str, pulse: int) -> LayerTuple:
    """Return the layer of one map on the grid of the traces."""
    shown, factor, shown_unit = _readable(values, unit)
    return _image_layer(
        shown,
        title,
        name,
        scan.display,
        {"scan": scan, "kind": "map", "map": name, "pulse": pulse, "unit": shown_unit, "factor": factor},
    )


def displacement_layers(scan: Scan) -> list[LayerTuple]:
    """Return an H layer for every pulse setting, where it is known when the pulse was on."""
    maps = displacement_maps(scan)
    if maps is None:
        return []
    layers = [
        map_layer(scan, maps["H"].values[pulse], "H", map_title("H", label), scan.unit, pulse)
        for pulse, label in enumerate(scan.labels)
    ]
    share_colours(layers)
    return layers


def share_colours(layers: list[LayerTuple]) -> None:
    """Give maps that will be compared one colour scale: the widest of them, in the unit of each."""
    factors = [options["metadata"]["tesm"]["factor"] for _, options, _ in layers]
    limits = [options["contrast_limits"] for _, options, _ in layers]
    if layers:
        low = min(pair[0] * factor for pair, factor in zip(limits, factors, strict=True))
        high = max(pair[1] * factor for pair, factor in zip(limits, factors, strict=True))
        for (_, options, _), factor in zip(layers, factors, strict=True):
            options["contrast_limits"] = (low / factor, high / factor)


def displacement_maps(scan: Scan) -> xr.Dataset | None:
    """Return H of every pulse setting, None where the pulse is not known or reading the samples would take long.

    Only the samples that H is made of are read: a few planes of a brick, however long the record.
    """
    from napari_tesm.displacement import displacement_from_samples, samples_for_displacement
    from napari_tesm.protocol import PulseProtocol, windows_from_protocol

    dataset = scan.dataset
    if dataset is None:
        return None
    pulse_window, _ = windows_from_protocol(PulseProtocol.from_attributes(dataset.attrs))
    if pulse_window is None:
        return None
    try:
        before, at_end = samples_for_displacement(dataset["time"].values, pulse_window)
    except ValueError:  # no sample lies inside the pulse: the fit panel says so
        return None
    traces = dataset["displacement"]
    if _bytes_to_read(traces, before, at_end) > _LARGEST_READ:
        return None
    heights = [
        displacement_from_samples(
            stack.isel(time=before).values.astype(np.float64),
            stack.isel(time=at_end).values.astype(np.float64),
        )
        for stack in (traces.isel(pulse=pulse) for pulse in range(traces.sizes["pulse"]))
    ]
    attributes = {"units": scan.unit, "long_name": "H"}
    return xr.Dataset({"H": (("pulse", "y", "x"), np.stack(heights), attributes)})


def _bytes_to_read(traces: xr.DataArray, before: slice, at_end: slice) -> int:
    """Return how much of a file the samples of H cost: single planes where time is the slow axis, else all."""
    corner = traces.isel(pulse=0, y=slice(0, 1), x=slice(0, 2)).values
    planes = before.stop - before.start + at_end.stop - at_end.start
    time_is_slow = corner.ndim == 3 and corner.strides[-1] > corner.itemsize
    samples = planes if time_is_slow else traces.sizes["time"]
    pixels = traces.sizes["pulse"] * traces.sizes["y"] * traces.sizes["x"]
    return int(pixels * samples * traces.dtype.itemsize)


class TimeStack:
    """The traces of one pulse setting as images, dims (time, y, x), read when they are looked at.

    Parameters
    ----------
    traces : DataArray of dims (y, x, time)
    factor : float
        Values are divided by it.
    """

    def __init__(self, traces: xr.DataArray, factor: float) -> None:
        self._traces = traces
        self._factor = factor
        rows, columns, samples = traces.shape
        self.shape = (samples, rows, columns)
        self.ndim = 3
        self.dtype = np.dtype(np.float32)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, key: Any) -> NDArray[np.float32]:
        parts = key if isinstance(key, tuple) else (key,)
        parts = tuple(part for part in parts if part is not Ellipsis)
        time, rows, columns = (*parts, *(slice(None),) * (3 - len(parts)))
        # Indexed before it is transposed: xarray would read everything of a transposed lazy array.
        values = self._traces[rows, columns, time].values
        if not isinstance(time, int | np.integer):
            values = np.moveaxis(values, -1, 0)
        return np.asarray(values / self._factor, dtype=np.float32)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        return np.asarray(self[:], dtype=dtype)


def traces_layers(scan: Scan) -> list[LayerTuple]:
    """Return a (time, y, x) layer for every pulse setting, read plane by plane as the slider moves."""
    dataset = scan.dataset if scan.dataset is not None else scan.unfinished
    return [] if dataset is None else [_traces_layer(scan, dataset, i) for i in range(dataset.sizes["pulse"])]


def _traces_layer(scan: Scan, dataset: xr.Dataset, pulse: int) -> LayerTuple:
    traces = dataset["displacement"].isel(pulse=pulse)
    time = dataset["time"].values
    sample = _sampled(traces)
    limits = _limits(sample, signed=True, percent=4.0)  # one dead pixel of the few must not rule
    factor, unit = prefix_for(limits, str(traces.attrs["units"]))
    display = scan.display
    labels = labels_from_maps(dataset)
    interval = float((time[-1] - time[0]) / (time.size - 1)) if time.size > 1 else 1e-3
    time_factor, time_unit = prefix_for(float(np.abs(time).max()) or interval, "s")
    if scan.dataset is None:  # the unit of the time axis is not known: count samples
        interval, time_factor, time_unit = 1.0, 1.0, "pixel"
        time = np.arange(time.size, dtype=np.float64)
    options = {
        "name": f"Traces {labels[pulse]}".strip(),
        "scale": (interval / time_factor, *display.spacing),
        "translate": (float(time[0]) / time_factor, *display.origin),
        "units": (time_unit, display.unit, display.unit),
        "axis_labels": ("time", "y", "x"),
        "contrast_limits": (limits[0] / factor, limits[1] / factor),
        "colormap": "RdBu_r",
        "visible": False,
        "metadata": {
            "tesm": {
                "scan": scan, "kind": "traces", "pulse": pulse, "unit": unit, "factor": factor,
                "time_factor": time_factor,
            }
        },
    }  # fmt: skip
    return TimeStack(traces, factor), options, "image"


def _sampled(traces: xr.DataArray) -> NDArray[np.float64]:
    """Return samples of some 64 pixels, whatever the size of the whole, to find a contrast."""
    # Slices with steps are views of a mapped file; lists of indices would copy whole planes first.
    steps = {axis: max(1, traces.sizes[axis] // count) for axis, count in (("y", 8), ("x", 8), ("time", 24))}
    parts = {axis: slice(step // 2, None, step) for axis, step in steps.items()}
    return np.asarray(traces.isel(parts).values, dtype=np.float64)


def _channel_layer(scan: Scan, channel: xr.DataArray) -> LayerTuple:
    name = str(channel.name)
    display = display_from_axes(channel["y"], channel["x"], unit=scan.display.unit)
    title = str(channel.attrs.get("long_name", name))
    metadata = {"scan": scan, "kind": "channel", "channel": name}
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
    limits = _limits(values, signed=look.signed)
    if name.startswith("status"):
        limits = (0.0, float(len(STATUS_MEANINGS) - 1))
    options = {
        "name": title,
        "colormap": look.colormap,
        "contrast_limits": limits,
        "visible": False,
        "metadata": {"tesm": role},
        **display.layer_options(),
    }
    return values, options, "image"


def _readable(values: NDArray[Any], unit: str) -> tuple[NDArray[np.float32], float, str]:
    """Return values in a unit that people read, the factor to SI, and that unit."""
    limits = _limits(values, signed=False)
    factor, shown = prefix_for(limits, unit)
    with np.errstate(over="ignore", invalid="ignore"):
        return np.asarray(values / factor, dtype=np.float32), factor, shown


def _limits(values: NDArray[Any], *, signed: bool, percent: float = 0.5) -> tuple[float, float]:
    """Return colour limits that hot pixels do not stretch: 0.5 to 99.5 %, about zero for signed quantities."""
    finite = np.asarray(values)[np.isfinite(values)]
    if finite.size == 0:
        return (0.0, 1.0)
    low, high = (float(edge) for edge in np.percentile(finite, [percent, 100 - percent]))
    if signed:
        high = max(abs(low), abs(high))
        low = -high
    if not high > low:
        low, high = float(finite.min()), float(finite.max())
    if not high > low:
        margin = abs(low) / 2 or 0.5
        return (low - margin, high + margin)
    return (low, high)


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
    roles = [options["metadata"]["tesm"] for _, options, _ in layers]
    for index, role in enumerate(roles):
        if role["kind"] == "channel" and layers[index][2] == "image":
            layers[index][1]["visible"] = False
    ground = [i for i, role in enumerate(roles) if role["kind"] == "channel" and layers[i][2] == "image"]
    if ground:
        layers[ground[-1]][1]["visible"] = True
    results = any(
        options["visible"]
        for (_, options, _), role in zip(layers, roles, strict=True)
        if role["kind"] == "map"
    )
    heights = [i for i, role in enumerate(roles) if role.get("map") == "H"]
    if heights and not results:
        layers[heights[-1]][1]["visible"] = True
    if not ground and not results and not heights:
        traces = [i for i, role in enumerate(roles) if role["kind"] == "traces"]
        if traces:
            layers[traces[0]][1]["visible"] = True


def regions_layer(scan: Scan) -> LayerTuple:
    """Return the shapes layer on which regions are drawn; its data are world coordinates."""
    display = scan.display
    data, kinds, widths, colours = [], [], [], []
    for region in scan.regions:
        data.append(display.world_from_xy(region.xy()))
        kinds.append(region.kind)
        widths.append(edge_width_of(region.width, display))
        colours.append(colour_of_class(region.region_class))
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
            "shape_type": kinds,
            "edge_width": widths,
            "edge_color": colours,
            "face_color": "#ffffff00",
        }
    return data, options, "shapes"


def edge_width_of(width: float, display: Display) -> float:
    """Return the edge width, in world units, that shows the averaging width of a line; a hair for areas."""
    return width / display.factor if width > 0 else 0.01 * max(display.extent())


def colour_of_class(name: str) -> str:
    """Return the colour of regions of a class, half transparent so that the map under a wide line shows."""
    return REGION_COLOURS.get(name, REGION_COLOURS["other"]) + "b0"


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
