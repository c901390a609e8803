"""Several scans in one viewer: the layers of the one that is looked at are seen, and all are named after their scan."""

import re
from collections.abc import Collection, Sequence
from typing import Any, Final
from weakref import WeakSet

import numpy as np

from napari_tesm.gui.layers.result_layers import add_result_layers
from napari_tesm.gui.layers.session import Session
from napari_tesm.gui.models.agreement import words_of_earlier_recipe
from napari_tesm.gui.models.busy import Busy
from napari_tesm.gui.models.scan import Scan, role_of

_NUMBERED: Final = re.compile(r" \[\d+\]$")
"""What napari adds to a name that is there already."""
_DRAWN: Final = ("points", "regions")
_FILLED: Final = 0.95
"""Part of the canvas that a scan fills when it comes into sight."""


class ScanViews:
    """Keeps what is seen, and what layers are called, in step with the scans of a session.

    Parameters
    ----------
    session : Session
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._seen: Scan | None = None
        self._naming = Busy()
        self._waiting: WeakSet[Scan] = WeakSet()
        """Scans with new results: their layers, a tenth of a second each, are made when they are looked at."""

    def take_results(self, scan: Scan) -> None:
        """Show the new results of a scan; those of one that is not looked at wait until it is."""
        if scan is self._session.scan and scan.maps is not None:
            add_result_layers(self._session, scan, scan.maps)
        else:
            self._waiting.add(scan)

    def show(self, scan: Scan | None) -> None:
        """Show the layers of a scan as they were left, and hide those of all others."""
        scans = self._session.scans
        if scan is None or scan not in scans:
            self._seen = scan
            return
        for other in scans:
            if other is not scan:
                self.hide(other)
        for layer in self._layers_of(scan):
            role = layer.metadata["tesm"]
            if (visible := role.pop("seen", None)) is not None:
                layer.visible = visible
        self._select(scan)  # before anything is added: napari would go back to the layer that was active
        if scan in self._waiting and scan.maps is not None:
            self._waiting.discard(scan)
            add_result_layers(self._session, scan, scan.maps)
        if self._seen is not None and self._seen in scans and not _lie_alike(self._seen, scan):
            self._fit_to(scan)
        self._seen = scan

    def hide(self, scan: Scan) -> None:
        """Hide the layers of a scan until it is shown again; what is hidden already keeps what it was left as."""
        for layer in self._layers_of(scan):
            role = layer.metadata["tesm"]
            if layer.visible or "seen" not in role:
                role["seen"] = layer.visible
                layer.visible = False

    def close(self, scan: Scan) -> None:
        """Remove all layers of a scan."""
        layers = self._session.viewer.layers
        with layers.batched_update():
            for layer in self._layers_of(scan):
                layers.remove(layer)
                del layer.metadata["tesm"]  # napari keeps some layers a while; they must not keep the scan

    def name_layers(self, *_: Any) -> None:
        """Call layers after their scan where there are several, and maps of earlier fits after what was different.

        A name that somebody gave by hand stays.
        """
        if self._naming:
            return
        scans = self._session.scans
        with self._naming:
            for scan in scans:
                for layer in self._layers_of(scan):
                    role = layer.metadata["tesm"]
                    role.setdefault(
                        "title", _NUMBERED.sub("", str(layer.name)).removesuffix(f" · {scan.name}")
                    )
            tell_apart(scans)
            for scan in scans:
                for layer in self._layers_of(scan):
                    self._name(layer, scan, f" · {scan.name}" if len(scans) > 1 else "")

    def _fit_to(self, scan: Scan) -> None:
        """Bring a scan into sight; napari's own way goes by all layers, or fails where some have less dimensions."""
        viewer, display = self._session.viewer, scan.display
        if viewer.dims.ndisplay != 2:
            return
        steps = np.array([self._session.world_step(axis, display.unit) for axis in (-2, -1)])
        spans = (np.array(display.shape) - 1) * display.spacing
        centre = (np.array(display.origin) + spans / 2) / steps
        viewer.scene.camera.center = (0.0, *centre)
        viewer.scene.camera.zoom = _FILLED * float(
            np.min(np.array(viewer.canvas.size) * steps / display.extent())
        )

    def _select(self, scan: Scan) -> None:
        """Let napari's controls be those of a layer that is seen."""
        selection = self._session.viewer.layers.selection
        active = selection.active
        if active is None or role_of(active.metadata).get("scan") in (None, scan):
            return
        seen = [layer for layer in self._layers_of(scan) if layer.visible]
        images = [layer for layer in seen if role_of(layer.metadata)["kind"] not in _DRAWN]
        if seen:
            selection.active = (images or seen)[-1]

    def _name(self, layer: Any, scan: Scan, ending: str) -> None:
        role = layer.metadata["tesm"]
        if role.get("named") not in (None, layer.name):
            return
        of_earlier = words_of_earlier_recipe(scan, role.get("recipe")) if role["kind"] == "map" else ""
        wanted = " · ".join(part for part in (role["title"], of_earlier) if part) + ending
        if not re.fullmatch(re.escape(wanted) + r"( \[\d+\])?", str(layer.name)):
            layer.name = wanted
        role["named"] = layer.name

    def _layers_of(self, scan: Scan) -> list[Any]:
        return [layer for layer in self._session.viewer.layers if role_of(layer.metadata).get("scan") is scan]


def title_of(layer: Any) -> str:
    """Return what is written on the canvas of a layer: its name without that of its scan, which stands in the panel."""
    role = role_of(layer.metadata)
    return str(role["title"] if "title" in role and role.get("named") == layer.name else layer.name)


def tell_apart(scans: Sequence[Scan]) -> None:
    """Give scans names that no other has: one whose name is taken by an earlier one is numbered."""
    taken: set[str] = set()
    for scan in scans:
        scan.name = free_scan_name(scan.name, taken)
        taken.add(scan.name)


def free_scan_name(name: str, taken: Collection[str]) -> str:
    """Return a name, or its first number that is not taken.

    Examples
    --------
    >>> free_scan_name("scan", ["scan", "scan [1]"])
    'scan [2]'
    """
    if name not in taken:
        return name
    stem = _NUMBERED.sub("", name)
    return next(f"{stem} [{n}]" for n in range(1, len(taken) + 2) if f"{stem} [{n}]" not in taken)


def _lie_alike(first: Scan, second: Scan) -> bool:
    """Whether two scans cover about the same area."""
    a, b = first.display, second.display
    size = max(*a.extent(), *b.extent())
    return a.unit == b.unit and bool(
        np.allclose(a.extent(), b.extent(), rtol=0, atol=0.2 * size)
        and np.allclose(a.origin, b.origin, rtol=0, atol=0.2 * size)
    )
