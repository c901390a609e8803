"""Keeps the layers of a scan in step with what is known of it: new units, a protocol entered, points pinned."""

from typing import Any

import numpy as np

from napari_tesm.gui.layers.scan_layers import add_layer, displacement_layers, layers_from_scan, point_size
from napari_tesm.gui.layers.session import Session
from napari_tesm.gui.layers.time_stack import traces_layers
from napari_tesm.gui.models.scan import Scan


def rebuild_recording(session: Session, scan: Scan) -> None:
    """Replace the layers that show the recording itself after its protocol or units became known.

    Maps of an earlier fit, regions and points stay; where the grid got another unit, everything is laid out anew.
    """
    viewer = session.viewer
    old = [*session.layers_of(scan, "traces"), *_heights(session, scan)]
    points = session.layers_of(scan, "points")
    unit_changed = bool(points) and not _has_unit(points[0], scan.display.unit)
    if unit_changed:
        old = [layer for layer in viewer.layers if layer.metadata.get("tesm", {}).get("scan") is scan]
        new = layers_from_scan(scan)
    else:
        new = [*traces_layers(scan), *(displacement_layers(scan) if scan.maps is None else [])]
        for _, options, _ in new:
            options["visible"] = False
        if len(new) > 0 and new[-1][1]["metadata"]["tesm"].get("map") == "H":
            new[-1][1]["visible"] = True
    # The new ones first: a scan without any layer would be taken for closed.
    with viewer.layers.batched_update():
        for layer in new:
            added = add_layer(viewer, layer)
            if not unit_changed:
                _move_below_drawings(session, scan, added)
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


def _heights(session: Session, scan: Scan) -> list[Any]:
    if scan.maps is not None:
        return []
    return [layer for layer in session.layers_of(scan, "map") if layer.metadata["tesm"].get("map") == "H"]


def _has_unit(layer: Any, unit: str) -> bool:
    import pint

    registry: Any = pint.application_registry
    return bool(layer.units[-1] == registry.parse_units(unit))


def _move_below_drawings(session: Session, scan: Scan, layer: Any) -> None:
    """Move a layer under regions and points, which must stay on top to be seen and picked."""
    drawings = [*session.layers_of(scan, "regions"), *session.layers_of(scan, "points")]
    layers = session.viewer.layers
    if drawings:
        target = min(layers.index(drawing) for drawing in drawings)
        layers.move(layers.index(layer), target)


def show_points(session: Session, scan: Scan) -> None:
    """Draw the pinned points of a scan on its points layer; make the layer anew where it was deleted."""
    from napari_tesm.gui.layers.scan_layers import points_layer

    found = session.layers_of(scan, "points")
    if not found:
        if scan.points:
            add_layer(session.viewer, points_layer(scan))
        return
    layer, display = found[0], scan.display
    positions = np.array([display.world_from_xy((p.x, p.y)) for p in scan.points]).reshape(-1, 2)
    numbers = [point.number for point in scan.points]
    unmoved = positions.shape == layer.data.shape and np.array_equal(positions, layer.data)
    if unmoved and list(layer.features.get("number", [])) == numbers:
        return
    layer.selected_data = set()
    layer.data = positions
    layer.features = {"number": numbers}
    if scan.points:
        layer.face_color = [point.colour or "#ffffff" for point in scan.points]
        layer.size = point_size(display)
    layer.refresh_text()


def points_moved(session: Session, scan: Scan) -> None:
    """Take over what the user did on the points layer: moved or deleted markers keep their number and colour."""
    from dataclasses import replace

    found = session.layers_of(scan, "points")
    if not found:
        return
    layer, display = found[0], scan.display
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
