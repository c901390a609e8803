"""The form in which a volume is opened: what its file says, and what it does not and has to be said here."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import numpy as np
import xarray as xr
from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QComboBox, QFileDialog, QFormLayout, QHBoxLayout, QLineEdit, QVBoxLayout, QWidget

from napari_tesm.files.lazy import LazyArray
from napari_tesm.files.sentences import Sentence
from napari_tesm.gui.panels.widgets import (
    Words,
    button,
    choice_box,
    laid_out,
    line_edit,
    path_to_open,
    row_of,
)
from napari_tesm.gui.volumes.state import VolumeState
from napari_tesm.gui.volumes.words import volume_sentence
from napari_tesm.io.volumes import describe_volume, open_volume
from napari_tesm.quantities.text import quantity_from_text, text_from_quantity
from napari_tesm.volumes.dataset import shape_in_words, volume_from_array, voxel_from_text, voxel_in_words

_FILES: Final = ";;".join(
    ("Volumes (*.tif *.tiff *.ome.tif *.h5 *.hdf5 *.hdf *.nxs *.mrc *.rec *.map)", "All files (*)")
)
_UPWARD: Final = (
    ("z, the slices", "z"), ("z, turned over", "-z"), ("y, the rows", "y"), ("y, turned over", "-y"),
    ("x, the columns", "x"), ("x, turned over", "-x"),
)  # fmt: skip
_HINT: Final = (
    "Open a volume of X-ray nano-tomography: a TIFF stack, a folder of slices, HDF5, OME-Zarr or MRC. What the file "
    "does not say is asked here; nothing is guessed."
)


class OpeningForm(QWidget):
    """Asks for a file or takes a layer, says what it is, and opens it as a state.

    Parameters
    ----------
    viewer : napari.Viewer
        Whose selected layer is taken.
    """

    opened = Signal(object)
    """A `VolumeState`."""

    def __init__(self, viewer: Any) -> None:
        super().__init__()
        self._viewer = viewer
        self._path: Path | None = None
        self._layer: Any = None
        self._mapping: Path | None = None
        self._said = ""
        self.file_button = button(
            "File…", "A TIFF stack, HDF5, MRC, or bare numbers with a mapping", self._choose_file
        )
        self.folder_button = button("Folder…", "An OME-Zarr, or a folder of TIFF slices", self._choose_folder)
        self.layer_button = button(
            "Selected layer", "Take the selected image layer with its scale", self.take_selected_layer
        )
        self.close_button = button("✕", "Open nothing", self.close_form)
        self.words = Words(_HINT, narrow=True)
        self.name = QLineEdit()
        self.voxel: QLineEdit = line_edit("", "60nm, or 100nm,50nm,50nm")
        self.voxel.setToolTip("Distance of slices, rows and columns: one length, or three")
        self.up: QComboBox = choice_box(
            "Which axis of the file leads from the collector to air", self._look_again, _UPWARD
        )
        self.array: QLineEdit = line_edit("", "exchange/data")
        self.mapping_button = button(
            "Mapping…", "A file that says what bare numbers are", self._choose_mapping
        )
        self.add_button = button("Show", "Show it in the viewer, and look for its grey values", self.add)
        for entry in (self.name, self.voxel, self.array):
            entry.returnPressed.connect(self.add)
        self.fields = QWidget()
        form = QFormLayout(self.fields)
        form.setContentsMargins(0, 0, 0, 0)
        form.setVerticalSpacing(2)
        form.addRow("State", self.name)
        form.addRow("Voxel", self.voxel)
        form.addRow("Away from collector", self.up)
        form.addRow("Array", self.array)
        form.addRow("Mapping", self.mapping_button)
        self._form = form
        self.open_row = row_of(self.file_button, self.folder_button, self.layer_button)
        self.add_row = laid_out(QHBoxLayout(), None, self.close_button, self.add_button)
        laid_out(QVBoxLayout(self), self.open_row, self.words, self.fields, self.add_row, spacing=3, margin=0)
        self.setAcceptDrops(True)
        self.close_form()

    # What is to be opened

    def look_at_file(self, path: Path) -> None:
        """Say what a file or folder holds, and ask for what it does not say."""
        self._begin(path.name.removesuffix(".zarr") if path.is_dir() else path.stem)
        self._path = path
        self._describe()

    def take_selected_layer(self) -> None:
        """Take the image layer that is selected in the viewer."""
        layer = self._viewer.layers.selection.active
        problem = _problem_of_layer(layer)
        if problem:
            self.words.show_if_any(problem)
            return
        self._begin(layer.name)
        self._layer = layer
        voxel = voxel_of_layer(layer)
        if voxel is not None:
            self._said = _voxel_text(voxel)
            self.voxel.setText(self._said)
        shape = shape_in_words(_data_of_layer(layer).shape)
        said = "" if voxel is None else f", voxel {voxel_in_words(voxel)}"
        asked = (
            "" if voxel is not None else " The layer has no length as its scale: enter the size of a voxel."
        )
        self.words.setText(f"Layer {layer.name}: {shape} (z, y, x){said}.{asked}")
        (self.voxel if voxel is None else self.add_button).setFocus()

    def close_form(self) -> None:
        """Open nothing."""
        self._path = self._layer = self._mapping = None
        self._show_fields(False)
        self.words.show_if_any("")

    def show_hint(self, *, wanted: bool) -> None:
        """Say what can be opened, where nothing is open yet and nothing else is said."""
        if self.words.text() in ("", _HINT):
            self.words.show_if_any(_HINT if wanted else "")

    def add(self) -> None:
        """Open what was chosen, as the form says, or say what is missing."""
        try:
            state = VolumeState(self.name.text().strip() or "volume", self._opened())
        except (OSError, ValueError, ImportError, MemoryError) as error:
            self.words.setText(volume_sentence(error))
            return
        self.close_form()
        self.opened.emit(state)

    def _opened(self) -> xr.Dataset:
        text = self.voxel.text().strip()
        # What the form shows is rounded: a size that nobody touched is the file's own.
        voxel = voxel_from_text(text) if text and text != self._said else None
        up = self.up.currentData()
        if self._layer is not None:
            if self._layer not in self._viewer.layers:
                raise ValueError("the layer is gone: choose another")
            data = _data_of_layer(self._layer)
            array = LazyArray(tuple(data.shape), data.dtype, lambda part: np.asarray(data[part]))
            volume = volume_from_array(array, voxel or voxel_of_layer(self._layer) or (None,) * 3, up=up)
            self._layer.visible = False  # it would lie over its copy
            return volume
        if self._path is None:
            raise ValueError("no volume was chosen: choose a file first")
        return open_volume(
            self._path, voxel=voxel, up=up, array=self.array.text().strip() or None, mapping=self._mapping
        )

    # The form

    def _begin(self, name: str) -> None:
        self._path = self._layer = self._mapping = None
        self._said = ""
        self._show_fields(True)
        self.name.setText(name)
        self.voxel.clear()
        self.array.clear()
        self.up.setCurrentIndex(0)
        self.mapping_button.setText("Mapping…")

    def _show_fields(self, shown: bool) -> None:
        for widget in (self.fields, self.add_button, self.close_button):
            widget.setVisible(shown)
        self._form.setRowVisible(self.array, False)
        self._form.setRowVisible(self.mapping_button, False)

    def _describe(self) -> None:
        assert self._path is not None
        array = self.array.text().strip() or None
        try:
            found = describe_volume(self._path, up=self.up.currentData(), array=array, mapping=self._mapping)
        except (OSError, ValueError, ImportError) as error:
            self.words.show_if_any(volume_sentence(error))
            fields = _fields_of(error)
            self._form.setRowVisible(self.array, array is not None or "array" in fields)
            self._form.setRowVisible(self.mapping_button, self._mapping is not None or "mapping" in fields)
            return
        lines = [f"{found['name']}: {found['format']}{', simulated' if found['simulated'] else ''}, "
                 f"{shape_in_words(found['shape'])} (slices, rows, columns), {found['dtype']}."]  # fmt: skip
        lines += found["notes"]
        if not self.voxel.text() and all(edge is not None for edge in found["voxel"]):
            self._said = _voxel_text(found["voxel"])
            self.voxel.setText(self._said)
        missing = [] if self.voxel.text() else found["missing"]
        self.words.show_if_any("\n".join([*lines, *map(volume_sentence, missing)]))
        (self.add_button if self.voxel.text() else self.voxel).setFocus()

    def _look_again(self, *_: Any) -> None:
        if self._path is not None:
            self._describe()

    def _choose_file(self) -> None:
        if path := path_to_open(self, "Open a volume", _FILES):
            self.look_at_file(path)

    def _choose_folder(self) -> None:
        name = QFileDialog.getExistingDirectory(self, "Open an OME-Zarr or a folder of TIFF slices")
        if name:
            self.look_at_file(Path(name))

    def _choose_mapping(self) -> None:
        if path := path_to_open(self, "What the numbers are", "Mappings (*.yaml *.yml)"):
            self._mapping = path
            self.mapping_button.setText(path.name)
            self._look_again()

    def dragEnterEvent(self, event: Any) -> None:
        """Take one file or folder."""
        urls = event.mimeData().urls()
        if len(urls) == 1 and urls[0].isLocalFile():
            event.setDropAction(Qt.DropAction.CopyAction)
            event.accept()

    def dropEvent(self, event: Any) -> None:
        """Look at what was dropped."""
        event.accept()
        self.look_at_file(Path(event.mimeData().urls()[0].toLocalFile()))


def voxel_of_layer(layer: Any) -> tuple[float, float, float] | None:
    """Return a layer's scale in m along its last three axes; None where it has no unit of length."""
    try:
        z, y, x = (
            quantity_from_text(f"{float(step)!r} {unit:~}", "m")
            for step, unit in zip(layer.scale[-3:], layer.units[-3:], strict=True)
        )
    except ValueError:
        return None
    return z, y, x


def _data_of_layer(layer: Any) -> Any:
    return layer.data[0] if layer.multiscale else layer.data


def _problem_of_layer(layer: Any) -> str:
    from napari.layers import Image

    if layer is None:
        return "No layer is selected: click an image of three dimensions in the list of layers."
    if not isinstance(layer, Image) or layer.rgb or len(_data_of_layer(layer).shape) != 3:
        return f"{layer.name} is no image of three dimensions: select another layer."
    return ""


def _voxel_text(voxel: Any) -> str:
    """Return a voxel's size as the entry takes it."""
    texts = [text_from_quantity(edge, "m", digits=12).replace(" ", "") for edge in voxel]
    return texts[0] if len(set(texts)) == 1 else ",".join(texts)


def _fields_of(error: BaseException) -> tuple[str, ...]:
    sentence = error.args[0] if error.args else ""
    return sentence.fields if isinstance(sentence, Sentence) else ()
