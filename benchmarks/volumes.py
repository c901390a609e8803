"""An electrode volume larger than memory should be asked to hold: time and anonymous memory of the commands on volumes.

Makes a volume of 400 slices of 800 × 800 (1.02 GB of single precision) as OME-Zarr, a simulated electrode mirrored to
fill it, and a packed TIFF where asked for, runs each command in a process of its own and prints the peak of its
anonymous memory (RssAnon of /proc, sampled every 20 ms) and its processor time as a multiple of that of one pass over
the file. Needs Linux.

    python benchmarks/volumes.py [--shape 400x800x800] [--commands surfaces,profile,bodies] [--tiff] [--folder DIR]
"""

import argparse
import os
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import numpy as np

from napari_tesm.files.lazy import LazyArray
from napari_tesm.io.volumes import save_volume
from napari_tesm.volumes.dataset import INTENSITY, volume_from_array
from napari_tesm.volumes.simulation import simulate_volume

SLICES = 210
READ = """
import sys
from napari_tesm.io.volumes import open_volume
volume = open_volume(sys.argv[1], voxel=(6e-8,) * 3)["intensity"]
for first in range(0, volume.shape[0], 64):
    volume[first : first + 64].values
"""


def mirrored(shape: tuple[int, int, int]):
    """Return a volume of a shape: a simulated one mirrored along rows and columns, noise alone above it."""
    small, _ = simulate_volume("np-si-2000", shape=(SLICES, 200, 200), seed=1)
    tile = small[INTENSITY].values
    rng = np.random.default_rng(0)
    air = tile[-8:]

    def read(part: tuple[slice, ...]) -> np.ndarray:
        planes, rows, columns = (np.arange(size)[along] for size, along in zip(shape, part, strict=True))
        folded = [np.where(index // 200 % 2, 199 - index % 200, index % 200) for index in (rows, columns)]
        values = tile[np.minimum(planes, SLICES - 1)[:, None, None], folded[0][:, None], folded[1][None, :]]
        above = planes >= SLICES
        values[above] = rng.normal(air.mean(), air.std(), (above.sum(), *values.shape[1:]))
        return values

    return volume_from_array(LazyArray(shape, np.float32, read), (60e-9,) * 3)


def cost_of(command: list[str]) -> tuple[float, float]:
    """Return the processor seconds a process takes and the peak of its anonymous memory in MB."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    peak, done = 0.0, threading.Event()

    def watch() -> None:
        nonlocal peak
        while not done.wait(0.02):
            try:
                lines = Path(f"/proc/{process.pid}/status").read_text().splitlines()
            except OSError:
                break
            anonymous = next((line for line in lines if line.startswith("RssAnon")), "RssAnon: 0 kB")
            peak = max(peak, int(anonymous.split()[1]) / 1e3)

    watcher = threading.Thread(target=watch)
    watcher.start()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    done.set()
    watcher.join()
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} ended with {process.returncode}")
    return usage.ru_utime + usage.ru_stime, peak


def measure(path: Path, commands: list[str], folder: Path) -> None:
    """Print what reading a volume once costs, and each command."""
    idle = cost_of([sys.executable, "-c", "import napari_tesm.io.volumes"])[0]
    once, memory = cost_of([sys.executable, "-c", READ, str(path)])
    once -= idle
    print(f"{path.name}: one pass {once:.1f} s of processor time, {memory:.0f} MB", flush=True)
    for command in commands:
        words = [sys.executable, "-m", "napari_tesm.cli", "volume", command, str(path), "--voxel", "60nm"]
        words += ["--json", str(folder / f"{command}.json"), "--overwrite", "--progress", "none"]
        seconds, memory = cost_of(words)
        print(
            f"  {command:10} {(seconds - idle) / once:5.1f} passes, {seconds:6.1f} s, {memory:5.0f} MB",
            flush=True,
        )


def main() -> None:
    """Make the volume and measure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shape", default="400x800x800", help="slices, rows and columns")
    parser.add_argument("--commands", default="surfaces,profile,bodies")
    parser.add_argument("--tiff", action="store_true", help="a packed TIFF, too")
    parser.add_argument("--folder", help="where to write, by default a temporary folder")
    options = parser.parse_args()
    planes, rows, columns = map(int, options.shape.split("x"))
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        folder = Path(name)
        volume = mirrored((planes, rows, columns))
        save_volume(folder / "volume.zarr", volume)
        commands = options.commands.split(",")
        measure(folder / "volume.zarr", commands, folder)
        if options.tiff:
            import tifffile

            with tifffile.TiffWriter(folder / "volume.tif", bigtiff=True) as file:
                for plane in range(planes):
                    file.write(volume[INTENSITY][plane].values, compression="zlib", contiguous=False)
            measure(folder / "volume.tif", commands, folder)


if __name__ == "__main__":
    main()
