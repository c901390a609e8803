"""What is installed, whether the Gwyddion here would load it, and which engine it would call."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from napari_tesm.gwyddion_install.places import engine_for_gwyddion, module_path, output_of, pygwy_paths
from napari_tesm.gwyddion_install.programs import Program, programs_here

_TIMEOUT: Final = 60  # s


@dataclass(frozen=True)
class Status:
    """The state of the module on this computer.

    Parameters
    ----------
    module : Path, optional
        The module of this user; None where it is not installed.
    version : str
        The module's version, as Gwyddion's loader read it; empty if it could not.
    gwyddion : str
        Version of Gwyddion's libraries; empty where there are none.
    programs : tuple of Program
        The Gwyddions on the PATH, those that the module is made for first.
    functions : tuple of str
        What the module offers in Gwyddion, as ``"volume::tesm_diffusion_maps"``.
    plugins : tuple of Path
        The plug-ins for pygwy that are installed; whether Gwyddion has pygwy nobody can tell from outside.
    problem : str
        Why Gwyddion would not load the module; empty if it would.
    engine : Path, optional
        The engine that the module would call; None if there is none.
    engine_origin : str
        Where that engine is named.
    engine_version : str
        What the engine says to ``--version``; empty if it does not run.
    """

    module: Path | None
    version: str
    gwyddion: str
    programs: tuple[Program, ...]
    functions: tuple[str, ...]
    plugins: tuple[Path, ...]
    problem: str
    engine: Path | None
    engine_origin: str
    engine_version: str

    @property
    def ready(self) -> bool:
        """Whether everything is there and fits together."""
        return bool(
            self.module
            and any(program.takes_module for program in self.programs)
            and not self.problem
            and self.engine_version
        )


def status() -> Status:
    """Return the state of the module on this computer."""
    module = module_path() if module_path().is_file() else None
    said: dict[str, Any] = findings_of(module) if module else {"problem": "it is not installed"}
    engine, origin = engine_for_gwyddion()
    return Status(
        module=module,
        version=said.get("module", ""),
        gwyddion=said.get("gwyddion") or "",
        programs=tuple(programs_here()),
        functions=tuple(said.get("functions", ())),
        plugins=tuple(path for path in pygwy_paths().values() if path.is_file()),
        problem=said.get("problem", ""),
        engine=engine,
        engine_origin=origin,
        engine_version=_version_of_engine(engine) if engine else "",
    )


def findings_of(module: Path) -> dict[str, Any]:
    """Return what Gwyddion's own loader makes of a module: see `napari_tesm.gwyddion_install.loading`."""
    script = Path(__file__).with_name("loading.py")
    try:
        done = output_of([sys.executable, "-I", str(script), os.fspath(module)], _TIMEOUT)
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
