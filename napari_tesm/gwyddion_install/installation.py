"""The module put in its place for this user, and taken away."""

import configparser
import contextlib
import io
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

from napari_tesm.gwyddion_install.building import OtherSystemError, build_module
from napari_tesm.gwyddion_install.places import (
    memory_path,
    module_path,
    own_engine,
    prebuilt_module,
    pygwy_paths,
)
from napari_tesm.gwyddion_install.programs import programs_here, why_no_module
from napari_tesm.gwyddion_install.status import findings_of
from napari_tesm.kernels.named import ALL_KERNELS
from napari_tesm.version import __version__


@dataclass(frozen=True)
class Installed:
    """What an installation has put where.

    Parameters
    ----------
    module : Path, optional
        The module in C.
    plugins : tuple of Path
        The plug-ins for pygwy.
    engine : Path
        The program that they call.
    prebuilt : bool
        Whether the module came with the package, and was not built here.
    """

    module: Path | None
    plugins: tuple[Path, ...]
    engine: Path
    prebuilt: bool = False


def install(*, pygwy: bool = False) -> Installed:
    """Install the module for this user; the module remembers the ``tesm`` of this Python.

    What came built with the package is taken where Gwyddion's loader takes it, else it is built. An earlier one is
    replaced, and stays if anything fails.

    Parameters
    ----------
    pygwy : bool
        Install the plug-ins for pygwy instead, which need no compiler and can do less.

    Raises
    ------
    OSError, RuntimeError
        If it cannot be built or written, or the Gwyddion on the PATH is one that it is not made for.
    """
    if pygwy:
        engine = own_engine()
        plugins = pygwy_paths()
        for source, target in plugins.items():
            _write(target, source.read_bytes())
        _remember(engine)
        return Installed(None, tuple(plugins.values()), engine)
    if reason := why_no_module(programs_here()):
        raise OtherSystemError(reason)
    content = _prebuilt()
    prebuilt = content is not None
    if content is None:
        with tempfile.TemporaryDirectory(prefix="tesm-module-") as folder:
            content = build_module(Path(folder)).read_bytes()
    engine = own_engine()
    _write(module_path(), content, executable=True)
    _remember(engine)
    return Installed(module_path(), (), engine, prebuilt)


def _prebuilt() -> bytes | None:
    """Return the module that came with the package, None where there is none or Gwyddion would not load it."""
    path = prebuilt_module()
    return None if path is None or findings_of(path).get("problem") else path.read_bytes()


def uninstall() -> list[Path]:
    """Remove what was installed for this user, and return what there was."""
    plugins = list(pygwy_paths().values())
    removed = []
    for path in (module_path(), *plugins, memory_path()):
        if path.is_file() or path.is_symlink():
            path.unlink()
            removed.append(path)
    for path in plugins:
        # What Python has made of it, and the folder that is only ours.
        path.with_suffix(".pyc").unlink(missing_ok=True)
        if path.parent.name == "tesm":
            with contextlib.suppress(OSError):
                path.parent.rmdir()
    return removed


def _remember(engine: Path) -> None:
    # A GLib key file: a backslash is written twice there.
    command = str(engine).replace("\\", "\\\\")
    memory = configparser.RawConfigParser()
    # What the user has set for the plug-ins stays.
    with contextlib.suppress(configparser.Error, UnicodeDecodeError):
        memory.read(memory_path(), encoding="utf-8")
    memory["engine"] = {"command": command, "version": __version__, "kernels": f"{';'.join(ALL_KERNELS)};"}
    text = io.StringIO()
    memory.write(text, space_around_delimiters=False)
    _write(memory_path(), text.getvalue().encode())


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
