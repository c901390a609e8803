"""What can be taken back: states as they were after each action of the user."""

from typing import Final, Generic, TypeVar

State = TypeVar("State")

_LONGEST: Final = 200


class History(Generic[State]):
    """Whole states, compared by their values, with a place among them.

    Parameters
    ----------
    state : State
        What is there before anything is done.
    """

    def __init__(self, state: State) -> None:
        self._now = state
        self._past: list[State] = []
        self._future: list[State] = []
        self._merging = ""

    @property
    def now(self) -> State:
        """What the last action left."""
        return self._now

    @property
    def can_undo(self) -> bool:
        """Whether there is an action to take back."""
        return bool(self._past)

    @property
    def can_redo(self) -> bool:
        """Whether there is an action that was taken back."""
        return bool(self._future)

    def settle(self, state: State, *, merge: str = "") -> bool:
        """Note that an action is over, and return whether it changed anything.

        Parameters
        ----------
        state : State
            What it left.
        merge : str
            Actions that follow each other with the same word here are one, such as the steps of a spin box.
        """
        if state == self._now:
            return False
        if not merge or merge != self._merging:
            self._past.append(self._now)
            del self._past[:-_LONGEST]
        self._now, self._merging = state, merge
        self._future.clear()
        return True

    def part(self) -> None:
        """Let the next action stand by itself, whatever word it comes with."""
        self._merging = ""

    def undo(self) -> State | None:
        """Return the state before the last action, None where there was none."""
        return self._step(self._past, self._future)

    def redo(self) -> State | None:
        """Return the state after the action that was taken back last, None where there is none."""
        return self._step(self._future, self._past)

    def _step(self, source: list[State], target: list[State]) -> State | None:
        if not source:
            return None
        target.append(self._now)
        self._now, self._merging = source.pop(), ""
        return self._now
