"""The scans of one viewer, which of them is looked at, and the threads between viewer and scan.

The session listens to the viewer only while a panel is on screen: panels attach when they are shown and detach when
they are hidden, as closing a dock in napari destroys nothing.
"""

from collections.abc import Callable
from typing import Any, Self
from weakref import ref

import pint
from psygnal import Signal

from napari_tesm.gui.models.companion import Companion
from napari_tesm.gui.models.scan import Scan, role_of


class Session(Companion[Any]):
    """What all panels of one viewer share.

    Parameters
    ----------
    viewer : napari.components.ViewerModel
    """

    scan_changed = Signal(object)
    """Another scan is looked at: a `Scan`, or None."""
    layers_changed = Signal()
    visible_changed = Signal()
    """A layer was shown, hidden, or moved over another."""

    def __init__(self, viewer: Any) -> None:
        super().__init__(viewer)
        self.scan: Scan | None = None
        self._attached = 0

    @classmethod
    def of(cls, viewer: Any) -> Self:
        """Return the session of a viewer, or of what napari wraps around it for plugins."""
        return super().of(getattr(viewer, "__wrapped__", viewer))

    @property
    def viewer(self) -> Any:
        """The viewer model."""
        return self.owner

    @property
    def scans(self) -> list[Scan]:
        """Scans that have a layer in the viewer, in the order in which they came."""
        scans = (role_of(layer.metadata).get("scan") for layer in self.viewer.layers)
        return [scan for scan in dict.fromkeys(scans) if scan is not None]

    def layers_of(self, scan: Scan | None, kind: str) -> list[Any]:
        """Return the layers of a scan that play a role: channel, traces, map, preview, regions, points."""
        if scan is None:
            return []
        return [
            layer
            for layer in self.viewer.layers
            if (role := role_of(layer.metadata)).get("scan") is scan
            and role.get("kind") == kind
            and self._plays(layer, role)
        ]

    def layer_of(self, scan: Scan | None, kind: str) -> Any:
        """Return the layer of a scan that plays a role which one layer has; None where there is none."""
        return next(iter(self.layers_of(scan, kind)), None)

    def place_below_drawings(self, scan: Scan) -> int:
        """Return where in the list of layers something lies under regions and points, which must be seen and picked."""
        layers = self.viewer.layers
        drawings = [*self.layers_of(scan, "regions"), *self.layers_of(scan, "points")]
        return min((layers.index(drawing) for drawing in drawings), default=len(layers))

    def _plays(self, layer: Any, role: dict[str, Any]) -> bool:
        """Whether a layer plays its role itself: napari gives copies, and layers converted from it, the same role."""
        from napari.layers import Labels, Points, Shapes

        wanted = {"regions": Shapes, "points": Points, "grains": Labels}.get(role["kind"])
        if wanted is not None and not isinstance(layer, wanted):
            return False
        player = role["player"]() if "player" in role else None
        if player is None or player not in self.viewer.layers:
            role["player"] = ref(layer)
            return True
        return player is layer

    def choose(self, scan: Scan | None) -> None:
        """Look at another scan."""
        if scan is not self.scan:
            self.scan = scan
            self.scan_changed.emit(scan)

    def pixel_under(self, position: Any) -> tuple[int, int] | None:
        """Return the row and column of the scan under a position in napari's world, None outside.

        In 3D the position is where the view enters the scene, which is over no pixel in particular.
        """
        if self.scan is None or self.viewer.dims.ndisplay != 2:
            return None
        display = self.scan.display
        steps = [self.world_step(axis, display.unit) for axis in (-2, -1)]
        return display.pixel_from_world([position[-2] * steps[0], position[-1] * steps[1]])

    def world_step(self, axis: int, unit: Any) -> float:
        """Return how many of a layer's units one unit of napari's world is along an axis.

        With layers in several units, napari takes the finest of them.
        """
        units = self.viewer.layers.units
        if units is None or len(units) < -axis:
            return 1.0
        registry: Any = pint.application_registry
        wanted = registry.parse_units(unit) if isinstance(unit, str) else unit
        world = units[axis]
        if world == wanted or not world.is_compatible_with(wanted):
            return 1.0
        return float(registry.Quantity(1.0, world).to(wanted).magnitude)

    def attach(self) -> None:
        """Listen to the viewer; called once for each panel that is shown."""
        self._attached += 1
        if self._attached == 1:
            for emitter, slot in self._connections():
                emitter.connect(slot)
            self.viewer.mouse_move_callbacks.append(self._mouse_moved)
            self._layers_changed()

    def detach(self) -> None:
        """Stop listening; called once for each panel that is hidden."""
        self._attached -= 1
        if self._attached == 0:
            for emitter, slot in self._connections():
                emitter.disconnect(slot)
            self.viewer.mouse_move_callbacks.remove(self._mouse_moved)

    def _connections(self) -> list[tuple[Any, Callable[..., None]]]:
        layers = self.viewer.layers
        return [
            (layers.events.inserted, self._layers_changed),
            (layers.events.removed, self._layers_changed),
            (layers.events, self._any_layer_changed),
            (layers.selection.events.active, self._active_layer_changed),
            (self.viewer.dims.events.current_step, self._slider_moved),
        ]

    @property
    def is_attached(self) -> bool:
        """Whether any panel is on screen."""
        return self._attached > 0

    def _layers_changed(self, event: Any = None) -> None:
        scans = self.scans
        if self.scan not in scans:
            self.choose(scans[-1] if scans else None)
        self.layers_changed.emit()

    def _any_layer_changed(self, event: Any) -> None:
        # The list hands on what happens to any of its layers.
        if event.type in ("visible", "reordered"):
            self.visible_changed.emit()

    def _active_layer_changed(self, event: Any = None) -> None:
        layer = self.viewer.layers.selection.active
        scan = None if layer is None else role_of(layer.metadata).get("scan")
        if scan is not None:
            self.choose(scan)

    def _mouse_moved(self, viewer: Any, event: Any) -> None:
        if self.scan is not None:
            self.scan.look_at(self.pixel_under(event.position))

    def _slider_moved(self, event: Any = None) -> None:
        traces = self.layers_of(self.scan, "traces")
        dims = self.viewer.dims
        if self.scan is None or self.scan.dataset is None or not traces or dims.ndim < 3:
            return
        time = self.scan.dataset["time"].values
        here = dims.point[-3] * self.world_step(-3, traces[0].units[0])
        index = round((here - traces[0].translate[0]) / traces[0].scale[0])
        if 0 <= index < len(time):
            self.scan.set_time(float(time[index]))
