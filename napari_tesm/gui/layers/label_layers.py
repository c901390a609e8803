"""Maps of classes as napari labels: the best kernel of each pixel, and grains."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_tesm.grains import Grains
from napari_tesm.gui.models.display import Display
from napari_tesm.gui.models.scan import Scan
from napari_tesm.plotting.kernel_choice import colour_of_kernel

LayerTuple = tuple[Any, dict[str, Any], str]


def best_kernel_layer(
    values: NDArray[Any], kernels: tuple[str, ...], title: str, display: Display, role: dict[str, Any]
) -> LayerTuple:
    """Return the best kernels as labels: napari says under the cursor which one a colour means.

    Parameters
    ----------
    values : ndarray, shape (y, x)
        Numbers of kernels, NaN where a pixel has no vote.
    """
    from napari.utils.colormaps import DirectLabelColormap

    none = len(kernels)
    colours: dict[int | None, Any] = {None: "transparent", none: "transparent"}
    colours |= {number: colour_of_kernel(name) for number, name in enumerate(kernels)}
    options = {
        "name": title,
        "colormap": DirectLabelColormap(color_dict=colours),
        "features": {"index": np.arange(none + 1), "kernel": [*kernels, "no vote"]},
        "opacity": 1.0,
        "visible": False,
        "metadata": {"tesm": role},
        **display.layer_options(),
    }
    return np.where(np.isfinite(values), values, none).astype(np.uint8), options, "labels"


def grains_layer(scan: Scan, grains: Grains, *, preview: bool = False) -> LayerTuple:
    """Return grains as labels that napari's own tools edit; a preview shows outlines alone."""
    options: dict[str, Any] = {
        "name": "Grains preview" if preview else "Grains",
        "opacity": 0.9 if preview else 0.35,
        "metadata": {"tesm": {"scan": scan, "kind": "grain preview" if preview else "grains"}},
        **scan.display.layer_options(),
    }
    # A copy: what is painted is taken over by the scan, not done to it.
    return grains.labels.copy(), options, "labels"
