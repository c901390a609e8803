"""Passages of the tip over lines, numbered and laid out in time from those that are seen whole."""

from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from napari_tesm.recording.numbering import Numbering, likely_distances, numbering_from_starts
from napari_tesm.recording.rhythm import straight_line

Array = NDArray[np.float64]
Indices = NDArray[np.int64]

_FARTHEST: Final = 0.25
"""Largest distance, in pixels, of a line's pulses from where its neighbours say they are."""
_LEAST_COVERED: Final = 0.9
"""Least part of the pulses in step that must lie in lines."""
_LEAST_WHOLE: Final = 0.85
"""Least part of the pulses that must lie in lines seen whole, where the lines keep no even pace."""
_STEADY: Final = 0.1
"""Scatter of the line period, in pixels, up to which a line that is off by a pixel is the one that errs."""


@dataclass
class Pass:
    """One passage over a line: its number in the recording, its pulses and where they belong.

    Parameters
    ----------
    number : int
        Counted from the first passage in the recording.
    start : float
        Time of the first pixel, in pixel periods.
    events, slots : ndarray of int
        Indices of the pulses, and the pixel each belongs to in the order of time. Two may have one pixel.
    problem : str
        Why nothing of it could be placed; empty where it could.
    """

    number: int
    start: float
    events: Indices = field(default_factory=lambda: np.empty(0, np.int64))
    slots: Indices = field(default_factory=lambda: np.empty(0, np.int64))
    problem: str = ""


@dataclass(frozen=True, eq=False)
class Train:
    """The pulses in step: their times, pixels counted from the first one, and changes of phase before each.

    `index` is what each of them is called by the caller; `others` and `other_index` are the pulses out of step.
    """

    z: Array
    count: Indices
    slips: Indices
    index: Indices
    others: Array
    other_index: Indices


class PassClock:
    """When passages over lines begin, from those whose begin is certain.

    Parameters
    ----------
    train : Train
    first, last : ndarray of int
        First and last pulse of each line that is seen whole, in order.
    kinds : int
        How many different pauses follow each other in turn.
    slots : int
        Pixels of a line.
    triggers : ndarray, optional
        Times of line triggers.
    """

    def __init__(
        self, train: Train, first: Indices, last: Indices, kinds: int, slots: int, triggers: Array | None
    ) -> None:
        self.kinds, self.slots = kinds, slots
        # A line is long: a period that is a thousandth off would be a pixel off at its end.
        self.pace = _pace(train, first, last)
        self.train = replace(train, z=train.z / self.pace, others=train.others / self.pace)
        self.triggers = np.empty(0) if triggers is None else triggers / self.pace
        self.notes: list[str] = []
        self.numbering: Numbering
        self._keep(first, last)
        self._number_by_cover()
        if self._demoted():
            self._number_by_cover()
        self._learn_triggers()

    def _keep(self, first: Indices, last: Indices) -> None:
        """Take these as the lines that are seen whole."""
        self.first, self.last = first, last
        z, count = self.train.z, self.train.count
        self.start = np.array(
            [np.median(z[a : b + 1] - count[a : b + 1]) + count[a] for a, b in zip(first, last, strict=True)]
        )

    def passes(self, expected: int) -> list[Pass]:
        """Return the passages without gaps in their numbers; one that cannot be placed says why.

        Parameters
        ----------
        expected : int
            Passages in the rest of the scan.
        """
        if self.first.size == 1 and expected > 1 and self.train.z[0] < self.start[0] - 1:
            raise ValueError(
                f"only one line of {self.slots} pixels can be seen whole, and which of the {expected} it is cannot be "
                "told: record a line trigger"
            )
        self._settle_pauses(expected)
        low, high = -self._beyond(-1, expected), int(self.numbers[-1]) + self._beyond(1, expected)
        certain = {int(number): index for index, number in enumerate(self.numbers)}
        passes = []
        for number in range(low, high + 1):
            if number in certain:
                begin, end = int(self.first[certain[number]]), int(self.last[certain[number]])
                inside = slice(begin, end + 1)
                slots = self.train.count[inside] - self.train.count[begin]
                start = float(self.start[certain[number]])
                passes.append(Pass(number - low, start, self.train.index[inside], slots))
            else:
                passes.append(self._placed(number, number - low))
        for passage in passes:
            passage.start *= self.pace
        return passes

    @property
    def numbers(self) -> Indices:
        """Numbers of the lines that are seen whole."""
        return self.numbering.numbers

    def _number_by_cover(self) -> None:
        """Give the whole lines numbers so that hardly any pulses are left between the lines.

        Where many lines are not whole, the commonest distance may be that of every second one.

        Raises
        ------
        ValueError
            If many pulses are left between the lines whatever the distance.
        """
        best = -np.inf
        for mean in likely_distances(self.start, self.kinds):
            numbering = numbering_from_starts(self.start, self.kinds, mean)
            covered, silent = self._cover(numbering.numbers)
            score = covered - silent - numbering.uneven / 100
            if score > best + 1e-9:
                best, self.numbering = score, numbering
            if best > 1 - 1e-9:
                break
        covered, _ = self._cover(self.numbers)
        if covered < _LEAST_COVERED:
            raise ValueError(
                f"{1 - covered:.0%} of the pulses lie between the lines of {self.slots} pixels that can be seen: "
                "check the number of columns and the ways"
            )
        whole = float((self.last - self.first + 1).sum()) / float(self.last[-1] - self.first[0] + 1)
        if self.numbering.scatter > _STEADY and whole < _LEAST_WHOLE:
            raise ValueError(
                f"only {whole:.0%} of the pulses lie in lines of which both ends can be seen, and the lines do not "
                "follow one another evenly enough to tell where the others lie: record a line trigger"
            )

    def _cover(self, numbers: Indices) -> tuple[float, float]:
        """Return the part of the pulses, from the first whole line to the last, that lie in lines.

        And the part of the lines in which no pulse lies.
        """
        if self.first.size < 2:
            return 1.0, 0.0
        starts = np.interp(np.arange(int(numbers[-1]) + 1), numbers, self.start)
        inside = self.train.z[self.first[0] : self.last[-1] + 1]
        number = np.maximum(np.searchsorted(starts, inside + 0.5) - 1, 0)
        covered = inside - starts[number] < self.slots + 0.5
        silent = starts.size - np.unique(number[covered]).size
        return float(np.mean(covered)), silent / starts.size

    def _demoted(self) -> bool:
        """Leave out whole lines that are off by a pixel where the others keep time; return whether there were any.

        A line that lacks its first pulse and has a stray one after its last looks whole.
        """
        if self.first.size < 5 or self.numbering.scatter > _STEADY:
            return False
        # A pause moves all that follows, an error one line.
        drift = np.concatenate([[0.0], np.cumsum(self.numbering.residual)])
        padded = np.concatenate([[drift[1], drift[2]], drift, [drift[-2], drift[-3]]])
        usual = np.median(np.lib.stride_tricks.sliding_window_view(padded, 5), axis=1)
        good = np.abs(drift - usual) <= 0.5
        self._keep(self.first[good], self.last[good])
        return not good.all()

    def _learn_triggers(self) -> None:
        """Learn by how much a line begins after its trigger, for each kind of passage."""
        self.delays, self.delay_scatter = np.full(self.kinds, np.nan), np.full(self.kinds, np.inf)
        if self.triggers.size == 0:
            return
        at = np.searchsorted(self.triggers, self.start + 0.4) - 1
        delay = np.where(at >= 0, self.start - self.triggers[np.maximum(at, 0)], np.nan)
        for kind in range(self.kinds):
            mine = delay[(self.numbers % self.kinds == kind) & np.isfinite(delay)]
            if mine.size >= 3:
                self.delays[kind] = float(np.median(mine))
                # Not the median: a trigger that comes a pass earlier tells no more than the pace of the passes does.
                self.delay_scatter[kind] = float(np.quantile(np.abs(mine - self.delays[kind]), 0.8)) / 1.3

    def _triggered(self, number: int, about: float, reach: float) -> float | None:
        """Return the begin of a passage according to a line trigger near the one expected, None without one."""
        kind = number % self.kinds
        if not self.delay_scatter[kind] <= _STEADY:
            return None
        starts = self.triggers + self.delays[kind]
        nearest = int(np.argmin(np.abs(starts - about)))
        return float(starts[nearest]) if abs(starts[nearest] - about) <= reach else None

    def _settle_pauses(self, expected: int) -> None:
        """Decide what a long silence between two lines is: lines that are missing, or a pause."""
        if self.numbering.residual.size == 0:
            return
        jump = np.diff(self.numbers)
        inside = np.searchsorted(self.train.z, self.start[1:] - 0.5) - self.last[:-1] - 1
        # Passages between two lines that are seen whole in which there is no pulse.
        held = np.where(inside > 0.1 * self.slots, np.maximum(1, np.rint(inside / self.slots)), 0).astype(
            np.int64
        )
        silent = np.maximum(jump - 1 - held, 0)
        odd = np.abs(self.numbering.residual) > 0.25 * float(self.numbering.steps.mean())
        spare = int(self.numbers[-1]) + 1 + self._beyond(-1, expected) + self._beyond(1, expected) - expected
        if spare > 0 and int(silent.sum()) == spare:
            # More lines than the scan has, unless the silences are pauses: then exactly as many.
            jump = jump - silent
            self.numbering = replace(self.numbering, numbers=np.concatenate([[0], np.cumsum(jump)]))
            self.notes.append(f"The recording pauses {np.count_nonzero(silent)} times between lines.")
            odd &= silent == 0
        doubtful = np.flatnonzero(odd & (jump > 1))
        if doubtful.size:
            keep = int(doubtful[0]) + 1
            self.notes.append(
                f"After {int(self.numbers[keep - 1]) + 1} passes over lines the recording falls out of step: how many "
                "lines are missing there cannot be told, and what follows is left out."
            )
            self.until = float(self.start[keep] - self.slots)
            self._keep(self.first[:keep], self.last[:keep])
            numbers, residual = self.numbers[:keep], self.numbering.residual[: keep - 1]
            self.numbering = replace(self.numbering, numbers=numbers, residual=residual)

    until: float = np.inf
    """Time from which nothing is placed any more."""

    def _beyond(self, sign: int, expected: int) -> int:
        """Return how many passages before the first whole line, or after the last, hold pulses or have a trigger."""
        if not np.isfinite(self.numbering.steps).all():
            return 0
        edge = int(self.numbers[0 if sign < 0 else -1])
        origin = float(self.start[0 if sign < 0 else -1])
        needed, away = 0, 0
        room = expected - (int(self.numbers[-1] - self.numbers[0]) + 1)
        z = self.train.z[self.train.z < self.until]
        earliest, latest = (
            float(pick([pick(z), *self.train.others[:1], *self.train.others[-1:]])) for pick in (min, max)
        )
        while away < expected:
            away += 1
            begin = origin + sign * abs(self.numbering.time_between(edge, edge + sign * away))
            if (begin + self.slots < earliest) if sign < 0 else (begin > latest + 1):
                break
            low, high = np.searchsorted(z, [begin - 0.5, begin + self.slots - 0.5])
            if high > low or (away <= room and self._evidence(begin)):
                needed = away
        # Lines without a single pulse whose triggers are there; not more than the scan has.
        while needed < room and not np.isfinite(self.until):
            number = edge + sign * (needed + 1)
            begin = origin + sign * abs(self.numbering.time_between(edge, number))
            if self.delays[number % self.kinds] > self.slots or self._triggered(number, begin, 1.0) is None:
                break
            needed += 1
        return needed

    def _predicted(self, number: int) -> tuple[float, str]:
        """Return when a passage begins, and why that is not known."""
        after = int(np.searchsorted(self.numbers, number))
        guesses = []
        for index in (after - 1, after):
            if 0 <= index < self.numbers.size:
                seen = int(self.numbers[index])
                guesses.append(
                    (abs(number - seen), self.start[index] + self.numbering.time_between(seen, number))
                )
        about = sum(guess / away for away, guess in guesses) / sum(1 / away for away, _ in guesses)
        apart = abs(guesses[0][1] - guesses[-1][1])
        triggered = self._triggered(number, about, max(2.0, apart))
        if triggered is not None:
            return triggered, ""
        if len(guesses) == 2 and (apart > 2 * _FARTHEST or self.numbering.scatter > _STEADY):
            return about, "the lines before and after it are too far out of step to tell where it begins"
        if len(guesses) == 1 and not self.numbering.scatter * np.sqrt(guesses[0][0]) <= _STEADY:
            return about, "the lines follow each other too irregularly to tell where it begins"
        return float(about), ""

    def _placed(self, number: int, counted: int) -> Pass:
        """Return a passage whose ends are not both seen."""
        begin, problem = self._predicted(number)
        low, high = (int(i) for i in np.searchsorted(self.train.z, [begin - 0.5, begin + self.slots - 0.5]))
        adopted = self._adopted(begin) if not problem else np.zeros(self.train.others.size, np.bool_)
        if high <= low and not adopted.any():
            return Pass(counted, begin)
        if problem:
            return Pass(counted, begin, problem=problem)
        events, slots = self.train.index[low:low], self.train.count[low:low]
        if high > low:
            chosen, count = _in_phase(self.train.z[low:high])
            if count is None:
                return Pass(counted, begin, problem="its pulses fall out of step within the line")
            offset = float(np.median(self.train.z[low:high][chosen] - begin - count))
            events, slots = self.train.index[low:high][chosen], count + round(offset)
            if abs(offset - round(offset)) > _FARTHEST or slots[0] < 0 or slots[-1] >= self.slots:
                return Pass(
                    counted, begin, problem="its pulses lie between the pixels of the lines beside it"
                )
            begin += offset - round(offset)
        # At an end of the recording too few pulses of a line may be left to be in step with one another.
        events = np.concatenate([events, self.train.other_index[adopted]])
        slots = np.concatenate([slots, np.rint(self.train.others[adopted] - begin).astype(np.int64)])
        order = np.argsort(events)
        return Pass(counted, begin, events[order], slots[order])

    def _evidence(self, begin: float) -> bool:
        """Return whether pulses that are in step with no others speak for a passage that begins at a time."""
        if self.numbering.scatter <= _STEADY:
            return bool(self._adopted(begin).any())
        # Where lines keep no time, a pulse about there is all that can be asked for; the line itself cannot be placed.
        others = self.train.others
        beyond = others[(others < self.start[0] - 1) | (others > self.start[-1] + self.slots)]
        return bool(((beyond > begin - 2) & (beyond < begin + self.slots + 1)).any())

    def _adopted(self, begin: float) -> NDArray[np.bool_]:
        """Return which pulses that are in step with no others lie on the pixels of a passage that begins at a time."""
        slot = np.rint(self.train.others - begin)
        near = np.abs(self.train.others - begin - slot) <= _STEADY
        return near & (slot >= 0) & (slot < self.slots) & (self.numbering.scatter <= _STEADY)


def _pace(train: Train, first: Indices, last: Indices) -> float:
    """Return the distance of two pixels in lines that are seen whole, in the periods of the train."""
    slopes = [
        straight_line(train.count[a : b + 1], train.z[a : b + 1])[0]
        for a, b in zip(first, last, strict=True)
        if b > a
    ]
    return float(np.median(slopes)) if slopes else 1.0


def _in_phase(z: Array) -> tuple[Indices, Indices | None]:
    """Return which pulses of a line share its phase, and the pixels between each of them and the first.

    None where what is left still changes its phase: then the line stood still somewhere.
    """
    mean = np.exp(2j * np.pi * z)
    # The phase that most share, not their mean: strays have any.
    votes = (np.abs(np.angle(mean[:, None] / mean[None, :])) < np.pi * _FARTHEST).sum(axis=1)
    away = np.angle(mean / mean[int(np.argmax(votes))]) / (2 * np.pi)
    chosen = np.flatnonzero(np.abs(away) <= _FARTHEST)
    step = np.diff(z[chosen])
    if chosen.size < 0.7 * z.size or (np.abs(step - np.rint(step)) > _FARTHEST).any():
        return chosen, None
    return chosen, np.concatenate([[0], np.cumsum(np.rint(step).astype(np.int64))])
