"""What of a control would have been seen: the noise of samples and of H, and the displacement that passes the gate."""

from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_tesm.data.displacement import noise_from_traces, samples_for_displacement
from napari_tesm.data.protocol import Window
from napari_tesm.evaluation.levels import has_samples_before, height_from_traces
from napari_tesm.evaluation.window_noise import WindowNoise
from napari_tesm.kernels.low_pass import LowPass
from napari_tesm.noise.correlation import NoiseModel

Array = NDArray[np.float64]

POWER: Final = 0.9
"""Share of the pixels that would pass with the displacement called detectable."""
_ROUNDING: Final = 1e-9
_DRAWS: Final = 4096
"""Of noise, for what would be detectable in it."""
_FEWEST_QUIET: Final = 8


def detectable_displacement(
    noise: float,
    time: ArrayLike,
    window: Window,
    tau: ArrayLike,
    *,
    rising: bool,
    response_level: float = 0.001,
    measured: WindowNoise | None = None,
) -> Array:
    """Return the H that would show as a response in a share of the pixels, for relaxation times in s.

    Of a relaxation of known tau: a fit that searches tau passes a little more often. In white noise it is the F-test of
    `napari_tesm.data.displacement.response_probability` with the noncentral F distribution, in noise of another
    correlation draws of it that have to pass the gate of a fit in such noise.

    Parameters
    ----------
    noise : float
        Standard deviation of a sample.
    time : array-like, shape (time,)
        Sample times, in s.
    window : Window
    tau : array-like
    rising : bool
        During the pulse, where H is what is reached at its end; afterwards H is what relaxes.
    response_level : float
    measured : WindowNoise, optional
        The noise of the window's fits, of variance 1; by default white.

    Raises
    ------
    ValueError
        If the window has fewer than four samples.
    """
    times = np.asarray(time, dtype=np.float64)
    inside = times[window.samples(times)]
    n = inside.size
    if n < 4:
        raise ValueError(f"the window {window} holds {n} samples: no response can be told from noise")
    taus = np.asarray(tau, dtype=np.float64)
    stop = inside[-1] if window.stop is None else window.stop
    curve = np.exp(-(inside - window.start) / taus[..., None])
    if rising:
        curve = curve / -np.expm1(-(stop - window.start) / taus[..., None])
    curve = curve - curve.mean(axis=-1, keepdims=True)
    height = np.sqrt(np.vecdot(curve, curve))
    if measured is None:
        return np.asarray(noise * _detectable_in_white_noise(n, response_level) / height)
    return np.asarray(
        noise * _detectable_in_noise(curve / height[..., None], measured, response_level) / height
    )


def _detectable_in_white_noise(samples: int, response_level: float) -> float:
    """Return the length of a curve, in standard deviations of a sample, that passes in a share of the pixels."""
    from scipy.optimize import brentq
    from scipy.stats import ncf

    r2 = 1 - response_level ** (2 / (samples - 3))
    critical = r2 / 2 / ((1 - r2) / (samples - 3))

    def missed(root: float) -> float:
        return float(ncf.cdf(critical, 2, samples - 3, root * root)) - (1 - POWER)

    return float(brentq(missed, 0.0, 100.0))


def _detectable_in_noise(curves: Array, measured: WindowNoise, response_level: float) -> Array:
    """Return the same for curves of length 1 and mean 0, shape (..., time), in noise of another correlation.

    A curve of length x with noise on it that has the part s along the curve and the square q is described to
    R² = (x + s)² / ((x + s)² + q − s²): each draw of noise has the x at which it reaches the critical R².
    """
    r2 = measured.null.critical(response_level)
    noise = measured.draws(_DRAWS)
    noise -= noise.mean(axis=1, keepdims=True)
    along = noise @ np.moveaxis(curves, -1, 0).reshape(curves.shape[-1], -1)
    beside = np.vecdot(noise, noise)[:, None] - along**2
    needed = np.sqrt(r2 / (1 - r2) * beside) - along
    return np.asarray(np.quantile(needed, POWER, axis=0).reshape(curves.shape[:-1]))


def noise_of_samples(
    traces: NDArray[np.floating], time: ArrayLike, pulse: Window, model: NoiseModel | None = None
) -> float:
    """Return the standard deviation of the noise of a sample: the median over the traces; NaN where it cannot be told.

    Of the later half of what follows the pulse, where nothing is steep, else of the whole record: from differences of
    neighbours where the noise is white, else from what a straight line leaves over, and what it takes of such noise.

    Parameters
    ----------
    traces : ndarray, shape (..., time)
    time : array-like, shape (time,)
    pulse : Window
    model : NoiseModel, optional
        By default white noise.
    """
    times = np.asarray(time, dtype=np.float64)
    quiet = slice(0, times.size)
    if pulse.stop is not None:
        rest = Window(pulse.stop).samples(times)
        if rest.stop - rest.start >= _FEWEST_QUIET:
            quiet = slice((rest.start + rest.stop) // 2, rest.stop)
    if quiet.stop - quiet.start < 2:
        return float("nan")
    part = np.asarray(traces[..., quiet], dtype=np.float64)
    if model is None or model.is_white:
        noise = noise_from_traces(part)
    else:
        noise = _noise_beside_a_line(part, times[quiet], model)
    finite = noise[np.isfinite(noise)]
    return float(np.median(finite)) if finite.size else float("nan")


def _noise_beside_a_line(traces: Array, times: Array, model: NoiseModel) -> Array:
    """Return the noise of each trace, so that the median over traces of one noise is that noise."""
    line = np.linalg.qr(np.column_stack([np.ones(times.size), times - times.mean()]))[0]
    beside = np.eye(times.size) - line @ line.T
    covariance = beside @ model.covariance(times) @ beside
    kept = np.trace(covariance)
    # Few independent samples are left: the median of their mean square lies below its mean (Wilson, E. B. and
    # Hilferty, M. M. (1931). Proc. Natl. Acad. Sci. 17, 684-688; degrees of freedom as Satterthwaite counts them).
    degrees = kept**2 / np.square(covariance).sum()
    left = traces @ beside
    return np.asarray(np.sqrt(np.vecdot(left, left) / kept / (1 - 2 / (9 * degrees)) ** 3))


def noise_of_displacement(
    noise: float,
    time: ArrayLike,
    pulse: Window,
    model: NoiseModel | None = None,
    *,
    low_pass: LowPass | None = None,
) -> float:
    """Return the standard deviation of H that the noise of the samples causes, in the unit of the noise.

    Where the record begins with the pulse, that of draws of noise, whose levels are fitted as those of traces.

    Parameters
    ----------
    noise : float
        Of a sample.
    time, pulse, model
        As in `noise_of_samples`.
    low_pass : LowPass, optional
        The lock-in's filter.
    """
    times = np.asarray(time, dtype=np.float64)
    if not has_samples_before(times, pulse):
        times = times[pulse.samples(times)]
        draws = np.random.default_rng(0).standard_normal((_DRAWS, times.size))
        if model is not None and not model.is_white:
            draws = draws @ np.linalg.cholesky(model.covariance(times) + _ROUNDING * np.eye(times.size)).T
        return float(noise * np.nanstd(height_from_traces(draws, times, pulse, low_pass=low_pass)))
    before, at_end = samples_for_displacement(times, pulse)
    counts = [part.stop - part.start for part in (before, at_end)]
    if model is None or model.is_white:
        return float(noise * np.sqrt(sum(1 / count for count in counts)))
    weights = np.repeat([-1 / counts[0], 1 / counts[1]], counts)
    averaged = np.concatenate([times[before], times[at_end]])
    return float(noise * np.sqrt(weights @ model.covariance(averaged) @ weights))
