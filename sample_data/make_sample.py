"""Make the sample: a simulated scan, the truth behind it, and checksums.

python sample_data/make_sample.py
"""

import hashlib
import json
from pathlib import Path

import numpy as np

from napari_tesm import save
from napari_tesm.simulation import simulate
from napari_tesm.simulation.scene import CLASSES, GRAIN, STEP

FOLDER = Path(__file__).parent
SETTINGS = {"preset": "si-c-step", "size": (64, 48), "samples": 245, "seed": 0}


def main() -> None:
    """Write si_c_step.gwy, truth.json and SHA256SUMS beside this file."""
    simulation = simulate(**SETTINGS)
    sample = FOLDER / "si_c_step.gwy"
    save(sample, simulation.dataset, overwrite=True)
    truth = simulation.truth
    classes = truth["pixel_class"].values
    entries = {
        "simulated": True,
        "made_with": SETTINGS,
        "pixels": {name: int((classes == number).sum()) for number, name in enumerate(CLASSES)},
        "median": {
            CLASSES[number]: {
                name: float(np.nanmedian(truth[name].values[classes == number])) for name in ("D1", "D2")
            }
            for number in (GRAIN, STEP)
        },
        "step_pixels": [[int(row), int(column)] for row, column in np.argwhere(classes == STEP)],
        "grain_pixels_per_row": [int((line == GRAIN).sum()) for line in classes],
    }
    (FOLDER / "truth.json").write_text(json.dumps(entries) + "\n")
    names = ("si_c_step.gwy", "truth.json")
    sums = [f"{hashlib.sha256((FOLDER / name).read_bytes()).hexdigest()}  {name}" for name in names]
    (FOLDER / "SHA256SUMS").write_text("\n".join(sums) + "\n")
    print(f"{sample.name}: {sample.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
