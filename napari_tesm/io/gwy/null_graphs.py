"""What pure diffusion would have shown, as graphs for Gwyddion."""

from typing import Final

import numpy as np
from gwyfile.objects import GwyContainer

from napari_tesm.gwy import contents
from napari_tesm.gwy.graphs import Curve, Graph
from napari_tesm.io.gwy.point_graphs import curves_of_finite
from napari_tesm.model_choice.null_bands import NullBands
from napari_tesm.model_choice.null_curve import SOURCES

# A logarithm has no unit; Gwyddion would show 1e-13 m²/s with an odd prefix.
_TRUE: Final = "log10 of the true D (m²/s)"


def container_of_null_graphs(bands: NullBands) -> GwyContainer:
    """Return two graphs against log10 of the true D: log10 of the apparent D in each window, and D2/D1.

    What the recipe would reject is left out; a line through all true D shows where the apparent one would equal it.

    Raises
    ------
    ValueError
        If the recipe rejects everything.
    """
    container = GwyContainer()
    true = np.log10(next(iter(bands.curves.values())).diffusion)
    apparent, ratio = [], []
    for name, curve in bands.curves.items():
        for number, values in curve.apparent.items():
            apparent += curves_of_finite(
                np.log10(curve.diffusion), np.log10(values), f"D{number}, {SOURCES[name]}"
            )
        ratio += curves_of_finite(np.log10(curve.diffusion), curve.ratio, SOURCES[name])
    if not apparent:
        raise ValueError(
            "there is nothing to draw: the recipe would reject traces of pure diffusion at this noise"
        )
    apparent.append(Curve(true[[0, -1]], true[[0, -1]], "the true D"))
    for title, label, curves in (
        ("t-ESM null curve", "log10 of the apparent D (m²/s)", apparent),
        ("t-ESM null curve: D2/D1", "D2/D1", ratio),
    ):
        if curves:
            graph = Graph(curves, title=title, x_label=_TRUE, y_label=label)
            contents.add_graph(container, graph, visible=True)
    return container
