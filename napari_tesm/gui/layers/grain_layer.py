"""The layer of grains: napari's own tools edit it, the scan takes over what they did, and what was found goes in it."""

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from napari_tesm.grains import Grains
from napari_tesm.gui.layers.label_layers import grains_layer
from napari_tesm.gui.layers.result_layers import add_below_drawings
from napari_tesm.gui.layers.session import Session
from napari_tesm.gui.models.scan import Scan

EDITED = "Labels were edited by hand in napari."


def take_painted_labels(scan: Scan, painted: ArrayLike) -> bool:
    """Let a scan take over labels as they were painted; return whether they differ from what it had."""
    grains = scan.grains
    labels = np.asarray(painted)
    if grains is None or labels.shape != grains.labels.shape:
        return False
    labels = np.clip(labels, 0, 2**31 - 1).astype(np.int32)
    if np.array_equal(labels, grains.labels):
        return False
    there = set(np.unique(labels).tolist())
    classes = {number: name for number, name in grains.label_classes.items() if number in there}
    words = grains.words if EDITED in grains.words else (*grains.words, EDITED)
    scan.set_grains(replace(grains, labels=labels, label_classes=classes, words=words))
    return True


def show_grains(session: Session, scan: Scan, grains: Grains) -> Any:
    """Show grains in the layer that is there, where napari can undo it, or in a new one; return it."""
    layer = session.layer_of(scan, "grains")
    if layer is not None and layer.data.shape == grains.labels.shape:
        changed = np.nonzero(np.asarray(layer.data) != grains.labels)
        if changed[0].size:
            layer.data_setitem(changed, grains.labels[changed].astype(layer.data.dtype))
        # Over the maps that came since: under one they would fill the pixels without a value.
        layers = session.viewer.layers
        layers.move(layers.index(layer), session.place_below_drawings(scan))
        layer.visible = True
        return layer
    layer = add_below_drawings(session, scan, grains_layer(scan, grains))
    layer.editable = True
    return layer


def show_preview(session: Session, scan: Scan, grains: Grains) -> None:
    """Draw the outlines of grains that nobody has decided for yet."""
    layer = session.layer_of(scan, "grain preview")
    if layer is not None and layer.data.shape == grains.labels.shape:
        layer.data = grains.labels
        return
    layer = add_below_drawings(session, scan, grains_layer(scan, grains, preview=True))
    layer.contour = 1


def remove_preview(session: Session, scan: Scan) -> None:
    """Take the preview away."""
    for layer in session.layers_of(scan, "grain preview"):
        session.viewer.layers.remove(layer)
