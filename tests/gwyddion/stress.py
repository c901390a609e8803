"""Engines that behave badly, and whether they are gone."""

import contextlib
import json
import os
import signal
import sys
import time
from pathlib import Path

from napari_tesm.gwy import read_container
from napari_tesm.gwyddion_install.places import own_engine

FUNCTION = "tesm_diffusion_maps"
ENGINE = Path(__file__).with_name("stress_engine.py")


class Stress:
    """Runs the diffusion maps of one volume with an engine that behaves badly."""

    def __init__(self, host, sample, folder):
        self.host, self.sample, self.output, self.notes = host, sample, folder / "out.gwy", folder / "notes"
        self.engine = folder / "stress engine"
        self.engine.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{ENGINE}" "$@"\n')
        self.engine.chmod(0o755)

    def environment(self, mode, **extra):
        return {
            "TESM_ENGINE": str(self.engine),
            "STRESS": mode,
            "STRESS_NOTES": str(self.notes),
            "STRESS_ENGINE": str(own_engine()),
        } | extra

    def __call__(self, mode, **extra):
        return self.host(
            "volume", FUNCTION, 1, self.sample, self.output, environment=self.environment(mode, **extra)
        )

    def said(self, name):
        entries = [json.loads(line) for line in self.notes.read_text().splitlines()]
        return next(entry[name] for entry in entries if name in entry)

    def wait_for(self, name):
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            if self.notes.exists() and f'"{name}"' in self.notes.read_text():
                return self.said(name)
            time.sleep(0.05)
        raise AssertionError(f"the engine never said '{name}'")

    def n_channels(self):
        return sum(key.endswith("/data") for key in read_container(self.output) if "brick" not in key)

    def close(self):
        """End what a test that failed has left running."""
        if not self.notes.exists():
            return
        for line in self.notes.read_text().splitlines():
            for name in ("pid", "child"):
                _end(json.loads(line).get(name, 0))


def _end(pid):
    """End a process, if its number is still that of one of these engines."""
    with contextlib.suppress(OSError):
        words = Path(f"/proc/{pid}/cmdline").read_bytes()
        if ENGINE.name.encode() in words or words == b"sleep\x00600\x00":
            os.kill(pid, signal.SIGKILL)


def is_alive(pid):
    """Whether a process runs; one that waits to be reaped by somebody else does not."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False
    return status.rpartition(")")[2].split()[0] != "Z"


def gone_soon(pid):
    deadline = time.monotonic() + 10
    while is_alive(pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    return not is_alive(pid)
