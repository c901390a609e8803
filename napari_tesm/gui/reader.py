"""Opening files in napari: drag and drop, File → Open, and `tesm view`.

napari asks this module about every file that is dropped, in the thread of its window: what reading needs is loaded by
whoever reads.
"""

import re
from collections.abc import Callable, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

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

    Where the window is running, for a drop or a menu, "no layers" is returned at once: the files are read in a thread,
    and their layers come one at a turn of the event loop. A program that opens files before `napari.run` has its
    layers when `viewer.open` returns.

    Raises
    ------
    OSError, ValueError
        Without a window: if a file cannot be read.
    """
    paths = [Path(path)] if isinstance(path, str | PathLike) else [*map(Path, path)]
    viewer = _viewer_with_window()
    if viewer is not None:
        from napari_tesm.gui.turns import is_window_running, open_in_turns

        if is_window_running():
            open_in_turns(viewer, paths)
            return [(None,)]
    from napari_tesm.gui.opening import (
        layers_from_scans,
        open_workspace_later,
        scans_from_paths,
        tell_failures,
    )

    scans, failures = scans_from_paths(paths)
    if failures and viewer is None:
        raise failures[0][1]
    tell_failures(viewer, failures)
    if not scans:
        return [(None,)]
    layers = layers_from_scans(scans, () if viewer is None else tuple(viewer.layers))
    open_workspace_later()
    return layers


def _is_gwy(path: Path) -> bool:
    from napari_tesm.gwy.forms import is_named_gwy

    # What has the name of a Gwyddion file is taken too: the reader says best what is wrong with it.
    if is_named_gwy(path):
        return path.is_file()
    from napari_tesm.io.registry import is_gwy

    return is_gwy(path)


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
