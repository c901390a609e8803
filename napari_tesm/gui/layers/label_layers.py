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
    """Return the best kernels as labels.

    Parameters
    ----------
    values : ndarray, shape (y, x)
        Numbers of kernels, NaN where a pixel has no vote.
    """
    numbers = np.where(np.isfinite(values), values, len(kernels))
    colours = {name: colour_of_kernel(name) for name in kernels} | {"no vote": "transparent"}
    return classes_layer(numbers, "kernel", colours, title, display, role)


def classes_layer(
    numbers: NDArray[Any],
    heading: str,
    colours: dict[str, str],
    title: str,
    display: Display,
    role: dict[str, Any],
) -> LayerTuple:
    """Return a map of classes as labels: napari says under the cursor what a colour means.

    Parameters
    ----------
    numbers : ndarray, shape (y, x)
        From 0, in the order of `colours`.
    heading : str
        What the classes are.
    colours : dict of str
        By the words for each class.
    """
    from napari.utils.colormaps import DirectLabelColormap

    by_number: dict[int | None, Any] = {None: "transparent", **dict(enumerate(colours.values()))}
    options = {
        "name": title,
        "colormap": DirectLabelColormap(color_dict=by_number),
        "features": {"index": np.arange(len(colours)), heading: list(colours)},
        "opacity": 1.0,
        "visible": False,
        "metadata": {"tesm": role},
        **display.layer_options(),
    }
    return numbers.astype(np.uint8), options, "labels"


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
