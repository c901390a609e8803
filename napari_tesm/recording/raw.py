"""Records of raw deflection turned into traces of the response at the drive's frequency."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from napari_tesm.data.protocol import PulseProtocol
from napari_tesm.quantities.text import text_from_quantity
from napari_tesm.recording.carrier import Carrier, LockIn, Responses
from napari_tesm.recording.cutting import CutTraces
from napari_tesm.recording.frequency import (
    frequency_from_spectrum,
    frequency_of_records,
    turn_within_records,
)

_SAID: Final = 1e-7
"""Part of the frequency from which a difference from the stated one is worth a sentence."""
_TURNS: Final = 0.02
"""Turn of the reference's phase within half of a record from which X and Y are mixed too much to say nothing."""


@dataclass(frozen=True)
class RawSignal:
    """How the response is taken out of raw deflection.

    Parameters
    ----------
    frequencies : tuple of float
        Of the drive, in Hz: that of the response, and others that are there as well. Empty where a reference tells it.
    periods : int
        Drive periods in a window, at least.
    time_constant : float, optional
        Of a lock-in that is imitated, in s; None for windows fitted by least squares.
    order : int
        Stages of its filter.
    images : bool
        Images of amplitude and phase at each frequency are wanted as well.
    """

    frequencies: tuple[float, ...] = ()
    periods: int = 1
    time_constant: float | None = None
    order: int = 1
    images: bool = False


@dataclass(frozen=True, eq=False)
class RawTraces:
    """What records have become.

    Parameters
    ----------
    traces : dict of list of Responses
        X and Y, of each pulse setting.
    time : ndarray, shape (time,)
        In s from the start of the pulse: middles of windows, or their ends behind a filter.
    rate : float
        Windows per second.
    carrier : Carrier
        Of the response, by the recorder's clock.
    notes : list of str
    """

    traces: dict[str, list[Any]]
    time: NDArray[np.float64]
    rate: float
    carrier: Carrier
    notes: list[str]

    def protocol(self, known: PulseProtocol, raw: RawSignal) -> PulseProtocol:
        """Return a protocol with the drive's frequency and the filter, which is none where windows are fitted."""
        return known.updated(
            ac_frequency=self.carrier.frequency if known.ac_frequency is None else known.ac_frequency,
            lock_in_time_constant=raw.time_constant or 0.0,
            lock_in_order=float(raw.order) if raw.time_constant else None,
        )


def traces_from_raw(
    streams: dict[str, Any],
    starts: NDArray[np.int64],
    samples: tuple[int, int],
    pulse: int,
    rate: float,
    raw: RawSignal,
) -> RawTraces:
    """Return the response at the drive's frequency over records of raw samples.

    Parameters
    ----------
    streams : dict of array-like, each of shape (sample,)
        X, the deflection, and perhaps the reference.
    starts : ndarray of int, shape (pulse, y, x)
        Sample at which the pulse of each pixel starts; negative where there is none.
    samples : (int, int)
        Of a record before the start of the pulse and from it on.
    pulse : int
        Samples of the pulse, 0 where it is not known.
    rate : float
        Samples per second.
    raw : RawSignal

    Raises
    ------
    ValueError
        If the frequency is not known, or too high for the sampling, or no record holds a window.
    """
    before, after = samples
    phased = [CutTraces(streams.get("reference", streams["X"]), start, before, after) for start in starts]
    stated = raw.frequencies or (_frequency_of_reference(phased, rate),)
    carrier = Carrier.of(rate, stated, pulse=pulse, periods=raw.periods)
    frequency, is_steady = frequency_of_records(phased, carrier)
    notes = []
    if raw.frequencies and abs(frequency / stated[0] - 1) > _SAID:
        words = text_from_quantity(frequency, "Hz", digits=10)
        notes.append(
            f"The drive is at {words} by the recorder's clock, {1e6 * (frequency / stated[0] - 1):+.3g} ppm from what "
            "is stated; that is used."
        )
    if not is_steady and "reference" not in streams:
        notes.append(
            "The phase of the response does not go on steadily over the recording: the two clocks drift, or much of it "
            "is noise. Record the drive, and name it as reference."
        )
    # All frequencies come from one generator, whose clock is off by one part.
    carrier = Carrier(rate, frequency, carrier.size, tuple(f * frequency / stated[0] for f in carrier.others))
    if "reference" in streams and (turned := turn_within_records(phased, carrier)) > _TURNS:
        notes.append(
            f"The frequency of the reference is not steady: its phase turns by up to {360 * turned:.2g}° within half "
            "of a record against its mean frequency, by which X and Y are mixed and tau may be wrong."
        )
    detector: Carrier | LockIn = carrier
    if raw.time_constant:
        detector = LockIn(carrier, raw.time_constant, raw.order)
    lead = 0 if isinstance(detector, Carrier) else detector.lead
    size = carrier.size
    windows = (before // size, after // size)
    if sum(windows) == 0:
        raise ValueError(
            f"a record of {(before + after) / rate:.3g} s is shorter than a window of the drive's period"
        )

    def cut(name: str, start: NDArray[np.int64]) -> CutTraces | None:
        if name not in streams:
            return None
        return CutTraces(streams[name], start, (windows[0] + lead) * size, windows[1] * size)

    traces: dict[str, list[Any]] = {"X": [], "Y": []}
    for start in starts:
        records = cut("X", start)
        assert records is not None
        for name, values in traces.items():
            reference = cut("reference", start)
            values.append(Responses(records, detector, sum(windows), name == "Y", reference))
    place = (size - 1) / 2 if lead == 0 else size - 1.0
    time = np.asarray((np.arange(-windows[0], windows[1]) * size + place) / rate, dtype=np.float64)
    return RawTraces(traces, time, rate / size, carrier, notes)


def _frequency_of_reference(records: Sequence[CutTraces], rate: float) -> float:
    for of_setting in records:
        for row, column in zip(*np.nonzero(of_setting.start >= 0), strict=True):
            samples = of_setting.outer((int(row), int(column), slice(None)))
            if np.isfinite(samples).all():
                return frequency_from_spectrum(samples, rate)
    raise ValueError(
        "no pixel has a whole record of finite numbers: the reference's frequency cannot be found"
    )
