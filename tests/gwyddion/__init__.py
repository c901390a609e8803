"""Acceptance by Gwyddion itself: its libraries read a file and say what they made of it.

`Oracle` runs ``gwyoracle.c``, a program linked with the real libraries; `check` runs ``gwyddion --check``.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

SOURCE = Path(__file__).with_name("gwyoracle.c")
TIMEOUT = 60  # s; a damaged file can make the libraries loop


def missing() -> str:
    """What is not installed, empty if all is there."""
    if shutil.which("gwyddion") is None:
        return "gwyddion is not installed"
    if shutil.which("gcc") is None or shutil.which("pkg-config") is None:
        return "gcc or pkg-config is not installed"
    done = subprocess.run(
        ["pkg-config", "--exists", "--print-errors", "gwyddion"], capture_output=True, text=True
    )
    return f"Gwyddion's development files are not complete: {done.stderr.strip()}" if done.returncode else ""


def compile_oracle(folder: Path) -> Path:
    program = folder / "gwyoracle"
    flags = subprocess.run(
        ["pkg-config", "--cflags", "--libs", "gwyddion"], capture_output=True, text=True, check=True
    ).stdout.split()
    subprocess.run(
        ["gcc", "-O1", "-Wno-deprecated-declarations", "-o", program, SOURCE, *flags, "-lm"],
        check=True,
        timeout=300,
    )
    return program


@dataclass
class View:
    """What Gwyddion sees in a file."""

    items: dict[str, Any]
    problems: list[str]


@dataclass(frozen=True)
class Oracle:
    program: Path

    def __call__(self, path: Path, *, values: bool = False) -> View:
        command = [str(self.program), *["--values"] * values, str(path)]
        result = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT)
        assert result.returncode in (0, 1), f"Gwyddion cannot read {path}: {result.stderr}"
        seen = json.loads(result.stdout)
        assert (result.returncode == 1) == bool(seen["problems"])
        # The path a file was last saved under is not part of what is in it.
        seen["items"].pop("/filename", None)
        return View(seen["items"], seen["problems"])


def check(path: Path, *, home: Path | None = None) -> str:
    """What ``gwyddion --check`` complains about; its exit status is 0 whatever it finds."""
    if path.stat().st_size <= 4:
        raise ValueError(f"{path} ends after its magic, at which Gwyddion aborts.")
    environment = os.environ | ({"HOME": str(home)} if home else {})
    result = subprocess.run(
        ["gwyddion", "--check", str(path)], capture_output=True, text=True, timeout=TIMEOUT, env=environment
    )
    assert result.returncode == 0, result.stderr
    return (result.stdout + result.stderr).strip()


def digest(values: Any, dtype: str = "<f8") -> dict[str, Any]:
    """An array as the oracle prints it."""
    array = np.ascontiguousarray(values, dtype)
    return {"n": array.size, "sha256": hashlib.sha256(array.tobytes()).hexdigest()}
