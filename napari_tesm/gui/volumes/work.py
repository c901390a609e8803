"""What can be asked for of the volumes of a scene, done in the background, with a sentence where it cannot be."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from qtpy.QtCore import QObject, Signal

from napari_tesm.evaluation.pipeline import Cancelled, Progress
from napari_tesm.gui.dock import prepare_canvas
from napari_tesm.gui.volumes.scene import VolumeScene
from napari_tesm.gui.volumes.state import VolumeState
from napari_tesm.gui.volumes.tasks import Task, Tasks
from napari_tesm.gui.volumes.words import volume_sentence

_MOST_READ: Final = 2 << 30
"""Bytes of all volumes together that are read into memory; what is larger stays in its file."""


class VolumeWork(QObject):
    """Asks the states of a scene for results, and says how it went.

    Parameters
    ----------
    parent : QObject
        With it all work ends.
    scene : VolumeScene
    """

    said = Signal(str)
    """A sentence for the person; empty where the last one is no longer true."""

    def __init__(
        self, parent: QObject, scene: VolumeScene, show: Callable[[Task | None, float, str], None]
    ) -> None:
        super().__init__(parent)
        self.scene = scene
        self.tasks = Tasks(parent, show)

    @property
    def state(self) -> VolumeState | None:
        """The state that is looked at."""
        return self.scene.current

    def tell(self, message: object) -> None:
        """Show a sentence, or what an exception says; nothing takes the last away."""
        self.said.emit(volume_sentence(message) if message else "")

    def add(self, state: VolumeState) -> None:
        """Show a volume, look for its grey values, and read it where memory allows."""
        self.tell("")
        self.scene.add(state)
        prepare_canvas(self.scene.viewer)
        self.look_for_greys(state)
        others = sum(each.n_bytes for each in self.scene.states if each.is_read)
        if not state.is_read and others + state.n_bytes <= _MOST_READ:
            self.do(state, f"reading {state.name}", state.work_reading, asked=False)

    def look_for_greys(self, state: VolumeState) -> None:
        """Find the grey values of a state."""

        def work(progress: Progress) -> Callable[[], None]:
            greys = state.find_greys(progress)
            return lambda: state.set_greys(greys)

        def failed(error: BaseException) -> None:
            if not isinstance(error, Cancelled):
                state.set_greys(state.greys, volume_sentence(error))
                self.tell(error)

        words = f"looking for the grey values of {state.name}"
        if not self.tasks.has(state, words):
            self.tasks.add(Task(state, words, work, failed, asked=False))

    def find_surfaces(self, states: Sequence[VolumeState]) -> None:
        """Find the surfaces of some states."""
        self.tell("")
        for state in states:
            self.do(state, f"finding the surfaces of {state.name}", state.work_surfaces)

    def measure_profile(self, state: VolumeState, width: float | None, reach: float | None) -> None:
        """Measure a profile, after the surfaces where they are not known."""
        self.tell("")
        if state.surfaces is None:
            self.find_surfaces([state])
        self.do(
            state,
            f"measuring the profile of {state.name}",
            lambda progress: state.work_profile(width, reach, progress),
        )

    def prepare_solids(self) -> None:
        """Prepare the states that are seen for 3-D."""
        for state in self.scene.shown:
            if self.scene.layer_of(state, "solid") is None:

                def work(progress: Progress, state: VolumeState = state) -> Callable[[], None]:
                    values, factor = state.work_solid(progress)
                    return lambda: self.scene.show_solid(state, values, factor)

                self.do(state, f"preparing {state.name} for 3-D", work)

    def give_up(self, state: VolumeState) -> None:
        """Stop what is done for a state that is gone."""
        running = self.tasks.task
        self.tasks.drop(state)
        if running is not None and running.owner is state:
            self.tell(f"{state.name} was removed: {running.words} was stopped")

    def save(self, path: Path, write: Callable[[], None]) -> None:
        """Write a file and say how that went."""
        try:
            write()
        except (OSError, ValueError) as error:
            self.tell(f"not saved: {volume_sentence(error)}")
        else:
            self.tell(f"Saved {path.name}")

    def do(
        self,
        state: VolumeState,
        words: str,
        work: Callable[[Progress], Callable[[], None]],
        *,
        asked: bool = True,
    ) -> None:
        """Do something once, and say why it could not be done."""
        if self.tasks.has(state, words):
            return

        def failed(error: BaseException) -> None:
            if state not in self.scene.states:
                return
            if not isinstance(error, Cancelled):
                self.tell(error)
            elif asked:
                self.tell(f"stopped {words}")

        self.tasks.add(Task(state, words, work, failed, asked))
