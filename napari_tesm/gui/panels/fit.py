"""The Fit tab: parameters, live preview, the whole fit in the background, results as new layers."""

from collections.abc import Callable
from typing import Any, Final

from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QProgressBar, QVBoxLayout, QWidget

from napari_tesm.data.maps import MAP_KINDS
from napari_tesm.evaluation.pipeline import Cancelled, default_jobs
from napari_tesm.gui.layers.kernel_layers import add_choice_layers
from napari_tesm.gui.layers.result_layers import (
    add_result_layers,
    remove_preview,
    show_one_map,
    show_one_preview,
    show_preview,
    shown_map,
)
from napari_tesm.gui.models.fit import FitModel, is_provisional
from napari_tesm.gui.models.scan import Scan
from napari_tesm.gui.panels.fit_form import FitForm
from napari_tesm.gui.panels.fit_outcome import FitOutcome
from napari_tesm.gui.panels.kernel_advice import KernelAdvice
from napari_tesm.gui.panels.panel import Connection, Panel
from napari_tesm.gui.panels.recipe_button import RecipeButton
from napari_tesm.gui.panels.widgets import ScrolledArea, Words, button, laid_out, row_of
from napari_tesm.gui.panels.worker import Worker
from napari_tesm.gui.saying import say
from napari_tesm.model_choice.maps import KernelChoice

_REST: Final = 300
"""Milliseconds without a change after which an entry rests."""


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
        self._moving = False
        self._rest = QTimer(self)
        self._rest.setSingleShot(True)
        self._rest.setInterval(_REST)
        self._rest.timeout.connect(self._preview_at_rest)
        self._fit_worker, self._preview_worker = Worker(self), Worker(self)
        self._fitted: FitModel | None = None
        self.form, self.outcome, self.advice = FitForm(), FitOutcome(), KernelAdvice()
        self.form.preview.changed.connect(self._preview_toggled)
        self.outcome.map_chosen.connect(self._map_chosen)
        self.advice.asked.connect(self.compare_kernels)
        self.advice.wanted.connect(self._kernel_wanted)
        self.advice.closed.connect(self._show_outcome)
        self._make_buttons()
        self._lay_out()

    # What the panel consists of

    def _make_buttons(self) -> None:
        self.fit_button = button("Fit all", "Fit every pixel; the maps become new layers", self.fit_all)
        self.cancel_button = button("Cancel", "", self._fit_worker.cancel)
        self.progress = QProgressBar()
        self.progress.setRange(0, 1000)
        self.progress.setMinimumWidth(60)
        self.recipe_button = RecipeButton(self, self._put_right)
        self.message = Words(narrow=True)
        self.message.setObjectName("message")

    def _lay_out(self) -> None:
        buttons = row_of(
            self.fit_button, self.progress, self.cancel_button, self.advice.ask_button, self.recipe_button,
            self.form.preview.native,
        )  # fmt: skip
        parts = (self.form, buttons, self.message, self.advice, self.outcome, None)
        content = QWidget()
        laid_out(QVBoxLayout(content), *parts, spacing=3, margin=2)
        self.area = ScrolledArea(content)
        laid_out(QVBoxLayout(self), self.area, spacing=0, margin=0)
        self._show_running(False)

    # What the model says, shown

    def connections(self, scan: Scan | None) -> list[Connection]:
        """Follow recipe, dataset and results of the scan."""
        if scan is None:
            self.model = None
        elif self.model is None or self.model.scan is not scan:
            self.model = FitModel(scan)
        if scan is None or self.model is None:
            return []
        return [
            (scan.recipe_changed, self._recipe_changed),
            (scan.dataset_changed, self._dataset_changed),
            (scan.results_changed, self.refresh_soon),
            (self.model.changed, self._show_message),
            (self.model.shown_changed, self._show_outcome),
        ]

    def let_go(self) -> None:
        """Hold no scan that was closed, even where the tab is hidden and hears of nothing."""
        if self.model is not None and self.model.scan not in self.session.scans:
            self.model = self._fitted = self.form.model = None
            self.outcome.show_model(None)

    def refresh(self) -> None:
        """Fill the form from the scan."""
        model = self.model
        usable = model is not None and model.scan.dataset is not None
        self.form.setEnabled(usable)
        for widget in (self.recipe_button, self.form.preview.native):
            widget.setEnabled(usable)
        self.advice.ask_button.setEnabled(usable and not self.advice.worker.running)
        self._show_advice()
        self.fit_button.setEnabled(usable and not self._fit_worker.running)
        if model is not None and usable:
            self.form.fill(model)
        self._show_message()
        self._show_outcome()
        if model is not None and model.is_stale:
            self.start_preview()

    def _show_outcome(self) -> None:
        self.outcome.show_model(self.model)
        if self.advice.choice is not None:
            self.outcome.hide()  # there is room for one of them

    def _show_advice(self) -> None:
        """Keep the advice to the scan it is about."""
        choice = None if self.model is None else self.model.scan.choice
        if choice is None or choice is self.advice.put_away:
            self.advice.clear()
        elif self.model is not None:
            if choice is not self.advice.choice:
                self.advice.show_choice(choice, self.form.kernels, self.model.recipe.kernel)
            self.advice.show_present(self.form.kernels, self.model.recipe.kernel)
        self._show_outcome()

    def _show_message(self) -> None:
        model = self.model
        self.message.show_if_any(
            "No scan is open." if model is None else model.message or model.refusal or model.hint
        )
        self.message.keep_lines()

    def follow_canvas(self) -> None:
        """Tell of the map that is seen, also where it was chosen in napari's list of layers."""
        if self.model is not None and self.model.scan is self.scan and self.model.maps is not None:
            seen = shown_map(self.session, self.model.scan)
            if seen is not None and seen[0] != "H" and seen[0] in MAP_KINDS:
                self.model.show(*seen)

    # What the user does

    def _recipe_changed(self, _: Any = None) -> None:
        # What is being typed stays as it is typed.
        if not self.form.taking and self.model is not None:
            self.form.fill(self.model)
        self._show_message()
        if self.model is not None and self.advice.choice is not None:
            self.advice.show_present(self.form.kernels, self.model.recipe.kernel)
        self.start_preview(moving=True)

    def _put_right(self) -> bool:
        """Write what holds over an entry that was not understood; return whether there was one."""
        model = self.model
        if model is None or not model.message:
            return False
        model.set()  # nothing, which makes sense
        self.form.fill(model)
        return True

    def _dataset_changed(self) -> None:
        if self._fit_worker.running and self._fitted is self.model:
            self._fit_worker.cancel()
        if self.model is not None:
            self.advice.worker.cancel()
            self.model.scan.choice = None  # it was about other times or voltages
        self.refresh_soon()
        self.start_preview()

    def _preview_toggled(self, wanted: bool) -> None:
        model = self.model
        if wanted:
            self.start_preview()
        elif model is not None:
            self._preview_wanted = False
            remove_preview(self.session, model.scan)
            model.show_preview(None)
            if model.shown is not None:
                show_one_map(self.session, model.scan, *model.shown)
            else:
                for layer in self.session.layers_of(model.scan, "map")[-1:]:
                    layer.visible = True

    def start_preview(self, *, moving: bool = False) -> None:
        """Refit the preview; while one is computed only the newest wish is kept.

        Of an entry that is `moving` a first look comes at once, and the numbers of a fit when it rests.
        """
        model = self.model
        self._rest.stop()
        if model is None or not self.form.preview.value or model.problem:
            self._preview_wanted = False
            return
        self._moving = moving
        if self._preview_worker.running:
            self._preview_wanted = True
            return
        self._preview_wanted = False
        self._preview_worker.start(
            lambda progress: model.preview(progress, moving=moving),
            done=lambda maps: self._preview_done(model, maps),
            failed=lambda error: self._preview_failed(model, error),
        )

    def _preview_done(self, model: FitModel, maps: Any) -> None:
        looked_at = self._is_looked_at(model)
        if looked_at and maps.sizes["pulse"] == len(model.scan.labels):
            model.show_preview(maps)
            if model.shown is not None:
                show_preview(self.session, model.scan, maps, model.shown)
        if self._preview_wanted:
            self.start_preview(moving=self._moving)
        elif looked_at and is_provisional(maps):
            self._preview_wanted = True
            self._rest.start()

    def _preview_at_rest(self) -> None:
        if self._preview_wanted:
            self.start_preview()

    def _preview_failed(self, model: FitModel, error: BaseException) -> None:
        if not isinstance(error, Cancelled):
            model.refuse(error)
        if self._preview_wanted:
            self.start_preview(moving=self._moving)

    def _is_looked_at(self, model: FitModel) -> bool:
        """Whether a preview is still wanted: another scan may have been chosen, or its layers deleted."""
        return bool(
            self._listening
            and model is self.model
            and model.scan in self.session.scans
            and self.form.preview.value
        )

    def fit_all(self, *_: Any, after: Callable[[], None] | None = None) -> None:
        """Fit the whole scan in the background; afterwards, where that worked, call `after`."""
        model = self.model
        if model is None or model.scan.dataset is None or self._fit_worker.running:
            return
        if refusal := model.refusal:
            model.refuse(refusal)
            return
        self._fitted = model
        self._show_running(True)
        self._fit_worker.start(
            lambda progress: model.fit(jobs=default_jobs(), progress=progress),
            done=lambda maps: self._fit_done(model, maps, after),
            failed=lambda error: self._stopped(model, error, "fit", self._show_running),
            progress=lambda fraction, _: self.progress.setValue(round(1000 * fraction)),
        )

    def _fit_done(self, model: FitModel, maps: Any, after: Callable[[], None] | None) -> None:
        self._show_running(False)
        scan = model.scan
        if scan not in self.session.scans:
            return  # its layers were deleted while it was fitted
        # A preview that is still computed would lie over what has just been fitted.
        self._preview_wanted = False
        self._preview_worker.cancel()
        add_result_layers(self.session, scan, maps, shown=model.show_fitted(maps))
        scan.set_results(maps)
        model.show_preview(None)
        self.refresh_soon()
        if after is not None:
            after()

    def _stopped(
        self, model: FitModel, error: BaseException, what: str, show_running: Callable[[bool], None]
    ) -> None:
        show_running(False)
        if isinstance(error, Cancelled):
            say(f"The {what} was stopped; nothing was changed")
        else:
            model.refuse(error)

    def compare_kernels(self) -> None:
        """Ask in the background which kernel the traces support."""
        model = self.model
        if model is None or model.scan.dataset is None or self.advice.worker.running:
            return
        self.advice.worker.start(
            lambda progress: model.compare_kernels(jobs=default_jobs(), progress=progress),
            done=lambda choice: self._kernels_compared(model, choice),
            failed=lambda error: self._stopped(model, error, "comparison", self.advice.show_running),
            progress=lambda fraction, _: self.advice.progress.setValue(round(1000 * fraction)),
        )
        self.advice.show_running(True)

    def _kernels_compared(self, model: FitModel, choice: KernelChoice) -> None:
        self.advice.show_running(False)
        if model.scan not in self.session.scans:
            return  # its layers were deleted meanwhile
        model.scan.choice = choice
        if choice.together.judged:
            add_choice_layers(self.session, model.scan, choice)
        self._show_advice()

    def _kernel_wanted(self, name: str) -> None:
        # As if it were chosen by hand: what has no place beside it goes with it.
        self.form.kernel.value = name

    def _map_chosen(self, name: str, pulse: int) -> None:
        model = self.model
        if model is None:
            return
        model.show(name, pulse)
        if model.preview_maps is not None:
            show_one_preview(self.session, model.scan, model.preview_maps, (name, pulse))
        else:
            show_one_map(self.session, model.scan, name, pulse)

    def _show_running(self, running: bool) -> None:
        self.progress.setVisible(running)
        self.progress.setValue(0)
        self.cancel_button.setVisible(running)
        self.fit_button.setEnabled(not running)
