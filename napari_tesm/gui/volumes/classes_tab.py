"""The tab that tells classes of voxels from strokes that are painted on sections."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from qtpy.QtWidgets import QFileDialog, QHBoxLayout, QVBoxLayout, QWidget

from napari_tesm.evaluation.pipeline import Progress
from napari_tesm.gui.panels.widgets import Words, button, laid_out
from napari_tesm.gui.volumes.layers import labels_layer
from napari_tesm.gui.volumes.state import VolumeState
from napari_tesm.gui.volumes.work import VolumeWork
from napari_tesm.io.volumes import save_volume
from napari_tesm.volumes.dataset import AXES, INTENSITY
from napari_tesm.volumes.segmentation import Classes, classes_from_labels, segmented, shares_of

_HINT: Final = (
    "Paint short strokes of each class on two or three upright sections: 1 air, 2 matrix, 3 particles, 4 collector, or "
    "any classes of yours. The number is that of the label in napari's controls. Then find the classes of all voxels."
)
_MOST_PAINTED: Final = 4 << 30
"""Voxels on which somebody paints: a byte each, as far as it is painted on."""
_SECTIONS: Final = 16
"""Slices whose classes are found between two looks at Cancel."""


@dataclass(frozen=True, eq=False)
class FoundClasses:
    """The classes of a volume.

    Parameters
    ----------
    classes : Classes
    labels : Dataset
        As `segmented` gives it, in memory.
    shares : dict of int to float
    """

    classes: Classes
    labels: xr.Dataset
    shares: dict[int, float]

    def lines(self) -> list[str]:
        """Return what was found, a line for each class."""
        parts = zip(
            self.classes.numbers,
            self.classes.means,
            self.classes.painted,
            self.classes.agreement,
            strict=True,
        )
        return [
            f"Class {number}: {100 * self.shares.get(int(number), 0):.2f} % of the volume, attenuation {mean[0]:.3f}; "
            f"{100 * agreement:.1f} % of {painted} painted voxels come out as painted"
            for number, mean, painted, agreement in parts
        ]


def find_classes(state: VolumeState, strokes: NDArray[Any], progress: Progress) -> FoundClasses:
    """Return the classes of all voxels of a state from strokes on some.

    Raises
    ------
    ValueError
        If the grey values are not known, or too little is painted.
    """
    levels = state.known_greys().levels
    classes = classes_from_labels(
        state.volume, levels, strokes, progress=lambda part, words: progress(0.2 * part, words)
    )
    lazy = segmented(state.volume, levels, classes)
    values = np.empty(state.shape, np.uint8)
    for start in range(0, len(values), _SECTIONS):
        part = slice(start, start + _SECTIONS)
        values[part] = lazy[INTENSITY][part].values
        progress(0.2 + 0.8 * min(1.0, part.stop / len(values)), "finding the classes")
    labels = lazy.assign({INTENSITY: (AXES, values, lazy[INTENSITY].attrs)})
    return FoundClasses(classes, labels, shares_of(labels))


class ClassesTab(QWidget):
    """Offers a layer to paint on, and shows what comes of it.

    Parameters
    ----------
    work : VolumeWork
    """

    def __init__(self, work: VolumeWork) -> None:
        super().__init__()
        self._work = work
        self._found: dict[VolumeState, FoundClasses] = {}
        self.paint_button = button("Paint", "A layer for strokes, one number for each class", self.paint)
        self.find_button = button("Find classes", "Of all voxels, by the strokes", self.find)
        self.save_button = button(
            "Save .zarr…", "The number of the class of each voxel, as an OME-Zarr", self.ask_and_save
        )
        self.words = Words(_HINT, whole=True)
        buttons = laid_out(QHBoxLayout(), self.paint_button, self.find_button, self.save_button, None)
        laid_out(QVBoxLayout(self), buttons, self.words, None, spacing=4, margin=4)

    def refresh(self, state: VolumeState | None) -> None:
        """Show what is known of a state."""
        for widget in (self.paint_button, self.find_button, self.save_button):
            widget.setEnabled(state is not None)
        self._found = {each: found for each, found in self._found.items() if each in self._work.scene.states}
        found = None if state is None else self._found.get(state)
        self.words.setText(_HINT if found is None else "\n".join(found.lines()))

    def paint(self) -> None:
        """Let strokes be painted on the state that is looked at, on upright sections."""
        state, scene = self._work.state, self._work.scene
        if state is None:
            return
        self._work.tell("")
        layer = scene.layer_of(state, "strokes")
        if layer is None:
            if np.prod(state.shape, dtype=np.int64) > _MOST_PAINTED:
                self._work.tell(
                    "the volume is too large to paint on: cut it, or make coarser voxels of it first"
                )
                return
            layer = scene.put(
                state, "strokes", labels_layer(state, "strokes", np.zeros(state.shape, np.uint8))
            )
        scene.arrange()
        scene.viewer.layers.selection.active = layer
        layer.mode = "paint"

    def find(self) -> None:
        """Find the classes of all voxels of the state that is looked at."""
        state = self._work.state
        if state is None:
            return
        layer = self._work.scene.layer_of(state, "strokes")
        if layer is None:
            self._work.tell(f"nothing is painted on {state.name} yet: paint strokes of each class first")
            return
        strokes = np.array(layer.data)  # somebody may paint on

        def work(progress: Progress) -> Callable[[], None]:
            found = find_classes(state, strokes, progress)
            return lambda: self._show(state, found)

        self._work.tell("")
        self._work.do(state, f"finding the classes of {state.name}", work)

    def _show(self, state: VolumeState, found: FoundClasses) -> None:
        self._found[state] = found
        scene = self._work.scene
        scene.put(state, "classes", labels_layer(state, "classes", found.labels[INTENSITY].values))
        scene.arrange()
        self.refresh(self._work.state)

    def ask_and_save(self) -> None:
        """Ask for a folder and write the classes."""
        state = self._work.state
        found = None if state is None else self._found.get(state)
        if state is None or found is None:
            self._work.tell("there are no classes yet: find them first")
            return
        name, _ = QFileDialog.getSaveFileName(
            self, "Save the classes", f"{state.name}_classes.zarr", "OME-Zarr (*.zarr)"
        )
        if name:
            self._work.save(Path(name), lambda: save_volume(Path(name), found.labels))
