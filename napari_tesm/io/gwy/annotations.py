"""Regions and pinned points in a container: the truth as JSON, and beside it what Gwyddion can show.

The JSON stands in the metadata of the first channel of the grid, under `Regions` and `Points`. Beside it, on the same
channel, are the selections that Gwyddion knows, a 0/1 channel for each class of regions, and a graph for each point.

What comes back is what the JSON says, unless somebody has moved a selection in Gwyddion: then the place is the
selection's, and name, class and width stay. A selection that is nobody's becomes a region or point of its own. A region
whose selection is gone stays: Gwyddion's own tools cut a channel's selection down to a single item.
"""

import json
import math
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

import numpy as np
import xarray as xr
from gwyfile.objects import GwyContainer, GwyObject
from numpy.typing import NDArray

from napari_tesm.files.errors import GwyFormatError
from napari_tesm.gwy import contents
from napari_tesm.gwy.objects import Field, metadata_container
from napari_tesm.gwy.parts import Doubles, drop, put
from napari_tesm.gwy.selections import (
    Frame,
    Selection,
    item_from_region,
    same_item,
    vertices_from_item,
)
from napari_tesm.io.gwy.results import field_on_grid, is_result, put_channel
from napari_tesm.quantities.axes import axis_spacing
from napari_tesm.regions.shapes import PinnedPoint, Region, collection_from_features, mask_from_region

REGIONS_KEY: Final = "Regions"
POINTS_KEY: Final = "Points"
CLASS_KEY: Final = "t-ESM region class"
"""Metadata key that marks a channel as the pixels of a class of regions."""

_KINDS: Final = ("point", "line", "rectangle", "ellipse", "path")
_GRAPH_TITLE: Final = re.compile(r"t-ESM point (\d+) \(row (-?\d+), column (-?\d+)\)")
UNCLASSED: Final = "no class"
"""Name of the mask of regions that nobody has given a class."""
_FARTHEST: Final = 1000.0
"""Selections farther away than so many images are damaged: in Gwyddion nobody can draw beside the image."""


@dataclass(frozen=True)
class Annotations:
    """What somebody drew and pinned; `notes` says in sentences what could not be understood."""

    regions: list[Region] = field(default_factory=list)
    points: list[PinnedPoint] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def annotations_from_container(container: GwyContainer, y: xr.DataArray, x: xr.DataArray) -> Annotations:
    """Return regions and points of the grid with these axes.

    Channels without a lateral unit are taken in that of the axes, where it was entered for the whole file. A path comes
    back as its corners, however slack it is drawn.
    """
    frame, annotations = _frame_from_axes(y, x), Annotations()
    channels = channels_on_grid(container, y, x)
    ours = {REGIONS_KEY, POINTS_KEY}
    anchor = next((n for n in channels if contents.texts_of_channel(container, n).keys() & ours), None)
    seen: dict[str, list[Doubles]] = {kind: [] for kind in _KINDS}
    if anchor is not None:
        annotations = _saved(container, anchor, channels[anchor])
        shown = _shown(annotations.regions, annotations.points, frame)
        for kind, members in shown.items():
            seen[kind] += [numbers for _, numbers in members]
            selection = _selections(container, anchor, channels[anchor], frame).get(kind)
            if selection is not None and selection.kind == kind:
                _take_over_moved(annotations, kind, members, _items(selection), frame)
    for number, scale in channels.items():
        for selection in _selections(container, number, scale, frame, annotations.notes).values():
            kept = seen[selection.kind]
            kept += [
                item
                for _, item in _shown(annotations.regions, annotations.points, frame).get(selection.kind, [])
            ]
            for numbers in _items(selection):
                if not any(same_item(selection.kind, old, numbers, frame) for old in kept):
                    kept.append(numbers)
                    _add_drawn(annotations, selection, numbers, frame)
    return annotations


def annotations_on_results(container: GwyContainer, y: xr.DataArray, x: xr.DataArray) -> bool:
    """Whether regions or points of a grid stand on channels that go with the results of an earlier fit."""
    frame = _frame_from_axes(y, x)
    return any(
        is_result(texts := contents.texts_of_channel(container, number))
        and (texts.keys() & {REGIONS_KEY, POINTS_KEY} or _selections(container, number, scale, frame))
        for number, scale in channels_on_grid(container, y, x).items()
    )


def is_annotation(metadata: dict[str, str]) -> bool:
    """Whether the metadata of a channel say that it shows a class of regions."""
    return CLASS_KEY in metadata


def remove_annotations(
    container: GwyContainer, y: xr.DataArray, x: xr.DataArray, *, graphs_of: Iterable[PinnedPoint] = ()
) -> None:
    """Remove regions and points of a grid, whoever drew them; what belongs to other images stays.

    Parameters
    ----------
    y, x : DataArray
        Axes of the grid.
    graphs_of : iterable of PinnedPoint
        Points whose graphs stay: without the traces nobody can make them again.
    """
    here, own = channels_on_grid(container, y, x), _frame_from_axes(y, x)
    frames = [(own, tuple(graphs_of))]
    for number in contents.ids(container, contents.CHANNEL):
        if number not in here and POINTS_KEY in contents.texts_of_channel(container, number):
            image = contents.image(container, number)
            frames.append((_frame_from_field(image), tuple(_saved(container, number, 1.0).points)))
    for number, scale in here.items():
        if is_annotation(contents.texts_of_channel(container, number)):
            contents.remove(container, contents.CHANNEL, number)
            continue
        for name in _selections(container, number, scale, own):
            drop(container, f"/{number}/select/{name}")
        metadata = container.get(contents.metadata_key(contents.CHANNEL, number))
        if isinstance(metadata, GwyObject) and metadata.keys() & {REGIONS_KEY, POINTS_KEY}:
            drop(metadata, REGIONS_KEY)
            drop(metadata, POINTS_KEY)
            if not metadata:
                drop(container, contents.metadata_key(contents.CHANNEL, number))
    _remove_graphs(
        container,
        {(p.number, *pixel) for frame, points in frames for p in points if (pixel := frame.pixel(p.x, p.y))},
    )


def add_annotations(
    container: GwyContainer,
    regions: Sequence[Region],
    points: Sequence[PinnedPoint],
    y: xr.DataArray,
    x: xr.DataArray,
) -> None:
    """Write regions and points of a grid that has none: JSON, selections, a channel for each class.

    Raises
    ------
    ValueError
        If a point's position is not a number.
    """
    if not regions and not points:
        return
    for point in points:
        if not (math.isfinite(point.x) and math.isfinite(point.y)):
            raise ValueError(f"the place of point {point.number} is not known: pin it anew, or leave it out")
    frame = _frame_from_axes(y, x)
    masks = _masks_by_class(regions, y, x)
    anchor = next(
        (number for number, scale in channels_on_grid(container, y, x).items() if scale == 1.0), None
    )
    if anchor is None and not masks:
        masks = {"none": np.zeros((y.size, x.size), dtype=bool)}  # something has to hold the points
    for name, mask in masks.items():
        like = xr.DataArray(mask, dims=("y", "x"), coords={"y": y, "x": x})
        field = field_on_grid(mask.astype(np.float64), like, "")
        number = put_channel(container, field, f"Region: {name}", {CLASS_KEY: name})
        anchor = number if anchor is None else anchor
    assert anchor is not None
    key = contents.metadata_key(contents.CHANNEL, anchor)
    if not isinstance(container.get(key), GwyObject):
        put(container, key, metadata_container({}), "o")
    if regions:
        put(container[key], REGIONS_KEY, _json(collection_from_features(regions)), "s")
    if points:
        put(container[key], POINTS_KEY, _json(collection_from_features(points)), "s")
    for kind, members in _shown(regions, points, frame).items():
        items = np.array([numbers for _, numbers in members])
        if kind == "path":
            closed = regions[members[0][0]].kind == "polygon"
            selection = Selection(kind, items.reshape(-1, 2), closed=closed, slackness=0.0)
        else:
            selection = Selection(kind, items)
        put(container, f"/{anchor}/select/{kind}", selection.to_object(), "o")


def _saved(container: GwyContainer, number: int, scale: float) -> Annotations:
    """Return what the JSON of a channel says, in the unit of the axes."""
    texts, annotations = contents.texts_of_channel(container, number), Annotations()
    annotations.regions.extend(
        _features(texts.get(REGIONS_KEY, ""), Region.from_feature, "regions", annotations.notes)
    )
    annotations.points.extend(
        _features(texts.get(POINTS_KEY, ""), PinnedPoint.from_feature, "points", annotations.notes)
    )
    if scale != 1.0:
        annotations.regions[:] = [
            replace(
                region,
                vertices=tuple((scale * a, scale * b) for a, b in region.vertices),
                width=scale * region.width,
            )
            for region in annotations.regions
        ]
        annotations.points[:] = [
            replace(point, x=scale * point.x, y=scale * point.y) for point in annotations.points
        ]
    return annotations


def _features(text: str, read: Callable[[Any], Any], what: str, notes: list[str]) -> list[Any]:
    if not text:
        return []
    items = []
    try:
        for feature in json.loads(text)["features"]:
            try:
                items.append(read(feature))
            except (ValueError, TypeError, AttributeError, OverflowError) as error:
                notes.append(f"one of the {what} in the file cannot be understood: {error}")
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        notes.append(f"the {what} in the file's metadata cannot be understood ({error}); they are left out")
    return items


def _json(collection: dict[str, Any]) -> str:
    text = json.dumps(collection, ensure_ascii=False, default=number_for_json)
    # A person reads the metadata in Gwyddion; only what UTF-8 cannot hold is escaped.
    return text if storable_text(text) == text else json.dumps(collection, default=number_for_json)


def number_for_json(value: Any) -> Any:
    """Return a number of NumPy as one of Python, as `json.dumps` asks for what it does not know."""
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"a {type(value).__name__} cannot be written as JSON")


def storable_text(text: str) -> str:
    """Return a text without what neither a title nor a line of metadata can hold."""
    return text.replace("\0", "").encode(errors="replace").decode()


def _selections(
    container: GwyContainer, number: int, scale: float, frame: Frame, notes: list[str] | None = None
) -> dict[str, Selection]:
    """Return the selections of a channel that draw regions or points, in the unit of the axes."""
    drawings, said = {}, [] if notes is None else notes
    for name, obj in contents.selections(container, number).items():
        try:
            selection = Selection.from_object(obj, f"/{number}/select/{name}")
        except GwyFormatError as error:
            said.append(str(error))
            continue
        if selection.kind not in _KINDS or len(selection.items) == 0:
            continue
        with np.errstate(over="ignore"):
            items = scale * selection.items
        # Written so that what is no number is left out, too.
        if (np.abs(items) <= _FARTHEST * max(frame.width, frame.height)).all():
            drawings[name] = replace(selection, items=items)
        else:
            said.append(f"a {selection.kind} selection lies nowhere near its image; it is left out")
    return drawings


def _items(selection: Selection) -> list[Doubles]:
    """Return the numbers of each thing drawn; a path is a single one."""
    return [selection.items.ravel()] if selection.kind == "path" else list(selection.items)


def _shown(
    regions: Sequence[Region], points: Sequence[PinnedPoint], frame: Frame
) -> dict[str, list[tuple[int, Doubles]]]:
    """Return index and numbers of what selections can show, by their kind; of paths the first alone."""
    shown: dict[str, list[tuple[int, Doubles]]] = {}
    for index, point in enumerate(points):
        place = np.array([point.x - frame.left, point.y - frame.top])
        if frame.holds(place):
            shown.setdefault("point", []).append((index, place))
    for index, region in enumerate(regions):
        kind_and_numbers = item_from_region(region, frame)
        if kind_and_numbers is None:
            continue
        kind, numbers = kind_and_numbers
        if kind != "path" or "path" not in shown:
            shown.setdefault(kind, []).append((index, numbers))
    return shown


def _take_over_moved(
    annotations: Annotations,
    kind: str,
    members: list[tuple[int, Doubles]],
    items: list[Doubles],
    frame: Frame,
) -> None:
    """Move regions and points to where the selections written beside them are now; later ones are new."""
    if len(items) < len(members):
        return  # nobody can say which ones are gone, and which of the others moved
    for (index, old), new in zip(members, items, strict=False):
        if same_item(kind, old, new, frame):
            continue
        vertices = vertices_from_item(kind, new, frame)
        try:
            if kind == "point":
                annotations.points[index] = replace(
                    annotations.points[index], x=vertices[0][0], y=vertices[0][1]
                )
            else:
                annotations.regions[index] = replace(annotations.regions[index], vertices=vertices)
        except ValueError as error:  # too few corners are left of a path
            annotations.notes.append(f"what Gwyddion shows of a region is left out: {error}")


def _add_drawn(annotations: Annotations, selection: Selection, numbers: Doubles, frame: Frame) -> None:
    """Add what was drawn in Gwyddion and is no region or point yet."""
    vertices = vertices_from_item(selection.kind, numbers, frame)
    if selection.kind == "point":
        taken = {point.number for point in annotations.points}
        free = next(n for n in range(1, len(taken) + 2) if n not in taken)
        annotations.points.append(PinnedPoint(free, *vertices[0]))
        return
    kind = "polygon" if selection.closed and len(vertices) > 2 else selection.kind
    names = {region.name for region in annotations.regions}
    name = next(text for n in range(1, len(names) + 2) if (text := f"{kind} {n}") not in names)
    try:
        annotations.regions.append(Region(kind, vertices, name))
    except ValueError as error:
        annotations.notes.append(f"what Gwyddion shows as a {kind} is left out: {error}")


def _remove_graphs(container: GwyContainer, kept: set[tuple[int, int, int]]) -> None:
    removed = []
    for number in contents.ids(container, contents.GRAPH):
        match = _GRAPH_TITLE.fullmatch(contents.title(container, contents.GRAPH, number))
        if match is None or tuple(map(int, match.groups())) in kept:
            continue
        removed.append(number)
        contents.remove(container, contents.GRAPH, number)
    # Their ids are free again where they were the last: a file saved again and again stays the same.
    if removed and container.get(contents.LAST_GRAPH) == removed[-1]:
        last = max([removed[0] - 1, *contents.ids(container, contents.GRAPH)])
        drop(container, contents.LAST_GRAPH)
        if last >= 0:
            put(container, contents.LAST_GRAPH, last, "i")


def _masks_by_class(
    regions: Iterable[Region], y: xr.DataArray, x: xr.DataArray
) -> dict[str, NDArray[np.bool_]]:
    masks: dict[str, NDArray[np.bool_]] = {}
    for region in (region for region in regions if not region.is_a_line_alone):
        mask = mask_from_region(region, x.values, y.values, spacing=(axis_spacing(y), axis_spacing(x)))
        if mask.any():
            name = " ".join(storable_text(region.region_class or UNCLASSED).split())
            masks[name] = masks[name] | mask if name in masks else mask
    return masks


def channels_on_grid(container: GwyContainer, y: xr.DataArray, x: xr.DataArray) -> dict[int, float]:
    """Return the channels of a grid, and what makes their lengths those of the axes: 1 but for a unit entered."""
    frame, unit = _frame_from_axes(y, x), x.attrs.get("units")
    scales = {}
    for number in contents.ids(container, contents.CHANNEL):
        try:
            image = contents.image(container, number)
        except GwyFormatError:
            continue
        own = _frame_from_field(image)
        scale = 1.0
        if unit is not None and image.unit_xy != unit:
            ratio = frame.width / own.width
            if image.unit_xy or not (math.isfinite(ratio) and ratio > 0):
                continue
            scale = float(f"1e{round(math.log10(ratio))}")
        if frame.is_same(own.scaled(scale)):
            scales[number] = scale
    return scales


def _frame_from_axes(y: xr.DataArray, x: xr.DataArray) -> Frame:
    dy, dx = axis_spacing(y), axis_spacing(x)
    left, top = float(x.values[0]) - dx / 2, float(y.values[0]) - dy / 2
    return Frame(left, top, dx * x.size, dy * y.size, x.size, y.size)


def _frame_from_field(image: Field) -> Frame:
    rows, columns = image.values.shape
    return Frame(image.x_offset, image.y_offset, image.x_real, image.y_real, columns, rows)
