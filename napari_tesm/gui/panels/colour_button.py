"""The button for the colours of the map on the canvas: ranges by percent, by σ or as selected."""

from collections.abc import Callable
from typing import Any, Final

import numpy as np
from qtpy.QtWidgets import QMenu, QPushButton

from napari_tesm.data.maps import LOGARITHMS
from napari_tesm.gui.layers.session import Session
from napari_tesm.gui.models.colour_ranges import (
    PRESETS,
    SIGNED,
    range_of_values,
    shared_colours,
    values_for_shared_colours,
)
from napari_tesm.gui.models.layer_looks import DIVERGING
from napari_tesm.gui.models.scan import role_of
from napari_tesm.gui.saying import say

_MAPS: Final = ("map", "preview", "channel", "derived", "series")


class ColourButton(QPushButton):
    """Sets the ends of the colours.

    Parameters
    ----------
    session : Session
    selected : callable
        Returns the range that is selected in a plot beside it and the map it is of, in SI units; None where none is.
    """

    def __init__(self, session: Session, selected: Callable[[], tuple[str, float, float] | None]) -> None:
        super().__init__("Colours")
        self._session, self._selected = session, selected
        self.setToolTip("Range of the colours of the map on the canvas")
        menu = QMenu(self)
        for preset, title in PRESETS.items():
            menu.addAction(title).triggered.connect(lambda _=False, preset=preset: self.take(preset))
        self.selected_action = menu.addAction("As selected in the histogram")
        self.selected_action.triggered.connect(self.take_selected)
        menu.addSeparator()
        self.lock_action = menu.addAction("The same for all maps of this quantity")
        self.lock_action.setCheckable(True)
        self.lock_action.setChecked(True)
        menu.aboutToShow.connect(lambda: self.selected_action.setEnabled(selected() is not None))
        self.setMenu(menu)

    def take(self, preset: str) -> None:
        """Give the map on top a range, and those of the same quantity where they are to have the same."""
        layers = self._layers()
        if not layers:
            say("There is no map on the canvas", warning=True)
            return
        values = [np.asarray(layer.data, dtype=np.float64) * _factor(layer) for layer in layers]
        colours = [_colours(layer) for layer in layers]
        values = values_for_shared_colours(values, colours)
        ends = range_of_values(values, preset, signed=DIVERGING in colours)
        if ends is None:
            say("The map has no two different values", warning=True)
        else:
            self._show(layers, *ends)

    def take_selected(self) -> None:
        """Give the map that is counted the range that is selected."""
        chosen, layers = self._selected(), self._layers()
        if chosen is None or not layers:
            return
        name, low, high = chosen
        shown = str(role_of(layers[0].metadata).get("map", role_of(layers[0].metadata).get("channel", "")))
        if shown == name:
            self._show(layers, low, high)
        elif shown in LOGARITHMS and shown.removeprefix("log10_") == name and low > 0:
            self._show(layers, float(np.log10(low)), float(np.log10(high)))
        else:
            say(f"The map on the canvas is not {name}", warning=True)

    def _layers(self) -> list[Any]:
        """Return the map on top, and the others of its quantity where they share its colours."""
        scan = self._session.scan
        top = next(
            (
                layer
                for layer in reversed(self._session.viewer.layers)
                if layer.visible
                and hasattr(layer, "contrast_limits")
                and (role := role_of(layer.metadata)).get("kind") in _MAPS
                and role.get("scan") is scan
            ),
            None,
        )
        if top is None or not self.lock_action.isChecked():
            return [] if top is None else [top]
        others = [layer for layer in self._session.viewer.layers if layer is not top and _alike(layer, top)]
        return [top, *others]

    def _show(self, layers: list[Any], low: float, high: float) -> None:
        shared = shared_colours([_colours(layer) for layer in layers], low, high)
        for layer, (colours, first, last) in zip(layers, shared, strict=True):
            factor = _factor(layer)
            if colours != _colours(layer):
                layer.colormap = colours
            layer.contrast_limits_range = (
                min(first / factor, layer.contrast_limits_range[0]),
                max(last / factor, layer.contrast_limits_range[1]),
            )
            layer.contrast_limits = (first / factor, last / factor)


def _alike(layer: Any, top: Any) -> bool:
    role, other = role_of(layer.metadata), role_of(top.metadata)
    same = role.get("kind") in _MAPS and hasattr(layer, "contrast_limits")
    same &= (role.get("map"), role.get("channel")) == (other.get("map"), other.get("channel"))
    if not same:
        return False
    colours = {_colours(layer), _colours(top)}
    return bool(len(colours) == 1 or colours <= {*SIGNED})


def _colours(layer: Any) -> str:
    return str(layer.colormap.name)


def _factor(layer: Any) -> float:
    return float(role_of(layer.metadata).get("factor", 1.0))
