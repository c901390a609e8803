"""Result maps on the canvas: new layers for every fit, previews in place, one colour bar."""

from typing import Any

import numpy as np
import xarray as xr

from napari_tesm.gui.display import Display
from napari_tesm.gui.layers import layers_from_maps
from napari_tesm.gui.scan import Scan
from napari_tesm.gui.session import Session
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
        role = tuple_[1]["metadata"]["tesm"]
        if role["map"] == "H" and has_height:
            continue
        tuple_[1]["visible"] = False
        made.append(add_below_drawings(session, scan, tuple_))
    made[-1].visible = True
    show_colour_bar(session, scan)
    return made


def add_below_drawings(session: Session, scan: Scan, tuple_: tuple[Any, dict[str, Any], str]) -> Any:
    """Add a layer under regions and points, which must stay on top to be seen and picked."""
    from napari.layers import Layer

    layers = session.viewer.layers
    active = layers.selection.active
    drawings = [*session.layers_of(scan, "regions"), *session.layers_of(scan, "points")]
    layer = Layer.create(*tuple_)
    layers.insert(min([layers.index(drawing) for drawing in drawings], default=len(layers)), layer)
    if active is not None and active in layers:
        # A new result must not take the tool out of the user's hand.
        layers.selection.active = active
    return layer


def show_one_map(session: Session, scan: Scan, name: str, pulse: int) -> Any | None:
    """Show one map of the last fit and hide the others; make its layer where there is none yet. Return it."""
    shown = None
    recipe = None if scan.maps is None else scan.maps.attrs.get("recipe", "")
    for layer in session.layers_of(scan, "map"):
        role = layer.metadata["tesm"]
        if role.get("map") == name and role.get("pulse") == pulse and role.get("recipe", recipe) == recipe:
            shown = layer
    if shown is None and scan.maps is not None:
        for tuple_ in layers_from_maps(scan, scan.maps, names=[name]):
            if tuple_[1]["metadata"]["tesm"]["pulse"] == pulse:
                shown = add_below_drawings(session, scan, tuple_)
    if shown is None:
        return None
    for layer in [*session.layers_of(scan, "map"), *session.layers_of(scan, "preview")]:
        if layer.visible != (layer is shown):
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
    names = list(dict.fromkeys(name for name, _, _ in fresh))
    tuples = {
        (options["metadata"]["tesm"]["map"], options["metadata"]["tesm"]["pulse"]): (data, options, kind)
        for data, options, kind in layers_from_maps(scan, maps, kind="preview", names=names)
    }
    last = fresh[-1]
    for layer in session.layers_of(scan, "map"):
        layer.visible = False
    chosen = [tuples[name, pulse] for name, pulse, _ in fresh]
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


def _display_of(maps: xr.Dataset, scan: Scan) -> Display:
    from napari_tesm.gui.display import display_from_axes

    return display_from_axes(maps["y"], maps["x"], unit=scan.display.unit)
