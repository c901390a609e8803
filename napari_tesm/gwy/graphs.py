"""Graphs with their curves, and point spectra."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from gwyfile.objects import GwyObject

from napari_tesm.gwy.objects import DataLine
from napari_tesm.gwy.parts import (
    Component,
    Doubles,
    Stored,
    doubles_in_shape,
    expect_type,
    finite_number,
    list_of,
    new_object,
    text_of,
)

POINTS, LINE = 1, 2
"""How Gwyddion draws a curve (0 hides it, 3 draws both)."""

# Gwyddion's first colours, so that curves of one graph are told apart as they are in its own graphs.
_COLOURS = (
    (0.0, 0.0, 0.0),
    (0.95, 0.0, 0.0),
    (0.0, 0.8, 0.0),
    (0.3, 0.3, 1.0),
    (1.0, 0.0, 0.75),
    (0.0, 0.7, 0.7),
    (0.8, 0.6, 0.0),
    (0.5, 0.3, 0.8),
)


@dataclass(frozen=True, eq=False)
class Curve:
    """One curve of a graph.

    Parameters
    ----------
    x, y : numpy.ndarray
        Shape ``(samples,)``, in the units of the graph.
    description : str
        Text in the graph's key.
    style : int
        `POINTS`, `LINE`, or what else stands in a file.
    colour : tuple of float, optional
        Red, green, blue between 0 and 1; None takes the next of Gwyddion's own.
    """

    x: Doubles
    y: Doubles
    description: str = ""
    style: int = LINE
    colour: tuple[float, float, float] | None = None


@dataclass(frozen=True, eq=False)
class Graph(Stored):
    """Graph model: curves over one pair of axes.

    Parameters
    ----------
    curves : sequence of Curve
        Possibly none.
    title, x_label, y_label : str
        Texts.
    x_unit, y_unit : str
        Unprefixed SI units.
    """

    TYPE = "GwyGraphModel"
    COMPONENTS = (
        Component("x_unit", "x_unit", "unit"),
        Component("y_unit", "y_unit", "unit"),
        Component("title", "title", "text"),
        Component("bottom_label", "x_label", "text"),
        Component("left_label", "y_label", "text"),
    )

    curves: Sequence[Curve]
    title: str = ""
    x_label: str = ""
    y_label: str = ""
    x_unit: str = ""
    y_unit: str = ""

    def _described(self) -> dict[str, tuple[str, Any]]:
        curves = [_curve_object(curve, _COLOURS[n % len(_COLOURS)]) for n, curve in enumerate(self.curves)]
        # Gwyddion drops an object with an empty array, and all that follows it.
        return {**self._simple(), **({"curves": ("O", curves)} if curves else {})}

    @classmethod
    def _arrays(cls, obj: GwyObject, key: str) -> dict[str, Any]:
        curves = enumerate(list_of(obj, "curves", key))
        return {"curves": [_curve(item, f"{key}/curves/{number}") for number, item in curves]}


def stairs(edges: Doubles, heights: Doubles, description: str) -> Curve:
    """Return a histogram as a curve: Gwyddion draws lines between points.

    Parameters
    ----------
    edges : numpy.ndarray
        Of the bins, shape ``(bins + 1,)``.
    heights : numpy.ndarray
        Shape ``(bins,)``.
    """
    levels = np.concatenate([[0.0], np.repeat(heights, 2), [0.0]])
    return Curve(np.repeat(edges, 2), levels, description, LINE)


def _curve_object(curve: Curve, colour: tuple[float, float, float]) -> GwyObject:
    x, y = np.asarray(curve.x, "<f8"), np.asarray(curve.y, "<f8")
    if x.ndim != 1 or x.shape != y.shape or x.size == 0:
        raise ValueError(
            f"A curve needs as many x as y, and at least one, not the shapes {x.shape} and {y.shape}."
        )
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        raise ValueError(f"The curve {curve.description!r} holds values that are not finite: leave them out.")
    red, green, blue = curve.colour or colour
    return new_object(
        "GwyGraphCurveModel",
        xdata=("D", x),
        ydata=("D", y),
        description=("s", curve.description),
        type=("i", curve.style),
        **{"color.red": ("d", red), "color.green": ("d", green), "color.blue": ("d", blue)},
    )


def _curve(obj: GwyObject, key: str) -> Curve:
    expect_type(obj, "GwyGraphCurveModel", key)
    x = obj.get("xdata")
    n = x.size if isinstance(x, np.ndarray) else 0
    red, green, blue = (finite_number(obj, f"color.{name}") for name in ("red", "green", "blue"))
    return Curve(
        x=doubles_in_shape(obj, "xdata", (n,), key),
        y=doubles_in_shape(obj, "ydata", (n,), key),
        description=text_of(obj, "description"),
        style=style if isinstance(style := obj.get("type"), int) else LINE,
        colour=(red, green, blue),
    )


@dataclass(frozen=True, eq=False)
class Spectra(Stored):
    """Curves taken at points of an image.

    Parameters
    ----------
    positions : numpy.ndarray
        Shape ``(points, 2)``: x and y in `unit_xy`.
    curves : sequence of DataLine
        One per point.
    title, x_label, y_label : str
        Texts.
    unit_xy : str
        Unit of the positions.
    """

    TYPE = "GwySpectra"
    COMPONENTS = (
        Component("title", "title", "text"),
        Component("si_unit_xy", "unit_xy", "unit"),
        Component("spec_xlabel", "x_label", "text"),
        Component("spec_ylabel", "y_label", "text"),
    )

    positions: Doubles
    curves: Sequence[DataLine]
    title: str = ""
    x_label: str = ""
    y_label: str = ""
    unit_xy: str = ""

    def _described(self) -> dict[str, tuple[str, Any]]:
        positions = np.asarray(self.positions, "<f8")
        if positions.shape != (len(self.curves), 2):
            raise ValueError(
                f"{len(self.curves)} spectra need as many (x, y), not the shape {positions.shape}."
            )
        parts = self._simple()
        labels = {name: parts.pop(name) for name in ("spec_xlabel", "spec_ylabel")}
        if len(self.curves):
            parts["coords"] = ("D", positions.reshape(-1))
            parts["data"] = ("O", [curve.to_object() for curve in self.curves])
        return {**parts, **labels}

    @classmethod
    def _arrays(cls, obj: GwyObject, key: str) -> dict[str, Any]:
        lines = list_of(obj, "data", key)
        empty = not lines and "coords" not in obj
        return {
            "positions": np.empty((0, 2)) if empty else doubles_in_shape(obj, "coords", (len(lines), 2), key),
            "curves": [
                DataLine.from_object(line, f"{key}/data/{number}") for number, line in enumerate(lines)
            ],
        }
