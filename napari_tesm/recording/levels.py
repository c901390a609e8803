"""The levels a recorded channel switches between, read from the samples themselves.

Only settled samples are looked at, those whose neighbours are as high: edges, overshoot and ringing pass through every
value and would be found as levels otherwise.
"""

import warnings
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from napari_tesm.quantities.text import text_from_quantity
from napari_tesm.recording.streams import BLOCK, blocks_of, length_of, native_dtype

Array = NDArray[np.float64]

_LOOKED_AT: Final = 1_000_000
"""Samples that are enough to tell the levels; taken at equal distances from the whole of the recording."""
_BINS: Final = 2000
_RAREST: Final = 5e-4
"""Least part of the settled samples that makes a level: half a line of a scan of 512, in both ways."""
_SMALLEST: Final = 0.05
"""Least distance of a level from the idle one, as a part of the largest: humps and drift of the idle level are less."""
_MOST_BETWEEN: Final = 0.2
"""Largest part of the samples that may lie between the levels: edges and overshoot, not a sine."""
_STRETCH: Final = 4096
"""Samples of which the highest and the lowest are compared with those of other such stretches."""
_LEAST_STEP: Final = 6.0
"""Least distance of two levels, in standard deviations of the noise."""


@dataclass(frozen=True)
class Levels:
    """What a channel rests at and what it switches to.

    Parameters
    ----------
    idle : float
        Level between the pulses.
    pulses : tuple of float
        Levels of the pulses, ascending; never empty.
    noise : float
        Standard deviation of the noise from one sample to the next.
    """

    idle: float
    pulses: tuple[float, ...]
    noise: float

    @property
    def smallest_rise(self) -> float:
        """Height of the smallest positive pulse above the idle level; infinite where there is none."""
        return min((level - self.idle for level in self.pulses if level > self.idle), default=np.inf)

    @property
    def smallest_fall(self) -> float:
        """Depth of the smallest negative pulse below the idle level; infinite where there is none."""
        return min((self.idle - level for level in self.pulses if level < self.idle), default=np.inf)


def levels_from_stream(
    stream: Any,
    *,
    idle: float | None = None,
    name: str = "the dc channel",
    unit: str = "V",
    block: int = BLOCK,
) -> Levels:
    """Return the idle level and the pulse levels of a channel.

    The idle level is the one that most changes lead to or from; where two take part in all of them, the one that is
    held longest at a stretch (between the lines), or else the one nearer to zero.

    Parameters
    ----------
    stream : array-like, shape (sample,)
    idle : float, optional
        The idle level, where it is known.
    name, unit : str
        For the sentences of errors.
    block : int
        Samples read at once.

    Raises
    ------
    ValueError
        If the channel is constant, or its values show one level alone.
    """
    samples, is_settled, noise = _samples(stream, name, block)
    settled = samples[is_settled]
    low, high = (float(edge) for edge in np.quantile(settled, [2e-4, 1 - 2e-4]))
    if not high > low:
        raise ValueError(
            f"{name} is constant ({text_from_quantity(low, unit, digits=3)}): there are no pulses in it"
        )
    levels, shares = _peaks(settled, low, high, noise)
    if levels.size < 2:
        raise ValueError(
            f"{name} shows no pulses: its values scatter around {text_from_quantity(float(levels[0]), unit, digits=3)} "
            f"by {text_from_quantity(max(noise, float(settled.std())), unit, digits=2)}, with no second level"
        )
    if idle is None:
        rest = _idle_level(stream, levels, shares)
    else:
        rest = int(np.argmin(np.abs(levels - idle)))
    heights = np.abs(levels - levels[rest])
    far = heights >= max(_SMALLEST * float(heights.max()), _LEAST_STEP * noise)
    pulses = tuple(float(level) for level, chosen in zip(levels, far, strict=True) if chosen)
    if not pulses:
        raise ValueError(f"{name} shows no pulses that stand out of its noise")
    between = _part_between(samples, levels, max(0.2 * float(heights[far].min()), 3 * noise))
    if between > _MOST_BETWEEN:
        raise ValueError(
            f"{name} does not switch between levels as pulses do: {between:.0%} of its values lie in between"
        )
    return Levels(float(levels[rest]), pulses, noise)


def low_and_high(stream: Any, *, name: str = "the trigger line", block: int = BLOCK) -> tuple[float, float]:
    """Return the low and the high level of a digital line, however short its pulses are.

    The high level is one that three stretches of the recording reach, so that one spike does not make it.

    Raises
    ------
    ValueError
        If the line is constant, or is no digital line: its values lie in between as often as at the levels.
    """
    size = length_of(stream, name)
    # Stretches of one length, whatever the blocks are.
    least: list[float] = []
    most: list[float] = []
    changes: list[float] = []
    for _, values in blocks_of(stream, -(-block // _STRETCH) * _STRETCH):
        pieces = [values[: values.size // _STRETCH * _STRETCH].reshape(-1, _STRETCH)]
        if values.size % _STRETCH:
            pieces.append(values[pieces[0].size :].reshape(1, -1))
        for piece in pieces:
            with warnings.catch_warnings():  # a stretch without one finite value
                warnings.simplefilter("ignore", RuntimeWarning)
                least += np.nanmin(piece, axis=1).tolist() if piece.size else []
                most += np.nanmax(piece, axis=1).tolist() if piece.size else []
                changes += [float(np.nanmedian(np.abs(np.diff(piece[0]))))] if piece.size > 1 else []
    least, most, changes = (
        [value for value in values if np.isfinite(value)] for values in (least, most, changes)
    )
    if not least:
        raise ValueError(f"{name} holds no finite values")
    noise = float(np.median(changes)) / (0.6745 * np.sqrt(2)) if changes else 0.0
    low, high = min(least), max(most)
    third_low, third_high = sorted(least)[min(2, len(least) - 1)], sorted(most)[-min(3, len(most))]
    # Where less than three stretches hold an edge, the third is no more than noise.
    if third_high - third_low > 2 * _LEAST_STEP * noise:
        low, high = third_low, third_high
    if not high > low:
        raise ValueError(f"{name} is constant ({low:g}): there are no edges in it")
    # Some stretches tell noise from a digital line; an edge takes a sample or two.
    seen, between = 0, 0
    for first in np.linspace(0, max(size - _STRETCH, 0), min(256, -(-size // _STRETCH))).astype(np.int64):
        values = np.asarray(stream[int(first) : int(first) + _STRETCH], dtype=np.float64)
        share = (values - low) / (high - low)
        seen, between = seen + values.size, between + int(np.count_nonzero((share > 0.3) & (share < 0.7)))
    if between > 0.1 * seen:
        raise ValueError(
            f"{name} has no clear low and high level: {between / seen:.0%} of its values lie halfway between {low:g} "
            f"and {high:g}"
        )
    return low, high


def _samples(stream: Any, name: str, block: int) -> tuple[Array, NDArray[np.bool_], float]:
    """Return samples at equal distances, whether the neighbours of each are as high, and the noise."""
    size, dtype = length_of(stream, name), native_dtype(stream.dtype)
    stride = max(1, size // _LOOKED_AT)
    middles, steps = [], []
    for first in range(0, size, block):
        # With a neighbour on either side, and counted from the start of the recording: the blocks change nothing.
        begin, end = max(first - 1, 0), min(first + block + 1, size)
        values = np.asarray(stream[begin:end]).astype(dtype, copy=False)
        chosen = max(first, 1) + (1 - max(first, 1)) % stride
        at = np.arange(chosen - begin, values.size - 1, stride)
        middles.append(values[at].astype(np.float64))
        steps.append(values[at + 1].astype(np.float64) - values[at - 1])
    middle = np.concatenate(middles) if middles else np.empty(0)
    step = np.concatenate(steps) if steps else np.empty(0)
    good = np.isfinite(middle) & np.isfinite(step)
    middle, step = middle[good], np.abs(step[good])
    if middle.size == 0:
        raise ValueError(f"{name} holds too few finite values to find pulses in")
    noise = float(np.median(step)) / (0.6745 * np.sqrt(2))
    limit = max(6 * noise, 1e-3 * float(np.ptp(middle)))
    return middle, step <= limit, noise


def _part_between(samples: Array, levels: Array, reach: float) -> float:
    """Return the part of the samples that lie farther than `reach` from every level."""
    nearest = np.full(samples.size, np.inf)
    for level in levels:
        np.minimum(nearest, np.abs(samples - level), out=nearest)
    return float(np.mean(nearest > reach))


def _peaks(values: Array, low: float, high: float, noise: float) -> tuple[Array, Array]:
    """Return the levels at which values gather, ascending, and the part of the values at each."""
    width = (high - low) / (_BINS - 1)
    # Room on both sides, so that the highest level is a peak and not an edge.
    margin = max(20, int(np.ceil(8 * noise / width)))
    if margin > 4 * _BINS:  # the noise is wider than what the values span: there is one level
        return np.array([float(np.median(values))]), np.ones(1)
    bins = _BINS + 2 * margin
    start = low - margin * width
    index = np.clip(((values - start) / width).astype(np.int64), 0, bins - 1)
    counts = np.bincount(index, minlength=bins).astype(np.float64)
    sigma = max(2.0, 1.5 * noise / width)
    reach = int(np.ceil(4 * sigma))
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    density = np.convolve(counts, kernel / kernel.sum(), mode="same")
    tops = np.flatnonzero((density[1:-1] > density[:-2]) & (density[1:-1] >= density[2:])) + 1
    edges = _valleys(density, [int(top) for top in tops])
    levels, shares = [], []
    for first, last in pairwise(edges):
        inside = values[(index >= first) & (index < last)]
        share = inside.size / values.size
        if share >= _RAREST:
            levels.append(float(np.median(inside)))
            shares.append(share)
    return np.array(levels), np.array(shares)


def _valleys(density: Array, tops: list[int]) -> list[int]:
    """Return where the stretch of each peak begins and ends; peaks without a valley between them are one."""
    while len(tops) > 1:
        valleys = [int(a + np.argmin(density[a : b + 1])) for a, b in pairwise(tops)]
        depth = [
            density[valley] / min(density[a], density[b])
            for valley, a, b in zip(valleys, tops[:-1], tops[1:], strict=True)
        ]
        worst = int(np.argmax(depth))
        if depth[worst] < 0.5:
            return [0, *valleys, density.size]
        tops.pop(worst if density[tops[worst]] < density[tops[worst + 1]] else worst + 1)
    return [0, density.size]


def _stretches(values: Array, middles: Array) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the level of each stretch of samples at one level, and its length."""
    state = np.searchsorted(middles, values)
    first = np.concatenate([[0], np.flatnonzero(np.diff(state)) + 1])
    return state[first], np.diff(np.append(first, values.size))


def _idle_level(stream: Any, levels: Array, shares: Array) -> int:
    """Return the index of the level the channel rests at."""
    middles = (levels[:-1] + levels[1:]) / 2
    state, held = _stretches(np.asarray(stream[:_LOOKED_AT], dtype=np.float64), middles)
    stride = int(np.median(held)) // 8
    if stride > 1 and int(stream.shape[0]) > _LOOKED_AT:
        # Quickly sampled: the pauses between the lines may lie far apart.
        pieces = [
            np.asarray(stream[first : first + stride * 4096 : stride], dtype=np.float64)
            for first in range(0, min(int(stream.shape[0]), stride * _LOOKED_AT), stride * 4096)
        ]
        state, held = _stretches(np.concatenate(pieces), middles)
    # A passage from one level to a far one crosses those between; what is held for a sample or two is no visit.
    long = held > 0.1 * np.median(np.sort(held)[-max(1, held.size // 4) :])
    state, held = state[long], held[long]
    visits = np.bincount(state, minlength=levels.size)
    longest = np.zeros(levels.size)
    np.maximum.at(longest, state, held)
    often = visits >= 0.8 * visits.max()
    longest_often = np.where(often, longest, 0)
    order = np.argsort(longest_often)
    if longest_often[order[-1]] > 1.5 * longest_often[order[-2]]:
        return int(order[-1])
    candidates = np.flatnonzero(often)
    nearest = candidates[np.argsort(np.abs(levels[candidates]), kind="stable")]
    if np.isclose(abs(levels[nearest[0]]), abs(levels[nearest[-1]])):
        return int(candidates[np.argmax(shares[candidates])])
    return int(nearest[0])
