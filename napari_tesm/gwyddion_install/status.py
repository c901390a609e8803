"""What is installed, whether the Gwyddion here would load it, and which engine it would call."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from napari_tesm.gwyddion_install.places import engine_for_gwyddion, module_path, output_of, pygwy_paths
from napari_tesm.gwyddion_install.programs import OLDEST, Program, programs_here

_TIMEOUT: Final = 60  # s


@dataclass(frozen=True)
class ModuleStatus:
    """The module for Gwyddion 2 or 3, as far as it is installed.

    Parameters
    ----------
    generation : int
        2 or 3.
    path : Path, optional
        None where it is not installed for this user.
    version : str
        The module's version, as Gwyddion's loader read it; empty if it could not.
    gwyddion : str
        Version of Gwyddion's libraries; empty where there are none.
    functions : tuple of str
        What the module offers in Gwyddion, as ``"volume::tesm_diffusion_maps"``.
    problem : str
        Why Gwyddion would not load the module; empty if it would.
    """

    generation: int
    path: Path | None
    version: str
    gwyddion: str
    functions: tuple[str, ...]
    problem: str


@dataclass(frozen=True)
class Status:
    """The state of the module on this computer.

    Parameters
    ----------
    modules : tuple of ModuleStatus
        One for each of 2 and 3 that is installed, or could be for a program that is here.
    programs : tuple of Program
        The Gwyddions on the PATH, those that the module is made for first.
    plugins : tuple of Path
        The plug-ins for pygwy that are installed; whether Gwyddion has pygwy nobody can tell from outside.
    engine : Path, optional
        The engine that the modules would call; None if there is none.
    engine_origin : str
        Where that engine is named.
    engine_version : str
        What the engine says to ``--version``; empty if it does not run.
    """

    modules: tuple[ModuleStatus, ...]
    programs: tuple[Program, ...]
    plugins: tuple[Path, ...]
    engine: Path | None
    engine_origin: str
    engine_version: str

    @property
    def ready(self) -> bool:
        """Whether everything is there and fits together for each Gwyddion that can have the module."""
        served = {module.generation for module in self.modules if module.path and not module.problem}
        wanted = {program.generation for program in self.programs if program.generation is not None}
        return bool(wanted) and wanted <= served and bool(self.engine_version)


def status() -> Status:
    """Return the state of the module on this computer."""
    programs = tuple(programs_here())
    wanted = {program.generation for program in programs}
    modules = tuple(
        _module(generation, programs)
        for generation in OLDEST
        if generation in wanted or module_path(generation).is_file()
    )
    first = modules[0].generation if modules else 2
    engine, origin = engine_for_gwyddion(first)
    return Status(
        modules=modules,
        programs=programs,
        plugins=tuple(path for path in pygwy_paths().values() if path.is_file()),
        engine=engine,
        engine_origin=origin,
        engine_version=_version_of_engine(engine) if engine else "",
    )


def _module(generation: int, programs: Sequence[Program]) -> ModuleStatus:
    path = module_path(generation) if module_path(generation).is_file() else None
    said: dict[str, Any] = {"problem": "it is not installed"}
    if path is not None:
        versions = [program.version for program in programs if program.generation == generation]
        said = findings_of(path, generation, versions[0] if versions else "")
    return ModuleStatus(
        generation=generation,
        path=path,
        version=said.get("module", ""),
        gwyddion=said.get("gwyddion") or "",
        functions=tuple(said.get("functions", ())),
        problem=said.get("problem", ""),
    )


def findings_of(module: Path, generation: int = 2, version: str = "") -> dict[str, Any]:
    """Return what Gwyddion's own loader makes of a module: see `napari_tesm.gwyddion_install.loading`."""
    script = Path(__file__).with_name("loading.py")
    try:
        words = [sys.executable, "-I", str(script), os.fspath(module), str(generation), version]
        done = output_of(words, _TIMEOUT)
        return dict(json.loads(done.stdout))
    except subprocess.TimeoutExpired:
        return {"problem": "loading it takes longer than a minute"}
    except ValueError:
        last = done.stderr.strip().splitlines()[-1:] or [f"it ended with status {done.returncode}"]
        return {"problem": f"loading it ends the program: {last[0]}"}


def _version_of_engine(engine: Path) -> str:
    try:
        done = output_of([str(engine), "--version"], _TIMEOUT)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    lines = done.stdout.strip().splitlines()
    return lines[0] if done.returncode == 0 and lines else ""
