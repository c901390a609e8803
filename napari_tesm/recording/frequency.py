"""The drive's frequency by the recorder's clock, found from how the phase of the response goes on.

Two clocks differ by some parts in a million or more, and a carrier that is taken for another one turns X into Y within
a second. The line is looked for where clocks may have moved it; then its phase is followed over distances that grow to
half of the recording: each tells the frequency well enough for the next to be no turn off. Its square is followed, so
that a response that changes its sign with the pulse counts as the same.
"""

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from napari_tesm.quantities.text import text_from_quantity
from napari_tesm.recording.carrier import Carrier, Complex
from napari_tesm.recording.cutting import CutTraces

Place = tuple[int, int, int, int]
"""Start, pulse setting, row and column of a record."""

_ANCHORS: Final = 8
"""Pairs of records at each distance."""
_GROWS: Final = 2
"""By how much each distance is longer than the one before."""
_CLOCKS: Final = 0.01
"""Part of the frequency by which it may be off from what is known of it."""
_STRONGER: Final = 4.0
"""How many times the power of the drive's line another one has that is taken to be what was meant."""
_STEADY: Final = 0.5
"""Least part of the response that keeps its phase over half of the recording."""


def frequency_of_records(records: list[CutTraces], carrier: Carrier) -> tuple[float, bool]:
    """Return the frequency of the response in Hz, and whether its phase goes on steadily over the recording.

    Parameters
    ----------
    records : list of CutTraces
        Of each pulse setting.
    carrier : Carrier
        With the frequency as it was stated, right to a hundredth.

    Raises
    ------
    ValueError
        If there is no record, none of finite numbers, or the response is at another frequency.
    """
    places = _in_time(records)
    if not places:
        raise ValueError("no pixel has a whole record: the drive's frequency cannot be found")
    number, window = len(places), carrier.size / carrier.rate
    responses = _some_responses(records, places, carrier)
    frequency = _frequency_near(responses, carrier)
    for lag in _distances(responses[0].size):
        if lag >= responses[0].size // 8:  # what is nearer the line's own spectrum tells better
            turn = _turned(frequency, carrier, lag * window)
            products = [np.sum(z[lag:] ** 2 * np.conj(z[:-lag] ** 2)) * turn for z in responses]
            frequency += _change(products, lag * window)
    squares = _Squares(records, places, carrier, frequency)
    share = 1.0
    for distance in _distances(number):
        firsts = np.unique(np.linspace(0, number - 1 - distance, _ANCHORS).astype(int)).tolist()
        waits = [(places[first + distance][0] - places[first][0]) / carrier.rate for first in firsts]
        products = [
            product * _turned(frequency, carrier, wait)
            for first, wait in zip(firsts, waits, strict=True)
            if np.isfinite(product := squares[first + distance] * np.conj(squares[first]))
        ]
        if not products:
            continue
        frequency += _change(products, float(np.median(waits)))
        share = float(np.abs(np.sum(products)) / max(np.abs(products).sum(), 1e-300))
    return frequency, share >= _STEADY


def turn_within_records(records: list[CutTraces], carrier: Carrier) -> float:
    """Return by how much the phase turns in half of a record against the carrier, in turns, where it does most.

    Parameters
    ----------
    records : list of CutTraces
        Of each pulse setting.
    carrier : Carrier

    Raises
    ------
    ValueError
        If no record has only finite numbers.
    """
    responses = _some_responses(records, _in_time(records), carrier)
    half = responses[0].size // 2
    turned = [np.angle(np.sum(z[half:] ** 2 * np.conj(z[: z.size - half] ** 2))) for z in responses]
    return float(np.max(np.abs(turned))) / (4 * np.pi)


def _some_responses(records: list[CutTraces], places: list[Place], carrier: Carrier) -> list[Complex]:
    """Return the response in records spread over the recording, or in the first, of those with finite numbers only."""
    number = len(places)
    some = np.unique(np.linspace(0, number - 1, _ANCHORS).astype(int))
    spread = [_response(records, carrier, places[n]) for n in some]
    finite = [z for z in spread if np.isfinite(z).all()]
    if finite:
        return finite
    for place in places:
        if np.isfinite(z := _response(records, carrier, place)).all():
            return [z]
    raise ValueError("no record of the deflection, or of the reference, holds finite numbers only")


def _frequency_near(responses: list[Complex], carrier: Carrier) -> float:
    """Return the frequency of the highest peak of the response's spectrum, no farther away than clocks are off."""
    size, window = 4 * responses[0].size, carrier.size / carrier.rate
    power = np.sum([np.abs(np.fft.fft(z, size)) ** 2 for z in responses], axis=0)
    away = np.fft.fftfreq(size, window)
    near = np.abs(away) <= max(_CLOCKS * carrier.frequency, 4 / (size * window))
    best, other = (int(np.argmax(np.where(where, power, -1))) for where in (near, ~near))
    # The foot of the drive's own line lies just beyond.
    if not near[other] and power[other] > _STRONGER * power[best]:
        stated, found = (
            text_from_quantity(f, "Hz", digits=4)
            for f in (carrier.frequency, carrier.frequency + away[other])
        )
        raise ValueError(
            f"the strongest line is at {found}, not at the drive frequency of {stated}, and no clock is so far off: "
            f"check 'drive frequency', or, if something else is at {found}, name it beside the drive, "
            f"[{stated}, {found}]"
        )
    return carrier.frequency + float(away[best])


class _Squares:
    """The square of the response of each record in time, at its phase when the record began."""

    def __init__(
        self, records: list[CutTraces], places: list[Place], carrier: Carrier, frequency: float
    ) -> None:
        self._records, self._places, self._carrier = records, places, carrier
        self._step = 2 * (frequency - carrier.frequency) * carrier.size / carrier.rate
        self._known: dict[int, complex] = {}

    def __getitem__(self, number: int) -> complex:
        if number not in self._known:
            z = _response(self._records, self._carrier, self._places[number])
            self._known[number] = complex(np.sum(z**2 * np.exp(-2j * np.pi * self._step * np.arange(z.size))))
        return self._known[number]


def _in_time(records: list[CutTraces]) -> list[Place]:
    """Return start, pulse setting, row and column of all records, the first one first."""
    found = [
        (int(of_setting.start[row, column]), pulse, int(row), int(column))
        for pulse, of_setting in enumerate(records)
        for row, column in zip(*np.nonzero(of_setting.start >= 0), strict=True)
    ]
    return sorted(found)


def _response(records: list[CutTraces], carrier: Carrier, place: Place) -> Complex:
    start, pulse, row, column = place
    samples = records[pulse].outer((row, column, slice(None)))
    return carrier.response(samples, np.asarray(start - records[pulse].before))


def _turned(frequency: float, carrier: Carrier, wait: float) -> complex:
    """Return what turns a product of two squares back by what is known of the frequency."""
    return complex(np.exp(-4j * np.pi * ((frequency - carrier.frequency) * wait % 1.0)))


def _change(products: Sequence[complex], wait: float) -> float:
    return float(np.angle(np.sum(np.asarray(products)))) / (4 * np.pi * wait)


def _distances(number: int) -> Iterator[int]:
    """Yield distances of two of so many, from 1 to half of their number."""
    distance = 1
    while distance < number // 2:
        yield distance
        distance *= _GROWS
    if number > 1:
        yield max(number // 2, 1)


def frequency_from_spectrum(samples: NDArray[np.floating], rate: float) -> float:
    """Return the frequency of the highest peak of the spectrum of samples, in Hz, to a part of its width."""
    values = np.asarray(samples, dtype=np.float64)
    values = (values - values.mean()) * np.hanning(values.size)
    power = np.abs(np.fft.rfft(values))
    top = int(np.argmax(power[1:-1])) + 1
    low, peak, high = np.log(power[top - 1 : top + 2] + 1e-300)
    bend = low - 2 * peak + high
    return float((top + (0.5 * (low - high) / bend if bend else 0.0)) * rate / values.size)
