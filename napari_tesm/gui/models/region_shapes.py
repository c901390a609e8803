"""Regions as shapes of a napari Shapes layer, and back.

The layer's data are world coordinates (y, x) in nm or µm and float32; the regions are the truth in m. A region whose
shape was not touched keeps its exact numbers.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_tesm.gui.layers.scan_layers import colour_of_class, edge_width_of, fill_of_class
from napari_tesm.gui.models.display import Display
from napari_tesm.gui.models.regions import free_name
from napari_tesm.regions.shapes import LINE_KINDS, Region


@dataclass(frozen=True)
class ShapesReading:
    """Regions read from a layer.

    Parameters
    ----------
    regions : list of Region
    shapes : list of int
        Index in the layer of each region; shapes of no size are no region.
    """

    regions: list[Region]
    shapes: list[int]


def reading_from_layer(layer: Any, display: Display, *, before: Sequence[Region] = ()) -> ShapesReading:
    """Return the regions that a Shapes layer shows.

    Parameters
    ----------
    layer : napari.layers.Shapes
    display : Display
        Of the scan.
    before : sequence of Region
        What was read or written before; regions whose shape was not touched keep their exact numbers.
    """
    exact = {_key(region.kind, display.world_from_xy(region.xy())): region.vertices for region in before}
    widths = {edge_width_of(region.width, display): region.width for region in before if region.is_line}
    names, classes = column(layer, "name"), column(layer, "class")
    count = layer.nshapes
    creating = count - 1 if getattr(layer, "_is_creating", False) else -1
    regions: list[Region] = []
    shapes: list[int] = []
    taken = {name for name in names[: len(before)] if name}
    for index, (data, kind, edge) in enumerate(
        zip(layer.data, layer.shape_type, layer.edge_width, strict=True)
    ):
        if index == creating and str(layer.mode).startswith("add_polygon"):
            kind = "polygon"  # a path until napari closes it
        world = _world(layer, np.asarray(data))
        if not _has_size(world, kind) or (kind == "polygon" and len(world) < 3):
            continue
        name, region_class = names[index], classes[index]
        # A shape drawn with napari's tools, or pasted, comes without a name, or with that of its model.
        if not name or (index >= len(before) and name in taken):
            name = free_name(region_class, taken | set(names), kind=str(kind))
        taken.add(name)
        vertices = exact.get(_key(kind, world)) or tuple(
            (float(x), float(y)) for x, y in display.xy_from_world(world)
        )
        width = 0.0
        if kind in LINE_KINDS:
            width = widths.get(edge, 0.0 if edge == edge_width_of(0.0, display) else edge * display.factor)
            width = float(f"{width:.12g}")
        regions.append(Region(str(kind), vertices, name, region_class, width))
        shapes.append(index)
    return ShapesReading(regions, shapes)


def write_to_layer(layer: Any, display: Display, regions: Sequence[Region]) -> None:
    """Make a Shapes layer show exactly these regions."""
    if not regions:
        layer.selected_data = set(range(layer.nshapes))
        layer.remove_selected()
        return
    if layer.nshapes == 0:
        describe(layer, [], [], "")
    layer.data = [(display.world_from_xy(region.xy()), region.kind) for region in regions]
    describe(layer, [region.name for region in regions], [region.region_class for region in regions], "")
    layer.edge_width = [shown_width(region, display) for region in regions]
    layer.edge_color = [colour_of_class(region.region_class) for region in regions]
    layer.face_color = [fill_of_class(region.region_class, is_line=region.is_line) for region in regions]


def shown_width(region: Region, display: Display) -> float:
    """Return the edge width of a region's shape, in world units: the averaging width of a line, else a hair."""
    return edge_width_of(region.width if region.is_line else 0.0, display)


def _key(kind: str, world: NDArray[np.floating]) -> tuple[str, bytes]:
    """Return what tells shapes apart in the layer's own precision."""
    return kind, np.ascontiguousarray(world, dtype=np.float32).tobytes()


def _has_size(world: NDArray[np.floating], kind: str) -> bool:
    if not np.isfinite(world).all():
        return False
    sides = np.ptp(world, axis=0)
    return bool(sides.max() > 0 if kind in LINE_KINDS else sides.min() > 0)


def column(layer: Any, name: str) -> list[str]:
    """Return a column of the features, one text for each shape, empty where it says nothing."""
    values = layer.features.get(name, ())
    texts = [value.strip() if isinstance(value, str) else "" for value in values]
    return (texts + [""] * layer.nshapes)[: layer.nshapes]


def _world(layer: Any, data: NDArray[np.floating]) -> NDArray[np.floating]:
    """Return world positions of a shape's vertices; somebody may have moved the whole layer."""
    positions = data[:, -2:]
    if _is_untransformed(layer):
        return positions
    return np.array([layer.data_to_world(position) for position in positions], dtype=np.float64)


def _is_untransformed(layer: Any) -> bool:
    matrix = np.asarray(layer.affine.affine_matrix)
    return (
        np.array_equal(matrix, np.eye(len(matrix)))
        and not np.any(layer.translate)
        and bool(np.all(np.asarray(layer.scale) == 1))
        and np.array_equal(layer.rotate, np.eye(2))
        and not np.any(layer.shear)
    )


def untransform(layer: Any) -> None:
    """Put a layer back where its data are world coordinates."""
    if not _is_untransformed(layer):
        layer.affine = np.eye(3)
        layer.scale, layer.translate, layer.rotate, layer.shear = (1, 1), (0, 0), 0, (0,)


def describe(layer: Any, names: Sequence[str], classes: Sequence[str], pen_class: str) -> None:
    """Set names and classes of the shapes of a layer, and the class of the next one."""
    # Text columns from the start: napari makes numbers of empty ones, and pandas minds text in those later.
    layer.features = {"name": np.array(names, dtype=object), "class": np.array(classes, dtype=object)}
    layer.feature_defaults = {"name": "", "class": pen_class}


def rgba(colour: str) -> tuple[float, ...]:
    """Return the four parts, 0 … 1, of a colour ``#rrggbbaa``."""
    return tuple(int(colour[i : i + 2], 16) / 255 for i in range(1, len(colour), 2))
