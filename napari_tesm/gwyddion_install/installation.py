"""The module put in its place for this user, and taken away."""

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

from napari_tesm import __version__
from napari_tesm.gwyddion_install.building import build_module
from napari_tesm.gwyddion_install.places import memory_path, module_path, own_engine
from napari_tesm.kernels import KERNELS


@dataclass(frozen=True)
class Installed:
    """What an installation has put where."""

    module: Path
    engine: Path


def install() -> Installed:
    """Build the module and install it for this user; the module remembers the ``tesm`` of this Python.

    An earlier one is replaced, and stays if anything fails.

    Raises
    ------
    OSError, RuntimeError
        If it cannot be built or written.
    """
    engine = own_engine()
    with tempfile.TemporaryDirectory(prefix="tesm-module-") as folder:
        built = build_module(Path(folder)).read_bytes()
    _write(module_path(), built, executable=True)
    # A GLib key file: a backslash is written twice there.
    command = str(engine).replace("\\", "\\\\")
    memory = f"[engine]\ncommand={command}\nversion={__version__}\nkernels={';'.join(KERNELS)};\n"
    _write(memory_path(), memory.encode())
    return Installed(module_path(), engine)


def uninstall() -> list[Path]:
    """Remove what was installed for this user, and return what there was."""
    removed = []
    for path in (module_path(), memory_path()):
        if path.is_file() or path.is_symlink():
            path.unlink()
            removed.append(path)
    return removed


def _write(path: Path, content: bytes, *, executable: bool = False) -> None:
    """Write a file whole or not at all: a Gwyddion that is running has the old one open."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # No name that ends like a module's: Gwyddion loads whatever does.
    number, name = tempfile.mkstemp(prefix=f".{path.name}-", suffix=".new", dir=path.parent)
    try:
        with os.fdopen(number, "wb") as file:
            file.write(content)
        Path(name).chmod(0o755 if executable else 0o644)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
