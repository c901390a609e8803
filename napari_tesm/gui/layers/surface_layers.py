"""The surface of a scan: levelled images as layers, and the topography in 3-D with a map draped over it."""

from contextlib import AbstractContextManager
from typing import Any, Final
from weakref import WeakSet

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from napari_tesm.gui.layers.result_layers import add_below_drawings, hide_maps, select_picture
from napari_tesm.gui.layers.scan_layers import channel_layer
from napari_tesm.gui.layers.session import Session
from napari_tesm.gui.models.display import display_from_axes
from napari_tesm.gui.models.scan import Scan, role_of

_MOST: Final = 256
"""Rows and columns of vertices: more are not seen, and every vertex is drawn at each turn of the view."""
_RELIEF: Final = 0.15
"""Part of the size of the image that the relief is high, where nobody has said otherwise."""
_KIND: Final = "relief"
_MAPS: Final = (("map", "preview", "derived", "series"), ("channel",))
"""Kinds of layers that are draped over it: results before images."""
_ANGLES: Final = (-20.0, 0.0, -40.0)
"""From the front and from above, where napari's light comes from."""
_NEAR: Final = 0.9
_GROUND: Final = "#8c8c8c"

Array = NDArray[np.float64]


def show_levelled(session: Session, scan: Scan, image: xr.DataArray) -> Any:
    """Show a levelled image and no map, in place of an earlier one of its title, and choose it; return its layer.

    It lies under the maps, as other images do: a map that is chosen afterwards is seen.
    """
    data, options, kind = channel_layer(scan, image)
    for layer in session.layers_of(scan, "channel"):
        role = role_of(layer.metadata)
        if role.get("title", layer.name) == options["name"]:
            session.viewer.layers.remove(layer)
    options["visible"] = True
    made = add_below_drawings(session, scan, (data, options, kind))
    layers = session.viewer.layers
    maps = [layer for kind in _MAPS[0] for layer in session.layers_of(scan, kind)]
    if maps and (lowest := min(layers.index(layer) for layer in maps)) < layers.index(made):
        layers.move(layers.index(made), lowest)
    hide_maps(session, scan)
    for other in session.layers_of(scan, "channel"):
        other.visible = other is made
    select_picture(session, made)
    return made


def image_to_level(session: Session, scan: Scan) -> str:
    """Return the title of the image of a scan that is chosen in the list of layers, else of its topography."""
    active = session.viewer.layers.selection.active
    role = {} if active is None else role_of(active.metadata)
    if role.get("scan") is scan and role.get("kind") == "channel":
        titles = {
            str(channel.name): str(channel.attrs.get("long_name", channel.name)) for channel in scan.channels
        }
        return titles.get(role["channel"], "")
    surface = scan.surface("topography")
    return "" if surface is None else str(surface.attrs.get("long_name", surface.name))


class Relief:
    """The topography of a scan in 3-D, with the colours of the map that was on top of the canvas.

    Parameters
    ----------
    session : Session
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._heights: Array | None = None
        self._flat: Array | None = None
        self._hidden: WeakSet[Any] = WeakSet()
        """What lies flat in the scene, and would cut through the relief."""

    @property
    def is_shown(self) -> bool:
        """Whether it is on the canvas."""
        return bool(self._layers())

    def show(self, scan: Scan) -> float:
        """Put the relief on the canvas and return its vertical exaggeration.

        Raises
        ------
        ValueError
            If there is no topography, or it has no length for a unit.
        """
        surface = scan.surface("topography")
        if surface is None:
            raise ValueError("there is no topography among the images of this scan")
        if surface.attrs.get("units") != "m" or scan.lateral_unit != "m":
            raise ValueError(
                "the topography and the axes of the image need metres: a relief of V has no true height"
            )
        map_layer = self._map_on_top(scan)
        self.clear()
        heights = np.asarray(surface.values, dtype=np.float64)
        heights = np.nan_to_num(heights - np.nanmedian(heights))
        steps = [max(1, -(-size // _MOST)) for size in heights.shape]
        thin = tuple(slice(None, None, step) for step in steps)
        display = display_from_axes(surface["y"], surface["x"], unit=scan.display.unit)
        self._heights = heights[thin] / display.factor
        rows, columns = (
            origin + np.arange(0, size, step) * spacing
            for origin, size, step, spacing in zip(
                display.origin, heights.shape, steps, display.spacing, strict=True
            )
        )
        self._flat = np.stack(np.meshgrid(rows, columns, indexing="ij"), axis=-1).reshape(-1, 2)
        values = np.full(self._heights.shape, np.nan)
        if map_layer is not None and map_layer.data.shape == heights.shape:
            values = np.asarray(map_layer.data, dtype=np.float64)[thin]
        exaggeration = self._usual(display.extent())
        viewer = self._session.viewer
        for layer in viewer.layers:
            if layer.visible:
                self._hidden.add(layer)
                layer.visible = False
        # A view at an angle has no one scale.
        viewer.canvas.overlays.scale_bar.visible = False
        with _without_warnings():
            viewer.dims.ndisplay = 3
            # After that: napari cuts every triangle of a surface that is looked at in 2-D.
            for layer in self._made(scan, values, map_layer, exaggeration):
                viewer.add_layer(layer)
        viewer.reset_view()
        viewer.scene.camera.zoom *= _NEAR
        viewer.scene.camera.angles = _ANGLES
        return exaggeration

    def exaggerate(self, exaggeration: float) -> None:
        """Draw heights this many times as high as they are."""
        for layer in self._layers():
            _, faces, values = layer.data
            layer.data = (self._vertices(exaggeration), faces, values)

    def clear(self) -> None:
        """Take the relief off the canvas and look at it from above again."""
        viewer = self._session.viewer
        if not (layers := self._layers()):
            return
        with _without_warnings():
            for layer in layers:
                viewer.layers.remove(layer)
            viewer.dims.ndisplay = 2
        for layer in self._hidden:
            layer.visible = True
        self._hidden.clear()
        viewer.canvas.overlays.scale_bar.visible = True
        viewer.reset_view()

    def _layers(self) -> list[Any]:
        return [
            layer for layer in self._session.viewer.layers if role_of(layer.metadata).get("kind") == _KIND
        ]

    def _map_on_top(self, scan: Scan) -> Any:
        for kinds in _MAPS:
            for layer in reversed(self._session.viewer.layers):
                role = role_of(layer.metadata)
                image = hasattr(layer, "contrast_limits") and layer.ndim == 2
                seen = layer.visible or layer in self._hidden
                if seen and image and role.get("scan") is scan and role.get("kind") in kinds:
                    return layer
        return None

    def _usual(self, extent: tuple[float, float]) -> float:
        """Return an exaggeration of one digit that makes the relief well visible."""
        assert self._heights is not None
        low, high = np.percentile(self._heights, [1, 99])
        wanted = _RELIEF * max(extent) / (high - low) if high > low else 1.0
        return float(f"{wanted:.0e}")

    def _vertices(self, exaggeration: float) -> Array:
        assert self._heights is not None
        assert self._flat is not None
        # The first axis of napari points away from whoever looks: heights go against it.
        return np.column_stack([-exaggeration * self._heights.ravel(), self._flat])

    def _made(self, scan: Scan, values: Array, map_layer: Any, exaggeration: float) -> list[Any]:
        """Return a layer of what has a value of the map, in its colours, and a grey one of the rest."""
        from napari.layers import Surface

        faces = _faces(*values.shape)
        known = np.isfinite(values).ravel()[faces].all(axis=1)
        vertices, unit = self._vertices(exaggeration), scan.display.unit
        options: dict[str, Any] = {
            "units": (self._unit_of_first_axis(unit), unit, unit),
            "axis_labels": ("z", "y", "x"),
            "metadata": {"tesm": {"scan": scan, "kind": _KIND}},
            "shading": "smooth",
        }
        made = []
        if not known.all():
            grey = np.zeros(values.size)
            made.append(
                Surface(
                    (vertices, faces[~known], grey),
                    name="Relief",
                    colormap=_GROUND,
                    contrast_limits=(-1, 0),
                    **options,
                )
            )
        if known.any():
            draped = np.where(np.isfinite(values), values, 0.0).ravel()
            made.append(
                Surface(
                    (vertices, faces[known], draped), name=f"Relief: {map_layer.name}", colormap=map_layer.colormap,
                    contrast_limits=map_layer.contrast_limits, **options,
                )
            )  # fmt: skip
        return made

    def _unit_of_first_axis(self, unit: str) -> str:
        """Return the unit that the first axis of the viewer has already, as the time of traces lies on the same one.

        With two kinds of units on an axis napari would draw without any.
        """
        for layer in self._session.viewer.layers:
            if layer.ndim == 3 and role_of(layer.metadata).get("kind") == "traces":
                return str(layer.units[0])
        return unit


def _without_warnings() -> AbstractContextManager[None]:
    """Keep napari from warning that its scale bar shows the unit of one axis: the bar is hidden."""
    from napari.utils.notifications import notification_manager

    blocker: AbstractContextManager[None] = notification_manager.notification_ready.blocker()
    return blocker


def _faces(rows: int, columns: int) -> NDArray[np.int64]:
    """Return two triangles for every square of four neighbouring vertices, shape (triangle, 3)."""
    first = (np.arange(rows - 1)[:, None] * columns + np.arange(columns - 1)).ravel()
    right, below, across = first + 1, first + columns, first + columns + 1
    return np.concatenate([np.stack([first, below, right], axis=1), np.stack([right, below, across], axis=1)])
