"""Displacement during the pulse, its noise, and the gates that decide which pixels deserve a number."""

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

ThresholdOf = Literal["robust", "max", "p99"]


def displacement_from_traces(traces: NDArray[np.floating], time: Array, pulse: Window) -> Array:
    """Return the displacement H caused by the pulse, signed, in the unit of the traces.

    H is the mean of the last 5 % of the pulse's samples (at least one) minus the mean of the samples before the
    pulse, or the first sample of the pulse where there are none. Samples that are not finite are left out.

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
    """Return the samples before the pulse and at its end that H is the difference of.

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
    """Return H from the samples that `samples_for_displacement` names, both of shape (..., time)."""
    return _finite_mean(at_end) - _finite_mean(before)


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
    steps = np.diff(np.where(np.isfinite(samples), samples, np.nan), axis=-1)
    return np.sqrt(_finite_mean(steps * steps) / 2)


def supported_maximum(displacement: NDArray[np.floating]) -> float:
    """Return the largest ``|H|`` that three pixels support, in the unit of H.

    That is the largest third-highest value of any 3×3 block: a step one pixel wide keeps its height, while one
    or two hot pixels do not count.

    Parameters
    ----------
    displacement : ndarray, shape (y, x)
        NaN pixels are left out. Where no block holds three finite pixels, the plain maximum is returned; 0 for a
        map without one finite pixel.
    """
    size = np.abs(np.asarray(displacement, dtype=np.float64))
    size[~np.isfinite(size)] = -np.inf
    padded = np.pad(size, 1, constant_values=-np.inf)
    # The three highest of each block, kept in order while its nine pixels are looked at one by one.
    first, second, third = (np.full(size.shape, -np.inf) for _ in range(3))
    for row in range(3):
        for column in range(3):
            value = padded[row : row + size.shape[0], column : column + size.shape[1]]
            third = np.maximum(third, np.minimum(value, second))
            second = np.maximum(second, np.minimum(value, first))
            first = np.maximum(first, value)
    for ranked in (third, first):
        highest = float(ranked.max(initial=-np.inf))
        if np.isfinite(highest):
            return highest
    return 0.0


def without_hot_pixels(displacement: NDArray[np.floating]) -> Array:
    """Return a map of H with NaN where a pixel stands alone: ``|H|`` larger than neighbours support anywhere.

    Parameters
    ----------
    displacement : ndarray, shape (y, x)
    """
    values = np.array(displacement, dtype=np.float64)
    if np.isfinite(values).any():
        values[np.abs(values) > _HOT * supported_maximum(values)] = np.nan
    return values


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
