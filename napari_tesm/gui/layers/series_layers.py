"""The maps of a series on the canvas: one voltage at a time on one colour scale, or all side by side."""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from napari_tesm.gui.layers.linked_views import SideBySide
from napari_tesm.gui.layers.result_layers import add_below_drawings, hide_colours_below, hide_maps
from napari_tesm.gui.layers.scan_layers import map_layer
from napari_tesm.gui.layers.session import Session
from napari_tesm.gui.models.layer_looks import look_of
from napari_tesm.gui.models.scan import Scan
from napari_tesm.quantities.text import prefix_for
from napari_tesm.series import AlignedSeries, SeriesFindings

Array = NDArray[np.float64]

KIND: Final = "series"
"""The role of these layers: results of no scan alone."""


class SeriesLayers:
    """Shows registered maps of a series on the canvas, and takes them away again.

    Parameters
    ----------
    session : Session
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._layers: list[Any] = []
        self._hidden: list[Any] = []
        self.side_by_side = SideBySide(session)

    @property
    def is_shown(self) -> bool:
        """Whether one of the maps is on the canvas."""
        return any(layer in self._session.viewer.layers for layer in self._layers)

    def show_one(self, scan: Scan, findings: SeriesFindings, name: str, index: int) -> None:
        """Show the map of one voltage over all others, in the layer it had before where there is one.

        Parameters
        ----------
        scan : Scan
            The reference, on whose grid it lies.
        """
        values = shown_values(findings.aligned, index, name)
        layer = self._layers[0] if len(self._layers) == 1 and self.is_shown else None
        if layer is not None and (layer.metadata["tesm"]["map"] != name or layer.data.shape != values.shape):
            self.clear()
            layer = None
        if layer is None:
            self.clear()
            seen = [one for one in self._session.viewer.layers if one.visible]
            hide_maps(self._session, scan)
            layer = self._add(scan, findings.aligned, name, index)
            layer.visible = True
            hide_colours_below(self._session, layer)
            self._hidden = [one for one in seen if not one.visible]
        layer.data = (values / layer.metadata["tesm"]["factor"]).astype(np.float32)
        self._name(layer, findings.aligned, name, index)

    def show_all(self, scan: Scan, findings: SeriesFindings, name: str) -> None:
        """Show the maps of all voltages side by side, with one zoom and one cursor."""
        self.clear()
        aligned = findings.aligned
        layers = []
        for index, member in enumerate(aligned.series.members):
            if np.isfinite(member.values(name)).any():
                layers.append(self._add(scan, aligned, name, index))
                self._name(layers[-1], aligned, name, index)
        self.side_by_side.show(scan, layers)

    def clear(self) -> None:
        """Take the maps away, and show again what they had hidden."""
        self.side_by_side.restore()
        layers = self._session.viewer.layers
        for layer in self._layers:
            if layer in layers:
                layers.remove(layer)
        for layer in self._hidden:
            if layer in layers:
                layer.visible = True
        self._layers, self._hidden = [], []

    def _add(self, scan: Scan, aligned: AlignedSeries, name: str, index: int) -> Any:
        values, unit = shown_values(aligned, index, name), aligned.series.unit(name)
        member = aligned.series.members[index]
        low, high = limits_of_series(aligned, name)
        factor, shown = (1.0, "") if name != "H" else prefix_for(max(abs(low), abs(high)), unit)
        _, options, kind = map_layer(scan, values, _look_name(name), f"{name} series", unit, member.pulse)
        role = {"kind": KIND, "map": name, "factor": factor, "unit": shown or f"{name} in {unit}"}
        options["metadata"]["tesm"] |= role
        options |= {
            "contrast_limits": (low / factor, high / factor),
            "colormap": "viridis" if name == "H" else look_of(_look_name(name)).colormap,
        }
        layer = add_below_drawings(self._session, scan, ((values / factor).astype(np.float32), options, kind))
        self._layers.append(layer)
        return layer

    def _name(self, layer: Any, aligned: AlignedSeries, name: str, index: int) -> None:
        role = layer.metadata["tesm"]
        title = f"{_title_of(name)} at {aligned.series.labels[index]}"
        role["title"] = layer.name = title
        role["named"] = ""  # of no scan alone: it is not called after one
        self._session.visible_changed.emit()  # what is written on the canvas says the voltage


def shown_values(aligned: AlignedSeries, index: int, name: str) -> Array:
    """Return a member's map on the grid of the reference as it is coloured: H as it is, the others as log10."""
    values = aligned.moved(index, name)
    if name == "H":
        return values
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.log10(values)


def limits_of_series(aligned: AlignedSeries, name: str) -> tuple[float, float]:
    """Return the ends of the one colour scale of all voltages, of the values as they are coloured."""
    low, high = aligned.colour_limits(name)
    if name == "H":
        return low, high
    return float(np.log10(low)), float(np.log10(high))


def _look_name(name: str) -> str:
    return name if name == "H" else f"log10_{name}" if name.startswith("D") else name


def _title_of(name: str) -> str:
    return name if name == "H" else f"log10 {name}"
