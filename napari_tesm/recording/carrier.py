"""Raw deflection made into the response at the drive's frequency, record by record, as a lock-in would or better.

Every window of one drive period or about two is fitted by offset, slope, cosine and sine of each carrier, by least
squares: one product of the samples with a matrix that is the same for all windows, and a turn by the phase at which
each begins. There is no ripple at the carrier or twice it, noise stays white, and tau of an exponential is not moved: a
weighted mean of exp(-t/tau) over equal windows is again exp(-t/tau), if the image of the changing response at minus
the frequency is kept out or keeps its phase. Windows are counted from the start of the pulse, so that none reaches
over it, and are as long as divides the pulse without rest, if one of the lengths that are tried does.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final

import numpy as np
from numpy.polynomial import Legendre
from numpy.typing import NDArray

from napari_tesm.recording.cutting import CutTraces

Array = NDArray[np.float64]
Complex = NDArray[np.complex128]

LEAST_RATIO: Final = 6
"""Samples of a period from which a window has enough to tell offset, slope, cosine and sine."""
_WHOLE: Final = 1e-3
"""Part of a period by which a window of whole periods may be off: over a hundred windows a tenth of a turn."""
_ENOUGH: Final = 1.5
"""Periods in other windows at least: at one, values without the image have four times the noise."""
_DEGREE: Final = 4
"""Highest degree of the amplitude's course in a window whose image is kept out."""
_COST: Final = 1.3
"""By how much more noise than without that a value may have."""
_LONGEST: Final = 1 << 21
"""Samples of a channel that are worked on at once: 16 MB of doubles."""
_LEAD: Final = 20.0
"""Time constants before a record from which a filter runs: what was before them is below 1e-5 at four stages."""


@dataclass(frozen=True)
class Carrier:
    """What is taken out of raw samples: the response at one frequency, beside others.

    Parameters
    ----------
    rate : float
        Samples per second.
    frequency : float
        Of the response, Hz.
    size : int
        Samples of a window.
    others : tuple of float
        Further frequencies at which the sample responds, Hz.
    """

    rate: float
    frequency: float
    size: int
    others: tuple[float, ...] = ()

    @classmethod
    def of(cls, rate: float, frequencies: Sequence[float], *, pulse: int = 0, periods: int = 1) -> "Carrier":
        """Return the carrier of the first of some frequencies.

        Parameters
        ----------
        rate : float
            Samples per second.
        frequencies : sequence of float
            Of the drive, in Hz.
        pulse : int
            Samples of the pulse, which windows are to divide; 0 where it is not known.
        periods : int
            Drive periods in a window, at least.

        Raises
        ------
        ValueError
            If there are fewer than six samples in a period, or two frequencies are the same or cannot be told apart in
            a window.
        """
        if len(set(frequencies)) < len(frequencies):
            raise ValueError("the drive frequency has an entry twice: name each carrier once")
        highest, lowest = max(frequencies), min(frequencies)
        if rate < LEAST_RATIO * highest:
            raise ValueError(
                f"a drive of {highest:g} Hz has {rate / highest:.3g} samples in a period at {rate:g} samples per "
                f"second: at least {LEAST_RATIO} are needed"
            )
        apart = min(
            (abs(one - other) for n, one in enumerate(frequencies) for other in frequencies[:n]),
            default=lowest,
        )
        least = max(periods * rate / lowest, 1.5 * rate / apart if len(frequencies) > 1 else 0.0)
        smallest = int(np.ceil(least - 1e-6))
        if pulse and least > pulse / 2:
            raise ValueError(
                f"windows of {least / rate:.3g} s, which the frequencies need to be told apart, are too long for a "
                f"pulse of {pulse / rate:.3g} s"
            )
        # Over whole periods the image of a response that changes keeps its phase; else it takes more to keep it out.
        turns = smallest * frequencies[0] / rate
        if abs(turns - round(turns)) > _WHOLE or (pulse and pulse % smallest):
            least = max(least, _ENOUGH * rate / frequencies[0])
            smallest = int(np.ceil(least - 1e-6))
        sizes = np.arange(smallest, max(int(1.5 * least), smallest) + 1)
        sizes = sizes[: max(1, np.searchsorted(sizes, pulse / 2, side="right"))] if pulse else sizes
        rest = pulse % sizes / sizes
        best = int(sizes[np.argmin(np.minimum(rest, 1 - rest))]) if pulse else smallest
        return cls(rate, float(frequencies[0]), best, tuple(map(float, frequencies[1:])))

    @cached_property
    def weights(self) -> Array:
        """What real and imaginary part are of the samples of a window, shape (size, 2).

        The smallest complex numbers that see the carrier whole, and offset, slope and the other carriers not at all.
        A response that changes meanwhile has an image at minus the frequency, whose phase turns from window to window
        wherever a window is no whole number of periods: it is kept out for an amplitude that goes as a polynomial, of
        as high a degree as costs no more than `_COST` in noise.
        """
        place, inside = np.arange(self.size), np.linspace(-1, 1, self.size)
        carrier, *others = (
            np.exp(2j * np.pi * frequency / self.rate * place) for frequency in (self.frequency, *self.others)
        )
        columns = [carrier, carrier.conj(), np.ones(self.size), inside]
        columns += [each for other in others for each in (other, other.conj())]
        best = _weights_seeing_first(columns)
        most = _COST * np.linalg.norm(best)
        for degree in range(1, min(_DEGREE, self.size - len(columns)) + 1):
            columns.append(Legendre.basis(degree)(inside) * carrier.conj())
            weights = _weights_seeing_first(columns)
            if np.linalg.norm(weights) > most:
                break
            best = weights
        return np.stack([best.real, best.imag], axis=1)

    def phases(self, first: NDArray[np.int64], windows: int) -> Complex:
        """Return what turns each window to the carrier's phase at sample 0, shape (…, windows).

        Parameters
        ----------
        first : ndarray of int, shape (…)
            Sample at which the first window begins, counted from the begin of the recording.
        """
        turn = self.frequency / self.rate
        # Whole turns go before the windows are added: what is left of an hour's number has all its digits.
        begin = np.asarray(first * turn % 1.0)
        return np.asarray(
            np.exp(-2j * np.pi * (begin[..., None] + np.arange(windows) * (self.size * turn % 1.0)))
        )

    def response(self, samples: NDArray[Any], first: NDArray[np.int64]) -> Complex:
        """Return X + iY of each window: amplitude and phase of the cosine, shape (…, windows).

        Parameters
        ----------
        samples : ndarray, shape (…, sample)
            A rest that is no whole window counts for nothing.
        first : ndarray of int, shape (…)
            As of `phases`.
        """
        windows = samples.shape[-1] // self.size
        pieces = np.asarray(samples[..., : windows * self.size], dtype=np.float64)
        values = pieces.reshape(-1, self.size) @ self.weights
        fitted = values.view(np.complex128).reshape(*samples.shape[:-1], windows)
        return np.asarray(fitted * self.phases(first, windows))


def _weights_seeing_first(columns: Sequence[NDArray[Any]]) -> Complex:
    """Return the smallest weights whose product with the first column is 2, and 0 with all others."""
    wanted = np.zeros(len(columns))
    wanted[0] = 2
    return np.asarray(np.linalg.pinv(np.stack(columns)) @ wanted)


@dataclass(frozen=True)
class LockIn:
    """A lock-in that has never been there: the mixed signal behind RC stages, read at the end of each window.

    Parameters
    ----------
    carrier : Carrier
    time_constant : float
        Of each stage, in s.
    order : int
    """

    carrier: Carrier
    time_constant: float
    order: int = 1

    @property
    def size(self) -> int:
        """Samples of a window."""
        return self.carrier.size

    @property
    def lead(self) -> int:
        """Windows before a record from which the filter runs."""
        return int(np.ceil(_LEAD * self.time_constant * self.carrier.rate / self.size))

    @cached_property
    def _steps(self) -> tuple[Array, Complex, Array, Complex]:
        """State after a window, from that before and the samples; the same for what is read at its last sample."""
        from scipy.signal import cont2discrete

        n, rate = self.order, self.carrier.rate
        stages = (np.eye(n, k=-1) - np.eye(n)) / self.time_constant
        entry = np.zeros((n, 1))
        entry[0] = 1 / self.time_constant
        read = np.zeros((1, n))
        read[0, -1] = 1
        a, b, c, d, _ = cont2discrete((stages, entry, read, np.zeros((1, 1))), 1 / rate, method="bilinear")
        mixed = 2 * np.exp(-2j * np.pi * self.carrier.frequency / rate * np.arange(self.size))
        # What a sample is worth at the end of its window: that many steps of the filter are still to come.
        worth = np.empty((self.size + 1, n))
        step = b[:, 0]
        for place in range(self.size - 1, -1, -1):
            worth[place + 1], step = step, a @ step
        after = worth[1:] * mixed[:, None]
        # The last sample is read before its own step.
        before = np.concatenate([worth[2:], np.zeros((1, n))]) * mixed[:, None]
        reading = before @ c[0]
        reading[-1] += d[0, 0] * mixed[-1]
        powers = [np.linalg.matrix_power(a, self.size), np.linalg.matrix_power(a, self.size - 1)]
        return powers[0], after, c[0] @ powers[1], reading

    def response(self, samples: NDArray[Any], first: NDArray[np.int64]) -> Complex:
        """Return X + iY at the last sample of each window behind the lead, shape (…, windows - lead)."""
        windows = samples.shape[-1] // self.size
        pieces = np.asarray(samples[..., : windows * self.size], dtype=np.float64)
        pieces = pieces.reshape(*samples.shape[:-1], windows, self.size)
        # A filter that began at zero would take long to forget a constant deflection.
        pieces = pieces - pieces[..., :1, :1]
        kept, after, before, reading = self._steps
        phases = self.carrier.phases(first, windows)
        entering = pieces @ np.concatenate([after, reading[:, None]], axis=1) * phases[..., None]
        state = np.zeros((*samples.shape[:-1], self.order), dtype=np.complex128)
        out = np.empty((*samples.shape[:-1], windows), dtype=np.complex128)
        for window in range(windows):
            out[..., window] = state @ before + entering[..., window, -1]
            state = state @ kept.T + entering[..., window, :-1]
        return out[..., self.lead :]


@dataclass(frozen=True, eq=False)
class Responses:
    """X or Y of a carrier over records of raw deflection: traces of shape (y, x, time), made when they are asked for.

    Parameters
    ----------
    records : CutTraces
        Of the deflection.
    detector : Carrier or LockIn
    windows : int
        Of each record, without the lead of a filter.
    is_quadrature : bool
        Y, not X.
    reference : CutTraces, optional
        Records of the reference, whose phase the response is counted from.
    """

    records: CutTraces
    detector: Carrier | LockIn
    windows: int
    is_quadrature: bool = False
    reference: CutTraces | None = None
    dtype: Any = field(default=np.dtype(np.float64), init=False)

    @property
    def shape(self) -> tuple[int, ...]:
        """Rows, columns, windows."""
        return (*self.records.shape[:2], self.windows)

    @property
    def start(self) -> NDArray[np.int64]:
        """Sample at which the pulse of each pixel starts, negative where it has no record."""
        return self.records.start

    @property
    def at_once(self) -> int:
        """Pixels that are worked on at once."""
        return max(1, _LONGEST // int(self.records.shape[2]))

    def __getitem__(self, key: Any) -> Array:
        return self.outer(key if isinstance(key, tuple) else (key,))

    def outer(self, key: tuple[Any, ...]) -> Array:
        """Return traces by an index for each axis: slices, integers (their axis is dropped) or lists of integers."""
        keys = [*key, *[slice(None)] * (3 - len(key))]
        rows, columns, times = (
            np.atleast_1d(np.arange(size)[part]) for size, part in zip(self.shape, keys, strict=True)
        )
        out = np.empty((rows.size, columns.size, times.size))
        at_once = self.at_once
        for index, row in enumerate(rows):
            for begin in range(0, columns.size, at_once):
                some = columns[begin : begin + at_once]
                values = self.response(int(row), some)
                part = values.imag if self.is_quadrature else values.real
                out[index, begin : begin + at_once] = part[:, times]
        dropped = tuple(axis for axis, part in enumerate(keys) if isinstance(part, int | np.integer))
        return np.squeeze(out, axis=dropped) if dropped else out

    def response(self, row: int, columns: NDArray[np.int64]) -> Complex:
        """Return X + iY of some pixels of a row, shape (pixel, window)."""
        samples = self.records.outer(([row], columns, slice(None)))[0]
        first = self.records.start[row, columns] - self.records.before
        values = self.detector.response(samples, first)[:, : self.windows]
        if self.reference is not None:
            driven = self.reference.outer(([row], columns, slice(None)))[0]
            carrier = self.detector if isinstance(self.detector, Carrier) else self.detector.carrier
            drive = carrier.response(driven, first).sum(axis=1)
            with np.errstate(invalid="ignore", divide="ignore"):
                values = values * (np.conj(drive) / np.abs(drive))[:, None]
        return values
