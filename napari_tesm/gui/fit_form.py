"""The form of the fit: what a user types, as parameters of the model."""

from collections.abc import Callable
from typing import Any, Final

from magicgui.widgets import CheckBox, ComboBox, FloatSpinBox, LineEdit
from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from napari_tesm.diffusion import GEOMETRIES
from napari_tesm.gui.fit_model import FitModel
from napari_tesm.kernels import KERNELS
from napari_tesm.recipe import NO_WINDOW

_THRESHOLDS: Final = {
    "robust maximum": "robust",
    "plain maximum": "max",
    "99th percentile": "p99",
}
_GEOMETRY_TEXTS: Final = {
    f"D = {name}".replace("l2", "l²").replace("tau", "τ").replace("pi2", "π²"): name for name in GEOMETRIES
}


class FitForm(QWidget):
    """Entries for tip radius, threshold, windows, kernel and gates; changes go to the model as they are made."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.model: FitModel | None = None
        self._filling = False
        self._make_fields()
        self._lay_out()

    def _make_fields(self) -> None:
        self.tip_radius = LineEdit(
            name="tip_radius", tooltip="Characteristic length l of the diffusion, in nm"
        )
        self.tip_error = LineEdit(name="tip_radius_error", tooltip="Its standard error, in nm")
        self.threshold = FloatSpinBox(
            name="threshold", min=0.0, max=100.0, step=1.0, value=15.0,
            tooltip="Pixels with a smaller |H| are not evaluated, in % of the map's maximum",
        )  # fmt: skip
        self.threshold_of = ComboBox(
            name="threshold_of", choices=list(_THRESHOLDS),
            tooltip="Robust: the largest |H| that three neighbouring pixels support, so that hot pixels do not count",
        )  # fmt: skip
        tip = "Edges in time from the start of the pulse; empty as the pulse has it, “none” to leave the window out"
        self.edges = {
            (number, edge): LineEdit(name=f"window{number}_{edge}", tooltip=tip)
            for number in (1, 2)
            for edge in ("start", "stop")
        }
        self.kernel = ComboBox(name="kernel", choices=list(KERNELS), tooltip="Shape of the relaxation")
        self.geometry = ComboBox(
            name="geometry",
            choices=list(_GEOMETRY_TEXTS),
            tooltip="How D follows from τ and the tip radius l",
        )
        self.response_level = LineEdit(
            name="response_level",
            tooltip="F-test against a constant: a pixel responds below this probability",
        )
        self.max_log_tau_error = LineEdit(
            name="max_log_tau_error", tooltip="A larger standard error of ln τ means unresolved"
        )
        self.skip = LineEdit(
            name="skip_after_edge",
            tooltip="Samples within this time after a window's start are left out, in ms",
        )
        self.preview = CheckBox(name="preview", text="Live preview", value=True)
        for widget, entry in (
            (self.tip_radius, "tip_radius"), (self.tip_error, "tip_radius"), (self.skip, "skip_after_edge"),
            (self.response_level, "response_level"), (self.max_log_tau_error, "max_log_tau_error"),
        ):  # fmt: skip
            widget.native.textEdited.connect(self._entered(entry))
        for (number, _), widget in self.edges.items():
            widget.native.textEdited.connect(self._entered(f"window{number}"))
        for combo, entry in (
            (self.kernel, "kernel"), (self.geometry, "geometry"), (self.threshold_of, "threshold_of"),
            (self.threshold, "threshold"),
        ):  # fmt: skip
            combo.changed.connect(self._entered(entry))

    def _lay_out(self) -> None:
        form = QFormLayout()
        form.setContentsMargins(0, 0, 0, 0)
        form.setVerticalSpacing(3)
        form.addRow(
            "Tip radius", row_of(self.tip_radius.native, QLabel("±"), self.tip_error.native, QLabel("nm"))
        )
        form.addRow("Threshold", row_of(self.threshold.native, QLabel("% of"), self.threshold_of.native))
        windows = []
        for number in (1, 2):
            start, stop = self.edges[number, "start"].native, self.edges[number, "stop"].native
            windows += [start, QLabel("–"), stop] + ([QLabel("  2:")] if number == 1 else [QLabel("ms")])
        form.addRow("Windows  1:", row_of(*windows))
        form.addRow("Kernel", row_of(self.kernel.native, self.geometry.native))
        self.gates_button = QToolButton()
        self.gates_button.setText("Gates ▸")
        self.gates_button.setToolTip("When a pixel does not deserve a number")
        self.gates_button.setCheckable(True)
        self.gates = row_of(
            QLabel("F-test p <"), self.response_level.native, QLabel("SE(ln τ) ≤"), self.max_log_tau_error.native,
            QLabel("skip"), self.skip.native, QLabel("ms"),
        )  # fmt: skip
        self.gates.setVisible(False)
        self.gates_button.toggled.connect(self._gates_toggled)
        form.addRow(self.gates_button, self.gates)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(3)
        layout.addLayout(form)

    def _gates_toggled(self, shown: bool) -> None:
        self.gates.setVisible(shown)
        self.gates_button.setText("Gates ▾" if shown else "Gates ▸")

    def fill(self, model: FitModel) -> None:
        """Show the parameters of a model, and change this model from now on."""
        self.model = model
        self._filling = True
        try:
            self._fill(model)
        finally:
            self._filling = False

    def _fill(self, model: FitModel) -> None:
        recipe = model.recipe
        radius, error = model.tip_radius
        _set_text(self.tip_radius, _in_units(radius, 1e-9))
        _set_text(self.tip_error, _in_units(error, 1e-9))
        self.tip_radius.native.setPlaceholderText("25 (assumed)")
        self.tip_error.native.setPlaceholderText("5")
        self.threshold.value = round(100 * recipe.threshold, 6)
        self.threshold_of.value = next(text for text, of in _THRESHOLDS.items() if of == recipe.threshold_of)
        for number in (1, 2):
            window = model.window(number)
            left_out = (recipe.window1 if number == 1 else recipe.window2) == NO_WINDOW
            start, stop = ("", "") if window is None else map(_in_milliseconds, (window.start, window.stop))
            _set_text(self.edges[number, "start"], NO_WINDOW if left_out else start)
            _set_text(self.edges[number, "stop"], "" if left_out else stop)
            self.edges[number, "stop"].native.setPlaceholderText("end" if window is not None else "")
        self.kernel.value = recipe.kernel
        self.geometry.value = next(text for text, name in _GEOMETRY_TEXTS.items() if name == recipe.geometry)
        _set_text(self.response_level, f"{recipe.response_level:g}")
        _set_text(self.max_log_tau_error, f"{recipe.max_log_tau_error:g}")
        _set_text(self.skip, _in_units(recipe.skip_after_edge, 1e-3))

    def _entered(self, entry: str) -> Callable[[Any], None]:
        def changed(_: Any = None) -> None:
            if not self._filling and self.model is not None:
                self._take(self.model, entry)

        return changed

    def _take(self, model: FitModel, entry: str) -> None:
        """Read one entry of the form into the recipe."""
        if entry == "tip_radius":
            radius, error = self.tip_radius.value.strip(), self.tip_error.value.strip()
            if not radius:
                model.set(tip_radius=None)
            else:
                model.set(tip_radius=f"{radius} nm ± {error} nm" if error else f"{radius} nm")
        elif entry in ("window1", "window2"):
            self._take_window(model, entry)
        elif entry == "threshold":
            model.set(threshold=f"{self.threshold.value:.10g} %")
        elif entry == "threshold_of":
            model.set(threshold_of=_THRESHOLDS[self.threshold_of.value])
        elif entry == "geometry":
            model.set(geometry=_GEOMETRY_TEXTS[self.geometry.value])
        elif entry == "kernel":
            model.set(kernel=self.kernel.value)
        elif entry == "skip_after_edge":
            text = self.skip.value.strip()
            model.set(skip_after_edge=f"{text} ms" if text else None)
        else:
            self._take_number(model, entry)

    def _take_window(self, model: FitModel, entry: str) -> None:
        number = int(entry[-1])
        start, stop = (self.edges[number, edge].value.strip() for edge in ("start", "stop"))
        if start == NO_WINDOW:
            model.set(**{entry: NO_WINDOW})
        elif not start and not stop:
            model.set(**{entry: None})
        else:
            model.set(**{entry: f"{start or '0'} ms:{f'{stop} ms' if stop else ''}"})

    def _take_number(self, model: FitModel, entry: str) -> None:
        text = getattr(self, entry).value.strip()
        try:
            value = float(text)
        except ValueError:
            model.refuse(f"'{text}' is not a number")
            return
        model.set(**{entry: value})


def row_of(*widgets: QWidget) -> QWidget:
    """Return widgets side by side; labels and buttons keep their size, entries share the rest."""
    row = QWidget()
    layout = QHBoxLayout(row)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setSpacing(4)
    for widget in widgets:
        stretch = 0 if isinstance(widget, QLabel | QPushButton | QToolButton) else 1
        layout.addWidget(widget, stretch, Qt.AlignmentFlag.AlignVCenter)
    return row


def _set_text(entry: LineEdit, text: str) -> None:
    if entry.value != text:
        entry.value = text


def _in_units(value: float | None, factor: float) -> str:
    return "" if value is None else f"{value / factor:.10g}"


def _in_milliseconds(time: float | None) -> str:
    return _in_units(time, 1e-3)
