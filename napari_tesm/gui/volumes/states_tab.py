"""The tab that compares states: all on one scale, side by side, and their thickness as bars."""

from __future__ import annotations

from qtpy.QtWidgets import QCheckBox, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from napari_tesm.gui.panels.canvas import PlotCanvas, theme_of
from napari_tesm.gui.panels.plot_menu import PlotMenu
from napari_tesm.gui.panels.widgets import button, check_box, laid_out, spin_box
from napari_tesm.gui.volumes.work import VolumeWork
from napari_tesm.plotting.theme import PlotTheme, apply_theme
from napari_tesm.plotting.volume_states import Bar, draw_thickness


class StatesTab(QWidget):
    """Puts the states of a scene beside each other.

    Parameters
    ----------
    work : VolumeWork
    """

    def __init__(self, work: VolumeWork) -> None:
        super().__init__()
        self._work = work
        self._drawn: tuple[object, ...] = ()
        self._bars: tuple[Bar, ...] = ()
        self.together: QCheckBox = check_box(
            "Side by side", "All states next to each other, in sections, maps and in 3-D", self._put_together
        )
        self.largest = spin_box("Attenuation at which the colours end; the collector has 1", 1.0, 2, 0.05)
        self.largest.setMinimum(0.02)
        self.largest.setValue(work.scene.largest)
        self.largest.valueChanged.connect(work.scene.set_largest)
        self.find_button = button(
            "Find all surfaces", "Of those states whose surfaces are not known yet", self.find_all
        )
        self.canvas = PlotCanvas(height=180)
        row = laid_out(
            QHBoxLayout(),
            self.together,
            None,
            QLabel("Colours up to"),
            self.largest,
            self.find_button,
            spacing=4,
        )
        laid_out(QVBoxLayout(self), row, (self.canvas, 1), spacing=4, margin=4)
        self.plot_menu = PlotMenu(
            self.canvas, self._restyle, lambda: theme_of(work.scene.viewer), "Thickness of states"
        )

    def refresh(self) -> None:
        """Show what is known of the states."""
        scene = self._work.scene
        self.together.setChecked(scene.together)
        self.find_button.setEnabled(bool(scene.states))
        found = [(state.name, state.thickness) for state in scene.states if not state.no_electrode]
        bars = tuple(
            Bar(name, "", thickness.mean, thickness.sd, thickness.mean_error)
            for name, thickness in found
            if thickness is not None and thickness.known
        )
        theme = theme_of(scene.viewer)
        drawn = (bars, theme)
        if drawn == self._drawn:
            return
        self._drawn, self._bars = drawn, bars
        self._restyle(theme)

    def _restyle(self, theme: PlotTheme) -> None:
        bars = self._bars
        figure = self.canvas.figure
        figure.clear()
        figure.set_layout_engine("constrained")
        axes = figure.subplots()
        if bars:
            draw_thickness(axes, bars, ink=theme.foreground)
        else:
            axes.set_axis_off()
            axes.text(
                0.5, 0.5, "Thickness stands here when surfaces are found", ha="center", color=theme.muted
            )
        apply_theme(figure, theme)
        self.canvas.draw_idle()  # type: ignore[no-untyped-call]

    def find_all(self) -> None:
        """Find the surfaces of all states that lack them."""
        self._work.find_surfaces([state for state in self._work.scene.states if state.surfaces is None])

    def _put_together(self) -> None:
        self._work.scene.put_together(self.together.isChecked())
