"""Make the pictures of docs/gallery.md: figures of two reports in the style for print, of simulated data.

.. code-block:: sh

    .venv/bin/python docs/make_gallery_pictures.py
"""

import tempfile
from pathlib import Path

from PIL import Image

from napari_tesm.cli import main as tesm

ROOT = Path(__file__).parents[1]
PLACE = ROOT / "docs" / "images" / "gallery"
WIDTH, COLOURS = 1000, 128
OF_SCAN = (
    "trace", "similarity_maps", "diffusion_maps", "fit_examples_quality", "histograms_log", "diffusion_thickness",
    "grains", "kernels", "points_curves",
)  # fmt: skip
OF_VOLUME = ("sections_1", "thickness_1", "attenuation")


def main() -> None:
    folder = Path(tempfile.mkdtemp())
    sample, volume = ROOT / "sample_data" / "si_c_step.gwy", folder / "cycled.zarr"
    paper = ["--style", "paper", "--quiet"]
    words = ["report", str(sample), "-o", str(folder / "scan"), "--tip-radius", "25nm±2nm", *paper]
    simulated = ["volume", "simulate", "-o", str(volume), "--preset", "np-si-2000", "--shape", "210x150x170"]
    for command in (
        words,
        simulated,
        ["volume", "report", str(volume), "-o", str(folder / "volume"), *paper],
    ):
        if tesm(command) != 0:
            raise SystemExit(f"tesm {command[0]} failed")
    PLACE.mkdir(exist_ok=True)
    for report, names in (("scan", OF_SCAN), ("volume", OF_VOLUME)):
        for name in names:
            picture = Image.open(folder / report / "figures" / f"{name}.png").convert("RGB")
            picture = picture.resize(
                (WIDTH, round(picture.height * WIDTH / picture.width)), Image.Resampling.LANCZOS
            )
            picture.quantize(COLOURS).save(PLACE / f"{name}.png", optimize=True)


if __name__ == "__main__":
    main()
