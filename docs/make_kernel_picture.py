"""Take the picture of "Which kernel do my data support?" in docs/kernels.md: simulated diffusion, four kernels.

Run it anywhere::

    .venv/bin/python docs/make_kernel_picture.py
"""

import sys
import tempfile
from pathlib import Path

from PIL import Image

from napari_tesm.cli import main

PICTURE = Path(__file__).parent / "images" / "which_kernel.png"
COLOURS = 256
"""A picture of this many colours is a third as large and looks the same."""


def take() -> int:
    with tempfile.TemporaryDirectory() as folder:
        scan, figure = Path(folder) / "scan.gwy", Path(folder) / "choice.png"
        code = main(["simulate", "--model", "flux-pulse", "-o", str(scan)])
        code = code or main(["kernels", str(scan), "--traces", "Traces (-3 V)", "--figure", str(figure)])
        if code == 0:
            with Image.open(figure) as picture:
                image = picture.convert("RGB")
                image.quantize(COLOURS, kmeans=3, dither=Image.Dither.NONE).save(PICTURE, optimize=True)
        return code


if __name__ == "__main__":
    sys.exit(take())
