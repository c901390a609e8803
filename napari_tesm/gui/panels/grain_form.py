"""How grains are looked for: image, method, and widths in nm."""

from typing import Any

from qtpy.QtCore import QSignalBlocker, Signal
from qtpy.QtWidgets import QGridLayout, QLabel, QWidget

from napari_tesm.gui.models.grains import GrainModel
from napari_tesm.gui.panels.widgets import choice_box, fill_box, give_way, spin_box


class GrainForm(QWidget):
    """The parameters of a segmentation."""

    changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.source_box = choice_box("Image in which grains are looked for", self._entered)
        self.method_box = choice_box(
            "edges: watershed on the gradient; domes: on inverted height; auto: what describes the image better",
            self._entered,
            [(name, name) for name in ("auto", "edges", "domes")],
        )
        give_way(self.source_box, self.method_box)
        self.spins = {
            "smooth": spin_box("Standard deviation of the smoothing", 1000.0, 1, 0.5),
            "smallest_area": spin_box("Smaller grains belong to a neighbour", 0.0, 0, 50.0),
            "noise_factor": spin_box(
                "A border stands out so many times as much as in pure noise", 100.0, 1, 0.1
            ),
            "contrast": spin_box(
                "A border stands out at least this part of what borders usually do", 0.95, 2, 0.05
            ),
        }
        for name in ("smooth", "smallest_area"):
            self.spins[name].setSpecialValueText("auto")
        for spin in self.spins.values():
            spin.valueChanged.connect(self._entered)
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setSpacing(3)
        cells = (
            ("Find in", self.source_box), ("by", self.method_box),
            ("smooth", self.spins["smooth"]), ("area ≥", self.spins["smallest_area"]),
            ("noise ×", self.spins["noise_factor"]), ("contrast", self.spins["contrast"]),
        )  # fmt: skip
        for number, (text, widget) in enumerate(cells):
            row, column = divmod(number, 2)
            grid.addWidget(QLabel(text), row, 2 * column)
            grid.addWidget(widget, row, 2 * column + 1)
        grid.setColumnStretch(1, 1)
        grid.setColumnStretch(3, 1)

    def show_model(self, model: GrainModel) -> None:
        """Show what a model is asked for, in its unit of length."""
        factor, unit = model.length
        settings = model.settings
        fill_box(self.source_box, [(title, title) for title in model.scan.images], model.source)
        self.method_box.setCurrentIndex(self.method_box.findData(settings.method))
        shown = {
            "smooth": ((settings.smooth or 0.0) / factor, f" {unit}"),
            "smallest_area": ((settings.smallest_area or 0.0) / factor**2, f" {unit}²"),
            "noise_factor": (settings.noise_factor, ""),
            "contrast": (settings.contrast, ""),
        }
        for name, (value, suffix) in shown.items():
            spin = self.spins[name]
            with QSignalBlocker(spin):
                if name == "smallest_area":
                    spin.setMaximum(model.area / factor**2)
                spin.setSuffix(suffix)
                spin.setValue(value)

    def values(self, model: GrainModel) -> dict[str, Any]:
        """Return what was entered, as `GrainModel.choose` takes it; 0 stands for automatic."""
        factor, _ = model.length
        return {
            "source": self.source_box.currentData() or model.source,
            "method": self.method_box.currentData(),
            "smooth": self.spins["smooth"].value() * factor or None,
            "smallest_area": self.spins["smallest_area"].value() * factor**2 or None,
            "noise_factor": self.spins["noise_factor"].value(),
            "contrast": self.spins["contrast"].value(),
        }

    def _entered(self, *_: Any) -> None:
        self.changed.emit()
