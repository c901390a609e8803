"""Regions drawn on a scan and points pinned on it: what they are, their JSON, and the pixels they hold.

Positions are those of the dataset's `x` and `y`: metres (or the dataset's own lateral unit), x before y, y downwards
as in the image. The JSON is GeoJSON-like, a feature for each region.
"""

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, Final, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_tesm.quantities.axes import axis_spacing

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

LINE_KINDS: Final = ("line", "path")
REGION_CLASSES: Final = ("step", "grain", "other")

_FEWEST_VERTICES: Final = {"polygon": 3, "rectangle": 4, "ellipse": 4, "line": 2, "path": 2}


@dataclass(frozen=True)
class Region:
    """A part of the image that somebody drew.

    Parameters
    ----------
    kind : {"polygon", "rectangle", "ellipse", "line", "path"}
    vertices : tuple of (x, y)
        In m. A rectangle and an ellipse have the four corners of their frame, in order, and may be turned.
    name : str
    region_class : str
        "step", "grain", "other", or a name of one's own; empty where nobody has given it one.
    width : float
        Full width of a line or path, in m; 0 takes the pixels it passes through.

    Raises
    ------
    ValueError
        If there are too few vertices, or a number is not finite.
    """

    kind: str
    vertices: tuple[tuple[float, float], ...]
    name: str = ""
    region_class: str = "other"
    width: float = 0.0

    def __post_init__(self) -> None:
        if self.kind not in _FEWEST_VERTICES:
            raise ValueError(f"a region is one of {', '.join(_FEWEST_VERTICES)}, not '{self.kind}'")
        pairs = tuple((float(x), float(y)) for x, y in self.vertices)
        fewest = _FEWEST_VERTICES[self.kind]
        exact = self.kind in ("rectangle", "ellipse", "line")
        if len(pairs) < fewest or (exact and len(pairs) != fewest):
            raise ValueError(f"a {self.kind} has {fewest} vertices, not {len(pairs)}")
        if not all(map(math.isfinite, (*(value for pair in pairs for value in pair), self.width))):
            raise ValueError(f"the region '{self.name}' holds a number that is not finite")
        if self.width < 0:
            raise ValueError(f"the width of the region '{self.name}' is negative")
        object.__setattr__(self, "vertices", pairs)
        object.__setattr__(self, "width", float(self.width))

    @property
    def is_line(self) -> bool:
        """Whether it has a length rather than an area."""
        return self.kind in LINE_KINDS

    @property
    def is_a_line_alone(self) -> bool:
        """Whether it was drawn for its profile: a line or path that nobody has given a class."""
        return self.is_line and not self.region_class

    def xy(self) -> Array:
        """Return the vertices, shape (vertex, 2), x before y, in m."""
        return np.asarray(self.vertices, dtype=np.float64)

    @classmethod
    def from_xy(cls, kind: str, xy: ArrayLike, **properties: Any) -> Self:
        """Return a region from an array of vertices of shape (vertex, 2), in m."""
        pairs = np.asarray(xy, dtype=np.float64).reshape(-1, 2)
        return cls(kind, tuple((float(x), float(y)) for x, y in pairs), **properties)

    def moved(self, dx: float, dy: float) -> "Region":
        """Return the region shifted by (dx, dy), in m."""
        return replace(self, vertices=tuple((x + dx, y + dy) for x, y in self.vertices))

    def to_feature(self) -> dict[str, Any]:
        """Return the region as a GeoJSON-like feature; the ring of an area is closed, as GeoJSON wants it."""
        ring = [list(pair) for pair in self.vertices]
        geometry: dict[str, Any]
        if self.is_line:
            geometry = {"type": "LineString", "coordinates": ring}
        else:
            geometry = {"type": "Polygon", "coordinates": [[*ring, ring[0]]]}
        properties = {"kind": self.kind, "name": self.name, "class": self.region_class, "width": self.width}
        return {"type": "Feature", "geometry": geometry, "properties": properties}

    @classmethod
    def from_feature(cls, feature: Mapping[str, Any]) -> Self:
        """Return the region of a feature.

        Raises
        ------
        ValueError
            If it is not one, with the reason.
        """
        try:
            geometry, properties = feature["geometry"], feature.get("properties") or {}
            is_line = geometry["type"] == "LineString"
            if not is_line and geometry["type"] != "Polygon":
                raise ValueError(
                    f"a region's geometry is a LineString or a Polygon, not {geometry['type']!r}"
                )
            pairs = geometry["coordinates"] if is_line else geometry["coordinates"][0][:-1]
            kind = properties.get("kind") or ("path" if is_line else "polygon")
            return cls(
                str(kind),
                tuple((float(pair[0]), float(pair[1])) for pair in pairs),
                name=str(properties.get("name", "")),
                region_class=str(properties.get("class", "other")),
                width=float(properties.get("width") or 0.0),
            )
        except (KeyError, IndexError, TypeError, AttributeError) as error:
            raise ValueError(f"a region in the file cannot be understood ({error!r})") from error


@dataclass(frozen=True)
class PinnedPoint:
    """A point whose trace somebody wants to keep in sight.

    Parameters
    ----------
    number : int
        What it is called, from 1.
    x, y : float
        In m.
    size : int
        Side of the neighbourhood that is averaged, in pixels: 1, 3, 5 …
    colour : str
        Of its marker and its curves, ``"#rrggbb"``.
    """

    number: int
    x: float
    y: float
    size: int = 1
    colour: str = ""

    def to_feature(self) -> dict[str, Any]:
        """Return the point as a GeoJSON-like feature."""
        properties = {"number": self.number, "size": self.size, "colour": self.colour}
        geometry = {"type": "Point", "coordinates": [self.x, self.y]}
        return {"type": "Feature", "geometry": geometry, "properties": properties}

    @classmethod
    def from_feature(cls, feature: Mapping[str, Any]) -> Self:
        """Return the point of a feature, or raise a ValueError that says why not."""
        try:
            x, y = (float(value) for value in feature["geometry"]["coordinates"][:2])
            properties = feature.get("properties") or {}
            point = cls(
                int(properties["number"]),
                x,
                y,
                int(properties.get("size", 1)),
                str(properties.get("colour", "")),
            )
        except (KeyError, IndexError, TypeError, AttributeError, OverflowError) as error:
            raise ValueError(f"a point in the file cannot be understood ({error!r})") from error
        if not (math.isfinite(x) and math.isfinite(y)) or point.number < 1 or point.size < 1:
            raise ValueError(f"the point {point.number} in the file has no sensible position, number or size")
        return point


def collection_from_features(items: Iterable[Region] | Iterable[PinnedPoint]) -> dict[str, Any]:
    """Return regions or points as one GeoJSON-like object."""
    return {"type": "FeatureCollection", "features": [item.to_feature() for item in items]}


def mask_from_region(
    region: Region, x: ArrayLike, y: ArrayLike, *, spacing: tuple[float, float] | None = None
) -> Mask:
    """Return which pixels belong to a region, shape (y, x).

    A pixel belongs to an area where its centre lies inside; a centre on the border belongs to one of two areas that
    share it. To a line or path belong the pixels whose centre is at most half its width away, with flat ends, and
    in any case the pixels it passes through.

    Parameters
    ----------
    region : Region
    x, y : array-like, shape (x,) and (y,)
        Increasing pixel centres, in the unit of the region's vertices.
    spacing : (float, float), optional
        Pixel size (dy, dx); needed where there is a single row or column.
    """
    columns, rows = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    dy, dx = (axis_spacing(rows), axis_spacing(columns)) if spacing is None else spacing
    mask = np.zeros((rows.size, columns.size), dtype=bool)
    vertices = region.xy()
    # Where a centre lies half the width away, the last bit of its place must not decide.
    reach = region.width / 2 * (1 + 1e-9) if region.is_line else 0.0
    low, high = vertices.min(axis=0) - reach, vertices.max(axis=0) + reach
    # Only the pixels of the bounding box are looked at: drawing must stay fluent on large images.
    part = (
        slice(*np.searchsorted(rows, [low[1] - dy, high[1] + dy])),
        slice(*np.searchsorted(columns, [low[0] - dx, high[0] + dx])),
    )
    across, down = columns[part[1]][None, :], rows[part[0]][:, None]
    if region.kind == "ellipse":
        mask[part] = _inside_ellipse(vertices, across, down)
    elif not region.is_line:
        mask[part] = _inside_polygon(vertices, across, down)
    else:
        mask[part] = _near_path(vertices, across, down, reach)
        for start, stop in pairwise(vertices):
            _mark_pixels_passed(mask, start, stop, (columns[0], rows[0]), (dx, dy))
    return mask


def distance_from_path(xy: ArrayLike, x: ArrayLike, y: ArrayLike) -> tuple[Array, Array]:
    """Return the signed distance of every pixel from a path, and how far along the path it lies, in m.

    Positive to the right of somebody who walks along the path on an image whose y axis points down. Beyond the ends
    the distance is that from the end.

    Parameters
    ----------
    xy : array-like, shape (vertex, 2)
    x, y : array-like
        Pixel centres.

    Returns
    -------
    distance, along : ndarray, each of shape (y, x)
    """
    vertices = np.asarray(xy, dtype=np.float64)
    across, down = np.meshgrid(np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64))
    nearest = np.full(across.shape, np.inf)
    signed, along = np.zeros(across.shape), np.zeros(across.shape)
    travelled = 0.0
    for start, unit, length in _stretches(vertices):
        dx, dy = across - start[0], down - start[1]
        position = np.clip(dx * unit[0] + dy * unit[1], 0, length)
        squared = (dx - position * unit[0]) ** 2 + (dy - position * unit[1]) ** 2
        closer = squared < nearest
        side = np.where(unit[0] * dy - unit[1] * dx >= 0, 1.0, -1.0)
        nearest = np.where(closer, squared, nearest)
        signed = np.where(closer, side * np.sqrt(squared), signed)
        along = np.where(closer, travelled + position, along)
        travelled += length
    if travelled == 0:  # a single place
        signed = np.hypot(across - vertices[0, 0], down - vertices[0, 1])
    return signed, along


def distance_from_region(
    region: Region, x: ArrayLike, y: ArrayLike, *, spacing: tuple[float, float] | None = None
) -> Array:
    """Return the distance of every pixel from a region, in m: signed across a line, negative inside an area."""
    if region.is_line:
        return distance_from_path(region.xy(), x, y)[0]
    outline = _outline(region)
    distance = np.abs(distance_from_path(np.vstack([outline, outline[:1]]), x, y)[0])
    return np.where(mask_from_region(region, x, y, spacing=spacing), -distance, distance)


@dataclass(frozen=True)
class DistanceCurve:
    """A quantity against the distance from a step, in bins; NaN in bins without a value.

    Parameters
    ----------
    distance : ndarray
        Centres of the bins, in m.
    mean, std, median : ndarray
    n : ndarray of int
        Values in each bin.
    """

    distance: Array
    mean: Array
    std: Array
    median: Array
    n: NDArray[np.int64]


def curve_from_distance(values: ArrayLike, distance: ArrayLike, bin_width: float) -> DistanceCurve:
    """Return a map's values binned by distance; a bin is centred at zero.

    Parameters
    ----------
    values, distance : array-like of one shape
        Values that are not finite are left out.
    bin_width : float
        In m.

    Raises
    ------
    ValueError
        If the width is not positive.
    """
    if not bin_width > 0:
        raise ValueError("the bins of a distance must be wider than zero")
    numbers, away = (np.asarray(part, dtype=np.float64).ravel() for part in (values, distance))
    good = np.isfinite(numbers) & np.isfinite(away)
    numbers, away = numbers[good], away[good]
    if numbers.size == 0:
        nothing = np.zeros(0)
        return DistanceCurve(nothing, nothing, nothing, nothing, np.zeros(0, dtype=np.int64))
    index = np.floor(away / bin_width + 0.5).astype(np.int64)
    first = int(index.min())
    order = np.argsort(index, kind="stable")
    counts = np.bincount(index - first)
    groups = np.split(numbers[order], np.cumsum(counts)[:-1])
    mean, std, median = (np.full(counts.size, np.nan) for _ in range(3))
    for number, group in enumerate(groups):
        if group.size:
            mean[number], median[number] = group.mean(), np.median(group)
        if group.size > 1:
            std[number] = group.std(ddof=1)
    centres = (np.arange(counts.size, dtype=np.float64) + first) * bin_width
    return DistanceCurve(centres, mean, std, median, counts)


def _stretches(vertices: Array) -> Iterator[tuple[Array, Array, float]]:
    """Yield start, direction and length of each straight part of a path."""
    for start, stop in pairwise(vertices):
        step = stop - start
        length = float(np.hypot(*step))
        if length > 0:
            yield start, step / length, length


def _outline(region: Region) -> Array:
    """Return the border of an area as a ring of points; an ellipse as one of 180."""
    vertices = region.xy()
    if region.kind != "ellipse":
        return vertices
    angle = np.linspace(0, 2 * np.pi, 180, endpoint=False)
    centre, half_width, half_height = _frame(vertices)
    return np.asarray(centre + np.cos(angle)[:, None] * half_width + np.sin(angle)[:, None] * half_height)


def _frame(corners: Array) -> tuple[Array, ...]:
    """Return the centre of a frame of four corners, and its two half axes."""
    return corners.mean(axis=0), (corners[1] - corners[0]) / 2, (corners[3] - corners[0]) / 2


def _inside_ellipse(corners: Array, across: Array, down: Array) -> Mask:
    centre, first, second = _frame(corners)
    determinant = first[0] * second[1] - first[1] * second[0]
    if determinant == 0:
        return np.zeros(np.broadcast_shapes(across.shape, down.shape), dtype=bool)
    dx, dy = across - centre[0], down - centre[1]
    # In the frame's own axes every ellipse is the unit circle.
    along = (dx * second[1] - dy * second[0]) / determinant
    beside = (dy * first[0] - dx * first[1]) / determinant
    return np.asarray(along**2 + beside**2 < 1)


def _inside_polygon(vertices: Array, across: Array, down: Array) -> Mask:
    """Even-odd rule; an edge belongs to the polygon at its right and below, so that neighbours share no pixel."""
    inside = np.zeros(np.broadcast_shapes(across.shape, down.shape), dtype=bool)
    for (x0, y0), (x1, y1) in zip(vertices, np.roll(vertices, -1, axis=0), strict=True):
        if y0 == y1:
            continue
        rows = ((down >= y0) != (down >= y1))[:, 0]
        if rows.any():
            crossing = x0 + (down[rows] - y0) * ((x1 - x0) / (y1 - y0))
            inside[rows] ^= across >= crossing
    return inside


def _near_path(vertices: Array, across: Array, down: Array, reach: float) -> Mask:
    """Whether a place is at most `reach` from a path: flat at its two ends, round where it bends."""
    near = np.zeros(np.broadcast_shapes(across.shape, down.shape), dtype=bool)
    if reach <= 0:
        return near
    for start, unit, length in _stretches(vertices):
        dx, dy = across - start[0], down - start[1]
        along = dx * unit[0] + dy * unit[1]
        near |= (np.abs(dy * unit[0] - dx * unit[1]) <= reach) & (along >= 0) & (along <= length)
    for bend in vertices[1:-1]:
        near |= (across - bend[0]) ** 2 + (down - bend[1]) ** 2 <= reach**2
    return near


def _mark_pixels_passed(
    mask: Mask,
    start: Array,
    stop: Array,
    first: tuple[float, float],
    spacing: tuple[float, float],
) -> None:
    """Mark the pixels that a stretch of a line passes through: one lies between any two borders it crosses."""
    begin = (start - np.asarray(first)) / spacing + 0.5
    end = (stop - np.asarray(first)) / spacing + 0.5
    crossings = [np.array([0.0, 1.0])]
    for a, b, count in zip(begin, end, mask.shape[::-1], strict=True):
        if a != b:
            low, high = max(min(a, b), 0.0), min(max(a, b), float(count))
            crossings.append((np.arange(np.ceil(low), np.floor(high) + 1) - a) / (b - a))
    at = np.unique(np.clip(np.concatenate(crossings), 0, 1))
    middle = (at[1:] + at[:-1]) / 2 if at.size > 1 else at
    columns, rows = np.floor(begin[:, None] + middle * (end - begin)[:, None]).astype(np.int64)
    inside = (rows >= 0) & (rows < mask.shape[0]) & (columns >= 0) & (columns < mask.shape[1])
    mask[rows[inside], columns[inside]] = True
