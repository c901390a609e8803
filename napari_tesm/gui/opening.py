"""The scans of files in a viewer: what is read, what is said of what cannot be, and the workspace beside it."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from napari_tesm.gui.dock import open_import, open_workspace, workspace_in_steps
from napari_tesm.gui.layers.label_layers import LayerTuple
from napari_tesm.gui.layers.scan_layers import layers_from_scan
from napari_tesm.gui.layers.session import Session
from napari_tesm.gui.models.form_words import FORMS
from napari_tesm.gui.models.scan import Scan, role_of, scans_from_path, share_world_unit
from napari_tesm.gui.saying import say
from napari_tesm.io.registry import UnknownContentError

Failure = tuple[Path, Exception]


def scans_from_paths(paths: Sequence[Path]) -> tuple[list[Scan], list[Failure]]:
    """Return the scans of files, and of those that cannot be read why not."""
    scans: list[Scan] = []
    failures: list[Failure] = []
    for file in paths:
        try:
            scans += scans_from_path(file)
        except Exception as error:
            failures.append((file, error))
    return scans, failures


def tell_failures(viewer: Any, failures: Sequence[Failure]) -> None:
    """Say in a sentence what cannot be read; open the import form for a recording that does not say what is what."""
    for file, error in failures:
        if isinstance(error, UnknownContentError):
            _open_import_later(viewer, file)
        elif isinstance(error, OSError | ValueError):
            say(f"Not opened: {FORMS(error)}", warning=True)
        else:
            kind = type(error).__name__
            say(f"Not opened: {file.name}: unexpected {kind}: {error} (please report it)", warning=True)


def layers_from_scans(scans: Sequence[Scan], present: Sequence[Any]) -> list[LayerTuple]:
    """Return the layers of new scans, in the unit of length of the layers that are there already."""
    known = dict.fromkeys(role_of(layer.metadata).get("scan") for layer in present)
    share_world_unit(scans, [scan for scan in known if scan is not None])
    layers = [layer for scan in scans for layer in layers_from_scan(scan)]
    if len(scans) > 1:
        for _, options, _ in layers:
            options["name"] = f"{options['name']} · {options['metadata']['tesm']['scan'].name}"
    return layers


def read_scans(paths: Sequence[Path], present: Sequence[Any]) -> tuple[list[Any], list[Failure]]:
    """Return napari's layers of files and what cannot be read, in a thread: nothing of the window is touched.

    What the workspace needs is loaded on the way.
    """
    from napari.layers import Layer

    import napari_tesm.gui.panels.workspace  # noqa: F401

    scans, failures = scans_from_paths(paths)
    return [Layer.create(*layer) for layer in layers_from_scans(scans, present)], failures


def show_scans(viewer: Any, layers: Sequence[Any], failures: Sequence[Failure]) -> Iterator[None]:
    """Put layers that were read into a viewer, and the workspace beside them: one step at a time."""
    tell_failures(viewer, failures)
    session = Session.of(viewer)
    begun: set[Scan] = set()
    for layer in layers:
        role = layer.metadata["tesm"]
        scan = role["scan"]
        # Between two steps she may close the scan, or pin a first point.
        closed = scan in begun and scan not in session.scans
        if closed or (role["kind"] in ("points", "regions") and session.layer_of(scan, role["kind"])):
            continue
        viewer.add_layer(layer)
        begun.add(scan)
        yield
    if begun:
        yield from workspace_in_steps(viewer)


def share_unit_of_viewer(scans: Sequence[Scan]) -> None:
    """Let new scans take the unit of length of those in the viewer that they will be added to, where there is one."""
    import napari

    viewer = napari.current_viewer()
    present = () if viewer is None else (role_of(layer.metadata).get("scan") for layer in viewer.layers)
    share_world_unit(scans, [scan for scan in present if scan is not None])


def open_workspace_later() -> None:
    """Show the workspace beside the new layers, where there is a window to show it in."""
    import napari

    viewer = napari.current_viewer()
    if getattr(viewer, "window", None) is None:
        return
    from qtpy.QtCore import QTimer

    def show() -> None:
        if napari.current_viewer() is viewer:
            open_workspace(viewer)

    QTimer.singleShot(0, show)


def _open_import_later(viewer: Any, path: Path) -> None:
    """Open the import form with a file once napari is done with its drop."""
    from qtpy.QtCore import QTimer

    QTimer.singleShot(0, lambda: open_import(viewer).open_file(path))
