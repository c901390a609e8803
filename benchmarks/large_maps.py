"""A map larger than memory should be asked to hold: time and anonymous memory of a whole fit.

Makes a 1024 × 1024 × 500 array of doubles on disk (4.2 GB) and a .gwy file with a brick of 1.6 GB, fits each in a
process of its own and prints the peak of its anonymous memory (RssAnon of /proc, sampled every 20 ms), and the time
as a multiple of the time one pass over the file takes. Needs Linux and 6 GB of disk.

    python benchmarks/large_maps.py [--quick] [--folder DIR]
"""

import argparse
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np

from napari_tesm.data.dataset import dataset_from_traces
from napari_tesm.data.protocol import PulseProtocol

PROTOCOL = PulseProtocol(pulse_start=0.0, pulse_duration=10e-3, tip_radius=25e-9)


def dataset_from_array(traces: np.ndarray, samples: int):
    """Return a dataset over an array of shape (y, x, time)."""
    time_axis = np.arange(samples) * (25e-3 / samples)
    y, x = (np.arange(count) * 10e-9 for count in traces.shape[:2])
    return dataset_from_traces(
        [traces], time=time_axis, x=x, y=y, voltage=[-3.0], unit="V", protocol=PROTOCOL
    )


def write_array(path: Path, side: int, samples: int) -> None:
    """Write exponential pulses and relaxations with noise, row by row."""
    rng = np.random.default_rng(0)
    out = np.lib.format.open_memmap(path, "w+", np.float64, (side, side, samples))
    t = np.arange(samples) * (25e-3 / samples)
    for row in range(side):
        tau = np.exp(rng.uniform(np.log(0.5e-3), np.log(6e-3), (side, 1)))
        rise = 1 - np.exp(-np.minimum(t, 10e-3) / tau)
        out[row] = 0.3 * rise * np.exp(-np.maximum(t - 10e-3, 0) / tau) + rng.normal(0, 0.01, (side, samples))
    out.flush()


def peak_of(command: list[str]) -> tuple[float, float]:
    """Return the seconds a process takes and the peak of its anonymous memory in MB."""
    start = time.perf_counter()
    process = subprocess.Popen(command)
    peak = 0.0

    def watch() -> None:
        nonlocal peak
        status = Path(f"/proc/{process.pid}/status")
        while process.poll() is None:
            try:
                lines = status.read_text().splitlines()
            except OSError:
                break
            for line in lines:
                if line.startswith("RssAnon"):
                    peak = max(peak, int(line.split()[1]) / 1024)
            time.sleep(0.02)

    watcher = threading.Thread(target=watch)
    watcher.start()
    code = process.wait()
    watcher.join()
    if code:
        sys.exit(f"failed with exit code {code}: {' '.join(command)}")
    return time.perf_counter() - start, peak


def seconds_to_read(path: Path) -> float:
    """Return the time of one pass over a file in blocks of 16 MB."""
    start = time.perf_counter()
    with path.open("rb", buffering=0) as file:
        while file.read(1 << 24):
            pass
    return time.perf_counter() - start


def fit_array(path: str) -> None:
    """Fit an array on disk; run in a process of its own."""
    from napari_tesm import fit

    traces = np.load(path, mmap_mode="r")
    maps = fit(dataset_from_array(traces, traces.shape[2]), jobs=2)
    print(f"  {int((maps['status2'] == 0).sum())} of {maps['status2'].size} pixels ok")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a sixteenth of the size")
    parser.add_argument("--folder", help="where there is room")
    parser.add_argument("--fit-array", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.fit_array:
        fit_array(options.fit_array)
        return
    from napari_tesm import save

    side = 256 if options.quick else 1024
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        array = Path(folder) / "traces.npy"
        write_array(array, side, 500)
        brick = Path(folder) / "traces.gwy"
        save(brick, dataset_from_array(np.load(array, mmap_mode="r")[:, :, :190], 190))
        for name, path, command in (
            ("array", array, [sys.executable, __file__, "--fit-array", str(array)]),
            (
                "brick",
                brick,
                [
                    "tesm",
                    "fit",
                    str(brick),
                    "-o",
                    f"{folder}/out.gwy",
                    "--maps-only",
                    "--quiet",
                    "--jobs",
                    "2",
                ],
            ),
        ):
            if command[0] == "tesm":
                command[0] = str(Path(sys.executable).with_name("tesm"))
            reading = seconds_to_read(path)
            seconds, peak = peak_of(command)
            size = path.stat().st_size / 1e9
            print(
                f"{name} of {size:.1f} GB: {peak:.0f} MB anonymous memory at most, "
                f"{seconds:.1f} s, {seconds / reading:.1f} × one reading of the file",
                flush=True,
            )


if __name__ == "__main__":
    main()
