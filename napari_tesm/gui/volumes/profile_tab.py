"""The tab with attenuation against distance from the collector, and the section that follows it at a height."""

from __future__ import annotations

from typing import Final

import xarray as xr
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QHBoxLayout, QLabel, QLineEdit, QSlider, QVBoxLayout, QWidget

from napari_tesm.gui.panels.canvas import PlotCanvas, theme_of
from napari_tesm.gui.panels.plot_menu import PlotMenu
from napari_tesm.gui.panels.widgets import button, laid_out, line_edit, path_to_save, save_text, spin_box
from napari_tesm.gui.volumes.state import VolumeState, save_channels
from napari_tesm.gui.volumes.tasks import Latest
from napari_tesm.gui.volumes.work import VolumeWork
from napari_tesm.plotting.theme import PlotTheme, apply_theme
from napari_tesm.plotting.volumes import draw_profiles
from napari_tesm.quantities.text import quantity_from_text
from napari_tesm.volumes.profile import csv_from_profile

_NANOMETRE: Final = 1e-9
_FIRST_HEIGHT: Final = 972.0
"""nm; that of the sections of the document that volumes come from."""
_HIGHEST: Final = 100_000.0


class ProfileTab(QWidget):
    """Shows the profile of a state, and moves a section through all that are seen.

    Parameters
    ----------
    work : VolumeWork
    """

    def __init__(self, work: VolumeWork) -> None:
        super().__init__()
        self._work = work
        self._latest = Latest(self)
        self._drawn: tuple[object, ...] = ()
        self.canvas = PlotCanvas(height=200)
        self.bin: QLineEdit = line_edit("", "120nm")
        self.bin.setToolTip("Width of the bins of distance; two voxels where it is empty")
        self.reach: QLineEdit = line_edit("", "4um")
        self.reach.setToolTip("Largest distance; beyond nearly all of the electrode where it is empty")
        self.measure_button = button(
            "Measure", "Attenuation against the distance from the collector's surface", self.measure
        )
        self.csv_button = button("CSV…", "A row for each distance, in SI units", self.ask_and_save_profile)
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setToolTip("Height of the section above the collector's surface")
        self.height: Final = spin_box(
            "Height of the section above the collector's surface, in nm", _HIGHEST, 0, 10
        )
        self.height.setSuffix(" nm")
        self.height.setValue(_FIRST_HEIGHT)
        self.slider.valueChanged.connect(self._slid)
        self.height.valueChanged.connect(self._entered)
        self.section_button = button("Show", "Show the section at this height from above", self.show_section)
        self.save_button = button("Save .gwy…", "The section as a channel", self.ask_and_save_section)
        # There is no room for examples in full.
        self.bin.setPlaceholderText("120nm")
        self.reach.setPlaceholderText("4um")
        for entry in (self.bin, self.reach):
            entry.returnPressed.connect(self.measure)
            entry.setMinimumWidth(50)
        profile = laid_out(
            QHBoxLayout(), QLabel("Bins"), (self.bin, 1), QLabel("Reach"), (self.reach, 1), self.measure_button,
            self.csv_button, spacing=4,
        )  # fmt: skip
        section = laid_out(
            QHBoxLayout(), QLabel("Section"), (self.slider, 1), self.height, self.section_button, self.save_button,
            spacing=4,
        )  # fmt: skip
        laid_out(QVBoxLayout(self), (self.canvas, 1), profile, section, spacing=4, margin=4)
        self.plot_menu = PlotMenu(
            self.canvas,
            self._restyle,
            lambda: theme_of(work.scene.viewer),
            "Profile",
            self.ask_and_save_profile,
        )

    def refresh(self, state: VolumeState | None) -> None:
        """Show what is known of a state."""
        for widget in (
            self.measure_button,
            self.csv_button,
            self.slider,
            self.height,
            self.section_button,
            self.save_button,
        ):
            widget.setEnabled(state is not None)
        if state is not None and state.surfaces is not None:
            highest = int(state.highest_section() / _NANOMETRE)
            step = max(1, int(state.voxel[0] / _NANOMETRE / 4))
            self.slider.setRange(0, highest)
            self.slider.setSingleStep(step)
            self.slider.setPageStep(4 * step)
            self.slider.blockSignals(True)
            self.slider.setValue(int(self.height.value()))
            self.slider.blockSignals(False)
        self._draw(state)
        self.update_section()

    def measure(self) -> None:
        """Measure the profile, and find the surfaces before where they are not known."""
        state = self._work.state
        if state is None:
            return
        try:
            width, reach = (
                quantity_from_text(text, "m") if (text := entry.text().strip()) else None
                for entry in (self.bin, self.reach)
            )
        except ValueError as error:
            self._work.tell(error)
            return
        self._work.measure_profile(state, width, reach)

    def show_section(self) -> None:
        """Look at the section from above."""
        state = self._work.state
        if state is None:
            return
        if state.surfaces is None:
            self._work.tell(f"the surfaces of {state.name} are not known yet: find them first")
            return
        self._work.scene.show("map", "section")
        self.update_section()

    def update_section(self) -> None:
        """Find the section at the height that is entered, for all states that are seen."""
        scene = self._work.scene
        if scene.view != "map" or scene.map != "section":
            return
        height = self.height.value() * _NANOMETRE
        states = [state for state in scene.shown if state.surfaces is not None]
        self._latest.ask(
            lambda: [(state, state.section(height)) for state in states], self._show, self._work.tell
        )

    def _show(self, found: list[tuple[VolumeState, xr.DataArray]]) -> None:
        for state, values in found:
            if state in self._work.scene.states:
                self._work.scene.show_map(state, "section", values)

    @property
    def running(self) -> bool:
        """Whether a section is being found."""
        return self._latest.running

    def ask_and_save_profile(self) -> None:
        """Ask for a file and write the profile."""
        state = self._work.state
        if state is None:
            return
        profile = state.profile
        if profile is None:
            self._work.tell(f"the profile of {state.name} is not known yet: measure it first")
        elif path := path_to_save(self, "Save the profile", f"{state.name}_profile.csv"):
            self._work.tell(save_text(path, lambda: csv_from_profile(profile))[1])

    def ask_and_save_section(self) -> None:
        """Ask for a file and write the section."""
        state = self._work.state
        if state is None:
            return
        try:
            section = state.section(self.height.value() * _NANOMETRE)
        except ValueError as error:
            self._work.tell(error)
            return
        title = str(section.attrs["long_name"]).replace(" ", "_").lower()
        if path := path_to_save(self, "Save the section", f"{state.name}_{title}.gwy", "Gwyddion (*.gwy)"):
            self._work.save(path, lambda: save_channels(path, [section]))

    def _slid(self, nanometres: int) -> None:
        self.height.setValue(nanometres)

    def _entered(self, nanometres: float) -> None:
        self.slider.blockSignals(True)
        self.slider.setValue(int(nanometres))
        self.slider.blockSignals(False)
        if self._work.scene.view == "map" and self._work.scene.map == "section":
            self.update_section()
        elif self._work.state is not None:
            self.show_section()

    def _draw(self, state: VolumeState | None) -> None:
        profile = None if state is None else state.profile
        theme = theme_of(self._work.scene.viewer)
        if self._drawn == (profile, theme):
            return
        self._drawn = (profile, theme)
        self._restyle(theme)

    def _restyle(self, theme: PlotTheme) -> None:
        state = self._work.state
        profile = None if state is None else state.profile
        figure = self.canvas.figure
        figure.clear()
        figure.set_layout_engine("constrained")
        axes = figure.subplots()
        if profile is not None and state is not None:
            draw_profiles(axes, {state.name: profile}, theme=theme)
        else:
            axes.set(
                xlabel="Distance from the collector (µm)", ylabel="Attenuation", xlim=(0, 5), ylim=(0, 0.3)
            )
        apply_theme(figure, theme)
        self.canvas.draw_idle()  # type: ignore[no-untyped-call]
