"""Places of scans on oblique sections from five landmarks of 150 nm, and D against lithium: truth, statement, interval.

Each seed draws a cathode, both volumes and a section in another way than `napari_tesm.volumes` simulates them.

    python benchmarks/scan_places.py [--seeds 40] [--first 1000] [--csv FILE]
"""

import argparse
import csv
import sys
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from lithium_volumes import lithium_pair, places, through

from napari_tesm.volumes.counting import ParticlesOnIons
from napari_tesm.volumes.dataset import volume_from_array
from napari_tesm.volumes.matching import Image
from napari_tesm.volumes.particles import particles_of
from napari_tesm.volumes.scan_place import place_of_scan, scan_landmarks
from napari_tesm.volumes.scan_section import ion_correlation
from napari_tesm.volumes.transforms import inverse_of, moved_points

PIXEL = (24e-9, 25e-9)
PICKED = 150e-9
LANDMARKS = 5


def drawn_scan(seed: int) -> dict[str, object]:
    """Return a pair of volumes and a scan on a section through them that shows at least a tenth of particles."""
    rng = np.random.default_rng([seed, 17])
    pair = lithium_pair(
        seed=seed, size=(5e-6, 6e-6, 6e-6), n=int(rng.integers(4, 8)), radii=(0.8e-6, 1.5e-6),
        counts=float(rng.uniform(2, 6)), spread=0.24,
        electron_voxel=(float(rng.uniform(60e-9, 100e-9)), 50e-9, 50e-9),
    )  # fmt: skip
    shape = tuple(int(n) for n in rng.integers(120, 161, 2))
    pixels = np.zeros((*shape, 3))
    pixels[..., 1:] = places((1, *shape), (1e-9, *PIXEL))[0, ..., 1:]
    for _ in range(10_000):
        turn, _ = np.linalg.qr(rng.normal(size=(3, 3)))
        turn *= np.sign(np.linalg.det(turn))
        matrix = np.eye(4)
        matrix[:3, :3] = turn
        matrix[:3, 3] = rng.uniform(0.3, 0.7, 3) * pair.size - turn @ pixels.mean(axis=(0, 1))
        there = through(matrix, pixels)
        number, crack, _ = pair.cathode.parts(there)
        held = ((there > 0) & (there < pair.size)).all(-1)
        share = np.mean((number > 0) & held)
        if held.mean() > 0.85 and 0.15 < share < 0.85:
            break
    solid = (number > 0) & ~crack & held
    lithium = pair.cathode.lithium(there, spread=0.24)
    log_d = -13.3 + 0.8 * (lithium - 0.8) + 0.1 * rng.standard_normal(shape)
    surface = np.where(number > 0, 12e-9, 0.0)
    surface[crack] = -9e-9
    surface = surface + 1.5e-9 * rng.standard_normal(shape) + 2e-9 * np.arange(shape[1])
    picked = pixels.reshape(-1, 3)[rng.choice(solid.size, LANDMARKS, replace=False)]
    wrong = through(matrix, picked) + rng.normal(0, PICKED, (LANDMARKS, 3))
    return {
        "pair": pair, "pixels": pixels, "matrix": matrix, "image": surface, "picked": picked, "wrong": wrong,
        "map": np.where(solid, log_d, np.nan), "share": share, "held": held,
        "correlation": float(np.corrcoef(log_d[solid], lithium[solid])[0, 1]),
    }  # fmt: skip


def placed(draw: dict[str, object]):
    """Return what `tesm volume join` finds, and the landmarks."""
    pair = draw["pair"]
    marks = scan_landmarks(draw["picked"][:, 1:], draw["wrong"])
    volume = Image(pair.image, pair.electron_voxel)
    return place_of_scan(draw["image"], PIXEL, volume, marks), marks


def distance(draw: dict[str, object], matrix: np.ndarray) -> float:
    """Return how far pixels lie from where they belong, in the mean, in nm."""
    apart = through(matrix, draw["pixels"]) - through(draw["matrix"], draw["pixels"])
    return 1e9 * float(np.linalg.norm(apart, axis=-1).mean())


def correlated(draw: dict[str, object], matrix: np.ndarray):
    """Return the correlation of D with the ions at a place."""
    pair = draw["pair"]
    particles = particles_of(volume_from_array(pair.image, pair.electron_voxel))
    inside = ParticlesOnIons.of(pair.counts, pair.ion_voxel, particles, pair.matrix).inside
    there = moved_points(inverse_of(pair.matrix), through(matrix, draw["pixels"]))
    return ion_correlation(draw["map"], pair.counts, pair.ion_voxel, there, inside)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=40)
    parser.add_argument("--first", type=int, default=1000)
    parser.add_argument("--csv")
    options = parser.parse_args()
    rows = []
    for seed in range(options.first, options.first + options.seeds):
        draw = drawn_scan(seed)
        begun = time.process_time()
        row = {"seed": seed, "share": round(draw["share"], 2), "true correlation": draw["correlation"]}
        try:
            place, marks = placed(draw)
        except ValueError as refused:
            row["refused"] = str(refused)
            print(row, flush=True)
            rows.append(row)
            continue
        row |= {
            "landmarks": distance(draw, marks.matrix), "error": distance(draw, place.matrix),
            "stated": 1e9 * place.error, "seconds": time.process_time() - begun,
        }  # fmt: skip
        found = correlated(draw, place.matrix)
        if found is not None:
            row |= {"found": found.pearson, "low": found.low, "high": found.high}
        print({key: round(value, 3) for key, value in row.items()}, flush=True)
        rows.append(row)
    print_summary(rows)
    if options.csv:
        with Path(options.csv).open("w", newline="", encoding="utf-8") as file:
            fields = dict.fromkeys(key for row in rows for key in row)
            writer = csv.DictWriter(file, list(fields))
            writer.writeheader()
            writer.writerows(rows)


def print_summary(rows: list[dict[str, float]]) -> None:
    placed_rows = [row for row in rows if "error" in row]
    error = np.array([row["error"] for row in placed_rows])
    ratio = error / np.array([row["stated"] for row in placed_rows])
    print(f"{len(rows)} scans, {len(rows) - len(placed_rows)} refused; error median {np.median(error):.0f} nm, "
          f"largest {error.max():.0f} nm, {np.mean(error <= 80):.1%} within 80 nm")  # fmt: skip
    print(f"true over stated error: {np.quantile(ratio, [0, 0.05, 0.5, 0.95, 1]).round(2).tolist()}, "
          f"{np.mean((ratio >= 0.5) & (ratio <= 2)):.1%} within a factor of 2")  # fmt: skip
    told = [row for row in placed_rows if "low" in row]
    inside = [row["low"] <= row["true correlation"] <= row["high"] for row in told]
    print(f"correlation told in {len(told)}, in its interval in {np.mean(inside):.1%}")


if __name__ == "__main__":
    main()
