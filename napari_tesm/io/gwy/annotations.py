"""Regions and pinned points in a container: the truth as JSON, and beside it what Gwyddion can show.

The JSON stands in the metadata of the first channel of the grid, under `Regions` and `Points`. Beside it, on the same
channel, are the selections that Gwyddion knows, a 0/1 channel for each class of regions, and a graph for each point.

What comes back is what the JSON says, unless somebody has moved a selection in Gwyddion: then the place is the
selection's, and name, class and width stay. A selection that is nobody's becomes a region or point of its own. A region
whose selection was deleted in Gwyddion stays: nothing is lost by opening a file.
"""

import json
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

import numpy as np
import xarray as xr
from gwyfile.objects import GwyContainer
from numpy.typing import NDArray

from napari_tesm.io.gwy import contents
from napari_tesm.io.gwy.errors import GwyFormatError
from napari_tesm.io.gwy.objects import Field, metadata_container, metadata_entries
from napari_tesm.io.gwy.parts import put
from napari_tesm.io.gwy.results import axis_spacing, field_on_grid, is_result
from napari_tesm.io.gwy.selections import NUMBERS_PER_ITEM, Selection
from napari_tesm.regions import PinnedPoint, Region, collection_from_features, mask_from_region

REGIONS_KEY: Final = "Regions"
POINTS_KEY: Final = "Points"
CLASS_KEY: Final = "t-ESM region class"
"""Metadata key that marks a channel as the pixels of a class of regions."""

_KINDS: Final = ("point", "line", "rectangle", "ellipse", "path")
_GRAPH_TITLE: Final = re.compile(r"t-ESM point \d+ \(row -?\d+, column -?\d+\)")
_TOLERANCE: Final = 1e-9
"""Selections are alike where they differ by less than this part of the image."""


@dataclass(frozen=True)
class Annotations:
    """What somebody drew and pinned; `notes` says in sentences what could not be understood."""

    regions: list[Region] = field(default_factory=list)
    points: list[PinnedPoint] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class _Grid:
    """Place and size of an image: selections count from its top left corner."""

    x: float
    y: float
    width: float
    height: float
    columns: int
    rows: int

    @classmethod
    def of_field(cls, image: Field) -> "_Grid":
        rows, columns = image.values.shape
        return cls(image.x_offset, image.y_offset, image.x_real, image.y_real, columns, rows)

    @classmethod
    def of_axes(cls, y: xr.DataArray, x: xr.DataArray) -> "_Grid":
        dy, dx = axis_spacing(y), axis_spacing(x)
        left, top = float(x.values[0]) - dx / 2, float(y.values[0]) - dy / 2
        return cls(left, top, dx * x.size, dy * y.size, x.size, y.size)

    def is_same(self, other: "_Grid") -> bool:
        """Whether the pixels lie at the same places, to a hundredth of a pixel."""
        if (self.columns, self.rows) != (other.columns, other.rows):
            return False
        step = 0.01 * np.array([self.width / self.columns, self.height / self.rows] * 2)
        ours, theirs = (np.array([g.x, g.y, g.x + g.width, g.y + g.height]) for g in (self, other))
        return bool((np.abs(ours - theirs) <= step).all())


def annotations_from_container(container: GwyContainer, y: xr.DataArray, x: xr.DataArray) -> Annotations:
    """Return regions and points of the grid with these axes."""
    grid, found = _Grid.of_axes(y, x), Annotations()
    channels = _channels_on(container, grid)
    anchor = next((n for n in channels if _texts(container, n).keys() & {REGIONS_KEY, POINTS_KEY}), None)
    if anchor is not None:
        texts = _texts(container, anchor)
        found.regions.extend(_items(texts.get(REGIONS_KEY, ""), Region.from_feature, "regions", found.notes))
        found.points.extend(
            _items(texts.get(POINTS_KEY, ""), PinnedPoint.from_feature, "points", found.notes)
        )
        _take_over_moved(container, anchor, grid, found)
    for number in channels:
        for name, obj in contents.selections(container, number).items():
            try:
                selection = Selection.from_object(obj, f"/{number}/select/{name}")
            except GwyFormatError as error:
                found.notes.append(str(error))
                continue
            _add_unknown(selection, grid, found)
    return found


def _items(text: str, read: Callable[[Any], Any], what: str, notes: list[str]) -> list[Any]:
    if not text:
        return []
    try:
        features = json.loads(text)["features"]
        items = []
        for feature in features:
            try:
                items.append(read(feature))
            except (ValueError, TypeError, AttributeError) as error:
                notes.append(f"one of the {what} in the file cannot be understood: {error}")
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        notes.append(f"the {what} in the file's metadata cannot be understood ({error}); they are left out")
        return []
    return items


def _take_over_moved(container: GwyContainer, anchor: int, grid: _Grid, found: Annotations) -> None:
    """Move regions and points where the selections beside their JSON were moved."""
    for kind in _KINDS:
        obj = contents.selections(container, anchor).get(kind)
        if obj is None:
            continue
        try:
            items = Selection.from_object(obj, kind).items
        except GwyFormatError:
            continue
        if kind == "point":
            written = [_numbers_of_point(point, grid) for point in found.points]
            if len(items) == len(written):
                for index, (old, new) in enumerate(zip(written, items, strict=True)):
                    if not _alike(kind, old, new, grid):
                        x, y = np.asarray(new) + np.array([grid.x, grid.y])
                        found.points[index] = replace(found.points[index], x=float(x), y=float(y))
            continue
        members = _expressed(found.regions, kind, grid)
        if kind == "path":
            if members and not _alike(kind, members[0][1].ravel(), items.ravel(), grid):
                index = members[0][0]
                found.regions[index] = _with_vertices(found.regions[index], items, grid)
        elif len(items) == len(members):
            for (index, old), new in zip(members, items, strict=True):
                if not _alike(kind, old, new, grid):
                    found.regions[index] = _with_vertices(found.regions[index], new, grid)


def _add_unknown(selection: Selection, grid: _Grid, found: Annotations) -> None:
    """Add what was drawn in Gwyddion and is no region or point yet."""
    if selection.kind not in _KINDS or len(selection.items) == 0:
        return
    if not np.isfinite(selection.items).all():
        found.notes.append(f"a {selection.kind} selection holds numbers that are not finite; it is left out")
        return
    if selection.kind == "point":
        for item in selection.items:
            if not any(_alike("point", _numbers_of_point(point, grid), item, grid) for point in found.points):
                taken = {point.number for point in found.points}
                number = next(n for n in range(1, len(taken) + 2) if n not in taken)
                found.points.append(PinnedPoint(number, float(item[0] + grid.x), float(item[1] + grid.y)))
        return
    known = _expressed(found.regions, selection.kind, grid)
    shapes = [selection.items] if selection.kind == "path" else list(selection.items)
    for shape in shapes:
        flat = np.asarray(shape).ravel()
        if any(_alike(selection.kind, old.ravel(), flat, grid) for _, old in known):
            continue
        kind = selection.kind
        if kind == "path":
            kind = "polygon" if selection.closed and len(shape) > 2 else "path"
            if len(shape) < 2:
                continue
        count = sum(region.kind == kind for region in found.regions) + 1
        template = Region(kind, _corners(kind, np.asarray(shape, dtype=np.float64), grid), f"{kind} {count}")
        found.regions.append(template)
        known = _expressed(found.regions, selection.kind, grid)


def remove_annotations(container: GwyContainer) -> None:
    """Remove everything that `add_annotations` writes; selections it did not write stay."""
    for number in contents.ids(container, contents.CHANNEL):
        metadata = container.get(contents.metadata_key(contents.CHANNEL, number))
        if CLASS_KEY in metadata_entries(metadata):
            for key in contents.keys_of(container, contents.CHANNEL, number):
                _delete(container, key)
        elif metadata is not None and metadata_entries(metadata).keys() & {REGIONS_KEY, POINTS_KEY}:
            for key in (REGIONS_KEY, POINTS_KEY):
                _delete(metadata, key)
            if not metadata:
                _delete(container, contents.metadata_key(contents.CHANNEL, number))
            for kind in _KINDS:
                _delete(container, f"/{number}/select/{kind}")
    for number in contents.ids(container, contents.GRAPH):
        if is_point_graph(contents.title(container, contents.GRAPH, number)):
            for key in contents.keys_of(container, contents.GRAPH, number):
                _delete(container, key)


def add_annotations(
    container: GwyContainer,
    regions: Sequence[Region],
    points: Sequence[PinnedPoint],
    y: xr.DataArray,
    x: xr.DataArray,
) -> None:
    """Write regions and points of a grid: JSON, selections, a channel for each class.

    Selections that somebody drew in Gwyddion are among the regions by now, and are replaced on the whole grid.
    """
    grid = _Grid.of_axes(y, x)
    for number in _channels_on(container, grid):
        for kind in _KINDS:
            _delete(container, f"/{number}/select/{kind}")
    if not regions and not points:
        return
    masks = _masks_by_class(regions, y, x)
    anchor = next(iter(_channels_on(container, grid)), None)
    if anchor is None and not masks:
        masks = {"none": np.zeros((y.size, x.size), dtype=bool)}  # something has to hold the points
    for name, mask in masks.items():
        number = contents.next_id(container, contents.CHANNEL)
        like = xr.DataArray(mask, dims=("y", "x"), coords={"y": y, "x": x})
        put(container, f"/{number}/data", field_on_grid(mask.astype(np.float64), like, "").to_object(), "o")
        put(container, f"/{number}/data/title", f"Region: {name}", "s")
        put(container, f"/{number}/meta", metadata_container({CLASS_KEY: name}), "o")
        anchor = number if anchor is None else anchor
    assert anchor is not None
    entries = metadata_entries(container.get(contents.metadata_key(contents.CHANNEL, anchor)))
    for key, items in ((REGIONS_KEY, regions), (POINTS_KEY, points)):
        if items:
            entries[key] = json.dumps(collection_from_features(items), ensure_ascii=False)
    put(container, contents.metadata_key(contents.CHANNEL, anchor), metadata_container(entries), "o")
    if points:
        numbers = np.array([_numbers_of_point(point, grid) for point in points])
        put(container, f"/{anchor}/select/point", Selection("point", numbers).to_object(), "o")
    for kind in _KINDS[1:]:
        members = _expressed(regions, kind, grid)
        if members and kind == "path":
            closed = regions[members[0][0]].kind == "polygon"
            selection = Selection("path", members[0][1], closed=closed, slackness=0.0)
            put(container, f"/{anchor}/select/path", selection.to_object(), "o")
        elif members:
            items_ = np.array([numbers for _, numbers in members])
            put(container, f"/{anchor}/select/{kind}", Selection(kind, items_).to_object(), "o")


def annotations_on_results(container: GwyContainer) -> bool:
    """Whether the JSON stands on a channel that goes with the results of an earlier fit."""
    return any(
        is_result(texts) and texts.keys() & {REGIONS_KEY, POINTS_KEY}
        for texts in (_texts(container, number) for number in contents.ids(container, contents.CHANNEL))
    )


def is_annotation(metadata: dict[str, str]) -> bool:
    """Whether the metadata of a channel say that it shows a class of regions."""
    return CLASS_KEY in metadata


def is_point_graph(title: str) -> bool:
    """Whether a graph of this title holds the curves of a pinned point."""
    return _GRAPH_TITLE.fullmatch(title) is not None


def _masks_by_class(
    regions: Iterable[Region], y: xr.DataArray, x: xr.DataArray
) -> dict[str, NDArray[np.bool_]]:
    masks: dict[str, NDArray[np.bool_]] = {}
    for region in regions:
        mask = mask_from_region(region, x.values, y.values, spacing=(axis_spacing(y), axis_spacing(x)))
        if mask.any():
            name = region.region_class
            masks[name] = masks[name] | mask if name in masks else mask
    return masks


def _channels_on(container: GwyContainer, grid: _Grid) -> list[int]:
    found = []
    for number in contents.ids(container, contents.CHANNEL):
        key = contents.object_key(contents.CHANNEL, number)
        try:
            image = Field.from_object(container[key], key)
        except GwyFormatError:
            continue
        if _Grid.of_field(image).is_same(grid):
            found.append(number)
    return found


def _texts(container: GwyContainer, number: int) -> dict[str, str]:
    return metadata_entries(container.get(contents.metadata_key(contents.CHANNEL, number)))


def _delete(container: GwyContainer, key: str) -> None:
    if key in container:
        del container[key]
        container.typecodes.pop(key, None)


def _numbers_of_point(point: PinnedPoint, grid: _Grid) -> NDArray[np.float64]:
    return np.array([point.x - grid.x, point.y - grid.y])


def _expressed(regions: Sequence[Region], kind: str, grid: _Grid) -> list[tuple[int, NDArray[np.float64]]]:
    """Return index and coordinates of the regions that a selection of this kind can show."""
    found = []
    for index, region in enumerate(regions):
        xy = region.xy() - (grid.x, grid.y)
        if kind == "path" and region.kind in ("path", "polygon"):
            found.append((index, xy))
        elif kind == "line" and region.kind == "line":
            found.append((index, xy.ravel()))
        elif kind in ("rectangle", "ellipse") and region.kind == kind:
            box = np.concatenate([xy.min(axis=0), xy.max(axis=0)])
            corners = np.array([[box[0], box[1]], [box[2], box[1]], [box[2], box[3]], [box[0], box[3]]])
            # Turned frames are no rectangles to Gwyddion; the JSON alone has them.
            near = np.abs(xy[:, None, :] - corners[None, :, :]).max(axis=2).min(axis=1)
            if near.max() <= _TOLERANCE * max(grid.width, grid.height):
                found.append((index, box))
    return found


def _alike(kind: str, a: NDArray[np.float64], b: NDArray[np.float64], grid: _Grid) -> bool:
    """Whether two items of a kind lie at the same place: a line either way round, a frame by any two corners."""
    if a.shape != b.shape:
        return False
    tolerance = _TOLERANCE * max(grid.width, grid.height)
    others = [b]
    if kind in ("rectangle", "ellipse"):
        a, others = _sorted_box(a), [_sorted_box(b)]
    elif kind == "line":
        others = [b, b[[2, 3, 0, 1]]]
    return any(np.abs(a - other).max(initial=0.0) <= tolerance for other in others)


def _sorted_box(a: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.array([min(a[0], a[2]), min(a[1], a[3]), max(a[0], a[2]), max(a[1], a[3])])


def _corners(kind: str, numbers: NDArray[np.float64], grid: _Grid) -> tuple[tuple[float, float], ...]:
    if kind in ("rectangle", "ellipse"):
        x0, y0, x1, y1 = _sorted_box(numbers.ravel())
        pairs = [(x0, y0), (x1, y0), (x1, y1), (x0, y1)]
    else:
        pairs = [(float(a), float(b)) for a, b in numbers.reshape(-1, NUMBERS_PER_ITEM["point"])]
    return tuple((float(a + grid.x), float(b + grid.y)) for a, b in pairs)


def _with_vertices(region: Region, numbers: NDArray[np.float64], grid: _Grid) -> Region:
    """Return a region moved to where its selection is; unchanged where too few vertices are left of it."""
    try:
        return replace(region, vertices=_corners(region.kind, np.asarray(numbers, dtype=np.float64), grid))
    except ValueError:
        return region
