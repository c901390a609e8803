"""``tesm view``: files in napari, with the workspace beside them."""

import argparse
import os
import sys


def run_command(options: argparse.Namespace) -> int:
    """Open files in napari; see ``tesm view --help``."""
    if sys.platform.startswith("linux") and not (
        os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    ):
        # Qt would end the whole process with a message of its own.
        raise ValueError("there is no display to open a window on")
    try:
        import napari  # noqa: F401
        import qtpy.QtWidgets  # noqa: F401
    except ImportError as error:
        raise ImportError(
            f"napari with Qt is not installed ({error}): pip install 'napari-tesm[gui]'"
        ) from error
    from napari_tesm.gui.view import view

    view(options.files)
    return 0
