"""The module put in its place for this user, and taken away."""

import configparser
import contextlib
import io
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

from napari_tesm.gwyddion_install.building import build_module
from napari_tesm.gwyddion_install.places import (
    memory_path,
    module_path,
    own_engine,
    prebuilt_module,
    pygwy_paths,
)
from napari_tesm.gwyddion_install.programs import OLDEST, generations_of, programs_here
from napari_tesm.gwyddion_install.status import findings_of
from napari_tesm.kernels.named import ALL_KERNELS
from napari_tesm.version import __version__


@dataclass(frozen=True)
class Installed:
    """What an installation has put where.

    Parameters
    ----------
    modules : dict of int to Path
        The modules in C, for Gwyddion 2 and 3.
    plugins : tuple of Path
        The plug-ins for pygwy.
    engine : Path
        The program that they call.
    prebuilt : bool
        Whether the module for Gwyddion 2 came with the package, and was not built here.
    refused : tuple of str
        Why another Gwyddion that is here has got none, a sentence each.
    """

    modules: dict[int, Path]
    plugins: tuple[Path, ...]
    engine: Path
    prebuilt: bool = False
    refused: tuple[str, ...] = ()


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
        return Installed({}, tuple(plugins.values()), engine)
    built: dict[int, bytes] = {}
    errors: list[OSError | RuntimeError] = []
    prebuilt = False
    for generation in generations_of(programs_here()):
        content = _prebuilt() if generation == 2 else None
        prebuilt |= content is not None
        try:
            built[generation] = content or _built(generation)
        except (OSError, RuntimeError) as error:
            errors.append(error)
    if not built:
        raise errors[0]
    engine = own_engine()
    for generation, content in built.items():
        _write(module_path(generation), content, executable=True)
        _remember(engine, generation)
    modules = {generation: module_path(generation) for generation in built}
    return Installed(modules, (), engine, prebuilt, tuple(map(str, errors)))


def _built(generation: int) -> bytes:
    with tempfile.TemporaryDirectory(prefix="tesm-module-") as folder:
        return build_module(Path(folder), generation).read_bytes()


def _prebuilt() -> bytes | None:
    """Return the module for Gwyddion 2 that came with the package, None where Gwyddion would not load it."""
    path = prebuilt_module()
    return None if path is None or findings_of(path).get("problem") else path.read_bytes()


def uninstall() -> list[Path]:
    """Remove what was installed for this user, and return what there was."""
    plugins = list(pygwy_paths().values())
    removed = []
    of_each = [path(generation) for generation in OLDEST for path in (module_path, memory_path)]
    for path in (*of_each, *plugins):
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


def _remember(engine: Path, generation: int = 2) -> None:
    # A GLib key file: a backslash is written twice there.
    command = str(engine).replace("\\", "\\\\")
    memory = configparser.RawConfigParser()
    # What the user has set for the plug-ins stays.
    with contextlib.suppress(configparser.Error, UnicodeDecodeError):
        memory.read(memory_path(generation), encoding="utf-8")
    memory["engine"] = {"command": command, "version": __version__, "kernels": f"{';'.join(ALL_KERNELS)};"}
    text = io.StringIO()
    memory.write(text, space_around_delimiters=False)
    _write(memory_path(generation), text.getvalue().encode())


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
