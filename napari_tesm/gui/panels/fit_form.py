"""The form of the fit: what a user types, as parameters of the model."""

from collections.abc import Callable
from itertools import pairwise
from typing import Any, Final

from magicgui.widgets import CheckBox, ComboBox, FloatSpinBox, LineEdit
from qtpy.QtCore import QEvent, QObject, Qt
from qtpy.QtWidgets import QGridLayout, QLabel, QToolButton, QVBoxLayout, QWidget

from napari_tesm.data.parity import EACH, EVEN, ODD
from napari_tesm.data.protocol import RADII
from napari_tesm.evaluation.recipe import NO_WINDOW, NOISES, OF_NOISE, SIGNS, Recipe
from napari_tesm.gui.models.busy import Busy
from napari_tesm.gui.models.entries import EntryModel
from napari_tesm.gui.models.fit import FitModel
from napari_tesm.gui.models.form_words import LABELS, text_with_unit
from napari_tesm.gui.panels.lateral_entries import LateralEntries
from napari_tesm.gui.panels.widgets import laid_out, narrow, row_of, undo_or_redo
from napari_tesm.kernels.named import ALL_KERNELS
from napari_tesm.physics.diffusion import GEOMETRIES

_NUMBERS: Final = {
    "tip_radius": ("nm", 1e-9), "tip_radius_error": ("nm", 1e-9), "contact_radius": ("nm", 1e-9),
    "contact_radius_error": ("nm", 1e-9), "response_level": ("", 1.0), "max_log_tau_error": ("", 1.0),
    "skip_after_edge": ("ms", 1e-3), "lock_in_time_constant": ("ms", 1e-3),
    "lock_in_order": ("", 1.0),
}  # fmt: skip
"""Entries for a number, with the unit that stands beside each and its size."""
_THRESHOLDS: Final = (
    ("robust max.", "robust"),
    ("plain max.", "max"),
    ("99th percentile", "p99"),
    ("noise of H", "noise"),
)
_PARITIES: Final = (("each as recorded", EACH), ("odd part of +V and −V", ODD), ("even part", EVEN))
_SHORTEST, _NARROWEST = 2, 24
"""Wide letters of a kernel, and pixels of an entry, that are seen on the smallest screen."""
USUAL_SIGMA: Final = "5sigma"
_GEOMETRIES: Final = tuple(
    (f"D = {name}".replace("l2", "l²").replace("tau", "τ").replace("pi2", "π²"), name) for name in GEOMETRIES
)
_TIPS: Final = {
    "tip_radius": "Characteristic length l of the diffusion, in nm. Empty: the file's, where it says one; nothing is "
    "assumed.",
    "tip_radius_error": "Its standard error, in nm",
    "contact_radius": "Radius of the area in which tip and sample touch, in nm: where it is known it is l in place of "
    "the tip radius. Empty: the file's, where it says one.",
    "contact_radius_error": "Its standard error, in nm",
    "threshold": "Pixels with a smaller |H| are not evaluated, in % of the map's maximum or in standard errors of H",
    "threshold_of": "Robust: the largest |H| that three neighbouring pixels reach and that is not confined to one "
    "line, so that hot pixels and bad lines do not count. Noise: the standard error of each pixel's own H",
    "kernel": "Shape of the relaxation",
    "geometry": "How D follows from τ and the length l: the contact radius, else the tip radius",
    "response_level": "Probability of a constant in the noise as measured (white: F-test): below this a pixel responds",
    "max_log_tau_error": "A larger standard error of ln τ means unresolved",
    "skip_after_edge": "Samples within this time after a window's start are left out, in ms",
    "lock_in_time_constant": "Time constant of the lock-in's low-pass, in ms, which the kernel passes, too; 0: none",
    "lock_in_order": "Its number of RC stages, 1 to 8",
    "window": "Edges in ms from the start of the pulse; empty as the pulse has it. They can be dragged in the plot.",
    "use": "Fit this window",
    "noise": "Measured: errors and gates go by the noise as the residuals show it; white: every sample is independent",
    "nuisance": "What is fitted beside the curve: auto takes what the traces show, none nothing; or some of drift, "
    "step, mains:50Hz, with commas between",
    "parity": "Of two pulse settings of opposite voltage: the odd part turns round with the voltage, as ions do; the "
    "even one does not, as an electrostatic force goes with V²",
    "sign": "Auto: pixels whose H, pulse and relaxation contradict each other in sign, or that have a sign the map "
    "does not show elsewhere, are inconsistent; any: no sign is asked for",
    "preview": "Maps follow while a parameter changes",
    "all": "Maps of a and c with their errors, of the RMS and the reduced χ² of each window, too",
    "intervals": "Maps of the limits that hold τ and D with 95 %; where a pixel is unresolved, what can be said of it",
}


class FitForm(QWidget):
    """Entries for radii, threshold, windows, kernel and gates; changes go to the model as they are made."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.model: FitModel | None = None
        self.taking = Busy()
        """Whether the change that is going on comes from this form."""
        self._filling = Busy()
        self._make_fields()
        self._lay_out()
        self._connect()

    def _make_fields(self) -> None:
        self.numbers = {name: LineEdit(name=name, tooltip=_TIPS[name]) for name in _NUMBERS}
        self.threshold = FloatSpinBox(
            name="threshold", min=0.0, max=100.0, step=1.0, value=15.0, tooltip=_TIPS["threshold"]
        )
        self.threshold.native.setDecimals(1)
        self.threshold_unit = QLabel("% of")
        self.threshold_of = ComboBox(name="threshold_of", choices=_THRESHOLDS, tooltip=_TIPS["threshold_of"])
        self.use = {
            number: CheckBox(name=f"use{number}", text=str(number), tooltip=_TIPS["use"]) for number in (1, 2)
        }
        self.edges = {
            (number, edge): LineEdit(name=f"window{number}_{edge}", tooltip=_TIPS["window"])
            for number in (1, 2)
            for edge in ("start", "stop")
        }
        self.kernel = ComboBox(name="kernel", choices=list(ALL_KERNELS), tooltip=_TIPS["kernel"])
        self.geometry = ComboBox(name="geometry", choices=_GEOMETRIES, tooltip=_TIPS["geometry"])
        for box in (self.kernel, self.geometry, self.threshold_of):
            narrow(box.native, _SHORTEST)
        self.intervals = CheckBox(name="intervals", text="95 % limits", tooltip=_TIPS["intervals"])
        self.all_parameters = CheckBox(name="all_parameters", text="all parameters", tooltip=_TIPS["all"])
        self.noise = ComboBox(name="noise", choices=list(NOISES), tooltip=_TIPS["noise"])
        self.sign = ComboBox(name="sign", choices=list(SIGNS), tooltip=_TIPS["sign"])
        self.nuisance = LineEdit(name="nuisance", tooltip=_TIPS["nuisance"])
        self.parity = ComboBox(name="parity", choices=_PARITIES, tooltip=_TIPS["parity"])
        self.lateral = LateralEntries(self.taking)
        self.preview = CheckBox(name="preview", text="Live preview", value=True, tooltip=_TIPS["preview"])
        self.units = {name: QLabel("nm") for name in RADII}
        """What stands behind a radius: its unit, and whether it is the file's."""
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
            QLabel(LABELS["lock_in_time_constant"]), native["lock_in_time_constant"],
            QLabel(f"ms, {LABELS['lock_in_order']}"), native["lock_in_order"],
        )  # fmt: skip
        # Beside each other: the form has to leave room for the words on what came of it.
        beside = (self.noise.native, QLabel(LABELS["nuisance"]), self.nuisance.native)
        instrument = row_of(QLabel(LABELS["noise"]), *beside)
        self.gates = QWidget()
        ticks = (self.intervals.native, self.all_parameters.native)
        further = row_of(QLabel(LABELS["sign"]), self.sign.native, *ticks)
        gate_rows = (gates, lock_in, instrument, further, self.lateral.row)
        laid_out(QVBoxLayout(self.gates), *gate_rows, spacing=2, margin=0)
        self.gates.hide()
        rows = (
            *(
                (LABELS[name], (native[name], QLabel("±"), native[f"{name}_error"], self.units[name]))
                for name in RADII
            ),
            (LABELS["threshold"], (self.threshold.native, self.threshold_unit, self.threshold_of.native)),
            ("Windows (ms)", tuple(windows)),
            (LABELS["kernel"], (self.kernel.native, self.geometry.native, self.gates_button)),
            (LABELS["lateral"], (self.lateral.box.native, self.lateral.together.native)),
            (LABELS["parity"], (self.parity.native,)),
        )
        grid = QGridLayout()
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setVerticalSpacing(2)
        grid.setHorizontalSpacing(4)
        grid.setColumnStretch(1, 1)
        for line, (title, widgets) in enumerate(rows):
            cells = (QLabel(title), row_of(*widgets))
            for column, cell in enumerate(cells):
                grid.addWidget(cell, line, column)
            if title == LABELS["parity"]:
                self._of_opposite_voltages = cells
        laid_out(QVBoxLayout(self), grid, self.gates, spacing=2, margin=0)
        for entry in self._line_edits():
            entry.native.setMinimumWidth(_NARROWEST)
        # From left to right, and line by line.
        order = [
            *(widget for _, widgets in rows for widget in widgets),
            *native.values(),
            *(
                box.native
                for box in (self.sign, self.noise, self.nuisance, self.intervals, self.all_parameters)
            ),
            self.lateral.prior.native,
        ]
        stops = [widget for widget in dict.fromkeys(order) if not isinstance(widget, QLabel)]
        for before, after in pairwise(stops):
            QWidget.setTabOrder(before, after)

    def _connect(self) -> None:
        for name, entry in self.numbers.items():
            entry.native.textEdited.connect(self._entered(name.replace("radius_error", "radius")))
        for (number, _), entry in self.edges.items():
            entry.native.textEdited.connect(self._entered(f"window{number}"))
        for number, box in self.use.items():
            box.changed.connect(self._entered(f"window{number}"))
            box.changed.connect(self._ticked)
        self.nuisance.native.textEdited.connect(self._entered("nuisance"))
        for widget in (
            self.kernel, self.geometry, self.threshold_of, self.threshold, self.intervals, self.noise, self.parity,
            self.sign, self.all_parameters,
        ):  # fmt: skip
            widget.changed.connect(self._entered(widget.name))
        for entry in self._line_edits():
            entry.native.editingFinished.connect(self._tidy)
            entry.native.installEventFilter(self)
        self.threshold.native.editingFinished.connect(self._part)
        self.gates_button.toggled.connect(self._gates_toggled)

    def _line_edits(self) -> list[LineEdit]:
        return [*self.numbers.values(), *self.edges.values(), self.nuisance]

    def _gates_toggled(self, shown: bool) -> None:
        self.gates.setVisible(shown)
        self.gates_button.setText("Gates ▾" if shown else "Gates ▸")

    @property
    def _typed(self) -> set[str]:
        """Entries whose changes come digit by digit, or step by step, until they are left."""
        return {*self.numbers, "window1", "window2", "nuisance", "threshold"}

    @property
    def kernels(self) -> tuple[str, ...]:
        """The kernels that can be chosen."""
        return tuple(str(name) for name in self.kernel.choices)

    # The model's parameters, shown

    def fill(self, model: FitModel) -> None:
        """Show the parameters of a model, and change this model from now on."""
        self.model = model
        with self._filling:
            self._fill(model)

    def _fill(self, model: FitModel) -> None:
        recipe = model.recipe
        numbers = {name: getattr(recipe, name) for name in _NUMBERS}
        for name in RADII:
            numbers[name], numbers[f"{name}_error"] = model.radius(name)
        numbers["lock_in_time_constant"], numbers["lock_in_order"] = model.lock_in
        for name, value in numbers.items():
            _set_text(self.numbers[name], _in_units(value, _NUMBERS[name][1]))
        self.numbers["tip_radius"].native.setPlaceholderText("not given")
        self.show_origin()
        of_noise = recipe.threshold_of == OF_NOISE
        self.threshold.value = round(recipe.threshold * (1 if of_noise else 100), 1)
        self.threshold_of.value = recipe.threshold_of
        self.threshold_unit.setText("×" if of_noise else "% of")
        for number in (1, 2):
            window = model.window(number)
            self.use[number].value = getattr(recipe, f"window{number}") != NO_WINDOW
            for edge in ("start", "stop"):
                text = "" if window is None else _in_units(getattr(window, edge), 1e-3)
                _set_text(self.edges[number, edge], text)
            self.edges[number, "stop"].native.setPlaceholderText("end" if window is not None else "")
        self.intervals.value = recipe.intervals
        self.all_parameters.value = recipe.all_parameters
        self.noise.value = recipe.noise
        self.parity.value = recipe.parity
        for widget in self._of_opposite_voltages:
            widget.setVisible(model.has_opposite_voltages)
        self.sign.value = recipe.sign
        _set_text(self.nuisance, recipe.nuisance)
        self.kernel.value = recipe.kernel
        self.lateral.show_model(model)
        kernel = ALL_KERNELS[recipe.kernel]
        self.geometry.value = kernel.geometry or recipe.geometry
        self.geometry.enabled = kernel.geometry is None
        self.intervals.enabled = self.nuisance.enabled = not kernel.quantities
        for number in (1, 2):
            self.use[number].enabled = not kernel.joint
            for edge in ("start", "stop"):
                self.edges[number, edge].enabled = not kernel.joint and self.use[number].value

    def show_origin(self) -> None:
        """Say whether the radii that hold are the file's or were entered."""
        for name, unit in self.units.items():
            from_file = self.model is not None and self.model.radius_is_the_files(name)
            unit.setText("nm (file)" if from_file else "nm")

    def _tidy(self) -> None:
        """Write what holds when an entry is left: an emptied one takes the file's value; an error stays to be seen."""
        self._part()
        if self.model is not None and not self.model.message:
            self.fill(self.model)

    def _ticked(self, _: Any = None) -> None:
        # The edges of a window that is taken in again are to be seen; one that cannot be left out stays ticked.
        if not self._filling and self.model is not None:
            self.fill(self.model)

    def _part(self) -> None:
        """End an entry: what is entered next is taken back by itself."""
        if self.model is not None:
            EntryModel.of(self.model.scan).part()

    # What is entered, taken

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        """Step numbers with the arrow keys, in the last digit that is written; leave undo to the whole form."""
        if event is not None and event.type() == QEvent.Type.KeyPress:
            if undo_or_redo(event):  # an entry by itself would go back to what was typed first
                event.ignore()
                return True
            direction = {Qt.Key.Key_Up: 1, Qt.Key.Key_Down: -1}.get(event.key())
            entry = next((entry for entry in self._line_edits() if entry.native is watched), None)
            if direction is not None and entry is not None and entry.value.strip():
                _step(entry, direction)
                return True
        return bool(super().eventFilter(watched, event))

    def _entered(self, entry: str) -> Callable[[Any], None]:
        def changed(_: Any = None) -> None:
            if not self._filling and self.model is not None:
                with self.taking:
                    self._take(self.model, entry)
                if entry not in self._typed:
                    self._part()
                self.show_origin()

        return changed

    def _take(self, model: FitModel, entry: str) -> None:
        """Read one entry of the form into the recipe."""
        if entry in RADII:
            radius, error = (self.numbers[name].value.strip() for name in (entry, f"{entry}_error"))
            if not radius:
                model.set(**{entry: None})
            else:
                radius = text_with_unit(radius, "nm")
                model.set(**{entry: f"{radius} ± {text_with_unit(error, 'nm')}" if error else radius})
        elif entry in ("window1", "window2"):
            self._take_window(model, entry)
        elif entry == "threshold":
            unit = "sigma" if model.recipe.threshold_of == OF_NOISE else " %"
            model.set(threshold=f"{self.threshold.value:.10g}{unit}")
        elif entry == "threshold_of":
            self._take_maximum(model, self.threshold_of.value)
        elif entry == "kernel":
            self._take_kernel(model, self.kernel.value)
        elif entry == "nuisance":
            model.set(nuisance=self.nuisance.value.strip() or None)
        elif entry == "parity":
            model.set(parity=self.parity.value)
            self.fill(model)
        elif entry in self.numbers:
            self._take_number(model, entry)
        else:
            model.set(**{entry: getattr(self, entry).value})

    def _take_maximum(self, model: FitModel, of: str) -> None:
        """Take what the threshold is of; a percentage is no number of standard errors."""
        if (of == OF_NOISE) == (model.recipe.threshold_of == OF_NOISE):
            model.set(threshold_of=of)
            return
        model.set(threshold=USUAL_SIGMA if of == OF_NOISE else Recipe().threshold_text, threshold_of=of)
        with self._filling:
            self._fill(model)

    def _take_kernel(self, model: FitModel, name: str) -> None:
        """Take a kernel; what has no place beside it, a geometry or windows of their own, goes with the same step."""
        kernel = ALL_KERNELS[name]
        values: dict[str, Any] = {"kernel": name}
        if kernel.geometry is not None:
            values["geometry"] = None
        if kernel.quantities:
            values |= {"intervals": None, "nuisance": None}
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
            model.set(
                **{
                    entry: f"{text_with_unit(start or '0', 'ms')}:{text_with_unit(stop, 'ms') if stop else ''}"
                }
            )

    def _take_number(self, model: FitModel, entry: str) -> None:
        text, (unit, _) = self.numbers[entry].value.strip(), _NUMBERS[entry]
        value: str | float | None = None
        if text:
            try:
                value = text_with_unit(text, unit) if unit else float(text)
            except ValueError:
                model.refuse(f"'{text}' is not a number", entry=entry)
                return
        model.set(**{entry: value})


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


def _set_text(entry: LineEdit, text: str) -> None:
    if entry.value != text:
        entry.value = text


def _in_units(value: float | None, factor: float) -> str:
    return "" if value is None else f"{value / factor:.10g}"
