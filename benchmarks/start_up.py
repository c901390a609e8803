"""How long a user waits for the first word: `tesm --help`, and `tesm info` on a brick of 2 GB.

Each command is started anew seven times, in turn with an empty Python, and the least time counts. The file is sparse:
it takes no room on disk and none of its samples should be read.

    python benchmarks/start_up.py [--folder DIR]
"""

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from napari_tesm import save
from napari_tesm.data.dataset import dataset_from_traces
from napari_tesm.data.protocol import PulseProtocol

SIDE, SAMPLES = 1024, 250


def write_sparse_brick(path: Path) -> None:
    """Write a .gwy file whose brick of 2.1 GB is a hole in the file."""
    zeros = np.broadcast_to(np.float64(0), (SIDE, SIDE, 1))
    small = dataset_from_traces(
        [zeros], time=[0.0], x=np.arange(SIDE) * 1e-8, y=np.arange(SIDE) * 1e-8, voltage=[-3.0], unit="V",
        protocol=PulseProtocol(pulse_start=0.0, pulse_duration=10e-3),
    )  # fmt: skip
    save(path, small)
    data = path.read_bytes()
    plane = SIDE * SIDE * 8
    count = data.index(b"data\0D", data.index(b"GwyBrick\0")) + 6
    start, stop = count + 4, count + 4 + plane
    grown = plane * (SAMPLES - 1)
    head = bytearray(data[:start])
    _add(head, count, SIDE * SIDE * (SAMPLES - 1))
    _add(head, data.index(b"GwyBrick\0") + 9, grown)
    _add(head, data.index(b"GwyContainer\0") + 13, grown)
    zres = data.index(b"zres\0i", data.index(b"GwyBrick\0")) + 6
    head[zres : zres + 4] = SAMPLES.to_bytes(4, "little")
    with path.open("wb") as file:
        file.write(head)
        file.truncate(start + plane * SAMPLES)
        file.seek(0, 2)
        file.write(data[stop:])


def _add(head: bytearray, position: int, number: int) -> None:
    value = int.from_bytes(head[position : position + 4], "little") + number
    head[position : position + 4] = value.to_bytes(4, "little")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", help="where the sparse file goes")
    options = parser.parse_args()
    tesm = str(Path(sys.executable).with_name("tesm"))
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        brick = Path(folder) / "brick.gwy"
        write_sparse_brick(brick)
        commands = {
            "python -c pass": [sys.executable, "-c", "pass"],
            "import numpy, xarray": [sys.executable, "-c", "import numpy, xarray"],
            "tesm --help": [tesm, "--help"],
            f"tesm info, brick of {brick.stat().st_size / 1e9:.1f} GB": [tesm, "info", str(brick)],
        }
        best = dict.fromkeys(commands, float("inf"))
        for _ in range(7):
            for name, command in commands.items():
                start = time.perf_counter()
                subprocess.run(command, check=True, capture_output=True)
                best[name] = min(best[name], time.perf_counter() - start)
        empty = best["python -c pass"]
        for name, seconds in best.items():
            print(f"{name}: {seconds:.3f} s, {seconds / empty:.0f} × an empty Python")


if __name__ == "__main__":
    main()
