"""Recordings of raw deflection with a known response: amplitude of a carrier that follows an exponential."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class RawRecording:
    """What a recorder writes while pixels get a pulse each, and what is true of it.

    Parameters
    ----------
    rows, columns : int
    rate : float
        Samples per second.
    frequency : float
        Of the drive, Hz.
    tau : float
        Of the response in the pulse and after it, s.
    noise : float
        Standard deviation of a sample, in parts of the amplitude.
    pulse, record, turn : float
        Length of the pulse, time from pixel to pixel, and a line's more at its end, s.
    phase : float
        Of the response against the drive, rad.
    other : (float, float), optional
        Frequency and amplitude of another carrier.
    """

    rows: int = 3
    columns: int = 4
    rate: float = 1e6
    frequency: float = 25e3
    tau: float = 1e-3
    noise: float = 0.0
    pulse: float = 5e-3
    record: float = 12e-3
    turn: float = 20e-3
    phase: float = 0.0
    other: tuple[float, float] | None = None
    seed: int = 0

    @property
    def starts(self):
        """Sample at which each pulse starts, shape (rows, columns)."""
        line = self.columns * self.record + self.turn
        seconds = 0.01 + np.arange(self.rows)[:, None] * line + np.arange(self.columns) * self.record
        return np.round(seconds * self.rate).astype(int)

    def amplitude(self, seconds):
        """Return the amplitude of the response at times from the start of a pulse, 1 + what the pulse adds."""
        inside = 1 - np.exp(-np.maximum(seconds, 0) / self.tau)
        after = (1 - np.exp(-self.pulse / self.tau)) * np.exp(-np.maximum(seconds - self.pulse, 0) / self.tau)
        return 1 + np.where(seconds < 0, 0, np.where(seconds < self.pulse, inside, after))

    def channels(self):
        """Return deflection, dc voltage and reference, each of shape (sample,)."""
        starts = self.starts
        size = int(starts.max() + 2 * self.record * self.rate)
        number = np.arange(size)
        dc, amplitude = np.zeros(size), np.ones(size)
        long, pulse = round(self.record * self.rate), round(self.pulse * self.rate)
        for start in starts.ravel():
            begin = start - round(5e-4 * self.rate)
            stop = begin + long
            amplitude[begin:stop] = self.amplitude((number[begin:stop] - start) / self.rate)
            dc[start : start + pulse] = 3.0
        angle = 2 * np.pi * (number * (self.frequency / self.rate) % 1.0)
        deflection = 20.0 + amplitude * np.cos(angle + self.phase)
        if self.other is not None:
            deflection += self.other[1] * np.cos(2 * np.pi * (number * (self.other[0] / self.rate) % 1.0) + 1)
        if self.noise:
            deflection += self.noise * np.random.default_rng(self.seed).normal(size=size)
        return {"deflection": deflection, "dc": dc, "drive": 0.5 * np.cos(angle + 0.3)}
