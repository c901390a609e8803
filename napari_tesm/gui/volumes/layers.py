"""The layers that show volumes: what each is called, where it lies, and in which colours."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from napari_tesm.gui.volumes.state import SlicedVolume, VolumeState
from napari_tesm.volumes.dataset import AXES, INTENSITY

UNIT: Final = "µm"
UNIT_IN_METRES: Final = 1e-6
MAPS: Final = {
    "thickness": "Thickness",
    "collector_surface": "Collector surface",
    "electrode_surface": "Electrode surface",
    "section": "Section",
}
_NAMES: Final = MAPS | {"solid": "3-D", "strokes": "Strokes", "classes": "Classes"}
ATTENUATION: Final = "attenuation"
"""Name of the colours of attenuation."""
_LEAST: Final = 1e-6


def layer_name(state: VolumeState, kind: str) -> str:
    """Return what the layer is called that shows something of a state."""
    return state.name if kind == "volume" else f"{_NAMES[kind]} – {state.name}"


def first_voxel(state: VolumeState, factor: int = 1) -> NDArray[np.float64]:
    """Return where the middle of the first voxel is along z, y, x, in `UNIT`, of voxels that many times as large."""
    return np.asarray(state.voxel) * (factor / 2 / UNIT_IN_METRES)


def volume_layer(state: VolumeState) -> Any:
    """Return the image layer of a volume; no more of it is read than one upright section."""
    from napari.layers import Image

    variable = state.volume[INTENSITY]
    middle = np.asarray(variable[:, variable.shape[1] // 2].values, dtype=np.float64)
    return Image(
        SlicedVolume(variable), name=layer_name(state, "volume"), colormap="gray", multiscale=False,
        contrast_limits=_limits(middle, (0.5, 99.5)), **_placement(state),
    )  # fmt: skip


def solid_layer(state: VolumeState, values: NDArray[Any], factor: int) -> Any:
    """Return the layer of a volume in 3-D, of voxels that are each the mean of so many along each axis."""
    from napari.layers import Image

    return Image(
        values, name=layer_name(state, "solid"), colormap="gray", rendering="attenuated_mip",
        contrast_limits=_limits(values, (0, 100)), visible=False, metadata={"factor": factor},
        **_placement(state, factor=factor),
    )  # fmt: skip


def map_layer(state: VolumeState, kind: str, values: xr.DataArray) -> Any:
    """Return the layer of a map of a state."""
    from napari.layers import Image

    return Image(
        map_values(values), name=layer_name(state, kind), colormap="viridis" if kind == "thickness" else "gist_earth",
        contrast_limits=(0.0, 1.0), visible=False, **_placement(state, ndim=2),
    )  # fmt: skip


def labels_layer(state: VolumeState, kind: str, values: NDArray[np.uint8]) -> Any:
    """Return the layer of strokes, thick enough to paint, or of classes, through which the volume is seen."""
    from napari.layers import Labels

    layer = Labels(
        values, name=layer_name(state, kind), opacity=0.8 if kind == "strokes" else 0.45, **_placement(state)
    )
    layer.brush_size = 3
    return layer


def map_values(values: xr.DataArray) -> NDArray[np.float32]:
    """Return the numbers of a map as they are shown, lengths in `UNIT`."""
    data = np.asarray(values.values, dtype=np.float32)
    return data / np.float32(UNIT_IN_METRES) if values.attrs.get("units") == "m" else data


def lines_layer(scale: NDArray[np.float64]) -> Any:
    """Return the layer for lines on a section, which nobody draws on; whole numbers are the middles of voxels."""
    from napari.layers import Shapes

    layer = Shapes(name="Surfaces on the section", ndim=3, scale=scale, units=(UNIT,) * 3, axis_labels=AXES)
    layer.translate = scale / 2  # without a shape it forgets the one it is made with
    layer.editable = False
    return layer


def names_layer(names: Sequence[str], places: NDArray[np.float64], scale: NDArray[np.float64]) -> Any:
    """Return the layer with the names of states, each at its place in `UNIT`."""
    from napari.layers import Points

    layer = Points(
        places / scale - 0.5, translate=scale / 2, name="Names of states", size=1e-3, scale=scale, units=(UNIT,) * 3,
        axis_labels=AXES, face_color="transparent", border_color="transparent", features={"name": list(names)},
        text={"string": "{name}", "size": 11, "color": "white", "anchor": "center"},
    )  # fmt: skip
    layer.editable = False
    return layer


def set_limits(layer: Any, limits: tuple[float, float]) -> None:
    """Let the colours of an image go from one value to another, in napari's slider, too."""
    low, high = limits[0], max(limits[1], limits[0] + _LEAST)
    if tuple(layer.contrast_limits) != (low, high):
        least, most = layer.contrast_limits_range
        layer.contrast_limits_range = (min(low, least), max(high, most))
        layer.contrast_limits = (low, high)


def attenuation_colours() -> Any:
    """Return turbo from low (blue, lithiated) to high (red), and the collector grey."""
    from napari.utils.colormaps import Colormap

    from napari_tesm.plotting import volumes

    colours = volumes.attenuation_colours()
    return Colormap(colours(np.arange(colours.N)), name=ATTENUATION, high_color=colours.get_over())


def _limits(values: NDArray[Any], percent: tuple[float, float]) -> tuple[float, float]:
    finite = values[np.isfinite(values)]
    low, high = np.percentile(finite, percent) if finite.size else (0.0, 1.0)
    return float(low), max(float(high), float(low) + _LEAST)


def _placement(state: VolumeState, *, ndim: int = 3, factor: int = 1) -> dict[str, Any]:
    scale = np.asarray(state.voxel) * (factor / UNIT_IN_METRES)
    return {
        "scale": scale[-ndim:],
        "translate": first_voxel(state, factor)[-ndim:],
        "units": (UNIT,) * ndim,
        "axis_labels": AXES[-ndim:],
    }
