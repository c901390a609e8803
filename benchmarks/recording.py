"""A TDMS recording of 2 GB made into traces: time as a multiple of reading it once, and anonymous memory.

Writes a simulated acquisition (dc voltage, X, Y, pixel and line trigger as doubles: 2 GB), with dropped and doubled
triggers and jitter. Then, in processes of their own: reads every byte of the file in blocks; opens it, finds the
pulses, places them and reads every trace of X and Y, line by line. Prints the ratio of the times, the fastest of three,
and the peak of the anonymous memory (RssAnon of /proc, sampled every 20 ms): once with the file in the system's cache,
and once with it dropped from there before each run, as a file of this size is when it is opened for the first time.
Needs Linux and 2 GB of disk.

    python benchmarks/recording.py [--quick] [--folder DIR]
"""

import argparse
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np

COLUMNS, LINES = 256, 376


def write_recording(path: Path, lines: int) -> None:
    """Write a scan of 256 columns, trace and retrace, 250 samples in a pixel."""
    from napari_tesm.io.acquisition_files import save_tdms
    from napari_tesm.simulation import Timing, simulate_acquisition, simulate_dataset

    tile = simulate_dataset(size=(COLUMNS, 16), samples=250).load()
    scan = tile.isel(y=np.arange(lines) % 16).assign_coords(y=np.arange(lines) * 6e-9)
    scan["displacement_quadrature"] = scan["displacement"].copy()
    save_tdms(path, simulate_acquisition(scan, timing=Timing(dropped=0.01, doubled=0.01, jitter=0.005)))


def read_by_nptdms(path: Path) -> float:
    """Return the seconds in which nptdms reads every channel, in blocks."""
    from nptdms import TdmsFile

    start = time.perf_counter()
    with TdmsFile.open(path) as file:
        for channel in file.groups()[0].channels():
            for first in range(0, len(channel), 1 << 20):
                channel[first : first + (1 << 20)]
    return time.perf_counter() - start


def read_once(path: Path) -> float:
    """Return the seconds of one pass over every byte."""
    start = time.perf_counter()
    buffer = bytearray(1 << 23)
    with path.open("rb", buffering=0) as file:
        while file.readinto(buffer):
            pass
    return time.perf_counter() - start


def cut(path: Path, lines: int) -> float:
    """Return the seconds from opening the file to its last trace."""
    import xarray as xr

    from napari_tesm.io.tdms import content_from_tdms
    from napari_tesm.recording import REPORT, ScanOrder, dataset_from_recording

    # xarray loads other packages when it first indexes; that is no part of the cutting.
    xr.DataArray(np.zeros((2, 2)), dims=("y", "x")).isel(y=[0]).values  # noqa: B018
    start = time.perf_counter()
    sources = {source.title: source.array for source in content_from_tdms(path).sources}
    names = {
        "X": "Lock-in X",
        "Y": "Lock-in Y",
        "dc": "dc voltage",
        "trigger": "Pixel trigger",
        "line": "Line trigger",
    }
    order = ScanOrder(COLUMNS, lines, ways=("trace", "retrace"), voltages=(3.0, -3.0), voltages_per="way")
    dataset = dataset_from_recording(
        {role: Samples(sources[name]) for role, name in names.items()},
        10_000.0,
        order,
        before=5e-4,
        after=245e-4,
    )
    placed = time.perf_counter() - start
    missing = 0
    for name in ("displacement", "displacement_quadrature"):
        for pulse in range(2):
            for row in range(0, lines, 8):
                traces = dataset[name].isel(pulse=pulse, y=slice(row, row + 8)).values
                missing += int(np.isnan(traces[..., 0]).sum())
    seconds = time.perf_counter() - start
    print(dataset.attrs[REPORT].splitlines()[1])
    print(f"{missing // 2} pixels without a trace; placed after {placed:.2f} s of {seconds:.2f} s")
    return seconds


class Samples:
    """A channel of a file as a stream: one dimension, indexed with slices."""

    def __init__(self, array: object) -> None:
        self.array, self.shape, self.dtype = array, array.shape, array.dtype  # type: ignore[attr-defined]

    def __getitem__(self, key: slice) -> np.ndarray:
        return np.asarray(self.array[(key,)])  # type: ignore[index]


def drop_from_cache(path: Path) -> None:
    """Make the system forget what it holds of a file in memory."""
    with path.open("rb") as file:
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def measured(command: list[str]) -> tuple[float, float, str]:
    """Return the seconds that a process prints last, the peak of its anonymous memory in MB, and what it printed."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    peak = 0.0

    def watch() -> None:
        nonlocal peak
        while process.poll() is None:
            try:
                lines = Path(f"/proc/{process.pid}/status").read_text().splitlines()
            except OSError:
                break
            for line in lines:
                if line.startswith("RssAnon"):
                    peak = max(peak, int(line.split()[1]) / 1024)
            time.sleep(0.02)

    watcher = threading.Thread(target=watch)
    watcher.start()
    printed, _ = process.communicate()
    watcher.join()
    if process.returncode:
        sys.exit(f"failed: {' '.join(command)}")
    *words, seconds = printed.strip().splitlines()
    return float(seconds), peak, "\n".join(words)


PARTS = {"read": read_once, "nptdms": read_by_nptdms}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="an eighth of the size")
    parser.add_argument("--folder", help="where there is room")
    parser.add_argument("--part", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    lines = LINES // 8 if options.quick else LINES
    if options.part:
        part, path = options.part[0], Path(options.part[1])
        print(PARTS[part](path) if part in PARTS else cut(path, lines))
        return
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        path = Path(folder) / "recording.tdms"
        write_recording(path, lines)
        command = [sys.executable, __file__, *(["--quick"] if options.quick else []), "--part"]
        for cold in (False, True):
            best = {}
            for _ in range(3):
                for part in (*PARTS, "cut"):
                    if cold:
                        drop_from_cache(path)
                    best.setdefault(part, []).append(measured([*command, part, str(path)]))
            read, nptdms = (min(seconds for seconds, _, _ in best[part]) for part in PARTS)
            seconds, _, words = min(best["cut"])
            peak = max(memory for _, memory, _ in best["cut"])
            print(words)
            print(
                f"{'not in the cache' if cold else 'in the cache'}: {path.stat().st_size / 1e9:.2f} GB read once in "
                f"{read:.2f} s (by nptdms, in blocks: {nptdms:.2f} s), cut in {seconds:.2f} s: "
                f"{seconds / read:.1f} times as long ({seconds / nptdms:.1f}); "
                f"anonymous memory at most {peak:.0f} MB"
            )


if __name__ == "__main__":
    main()
