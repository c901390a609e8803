"""Files with mistakes in them, opened one after the other: ``python tests/fuzzing.py [FORMAT...] --count N``.

What is mutated is the structure: objects, keys, type codes, sizes, texts and units of a .gwy file, and bytes of all
formats, mostly those of headers; ``layers`` opens files as napari does. An input that is refused at a new place is
mutated further. Each must end as a scan or in one sentence, within 5 s of processor time and 1.5 GB, without a crash.
Files that did not are kept.
"""

from __future__ import annotations

import argparse
import io
import os
import random
import re
import resource
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import xarray as xr
from fuzzing_seeds import seeds
from gwyfile.objects import GwyContainer, GwyObject

from napari_tesm.gui.models.display import display_from_axes
from napari_tesm.gwy.reading import read_container
from napari_tesm.gwy.writing import write_container_to
from napari_tesm.io import rehearsal
from napari_tesm.io.content import ContentError
from napari_tesm.io.mapping.text import mapping_from_text
from napari_tesm.io.vendor import content as vendor

SECONDS, BYTES = 5.0, 1_500_000_000
_BATCH = 250
_MOST_PARENTS = 400
_MOST_NUMBERS = 1_000_000
_NUMBERS = (0, 1, -1, 2, 3, 255, 2**31 - 1, -(2**31), 10**6)
_DOUBLES = (0.0, -1.0, float("nan"), float("inf"), 1e308, -1e-320, 1e-9, 25e-3)
_TEXTS = (
    "", "s", "m", "V", "m/", "m(", "m**(9**9**9)", "a.u.", "%", "ms", "-3 V", "NaN s", "1e400 V", "10 ms ± 3 ms",
    "\x1b[31m", "x" * 5000, "trace", "retrace", "Y", "{", "{}", "[]", "null", '{"version": 1}', "\udcff", "\u202e",
    "0 0", "D1 (-3 V)",
)  # fmt: skip


@dataclass
class Counts:
    """What came of the inputs of a format."""

    opened: int = 0
    refused: int = 0
    places: set[str] = field(default_factory=set)
    """Where refusals were raised."""
    slowest: float = 0.0
    faults: list[str] = field(default_factory=list)

    def line(self, name: str, seconds: float) -> str:
        """Return the counts as they are printed."""
        return (
            f"{name}: {self.opened + self.refused} inputs in {seconds:.0f} s, {self.opened} opened, {self.refused} "
            f"refused at {len(self.places)} places, slowest {self.slowest:.1f} s, {len(self.faults)} faults"
        )


def mutated_tree(whole: bytes, draw: random.Random, path: Path) -> bytes:
    """Return a .gwy file with one to four of its components changed."""
    path.write_bytes(whole)
    container = read_container(path)
    for _ in range(draw.choice((1, 1, 2, 4))):
        _mutate(container, draw)
    out = io.BytesIO()
    write_container_to(out, container, path)
    return out.getvalue()


def _mutate(container: GwyContainer, draw: random.Random) -> None:
    objects = list(_objects(container))
    # The container itself as often as all objects in it.
    owner = container if draw.random() < 0.5 else draw.choice(objects)
    if not owner:
        return
    key = draw.choice(list(owner))
    way = draw.randrange(6)
    if way == 0:
        del owner[key]
        owner.typecodes.pop(key, None)
    elif way == 1:  # a component or an object stands where another should
        other = draw.choice(objects)
        if other:
            donor = draw.choice(list(other))
            _set(owner, key, other[donor], other.typecodes.get(donor))
    elif way == 2:  # other numbers in the key: ids, and what belongs to what
        renamed = re.sub(r"\d+", lambda _: str(draw.choice((0, 1, 2, 7, 99, 2**31))), key)
        _set(owner, renamed, owner[key], owner.typecodes.get(key))
    elif way == 3 and isinstance(owner[key], np.ndarray) and owner[key].size:
        numbers = np.array(owner[key])
        place = draw.randrange(numbers.size)
        with np.errstate(all="ignore"):
            numbers[place] = np.array(draw.choice(_DOUBLES)).astype(numbers.dtype)
        size = draw.choice((numbers.size, numbers.size, 0, numbers.size - 1, numbers.size + 3))
        _set(owner, key, np.resize(numbers, size), owner.typecodes.get(key))
    elif isinstance(owner[key], GwyObject) and owner[key]:
        inside = owner[key]
        _change(inside, draw.choice(list(inside)), draw)
    else:
        _change(owner, key, draw)


def _change(owner: GwyObject, key: str, draw: random.Random) -> None:
    """Give a component another value of its type, or now and then of another."""
    code = owner.typecodes.get(key, "s")
    if draw.random() < 0.15:
        code = draw.choice("sidbq")
    value: Any = {"s": _TEXTS, "i": _NUMBERS, "q": _NUMBERS, "d": _DOUBLES, "b": (True, False)}.get(code)
    if value is not None:
        _set(owner, key, draw.choice(value), code)


def _set(owner: GwyObject, key: str, value: Any, code: str | None) -> None:
    owner[key] = value
    if code is not None:
        owner.typecodes[key] = code


def _objects(owner: GwyObject, depth: int = 0) -> Iterator[GwyObject]:
    yield owner
    for value in owner.values():
        for inside in value if isinstance(value, list) else [value]:
            if isinstance(inside, GwyObject) and depth < 8:
                yield from _objects(inside, depth + 1)


def mutated_bytes(whole: bytes, draw: random.Random) -> bytes:
    """Return a file with bytes changed, moved or cut, most of them where something is described."""
    changed = bytearray(whole)
    described = [
        place for match in re.finditer(rb"[\x20-\x7e]{4,}", whole) for place in (match.start(), match.end())
    ]
    for _ in range(draw.choice((1, 1, 2, 4, 8))):
        if not changed:
            break
        near = draw.choice(described) + draw.randrange(-12, 13) if described and draw.random() < 0.6 else -1
        place = (
            near
            if 0 <= near < len(changed)
            else draw.randrange(min(len(changed), draw.choice((64, 600, 1 << 30))))
        )
        way = draw.randrange(5)
        if way == 0:
            changed[place] ^= 1 << draw.randrange(8)
        elif way == 1:
            changed[place] = draw.choice((0, 255, 127, 128, draw.randrange(256)))
        elif way == 2:
            number = draw.choice(_NUMBERS) & 0xFFFFFFFF
            changed[place : place + 4] = struct.pack(draw.choice("<>") + "I", number)[: len(changed) - place]
        elif way == 3:
            size, target = draw.randrange(1, 40), draw.randrange(len(changed))
            changed[target : target + size] = changed[place : place + size]
        elif draw.random() < 0.3:
            del changed[place:]
        else:
            del changed[place : place + draw.randrange(1, 9)]
    return bytes(changed)


def _mutated_folder(parent: Path, target: Path, draw: random.Random) -> None:
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(parent, target)
    files = sorted(path for path in target.rglob("*") if path.is_file())
    for _ in range(draw.choice((1, 1, 2))):
        file = draw.choice(
            files if draw.random() < 0.3 else [path for path in files if path.name.startswith(".z")]
        )
        if draw.random() < 0.1:
            file.unlink(missing_ok=True)
        elif file.exists():
            file.write_bytes(mutated_bytes(file.read_bytes(), draw))


# Opening.


def open_layers(path: Path) -> None:
    """Open a file as napari does when it is dropped there, and make its layers as napari makes them."""
    from napari.layers import Layer

    from napari_tesm.gui.reader import layers_from_paths

    for layer in layers_from_paths(os.fspath(path)):
        Layer.create(*layer)


def open_whole(path: Path) -> None:
    """Open a file as the command line does, to how its images lie in napari and the first and last traces."""
    from napari_tesm.io.detection import content_from_file
    from napari_tesm.io.gwy.description import description_from_file
    from napari_tesm.io.registry import is_gwy
    from napari_tesm.scan import scans_from_file

    if is_gwy(path):
        description_from_file(path)
    else:
        for source in content_from_file(path).sources:
            if source.array.size < _MOST_NUMBERS:
                source.array[...]
            source.array[(-1,) * len(source.axes)]
    mapping = mapping_from_text(MAPPINGS[path.suffix]) if path.suffix in MAPPINGS else None
    scans = scans_from_file(path, mapping=mapping)
    for scan in scans:
        if scan.dataset is not None:
            for place in (0, -1):
                scan.dataset["displacement"].isel(y=place, x=place).values  # noqa: B018
        _make_layers(scan)


MAPPINGS = {
    ".tdms": """format: t-ESM mapping 1
recording: {X: Rec/X, dc: Rec/dc, before: 0.3 ms, length: 3.5 ms}
scan: {pixels: 4, lines: 5, width: 80 nm, height: 50 nm, ways: [trace], voltages: [-3 V]}
"""
}
"""What files of recorders come with: without it they would be refused before their pulses are looked for."""

OPENING = {"layers": open_layers}
"""How the inputs of a format are opened, where that is not `open_whole`."""


CONVERTED = ("vendor", "layers")
"""Formats whose inputs go to the converter of microscopes' files, in a process of its own each; others end before."""


def _converted_by_nobody(path: Path, output: Path) -> str:
    raise ContentError(f"{path} is of no format that is known.")


def _make_layers(scan: Any) -> None:
    held = scan.pulsed
    if held is not None:
        display_from_axes(held["y"], held["x"]).layer_options()
    for channel in scan.channels:
        display_from_axes(channel["y"], channel["x"]).layer_options()


def fuzzed(name: str, parents: list[Path], count: int, folder: Path, *, seed: int, kept: Path) -> Counts:
    """Mutate and open `count` files of a format, in processes of their own; keep in `kept` what went wrong."""
    counts, known = Counts(), list(parents)
    for first in range(0, count, _BATCH):
        numbers = range(first, min(first + _BATCH, count))
        while numbers:
            numbers = _batch(name, known, numbers, folder, seed, kept, counts)
    return counts


def _batch(
    name: str, parents: list[Path], numbers: range, folder: Path, seed: int, kept: Path, counts: Counts
) -> range:
    """Open some inputs in another process; return those that are left where it did not survive one of them."""
    reading, writing = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:
        os.close(reading)
        try:
            _work(name, parents, numbers, folder, seed, os.fdopen(writing, "w", buffering=1))
        finally:
            os._exit(0)
    os.close(writing)
    last = numbers.start - 1
    target = folder / f"input{parents[0].suffix}"
    with os.fdopen(reading) as lines:
        for line in lines:
            number, state, seconds, said = line.split("\t")
            last, counts.slowest = int(number), max(counts.slowest, float(seconds))
            if state == "opened":
                counts.opened += 1
            else:
                counts.refused += 1
            said = said.strip()
            new = said not in counts.places
            if state == "refused":
                counts.places.add(said)
            if state == "fault":
                _keep(name, folder / f"fault{parents[0].suffix}", last, seed, kept, said, counts)
            elif new and len(parents) < _MOST_PARENTS:
                saved = folder / f"parent-{last}{parents[0].suffix}"
                parents += [saved] if saved.exists() else []
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if code:
        reason = "over 5 s of processor time" if code == -signal.SIGPROF else f"ended by {-code}"
        counts.refused += 1
        _keep(name, target, last + 1, seed, kept, reason, counts)
        return range(last + 2, numbers.stop)
    return range(0)


def _keep(name: str, path: Path, number: int, seed: int, kept: Path, reason: str, counts: Counts) -> None:
    kept.mkdir(parents=True, exist_ok=True)
    saved = kept / f"{name}-{seed}-{number}{path.suffix}"
    if path.is_dir():
        shutil.copytree(path, saved, dirs_exist_ok=True)
    elif path.exists():
        shutil.copy(path, saved)
    counts.faults.append(f"{saved}: {reason}")


def _work(name: str, parents: list[Path], numbers: range, folder: Path, seed: int, said: Any) -> None:
    """Mutate and open inputs, and write a line about each: number, state, seconds, sentence or place."""
    warnings.simplefilter("ignore")
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    rehearsal.subprocess = ForkedPython  # type: ignore[attr-defined]
    if name not in CONVERTED:
        vendor.convert = _converted_by_nobody
    target = folder / f"input{parents[0].suffix}"
    opened = OPENING.get(name, open_whole)
    places: set[str] = set()
    before = 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for number in numbers:
        draw = random.Random(f"{name}-{seed}-{number}")
        make_input(draw.choice(parents), target, draw)
        signal.setitimer(signal.ITIMER_PROF, SECONDS)
        started = time.process_time()
        state, text = "opened", "opened"
        try:
            opened(target)
        except (OSError, ValueError) as error:
            state, text = "refused", _place(error)
            if "\n" in str(error) or not str(error).strip():
                state, text = "fault", f"no sentence: {str(error)!r}"
        except BaseException as error:
            state, text = "fault", f"{type(error).__name__} at {_place(error)}: {error}"
        signal.setitimer(signal.ITIMER_PROF, 0)
        taken = 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        if taken - before > BYTES:
            state, text = "fault", f"{taken / 1e9:.1f} GB"
        if state == "fault":
            _copied(target, folder / f"fault{target.suffix}")
        elif text not in places:
            places.add(text)
            _copied(target, folder / f"parent-{number}{target.suffix}")
        line = ascii(text)[1:-1].replace("\\t", " ")
        said.write(f"{number}\t{state}\t{time.process_time() - started:.3f}\t{line}\n")


class ForkedPython:
    """What `rehearsal` takes for `subprocess`: a fork of this process in place of a new Python, fifty times as fast."""

    DEVNULL, TimeoutExpired = subprocess.DEVNULL, subprocess.TimeoutExpired

    @staticmethod
    def run(command: list[str], *, timeout: float, **_: Any) -> SimpleNamespace:
        """Return what the rehearsal of a file printed; nothing where it did not survive."""
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                os.close(reading)
                signal.setitimer(signal.ITIMER_PROF, timeout)
                with os.fdopen(writing, "w") as sys.stdout:
                    rehearsal._perform(*command[-4:])
            finally:
                os._exit(0)
        os.close(writing)
        with os.fdopen(reading, "rb") as answer:
            printed = answer.read()
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        return SimpleNamespace(stdout=printed, returncode=code)


def _copied(path: Path, target: Path) -> None:
    if path.is_dir():
        shutil.copytree(path, target, dirs_exist_ok=True)
    else:
        shutil.copy(path, target)


def make_input(parent: Path, target: Path, draw: random.Random) -> None:
    """Write a mutation of a file or folder."""
    if parent.is_dir():
        _mutated_folder(parent, target, draw)
        return
    whole = parent.read_bytes()
    changed: bytes | None = None
    if whole.startswith(b"GWY") and draw.random() < 0.75:
        # A tree that cannot be read, or not be written, is mutated as bytes.
        try:
            changed = mutated_tree(whole, draw, target)
        except (OSError, ValueError, TypeError):
            changed = None
    # Written anew under another inode, as files come: what a library knows of the last one does not count.
    target.unlink(missing_ok=True)
    target.write_bytes(mutated_bytes(whole, draw) if changed is None else changed)


def _place(error: BaseException) -> str:
    """Return the innermost line of ours that an exception came through."""
    place, trace = "?", error.__traceback__
    while trace is not None:
        path = Path(trace.tb_frame.f_code.co_filename)
        if "napari_tesm" in path.parts:
            place = f"{path.parent.name}/{path.name}:{trace.tb_lineno}"
        trace = trace.tb_next
    return place


def main() -> int:
    """Fuzz all formats, or those named; print the counts, and every fault with the file that shows it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("formats", nargs="*")
    parser.add_argument("--count", type=int, default=2000, help="inputs of each format")
    parser.add_argument(
        "--more", type=Path, nargs="*", default=[], help="files of these formats to begin with, too"
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", type=Path, default=Path("build/fuzzing"), help="folder for what went wrong")
    options = parser.parse_args()
    n_faults = 0
    # In memory where there is such a folder: on a disk, making and removing files takes as long as opening them.
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="fuzzing-", dir=memory) as folder:
        made = seeds(Path(folder))
        # Everything is imported before the first fork; a rehearsal in a new Python may take too long beside other work.
        rehearsal.subprocess = ForkedPython  # type: ignore[attr-defined]
        open_whole(made["gwy"][-1])
        open_whole(made["hdf5"][-1])
        axes = (xr.DataArray([0.0, 1.0], dims=dim, name=dim, attrs={"units": "furlong"}) for dim in "yx")
        display_from_axes(*axes)  # an unknown unit has the registry of all units read
        if not options.formats or "layers" in options.formats:
            open_layers(made["gwy"][-1])
        for name in options.formats or made:
            started = time.perf_counter()
            counts = fuzzed(
                name,
                [*made[name], *options.more],
                options.count,
                Path(folder),
                seed=options.seed,
                kept=options.keep,
            )
            n_faults += len(counts.faults)
            print(counts.line(name, time.perf_counter() - started), flush=True)
            for fault in counts.faults:
                print(f"  {fault}", flush=True)
    return int(n_faults > 0)


if __name__ == "__main__":
    sys.exit(main())
