"""Regions drawn on a scan and points pinned on it: what they are, and how they are written as JSON.

Positions are those of the dataset's `x` and `y`: metres (or the dataset's own lateral unit), x before y, y downwards
as in the image. The JSON is GeoJSON-like, a feature for each region.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

AREA_KINDS: Final = ("polygon", "rectangle", "ellipse")
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
        "step", "grain", "other", or a name of one's own.
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

    def xy(self) -> NDArray[np.float64]:
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
