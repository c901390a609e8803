"""What a real instrument adds to a simulated scan: filter, 1/f noise, mains, drift, step, delay, converter, glitches.

Everything is measured either by σ, the standard deviation of the preset's noise, or by H, what a pixel's response has
reached at the end of the pulse. Nothing is shared with `napari_tesm.noise`, which has to find all this again.
"""

from dataclasses import dataclass, fields
from math import comb, factorial
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from napari_tesm.quantities.text import fraction_from_text, quantity_from_text, text_from_quantity
from napari_tesm.simulation.level1 import PULSE

Array = NDArray[np.float64]

HIGHEST_ORDER: Final = 8
GLITCH: Final = 20.0
"""Height of a glitch, in σ."""
_MOST: Final = 1e6
"""Of σ or H: beyond, nothing is left of the response."""
_FINEST: Final = 100
_PER_TIME_CONSTANT: Final = 16
"""Points within a time constant between which the response goes straight: the filter is right to 1e-4 of H."""
_LONGER: Final = 8
"""So many records long is the shortest wave that 1/f noise begins with."""
_EXAMPLES: Final = {
    "lock-in": "lock-in:0.1ms:4", "drift": "drift:10% (of H) or drift:2 (of σ)",
    "mains": "mains:50Hz:0.3", "pink": "pink:0.5", "step": "step:30% (of H) or step:2 (of σ)",
    "delay": "delay:50us", "steps": "steps:0.2", "glitches": "glitches:0.2%",
}  # fmt: skip
"""Every kind of noise as it is written."""


@dataclass(frozen=True)
class InstrumentNoise:
    """What an instrument adds; nothing by default, which leaves white noise.

    Parameters
    ----------
    time_constant : float
        Of each stage of the lock-in's low-pass filter, in s; 0 for none. It filters the response, which the file then
        says, and the white noise, whose standard deviation stays σ.
    order : int
        Number of its stages.
    drift_of_height : float
        Rise of a straight line from the first sample to the last, as a part of H: that of its own pixel.
    drift_of_noise : float
        Standard deviation of the rises of lines, another for every trace, in σ.
    step_of_height, step_of_noise : float
        What is added while the voltage is on, before the filter: a part of H, with its sign, and so many σ.
    mains_frequency, mains : float
        Frequency in Hz, and root mean square in σ, of an oscillation that every trace meets at another phase.
    pink : float
        Standard deviation, within a record and about its mean, of noise with a spectrum of 1/f, in σ.
    delay : float
        By how much later than the file says the pulse comes, in s.
    steps : float
        Distance of a converter's levels, in σ.
    glitches : float
        Share of the samples that lie `GLITCH` σ too high or too low.

    Raises
    ------
    ValueError
        If a value makes no sense.
    """

    time_constant: float = 0.0
    order: int = 1
    drift_of_height: float = 0.0
    drift_of_noise: float = 0.0
    step_of_height: float = 0.0
    step_of_noise: float = 0.0
    mains_frequency: float = 0.0
    mains: float = 0.0
    pink: float = 0.0
    delay: float = 0.0
    steps: float = 0.0
    glitches: float = 0.0

    def __post_init__(self) -> None:
        for field in fields(self):
            value, words = getattr(self, field.name), field.name.replace("_", " ")
            if not abs(value) <= _MOST:
                raise ValueError(f"the {words} of the noise must be a number up to {_MOST:g}, not {value:g}")
            if value < 0 and field.name not in (
                "drift_of_height",
                "step_of_height",
                "step_of_noise",
                "delay",
            ):
                raise ValueError(f"the {words} of the noise must not be negative, not {value:g}")
        if not (1 <= self.order <= HIGHEST_ORDER and self.order == int(self.order)):
            raise ValueError(f"the lock-in has 1 to {HIGHEST_ORDER} stages, not {self.order:g}")
        if self.mains and not self.mains_frequency:
            raise ValueError("the mains of the noise need their frequency, as in mains:50Hz:0.3")
        if abs(self.delay) >= PULSE:
            raise ValueError(
                f"the pulse is late by less than it lasts, {text_from_quantity(PULSE, 's')}, "
                f"not by {text_from_quantity(self.delay, 's')}"
            )
        if self.glitches > 1:
            raise ValueError(
                f"the glitches are a share of the samples, at most 100%, not {self.glitches:.0%}"
            )

    @classmethod
    def from_text(cls, text: str) -> Self:
        """Return the noise that is written as ``lock-in:0.1ms:4,drift:10%,mains:50Hz:0.3``.

        Raises
        ------
        ValueError
            If a part is none of the kinds there are, comes twice, or has a value that makes no sense.

        Examples
        --------
        >>> noise = InstrumentNoise.from_text("pink:0.5, delay:50us, drift:10%")
        >>> (noise.pink, noise.delay, noise.drift_of_height)
        (0.5, 5e-05, 0.1)
        >>> str(noise)
        'drift:10%,pink:0.5,delay:50 µs'
        """
        values: dict[str, Any] = {}
        for part in text.split(","):
            kind, *written = (piece.strip() for piece in part.split(":"))
            if kind not in _EXAMPLES:
                raise ValueError(
                    f"'{part.strip()}' is no noise: write one of {', '.join(_EXAMPLES.values())}"
                )
            try:
                found = _values_from_text(kind, written)
            except ValueError as error:
                raise ValueError(f"'{part.strip()}' of the noise: {error}") from None
            if found.keys() & values.keys():
                raise ValueError(f"the noise says '{kind}' twice")
            values |= found
        return cls(**values)

    def __str__(self) -> str:
        constant, late = text_from_quantity(self.time_constant, "s"), text_from_quantity(self.delay, "s")
        mains = f"mains:{text_from_quantity(self.mains_frequency, 'Hz')}:{self.mains:.10g}"
        parts = {
            f"lock-in:{constant}:{self.order}": self.time_constant,
            f"drift:{_percent(self.drift_of_height)}": self.drift_of_height,
            f"drift:{self.drift_of_noise:.10g}": self.drift_of_noise,
            mains: self.mains,
            f"pink:{self.pink:.10g}": self.pink,
            f"step:{_percent(self.step_of_height)}": self.step_of_height,
            f"step:{self.step_of_noise:.10g}": self.step_of_noise,
            f"delay:{late}": self.delay,
            f"steps:{self.steps:.10g}": self.steps,
            f"glitches:{_percent(self.glitches)}": self.glitches,
        }
        return ",".join(text for text, value in parts.items() if value)

    def times(self, time: Array) -> Array:
        """Return when the response is needed, in s from the start of the pulse, for samples at equal distances."""
        count = (time.size - 1) * self._fineness(time) + 1
        return np.asarray(np.linspace(time[0], time[-1], count) - self.delay, dtype=np.float64)

    def recording(
        self, curves: Array, white: Array, time: Array, sigma: float, rng: np.random.Generator
    ) -> Array:
        """Return what is recorded of responses, shape (time, n), for white noise of variance 1 of the same shape."""
        response, height = self.response(curves, time, sigma)
        noise = sigma * self.white(white, time, rng) + self.added(time, height, sigma, rng)
        return self.recorded(response + noise, sigma, rng)

    def response(self, curves: Array, time: Array, sigma: float) -> tuple[Array, Array]:
        """Return what the lock-in makes of responses, shape (time, n), and their H, shape (n,).

        Parameters
        ----------
        curves : ndarray, shape (times, n)
            Responses at `times`.
        sigma : float
            Standard deviation of the preset's noise.
        """
        times = self.times(time)
        slack = 1e-6 * (times[1] - times[0])
        height = curves[np.searchsorted(times, PULSE + slack) - 1].copy()
        for _ in range(self.order if self.time_constant else 0):
            curves = _behind_a_stage(curves, (times[1] - times[0]) / self.time_constant)
        kept = slice(None, None, self._fineness(time))
        on = self._edge(times[kept] + slack) - self._edge(times[kept] + slack - PULSE)
        step = self.step_of_height * height + self.step_of_noise * sigma
        return np.asarray(curves[kept] + on[:, None] * step), height

    def added(self, time: Array, height: Array, sigma: float, rng: np.random.Generator) -> Array:
        """Return drift, mains and 1/f noise, shape (time, n), for the H of n pixels."""
        line = ((time - time[0]) / (time[-1] - time[0]))[:, None]
        rises, phases = rng.standard_normal(height.size), rng.uniform(0, 2 * np.pi, height.size)
        out = line * (self.drift_of_height * height + self.drift_of_noise * sigma * rises)
        if self.mains:
            wave = np.sin(2 * np.pi * self.mains_frequency * time[:, None] + phases)
            out = out + np.sqrt(2) * self.mains * sigma * wave
        if self.pink:
            out = out + self.pink * sigma * _pink(time.size, height.size, rng)
        return np.asarray(out)

    def white(self, noise: Array, time: Array, rng: np.random.Generator) -> Array:
        """Return white noise, shape (time, n), or what stands for it behind the filter, of variance 1 like it."""
        if not self.time_constant:
            return noise
        step = float(time[-1] - time[0]) / (time.size - 1)
        return _behind_stages(noise.shape, step / self.time_constant, self.order, rng)

    def recorded(self, values: Array, sigma: float, rng: np.random.Generator) -> Array:
        """Return what the recorder makes of samples: glitches, and the levels of its converter."""
        if self.glitches:
            hit = rng.random(values.shape) < self.glitches
            values = values + GLITCH * sigma * hit * rng.choice([-1.0, 1.0], values.shape)
        if self.steps:
            level = self.steps * sigma
            values = level * np.round(values / level)
        return values

    def _edge(self, time: Array) -> Array:
        """Return an edge at t = 0 as the filter's stages let it through, from 0 to 1."""
        if not self.time_constant:
            return np.asarray(time >= 0, dtype=np.float64)
        x = np.maximum(time, 0) / self.time_constant
        left = sum(np.exp(-x) * x**stage / factorial(stage) for stage in range(self.order))
        return np.asarray(1 - left)

    def _fineness(self, time: Array) -> int:
        if not self.time_constant:
            return 1
        step = float(time[-1] - time[0]) / (time.size - 1)
        return int(np.clip(np.ceil(_PER_TIME_CONSTANT * step / self.time_constant), 4, _FINEST))


def _values_from_text(kind: str, written: list[str]) -> dict[str, Any]:
    """Return the fields that one part of the text means."""
    most = 2 if kind in ("lock-in", "mains") else 1
    fewest = 2 if kind == "mains" else 1
    if not fewest <= len(written) <= most or not all(written):
        raise ValueError(f"write {_EXAMPLES[kind]}")
    first = written[0]
    if kind == "lock-in":
        order = _number(written[1]) if len(written) == 2 else 1
        constant = quantity_from_text(first, "s")
        if not constant > 0:
            raise ValueError("the time constant must be longer than nothing")
        return {"time_constant": constant, "order": int(order) if order == int(order) else order}
    if kind == "mains":
        return {"mains_frequency": quantity_from_text(first, "Hz"), "mains": _number(written[1])}
    if kind == "delay":
        return {"delay": quantity_from_text(first, "s")}
    if kind == "glitches":
        return {"glitches": fraction_from_text(first)}
    if kind in ("drift", "step"):
        of_height = first.endswith("%")
        value = fraction_from_text(first) if of_height else _number(first)
        return {f"{kind}_of_{'height' if of_height else 'noise'}": value}
    return {kind: _number(first)}


def _number(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = np.nan
    if not np.isfinite(value):
        raise ValueError(f"'{text}' is not a number")
    return value


def _percent(value: float) -> str:
    return f"{100 * value:.10g}%"


def _behind_a_stage(values: Array, step: float) -> Array:
    """Return curves, shape (time, n), behind one RC stage: exact for straight lines between the points.

    Parameters
    ----------
    step : float
        Distance of the points, in time constants.
    """
    from scipy.signal import lfilter

    memory = np.exp(-step)
    share = -np.expm1(-step) / step
    # At rest before the record, as long as anybody remembers.
    state = share * values[:1]
    filtered, _ = lfilter([1 - share, share - memory], [1, -memory], values, axis=0, zi=state)
    return np.asarray(filtered)


def _behind_stages(shape: tuple[int, ...], step: float, order: int, rng: np.random.Generator) -> Array:
    r"""Return white noise behind RC stages that have run for ever, of variance 1, shape (time, n).

    With the time in time constants the stages :math:`\dot x_i = x_{i-1} - x_i` driven by white noise :math:`x_0` are a
    linear system: over a step the states go by :math:`e^{-h}h^k/k!` and gain noise, exactly (Van Loan, C. F. (1978).
    IEEE Trans. Autom. Control 23, 395-404).
    """
    places = np.arange(order)
    lag = places[:, None] - places
    factorials = np.array([float(factorial(place)) for place in places])
    onward = np.where(
        lag >= 0, np.exp(-step) * step ** np.maximum(lag, 0) / factorials[np.maximum(lag, 0)], 0
    )
    stationary = np.array([[comb(i + j, i) / 2.0 ** (i + j + 1) for j in places] for i in places])
    gained = _root(stationary - onward @ stationary @ onward.T)
    state = _root(stationary) @ rng.standard_normal((order, shape[1]))
    out = np.empty(shape)
    for row in out:
        state = onward @ state + gained @ rng.standard_normal((order, shape[1]))
        row[:] = state[-1]
    return np.asarray(out / np.sqrt(stationary[-1, -1]))


def _root(covariance: Array) -> Array:
    values, vectors = np.linalg.eigh((covariance + covariance.T) / 2)
    return np.asarray(vectors * np.sqrt(np.maximum(values, 0)))


def _pink(samples: int, count: int, rng: np.random.Generator) -> Array:
    """Return noise with a spectrum of 1/f, of variance 1 within a record and about its mean, shape (time, count)."""
    length = _LONGER * samples
    lines = np.arange(length // 2 + 1)
    power = np.where((lines > 0) & (2 * lines < length), 1 / np.maximum(lines, 1), 0.0)
    likeness = 2 / length * np.fft.irfft(power, length)[:samples]
    lags = np.arange(1, samples)
    mean = (likeness[0] + 2 * ((1 - lags / samples) * likeness[1:]).sum()) / samples
    real, imaginary = rng.standard_normal((2, lines.size, count))
    waves = np.sqrt(power)[:, None] * (real + 1j * imaginary)
    record = np.fft.irfft(waves, length, axis=0)[:samples]
    return np.asarray(record / np.sqrt(likeness[0] - mean))
