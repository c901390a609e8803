"""Opening files in napari: drag and drop, File → Open, and `tesm view`."""

import re
from collections.abc import Callable, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

from napari_tesm.gui.dock import open_import, open_workspace
from napari_tesm.gui.layers.scan_layers import layers_from_scan
from napari_tesm.gui.models.form_words import FORMS
from napari_tesm.gui.models.scan import Scan, role_of, scans_from_path, share_world_unit
from napari_tesm.gui.saying import say
from napari_tesm.gwy.forms import is_named_gwy
from napari_tesm.io.registry import UnknownContentError, is_gwy

_MICROSCOPES = re.compile(r"\.(ibw|spm|mdt|nid|gsf|sxm|jpk|jpk-force-map|[0-9]{3})")


def napari_get_reader(path: str | Sequence[str]) -> Callable[[Any], list[Any]] | None:
    """Return the reader of a path or several; None where one is neither a Gwyddion file nor an instrument's."""
    paths = [Path(path)] if isinstance(path, str | PathLike) else [*map(Path, path)]
    return layers_from_paths if paths and all(_is_gwy(p) or _is_instruments(p) for p in paths) else None


def layers_from_paths(path: str | Sequence[str]) -> list[Any]:
    """Return the layers of files, and open the workspace once napari has added them.

    In a window, what cannot be read is said in a sentence, and napari's word for "no layers" returned where nothing
    can: napari would show the user a traceback and advise her to install another plugin. For a recording that does not
    say what is what, the import form is opened.

    Raises
    ------
    OSError, ValueError
        Without a window: if a file cannot be read.
    """
    paths = [Path(path)] if isinstance(path, str | PathLike) else [*map(Path, path)]
    scans: list[Scan] = []
    for file in paths:
        try:
            scans += scans_from_path(file)
        except Exception as error:
            if _viewer_with_window() is None:
                raise
            if isinstance(error, UnknownContentError):
                _open_import_later(file)
            elif isinstance(error, OSError | ValueError):
                say(f"Not opened: {FORMS(error)}", warning=True)
            else:
                kind = type(error).__name__
                say(f"Not opened: {file.name}: unexpected {kind}: {error} (please report it)", warning=True)
    if not scans:
        return [(None,)]
    share_unit_of_viewer(scans)
    layers = [layer for scan in scans for layer in layers_from_scan(scan)]
    if len(scans) > 1:
        for _, options, _ in layers:
            options["name"] = f"{options['name']} · {options['metadata']['tesm']['scan'].name}"
    open_workspace_later()
    return layers


def _is_gwy(path: Path) -> bool:
    # What has the name of a Gwyddion file is taken too: the reader says best what is wrong with it.
    return path.is_file() if is_named_gwy(path) else is_gwy(path)


def _is_instruments(path: Path) -> bool:
    """Whether a file or folder is of a format that recorders and microscopes write, by its content.

    What only the converter could tell, which is slow, is taken by its name: this is asked at every file dropped.
    """
    from napari_tesm.io.detection import format_of_file

    try:
        return bool(format_of_file(path)) or _MICROSCOPES.fullmatch(path.suffix.lower()) is not None
    except (OSError, ValueError, ImportError):
        return False


def _viewer_with_window() -> Any:
    """Return the viewer that is looked at, None where there is none or it has no window."""
    import napari

    viewer = napari.current_viewer()
    return None if getattr(viewer, "window", None) is None else viewer


def _open_import_later(path: Path) -> None:
    """Open the import form with a file once napari is done with its drop."""
    from qtpy.QtCore import QTimer

    viewer = _viewer_with_window()

    def show() -> None:
        open_import(viewer).open_file(path)

    QTimer.singleShot(0, show)


def share_unit_of_viewer(scans: Sequence[Scan]) -> None:
    """Let new scans take the unit of length of those in the viewer that they will be added to, where there is one."""
    import napari

    viewer = napari.current_viewer()
    present = () if viewer is None else (role_of(layer.metadata).get("scan") for layer in viewer.layers)
    share_world_unit(scans, [scan for scan in present if scan is not None])


def open_workspace_later() -> None:
    """Show the workspace beside the new layers, where there is a window to show it in."""
    viewer = _viewer_with_window()
    if viewer is None:
        return
    from qtpy.QtCore import QTimer

    def show() -> None:
        if _viewer_with_window() is viewer:
            open_workspace(viewer)

    QTimer.singleShot(0, show)
