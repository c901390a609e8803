"""Displacement during the pulse, its noise, and the gates that decide which pixels deserve a number."""

from collections.abc import Iterator
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from napari_tesm.data.protocol import Window
from napari_tesm.quantities.status import BELOW_THRESHOLD, INVALID, NO_RESPONSE

Array = NDArray[np.float64]

END_FRACTION: Final = 0.05
"""H averages this last part of the pulse."""

_HOT: Final = 1.2
"""Times `supported_maximum` from which on a pixel is hot."""
_FAR: Final = 7.0
"""Robust standard deviations from the median that a hot pixel is away at least: of noise, none of 1e10 pixels."""

_LINE: Final = 4.0
"""Times what is reached off the lines of a scan that a line may be: steps are, bad lines are more."""
_PIXELS: Final = 3
"""Pixels that must remain where lines are left out."""
_CORNER: Final = 8
"""Pixels along either side of a block in a corner of the image, where a scan begins or ends, that is no sample: as far
as it takes no more than a quarter of the image along either side."""
_FEWEST_LINES: Final = 3
_FEWEST_PIXELS: Final = 12

ThresholdOf = Literal["robust", "max", "p99"]


def displacement_from_traces(traces: NDArray[np.floating], time: Array, pulse: Window) -> Array:
    """Return the displacement H caused by the pulse, signed, in the unit of the traces.

    H is the mean of the last 5 % of the pulse's samples (at least one) minus the mean of the samples before the
    pulse, or the first sample of the pulse where there are none, which is right for curves without noise: the level of
    traces is fitted (`napari_tesm.evaluation.levels.height_from_traces`). Samples that are not finite are left out.

    Parameters
    ----------
    traces : ndarray, shape (..., time)
    time : ndarray, shape (time,)
        Increasing sample times in s.
    pulse : Window
        The stretch of time in which the voltage was on.

    Returns
    -------
    ndarray, shape (...)
        NaN where one of the two means has no finite sample.

    Raises
    ------
    ValueError
        If no sample lies inside the pulse.
    """
    before, at_end = samples_for_displacement(time, pulse)
    return displacement_from_samples(traces[..., before], traces[..., at_end])


def samples_for_displacement(time: Array, pulse: Window) -> tuple[slice, slice]:
    """Return the samples before the pulse, else its first, and those at its end that H is the difference of.

    Raises
    ------
    ValueError
        If no sample lies inside the pulse.
    """
    inside = pulse.samples(time)
    count = inside.stop - inside.start
    if count == 0:
        raise ValueError(
            f"no sample lies inside the pulse, {pulse}: the record runs from {time[0]:g} s to {time[-1]:g} s"
        )
    at_end = slice(inside.stop - max(1, round(END_FRACTION * count)), inside.stop)
    before = slice(0, inside.start) if inside.start > 0 else slice(inside.start, inside.start + 1)
    return before, at_end


def displacement_from_samples(before: NDArray[np.floating], at_end: NDArray[np.floating]) -> Array:
    """Return H from the samples that `samples_for_displacement` names, both of shape (..., time).

    NaN where all of them are the same to the last digit: a dead trace does not say that nothing moves.
    """
    start, end = _finite_mean(before), _finite_mean(at_end)
    height = np.asarray(end - start)
    # A mean of equal samples may differ from them in its last digit.
    still = np.flatnonzero(np.abs(height) <= 1e-12 * np.abs(start))
    if still.size:
        rows = [samples.reshape(-1, samples.shape[-1])[still] for samples in (before, at_end)]
        height.flat[still[are_dead(np.concatenate(rows, axis=1))]] = np.nan
    return height


def are_dead(traces: NDArray[np.floating]) -> NDArray[np.bool_]:
    """Return which traces, shape (..., time), have no two finite samples that differ."""
    finite = np.isfinite(traces)
    low = np.where(finite, traces, np.inf).min(axis=-1)
    high = np.where(finite, traces, -np.inf).max(axis=-1)
    return np.asarray(~(high > low))


def noise_from_traces(traces: NDArray[np.floating]) -> Array:
    """Return the standard deviation of the noise of each trace, from the differences of neighbouring samples.

    The mean square of successive differences over two (von Neumann 1941) is blind to anything slow, so it needs
    no fit.

    Parameters
    ----------
    traces : ndarray, shape (..., time)
        At least two samples; without a jump between them (one window, not the whole record).
    """
    # As doubles: differences of integers would wrap around.
    samples = np.asarray(traces, dtype=np.float64)
    with np.errstate(invalid="ignore", over="ignore"):
        steps = np.diff(samples, axis=-1)
        # What is not finite is left out.
        return np.sqrt(_finite_mean(steps * steps) / 2)


def supported_maximum(displacement: NDArray[np.floating]) -> float:
    """Return the largest ``|H|`` that three pixels support and that no line of the scan makes up, in the unit of H.

    That is the largest third-highest value of any 3×3 block: a step one pixel wide keeps its height, while one
    or two hot pixels do not count. A quarter of it must be reached beside lines, too: by supported pixels that touch
    one another, of which three remain without lines filled by more than half, and without any two neighbouring scan
    lines and a column, and that are no small block in a corner of the image. Otherwise it comes from a bad line or
    column, a glitch along one or the first moments of a scan: what is larger than that quarter does not count, and the
    rest is looked at in the same way. Steps rise less above what is beside them, or do not follow one line all the way.

    Parameters
    ----------
    displacement : ndarray, shape (y, x)
        NaN pixels are left out. Where no block holds three finite pixels, the plain maximum is returned; 0 for a
        map without one finite pixel. An image of less than three lines or columns is taken as it is.
    """
    size = np.abs(np.asarray(displacement, dtype=np.float64))
    size[~np.isfinite(size)] = -np.inf
    third = _third_highest(size)
    supported = float(third.max(initial=-np.inf))
    if not np.isfinite(supported):
        highest_of_all = float(size.max(initial=-np.inf))
        return highest_of_all if np.isfinite(highest_of_all) else 0.0
    if min(size.shape) < _FEWEST_LINES or size.size < _FEWEST_PIXELS:
        return supported
    largest = supported
    while np.isfinite(largest):
        enough = largest / _LINE
        highest = np.full(size.shape, -np.inf)
        for part in _neighbours(third):
            np.maximum(highest, part, out=highest)
        if _off_lines(np.minimum(size, highest) >= enough):
            return largest
        size = np.where(size > enough, -np.inf, size)
        third = _third_highest(size)
        largest = float(third.max(initial=-np.inf))
    return supported


def _neighbours(size: Array) -> Iterator[Array]:
    """Yield the nine pixels of the 3×3 block around each pixel, one map after the other."""
    padded = np.pad(size, 1, constant_values=-np.inf)
    for row in range(3):
        for column in range(3):
            yield padded[row : row + size.shape[0], column : column + size.shape[1]]


def _third_highest(size: Array) -> Array:
    """Return the third-highest value of the 3×3 block around each pixel."""
    # The three highest of each block, kept in order while its nine pixels are looked at one by one.
    first, second, third = (np.full(size.shape, -np.inf) for _ in range(3))
    for value in _neighbours(size):
        third = np.maximum(third, np.minimum(value, second))
        second = np.maximum(second, np.minimum(value, first))
        first = np.maximum(first, value)
    return third


def _off_lines(reached: NDArray[np.bool_]) -> bool:
    """Whether pixels that touch one another lie beside lines: three remain without any two scan lines and column."""
    from scipy.ndimage import find_objects, label

    scan_lines, columns = (_filled(reached, axis, thickest) for axis, thickest in ((1, 2), (0, 1)))
    numbers, count = label(reached & ~scan_lines[:, None] & ~columns, structure=np.ones((3, 3)))
    sizes = np.bincount(numbers.ravel(), minlength=count + 1)[1:]
    places = find_objects(numbers)
    for patch in np.argsort(-sizes, kind="stable"):
        if sizes[patch] < _PIXELS:
            return False
        if _in_corner(places[patch], reached.shape):
            continue
        if _left_without_lines(numbers[places[patch]] == patch + 1) >= _PIXELS:
            return True
    return False


def _in_corner(place: tuple[slice, ...], shape: tuple[int, ...]) -> bool:
    """Whether a patch is a small block that touches two sides of the image."""
    return all(
        (part.start == 0 or part.stop == length) and part.stop - part.start <= min(_CORNER, length // 4)
        for part, length in zip(place, shape, strict=True)
    )


def _filled(reached: NDArray[np.bool_], axis: int, thickest: int) -> NDArray[np.bool_]:
    """Return which lines along an axis are reached in more than half of their pixels, as no more neighbours are."""
    from scipy.ndimage import binary_opening

    filled = reached.mean(axis=axis) > 1 / 2
    thick = binary_opening(np.pad(filled, thickest, mode="edge"), np.ones(thickest + 1))[thickest:-thickest]
    return np.asarray(filled & ~thick, dtype=np.bool_)


def _left_without_lines(patch: NDArray[np.bool_]) -> int:
    """Return how many pixels of a patch remain at least without two neighbouring scan lines and a column."""
    pixels = np.pad(patch, ((0, 1), (0, 0))).astype(np.int64)
    pairs = pixels[:-1] + pixels[1:]
    left = pixels.sum() - pairs.sum(axis=1)[:, None] - pixels.sum(axis=0) + pairs
    return int(left.min())


def hot_pixels(displacement: NDArray[np.floating]) -> NDArray[np.bool_]:
    """Return which pixels of H hold a jump that is no displacement.

    Their ``|H|`` is larger than neighbours support anywhere in the map (`supported_maximum`), and they are far from all
    others: what is left of a map without a response is not cut at its tails.

    Parameters
    ----------
    displacement : ndarray, shape (y, x)
        NaN is not hot.
    """
    values = np.asarray(displacement, dtype=np.float64)
    finite = values[np.isfinite(values)]
    if not finite.size:
        return np.zeros(values.shape, dtype=np.bool_)
    middle = np.median(finite)
    spread = 1.4826 * np.median(np.abs(finite - middle))
    return np.asarray(
        (np.abs(values) > _HOT * supported_maximum(values)) & (np.abs(values - middle) > _FAR * spread)
    )


def without_hot_pixels(displacement: NDArray[np.floating]) -> Array:
    """Return a map of H, shape (y, x), with NaN in its hot pixels."""
    return np.where(hot_pixels(displacement), np.nan, np.asarray(displacement, dtype=np.float64))


def threshold_from_displacement(
    displacement: NDArray[np.floating], fraction: float, *, of: ThresholdOf = "robust"
) -> float:
    """Return the smallest ``|H|`` that counts as a response, in the unit of H.

    Parameters
    ----------
    displacement : ndarray, shape (y, x)
    fraction : float
        The paper's 15 % is 0.15.
    of : {"robust", "max", "p99"}
        What the fraction is taken of: the maximum three pixels support, the plain maximum (the paper's words), or
        the 99th percentile of ``|H|``.
    """
    if of == "robust":
        return fraction * supported_maximum(displacement)
    if of not in ("max", "p99"):
        raise ValueError(f"a threshold is a fraction of robust, max or p99, not of '{of}'")
    finite = np.abs(displacement[np.isfinite(displacement)])
    if finite.size == 0:
        return 0.0
    return fraction * float(finite.max() if of == "max" else np.percentile(finite, 99))


def response_probability(
    r2: NDArray[np.floating], samples: NDArray[np.integer] | int, *, parameters: int = 3
) -> Array:
    """Return the probability that noise around a constant is described at least this well by a relaxation.

    The F-test of a·g(t; tau) + c against c alone, with 2 and n − 3 degrees of freedom, or p − 1 and n − p for a kernel
    of p parameters. For two degrees of freedom its tail has a closed form, ``(1 − R²)^((n−3)/2)``, else it is the
    incomplete beta function. As tau is not a linear parameter the level is nominal: about 1.3 % of pure-noise traces
    pass at 1 %.

    Parameters
    ----------
    r2 : ndarray
        Fraction of the variance the relaxation explains.
    samples : ndarray or int
        Number of finite samples n in the window.
    parameters : int
        Numbers that describe a trace (`napari_tesm.kernels.one_parameter.Kernel.parameters`).

    Examples
    --------
    >>> [float(response_probability(np.float64(0.2), 53, parameters=p).round(6)) for p in (3, 4, 5)]
    [0.003778, 0.011498, 0.02739]
    """
    degrees = np.maximum(np.asarray(samples, dtype=np.float64) - parameters, 0)
    unexplained = np.clip(1 - r2, 0, 1)
    if parameters == 3:
        return np.asarray(unexplained ** (degrees / 2), dtype=np.float64)
    from scipy.special import betainc

    tail = betainc(np.maximum(degrees, 1) / 2, (parameters - 1) / 2, unexplained)
    return np.asarray(np.where(degrees > 0, tail, np.where(np.isnan(r2), np.nan, 1.0)), dtype=np.float64)


def gated_status(
    fit_status: NDArray[np.integer],
    probability: NDArray[np.floating],
    displacement: NDArray[np.floating] | None,
    threshold: float | NDArray[np.floating],
    *,
    response_level: float,
) -> NDArray[np.int8]:
    """Return the status of each pixel: that of its fit, overruled by the gates that come before it.

    Parameters
    ----------
    fit_status : ndarray of int
        Status of the fit alone: ok, unresolved or invalid.
    probability : ndarray
        From `response_probability`.
    displacement : ndarray, optional
        H; without it there is no threshold.
    threshold : float or ndarray
        Smallest ``|H|`` that counts, from `threshold_from_displacement`.
    response_level : float
        A pixel whose probability is at or above this level shows no response.
    """
    status = np.asarray(fit_status, dtype=np.int8).copy()
    judged = status != INVALID
    if displacement is not None:
        # Written so that a pixel without a finite H does not pass.
        status[judged & ~(np.abs(displacement) >= threshold)] = BELOW_THRESHOLD
    status[judged & ~(probability < response_level)] = NO_RESPONSE
    return status


def _finite_mean(values: NDArray[np.floating]) -> Array:
    """Return the mean over the last axis of the finite values, NaN where there are none."""
    with np.errstate(invalid="ignore"):  # infinities of both signs
        mean = values.mean(axis=-1, dtype=np.float64)
    broken = ~np.isfinite(mean)
    if broken.any():
        rows = values[broken]
        finite = np.isfinite(rows)
        count = finite.sum(axis=-1)
        total = np.where(finite, rows, 0.0).sum(axis=-1, dtype=np.float64)
        mean = np.array(mean)
        mean[broken] = np.divide(total, count, out=np.full(count.shape, np.nan), where=count > 0)
    return np.asarray(mean)
