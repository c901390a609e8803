"""The Shapes layer and the regions of a scan, kept the same: napari's own drawing tools draw the regions."""

from typing import Any, Final
from weakref import WeakKeyDictionary

import numpy as np
from psygnal import Signal

from napari_tesm.gui.layers.scan_layers import (
    add_layer,
    colour_of_class,
    edge_width_of,
    fill_of_class,
    regions_layer,
)
from napari_tesm.gui.layers.session import Session
from napari_tesm.gui.models.busy import Busy
from napari_tesm.gui.models.companion import Companion
from napari_tesm.gui.models.history import History
from napari_tesm.gui.models.region_shapes import (
    column,
    describe,
    reading_from_layer,
    rgba,
    shown_width,
    untransform,
    write_to_layer,
)
from napari_tesm.gui.models.regions import RegionModel
from napari_tesm.gui.models.scan import Scan
from napari_tesm.regions.shapes import Region

DRAW_MODES: Final = ("add_line", "add_polyline", "add_rectangle", "add_ellipse", "add_polygon")
"""napari's modes for a line, a path, a rectangle, an ellipse and a polygon."""
_OVER: Final = ("added", "changed", "removed")


class RegionLayerLink(Companion[Session]):
    """Keeps the regions layer of the scan that is looked at and the scan's regions the same.

    It listens only while a panel that shows regions is on screen, as `Session` does.

    Parameters
    ----------
    session : Session
    """

    mode_changed = Signal(str)
    """The layer's mode, empty without a layer."""
    layer_changed = Signal()
    profile_wanted = Signal()
    """A line was drawn: its profile is worth a look."""

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._attached = 0
        self._scan: Scan | None = None
        self.layer: Any = None
        """The Shapes layer, None where there is none (it may have been deleted)."""
        self._shapes: list[int] = []
        self._busy = Busy()
        self._factor = 1.0
        """Of the display for which the layer was made; with another unit, the layer is about to be replaced."""
        self._written: WeakKeyDictionary[Any, list[Region]] = WeakKeyDictionary()

    @property
    def model(self) -> RegionModel | None:
        """The model of the regions of the scan that is looked at."""
        return None if self.owner.scan is None else RegionModel.of(self.owner.scan)

    @property
    def mode(self) -> str:
        """The layer's mode, empty without a layer."""
        return "" if self.layer is None else str(self.layer.mode)

    def attach(self) -> None:
        """Listen, and take over what was drawn in the meantime; called once for each panel that is shown."""
        self._attached += 1
        if self._attached == 1:
            self.owner.scan_changed.connect(self._follow)
            self.owner.layers_changed.connect(self._find_layer)
            self._follow(self.owner.scan)

    def detach(self) -> None:
        """Stop listening; called once for each panel that is hidden."""
        self._attached -= 1
        if self._attached == 0:
            self.owner.scan_changed.disconnect(self._follow)
            self.owner.layers_changed.disconnect(self._find_layer)
            if self.model is not None and self.model.is_live:
                self.model.settle()
            self._follow(None)

    def draw(self, mode: str) -> None:
        """Make the layer the active one, in one of napari's modes; it is made anew where it was deleted.

        Raises
        ------
        ValueError
            If nothing can be drawn: no scan, or a view in three dimensions.
        """
        scan, viewer = self.owner.scan, self.owner.viewer
        if scan is None:
            raise ValueError("open a scan first: there is nothing to draw on")
        if viewer.dims.ndisplay != 2:
            raise ValueError("regions are drawn in the 2D view: switch back from 3D first")
        if self.layer is None:
            add_layer(viewer, regions_layer(scan))
            self._find_layer()
        self.layer.visible = True
        viewer.layers.selection.active = self.layer
        self.layer.mode = mode

    def set_class_of_drawing(self, region_class: str) -> bool:
        """Put the shape that is being drawn into another class; return whether there is one."""
        layer = self.layer
        if drawing := getattr(layer, "_is_creating", False):
            names, classes = column(layer, "name"), column(layer, "class")
            classes[-1] = region_class.strip()
            describe(layer, names, classes, classes[-1])
        return bool(drawing)

    def _follow(self, scan: Scan | None) -> None:
        if scan is self._scan:
            return
        if self._scan is not None:
            RegionModel.of(self._scan).selection_changed.disconnect(self._model_selected)
            RegionModel.of(self._scan).pen_changed.disconnect(self._apply_pen)
            self._scan.regions_changed.disconnect(self._regions_changed)
        self._scan = scan
        if scan is not None:
            scan.regions_changed.connect(self._regions_changed)
            RegionModel.of(scan).selection_changed.connect(self._model_selected)
            RegionModel.of(scan).pen_changed.connect(self._apply_pen)
        self._find_layer()

    def _find_layer(self) -> None:
        layer = self.owner.layer_of(self._scan, "regions")
        if layer is self.layer:
            return
        if self.layer is not None:
            self._listen(self.layer, connect=False)
        self.layer = layer
        self._shapes = []
        if layer is not None and self._scan is not None:
            self._factor = self._scan.display.factor
            self._take_over(layer)
            self._listen(layer, connect=True)
        self.layer_changed.emit()
        self.mode_changed.emit(self.mode)

    def _listen(self, layer: Any, *, connect: bool) -> None:
        events = layer.events
        for emitter, slot in (
            (events.data, self._data_changed),
            (events.set_data, self._drawn),
            (events.features, self._looks_changed),
            (events.edge_width, self._looks_changed),
            (events.affine, self._looks_changed),
            (events.mode, self._mode_changed),
        ):
            (emitter.connect if connect else emitter.disconnect)(slot)
        selected = layer.selected_data.events.items_changed
        (selected.connect if connect else selected.disconnect)(self._layer_selected)

    def _take_over(self, layer: Any) -> None:
        """Find out which of layer and scan was changed while nobody listened, and bring the other up to it."""
        scan = self._scan
        assert scan is not None
        last = self._written.get(layer)
        model, was_changed = RegionModel.of(scan), bool(scan.unsaved())
        is_new = last is None and not model.history.can_undo and not model.history.can_redo
        # A layer seen for the first time was made from the scan, unless it is empty where the scan is not.
        scan_is_newer = (
            scan.regions != last if last is not None else layer.nshapes == 0 and bool(scan.regions)
        )
        if scan_is_newer:
            self._write()
        else:
            self._read(settle=True)
            self._restyle()
        if is_new:
            # Names given to shapes that came without one are no action of the user.
            model.history = History(tuple(scan.regions))
            if not was_changed:
                scan.take_as_saved()
        self._apply_pen()

    def _data_changed(self, event: Any) -> None:
        action = str(getattr(event, "action", ""))
        if self._busy:
            return
        if action == "adding":
            self._apply_pen()
        elif action in _OVER:
            if action == "added":
                self._drop_speck()
            self._drop_orphan(tuple(event.data_indices))
            self._read(settle=True)
            self._restyle()
            model = self.model
            if action == "added" and model:
                model.set_pen(region_class="")  # a class that was given is that drawing's alone
                if model.regions and model.regions[-1].kind == "line":
                    self.profile_wanted.emit()

    def _drawn(self, event: Any = None) -> None:
        self._read(settle=False)

    def _looks_changed(self, event: Any = None) -> None:
        if self._busy or self.layer is None:
            return
        under_way = getattr(self.layer, "_is_creating", False) or getattr(self.layer, "_is_moving", False)
        # The steps of napari's slider for the width are one action.
        by_slider = event is not None and event.type == "edge_width"
        self._read(
            settle=not under_way, merge=f"edge of {sorted(self.layer.selected_data)}" if by_slider else ""
        )
        if not under_way:
            self._restyle()

    def _mode_changed(self, event: Any = None) -> None:
        self.mode_changed.emit(self.mode)

    def _read(self, *, settle: bool, merge: str = "") -> None:
        """Bring the regions up to the layer."""
        layer, scan = self.layer, self._scan
        if self._busy or layer is None or scan is None or scan.display.factor != self._factor:
            return
        model = RegionModel.of(scan)
        with self._busy:
            read = reading_from_layer(layer, scan.display, before=scan.regions)
            self._shapes = read.shapes
            if settle:
                model.settle(read.regions, merge=merge)
            elif read.regions != scan.regions:
                model.follow(read.regions)
            self._written[layer] = scan.regions
        self._layer_selected()

    def _write(self) -> None:
        """Bring the layer up to the regions, and keep what is selected."""
        layer, scan = self.layer, self._scan
        if layer is None or scan is None:
            return
        self.give_up_drawing()
        with self._busy:
            untransform(layer)
            write_to_layer(layer, scan.display, scan.regions)
            self._shapes = list(range(len(scan.regions)))
            self._written[layer] = scan.regions
            layer.selected_data = {i for i in RegionModel.of(scan).selection if i < layer.nshapes}
        self._apply_pen()

    def give_up_drawing(self) -> bool:
        """Let napari end a shape that is being drawn, and return whether that took one back that was no region yet.

        napari would go on with it after it is not there any more.
        """
        layer = self.layer
        if not getattr(layer, "_is_creating", False):
            return False
        last = layer.nshapes - 1
        was_region = last in self._shapes
        with self._busy:
            layer._finish_drawing()
        self._drop_orphan((last,))
        return not was_region

    def _restyle(self) -> None:
        """Give shapes that napari drew the name, class and colours of their region."""
        layer, scan = self.layer, self._scan
        if layer is None or scan is None or not self._shapes:
            return
        names, classes = column(layer, "name"), column(layer, "class")
        widths, nothing = list(layer.edge_width), ["#00000000"] * layer.nshapes
        edges, fills = nothing.copy(), nothing.copy()
        for shape, region in zip(self._shapes, scan.regions, strict=True):
            names[shape], classes[shape] = region.name, region.region_class
            if not region.is_line:
                widths[shape] = shown_width(region, scan.display)
            edges[shape] = colour_of_class(region.region_class)
            fills[shape] = fill_of_class(region.region_class, is_line=region.is_line)
        with self._busy:
            if column(layer, "name") != names or column(layer, "class") != classes:
                describe(layer, names, classes, RegionModel.of(scan).pen_class)
            if layer.edge_width != widths:
                layer.edge_width = widths
            for attribute, colours in (("edge_color", edges), ("face_color", fills)):
                wanted, shown = np.array([rgba(colour) for colour in colours]), getattr(layer, attribute)
                if shown.shape != wanted.shape or not np.allclose(shown, wanted, atol=0.003):
                    setattr(layer, attribute, colours)

    def _drop_speck(self) -> None:
        """Remove what a click without a drag leaves, or a path that was given up after its first vertex."""
        layer = self.layer
        mode = self.mode
        by_drag = mode in ("add_line", "add_rectangle", "add_ellipse")
        if (
            not getattr(layer, "_is_creating", False)
            or not layer.nshapes
            or (mode[:4] == "add_" and not by_drag)
        ):
            return
        last = np.asarray(layer.data[-1])
        # napari draws a click as a shape of half the size of a handle.
        tiny = float(np.ptp(last, axis=0).max()) <= 0.51 * getattr(layer, "_normalized_vertex_radius", 0.0)
        given_up = not by_drag and layer.shape_type[-1] == "path" and len(last) <= 2
        if (by_drag and tiny) or given_up:
            with self._busy:
                layer.remove([layer.nshapes - 1])

    def _drop_orphan(self, indices: tuple[int, ...]) -> None:
        """Mend the layer where napari took away a shape, its last vertices being removed, and left its row behind."""
        layer = self.layer
        features = layer.features
        if len(features) != layer.nshapes + 1 or len(indices) != 1:
            return
        row = indices[0] % len(features)
        shapes = getattr(layer, "_data_view", None)
        for name in ("_edge_color", "_face_color"):
            # What napari itself does where shapes are deleted; without it the next shapes get wrong colours.
            colours = getattr(shapes, name, None)
            if colours is not None and len(colours) == len(features):
                setattr(shapes, name, np.delete(colours, row, axis=0))
        kept = [index for index in range(len(features)) if index != row]
        with self._busy:
            layer.features = features.iloc[kept].reset_index(drop=True)

    def _apply_pen(self) -> None:
        """Let napari draw the next shape in the class and width that are chosen."""
        layer, model = self.layer, self.model
        if layer is None or model is None or self._scan is None:
            return
        is_line = self.mode in ("add_line", "add_path", "add_polyline")
        width = edge_width_of(model.pen_width if is_line else 0.0, self._scan.display)
        colour = colour_of_class(model.pen_class)
        with self._busy:
            with layer.block_update_properties():
                layer.current_edge_width = width
                layer.current_edge_color = colour
                layer.current_face_color = fill_of_class(model.pen_class, is_line=is_line)
            if layer.nshapes == 0:
                describe(layer, [], [], model.pen_class)
            else:
                layer.feature_defaults = {"name": "", "class": model.pen_class}

    def _regions_changed(self) -> None:
        """Follow what was not drawn: undo, the table, a file."""
        if not self._busy:
            self._write()
            if self._scan is not None:
                RegionModel.of(self._scan).note()

    def _layer_selected(self, *_: Any) -> None:
        if self._busy or self.layer is None or self._scan is None:
            return
        selected = set(self.layer.selected_data)
        with self._busy:
            RegionModel.of(self._scan).select(
                index for index, shape in enumerate(self._shapes) if shape in selected
            )

    def _model_selected(self) -> None:
        if self._busy or self.layer is None or self._scan is None:
            return
        chosen = RegionModel.of(self._scan).selection
        with self._busy:
            self.layer.selected_data = {self._shapes[i] for i in chosen if i < len(self._shapes)}
