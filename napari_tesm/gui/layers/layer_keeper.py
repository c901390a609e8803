"""Keeps the layers of a scan in step with what is known of it: new units, a protocol entered, points pinned."""

from dataclasses import replace
from typing import Any

import numpy as np

from napari_tesm.gui.layers.scan_layers import (
    add_layer,
    displacement_layers,
    layers_from_scan,
    points_layer,
)
from napari_tesm.gui.layers.session import Session
from napari_tesm.gui.layers.time_stack import traces_layers
from napari_tesm.gui.models.scan import Scan, role_of


def rebuild_recording(session: Session, scan: Scan) -> None:
    """Replace the layers that show the recording itself after its protocol or units became known.

    Maps of an earlier fit, regions and points stay; where the grid got another unit, everything is laid out anew.
    """
    viewer = session.viewer
    old = session.layers_of(scan, "traces")
    if scan.maps is None:
        old += [layer for layer in session.layers_of(scan, "map") if role_of(layer.metadata)["map"] == "H"]
    points = session.layer_of(scan, "points")
    unit_changed = points is not None and not _has_unit(points, scan.display.unit)
    if unit_changed:
        old = [layer for layer in viewer.layers if role_of(layer.metadata).get("scan") is scan]
        new = layers_from_scan(scan)
    else:
        new = [*traces_layers(scan), *(displacement_layers(scan) if scan.maps is None else [])]
        for _, options, _ in new:
            options["visible"] = False
        if new and new[-1][1]["metadata"]["tesm"].get("map") == "H":
            new[-1][1]["visible"] = True
    # The new ones first: a scan without any layer would be taken for closed.
    with viewer.layers.batched_update():
        for layer in new:
            added = add_layer(viewer, layer)
            if not unit_changed:
                viewer.layers.move(viewer.layers.index(added), session.place_below_drawings(scan))
        for layer in old:
            viewer.layers.remove(layer)
    _restore_names(session, new)


def _restore_names(session: Session, tuples: list[Any]) -> None:
    """Give the new layers their own names: beside the old ones napari numbered them."""
    wanted = {id(options["metadata"]["tesm"]): options["name"] for _, options, _ in tuples}
    for layer in session.viewer.layers:
        role = layer.metadata.get("tesm")
        if id(role) in wanted:
            layer.name = wanted[id(role)]


def _has_unit(layer: Any, unit: str) -> bool:
    import pint

    registry: Any = pint.application_registry
    return bool(layer.units[-1] == registry.parse_units(unit))


def show_points(session: Session, scan: Scan) -> None:
    """Draw the pinned points of a scan on its points layer; make the layer anew where it was deleted."""
    layer, made = session.layer_of(scan, "points"), points_layer(scan)
    if layer is None:
        if scan.points:
            add_layer(session.viewer, made)
        return
    positions, options, _ = made
    numbers = options["features"]["number"]
    if np.array_equal(positions, layer.data) and list(layer.features.get("number", [])) == numbers:
        return
    layer.selected_data = set()
    layer.data = positions
    layer.features = options["features"]
    if scan.points:
        layer.face_color, layer.size = options["face_color"], options["size"]
    layer.refresh_text()


def points_moved(session: Session, scan: Scan) -> None:
    """Take over what the user did on the points layer: moved or deleted markers keep their number and colour."""
    layer, display = session.layer_of(scan, "points"), scan.display
    if layer is None:
        return
    by_number = {point.number: point for point in scan.points}
    numbers = list(layer.features.get("number", []))
    kept = []
    for position, number in zip(layer.data, numbers, strict=False):
        if number not in by_number:
            continue
        x, y = (float(value) for value in display.xy_from_world(position))
        point = by_number[number]
        moved = display.world_from_xy((point.x, point.y))
        kept.append(point if np.allclose(moved, position, rtol=0, atol=1e-9) else replace(point, x=x, y=y))
    scan.set_points(kept)
