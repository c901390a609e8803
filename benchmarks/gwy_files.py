"""How long .gwy files take and how much memory: opening, one trace, rows, writing; beside gwyfile.

Run ``python benchmarks/gwy_files.py [--gigabytes 2] [--folder FOLDER]``; the folder needs three times that room. Every
measurement runs in a process of its own on a file dropped from the cache; ratios to gwyfile come from the same run,
on a file of 64 MB, which gwyfile can bear. Nothing is asserted here.
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from gwyfile.objects import GwyContainer

from napari_tesm.gwy import Brick, Field, LazyArray, put, read_container, write_container

ROWS, COLUMNS = 256, 256
SMALL_PLANES = 64e6 / (8 * ROWS * COLUMNS)


def container(planes):
    """Channels and a brick whose planes are made while they are written."""
    result = GwyContainer()
    rng = np.random.default_rng(0)
    for number in range(8):
        put(result, f"/{number}/data", Field(rng.normal(size=(ROWS, COLUMNS))).to_object(), "o")
        put(result, f"/{number}/data/title", f"Channel {number}", "s")
    plane = rng.normal(size=(ROWS, COLUMNS))
    values = LazyArray((planes, ROWS, COLUMNS), lambda: (plane + k for k in range(planes)))
    put(result, "/brick/0", Brick(values, unit_z="s", unit_w="m").to_object(), "o")
    return result


def values_of(path):
    return Brick.from_object(read_container(path)["/brick/0"]).values


def read_by_gwyfile(path):
    import gwyfile

    return gwyfile.load(str(path))


def write_by_gwyfile(path):
    obj = read_container(path)["/brick/0"]
    GwyContainer({"/brick/0": obj}, {"/brick/0": "o"}).tofile(str(path) + ".out")


WORK = {
    "open": read_container,
    "one trace": lambda path: values_of(path)[:, ROWS // 2, COLUMNS // 2].copy(),
    "eight rows": lambda path: values_of(path)[:, 100:108].copy(),
    "every plane once": lambda path: [plane.sum() for plane in values_of(path)],
    "carry over": lambda path: write_container(f"{path}.out", read_container(path), overwrite=True),
    "gwyfile: open": read_by_gwyfile,
    "gwyfile: write the brick": write_by_gwyfile,
}


def drop_from_cache(path):
    if hasattr(os, "posix_fadvise"):
        with Path(path).open("rb") as file:
            os.fsync(file.fileno())
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def anonymous_memory():
    """Memory of the process itself in MB, mapped files not counted; 0 where the system does not say."""
    status = Path("/proc/self/status")
    lines = status.read_text().splitlines() if status.exists() else []
    return next((int(line.split()[1]) / 1e3 for line in lines if line.startswith("RssAnon")), 0.0)


def measure(name, path):
    """Print seconds, MB of anonymous memory kept, and the largest resident size in MB."""
    drop_from_cache(path)
    before = anonymous_memory()
    started = time.perf_counter()
    kept = WORK[name](path)
    seconds = time.perf_counter() - started
    print(seconds, anonymous_memory() - before, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3)
    del kept


def measured(name, path):
    command = [sys.executable, __file__, "--measure", name, str(path)]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return [float(number) for number in output.split()]


def table(path, names):
    print(f"\n{path.stat().st_size / 1e9:.2f} GB", "seconds", "MB kept", "MB at most", sep="\t")
    results = {}
    for name in names:
        results[name] = measured(name, path)
        seconds, kept, largest = results[name]
        print(f"{name:24s}\t{seconds:.4f}\t{kept:.1f}\t{largest:.0f}")
    return results


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--gigabytes", type=float, default=2.0)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--measure", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        measure(*options.measure)
        return
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        large, small = Path(folder) / "large.gwy", Path(folder) / "small.gwy"
        started = time.perf_counter()
        write_container(large, container(int(options.gigabytes * 1e9 / (8 * ROWS * COLUMNS))))
        print(f"written from planes in {time.perf_counter() - started:.2f} s, synced to the disk")
        table(large, [name for name in WORK if not name.startswith("gwyfile")])
        write_container(small, container(int(SMALL_PLANES)))
        results = table(small, ["open", "carry over", "gwyfile: open", "gwyfile: write the brick"])
        print(
            f"\ngwyfile / ours, opening: {results['gwyfile: open'][0] / results['open'][0]:.0f} times the time"
        )
        ratio = results["gwyfile: write the brick"][0] / results["carry over"][0]
        print(f"gwyfile / ours, writing: {ratio:.1f} times the time (ours syncs to the disk)")
        spared = results["gwyfile: open"][2] - results["open"][2]
        print(f"gwyfile - ours, opening: {spared:.0f} MB more at most")


if __name__ == "__main__":
    main()
