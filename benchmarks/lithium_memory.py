"""Counts of 500 writes of 256 × 256 pixels and 259 peaks, 34 GB of single precision, in the memory of a laptop.

Writes such a file of TofDaq, each write the same packed piece, then converts a peak, a sum and a ratio to OME-Zarr
in processes of their own, and prints the peak of their anonymous memory (as `benchmarks/volumes.py`).

    python benchmarks/lithium_memory.py [--writes 500] [--folder DIR]
"""

import argparse
import sys
import tempfile
import zlib
from pathlib import Path

import h5py
import numpy as np
from volumes import cost_of

SHAPE = (256, 256, 259)


def write_counts(path: Path, writes: int) -> None:
    counts = np.random.default_rng(0).poisson(0.02, SHAPE).astype(np.float32)
    piece = zlib.compress(counts.tobytes(), 1)
    with h5py.File(path, "w") as file:
        file.attrs["TofDAQ Version"] = np.float32(1.99)
        file.create_group("FIBParams").attrs["ViewField"] = 0.025
        table = np.zeros(SHAPE[2], [("label", "S64"), ("mass", "<f4")])
        table["label"] = [f"m{number}".encode() for number in range(SHAPE[2])]
        table["mass"] = np.arange(1, SHAPE[2] + 1)
        file["PeakData/PeakTable"] = table
        shape = (writes, *SHAPE)
        data = file.create_dataset(
            "PeakData/PeakData", shape, np.float32, chunks=(1, *SHAPE), compression="gzip"
        )
        for write in range(writes):
            data.id.write_direct_chunk((write, 0, 0, 0), piece)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--writes", type=int, default=500)
    parser.add_argument("--folder")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        path = Path(folder) / "counts.h5"
        write_counts(path, options.writes)
        for number, peak in enumerate(("7", "7,6", "7/total")):
            out = str(Path(folder) / f"{number}.zarr")
            words = ["convert", str(path), "-o", out, "--peak", peak, "--voxel", "20nm,98nm,98nm", "--quiet"]
            seconds, peak_memory = cost_of([sys.executable, "-m", "napari_tesm.cli", "volume", *words])
            print(f"--peak {peak:8} {peak_memory:6.0f} MB  {seconds:6.1f} s of processor time")


if __name__ == "__main__":
    main()
