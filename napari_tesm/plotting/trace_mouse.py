"""The mouse on a trace plot: dragging window edges, choosing curves, setting the slider's time."""

from collections.abc import Callable
from typing import Any, Final, Literal, Protocol

import numpy as np
from matplotlib.backend_tools import Cursors
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from napari_tesm.data.maps import JOINT
from napari_tesm.data.protocol import Window, sampling_interval
from napari_tesm.fitting import FEWEST_SAMPLES
from napari_tesm.plotting.trace_frame import TraceFrame, edges_of_window

Array = NDArray[np.float64]
Edge = tuple[int, Literal["start", "stop"]]

_NEAR_EDGE: Final = 4.4
"""How far from a window's edge the mouse may be, in points; 6 pixels of an ordinary screen."""
_NEAR_CURVE: Final = 4.4
_NEAR_BADGE: Final = 6.0
_DRAG: Final = 2.2
"""How far the mouse moves, in points, before a press on an edge is a drag and no click; 3 pixels of a usual screen."""


class PlotUnderMouse(Protocol):
    """What the mouse needs of a trace plot."""

    figure: Figure
    frame: TraceFrame | None
    time: Array
    windows: dict[int, Window]
    on_window_dragged: Callable[[int, float, float, bool], Any] | None
    on_curve_clicked: Callable[[int], Any] | None
    on_time_clicked: Callable[[float], Any] | None

    def set_windows(self, windows: dict[int, Window]) -> None:
        """Show other windows."""

    def pixels(self, points: float) -> float:
        """Return a length in points as pixels."""

    def pinned_curves_on_screen(self) -> list[tuple[int, list[Line2D]]]:
        """Return the lines of each pinned point."""

    def badges_on_screen(self) -> list[tuple[int, float, float]]:
        """Return number and place of each badge."""


class TraceMouse:
    """Turns mouse events on a trace plot's canvas into calls of its callbacks.

    Parameters
    ----------
    plot : TracePlot
    """

    def __init__(self, plot: PlotUnderMouse) -> None:
        self._plot = plot
        self._pressed: tuple[Any, list[Edge]] | None = None
        """A press near edges that may become a drag: its event, and the edges, the nearest first."""
        self._dragged: Edge | None = None
        self._scrubbing = False
        canvas = plot.figure.canvas
        self._connections = [
            canvas.mpl_connect("button_press_event", self._press),
            canvas.mpl_connect("motion_notify_event", self._move),
            canvas.mpl_connect("button_release_event", self._release),
        ]

    def close(self) -> None:
        """Listen no longer."""
        for connection in self._connections:
            self._plot.figure.canvas.mpl_disconnect(connection)
        self._connections = []

    def _press(self, event: Any) -> None:
        frame = self._plot.frame
        # Where the figure has tools of its own, they have the mouse while one is switched on.
        if event.button != 1 or frame is None or self._plot.figure.canvas.widgetlock.locked():
            return
        badge = self._badge_at(event)
        if badge is not None:
            self._choose(badge)
            return
        if event.inaxes is not frame.strip and event.inaxes not in frame.data_axes:
            return
        if edges := self._edges_at(event):
            self._pressed = (event, edges)
            return
        self._click(event)
        self._scrubbing = self._curve_at(event) is None

    def _click(self, event: Any) -> None:
        """Choose the curve under the mouse, else set the time."""
        number = self._curve_at(event)
        if number is not None:
            self._choose(number)
        else:
            self._set_time(event)

    def _move(self, event: Any) -> None:
        frame = self._plot.frame
        if frame is None:
            return
        if self._pressed is not None:
            self._begin_drag(event)
        if self._dragged is not None:
            self._drag(event, final=False)
        elif self._pressed is not None:
            return
        elif self._scrubbing:
            self._set_time(event)
        else:
            over = event.inaxes is frame.strip or event.inaxes in frame.data_axes
            near = over and bool(self._edges_at(event))
            self._plot.figure.canvas.set_cursor(Cursors.RESIZE_HORIZONTAL if near else Cursors.POINTER)

    def _release(self, event: Any) -> None:
        if event.button != 1:
            return
        if self._pressed is not None:
            self._begin_drag(event)
        if self._dragged is not None and self._plot.frame is not None:
            self._drag(event, final=True)
        elif self._pressed is not None and self._plot.frame is not None:
            self._click(self._pressed[0])
        self._pressed, self._dragged, self._scrubbing = None, None, False

    def _begin_drag(self, event: Any) -> None:
        """Take hold of an edge once the mouse has left where it was pressed: of two on one spot that which can go."""
        assert self._pressed is not None
        pressed, edges = self._pressed
        moved = event.x - pressed.x
        if abs(moved) < self._plot.pixels(_DRAG):
            return
        way = "stop" if moved < 0 else "start"
        self._dragged = next((edge for edge in edges if len(edges) > 1 and edge[1] == way), edges[0])
        self._pressed = None

    def _choose(self, number: int) -> None:
        if self._plot.on_curve_clicked is not None:
            self._plot.on_curve_clicked(number)

    def _set_time(self, event: Any) -> None:
        if self._plot.on_time_clicked is not None:
            time = self._plot.time
            nearest = int(np.abs(time - self._time_at(event)).argmin())
            self._plot.on_time_clicked(float(time[nearest]))

    def _drag(self, event: Any, *, final: bool) -> None:
        assert self._dragged is not None
        plot, (number, side) = self._plot, self._dragged
        if number not in plot.windows:
            self._dragged = None
            return
        wanted = self._time_at(event)
        if "shift" in getattr(event, "modifiers", ()) or event.key == "shift":
            wanted = float(plot.time[int(np.abs(plot.time - wanted).argmin())])
        window = moved_window(plot.windows, plot.time, number, side, wanted)
        plot.set_windows({**plot.windows, number: window})
        if plot.on_window_dragged is not None:
            plot.on_window_dragged(number, *edges_of_window(window, plot.time), final)

    def _time_at(self, event: Any) -> float:
        frame = self._plot.frame
        assert frame is not None
        x, _ = frame.panels[0].transData.inverted().transform((event.x, event.y))
        return float(x) * frame.time_factor

    def _edges_at(self, event: Any) -> list[Edge]:
        """Return the window edge under the mouse, and with it the one on the same spot."""
        frame = self._plot.frame
        assert frame is not None
        near: list[tuple[float, Edge]] = []
        for number, window in self._plot.windows.items():
            if number == JOINT:
                continue  # it follows from the pulse
            start, stop = edges_of_window(window, self._plot.time)
            sides: tuple[Literal["start", "stop"], ...] = ("start", "stop")
            for side, time in zip(sides, (start, stop), strict=True):
                x, _ = frame.panels[0].transData.transform((time / frame.time_factor, 0))
                near.append((abs(x - event.x), (number, side)))
        near.sort()
        if not near or near[0][0] > self._plot.pixels(_NEAR_EDGE):
            return []
        return [edge for distance, edge in near if distance < near[0][0] + 1]

    def _curve_at(self, event: Any) -> int | None:
        """Return the number of the pinned curve nearest to the mouse, if it is near enough."""
        distances = [
            (min(_distance(line, event) for line in lines if line.get_visible()), number)
            for number, lines in self._plot.pinned_curves_on_screen()
            if any(line.axes is event.inaxes for line in lines)
        ]
        if not distances:
            return None
        distance, number = min(distances)
        return number if distance <= self._plot.pixels(_NEAR_CURVE) else None

    def _badge_at(self, event: Any) -> int | None:
        reach = self._plot.pixels(_NEAR_BADGE)
        hits = [
            (np.hypot(x - event.x, y - event.y), number) for number, x, y in self._plot.badges_on_screen()
        ]
        distance, number = min(hits, default=(np.inf, 0))
        return number if distance <= reach else None


def moved_window(
    windows: dict[int, Window], time: Array, number: int, side: Literal["start", "stop"], wanted: float
) -> Window:
    """Return a window with one edge moved towards a time, as far as that may go.

    It keeps six samples, as a fit needs them, stays on the record and does not enter another window. An end that
    comes to the last sample is left open.
    """
    window = windows[number]
    start, stop = edges_of_window(window, time)
    slack = 1e-6 * sampling_interval(time)
    others = [edges_of_window(other, time) for key, other in windows.items() if key != number]
    inside = window.samples(time)
    if side == "start":
        lowest = max([float(time[0]), *(end for _, end in others if end <= start + slack)])
        highest = float(time[max(inside.stop - FEWEST_SAMPLES, 0)])
        return Window(max(min(wanted, highest), min(lowest, start)), window.stop)
    highest = min([float(time[-1]), *(begin for begin, _ in others if begin >= stop - slack)])
    sixth = inside.start + FEWEST_SAMPLES
    lowest = float(time[min(sixth, time.size - 1)])
    moved = min(max(wanted, lowest), max(highest, stop))
    if moved >= float(time[-1]) - slack:
        return Window(window.start, None)
    return Window(window.start, moved) if moved > window.start else window


def _distance(line: Line2D, event: Any) -> float:
    """Return the distance, in pixels, of the mouse from a line."""
    points = line.get_transform().transform(np.column_stack([line.get_xdata(), line.get_ydata()]))
    points = points - (event.x, event.y)
    first, step = points[:-1], np.diff(points, axis=0)
    length = np.einsum("ij,ij->i", step, step)
    along = -np.einsum("ij,ij->i", first, step)
    share = np.clip(np.divide(along, length, out=np.zeros_like(along), where=length > 0), 0, 1)
    nearest = np.hypot(*(first + share[:, None] * step).T)
    ends = np.hypot(*points.T)
    distances = np.concatenate([nearest, ends])
    return float(distances[np.isfinite(distances)].min(initial=np.inf))
