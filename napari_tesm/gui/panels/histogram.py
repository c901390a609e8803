"""The tab of histograms: D1 and D2 over the map, its regions or its classes."""

from typing import TYPE_CHECKING, Any, Final

from qtpy.QtWidgets import QWidget

from napari_tesm.gui.layers.marks import show_marks
from napari_tesm.gui.models.form_words import FORMS, sentence_for_forms
from napari_tesm.gui.models.histogram import SPLITS, HistogramModel, HistogramView
from napari_tesm.gui.models.histogram_nulls import NullOutcome
from napari_tesm.gui.models.scan import Scan
from napari_tesm.gui.panels.canvas import theme_of
from napari_tesm.gui.panels.colour_button import ColourButton
from napari_tesm.gui.panels.drawn_panel import PlotPanel
from napari_tesm.gui.panels.panel import Connection
from napari_tesm.gui.panels.widgets import check_box, choice_box, fill_box, fill_pulses
from napari_tesm.gui.panels.worker import Worker
from napari_tesm.plotting.histogram import Distribution, HistogramPlot
from napari_tesm.quantities.numbers import counted

if TYPE_CHECKING:
    import napari

_NO_SCAN: Final = "Open a scan to see distributions."


class HistogramPanel(PlotPanel):
    """Histograms of the scan that is looked at.

    Parameters
    ----------
    viewer : napari.Viewer
    """

    EXPORTED = ("Save the histograms", "histograms.csv")

    def __init__(self, viewer: "napari.viewer.Viewer", parent: QWidget | None = None) -> None:
        super().__init__(viewer, parent, height=110, tip="Save the bins and their counts, in SI units")
        self.quantity_box = choice_box("What is counted", self._chosen)
        self.pulse_box = choice_box("Pulse setting", self._chosen)
        splits = [(title, key) for key, title in SPLITS.items()]
        self.split_box = choice_box("Where it is counted; selected regions come alone", self._chosen, splits)
        self.log_box = check_box("Log", "Bins of equal ratio; the mode depends on it", self._scale_chosen)
        self.null_box = check_box(
            "Null",
            "What the exponential recipe shows for pure diffusion, beside D1, D2 and D2/D1",
            self._nulls_chosen,
        )
        self.plot = HistogramPlot(self.canvas.figure)
        self.plot.on_selected = self._selected
        self.colour_button = ColourButton(self.session, self._selected_range)
        self._worker = Worker(self)
        boxes = {self.quantity_box: 14, self.pulse_box: 9, self.split_box: 11}
        self._lay_out({**boxes, self.log_box: 0, self.null_box: 0}, self.colour_button)
        self.canvas.setToolTip("Drag over values to mark their pixels on the map; a click marks none")
        self.add_plot_menu(self.canvas, self.plot.set_theme, "Histogram")

    @property
    def model(self) -> HistogramModel | None:
        """The model of the scan that is looked at."""
        return None if self.scan is None else HistogramModel.of(self.scan)

    def connections(self, scan: Scan | None) -> list[Connection]:
        """Listen to results, regions and the choices."""
        own = [] if scan is None else [(HistogramModel.of(scan).changed, self.refresh_soon)]
        return [*super().connections(scan), *own]

    def refresh(self) -> None:
        """Count anew and draw."""
        model = self.model
        self.plot.set_theme(theme_of(self.viewer))
        fill_box(self.quantity_box, [] if model is None else model.choices(), model and model.chosen())
        fill_pulses(self.pulse_box, self.scan, 0 if model is None else model.pulse)
        self.export_button.setEnabled(False)
        if model is None:
            self.plot.clear(_NO_SCAN)
            self.words.clear()
            return
        self.pulse_box.setEnabled(any(quantity.by_pulse for quantity in model.quantities()))
        self.split_box.setCurrentIndex(self.split_box.findData(model.split))
        view = model.view()
        self.log_box.setChecked(view.scale == "log")
        self.null_box.setChecked(model.with_nulls)
        self.null_box.setVisible(model.has_nulls())
        self._draw(view)
        self._mark(model)
        self._compute_nulls(model)

    def leave(self) -> None:
        """Take the marks off the map: without the histogram nobody knows what they say."""
        super().leave()
        for scan in self.session.scans:
            show_marks(self.session, scan, None)

    def csv_text(self) -> str:
        """Return the bins, in SI units."""
        return "" if self.model is None else self.model.csv_text()

    def _draw(self, view: HistogramView) -> None:
        if not view.samples:
            self.plot.clear()
            self.words.setText(view.message)
            return
        self.export_button.setEnabled(True)
        shown = [
            Distribution(
                sample.label,
                counts,
                sample.colour,
                sample.values.size,
                None if mode is None else mode.value,
                (mode.low, mode.high) if mode is not None and mode.has_interval else None,
            )
            for sample, counts, mode in zip(view.samples, view.counts, view.modes, strict=True)
        ]
        self.plot.show(
            view.edges, shown, name=view.name, unit=view.unit, log=view.scale == "log", ranges=view.nulls.ranges,
            shaded=view.nulls.shaded,
        )  # fmt: skip
        self.words.setText(" ".join(part for part in (view.words(), view.nulls.words, view.message) if part))
        self.words.setToolTip("\n".join(part for part in (view.rule, view.nulls.explanation) if part))

    def _mark(self, model: HistogramModel) -> None:
        """Mark the pixels whose values are selected, and say how many they are."""
        pixels = model.selected_pixels()
        self.plot.show_selected(model.selected)
        show_marks(self.session, model.scan, pixels)
        if pixels is not None:
            share = 100 * pixels.sum() / pixels.size
            self.words.setText(f"{counted(int(pixels.sum()), 'pixel')} selected, {share:.1f} % of the map.")

    def _selected(self, low: float, high: float) -> None:
        if self.model is not None:
            self.model.select(low, high)

    def _selected_range(self) -> tuple[str, float, float] | None:
        model = self.model
        if model is None or model.selected is None or not model.quantities():
            return None
        return model.quantities()[0].key, *model.selected

    def _compute_nulls(self, model: HistogramModel) -> None:
        """Compute beside the window what pure diffusion shows of a long record, and whether the traces drift."""
        work = model.waiting_nulls()
        if work is None or self._worker.running:
            return

        def take(outcome: NullOutcome) -> None:
            model.take_nulls(work, outcome)
            self.refresh_soon()  # by now another scan may be looked at, and wait

        self._worker.start(
            lambda _: work.compute(),
            done=take,
            failed=lambda error: take(
                sentence_for_forms(f"No comparison with pure diffusion: {FORMS(error)}")
            ),
        )

    def _regions_changed(self, *_: Any) -> None:
        if self.model is not None and self.model.split != "map":
            self.refresh_soon()

    def _chosen(self, *_: Any) -> None:
        if self.model is not None:
            self.model.choose(
                self.quantity_box.currentData(),
                split=self.split_box.currentData(),
                pulse=max(0, self.pulse_box.currentIndex()),
            )

    def _scale_chosen(self, log: bool) -> None:
        if self.model is not None:
            self.model.choose(scale="log" if log else "linear")

    def _nulls_chosen(self, shown: bool) -> None:
        if self.model is not None:
            self.model.choose(with_nulls=shown)
