"""Every moment at which a process can be stopped while it writes, tried: ``python tests/kill_points.py [NAME...]``.

An output replaces an earlier one in a process of its own, which is stopped just before the n-th step that touches the
folder, for all n: by SIGKILL, SIGINT, SIGTERM, and by two SIGINT a step apart. Then the old output must be there or the
new one, whole; what was said on the way out must be true; and the next start must leave nothing behind.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import os
import signal
import sys
import tempfile
import traceback
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from napari_tesm.files.leftovers import put_right

WAYS = {
    "kill": (signal.SIGKILL,),
    "interrupt": (signal.SIGINT,),
    "terminate": (signal.SIGTERM,),
    "interrupt twice": (signal.SIGINT, signal.SIGINT),
}
CODES = {signal.SIGINT: 130, signal.SIGTERM: 143}
MEMORY = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
"""Where outputs are written: what a stop leaves is asked for, not the disk, on which each flush takes its time."""
WINDOW = "save in napari's window"
PROMISE = "no half-written output is left"
_STEPS = (
    "open", "os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.link", "os.chmod", "os.truncate", "os.listdir",
)  # fmt: skip


@dataclass(frozen=True)
class Operation:
    """What writes, in a folder of its own.

    Parameters
    ----------
    name : str
    write : callable
        Called with the folder and with 0 for the earlier output, 1 for the later; returns an exit code.
    targets : tuple of str
        What it writes, in the folder.
    words : bool
        Whether it says on standard error how it ended, as commands do.
    """

    name: str
    write: Callable[[Path, int], int]
    targets: tuple[str, ...]
    words: bool = False


@dataclass(frozen=True)
class Outcome:
    """What was tried and what was wrong."""

    name: str
    steps: int
    tried: int
    new: int
    """How often the later output was there."""
    faults: tuple[str, ...]


def outcome_of(operation: Operation, *, every: int = 1, ways: tuple[str, ...] = tuple(WAYS)) -> Outcome:
    """Try an operation at each `every`-th step, in each way."""
    faults: list[str] = []
    n_tried = n_new = 0
    with tempfile.TemporaryDirectory(prefix="kill-points-", dir=MEMORY) as name:
        folder = Path(name)
        states = []
        for version in (0, 1):
            _in_child(operation, folder, version, folder.with_suffix(".said"))
            states.append({target: _digest(folder / target) for target in operation.targets})
        assert all(states[0][target] != states[1][target] != "" for target in operation.targets)
        steps = _n_steps(operation, folder)
        for way in ways:
            for step in range(0, steps + 1, every):
                n_tried += 1
                at = f"{operation.name}, {way} before step {step} of {steps}"
                new, wrong = _tried(operation, folder, states, way, step)
                n_new += new
                faults += [f"{at}: {fault}" for fault in wrong]
        folder.with_suffix(".said").unlink()
    return Outcome(operation.name, steps, n_tried, n_new, tuple(faults))


def _tried(
    operation: Operation, folder: Path, states: list[dict[str, str]], way: str, step: int
) -> tuple[bool, list[str]]:
    """Return whether the later output was there in the end, and what was wrong."""
    said = folder.with_suffix(".said")
    _in_child(operation, folder, 0, said)
    start = {target: _digest(folder / target) for target in operation.targets}
    faults = [] if start == states[0] and not _hidden(folder) else ["the next start left something behind"]
    code = _in_child(operation, folder, 1, said, step, WAYS[way])
    for target in operation.targets:
        if not (folder / target).exists():
            put_right(folder / target)
    now = {target: _digest(folder / target) for target in operation.targets}
    faults += [
        f"{target} is neither the old one nor the new one"
        for target in operation.targets
        if now[target] not in (states[0][target], states[1][target])
    ]
    first = WAYS[way][0]
    if first is not signal.SIGKILL:
        if now not in states:
            faults.append("some outputs are old and some new")
        if operation.words:
            words = said.read_text(errors="replace")
            if code not in (0, CODES[first]):
                faults.append(f"exit code {code}, {words!r}")
            if (PROMISE in words or code == 0) and _hidden(folder):
                faults.append(f"left behind in spite of what it says: {_hidden(folder)}")
            if code and PROMISE not in words:
                faults.append(f"it says {words!r}")
        elif len(WAYS[way]) == 1 and first is signal.SIGINT and _hidden(folder):
            faults.append(f"left behind: {_hidden(folder)}")
    return now == states[1], faults


def _in_child(
    operation: Operation,
    folder: Path,
    version: int,
    said: Path,
    step: int | None = None,
    signals: tuple[signal.Signals, ...] = (),
) -> int:
    """Run an operation in a process of its own and return its exit code, or minus the signal that ended it."""
    with warnings.catch_warnings():
        # Forked before any thread of ours runs: those of the numeric libraries are idle.
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:
        code = 99
        try:
            os.dup2(os.open(said, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), 2)
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            # Whoever calls may have put something else in their place, as pytest does.
            sys.stdout, sys.stderr = (open(number, "w", closefd=False) for number in (1, 2))  # noqa: SIM115
            if step is not None:
                _stop_at(folder, step, signals)
            code = operation.write(folder, version)
        except KeyboardInterrupt:
            code = CODES[signal.SIGINT]
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stderr.flush()
            os._exit(code)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if step is None and code:
        raise RuntimeError(f"{operation.name} fails by itself: {said.read_text(errors='replace')}")
    return code


def _stop_at(folder: Path, step: int, signals: tuple[signal.Signals, ...]) -> None:
    """Send this process the signals from the given step on, one before each."""
    waiting = list(signals)
    inside = os.fspath(folder)
    seen = 0

    def hook(event: str, arguments: tuple[object, ...]) -> None:
        nonlocal seen
        if event not in _STEPS or not arguments or not _is_inside(arguments, inside):
            return
        if seen >= step and waiting:
            os.kill(os.getpid(), waiting.pop(0))
        seen += 1

    sys.addaudithook(hook)


def _is_inside(arguments: tuple[object, ...], folder: str) -> bool:
    for argument in arguments[:2]:
        if isinstance(argument, str | bytes | os.PathLike) and os.fsdecode(argument).startswith(folder):
            return True
    return False


def _n_steps(operation: Operation, folder: Path) -> int:
    """Return how many steps the later output takes over an earlier one."""
    count, said = folder.with_suffix(".count"), folder.with_suffix(".said")
    _in_child(operation, folder, 0, said)

    def counted(inside: Path, version: int) -> int:
        n = 0

        def hook(event: str, arguments: tuple[object, ...]) -> None:
            nonlocal n
            n += event in _STEPS and bool(arguments) and _is_inside(arguments, os.fspath(inside))

        sys.addaudithook(hook)
        code = operation.write(inside, version)
        count.write_text(str(n))
        return code

    _in_child(Operation(operation.name, counted, operation.targets), folder, 1, said)
    steps = int(count.read_text())
    count.unlink()
    return steps


def _hidden(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name.startswith("."))


def _digest(path: Path) -> str:
    """Return a checksum of a file, or of all files of a folder by name; empty where there is nothing."""
    if not path.exists():
        return ""
    files = [path] if path.is_file() else sorted(each for each in path.rglob("*") if each.is_file())
    digest = hashlib.sha256()
    for file in files:
        digest.update(f"{file.relative_to(path)}\0".encode() + hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()


@contextlib.contextmanager
def operations() -> Iterator[dict[str, Operation]]:
    """Give the operations by name; what they read is made beforehand and removed at the end."""
    from napari_tesm import save, simulate_dataset
    from napari_tesm.cli import main
    from napari_tesm.gui.models.scan import live_scans
    from napari_tesm.io.zarr_store import save_zarr
    from napari_tesm.report.assembling import Report
    from napari_tesm.report.section import Section
    from napari_tesm.report.writing import write_report
    from napari_tesm.scan import save_scan, scans_from_file

    datasets = [simulate_dataset(size=(5, 4), samples=40, seed=seed) for seed in (1, 2)]
    with tempfile.TemporaryDirectory(prefix="kill-points-of-", dir=MEMORY) as name:
        inputs = [Path(name, f"{number}.gwy") for number in (1, 2)]
        for path, dataset in zip(inputs, datasets, strict=True):
            save(path, dataset)
        arrays = [Path(name, f"{number}.npz") for number in (1, 2)]
        for path, dataset in zip(arrays, datasets, strict=True):
            np.savez(path, traces=dataset["displacement"].values[0])
        mapping = Path(name, "m.yaml")
        mapping.write_text(_MAPPING)

        def command(*words: object) -> int:
            return main([str(word) for word in words])

        def fitted(folder: Path, version: int) -> int:
            asked = ("--json", folder / "s.json", "--csv", folder / "p.csv", "--overwrite", "--quiet")
            return command("fit", inputs[version], "-o", folder / "o.gwy", *asked, "--jobs", 1)

        def imported(kind: str) -> Callable[[Path, int], int]:
            def write(folder: Path, version: int) -> int:
                words = ("-o", folder / f"o.{kind}", "--mapping", mapping, "--overwrite", "--quiet")
                return command("import", arrays[version], *words)

            return write

        def stored(folder: Path, version: int) -> int:
            save_zarr(folder / "o.zarr", datasets[version], overwrite=True)
            return 0

        def reported(folder: Path, version: int) -> int:
            section = Section("a", "A", [f"Version {version}"])
            report = Report(f"Report {version}", [section], {}, [], [], [], [], {})
            write_report(report, folder / "report", overwrite=True)
            return 0

        def saved(folder: Path, version: int) -> int:
            (scan,) = scans_from_file(inputs[version])
            save_scan(scan, folder / "o.gwy", overwrite=True)
            return 0

        def saved_in_window(folder: Path, version: int) -> int:
            (scan,) = live_scans(scans_from_file(inputs[version]))
            return _save_in_window(scan, folder / "o.gwy")

        yield {
            each.name: each
            for each in (
                Operation("save a .zarr", stored, ("o.zarr",)),
                Operation("write a report", reported, ("report",)),
                Operation("save from napari", saved, ("o.gwy",)),
                Operation(WINDOW, saved_in_window, ("o.gwy",)),
                Operation("import to .zarr", imported("zarr"), ("o.zarr",), words=True),
                Operation("import to .gwy", imported("gwy"), ("o.gwy",), words=True),
                Operation("fit", fitted, ("o.gwy", "s.json", "p.csv"), words=True),
            )
        }


def _save_in_window(scan: Any, path: Path) -> int:
    """Save as the button of the workspace does, while Qt waits for hands and `tesm view` for signals."""
    os.environ["QT_QPA_PLATFORM"] = "offscreen"
    import napari
    from napari.components import ViewerModel
    from qtpy.QtCore import QTimer
    from qtpy.QtWidgets import QApplication

    from napari_tesm.gui.ending import run_until_ended
    from napari_tesm.gui.layers.scan_layers import add_layer, layers_from_scan
    from napari_tesm.gui.panels.workspace import Workspace

    class Viewer(ViewerModel):
        def close(self) -> None:
            """A window would close here."""

    application = QApplication([])
    napari.run = application.exec
    viewer = Viewer()
    for layer in layers_from_scan(scan):
        add_layer(viewer, layer)
    workspace = Workspace(viewer)
    saved: list[bool] = []

    def press() -> None:
        saved.append(workspace.save_to(path, scan))
        application.exit(0)

    QTimer.singleShot(0, press)
    run_until_ended(viewer)
    return 0 if saved == [True] else 1


_MAPPING = """format: t-ESM mapping 1
traces: [{source: traces, axes: [y, x, time], voltage: -3 V, unit: V}]
time: {interval: 0.5 ms}
scan: {width: 80 nm, height: 60 nm}
protocol: {pulse start: 1 ms, pulse duration: 10 ms}
"""


def main() -> int:
    """Try all operations, or those named; print the counts and everything that was wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="operations; all where none is named")
    parser.add_argument("--every", type=int, default=1, help="try each n-th step alone")
    options = parser.parse_args()
    total: Counter[str] = Counter()
    with operations() as known:
        for name in options.names or known:
            if name == WINDOW:
                if find_spec("napari") is None:
                    continue
                # Once, before the first fork.
                for needed in ("napari.components", "napari.layers", "napari_tesm.gui.panels.workspace"):
                    import_module(needed)
            outcome = outcome_of(known[name], every=options.every)
            print(
                f"{name}: {outcome.steps} steps, {outcome.tried} stops, {outcome.new} ended with the new output, "
                f"{len(outcome.faults)} faults",
                flush=True,
            )
            for fault in outcome.faults:
                print(f"  {fault}", flush=True)
            total.update(stops=outcome.tried, faults=len(outcome.faults))
    print(f"All: {total['stops']} stops, {total['faults']} faults")
    return int(total["faults"] > 0)


if __name__ == "__main__":
    raise SystemExit(main())
