"""Result maps on the canvas: new layers for every fit, previews in place, one colour bar."""

from typing import Any

import numpy as np
import xarray as xr

from napari_tesm.gui.display import Display
from napari_tesm.gui.layers import layers_from_maps, share_colours
from napari_tesm.gui.scan import Scan
from napari_tesm.gui.session import Session
from napari_tesm.gui.view import add_layer
from napari_tesm.maps import labels_from_maps, map_title, map_values

PREVIEW = " preview"


def add_result_layers(session: Session, scan: Scan, maps: xr.Dataset) -> list[Any]:
    """Add the layers of a whole fit below regions and points; those of earlier fits stay, hidden."""
    for layer in [*session.layers_of(scan, "map"), *session.layers_of(scan, "preview")]:
        layer.visible = False
    remove_preview(session, scan)
    has_height = any(layer.metadata["tesm"].get("map") == "H" for layer in session.layers_of(scan, "map"))
    made = []
    for tuple_ in layers_from_maps(scan, maps):
        if tuple_[1]["metadata"]["tesm"]["map"] == "H" and has_height:
            continue
        made.append(add_below_drawings(session, scan, tuple_))
    show_one_map(session, scan, _first_choice(maps), len(labels_from_maps(maps)) - 1)
    return made


def add_below_drawings(session: Session, scan: Scan, tuple_: tuple[Any, dict[str, Any], str]) -> Any:
    """Add a layer under regions and points, which must stay on top to be seen and picked."""
    layers = session.viewer.layers
    active = layers.selection.active
    layer = add_layer(session.viewer, tuple_)
    drawings = [*session.layers_of(scan, "regions"), *session.layers_of(scan, "points")]
    if drawings:
        target = min(layers.index(drawing) for drawing in drawings)
        if target < layers.index(layer):
            layers.move(layers.index(layer), target)
    if active is not None and active in layers:
        # A new result must not take the tool out of the user's hand.
        layers.selection.active = active
    return layer


def show_one_map(session: Session, scan: Scan, name: str, pulse: int) -> Any | None:
    """Show one map of the last fit and hide the others; return its layer."""
    shown = None
    for layer in session.layers_of(scan, "map"):
        role = layer.metadata["tesm"]
        if role.get("map") == name and role.get("pulse") == pulse:
            shown = layer
    if shown is None:
        return None
    for layer in [*session.layers_of(scan, "map"), *session.layers_of(scan, "preview")]:
        layer.visible = layer is shown
    show_colour_bar(session, scan)
    return shown


def show_preview(session: Session, scan: Scan, maps: xr.Dataset) -> None:
    """Draw the preview of D (of tau where no tip radius is known) in layers of its own, changed in place."""
    display = _display_of(maps, scan)
    existing = {layer.name: layer for layer in session.layers_of(scan, "preview")}
    names = [name for name in ("log10_D1", "log10_D2") if name.removeprefix("log10_") in maps]
    names = names or [name for name in ("tau1", "tau2") if name in maps]
    wanted = [(name, pulse) for name in names for pulse in range(maps.sizes["pulse"])]
    labels = labels_from_maps(maps)
    fresh = []
    for name, pulse in wanted:
        title = map_title(name, labels[pulse]) + PREVIEW
        layer = existing.pop(title, None)
        if layer is not None and layer.data.shape == display.shape:
            values = np.asarray(map_values(maps.isel(pulse=pulse), name).values)
            factor = layer.metadata["tesm"]["factor"]
            layer.data = (values / factor).astype(np.float32)
            continue
        if layer is not None:
            existing[title] = layer
        fresh.append((name, pulse, title))
    for layer in existing.values():
        session.viewer.layers.remove(layer)
    if fresh:
        _add_previews(session, scan, maps, display, fresh)


def _add_previews(
    session: Session, scan: Scan, maps: xr.Dataset, display: Display, fresh: list[tuple[str, int, str]]
) -> None:
    tuples = {
        (options["metadata"]["tesm"]["map"], options["metadata"]["tesm"]["pulse"]): (data, options, kind)
        for data, options, kind in layers_from_maps(scan, maps, kind="preview")
    }
    last = fresh[-1]
    for layer in session.layers_of(scan, "map"):
        layer.visible = False
    chosen = [tuples[name, pulse] for name, pulse, _ in fresh]
    share_colours(chosen)
    for (name, pulse, title), tuple_ in zip(fresh, chosen, strict=True):
        tuple_[1].update(display.layer_options(), name=title, visible=(name, pulse, title) == last)
        add_below_drawings(session, scan, tuple_)
    show_colour_bar(session, scan)


def remove_preview(session: Session, scan: Scan) -> None:
    """Remove the layers of the preview."""
    for layer in session.layers_of(scan, "preview"):
        session.viewer.layers.remove(layer)


def show_colour_bar(session: Session, scan: Scan) -> None:
    """Show the colour bar of the topmost map that is visible, and of no other layer."""
    found = False
    for layer in reversed(session.viewer.layers):
        role = layer.metadata.get("tesm", {})
        if not hasattr(layer, "colorbar") or role.get("kind") not in ("map", "preview", "channel", "traces"):
            continue
        wanted = layer.visible and not found and role.get("scan") is scan
        found = found or wanted
        if layer.colorbar.visible != wanted:
            layer.colorbar.visible = wanted
        if hasattr(layer, "name_overlay") and layer.name_overlay.visible != wanted:
            layer.name_overlay.visible = wanted


def _first_choice(maps: xr.Dataset) -> str:
    names = ("D2", "D1")
    found = next((f"log10_{name}" for name in names if name in maps), None)
    return found or next((name for name in ("tau2", "tau1") if name in maps), "H")


def _display_of(maps: xr.Dataset, scan: Scan) -> Display:
    from napari_tesm.gui.display import display_from_axes

    return display_from_axes(maps["y"], maps["x"], unit=scan.display.unit)
