"""``tesm view``: files in a new viewer with the workspace beside them."""

from collections.abc import Sequence
from typing import Any

from napari_tesm.gui.dock import open_workspace
from napari_tesm.gui.ending import run_until_ended


def view(paths: Sequence[str], *, block: bool = True) -> Any:
    """Open files in a new viewer with the workspace beside them.

    Raises
    ------
    OSError, ValueError
        If a file cannot be read: nothing is opened then.
    """
    import napari

    from napari_tesm.gui.layers.scan_layers import add_layer, layers_from_scan
    from napari_tesm.gui.models.scan import scans_from_path, share_world_unit

    scans = [scan for path in paths for scan in scans_from_path(path)]
    share_world_unit(scans)
    viewer = napari.Viewer(title="t-ESM")
    for scan in scans:
        for layer in layers_from_scan(scan):
            add_layer(viewer, layer)
    open_workspace(viewer)
    if block:
        run_until_ended(viewer)
    return viewer
