"""Which Gwyddion is on the PATH: one of the second generation, of the third, or both."""

import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from napari_tesm.gwyddion_install.places import output_of

OLDEST_GWYDDION: Final = "2.60"
"""The first with curve maps and with the parameter tables that the dialogs are made of."""
_COMMANDS: Final = ("gwyddion", "gwyddion3")
_TIMEOUT: Final = 20  # s
_VERSION: Final = re.compile(r"\bGwyddion (\d+)\.(\d+)\S*")


@dataclass(frozen=True)
class Program:
    """A Gwyddion that somebody would start.

    Parameters
    ----------
    path : Path
    version : str
        As it says itself, such as ``"2.62"``.
    """

    path: Path
    version: str

    @property
    def takes_module(self) -> bool:
        """Whether it is one that the module is made for."""
        numbers = tuple(int(number) for number in re.findall(r"\d+", self.version)[:2])
        return tuple(int(number) for number in OLDEST_GWYDDION.split(".")) <= numbers < (3,)

    @property
    def name(self) -> str:
        """Version and place, for a sentence."""
        return f"Gwyddion {self.version} ({self.path})"


def programs_here() -> list[Program]:
    """Return the Gwyddions on the PATH, those that the module is made for first; each program once."""
    found: dict[Path, Program] = {}
    for command in _COMMANDS:
        if (path := shutil.which(command)) and (version := _version_of(path)):
            found.setdefault(Path(path).resolve(), Program(Path(path), version))
    return sorted(found.values(), key=lambda program: not program.takes_module)


def why_no_module(programs: Sequence[Program]) -> str:
    """Return why none of these programs could have the module, empty where one can or there is no program."""
    if not programs or any(program.takes_module for program in programs):
        return ""
    names = " and ".join(program.name for program in programs)
    return f"the module is for Gwyddion 2 from {OLDEST_GWYDDION} on, and here is {names}"


def _version_of(program: str) -> str:
    """Return what a program says of itself, empty where it is no Gwyddion."""
    try:
        said = _VERSION.search(output_of([program, "--version"], _TIMEOUT).stdout)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return said[0].removeprefix("Gwyddion ") if said else ""
