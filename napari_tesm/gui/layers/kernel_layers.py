"""Maps of a comparison of kernels as napari layers: the best kernel in colours of its own, evidence, misfit, D."""

from typing import Final

import numpy as np

from napari_tesm.data.maps import labels_from_maps
from napari_tesm.gui.layers.label_layers import LayerTuple, best_kernel_layer
from napari_tesm.gui.layers.result_layers import add_below_drawings, hide_colours_below, hide_maps
from napari_tesm.gui.layers.scan_layers import map_layer, role_of_map
from napari_tesm.gui.layers.session import Session
from napari_tesm.gui.models.scan import Scan
from napari_tesm.model_choice.maps import AVERAGE_MAPS, BEST, EVIDENCE, MISFIT, VOTING, KernelChoice
from napari_tesm.model_choice.misfits import LEAST

SHOWN: Final = (
    *(name for name in reversed(AVERAGE_MAPS) if "noise" not in name),  # that is seen in the maps of a fit
    MISFIT,
    EVIDENCE,
    BEST,
)
"""The maps that become layers, the bottom one first, where they are there."""


def layers_from_choice(scan: Scan, choice: KernelChoice) -> list[LayerTuple]:
    """Return a layer of each map for every pulse setting, all hidden, the best kernel last."""
    layers = []
    titles = choice.titles
    for name in (name for name in SHOWN if name in titles):
        for pulse, label in enumerate(labels_from_maps(choice.maps)):
            here = choice.maps.isel(pulse=pulse)
            values = np.where(here[VOTING].values == 0, here[name].values, np.nan)
            title = f"{titles[name]} {label}".rstrip()
            if name == BEST:
                role = role_of_map(scan, name, pulse)
                layer = best_kernel_layer(values, choice.kernels, title, scan.display, role)
            else:
                layer = map_layer(scan, values, name, title, str(here[name].attrs["units"]), pulse)
                if name in (EVIDENCE, MISFIT):
                    least = LEAST if name == MISFIT else 0.0
                    layer[1]["contrast_limits"] = (0.0, max(layer[1]["contrast_limits"][1], least))
            layer[1]["metadata"]["tesm"]["recipe"] = choice.maps.attrs["recipe"]
            layers.append(layer)
    return layers


def add_choice_layers(session: Session, scan: Scan, choice: KernelChoice) -> None:
    """Put the maps of a comparison over the others, the best kernel of the last pulse setting on top.

    They take the place of those of an earlier comparison.
    """
    layers = session.viewer.layers
    with layers.batched_update():
        for layer in session.layers_of(scan, "map"):
            if layer.metadata["tesm"]["map"] in SHOWN:
                layers.remove(layer)
        hide_maps(session, scan)
        made = [add_below_drawings(session, scan, layer) for layer in layers_from_choice(scan, choice)]
        hide_colours_below(session, made[-1])
        made[-1].visible = True
