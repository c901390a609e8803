"""Which Gwyddion is on the PATH: one of the second generation, of the third, or both."""

import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from napari_tesm.gwyddion_install.places import output_of

OLDEST: Final = {2: "2.60", 3: "3.12"}
"""Of Gwyddion 2 the first with curve maps and with the parameter tables that the dialogs are made of; of Gwyddion 3 the
one that the module was tried in."""
MADE_FOR: Final = f"the module is for Gwyddion 2 from {OLDEST[2]} and Gwyddion 3 from {OLDEST[3]} on"
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
    def generation(self) -> int | None:
        """2 or 3, None where the module is made for neither."""
        numbers = _numbers(self.version)
        oldest = OLDEST.get(numbers[0])
        return numbers[0] if oldest is not None and numbers >= _numbers(oldest) else None

    @property
    def name(self) -> str:
        """Version and place, for a sentence."""
        return f"Gwyddion {self.version} ({self.path})"


def programs_here() -> list[Program]:
    """Return the Gwyddions on the PATH, those that the module is made for first, and 2 before 3; each program once."""
    found: dict[Path, Program] = {}
    for command in _COMMANDS:
        if (path := shutil.which(command)) and (version := _version_of(path)):
            found.setdefault(Path(path).resolve(), Program(Path(path), version))
    return sorted(found.values(), key=lambda program: program.generation or 9)


def generations_of(programs: Sequence[Program]) -> list[int]:
    """Return for which of 2 and 3 the module is to be installed; 2 where there is no program.

    Raises
    ------
    OSError
        If none of the programs could have it.
    """
    found = sorted({program.generation for program in programs if program.generation is not None})
    if programs and not found:
        raise OSError(f"{MADE_FOR}, and here is {' and '.join(program.name for program in programs)}")
    return found or [2]


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", version)[:2])


def _version_of(program: str) -> str:
    """Return what a program says of itself, empty where it is no Gwyddion."""
    try:
        said = _VERSION.search(output_of([program, "--version"], _TIMEOUT).stdout)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return said[0].removeprefix("Gwyddion ") if said else ""
