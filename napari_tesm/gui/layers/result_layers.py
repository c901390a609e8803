"""Result maps on the canvas: new layers for every fit, previews changed in place."""

from dataclasses import replace
from typing import Any, Final
from weakref import WeakSet

import numpy as np
import xarray as xr

from napari_tesm.data.maps import DERIVED, LATERAL, LOGARITHMS, labels_from_maps, map_title, map_values
from napari_tesm.gui.layers.label_layers import LayerTuple
from napari_tesm.gui.layers.scan_layers import layers_from_maps, names_of_maps
from napari_tesm.gui.layers.session import Session
from napari_tesm.gui.models.agreement import PREVIEW_STEP
from napari_tesm.gui.models.busy import Busy
from napari_tesm.gui.models.display import Display
from napari_tesm.gui.models.layer_looks import colour_limits, look_of, sign_of_map
from napari_tesm.gui.models.scan import Scan, role_of

PREVIEW: Final = " preview"
_GREYS: Final = ("gray", "gray_r", "grayclip")


def add_result_layers(
    session: Session, scan: Scan, maps: xr.Dataset, *, shown: tuple[str, int] | None = None
) -> list[Any]:
    """Add the layers of a whole fit below regions and points; those of earlier fits stay, hidden.

    Parameters
    ----------
    shown : (str, int), optional
        Name and pulse setting of the map that is shown; the last one by default.
    """
    # napari brings its scene up to date once, not for every layer.
    with session.viewer.layers.batched_update():
        return _replace_preview(session, scan, maps, shown)


def _replace_preview(
    session: Session, scan: Scan, maps: xr.Dataset, shown: tuple[str, int] | None
) -> list[Any]:
    earlier = session.layers_of(scan, "map")
    remove_preview(session, scan)
    hide_maps(session, scan)
    tuples = [layer for layer in layers_from_maps(scan, maps) if not _is_there(layer, earlier)]
    keys = [_key(options["metadata"]["tesm"]) for _, options, _ in tuples]
    for layer in earlier:
        if _key(layer.metadata["tesm"]) in keys and _is_replaced(layer.metadata["tesm"], maps):
            session.viewer.layers.remove(layer)
    if shown is not None and shown[0] == "H":
        shown = None  # it may be there already, and is not what was fitted
    if shown is not None and shown not in keys:
        tuples.append(_layer_of_map(scan, maps, shown))
    if shown is None:
        shown = _key_of(tuples[-1])
    made = []
    for tuple_ in tuples:
        tuple_[1]["visible"] = _key_of(tuple_) == shown
        made.append(add_below_drawings(session, scan, tuple_))
        if made[-1].visible:
            hide_colours_below(session, made[-1])
            select_picture(session, made[-1])
    return made


def add_below_drawings(session: Session, scan: Scan, tuple_: LayerTuple) -> Any:
    """Add a layer under regions and points, which must stay on top to be seen and picked."""
    from napari.layers import Labels, Layer

    layers = session.viewer.layers
    active = layers.selection.active
    layer = Layer.create(*tuple_)
    if isinstance(layer, Labels):
        layer.editable = False  # a status is not painted
    layers.insert(session.place_below_drawings(scan), layer)
    if active is not None and active in layers:
        # A new result must not take the tool out of the user's hand.
        layers.selection.active = active
    return layer


def show_one_map(session: Session, scan: Scan, name: str, pulse: int) -> Any | None:
    """Show one map of the last fit and hide the others; make its layer where there is none yet. Return it."""
    if scan.maps is None:
        return None
    recipe = scan.maps.attrs.get("recipe", "")
    shown = None
    for layer in session.layers_of(scan, "map"):
        role = layer.metadata["tesm"]
        # What was read from a file, and H before any fit, know no recipe: they belong to what is there.
        if _key(role) == (name, pulse) and role.get("recipe", recipe) == recipe:
            shown = layer
    if shown is None:
        tuple_ = _layer_of_map(scan, scan.maps, (name, pulse))
        tuple_[1]["visible"] = False
        shown = add_below_drawings(session, scan, tuple_)
    _put_on_top(session, scan, shown)
    return shown


def shown_map(session: Session, scan: Scan) -> tuple[str, int] | None:
    """Return name and pulse setting of the topmost map that is visible, of results or of a preview."""
    for layer in reversed(session.viewer.layers):
        role = role_of(layer.metadata)
        if layer.visible and role.get("scan") is scan and role.get("kind") in ("map", "preview"):
            return _key(role)
    return None


def hide_maps(session: Session, scan: Scan, *, but: Any = None) -> None:
    """Hide the maps of a scan, results and previews, all but one layer."""
    for layer in [*session.layers_of(scan, "map"), *session.layers_of(scan, "preview")]:
        if layer is not but and layer.visible:
            layer.visible = False


def hide_colours_below(session: Session, layer: Any) -> None:
    """Hide what lies in colours under a map, of any scan: in pixels without a value it would look like one.

    Grey images stay as the ground, and what lies over the map was put there to be seen.
    """
    layers = session.viewer.layers
    for below in list(layers)[: layers.index(layer)]:
        if not below.visible or role_of(below.metadata).get("scan") is None:
            continue
        if _is_coloured(below) and _overlap(below, layer):
            below.visible = False


def _overlap(a: Any, b: Any) -> bool:
    """Whether two layers share a part of the image plane."""
    (low_a, high_a), (low_b, high_b) = (layer.extent.world[:, -2:] for layer in (a, b))
    return bool((np.minimum(high_a, high_b) > np.maximum(low_a, low_b)).all())


class MapsApart:
    """Shows one map at a time also to whom shows it by the eye in napari's list of layers, or by its key.

    A map that is made transparent, or shown beside others in napari's grid, is meant to be seen with them.

    Parameters
    ----------
    session : Session
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._shown: WeakSet[Any] = WeakSet(self._visible())
        self._busy = Busy()

    def take_note(self) -> None:
        """Hide what is in the way of maps that were not visible before; called when anything was shown or hidden."""
        if self._busy:
            return
        with self._busy:
            for layer in self._visible():
                if layer in self._shown or layer.opacity < 1 or self._session.viewer.canvas.grid.enabled:
                    continue
                hide_maps(self._session, role_of(layer.metadata)["scan"], but=layer)
                hide_colours_below(self._session, layer)
        self._shown = WeakSet(self._visible())

    def _visible(self) -> list[Any]:
        session = self._session
        return [
            layer
            for scan in session.scans
            for kind in ("map", "preview")
            for layer in session.layers_of(scan, kind)
            if layer.visible
        ]


def _is_coloured(layer: Any) -> bool:
    from napari.layers import Image, Labels

    if isinstance(layer, Labels):
        return not layer.contour  # outlines hide nothing
    return isinstance(layer, Image) and str(layer.colormap.name) not in _GREYS


def show_preview(session: Session, scan: Scan, maps: xr.Dataset, shown: tuple[str, int]) -> Any:
    """Draw the preview of a map, in the layer it had before where there is one, and return that layer.

    Previews of other maps that were looked at before follow, too. One layer is made at a time, and only for what is
    looked at: a new layer costs napari a tenth of a second, new pixels in an old one a few milliseconds.
    """
    display = _display_of_preview(maps, scan)
    mine = None
    for layer in session.layers_of(scan, "preview"):
        if not _update(layer, maps, display):
            session.viewer.layers.remove(layer)
        elif _key(layer.metadata["tesm"]) == shown:
            mine = layer
    if mine is None:
        mine = _add_preview(session, scan, maps, display, shown)
    if not mine.visible and not any(layer.visible for layer in session.layers_of(scan, "preview")):
        _put_on_top(session, scan, mine)
    return mine


def show_one_preview(session: Session, scan: Scan, maps: xr.Dataset, shown: tuple[str, int]) -> Any:
    """Show the preview of a map and hide everything else."""
    layer = show_preview(session, scan, maps, shown)
    _put_on_top(session, scan, layer)
    return layer


def remove_preview(session: Session, scan: Scan) -> None:
    """Remove the layers of the preview."""
    for layer in session.layers_of(scan, "preview"):
        session.viewer.layers.remove(layer)


def _put_on_top(session: Session, scan: Scan, layer: Any) -> None:
    """Show one map and no other, and let napari's controls be its, unless they serve something else than a map."""
    hide_maps(session, scan, but=layer)
    hide_colours_below(session, layer)
    layer.visible = True
    select_picture(session, layer)


def select_picture(session: Session, layer: Any) -> None:
    """Let napari's controls be those of a map or an image, unless they serve something that is drawn."""
    selection = session.viewer.layers.selection
    active = selection.active
    if active is not None and role_of(active.metadata).get("kind") in ("map", "preview", "channel"):
        selection.active = layer


def _add_preview(
    session: Session, scan: Scan, maps: xr.Dataset, display: Display, shown: tuple[str, int]
) -> Any:
    name, _ = shown
    tuple_ = _layer_of_map(scan, maps, shown, kind="preview")
    options = tuple_[1]
    role = options["metadata"]["tesm"]
    options.update(display.layer_options(), name=options["name"] + PREVIEW, visible=False)
    role["title"] = options["name"]
    if "contrast_limits" in options:
        role["limits"] = options["contrast_limits"] = _limits_of_preview(maps, name, role["factor"])
    hide_maps(session, scan)
    return add_below_drawings(session, scan, tuple_)


def _update(layer: Any, maps: xr.Dataset, display: Display) -> bool:
    """Put new values into a preview's layer; False where they are no longer there or on another grid."""
    role = layer.metadata["tesm"]
    name, pulse = _key(role)
    if name not in names_of_maps(maps) or pulse >= maps.sizes["pulse"] or layer.data.shape != display.shape:
        return False
    values = np.asarray(map_values(maps.isel(pulse=pulse), name).values)
    if "limits" in role:
        layer.data = (values / role["factor"]).astype(np.float32)
        _follow_limits(layer, _limits_of_preview(maps, name, role["factor"]))
    else:
        layer.data = values.astype(layer.data.dtype)
    role["recipe"] = maps.attrs.get("recipe", "")
    title = map_title(name, labels_from_maps(maps)[pulse]) + PREVIEW
    if title != role["title"]:
        role["title"] = title
        role.pop("named", None)  # whoever names layers does so when the next one comes
        layer.name = title
    return True


def _limits_of_preview(maps: xr.Dataset, name: str, factor: float) -> tuple[float, float]:
    """Return the colour limits that a map shares with those it will be compared with, in the unit of its layer."""
    alike = [other for other in LOGARITHMS if DERIVED[other] in maps] if name in LOGARITHMS else [name]
    limits = [
        colour_limits(values, signed=look_of(name).signed and not sign_of_map(values))
        for values in (
            map_values(maps, other).values[p] for other in alike for p in range(maps.sizes["pulse"])
        )
        if np.isfinite(values).any()
    ] or [(0.0, factor)]
    return min(low for low, _ in limits) / factor, max(high for _, high in limits) / factor


def _follow_limits(layer: Any, wanted: tuple[float, float]) -> None:
    """Move a preview's colour limits when its values have left them, unless the user has set them by hand.

    They stay while the colours still tell: a scale that moves at every step hides what a parameter does.
    """
    role = layer.metadata["tesm"]
    low, high = layer.contrast_limits
    if not np.allclose((low, high), role["limits"], rtol=1e-9, atol=0):
        return
    span = high - low
    if wanted[0] < low - 0.1 * span or wanted[1] > high + 0.1 * span or wanted[1] - wanted[0] < 0.4 * span:
        role["limits"] = layer.contrast_limits = wanted


def _display_of_preview(maps: xr.Dataset, scan: Scan) -> Display:
    """Return how a preview lies: every k-th pixel of the scan, in the scan's own unit."""
    whole, step = scan.display, int(maps.attrs.get(PREVIEW_STEP, 1))
    origin = (float(maps["y"].values[0]) / whole.factor, float(maps["x"].values[0]) / whole.factor)
    shape = (maps.sizes["y"], maps.sizes["x"])
    spacing = (whole.spacing[0] * step, whole.spacing[1] * step)
    return replace(whole, origin=origin, spacing=spacing, shape=shape)


def _key(role: dict[str, Any]) -> tuple[str, int]:
    return str(role["map"]), int(role["pulse"])


def _key_of(tuple_: LayerTuple) -> tuple[str, int]:
    return _key(tuple_[1]["metadata"]["tesm"])


def _layer_of_map(scan: Scan, maps: xr.Dataset, shown: tuple[str, int], *, kind: str = "map") -> LayerTuple:
    return layers_from_maps(scan, maps, kind=kind, names=[shown[0]])[shown[1]]


def _is_replaced(role: dict[str, Any], maps: xr.Dataset) -> bool:
    """Whether a map of a new fit takes the place of one that is there: of the same recipe, or H from before any fit."""
    if role["map"] == "H" and role.get("recipe") is None:
        return True
    return role.get("recipe") == maps.attrs.get("recipe", "") and role["map"] not in LATERAL


def _is_there(tuple_: LayerTuple, layers: list[Any]) -> bool:
    """Whether H, which hardly any parameter changes, has a layer with the same values already."""
    if _key_of(tuple_)[0] != "H":
        return False
    values, factor = tuple_[0], tuple_[1]["metadata"]["tesm"]["factor"]
    return any(
        _key(layer.metadata["tesm"]) == _key_of(tuple_)
        and layer.data.shape == values.shape
        and np.allclose(
            layer.data * layer.metadata["tesm"]["factor"], values * factor, rtol=1e-5, equal_nan=True
        )
        for layer in layers
    )
