"""How fast what a lab does all day is, beside the last release.

Every figure is a ratio of processor times taken in turns in one process, from the fastest of several repetitions: to a
pass of `numpy.sum` over the same traces as float32, or to the same run without something. See README.md in this folder.

    python benchmarks/history.py [--keep] [--size 256] [--repetitions 5]

The ratios are compared with those of the release before in history.csv; what is slower by more than 15 % is said, and
the exit code is 1. `--keep` writes the ratios of this version there.
"""

import argparse
import csv
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np

from napari_tesm import open_dataset, save
from napari_tesm.data.dataset import blocks_of_rows, dataset_from_traces
from napari_tesm.data.protocol import PulseProtocol
from napari_tesm.evaluation.evaluation import Evaluation
from napari_tesm.evaluation.pipeline import run
from napari_tesm.evaluation.resuming import journal_of_run
from napari_tesm.fitting import fit_traces
from napari_tesm.io.zarr_store import save_zarr
from napari_tesm.version import __version__

HISTORY = Path(__file__).with_name("history.csv")
SAMPLES = 500
DURATION = 10e-3
SLOWER = 1.15
MAPPING = "traces:\n  - {source: X, voltage: -3 V, axes: [y, x, time]}\ntime: {source: time}\n"


def scan_of_size(size: int):
    """Return a scan of pulse and relaxation, float32, signal to noise 30, tau from 0.3 to 3 ms."""
    rng = np.random.default_rng(0)
    t = np.arange(SAMPLES) * (25e-3 / SAMPLES)
    tau = np.exp(rng.uniform(np.log(0.3e-3), np.log(3e-3), (size, size, 1)))
    traces = np.empty((size, size, SAMPLES), np.float32)
    for row in range(size):
        rise = 1 - np.exp(-np.minimum(t, DURATION) / tau[row])
        clean = rise * np.exp(-np.maximum(t - DURATION, 0) / tau[row])
        traces[row] = clean + rng.standard_normal(clean.shape) / 30
    axis = (np.arange(size) + 0.5) * 20e-9
    protocol = PulseProtocol(pulse_start=0.0, pulse_duration=DURATION, tip_radius=25e-9)
    return dataset_from_traces(
        [traces],
        time=t,
        x=axis,
        y=axis * 1.25,
        voltage=[-3.0],
        direction=["trace"],
        unit="m",
        protocol=protocol,
    )


def files_of_scan(scan, folder: Path) -> list[Path]:
    """Write a scan in three formats; return the files."""
    save(folder / "brick.gwy", scan)
    save_zarr(folder / "own.zarr", scan)
    with h5py.File(folder / "contiguous.h5", "w") as file:
        file["X"], file["time"] = scan["displacement"].values[0], scan["time"].values
        file["X"].attrs["units"], file["time"].attrs["units"] = "m", "s"
    (folder / "contiguous.yaml").write_text(MAPPING)
    return [folder / name for name in ("brick.gwy", "contiguous.h5", "own.zarr")]


def evaluation_of_file(path: Path) -> Evaluation:
    """Return the evaluation of a file, with the protocol that HDF5 does not say."""
    from napari_tesm.evaluation.values import recipe_from_values

    return Evaluation.of(
        open_dataset(path), recipe_from_values(tip_radius="25nm", pulse_start="0ms", pulse_duration="10ms")
    )


def read(evaluation: Evaluation) -> None:
    displacement = evaluation.dataset["displacement"]
    for pulse, rows, columns in blocks_of_rows(displacement.shape[:3], SAMPLES):
        _ = displacement.isel(pulse=pulse, y=rows, x=columns).values


def ratios_of_scan(size: int, repetitions: int) -> dict[str, float]:
    """Return every figure by its name."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        scan = scan_of_size(size)
        evaluations = {path.name: evaluation_of_file(path) for path in files_of_scan(scan, folder)}
        traces = scan["displacement"].values[0].reshape(-1, SAMPLES)
        doubles, t = traces.astype(np.float64), scan["time"].values

        def journalled() -> None:
            evaluation = evaluations["contiguous.h5"]
            with journal_of_run(folder / "out.gwy", evaluation, [], anew=True) as journal:
                run(evaluation, journal=journal)

        actions: dict[str, Callable[[], object]] = {
            "sum": traces.sum,
            "sum of doubles": doubles.sum,
            "engine": lambda: fit_traces(doubles, t),
            "journal": journalled,
        }
        for path, evaluation in evaluations.items():
            actions[f"read {path}"] = lambda evaluation=evaluation: read(evaluation)
            actions[f"fit {path}"] = lambda evaluation=evaluation: run(evaluation)
        times = fastest_of_turns(actions, repetitions)
    figures = {
        name: seconds / times["sum"] for name, seconds in times.items() if name.startswith(("read", "fit"))
    }
    return {
        "engine, one window / sum of doubles": times["engine"] / times["sum of doubles"],
        **{f"{name} / sum": ratio for name, ratio in figures.items()},
        "fit contiguous.h5 with a journal / without": times["journal"] / times["fit contiguous.h5"],
    }


def fastest_of_turns(actions: dict[str, Callable[[], object]], repetitions: int) -> dict[str, float]:
    """Return the least processor time of each action; they take turns, after one turn that does not count."""
    best = dict.fromkeys(actions, np.inf)
    for turn in range(repetitions + 1):
        for name, action in actions.items():
            start = time.process_time()
            action()
            if turn:
                best[name] = min(best[name], time.process_time() - start)
    return best


def kept_ratios() -> dict[str, dict[str, float]]:
    """Return the ratios of each version, in the order in which they were kept."""
    versions: dict[str, dict[str, float]] = {}
    if HISTORY.exists():
        with HISTORY.open(newline="", encoding="utf-8") as file:
            for row in csv.DictReader(file):
                versions.setdefault(row["version"], {})[row["figure"]] = float(row["ratio"])
    return versions


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--keep", action="store_true", help="write the ratios of this version to history.csv")
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--repetitions", type=int, default=5)
    options = parser.parse_args()
    if os.environ.get("OMP_NUM_THREADS") != "1":
        print("Set OMP_NUM_THREADS=1: processor time counts that of all threads.")
    ratios = ratios_of_scan(options.size, options.repetitions)
    versions = kept_ratios()
    before = next((name for name in reversed(versions) if name != __version__), None)
    slower = []
    for name, ratio in ratios.items():
        known = versions.get(before or __version__, {}).get(name)
        words = "" if known is None else f"   {before or __version__}: {known:.2f}"
        if known is not None and ratio > SLOWER * known:
            slower.append(name)
            words += "   slower"
        print(f"{name:45} {ratio:7.2f}{words}")
    if options.keep:
        versions[__version__] = ratios
        with HISTORY.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(["version", "figure", "ratio"])
            writer.writerows(
                [version, name, f"{ratio:.3g}"]
                for version, own in versions.items()
                for name, ratio in own.items()
            )
    if slower:
        print(f"Slower by more than {100 * (SLOWER - 1):.0f} % than before: {', '.join(slower)}")
    return 1 if slower else 0


if __name__ == "__main__":
    raise SystemExit(main())
