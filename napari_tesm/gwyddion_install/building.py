"""From the C sources to the module, with what the system has; what it lacks is named with its package."""

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from napari_tesm.gwyddion_install.places import MODULE_NAME, output_of, source_folder
from napari_tesm.gwyddion_install.programs import OLDEST

_FLAGS: Final = (
    "-std=gnu99",
    "-O2",
    "-fPIC",
    "-fvisibility=hidden",
    "-shared",
    "-Wno-deprecated-declarations",
)
_TIMEOUT: Final = 300  # s


class OtherSystemError(OSError):
    """The module is not built on a system like this one."""


@dataclass(frozen=True)
class Requirement:
    """Something the module is built with, and the packages it comes in."""

    what: str
    debian: str
    fedora: str


_COMPILER: Final = Requirement("a C compiler", "gcc libc6-dev", "gcc")
_PACKAGE: Final = {2: "gwyddion", 3: "libgwyapp3"}
"""Gwyddion's own, as pkg-config knows it."""
_HEADERS: Final = {
    # Debian's packages of headers do not bring all that their own pkg-config files ask for.
    2: {
        "gwyddion": Requirement("the headers of Gwyddion", "libgwyddion20-dev", "gwyddion-devel"),
        "gtk+-2.0": Requirement("the headers of GTK 2", "libgtk2.0-dev", "gtk2-devel"),
        "gtkglext-1.0": Requirement("the headers of GtkGLExt", "libgtkglext1-dev", "gtkglext-devel"),
        "fftw3": Requirement("the headers of FFTW", "libfftw3-dev", "fftw-devel"),
    },
    3: {
        "libgwyapp3": Requirement("the headers of Gwyddion 3", "libgwyddion-dev", "gwyddion-devel"),
        "gtk+-3.0": Requirement("the headers of GTK 3", "libgtk-3-dev", "gtk3-devel"),
    },
}


def build_module(folder: Path, generation: int = 2) -> Path:
    """Compile the module for Gwyddion 2 or 3 into a folder and return its path.

    Raises
    ------
    OSError
        If something to build with is missing; the sentence says what, and how to get it.
    RuntimeError
        If the compiler fails; the first of its errors is quoted.
    """
    if sys.platform in ("win32", "darwin"):
        raise OtherSystemError("the module is built on Linux")
    _check_requirements(generation)
    module = folder / MODULE_NAME
    headers = flags_of_headers(generation)
    done = _output(command_to_build(_compiler() or [], source_folder(), module, headers, generation))
    if done.returncode or not module.is_file():
        errors = [line.strip() for line in done.stderr.splitlines() if "error" in line]
        raise RuntimeError(f"the compiler failed: {errors[0] if errors else done.stderr.strip()[:300]}")
    return module


def command_to_build(
    compiler: Sequence[str], sources: Path, module: Path, headers: Sequence[str], generation: int = 2
) -> list[str]:
    """Return what makes the module of the sources; Gwyddion's functions are found in the program that loads it."""
    files = sorted(sources.glob("*.c"))
    if generation == 3:
        # What knows the bytes of a file of Gwyddion 2 has a counterpart there.
        files = [path for path in files if path.name != "disk.c"] + sorted(sources.glob("gwyddion3/*.c"))
    own = ["-DTESM_GWYDDION_3"] if generation == 3 else []
    return [*compiler, *_FLAGS, *own, "-o", str(module), *map(str, files), *headers]


def flags_of_headers(generation: int = 2) -> list[str]:
    """Return what has a compiler find the headers of Gwyddion 2 or 3."""
    return _pkg_config("--cflags", _PACKAGE[generation]).stdout.split()


def missing_requirements(generation: int = 2) -> list[Requirement]:
    """Return what this computer lacks to build the module."""
    missing = []
    if _compiler() is None:
        missing.append(_COMPILER)
    if shutil.which(_pkg_config_name()) is None:
        headers = _HEADERS[generation].values()
        what = "pkg-config (without it nobody can say which headers are here)"
        packages = (
            ["pkg-config", *(h.debian for h in headers)],
            ["pkgconf-pkg-config", *(h.fedora for h in headers)],
        )
        return [*missing, Requirement(what, *map(" ".join, packages))]
    return missing + [needed for name, needed in _HEADERS[generation].items() if not _is_there(name)]


def _check_requirements(generation: int) -> None:
    if missing := missing_requirements(generation):
        names = [requirement.what for requirement in missing]
        listed = names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
        verb = "is" if len(names) == 1 and not names[0].startswith("the ") else "are"
        raise OSError(
            f"the module for Gwyddion {generation} cannot be built: {listed} {verb} missing. "
            f"On Debian or Ubuntu: sudo apt-get install {' '.join(r.debian for r in missing)}; "
            f"on Fedora: sudo dnf install {' '.join(r.fedora for r in missing)}"
        )
    package = _PACKAGE[generation]
    version = _pkg_config("--modversion", package).stdout.strip()
    if _pkg_config(f"--atleast-version={OLDEST[generation]}", package).returncode:
        raise OSError(f"the headers are of Gwyddion {version}: {OLDEST[generation]} or later is needed")
    if not _pkg_config(f"--atleast-version={generation + 1}", package).returncode:
        raise OSError(
            f"the headers are of Gwyddion {version}, and the module is for Gwyddion {generation}: "
            f"install those of Gwyddion {generation}"
        )
    # What else the file of Gwyddion asks for on this system.
    asked = _pkg_config("--cflags", package)
    if asked.returncode:
        raise OSError(f"the headers of Gwyddion are not complete: {asked.stderr.strip().splitlines()[-1]}")


def _is_there(name: str) -> bool:
    done = _pkg_config("--exists", "--print-errors", name)
    # It fails also for what a package asks for; that has a line of its own here.
    return done.returncode == 0 or f"Package {name} was not found" not in done.stderr


def _compiler() -> list[str] | None:
    """Return the compiler as words: $CC, as make has it, or what the system calls it."""
    if given := shlex.split(os.environ.get("CC", "")):
        return given if shutil.which(given[0]) else None
    return next(([name] for name in ("cc", "gcc", "clang") if shutil.which(name)), None)


def _pkg_config_name() -> str:
    return os.environ.get("PKG_CONFIG") or "pkg-config"


def _pkg_config(*words: str) -> subprocess.CompletedProcess[str]:
    return _output([_pkg_config_name(), *words])


def _output(words: Sequence[str]) -> subprocess.CompletedProcess[str]:
    # Messages are searched for "error": in English, whatever the user's language.
    return output_of(words, _TIMEOUT, os.environ | {"LC_ALL": "C"})
