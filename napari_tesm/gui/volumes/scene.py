"""The volumes of one viewer: which are seen, from where, several side by side on one scale."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final, Self

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from psygnal import Signal

from napari_tesm.gui.layers.session import Session
from napari_tesm.gui.models.busy import Busy
from napari_tesm.gui.models.companion import Companion
from napari_tesm.gui.volumes.layers import (
    ATTENUATION,
    MAPS,
    UNIT,
    UNIT_IN_METRES,
    attenuation_colours,
    first_voxel,
    layer_name,
    map_layer,
    map_values,
    names_layer,
    set_limits,
    solid_layer,
    volume_layer,
)
from napari_tesm.gui.volumes.state import SlicedVolume, VolumeState
from napari_tesm.volumes.dataset import INTENSITY

VIEWS: Final = {"x": (1, 0, 2), "y": (2, 0, 1), "above": (0, 1, 2), "map": (0, 1, 2), "solid": (1, 0, 2)}
"""The order of axes of views: upright along x or y, slices from above, a map, 3-D. The last two are on screen."""
UPRIGHT: Final = ("x", "y")
LARGEST: Final = 0.3
"""Attenuation at the end of the colours; the collector, 1, is grey."""
_GAP: Final = 0.06
"""Between volumes side by side, in parts of the widest."""
_ANGLES: Final = (0.0, 25.0, -20.0)
"""From above and the right."""
Key = tuple[VolumeState | None, str]


class VolumeScene(Companion[Any]):
    """What all panels of one viewer share of its volumes.

    Parameters
    ----------
    viewer : napari.components.ViewerModel
    """

    changed = Signal()
    """A volume came or went, another is looked at, something was found, or the view is another one."""
    removed = Signal(object)
    """A `VolumeState` is gone."""
    moved = Signal()
    """Another section may be on screen."""

    def __init__(self, viewer: Any) -> None:
        super().__init__(viewer)
        self.states: list[VolumeState] = []
        self.current: VolumeState | None = None
        self.view = "x"
        self.map = "thickness"
        self.together = False
        """Whether all states lie side by side; else only that which is looked at is seen."""
        self.largest = LARGEST
        self.offsets: dict[VolumeState, float] = {}
        """Where the states that are seen begin along `offset_axis`, in m."""
        self.offset_axis = 2
        self.unwanted: set[str] = set()
        """What is drawn on the volumes and was deleted by hand: it comes again with another view only."""
        self._layers: dict[Key, Any] = {}
        self._busy = Busy()
        self._attached = 0

    @classmethod
    def of(cls, viewer: Any) -> Self:
        """Return the scene of a viewer, or of what napari wraps around it for plugins."""
        return super().of(getattr(viewer, "__wrapped__", viewer))

    @property
    def viewer(self) -> Any:
        """The viewer model."""
        return self.owner

    @property
    def shown(self) -> list[VolumeState]:
        """The states that are seen."""
        if self.together:
            return list(self.states)
        return [] if self.current is None else [self.current]

    # Which volumes there are

    def add(self, state: VolumeState) -> None:
        """Show a volume, and look at it."""
        state.name = self._free_name(state.name)
        self.states.append(state)
        self.current = state
        self.put(state, "volume", volume_layer(state))
        state.changed.connect(self._state_changed)
        self.arrange(again=True)
        self.changed.emit()

    def remove(self, state: VolumeState) -> None:
        """Take a volume away, with all layers that show something of it."""
        if state not in self.states:
            return
        place = self.states.index(state)
        self.states.remove(state)
        state.changed.disconnect(self._state_changed)
        if self.current is state:
            self.current = self.states[min(place, len(self.states) - 1)] if self.states else None
        with self._busy:
            for key in [key for key in self._layers if key[0] is state or not self.states]:
                self._take(key)
        self.arrange(again=self.together)
        self.removed.emit(state)
        self.changed.emit()

    def choose(self, state: VolumeState) -> None:
        """Look at another volume."""
        if state is not self.current and state in self.states:
            self.current = state
            self.arrange()
            self.changed.emit()

    def rename(self, state: VolumeState, name: str) -> None:
        """Call a state otherwise; an empty name changes nothing."""
        if name.strip() and name.strip() != state.name:
            state.name = ""
            state.name = self._free_name(name.strip())
            for (owner, kind), layer in self._layers.items():
                if owner is state:
                    layer.name = layer_name(state, kind)
            self._name_states()
        self.changed.emit()

    # What is seen

    def show(self, view: str, map_name: str | None = None) -> None:
        """Turn the viewer to a view, its slider to the middle where it is that of another axis now."""
        self.map = map_name or self.map
        self.view = view
        self.unwanted.clear()
        self.arrange(again=True)
        self.changed.emit()

    def put_together(self, together: bool) -> None:
        """Show all states side by side, or only one."""
        if together != self.together:
            self.together = together
            self.arrange(again=True)
            self.changed.emit()

    def set_largest(self, largest: float) -> None:
        """Let the colours of all volumes end at another attenuation."""
        self.largest = largest
        self._colour()

    def arrange(self, *, again: bool = False) -> None:
        """Show what belongs to the view, each state at its place.

        Parameters
        ----------
        again : bool
            Turn the viewer, too, and show all of it.
        """
        with self._busy:
            self._take((None, "names"))
            if again and (lines := self._layers.get((None, "lines"))) is not None:
                lines.data = []  # what was drawn for the last view would count for what fits into this one
            self._place()
            self._colour()
            if again and self.current is not None:
                self._turn(self.current)
            for (state, kind), layer in self._layers.items():
                visible = self._is_visible(state, kind)
                if layer.visible != visible:
                    layer.visible = visible
            if again and self.states:
                if self.view == "solid":
                    self.viewer.scene.camera.angles = _ANGLES
                self.viewer.reset_view(reset_camera_angle=False)
            self._name_states()
        self.moved.emit()

    def _is_visible(self, state: VolumeState | None, kind: str) -> bool:
        if state is None:
            return (kind == "lines" and self.view in UPRIGHT) or kind == "names"
        if state not in self.shown:
            return False
        if kind in MAPS:
            return self.view == "map" and kind == self.map
        if kind == "solid":
            return self.view == "solid"
        # Where there is no map yet, the volume is seen from above.
        return self.view != "solid" and (self.view != "map" or (state, self.map) not in self._layers)

    def _turn(self, state: VolumeState) -> None:
        """Turn the viewer to the view, through the middle of a state where the slider is that of another axis now."""
        dims = self.viewer.dims
        if dims.ndim < 3:
            return
        others = dims.ndim - 3
        order = (*range(others), *(others + axis for axis in VIEWS[self.view]))
        another = dims.order[others] != order[others]
        displayed = 3 if self.view == "solid" else 2
        if displayed == 3:
            for (_, kind), layer in self._layers.items():
                if kind != "solid":
                    layer.visible = False  # before napari reads all of it
        if dims.order != order:
            dims.order = order
        if dims.ndisplay != displayed:
            dims.ndisplay = displayed
        self._stand_up()
        if another:
            axis = VIEWS[self.view][0]
            middle = (state.shape[axis] // 2 + 0.5) * state.voxel[axis] / UNIT_IN_METRES
            dims.set_point(order[others], middle / Session.of(self.viewer).world_step(axis - 3, UNIT))

    def _stand_up(self) -> None:
        """Let z lead upward on the screen where it is the vertical axis, rows downward as in every image."""
        dims, camera = self.viewer.dims, self.viewer.scene.camera
        wanted = "up" if dims.ndim >= 3 and dims.order[-2] == dims.ndim - 3 else "down"
        if camera.orientation2d[0] != wanted:
            camera.orientation2d = (wanted, "right")

    def _place(self) -> None:
        """Put the states side by side along the horizontal axis; a single one is at the origin."""
        self.offset_axis = axis = 1 if self.view == "y" else 2
        gap = _GAP * max((state.size[axis] for state in self.shown), default=0.0)
        start = 0.0
        self.offsets = {}
        for state in self.shown:
            self.offsets[state] = start
            start += state.size[axis] + gap
        for (owner, _), layer in self._layers.items():
            if owner is None:
                continue
            translate = first_voxel(owner, layer.metadata.get("factor", 1))
            translate[axis] += self.offsets.get(owner, 0.0) / UNIT_IN_METRES
            if not np.array_equal(translate[-layer.ndim :], layer.translate):
                layer.translate = translate[-layer.ndim :]

    def _colour(self) -> None:
        """Give what shows the same the same colours: attenuation from air to `largest`, maps from end to end."""
        for (state, kind), layer in self._layers.items():
            if state is None or state.greys is None or kind not in ("volume", "solid", "section"):
                continue
            if layer.colormap.name != ATTENUATION:
                layer.colormap = attenuation_colours()
            levels = state.greys.levels
            highest = levels.air + self.largest * levels.contrast
            set_limits(layer, (0.0, self.largest) if kind == "section" else (levels.air, highest))
        for kind in MAPS:
            layers = [layer for (_, each), layer in self._layers.items() if each == kind != "section"]
            for layer in layers:
                ends = [end(other.data) for end in (np.nanmin, np.nanmax) for other in layers]
                set_limits(layer, (float(min(ends)), float(max(ends))))

    def slider_place(self, axis: int) -> float:
        """Return where the slider of an axis of the volumes is, 0 for z, in m."""
        dims = self.viewer.dims
        step = Session.of(self.viewer).world_step(axis - 3, UNIT)
        return float(dims.point[dims.ndim - 3 + axis]) * step * UNIT_IN_METRES

    # Layers

    def layer_of(self, state: VolumeState | None, kind: str) -> Any:
        """Return the layer that shows something of a state, or of all; None where there is none."""
        return self._layers.get((state, kind))

    def put(self, state: VolumeState | None, kind: str, layer: Any) -> Any:
        """Add a layer in place of the one of its kind, below what is drawn; what is selected stays so."""
        layers = self.viewer.layers
        with self._busy:
            self._take((state, kind))
            active = layers.selection.active
            self._layers[state, kind] = layer
            layers.append(layer)
            drawn = [
                layers.index(other)
                for (owner, _), other in self._layers.items()
                if owner is None and other is not layer and other in layers
            ]
            if state is not None and drawn:
                layers.move(len(layers) - 1, min(drawn))
            if kind != "volume" and active in layers:
                layers.selection.active = active
        return layer

    def show_map(self, state: VolumeState, kind: str, values: xr.DataArray) -> None:
        """Show a map of a state, in place of that which was there."""
        layer = self._layers.get((state, kind))
        if layer is None or layer.data.shape != values.shape:
            self.put(state, kind, map_layer(state, kind, values))
            self.arrange()
        else:
            layer.data = map_values(values)

    def show_solid(self, state: VolumeState, values: NDArray[Any], factor: int) -> None:
        """Show a state in 3-D, from voxels that are each the mean of so many along each axis."""
        self.put(state, "solid", solid_layer(state, values, factor))
        self.arrange(again=self.view == "solid")

    def _take(self, key: Key) -> None:
        layer = self._layers.pop(key, None)
        if layer is not None and layer in self.viewer.layers:
            self.viewer.layers.remove(layer)

    def _name_states(self) -> None:
        """Write the names of states above them where several are side by side."""
        with self._busy:
            self._take((None, "names"))
            unwanted = not self.together or "names" in self.unwanted
            if unwanted or len(self.states) < 2 or self.viewer.dims.ndim < 3:
                return
            places = np.empty((len(self.states), 3))
            for place, state in zip(places, self.states, strict=True):
                place[:] = [self.slider_place(axis) for axis in range(3)]
                if self.view == "solid":
                    place[1] = state.size[1] / 2
                place[self.offset_axis] = self.offsets[state] + state.size[self.offset_axis] / 2
                above = 1 if self.view in ("above", "map") else 0
                place[above] = (
                    1.04 * max(each.size[0] for each in self.states)
                    if above == 0
                    else -0.07 * max(each.size[1] for each in self.states)
                )
            names = [state.name for state in self.states]
            voxel = np.asarray(self.states[0].voxel) / UNIT_IN_METRES
            self.put(None, "names", names_layer(names, places / UNIT_IN_METRES, voxel))

    # What others do

    def attach(self) -> None:
        """Listen to the viewer; called once for each panel that is shown."""
        self._attached += 1
        if self._attached > 1:
            return
        for emitter, slot in self._connections():
            emitter.connect(slot)
        # In 3-D napari would read all of a volume, which may be larger than memory: it is hidden before.
        self.viewer.dims.events.ndisplay.connect(self._display_changed, position="first")
        for state in list(self.states):
            if self._layers.get((state, "volume")) not in self.viewer.layers:
                self.remove(state)

    def detach(self) -> None:
        """Stop listening; called once for each panel that is hidden."""
        self._attached -= 1
        if self._attached == 0:
            for emitter, slot in self._connections():
                emitter.disconnect(slot)
            self.viewer.dims.events.ndisplay.disconnect(self._display_changed)

    def _connections(self) -> Iterator[tuple[Any, Callable[..., None]]]:
        yield self.viewer.layers.events.removed, self._layer_removed
        yield self.viewer.dims.events.current_step, self._slider_moved
        yield self.viewer.dims.events.order, self._order_changed

    def _layer_removed(self, event: Any) -> None:
        if self._busy:
            return
        for key, layer in list(self._layers.items()):
            if layer is event.value:
                del self._layers[key]
                if key[0] is None:
                    # Never made anew here: a window that closes deletes layers until there is none.
                    self.unwanted.add(key[1])
                elif key[1] == "volume":
                    self.remove(key[0])
                else:
                    self.arrange()

    def _slider_moved(self, event: Any = None) -> None:
        if not self._busy and self.states:
            self._name_states()
            self.moved.emit()

    def _order_changed(self, event: Any = None) -> None:
        """Follow napari's own buttons that turn the axes."""
        dims = self.viewer.dims
        if self._busy or not self.states or dims.ndim < 3 or dims.ndisplay == 3:
            return
        hidden = dims.order[-3] - (dims.ndim - 3)
        self.view = {1: "x", 2: "y"}.get(hidden, "above")
        self._stand_up()
        self.arrange()
        self.changed.emit()

    def _display_changed(self, event: Any = None) -> None:
        """Follow napari's own button for 3-D."""
        if not self._busy and self.states:
            self.show("solid" if self.viewer.dims.ndisplay == 3 else "x")

    def _state_changed(self) -> None:
        """Show what is known now of the states."""
        for state in self.states:
            layer = self._layers.get((state, "volume"))
            if layer is not None and state.is_read and isinstance(layer.data, SlicedVolume):
                layer.data = state.volume[INTENSITY].values
            for kind in MAPS:
                if state.surfaces is None:
                    with self._busy:
                        self._take((state, kind))
                elif kind in state.surfaces:
                    self.show_map(state, kind, state.surfaces[kind])
        self.arrange()
        self.changed.emit()

    def _free_name(self, name: str) -> str:
        taken = {state.name for state in self.states}
        numbered = (f"{name} {number}" for number in range(2, len(taken) + 3))
        return next(each for each in (name, *numbered) if each not in taken)
