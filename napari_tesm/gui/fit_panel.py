"""The Fit tab: parameters, live preview, the whole fit in the background, results as new layers."""

import os
from collections.abc import Callable
from typing import Any, Final

from magicgui.widgets import ComboBox
from qtpy.QtWidgets import (
    QApplication,
    QLabel,
    QMenu,
    QProgressBar,
    QPushButton,
    QToolButton,
    QVBoxLayout,
)

from napari_tesm.gui.fit_form import FitForm, row_of
from napari_tesm.gui.fit_model import FitModel, counts_in_words, reasons_in_words
from napari_tesm.gui.layers import names_of_maps
from napari_tesm.gui.panel import Connection, Panel, say
from napari_tesm.gui.result_layers import add_result_layers, remove_preview, show_one_map, show_preview
from napari_tesm.gui.scan import Scan
from napari_tesm.gui.spelling import command_from_scan, python_from_scan
from napari_tesm.gui.worker import Worker
from napari_tesm.maps import labels_from_maps, map_title
from napari_tesm.pipeline import Cancelled, prepared_dataset, settings_from_recipe

_MOST_JOBS: Final = 8


class FitPanel(Panel):
    """Parameters of the evaluation and what they give.

    Parameters
    ----------
    viewer : napari.Viewer
    """

    def __init__(self, viewer: Any) -> None:
        super().__init__(viewer)
        self.model: FitModel | None = None
        self._preview_wanted = False
        self._fit_worker, self._preview_worker = Worker(self), Worker(self)
        self.form = FitForm()
        self.form.preview.changed.connect(self._preview_toggled)
        self._make_buttons()
        self._lay_out()

    # What the panel consists of

    def _make_buttons(self) -> None:
        self.fit_button = QPushButton("Fit all")
        self.fit_button.setToolTip("Fit every pixel; the maps become new layers")
        self.fit_button.clicked.connect(self.fit_all)
        self.cancel_button = QPushButton("Cancel")
        self.cancel_button.clicked.connect(self._fit_worker.cancel)
        self.progress = QProgressBar()
        self.progress.setRange(0, 1000)
        self.copy_button = QToolButton()
        self.copy_button.setText("Copy ▾")
        self.copy_button.setToolTip("This evaluation as a command line, or as Python")
        self.copy_button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        menu = QMenu(self.copy_button)
        self.copy_command = menu.addAction("Copy as command")
        self.copy_command.triggered.connect(lambda: self._copy(command_from_scan, "command"))
        self.copy_python = menu.addAction("Copy as Python")
        self.copy_python.triggered.connect(lambda: self._copy(python_from_scan, "Python code"))
        self.copy_button.setMenu(menu)
        self.show_box = ComboBox(name="show", choices=[], tooltip="Which map lies on top")
        self.show_box.native.activated.connect(self._map_chosen)
        self.counts = QLabel()
        self.counts.setWordWrap(True)
        self.message = QLabel()
        self.message.setWordWrap(True)
        self.message.setObjectName("message")

    def _lay_out(self) -> None:
        buttons = row_of(
            self.fit_button, self.progress, self.cancel_button, self.copy_button, self.form.preview.native
        )
        show_row = row_of(QLabel("Show"), self.show_box.native)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(2, 2, 2, 2)
        layout.setSpacing(4)
        layout.addWidget(self.form)
        layout.addWidget(buttons)
        layout.addWidget(show_row)
        layout.addWidget(self.counts)
        layout.addWidget(self.message)
        layout.addStretch(1)
        self.show_row = show_row
        self._show_running(False)

    # What the model says, shown

    def connections(self, scan: Scan | None) -> list[Connection]:
        """Follow recipe, dataset and results of the scan."""
        self.model = None if scan is None else FitModel(scan)
        if scan is None or self.model is None:
            return []
        return [
            (scan.recipe_changed, self._recipe_changed),
            (scan.dataset_changed, self._recipe_changed),
            (scan.results_changed, self.refresh_soon),
            (self.model.changed, self._show_message),
        ]

    def refresh(self) -> None:
        """Fill the form from the scan."""
        model = self.model
        usable = model is not None and model.scan.dataset is not None
        for widget in (self.fit_button, self.copy_button, self.form.preview.native):
            widget.setEnabled(usable)
        self._show_message()
        if model is None or not usable:
            self.counts.setText("")
            self.show_row.setVisible(False)
            return
        self.form.fill(model)
        self._fill_show_box(model)
        self.counts.setText(
            "\n".join(counts_in_words(model.scan.maps)) if model.scan.maps is not None else ""
        )

    def _fill_show_box(self, model: FitModel) -> None:
        maps = model.scan.maps
        self.show_row.setVisible(maps is not None)
        if maps is None:
            return
        labels = labels_from_maps(maps)
        unique = [
            (map_title(name, label), (name, pulse))
            for name in names_of_maps(maps)
            for pulse, label in enumerate(labels)
        ]
        box = self.show_box.native
        box.blockSignals(True)
        box.clear()
        for title, data in unique:
            box.addItem(title, data)
        visible = [
            layer.metadata["tesm"] for layer in self.session.layers_of(model.scan, "map") if layer.visible
        ]
        if visible:
            names = [data for _, data in unique]
            here = (visible[-1]["map"], visible[-1]["pulse"])
            if here in names:
                box.setCurrentIndex(names.index(here))
        box.blockSignals(False)

    def _show_message(self) -> None:
        model = self.model
        text = ""
        if model is None:
            text = "No scan is open."
        elif model.message:
            text = model.message
        elif model.scan.dataset is None:
            text = f"{model.scan.problem} There is nothing to fit."
            if model.scan.unfinished is not None:
                text = model.scan.problem
        else:
            problem = self._problem(model)
            if problem:
                text = problem
            elif model.tip_radius[0] is None:
                text = "Without a tip radius there are maps of τ, but none of D."
        self.message.setText(text)
        self.message.setVisible(bool(text))

    def _problem(self, model: FitModel) -> str:
        assert model.scan.dataset is not None
        try:
            settings_from_recipe(prepared_dataset(model.scan.dataset, model.recipe), model.recipe)
        except ValueError as error:
            sentence = str(error).split(": give ")[0]
            hint = ": press Protocol and say it there" if sentence != str(error) else ""
            return f"{sentence[:1].upper()}{sentence[1:]}{hint}."
        return ""

    # What the user does

    def _recipe_changed(self, _: Any = None) -> None:
        focused = QApplication.focusWidget()
        # What is being typed stays as it is typed.
        if focused is None or not self.isAncestorOf(focused):
            self.refresh_soon()
        self._show_message()
        self.start_preview()

    def _preview_toggled(self, wanted: bool) -> None:
        if wanted:
            self.start_preview()
        elif self.scan is not None:
            remove_preview(self.session, self.scan)

    def start_preview(self) -> None:
        """Refit the preview; while one is computed only the newest wish is kept."""
        model = self.model
        if model is None or model.scan.dataset is None or not self.form.preview.value or self._problem(model):
            return
        if self._preview_worker.running:
            self._preview_wanted = True
            return
        self._preview_wanted = False
        self._preview_worker.start(model.preview, done=self._preview_done, failed=self._preview_failed)

    def _preview_done(self, maps: Any) -> None:
        model = self.model
        if model is not None and self.form.preview.value and self._belongs(model, maps):
            show_preview(self.session, model.scan, maps)
            self._show_counts(maps)
        if self._preview_wanted:
            self.start_preview()

    def _preview_failed(self, error: BaseException) -> None:
        if not isinstance(error, Cancelled) and self.model is not None:
            self.model.refuse(_sentence(error))

    def _belongs(self, model: FitModel, maps: Any) -> bool:
        """Whether a preview is of the scan that is looked at: it may have been changed in the meantime."""
        scan = model.scan
        return bool(
            self._listening and scan in self.session.scans and maps.sizes["pulse"] == len(scan.labels)
        )

    def _show_counts(self, maps: Any) -> None:
        step = maps.attrs.get("preview_step", 1)
        note = [f"Preview of every {step}th pixel each way."] if step > 1 else []
        self.counts.setText("\n".join([*counts_in_words(maps), *note]))
        self.counts.setToolTip("\n".join(reasons_in_words(maps)))

    def fit_all(self) -> None:
        """Fit the whole scan in the background."""
        model = self.model
        if model is None or model.scan.dataset is None or self._fit_worker.running:
            return
        if problem := self._problem(model):
            model.refuse(problem)
            return
        jobs = min(os.cpu_count() or 1, _MOST_JOBS)
        self._show_running(True)
        self._fit_worker.start(
            lambda progress: (model.scan, model.fit(jobs=jobs, progress=progress)),
            done=self._fit_done,
            failed=self._fit_failed,
            progress=lambda fraction, _: self.progress.setValue(round(1000 * fraction)),
        )

    def _fit_done(self, result: Any) -> None:
        scan, maps = result
        self._show_running(False)
        if scan not in self.session.scans:
            return  # its layers were deleted while it was fitted
        add_result_layers(self.session, scan, maps)
        scan.set_results(maps)
        self.refresh_soon()

    def _fit_failed(self, error: BaseException) -> None:
        self._show_running(False)
        if isinstance(error, Cancelled):
            say(self.viewer, "The fit was cancelled; nothing was changed")
        elif self.model is not None:
            self.model.refuse(_sentence(error))

    def _map_chosen(self, index: int) -> None:
        data = self.show_box.native.itemData(index)
        if data is not None and self.scan is not None:
            show_one_map(self.session, self.scan, *data)

    def _copy(self, spell: Callable[[Scan], str], what: str) -> None:
        if self.scan is None:
            return
        try:
            QApplication.clipboard().setText(spell(self.scan))
        except (ValueError, OSError) as error:
            say(self.viewer, str(error), warning=True)
        else:
            say(self.viewer, f"The {what} is on the clipboard")

    def _show_running(self, running: bool) -> None:
        self.progress.setVisible(running)
        self.progress.setValue(0)
        self.cancel_button.setVisible(running)
        self.fit_button.setEnabled(not running)


def _sentence(error: BaseException) -> str:
    if isinstance(error, MemoryError):
        return "there is not enough memory for this fit"
    return str(error) or type(error).__name__
