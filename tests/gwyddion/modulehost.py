"""Gwyddion's functions run without a screen: ``modulehost.c`` stands in for the program."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from napari_tesm.gwyddion_install.places import own_engine, source_folder

SOURCE = Path(__file__).with_suffix(".c")
TIMEOUT = 120  # s


def compile_host(folder: Path) -> Path:
    program = folder / "modulehost"
    flags = subprocess.run(
        ["pkg-config", "--cflags", "--libs", "gwyddion"], capture_output=True, text=True, check=True
    ).stdout.split()
    # The program has to bring all libraries along: the module asks it for their functions.
    command = [
        "gcc",
        "-O1",
        "-Wno-deprecated-declarations",
        "-Wl,--no-as-needed",
        "-rdynamic",
        "-o",
        program,
        SOURCE,
    ]
    subprocess.run([*command, f"-I{source_folder()}", *flags, "-lm", "-ldl"], check=True, timeout=300)
    return program


@dataclass(frozen=True)
class Run:
    """What a run of a function has left."""

    functions: set[str]
    seconds: float
    filename: str
    decimal: str
    peak: int  # bytes
    stderr: str
    entries: dict[str, str]  # of the dialog as it came up
    labels: list[str]  # of the dialog when all was typed
    ok: bool  # whether its button could be pressed

    @property
    def log(self) -> list[str]:
        """Warnings of the libraries and of the module."""
        return [line for line in self.stderr.splitlines() if line.startswith("LOG ")]


@dataclass(frozen=True)
class Host:
    """Runs functions of the module with a home and a temporary folder of their own."""

    program: Path
    module: Path
    folder: Path

    @property
    def temporary(self) -> Path:
        return self.folder / "temporary"

    @property
    def home(self) -> Path:
        return self.folder / "home"

    def environment(self, **extra: str) -> dict[str, str]:
        self.temporary.mkdir(exist_ok=True)
        self.home.mkdir(exist_ok=True)
        own = {"TESM_ENGINE": str(own_engine()), "TMPDIR": str(self.temporary), "HOME": str(self.home)}
        return os.environ | own | extra

    def start(
        self, kind: str, function: str, number: int, source: object, output: object, *,
        channel: int | None = None, environment: Mapping[str, str] | None = None,
        under: tuple[str, ...] = (),
    ) -> subprocess.Popen[str]:  # fmt: skip
        words = [*under, self.program, self.module, kind, function, str(number), str(source), str(output)]
        if channel is not None:
            words.append(str(channel))
        return subprocess.Popen(
            words,
            env=self.environment(**(environment or {})),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
        )

    def __call__(self, *arguments: object, **options: object) -> Run:
        return self.finish(self.start(*arguments, **options))  # type: ignore[arg-type]

    def finish(self, process: subprocess.Popen[str]) -> Run:
        try:
            stdout, stderr = process.communicate(timeout=TIMEOUT)
        except subprocess.TimeoutExpired:
            process.kill()
            raise
        assert process.returncode in (0, 1), stderr
        words = [line.partition(" ")[::2] for line in stdout.splitlines()]
        said = dict(words)
        return Run(
            functions={value for name, value in words if name == "function"},
            seconds=int(said["milliseconds"]) / 1000,
            filename=said["filename"],
            decimal=said["decimal"],
            peak=int(said["peak"]) * 1024,
            stderr=stderr,
            entries=dict(text.partition(" ")[::2] for name, text in words if name == "entry"),
            labels=[text for name, text in words if name == "label"],
            ok=said.get("ok") == "1",
        )

    def leftovers(self) -> list[str]:
        """What a run has left in the folder for temporary files."""
        return sorted(str(path.relative_to(self.temporary)) for path in self.temporary.rglob("*"))
