"""Pixels that were selected in a plot, marked on the canvas."""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from napari_tesm.gui.layers.session import Session
from napari_tesm.gui.models.scan import Scan

_KIND: Final = "marks"
_COLOUR: Final = "#ff00ff"
_NAME: Final = "Selected pixels"


def show_marks(session: Session, scan: Scan, mask: NDArray[np.bool_] | None) -> Any | None:
    """Mark pixels of a scan above its maps, in the layer that is there; None or no pixel takes the layer away.

    Parameters
    ----------
    mask : ndarray of bool, shape (y, x)
        On the scan's grid.
    """
    from napari.layers import Labels
    from napari.utils.colormaps import DirectLabelColormap

    layer = session.layer_of(scan, _KIND)
    layers = session.viewer.layers
    if mask is None or not mask.any() or mask.shape != scan.display.shape:
        if layer is not None:
            layers.remove(layer)
        return None
    if layer is not None:
        layer.data = mask.astype(np.uint8)
        return layer
    colours = DirectLabelColormap(color_dict={None: "transparent", 0: "transparent", 1: _COLOUR})
    layer = Labels(
        mask.astype(np.uint8), name=_NAME, opacity=0.6, colormap=colours,
        metadata={"tesm": {"scan": scan, "kind": _KIND}}, **scan.display.layer_options(),
    )  # fmt: skip
    layer.editable = False
    active = layers.selection.active
    layers.insert(session.place_below_drawings(scan), layer)
    if active is not None:
        layers.selection.active = active  # who looks at a map goes on doing so
    return layer
