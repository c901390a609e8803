"""A recording of 2 GB made into traces: time as a multiple of reading it once, and anonymous memory.

Writes the streams of a simulated acquisition (dc voltage, X, Y, pixel trigger, as doubles in one mapped file each: 2 GB
in all), with dropped and doubled triggers and jitter, then, in processes of their own: reads every byte once in blocks;
finds the pulses, places them and reads every trace of X and Y, line by line. Prints the ratio of the times, the fastest
of three, and the peak of the anonymous memory (RssAnon of /proc, sampled every 20 ms). Needs Linux and 2 GB of disk.

    python benchmarks/recording.py [--quick] [--folder DIR]
"""

import argparse
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np

from napari_tesm.protocol import PulseProtocol
from napari_tesm.recording import REPORT, ScanOrder, dataset_from_recording
from napari_tesm.simulation import Timing, simulate_acquisition, simulate_dataset

CHANNELS = ("dc", "X", "Y", "trigger")
RATE = 10_000.0


def write_streams(folder: Path, lines: int) -> None:
    """Write the streams of a scan of 256 columns, trace and retrace, 250 samples in a pixel."""
    tile = simulate_dataset(size=(256, 16), samples=250)
    scan = tile.isel(y=np.arange(lines) % 16).assign_coords(y=np.arange(lines) * 6e-9)
    scan["displacement_quadrature"] = scan["displacement"].copy()
    timing = Timing(dropped=0.01, doubled=0.01, jitter=0.005)
    acquisition = simulate_acquisition(scan.load(), timing=timing)
    for name in CHANNELS:
        out = np.lib.format.open_memmap(folder / f"{name}.npy", "w+", np.float64, (acquisition.size,))
        for first in range(0, acquisition.size, 1 << 20):
            out[first : first + (1 << 20)] = acquisition.streams[name][first : first + (1 << 20)]
        out.flush()


def read_once(folder: Path) -> float:
    """Return the seconds of one pass over every byte."""
    start = time.perf_counter()
    buffer = bytearray(1 << 23)
    for name in CHANNELS:
        with (folder / f"{name}.npy").open("rb", buffering=0) as file:
            while file.readinto(buffer):
                pass
    return time.perf_counter() - start


def cut(folder: Path, lines: int) -> float:
    """Return the seconds from the open file to the last trace."""
    start = time.perf_counter()
    streams = {name: np.load(folder / f"{name}.npy", mmap_mode="r") for name in CHANNELS}
    order = ScanOrder(256, lines, ways=("trace", "retrace"), voltages=(3.0, -3.0), voltages_per="way")
    dataset = dataset_from_recording(
        streams, RATE, order, before=5e-4, after=245e-4, protocol=PulseProtocol(tip_radius=25e-9)
    )
    found = time.perf_counter() - start
    total, missing = 0.0, 0
    for name in ("displacement", "displacement_quadrature"):
        for pulse in range(2):
            for row in range(0, lines, 8):
                traces = dataset[name].isel(pulse=pulse, y=slice(row, row + 8)).values
                missing += int(np.isnan(traces[..., 0]).sum())
                total += float(np.nan_to_num(traces[:, ::32, -1]).sum())
    seconds = time.perf_counter() - start
    print(dataset.attrs[REPORT].splitlines()[1], f"{missing / 2:.0f} pixels without a trace")
    print(f"found and placed after {found:.2f} s of {seconds:.2f} s")
    return seconds


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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="an eighth of the size")
    parser.add_argument("--folder", help="where there is room")
    parser.add_argument("--part", choices=("read", "cut"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    lines = 56 if options.quick else 448
    if options.part:
        folder = Path(options.folder)
        print(read_once(folder) if options.part == "read" else cut(folder, lines))
        return
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        write_streams(Path(name), lines)
        size = sum(file.stat().st_size for file in Path(name).iterdir())
        command = [
            sys.executable,
            __file__,
            "--folder",
            name,
            *(["--quick"] if options.quick else []),
            "--part",
        ]
        runs = [(measured([*command, "read"]), measured([*command, "cut"])) for _ in range(3)]
    read = min(one[0][0] for one in runs)
    seconds, _, words = min((one[1] for one in runs), key=lambda one: one[0])
    print(words)
    print(
        f"{size / 1e9:.2f} GB read once in {read:.2f} s; cut in {seconds:.2f} s: {seconds / read:.1f} times as long"
    )
    print(f"anonymous memory at most {max(one[1][1] for one in runs):.0f} MB")


if __name__ == "__main__":
    main()
