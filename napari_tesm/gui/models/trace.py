"""What the trace panel shows: the curves under the cursor and of pinned points, their fits, and both as text.

No toolkit: the panel draws what stands here, and hands back what the user does.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from psygnal import Signal

from napari_tesm.data.maps import JOINT, WINDOWS, map_name
from napari_tesm.data.protocol import Window, sampling_interval
from napari_tesm.evaluation.evaluation import Evaluation
from napari_tesm.evaluation.fits import FittedWindow, fits_of_traces
from napari_tesm.evaluation.instrument import Instrument, instrument_from_maps
from napari_tesm.evaluation.places import TraceSample
from napari_tesm.findings.table import AS_IT_IS, Column, Table
from napari_tesm.gui.models.scan import Scan
from napari_tesm.gui.models.theory import TheoryCurve, TheoryModel
from napari_tesm.quantities.status import INCONSISTENT, OK
from napari_tesm.regions.shapes import PinnedPoint

Array = NDArray[np.float64]

SIZES: Final = (1, 3, 5, 7, 9)
"""Sides of the neighbourhood that can be averaged, in pixels."""


@dataclass(frozen=True)
class PulseFit:
    """What the trace of one pulse setting at one place comes to; `height` is H, NaN without a pulse window."""

    label: str
    height: float
    windows: dict[int, FittedWindow] = field(default_factory=dict)


@dataclass(frozen=True)
class PlaceTraces:
    """Traces and fits of one place.

    Parameters
    ----------
    point : PinnedPoint, optional
        None for the place under the cursor.
    """

    point: PinnedPoint | None
    sample: TraceSample
    fits: list[PulseFit]


class TraceModel:
    """State of the trace panel for one scan.

    Parameters
    ----------
    scan : Scan
    """

    changed = Signal()

    def __init__(self, scan: Scan) -> None:
        self.scan = scan
        self.hidden: set[int] = set()
        """Pulse settings that are not drawn."""
        self.selected: int | None = None
        """Number of the point that arrow keys move."""
        self._cache: dict[object, PlaceTraces] = {}
        self._cached_for: tuple[object, ...] = ()
        self.shows_theory = False
        """Whether what pure diffusion would have shown is laid over the trace that is spoken of."""
        self._theory = TheoryModel()
        self._measured: tuple[int, Evaluation, Instrument | None] | None = None

    @property
    def time(self) -> Array:
        """Sample times in s from the start of the pulse, as the recipe has it."""
        evaluated = self.scan.evaluated
        return np.zeros(0) if evaluated is None else np.asarray(evaluated["time"].values, dtype=np.float64)

    @property
    def pulses(self) -> list[int]:
        """Pulse settings that are drawn."""
        return [pulse for pulse in range(len(self.scan.labels)) if pulse not in self.hidden]

    def show_pulses(self, shown: set[int]) -> None:
        """Draw these pulse settings only; an empty set draws all."""
        everything = set(range(len(self.scan.labels)))
        self.hidden = everything - shown if shown & everything else set()
        self.changed.emit()

    def probe(self) -> PlaceTraces | None:
        """Return the traces under the cursor."""
        if self.scan.dataset is None or self.scan.probe is None:
            return None
        return self._place(None, self.scan.probe, self.scan.probe_size)

    def pinned(self) -> list[PlaceTraces]:
        """Return the traces of all pinned points that lie on the image."""
        if self.scan.dataset is None:
            return []
        places = []
        for point in self.scan.points:
            pixel = self.scan.pixel_of(point.x, point.y)
            if pixel is not None:
                places.append(self._place(point, pixel, point.size))
        return places

    def places(self) -> list[PlaceTraces]:
        """Return the probe's traces, where there is one, and those of the pinned points."""
        probe = self.probe()
        return [*([] if probe is None else [probe]), *self.pinned()]

    def set_window(self, number: int, start: float, stop: float | None) -> None:
        """Move a window's edges, in s from the start of the pulse; its end stays open where it reaches the record's.

        A window that holds too few samples is not taken: the one before stays.
        """
        settings, time = self.scan.settings, self.time
        if settings is None or number not in settings.windows or number == JOINT:
            return  # what a joint kernel fits follows from the pulse
        open_end = stop is None or stop >= time[-1]
        start, stop = _rounded_edge(start, time), None if stop is None else _rounded_edge(stop, time)
        try:
            window = Window(float(start), None if open_end else float(stop))  # type: ignore[arg-type]
        except ValueError:
            return
        inside = window.samples(time, skip=self.scan.recipe.skip_after_edge)
        if inside.stop - inside.start >= 6:
            self.scan.set_recipe(replace(self.scan.recipe, **{f"window{number}": window}))  # type: ignore[arg-type]

    def show_theory(self, shown: bool) -> None:
        """Lay the response of a tip to one D over the traces, or take it off."""
        self.shows_theory = shown
        self.changed.emit()

    def theory_of(self, place: PlaceTraces) -> dict[int, TheoryCurve]:
        """Return the response of a tip to one D that comes nearest to each trace of a place, by pulse setting.

        Raises
        ------
        ValueError
            If there can be none, in one sentence.
        """
        if not self.shows_theory or self.scan.settings is None:
            return {}
        curves = self._theory.curves(place.sample.mean, self.scan.labels, self.scan.evaluation)
        return {pulse: curves[pulse] for pulse in self.pulses}

    def _theory_or_none(self, place: PlaceTraces) -> dict[int, TheoryCurve]:
        try:
            return self.theory_of(place)
        except ValueError:
            return {}

    def select(self, number: int | None) -> None:
        """Select a pinned point by its number."""
        if number != self.selected:
            self.selected = number
            self.changed.emit()

    def move(self, rows: int, columns: int) -> None:
        """Move the selected point, or the probe where none is, by whole pixels; it stays on the image."""
        height, width = self.scan.display.shape
        chosen = next((point for point in self.scan.points if point.number == self.selected), None)
        start = self.scan.probe if chosen is None else self.scan.pixel_of(chosen.x, chosen.y)
        if start is None:
            start = (height // 2, width // 2)
        row = min(max(start[0] + rows, 0), height - 1)
        column = min(max(start[1] + columns, 0), width - 1)
        if chosen is None:
            self.scan.look_at((row, column))
            return
        x, y = self.scan.xy_of((row, column))
        self.scan.set_points(
            replace(point, x=x, y=y) if point.number == chosen.number else point for point in self.scan.points
        )
        self.scan.look_at((row, column))

    def pin_probe(self, *, size: int | None = None) -> PinnedPoint | None:
        """Pin the pixel under the cursor; a pixel that is pinned already is selected instead."""
        if self.scan.probe is None:
            return None
        for point in self.scan.points:
            if self.scan.pixel_of(point.x, point.y) == self.scan.probe:
                self.select(point.number)
                return point
        point = self.scan.pin(self.scan.probe, size=self.scan.probe_size if size is None else size)
        self.select(point.number)
        return point

    def remove(self, number: int) -> None:
        """Remove a pinned point."""
        self.scan.set_points(point for point in self.scan.points if point.number != number)
        if self.selected == number:
            self.select(None)

    def table(self, places: list[PlaceTraces]) -> Table:
        """Return H, tau and D with their errors, a row for each place and pulse setting; the probe has no number.

        The prefixes go with the largest H and the length of the windows, so that they stay while the probe moves.
        """
        fits = [place.fits[pulse] for place in places for pulse in self.pulses]
        joint = any(JOINT in fit.windows for fit in fits)
        heights = [abs(fit.height) for fit in fits if np.isfinite(fit.height)]
        lengths = [float(window.time[-1]) for fit in fits for window in fit.windows.values()]
        columns: list[Column | str] = [
            "point", "row", "column", "pulse", Column("H", self.scan.unit, scale=max(heights, default="")),
        ]  # fmt: skip
        numbers = (JOINT,) if joint else WINDOWS
        for number in numbers:
            for name, unit, scale in (("tau", "s", max(lengths, default=1e-3)), ("D", "m²/s", AS_IT_IS)):
                title = map_name(name, number)
                columns += [Column(title, unit, scale=scale), Column(f"{title} standard error", unit)]
        rows: list[list[Any]] = []
        for place in places:
            for pulse in self.pulses:
                fit, row = place.fits[pulse], place.sample.row
                point = None if place.point is None else place.point.number
                cells: list[Any] = [point, row, place.sample.column, fit.label, fit.height]
                for number in numbers:
                    window = fit.windows.get(number)
                    # A dash where the pixel does not deserve a number.
                    values = window.values if window is not None and window.ok else {}
                    cells += [values.get(name) for name in ("tau", "tau_stderr", "D", "D_stderr")]
                rows.append(cells)
        return Table("", "", columns, rows)

    def csv_text(self) -> str:
        """Return all curves shown as CSV: time in s, then data, spread and fits of every place and pulse setting.

        The digest of the recipe of the fits is the last column. Their parameters stand in comment lines before, in SI
        units.

        Raises
        ------
        ValueError
            If no trace is shown.
        """
        places = self.places()
        if not places:
            raise ValueError("no trace is shown yet: move over the image or pin a point first")
        time = self.time
        unit = self.scan.unit or "a.u."
        comments = [f"{self.scan.name}: time traces; displacement in {unit}, time in s"]
        comments += [line for place in places for line in _parameter_lines(place, self.pulses)]
        columns: list[tuple[str, Array]] = [("time_s", time)]
        for place in places:
            for pulse in self.pulses:
                columns += list(_columns(place, pulse, time))
            columns += _theory_columns(place, self._theory_or_none(place), time)
        rows = np.column_stack([values for _, values in columns]).tolist()
        head = "".join(f"# {line}\n" for line in comments)
        # The curves go with the form as it stands, also where the maps are those of an earlier fit.
        recipe = "" if self.scan.settings is None else self.scan.evaluation.recipe.digest
        return head + Table("", "", [name for name, _ in columns], rows).with_recipe(recipe).csv()

    def _place(self, point: PinnedPoint | None, pixel: tuple[int, int], size: int) -> PlaceTraces:
        # Everything that the numbers depend on; a hover asks for the pinned places again and again.
        state = (id(self.scan.dataset), self.scan.recipe, id(self.scan.maps))
        if state != self._cached_for:
            self._cache, self._cached_for = {}, state
        key = (point, pixel, size)
        if key not in self._cache:
            sample = self.scan.traces_at(pixel, size=size)
            place = PlaceTraces(point, sample, self.fits_of(sample))
            if point is None:
                return place
            self._cache[key] = place
        return self._cache[key]

    def fits_of(self, sample: TraceSample) -> list[PulseFit]:
        """Return the fits of a sample's mean traces, one for each pulse setting; the numbers are those of a run.

        The threshold of ``|H|`` and the noise need the whole map: they are taken from the last results where there are
        any.
        """
        labels = self.scan.labels
        if self.scan.settings is None:
            return [PulseFit(label, np.nan) for label in labels]
        thresholds = np.array([self._threshold(pulse) for pulse in range(len(labels))])
        fitted = fits_of_traces(
            sample.mean, self.scan.evaluation, thresholds=thresholds, instrument=self._instrument()
        )
        return [
            PulseFit(label, trace.height, self._as_on_map(trace.windows, pulse, sample))
            for pulse, (label, trace) in enumerate(zip(labels, fitted, strict=True))
        ]

    def _as_on_map(
        self, windows: dict[int, FittedWindow], pulse: int, sample: TraceSample
    ) -> dict[int, FittedWindow]:
        """Return fits of one pixel, inconsistent where its sign is not the map's: that takes the pixels around it."""
        maps, dataset = self.scan.maps, self.scan.dataset
        if maps is None or dataset is None or sample.pixels != 1 or maps["y"].size != dataset["y"].size:
            return windows
        result = dict(windows)
        for number, window in windows.items():
            name = map_name("status", number)
            if window.ok and name in maps:
                status = maps[name].values[pulse, sample.row, sample.column]
                result[number] = replace(window, status=INCONSISTENT) if status == INCONSISTENT else window
        return result

    def _instrument(self) -> Instrument | None:
        """Return the noise that the results were made with; drawn once, not for every place."""
        maps, evaluation = self.scan.maps, self.scan.evaluation
        if maps is None or "instrument" not in maps.attrs:
            return None
        if self._measured is None or self._measured[:2] != (id(maps), evaluation):
            self._measured = (id(maps), evaluation, instrument_from_maps(maps, evaluation))
        return self._measured[2]

    def _threshold(self, pulse: int) -> float:
        maps = self.scan.maps
        if maps is None or "threshold" not in maps.coords or pulse >= maps.sizes["pulse"]:
            return 0.0
        value = float(maps["threshold"].values[pulse])
        return value if np.isfinite(value) else 0.0


def _rounded_edge(edge: float, time: Array) -> float:
    """Return an edge that a hand has moved without digits that mean nothing: to some hundredths of a sample's interval.

    One that lies on a sample stays there.
    """
    if np.isclose(time, edge, rtol=0, atol=1e-12).any():
        return edge
    return round(edge, -int(np.floor(np.log10(sampling_interval(time) / 50))))


def name_of(place: PlaceTraces) -> str:
    """Return what a place is called: its number, or its row and column."""
    if place.point is not None:
        return f"point {place.point.number}"
    return f"pixel {place.sample.row} {place.sample.column}"


def _columns(
    place: PlaceTraces, pulse: int, time: NDArray[np.float64]
) -> Iterator[tuple[str, NDArray[np.float64]]]:
    name = f"{name_of(place)} {place.fits[pulse].label}".strip()
    yield name, place.sample.mean[pulse]
    if place.sample.spread is not None:
        yield f"{name} standard deviation", place.sample.spread[pulse]
    for number, fit in place.fits[pulse].windows.items():
        curve = np.full(time.size, np.nan)
        curve[np.searchsorted(time, fit.time)] = fit.curve
        yield f"{name} fit" if number == JOINT else f"{name} fit {number}", curve


def _theory_columns(
    place: PlaceTraces, theory: dict[int, TheoryCurve], time: NDArray[np.float64]
) -> Iterator[tuple[str, NDArray[np.float64]]]:
    for curve in theory.values():
        values = np.full(time.size, np.nan)
        values[np.searchsorted(time, curve.window.time)] = curve.window.curve
        yield f"{name_of(place)} {curve.label} pure diffusion".replace("  ", " "), values


def _parameter_lines(place: PlaceTraces, pulses: list[int]) -> Iterator[str]:
    sample = place.sample
    for pulse in pulses:
        fit = place.fits[pulse]
        words = [
            f"{name_of(place)} {fit.label}".strip(),
            f"row={sample.row} column={sample.column} x={sample.x:.9g} y={sample.y:.9g} pixels={sample.pixels}",
            f"H={fit.height:.6g}",
        ]
        for number, window in fit.windows.items():
            values = window.values
            n = "" if number == JOINT else str(number)
            if window.status == OK:
                words.append(
                    f"tau{n}={values['tau']:.6g} tau{n}_stderr={values['tau_stderr']:.3g} D{n}={values['D']:.6g} "
                    f"D{n}_stderr={values['D_stderr']:.3g}"
                )
            words.append(f"a{n}={values['a']:.6g} c{n}={values['c']:.6g} R2{n and '_'}{n}={values['r2']:.4f}")
            words.append(f"status{n}={window.status}")
        yield "; ".join(words)
