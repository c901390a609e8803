"""The switch that watches the file of a scan: maps grow line by line, and in the end the whole scan is fitted."""

from collections.abc import Callable
from typing import Any, Protocol

import xarray as xr
from qtpy.QtCore import QSignalBlocker
from qtpy.QtWidgets import QPushButton, QWidget

from napari_tesm.evaluation.pipeline import Cancelled, default_jobs
from napari_tesm.gui.layers.result_layers import remove_preview, show_one_preview, shown_map
from napari_tesm.gui.layers.scan_layers import add_layer, layers_from_scan, names_of_maps
from napari_tesm.gui.layers.scan_views import ScanViews
from napari_tesm.gui.layers.session import Session
from napari_tesm.gui.models.fit import FitModel
from napari_tesm.gui.models.form_words import sentence_for_forms
from napari_tesm.gui.models.scan import Scan, share_world_unit
from napari_tesm.gui.models.watching import WatchModel
from napari_tesm.gui.panels.worker import Worker
from napari_tesm.watching.growing import Look


class ShowsScans(Protocol):
    """What the switch asks of the workspace."""

    @property
    def views(self) -> ScanViews:
        """What is seen of the scans."""


class WatchButton(QPushButton):
    """A button that stays down while the file of a scan is watched.

    Parameters
    ----------
    parent : QWidget
    session : Session
    say : callable
        Shows a sentence beside the button.
    """

    def __init__(self, parent: QWidget, session: Session, say: Callable[[str], None]) -> None:
        super().__init__("Watch", parent)
        self.setToolTip(
            "Fit this scan line by line while its file is recorded, and all of it when it has ended"
        )
        self.setCheckable(True)
        self.toggled.connect(self._toggled)
        self.workspace: ShowsScans | None = None
        self.model: WatchModel | None = None
        self.idle: float | None = None
        self._session, self._say = session, say
        self._worker = Worker(self)
        self._shown: tuple[str, int] | None = None

    def _toggled(self, wanted: bool) -> None:
        if not wanted:
            self._worker.cancel()
            return
        if self._worker.running:  # it was switched off a moment ago, and its thread has not noticed yet
            self._let_go("")
            return
        scan = self._session.scan
        try:
            if scan is None:
                raise ValueError("Open the scan that is to be watched: what there is of it by now.")
            model = self.model = WatchModel(scan, self.idle)
            self._take_over(model, growing=True)
        except (OSError, ValueError) as error:
            self._let_go(sentence_for_forms(error))
            return
        self._shown = None
        self._say(f"Watching {scan.name}")
        self._look(model)

    def _look(self, model: WatchModel) -> None:
        self._worker.start(
            model.next_look,
            done=lambda look: self._looked(model, look),
            failed=self._failed,
            progress=lambda _, words: self._say(f"Watching {model.scan.name}: {words}"),
        )

    def _looked(self, model: WatchModel, look: Look | None) -> None:
        scan = model.scan
        if scan not in self._session.scans:
            self._let_go("")
            return
        if look is None:
            self._finish(model)
            return
        if look.maps is not None and scan is self._session.scan:
            shown = self._shown = self._map_to_grow(scan, look.maps)
            show_one_preview(self._session, scan, look.maps, shown)
        self._say(f"Watching {scan.name}: {model.words}")
        self._look(model)

    def _map_to_grow(self, scan: Scan, maps: xr.Dataset) -> tuple[str, int]:
        """Return the map that is looked at, where there is one of the lines so far, else what grew before."""
        seen = shown_map(self._session, scan)
        if seen is not None and seen[0] in names_of_maps(maps) and seen[1] < maps.sizes["pulse"]:
            return seen
        return self._shown or FitModel(scan).shown_of(maps)

    def _finish(self, model: WatchModel) -> None:
        """Put the finished recording in the place of what there was of it, and fit all of it."""
        try:
            scan = self._take_over(model, growing=False)
        except (OSError, ValueError) as error:
            self._let_go(sentence_for_forms(error))
            return
        fit = FitModel(scan)
        if fit.refusal:
            self._let_go(fit.refusal)
            return
        self._say(f"{scan.name} is recorded: fitting all of it")
        self._worker.start(
            lambda progress: fit.fit(jobs=default_jobs(), progress=progress),
            done=lambda maps: self._fitted(scan, maps),
            failed=self._failed,
        )

    def _take_over(self, model: WatchModel, *, growing: bool) -> Scan:
        """Put the recording as it is now into the scan, or a new scan in its place where it has other pixels now."""
        before, scan = model.scan, model.opened_anew(growing=growing)
        assert scan.dataset is not None
        if before.dataset is not None and before.dataset.sizes == scan.dataset.sizes:
            before.dataset, before.recorded = scan.dataset, None
            before.take_parts(before.recipe)
            before.dataset_changed.emit()
            return before
        scan.name, scan.recipe = before.name, before.recipe
        share_world_unit([scan], self._session.scans)
        for layer in layers_from_scan(scan):
            add_layer(self._session.viewer, layer)
        if self.workspace is not None:
            self.workspace.views.close(before)
        self._session.choose(scan)
        model.scan = scan
        return scan

    def _fitted(self, scan: Scan, maps: Any) -> None:
        if scan in self._session.scans and self.workspace is not None:
            remove_preview(self._session, scan)
            scan.set_results(maps)
            self.workspace.views.take_results(scan)
        self._let_go(f"{scan.name} was recorded to its end, and fitted as a whole.")

    def _failed(self, error: BaseException) -> None:
        stopped = isinstance(error, Cancelled)
        self._let_go("No longer watching." if stopped else sentence_for_forms(error))

    def _let_go(self, sentence: str) -> None:
        self.model = None
        with QSignalBlocker(self):
            self.setChecked(False)
        self._say(sentence)
