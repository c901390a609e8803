"""Where the module's sources are, where Gwyddion looks for a user's modules, and which engine they call."""

import configparser
import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

MODULE_NAME: Final = "tesm.so"
_MACHINES: Final = {"amd64": "x86_64", "arm64": "aarch64"}
"""Other names of the same kinds of computer."""
_SETTING: Final = re.compile(r'^"/module/tesm/engine" string "((?:[^"\\]|\\.)*)"$', re.MULTILINE)
"""The engine chosen in the module's dialog, as Gwyddion writes its settings."""


def source_folder() -> Path:
    """Return the folder of the module's C sources: inside the installed package, or beside it in a checkout.

    Raises
    ------
    FileNotFoundError
        If they are in neither place.
    """
    package = Path(__file__).parents[1]
    for folder in (package / "gwyddion_plugin", package.parent / "gwyddion_plugin"):
        if (folder / "tesm.h").is_file():
            return folder
    raise FileNotFoundError("the sources of the Gwyddion module are missing: install napari-tesm anew")


def prebuilt_module() -> Path | None:
    """Return the module for Gwyddion 2 that came with the package, None where none came for this kind of computer."""
    machine = platform.machine().lower()
    path = source_folder() / "prebuilt" / f"tesm-linux-{_MACHINES.get(machine, machine)}.so"
    return path if sys.platform == "linux" and path.is_file() else None


def gwyddion_folder(generation: int = 2) -> Path:
    """Return the folder of this user that belongs to Gwyddion 2 or 3."""
    name = "gwyddion" if generation == 2 else f"gwyddion{generation}"
    return Path.home() / (name if sys.platform == "win32" else f".{name}")


def module_path(generation: int = 2) -> Path:
    """Return where the module is installed for this user."""
    return gwyddion_folder(generation) / "modules" / MODULE_NAME


def pygwy_paths() -> dict[Path, Path]:
    """Return where each file of the pygwy plug-ins comes from and goes to."""
    sources = source_folder() / "pygwy"
    target = gwyddion_folder() / "pygwy"
    return {path: target / path.relative_to(sources) for path in sorted(sources.rglob("*.py"))}


def memory_path(generation: int = 2) -> Path:
    """Return the file in which the installation tells the module of its engine."""
    return gwyddion_folder(generation) / "tesm.conf"


def own_engine() -> Path:
    """Return the command ``tesm`` that belongs to the Python that is running.

    Raises
    ------
    FileNotFoundError
        If there is none.
    """
    beside = Path(sys.executable).parent
    # On Windows, programs of packages are in a folder of their own.
    places = os.pathsep.join(map(str, (beside, beside / "Scripts")))
    program = shutil.which("tesm", path=places) or shutil.which("tesm")
    if program is None:
        raise FileNotFoundError(
            "there is no command tesm beside this Python nor on the PATH: pip install napari-tesm"
        )
    return Path(program).absolute()


def engine_for_gwyddion(generation: int = 2) -> tuple[Path | None, str]:
    """Return the engine that the module of a Gwyddion would call, None if there is none, and where it is named.

    The order is the module's own: ``$TESM_ENGINE``, the dialog, the installation, the PATH.
    """
    if given := os.environ.get("TESM_ENGINE"):
        return _program(given), "$TESM_ENGINE"
    if chosen := _chosen_in_dialog(generation):
        return _program(chosen), "chosen in Gwyddion"
    if (remembered := remembered_engine(generation)) and (program := _program(remembered)):
        return program, "remembered at installation"
    return _program("tesm"), "found on the PATH"


def remembered_engine(generation: int = 2) -> str | None:
    """Return the engine that was remembered at installation."""
    memory = configparser.ConfigParser(interpolation=None)
    try:
        memory.read(memory_path(generation), encoding="utf-8")
    except (configparser.Error, UnicodeDecodeError):
        return None
    # GLib writes a backslash twice.
    return memory.get("engine", "command", fallback="").replace("\\\\", "\\") or None


def _chosen_in_dialog(generation: int) -> str:
    try:
        text = (gwyddion_folder(generation) / "settings").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    setting = _SETTING.search(text)
    return re.sub(r"\\(.)", r"\1", setting[1]) if setting else ""


def output_of(
    words: Sequence[str], timeout: float, environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Return what a program writes, in s at most."""
    return subprocess.run(
        words, capture_output=True, text=True, errors="replace", timeout=timeout, env=environment
    )


def _program(name: str) -> Path | None:
    program = shutil.which(name)
    return Path(program) if program else None
