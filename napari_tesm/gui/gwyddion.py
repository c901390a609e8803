"""A scan handed over to Gwyddion: its own file where that says all, else what is open, written for it."""

import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from threading import Thread

from napari_tesm.gui.models.scan import Scan
from napari_tesm.gwyddion_install.programs import programs_here
from napari_tesm.io.registry import is_gwy
from napari_tesm.scan import Scan as PlainScan
from napari_tesm.scan import save_scan


def opener_in_gwyddion(scan: Scan) -> Callable[[], Path]:
    """Return what writes the scan as it is now, if need be, starts Gwyddion with it, and returns the file's path.

    It can run while the scan changes; it raises an OSError where there is no Gwyddion or the file cannot be written.
    """
    own = scan.path if scan.path is not None and is_gwy(scan.path) and not scan.unsaved() else None
    frozen, name = PlainScan.of(scan), scan.suggested_path().name

    def open_it() -> Path:
        programs = programs_here()
        if not programs:
            raise FileNotFoundError("there is no Gwyddion on the PATH: install it, or put its folder there")
        path = own
        if path is None:
            # It stays: Gwyddion reads it after this, and may be asked to save in it.
            path = Path(tempfile.mkdtemp(prefix="tesm_")) / name
            save_scan(frozen, path, kept=("maps",) if frozen.dataset is None else ())
        process = subprocess.Popen(
            [str(programs[0].path), str(path)],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
        Thread(target=process.wait, daemon=True, name="Gwyddion").start()  # else it is left as a zombie
        return path

    return open_it
