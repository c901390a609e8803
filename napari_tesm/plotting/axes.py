"""Axes of small plots: where they stand, counted in points, and units and ticks that can be read on them."""

import math
from collections.abc import Sequence
from typing import Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import FixedFormatter, FixedLocator, NullFormatter, NullLocator
from numpy.typing import ArrayLike, NDArray

from napari_tesm.quantities.numbers import power_of_ten
from napari_tesm.quantities.text import prefix_for

_LOG_STEPS: Final = (
    (1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0),
    (1.0, 2.0, 3.0, 5.0, 7.0),
    (1.0, 2.0, 5.0),
    (1.0, 3.0),
    (1.0,),
)
_ROOM: Final = 0.12
"""Room at both ends of new limits, as a share of the data's range."""
_SMALLEST_SHARE: Final = 0.25
"""Where no data fill this share of their axis, all get new limits."""
_NARROW: Final = 3.0
"""Ends of a logarithmic axis whose ratio is below this are told apart by equal steps."""


def scale_for(values: ArrayLike, unit: str) -> tuple[float, str]:
    """Return the factor and the unit in which numbers are short enough for tick labels.

    The value divided by the factor is the number to show. Units that take no prefix get a power of ten.

    Examples
    --------
    >>> scale_for([-0.12, 0.05], "V")
    (0.001, 'mV')
    >>> scale_for([3e-13], "m²/s")
    (1e-13, '10⁻¹³ m²/s')
    >>> scale_for([0.3], "a.u.")
    (1.0, 'a.u.')
    """
    numbers = np.abs(np.asarray(values, dtype=np.float64).ravel())
    largest = float(numbers[np.isfinite(numbers)].max(initial=0.0))
    factor, shown = prefix_for(largest, unit)
    left = largest / factor
    if left == 0 or 1e-2 <= left < 1e5:
        return factor, shown
    power = math.floor(math.log10(largest) + 1e-9)
    return float(f"1e{power}"), f"{power_of_ten(power)} {unit}".rstrip()


def label_with_unit(name: str, unit: str) -> str:
    """Return the label of an axis; a quantity without a unit has no brackets."""
    return f"{name} ({unit})" if unit else name


def finite_range(arrays: Sequence[NDArray[np.floating]]) -> tuple[float, float] | None:
    """Return the least and the largest finite value of some arrays, or None where there is none."""
    low, high = math.inf, -math.inf
    for array in arrays:
        finite = array[np.isfinite(array)]
        if finite.size:
            low, high = min(low, float(finite.min())), max(high, float(finite.max()))
    return None if low > high else (low, high)


def sticky_limits(
    current: Sequence[tuple[float, float]] | None,
    data: Sequence[tuple[float, float] | None],
    *,
    symmetric: bool = False,
) -> list[tuple[float, float]]:
    """Return the limits of axes of one scale: the present ones as long as the data fit and fill enough of them.

    Parameters
    ----------
    current : sequence of tuple of float, optional
        The limits now, of the same span in all axes; None where there are none yet.
    data : sequence of tuple of float
        Least and largest value for each axis; None without any, which does not move the axis.
    symmetric : bool
        Zero in the middle.

    Examples
    --------
    >>> sticky_limits([(0.0, 10.0)], [(1.0, 9.0)])
    [(0.0, 10.0)]
    >>> sticky_limits([(0.0, 10.0)], [(0.0, 1.0)])
    [(-0.12, 1.12)]
    """
    if symmetric:
        data = [
            None if ends is None else (-max(abs(ends[0]), abs(ends[1])), max(abs(ends[0]), abs(ends[1])))
            for ends in data
        ]
    ranges = [ends for ends in data if ends is not None]
    if not ranges:
        return [(-1.0, 1.0)] * len(data) if current is None else list(current)
    largest = max(high - low for low, high in ranges)
    if current is not None:
        inside = all(
            ends is None or (limits[0] <= ends[0] and ends[1] <= limits[1])
            for limits, ends in zip(current, data, strict=True)
        )
        span = max(high - low for low, high in current)
        if inside and (largest == 0 or largest >= _SMALLEST_SHARE * span):
            return list(current)
    size = max(max(abs(low), abs(high)) for low, high in ranges)
    # A constant trace has no range; its own size, or 1 for a zero, gives it one.
    span = (1 + 2 * _ROOM) * largest if largest > 1e-12 * size else 0.2 * (size or 1.0)
    middles = [0.0 if ends is None else ends[0] / 2 + ends[1] / 2 for ends in data]
    return [(middle - span / 2, middle + span / 2) for middle in middles]


def log_ticks(low: float, high: float, most: int) -> list[float]:
    """Return round numbers between two positive limits, three or more where they do not touch, else two.

    The digits 1 to 9 of a decade, 1-2-3-5-7, 1-2-5, 1-3 or 1; linear steps where all of these are too far apart;
    some of the decades where there are many.

    Parameters
    ----------
    most : int
        How many evenly spaced labels there is room for.

    Examples
    --------
    >>> log_ticks(1.0, 100.0, 8)
    [1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0]
    >>> log_ticks(2.0, 3.0, 5)
    [2.0, 2.25, 2.5, 2.75, 3.0]
    """
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    slack = 1 + 1e-9
    closest = 0.75 * math.log10(high / low) / max(most, 1)
    candidates: list[list[float]] = []
    if last - first <= 3 * most:
        for digits in _LOG_STEPS:
            numbers = [float(f"{digit}e{power}") for power in range(first, last + 1) for digit in digits]
            ticks = [number for number in numbers if low / slack <= number <= high * slack]
            if len(ticks) > 1 and np.diff(np.log10(ticks)).min() >= closest:
                candidates.append(ticks)
    if high / low < 10:
        steps = _linear_ticks(low, high, most)
        # From 0.74 to 1.45 the digits are 0.8, 0.9 and 1, which leaves half of the axis bare.
        candidates.insert(0 if high / low < _NARROW and len(steps) >= 3 else len(candidates), steps)
    for fewest in (3, 2):
        for ticks in candidates:
            if len(ticks) >= fewest:
                return ticks
    stride = max(1, math.ceil((last - first) / max(most - 1, 1)))
    powers = range(math.ceil(math.log10(low) - 1e-9), last + 1, stride)
    return [float(f"1e{power}") for power in powers if float(f"1e{power}") <= high * slack]


def label_log_axis(axis: Axis, low: float, high: float, *, most: int) -> None:
    """Put readable ticks on a logarithmic axis whose limits are given, and marks without labels between decades."""
    ticks = log_ticks(low, high, most)
    axis.set_major_locator(FixedLocator(ticks))
    axis.set_major_formatter(FixedFormatter([_short_number(tick) for tick in ticks]))
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    if last - first <= 4:
        between = [float(f"{d}e{p}") for p in range(first, last + 1) for d in range(1, 10)]
        axis.set_minor_locator(FixedLocator([tick for tick in between if low <= tick <= high]))
    else:
        axis.set_minor_locator(NullLocator())
    axis.set_minor_formatter(NullFormatter())


def label_symmetric_axis(axis: Axis, limit: float, *, with_zero: bool = True) -> None:
    """Put three ticks on an axis from -limit to limit: zero, and a round number either way."""
    round_number = _round_below(0.95 * limit)
    ticks = [-round_number, 0.0, round_number] if with_zero else [-round_number, round_number]
    axis.set_major_locator(FixedLocator(ticks))
    axis.set_major_formatter(FixedFormatter([_short_number(tick) for tick in ticks]))


def label_axis(axis: Axis, low: float, high: float, *, most: int) -> None:
    """Put at most so many round ticks on a linear axis whose limits are given."""
    ticks = _linear_ticks(low, high, most)
    step = ticks[1] - ticks[0] if len(ticks) > 1 else abs(high - low)
    decimals = int(np.clip(-math.floor(math.log10(step) + 1e-9), 0, 12)) if step > 0 else 0
    if step > 0 and abs(round(step, decimals) - step) > 1e-6 * step:
        decimals += 1  # 2.5 of a decade
    labels = [f"{tick + 0.0:.{decimals}f}".replace("-", "\u2212") for tick in ticks]
    axis.set_major_locator(FixedLocator(ticks))
    axis.set_major_formatter(FixedFormatter(labels))


def place_axes(
    figure: Figure,
    axes: Sequence[Axes],
    heights: Sequence[float | None],
    *,
    margins: tuple[float, float, float, float],
    gap: float,
) -> None:
    """Stack axes from the top down, all as wide as the margins leave them.

    Parameters
    ----------
    heights : sequence of float
        In points; those that are None share the rest, at least half of the room.
    margins : tuple of float
        Left, top, right, bottom, in points.
    gap : float
        Between two axes, in points.
    """
    width, height = size_in_points(figure)
    left, top, right, bottom = margins
    room = max(height - top - bottom - gap * (len(axes) - 1), 1.0)
    fixed = sum(size for size in heights if size is not None)
    sharing = sum(size is None for size in heights)
    shrink = min(1.0, (0.5 if sharing else 1.0) * room / fixed) if fixed else 1.0
    upper = height - top
    for panel, wanted in zip(axes, heights, strict=True):
        size = (room - shrink * fixed) / sharing if wanted is None else shrink * wanted
        box = (left / width, (upper - size) / height, max(width - left - right, 1.0) / width, size / height)
        panel.set_position(box)
        upper -= size + gap


def size_in_points(figure: Figure) -> tuple[float, float]:
    """Return width and height of a figure in points."""
    return 72 * figure.bbox.width / figure.dpi, 72 * figure.bbox.height / figure.dpi


def axes_size_in_points(axes: Axes) -> tuple[float, float]:
    """Return width and height of axes in points."""
    figure = axes.get_figure(root=True)
    assert figure is not None
    width, height = size_in_points(figure)
    box = axes.get_position()
    return width * box.width, height * box.height


def _linear_ticks(low: float, high: float, most: int) -> list[float]:
    span = high - low
    if not (math.isfinite(span) and span > 0):
        return [low]
    power = math.floor(math.log10(span / max(most, 1)))
    for step in (float(f"{digit}e{power + shift}") for shift in (0, 1, 2) for digit in (1, 2, 2.5, 5)):
        first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
        if last - first + 1 <= most:
            return [round(number * step, 12 - power) for number in range(first, last + 1)]
    return [low]


def _round_below(value: float) -> float:
    if not (math.isfinite(value) and value > 0):
        return 1.0
    power = math.floor(math.log10(value))
    fitting = [digit for digit in (1.0, 2.0, 5.0) if float(f"{digit}e{power}") <= value]
    return float(f"{fitting[-1] if fitting else 1.0}e{power}")


def _short_number(value: float) -> str:
    """Return a number for a tick label: plain where it is short, a power of ten where it is not."""
    if value == 0 or 1e-3 <= abs(value) < 1e5:
        return f"{value:g}".replace("-", "\u2212")
    power = math.floor(math.log10(abs(value)) + 1e-9)
    digit = f"{value / 10.0**power:.3g}"
    return power_of_ten(power) if digit == "1" else f"{digit}×{power_of_ten(power)}"
