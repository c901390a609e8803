"""Take the picture of a report of the shipped (simulated) sample, as a browser shows it.

A browser that can be run without a window is needed, Chromium or Chrome::

    .venv/bin/python docs/make_report_picture.py
"""

import shutil
import subprocess
import tempfile
from pathlib import Path

from PIL import Image

from napari_tesm.cli import main as tesm

ROOT = Path(__file__).parents[1]
IMAGES = ROOT / "docs" / "images"
NAME = "report.png"
SIZE = (1280, 2560)
SHOWN = (900, 1800)
COLOURS = 256


def main() -> None:
    browser = next(
        (found for name in ("chromium", "google-chrome", "chrome") if (found := shutil.which(name))), None
    )
    if browser is None:
        raise SystemExit("no Chromium or Chrome was found")
    folder = Path(tempfile.mkdtemp())
    sample = ROOT / "sample_data" / "si_c_step.gwy"
    words = ["report", str(sample), "-o", str(folder / "report"), "--tip-radius", "25nm±2nm", "--quiet"]
    if tesm(words) != 0:
        raise SystemExit("the report could not be made")
    picture = folder / NAME
    subprocess.run(
        [
            browser, "--headless=new", "--no-sandbox", "--hide-scrollbars", f"--window-size={SIZE[0]},{SIZE[1]}",
            f"--screenshot={picture}", (folder / "report" / "report.html").as_uri(),
        ],
        check=True, capture_output=True,
    )  # fmt: skip
    image = Image.open(picture).convert("RGB").resize(SHOWN, Image.Resampling.LANCZOS)
    image.quantize(COLOURS, kmeans=3, dither=Image.Dither.NONE).save(IMAGES / NAME, optimize=True)


if __name__ == "__main__":
    main()
