"""The form of the fit: what a user types, as parameters of the model."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from typing import Any, Final

from magicgui.widgets import CheckBox, ComboBox, FloatSpinBox, LineEdit
from qtpy.QtCore import QEvent, QObject, Qt
from qtpy.QtWidgets import (
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from napari_tesm.evaluation.recipe import NO_WINDOW
from napari_tesm.gui.models.fit import FitModel
from napari_tesm.gui.models.form_words import LABELS
from napari_tesm.kernels.named import ALL_KERNELS
from napari_tesm.physics.diffusion import GEOMETRIES

_THRESHOLDS: Final = {
    "robust maximum": "robust",
    "plain maximum": "max",
    "99th percentile": "p99",
}
_GEOMETRY_TEXTS: Final = {
    f"D = {name}".replace("l2", "l²").replace("tau", "τ").replace("pi2", "π²"): name for name in GEOMETRIES
}
_TIPS: Final = {
    "tip_radius": "Characteristic length l of the diffusion, in nm. Empty: the file's, where it says one; nothing is "
    "assumed.",
    "tip_radius_error": "Its standard error, in nm",
    "threshold": "Pixels with a smaller |H| are not evaluated, in % of the map's maximum",
    "threshold_of": "Robust: the largest |H| that three neighbouring pixels support, so that hot pixels do not count",
    "kernel": "Shape of the relaxation",
    "geometry": "How D follows from τ and the tip radius l",
    "response_level": "F-test against a constant: a pixel responds where its probability is below this",
    "max_log_tau_error": "A larger standard error of ln τ means unresolved",
    "skip_after_edge": "Samples within this time after a window's start are left out, in ms",
    "lock_in_time_constant": "Time constant of the lock-in's low-pass, in ms, which the kernel passes, too; 0: none",
    "lock_in_order": "Its number of RC stages, 1 to 8",
    "window": "Edges in ms from the start of the pulse; empty as the pulse has it. They can be dragged in the plot.",
    "use": "Fit this window",
    "intervals": "Maps of the limits that hold τ and D with 95 %; where a pixel is unresolved, what can be said of it",
}


class FitForm(QWidget):
    """Entries for tip radius, threshold, windows, kernel and gates; changes go to the model as they are made."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.model: FitModel | None = None
        self.taking = False
        """Whether the change that is going on comes from this form."""
        self._filling = False
        self._make_fields()
        self._lay_out()
        self._connect()

    def _make_fields(self) -> None:
        numbers = (
            "tip_radius", "tip_radius_error", "response_level", "max_log_tau_error", "skip_after_edge",
            "lock_in_time_constant", "lock_in_order",
        )  # fmt: skip
        self.numbers = {name: LineEdit(name=name, tooltip=_TIPS[name]) for name in numbers}
        self.threshold = FloatSpinBox(
            name="threshold", min=0.0, max=100.0, step=1.0, value=15.0, tooltip=_TIPS["threshold"]
        )
        self.threshold.native.setDecimals(1)
        self.threshold_of = ComboBox(
            name="threshold_of", choices=list(_THRESHOLDS), tooltip=_TIPS["threshold_of"]
        )
        self.use = {
            number: CheckBox(name=f"use{number}", text=str(number), tooltip=_TIPS["use"]) for number in (1, 2)
        }
        self.edges = {
            (number, edge): LineEdit(name=f"window{number}_{edge}", tooltip=_TIPS["window"])
            for number in (1, 2)
            for edge in ("start", "stop")
        }
        self.kernel = ComboBox(name="kernel", choices=list(ALL_KERNELS), tooltip=_TIPS["kernel"])
        self.geometry = ComboBox(name="geometry", choices=list(_GEOMETRY_TEXTS), tooltip=_TIPS["geometry"])
        self.intervals = CheckBox(name="intervals", text="95 % limits of τ and D", tooltip=_TIPS["intervals"])
        self.preview = CheckBox(name="preview", text="Live preview", value=True)
        self.preview.tooltip = "Maps follow while a parameter changes"
        self.unit = QLabel("nm")
        self.gates_button = QToolButton()
        self.gates_button.setText("Gates ▸")
        self.gates_button.setToolTip("When a pixel does not deserve a number")
        self.gates_button.setCheckable(True)

    def _lay_out(self) -> None:
        native = {name: entry.native for name, entry in self.numbers.items()}
        windows: list[QWidget] = []
        for number in (1, 2):
            start, stop = (self.edges[number, edge].native for edge in ("start", "stop"))
            windows += [self.use[number].native, start, QLabel("–"), stop]
        gates = row_of(
            QLabel("F-test p <"), native["response_level"], QLabel("SE(ln τ) ≤"), native["max_log_tau_error"],
            QLabel(LABELS["skip_after_edge"]), native["skip_after_edge"], QLabel("ms"),
        )  # fmt: skip
        lock_in = row_of(
            QLabel(LABELS["lock_in_time_constant"]),
            native["lock_in_time_constant"],
            QLabel(f"ms, {LABELS['lock_in_order']}"),
            native["lock_in_order"],
        )
        self.gates = QWidget()
        both = QVBoxLayout(self.gates)
        both.setContentsMargins(0, 0, 0, 0)
        both.setSpacing(2)
        both.addWidget(gates)
        both.addWidget(lock_in)
        for widget in (self.gates, self.intervals.native):
            widget.setVisible(False)
        rows = (
            (
                LABELS["tip_radius"],
                (native["tip_radius"], QLabel("±"), native["tip_radius_error"], self.unit),
            ),
            (LABELS["threshold"], (self.threshold.native, QLabel("% of"), self.threshold_of.native)),
            ("Windows", (*windows, QLabel("ms"))),
            (LABELS["kernel"], (self.kernel.native, self.geometry.native, self.gates_button)),
        )
        grid = QGridLayout()
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setVerticalSpacing(2)
        grid.setHorizontalSpacing(6)
        grid.setColumnStretch(1, 1)
        for line, (title, widgets) in enumerate(rows):
            grid.addWidget(QLabel(title), line, 0)
            grid.addWidget(row_of(*widgets), line, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addLayout(grid)
        layout.addWidget(self.gates)
        layout.addWidget(self.intervals.native)
        for entry in self._line_edits():
            entry.native.setMinimumWidth(36)
        order = [
            native["tip_radius"], native["tip_radius_error"], self.threshold.native, self.threshold_of.native,
            *(widget for widget in windows if not isinstance(widget, QLabel)), self.kernel.native, self.geometry.native,
            self.gates_button, native["response_level"], native["max_log_tau_error"], native["skip_after_edge"],
            native["lock_in_time_constant"], native["lock_in_order"], self.intervals.native,
        ]  # fmt: skip
        for before, after in pairwise(order):
            QWidget.setTabOrder(before, after)

    def _connect(self) -> None:
        for name, entry in self.numbers.items():
            entry.native.textEdited.connect(self._entered(name.replace("radius_error", "radius")))
        for (number, _), entry in self.edges.items():
            entry.native.textEdited.connect(self._entered(f"window{number}"))
        for number, box in self.use.items():
            box.changed.connect(self._entered(f"window{number}"))
            box.changed.connect(self._ticked)
        for name in ("kernel", "geometry", "threshold_of", "threshold", "intervals"):
            getattr(self, name).changed.connect(self._entered(name))
        for entry in self._line_edits():
            entry.native.editingFinished.connect(self._tidy)
            entry.native.installEventFilter(self)
        self.gates_button.toggled.connect(self._gates_toggled)

    def _line_edits(self) -> list[LineEdit]:
        return [*self.numbers.values(), *self.edges.values()]

    def _gates_toggled(self, shown: bool) -> None:
        for widget in (self.gates, self.intervals.native):
            widget.setVisible(shown)
        self.gates_button.setText("Gates ▾" if shown else "Gates ▸")

    @property
    def kernels(self) -> tuple[str, ...]:
        """The kernels that can be chosen."""
        return tuple(str(name) for name in self.kernel.choices)

    # The model's parameters, shown

    def fill(self, model: FitModel) -> None:
        """Show the parameters of a model, and change this model from now on."""
        self.model = model
        with self._untouched():
            self._fill(model)

    def _fill(self, model: FitModel) -> None:
        recipe = model.recipe
        radius, error = model.tip_radius
        time_constant, order = model.lock_in
        numbers = {
            "tip_radius": _in_units(radius, 1e-9),
            "tip_radius_error": _in_units(error, 1e-9),
            "response_level": f"{recipe.response_level:g}",
            "max_log_tau_error": f"{recipe.max_log_tau_error:g}",
            "skip_after_edge": _in_units(recipe.skip_after_edge, 1e-3),
            "lock_in_time_constant": _in_units(time_constant, 1e-3),
            "lock_in_order": _in_units(order, 1),
        }
        for name, text in numbers.items():
            _set_text(self.numbers[name], text)
        self.numbers["tip_radius"].native.setPlaceholderText("25 (assumed)")
        self.numbers["tip_radius_error"].native.setPlaceholderText("5")
        self.show_origin()
        self.threshold.value = round(100 * recipe.threshold, 1)
        self.threshold_of.value = next(text for text, of in _THRESHOLDS.items() if of == recipe.threshold_of)
        for number in (1, 2):
            window = model.window(number)
            left_out = (recipe.window1 if number == 1 else recipe.window2) == NO_WINDOW
            self.use[number].value = not left_out
            for edge in ("start", "stop"):
                entry = self.edges[number, edge]
                _set_text(entry, "" if window is None else _in_units(getattr(window, edge), 1e-3))
                entry.enabled = not left_out
            self.edges[number, "stop"].native.setPlaceholderText("end" if window is not None else "")
        self.intervals.value = recipe.intervals
        self.kernel.value = recipe.kernel
        kernel = ALL_KERNELS[recipe.kernel]
        relation = kernel.geometry or recipe.geometry
        self.geometry.value = next(text for text, name in _GEOMETRY_TEXTS.items() if name == relation)
        self.geometry.enabled = kernel.geometry is None
        self.intervals.enabled = not kernel.quantities
        for number in (1, 2):
            self.use[number].enabled = not kernel.joint
            for edge in ("start", "stop"):
                self.edges[number, edge].enabled = not kernel.joint and self.use[number].value

    def show_origin(self) -> None:
        """Say whether the tip radius that holds is the file's or was entered."""
        from_file = self.model is not None and self.model.radius_is_the_files
        self.unit.setText("nm (file)" if from_file else "nm")

    def _tidy(self) -> None:
        """Write what holds when an entry is left: an emptied one takes the file's value; an error stays to be seen."""
        if self.model is not None and not self.model.message:
            self.fill(self.model)

    def _ticked(self, _: Any = None) -> None:
        # The edges of a window that is taken in again are to be seen; one that cannot be left out stays ticked.
        if not self._filling and self.model is not None:
            self.fill(self.model)

    @contextmanager
    def _untouched(self) -> Iterator[None]:
        self._filling = True
        try:
            yield
        finally:
            self._filling = False

    # What is entered, taken

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        """Step numbers with the arrow keys, in the last digit that is written."""
        if event is not None and event.type() == QEvent.Type.KeyPress:
            direction = {Qt.Key.Key_Up: 1, Qt.Key.Key_Down: -1}.get(event.key())
            entry = next((one for one in self._line_edits() if one.native is watched), None)
            if direction is not None and entry is not None and entry.value.strip():
                _step(entry, direction)
                return True
        return bool(super().eventFilter(watched, event))

    def _entered(self, entry: str) -> Callable[[Any], None]:
        def changed(_: Any = None) -> None:
            if not self._filling and self.model is not None:
                self.taking = True
                try:
                    self._take(self.model, entry)
                finally:
                    self.taking = False
                self.show_origin()

        return changed

    def _take(self, model: FitModel, entry: str) -> None:
        """Read one entry of the form into the recipe."""
        if entry == "tip_radius":
            radius, error = (self.numbers[name].value.strip() for name in ("tip_radius", "tip_radius_error"))
            if not radius:
                model.set(tip_radius=None)
            else:
                radius = _with_unit(radius, "nm")
                model.set(tip_radius=f"{radius} ± {_with_unit(error, 'nm')}" if error else radius)
        elif entry in ("window1", "window2"):
            self._take_window(model, entry)
        elif entry == "threshold":
            model.set(threshold=f"{self.threshold.value:.10g} %")
        elif entry == "threshold_of":
            model.set(threshold_of=_THRESHOLDS[self.threshold_of.value])
        elif entry == "geometry":
            model.set(geometry=_GEOMETRY_TEXTS[self.geometry.value])
        elif entry == "intervals":
            model.set(intervals=bool(self.intervals.value))
        elif entry == "kernel":
            self._take_kernel(model, self.kernel.value)
        elif entry in ("skip_after_edge", "lock_in_time_constant"):
            text = self.numbers[entry].value.strip()
            model.set(**{entry: _with_unit(text, "ms") if text else None})
        else:
            self._take_number(model, entry)

    def _take_kernel(self, model: FitModel, name: str) -> None:
        """Take a kernel; what has no place beside it, a geometry or windows of their own, goes with the same step."""
        kernel = ALL_KERNELS[name]
        values: dict[str, Any] = {"kernel": name}
        if kernel.geometry is not None:
            values["geometry"] = None
        if kernel.quantities:
            values["intervals"] = None
        if kernel.joint:
            values |= {"window1": None, "window2": None}
        model.set(**values)
        self.fill(model)

    def _take_window(self, model: FitModel, entry: str) -> None:
        number = int(entry[-1])
        used = self.use[number].value
        for edge in ("start", "stop"):
            self.edges[number, edge].enabled = used
        start, stop = (self.edges[number, edge].value.strip() for edge in ("start", "stop"))
        if not used:
            model.set(**{entry: NO_WINDOW})
        elif not start and not stop:
            model.set(**{entry: None})
        else:
            model.set(**{entry: f"{_with_unit(start or '0', 'ms')}:{_with_unit(stop, 'ms') if stop else ''}"})

    def _take_number(self, model: FitModel, entry: str) -> None:
        text = self.numbers[entry].value.strip()
        try:
            value = None if not text else float(text)
        except ValueError:
            model.refuse(f"'{text}' is not a number", entry=entry)
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


def _step(entry: LineEdit, direction: int) -> None:
    """Add one to, or take it from, the last digit of a number, and tell it as if it were typed."""
    text = entry.value.strip()
    try:
        value = float(text)
    except ValueError:
        return
    if "e" in text.lower():
        return
    digits = len(text.partition(".")[2])
    stepped = f"{value + direction * 10.0**-digits:.{digits}f}"
    if not stepped.startswith("-") or text.startswith("-"):
        entry.value = stepped
        entry.native.textEdited.emit(stepped)


def _with_unit(text: str, unit: str) -> str:
    """Return what was typed with the unit that stands beside the entry, unless it was typed with one."""
    return text if text[-1:].isalpha() or text.endswith("%") else f"{text} {unit}"


def _set_text(entry: LineEdit, text: str) -> None:
    if entry.value != text:
        entry.value = text


def _in_units(value: float | None, factor: float) -> str:
    return "" if value is None else f"{value / factor:.10g}"
