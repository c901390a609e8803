"""The null curve: what one exponential per window would return for pure diffusion, with nothing else going on.

True diffusion makes no exponentials. The paper's recipe fits them all the same, so its D1, D2 and D2/D1 depend on
pulse, windows, sampling and tip radius as well as on D: D2 exceeds D1 although there is one D and no migration. What a
measurement shows beyond this curve is a finding; what lies on it is not.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from napari_tesm.data.displacement import displacement_from_traces, response_probability
from napari_tesm.data.maps import WINDOWS
from napari_tesm.data.protocol import PulseProtocol, Window, windows_from_protocol
from napari_tesm.evaluation.recipe import DEFAULT_GEOMETRY
from napari_tesm.fitting import FEWEST_SAMPLES, FitResult, fit_traces
from napari_tesm.fitting.inputs import checked_times
from napari_tesm.kernels.named import ALL_KERNELS, kernel_from_name
from napari_tesm.kernels.one_parameter import Kernel
from napari_tesm.physics.diffusion import diffusion_from_tau, tau_from_diffusion
from napari_tesm.quantities.limits import check_diffusion, check_radius, check_times
from napari_tesm.quantities.status import OK

Array = NDArray[np.float64]

SMALLEST_SLOPE: Final = 0.15
"""Where ln of the apparent D follows ln D less than this, an error of 10 % becomes one of a factor of two: the recipe
has lost D, and no correction brings it back."""
SOURCES: Final = {"flux-pulse": "a flux", "clamped": "a clamped tip"}
"""What can drive the diffusion, in words, by the name of its kernel."""
_PER_DECADE: Final = 24


@dataclass(frozen=True, eq=False)
class NullCurve:
    """Apparent D of pure diffusion as a function of the true one.

    Parameters
    ----------
    kernel : str
        What diffuses how: ``"flux-pulse"`` or ``"clamped"``.
    diffusion : ndarray, shape (n,)
        True D, increasing, in m²/s.
    apparent : dict of int to ndarray, shape (n,)
        What the recipe returns in each window, in m²/s; NaN where it would reject even a trace without noise.
    """

    kernel: str
    diffusion: Array
    apparent: dict[int, Array]

    @property
    def ratio(self) -> Array:
        """D2/D1 of pure diffusion, shape (n,); NaN where one of the two is missing."""
        missing = np.full(self.diffusion.shape, np.nan)
        return np.asarray(self.apparent.get(2, missing) / self.apparent.get(1, missing))

    @property
    def band(self) -> tuple[float, float] | None:
        """Smallest and largest D2/D1 that diffusion alone makes; None where there is none."""
        finite = self.ratio[np.isfinite(self.ratio)]
        return (float(finite.min()), float(finite.max())) if finite.size else None

    def apparent_range(self, window: int) -> tuple[float, float] | None:
        """Smallest and largest apparent D, in m²/s, that diffusion of any D shows in a window; None without."""
        values = self.apparent.get(window, np.zeros(0))
        finite = values[np.isfinite(values)]
        return (float(finite.min()), float(finite.max())) if finite.size else None

    def sensitivity(self, window: int) -> Array:
        """Return d ln(apparent D)/d ln D, shape (n,): 1 where the recipe sees D, 0 where it does not."""
        return np.asarray(np.gradient(np.log(self.apparent[window]), np.log(self.diffusion)))

    def correction(self, window: int) -> "Correction":
        """Return the table that leads from the apparent D of a window back to the true one.

        Raises
        ------
        ValueError
            If the window was not fitted.
        """
        if window not in self.apparent:
            raise ValueError(f"window {window} was not fitted: there is no null curve to correct it with")
        slope = self.sensitivity(window)
        usable = np.isfinite(slope) & (slope >= SMALLEST_SLOPE)
        first, last = _longest_run(usable)
        part = slice(first, last)
        return Correction(window, self.apparent[window][part], self.diffusion[part], slope[part])


@dataclass(frozen=True, eq=False)
class Correction:
    """True D against the apparent D of one window, where one determines the other.

    Parameters
    ----------
    apparent, diffusion : ndarray, shape (n,)
        In m²/s, both increasing; empty where the recipe sees no D at all.
    slope : ndarray, shape (n,)
        d ln(apparent)/d ln(true): relative errors grow by its inverse.
    """

    window: int
    apparent: Array
    diffusion: Array
    slope: Array

    @property
    def valid(self) -> tuple[float, float] | None:
        """Range of apparent D in which the table holds, in m²/s; None where it is empty."""
        return (float(self.apparent[0]), float(self.apparent[-1])) if self.apparent.size else None

    @property
    def amplification(self) -> float:
        """How many times larger a relative error becomes at worst; NaN where the table is empty."""
        return float(1 / self.slope.min()) if self.slope.size else float("nan")

    def sentence(self) -> str:
        """Return the range of validity in words."""
        if self.valid is None:
            return f"D{self.window} does not follow the true D anywhere: there is no correction"
        low, high = self.valid
        first, last = self.diffusion[0], self.diffusion[-1]
        return (
            f"D{self.window} from {low:.2g} to {high:.2g} m²/s stands for {first:.2g} to {last:.2g} m²/s; "
            f"errors grow up to {self.amplification:.1f}-fold"
        )

    def apply(
        self, apparent: NDArray[np.floating], stderr: NDArray[np.floating] | None = None
    ) -> tuple[Array, Array]:
        """Return the true D, and its standard error, of apparent ones, in m²/s; NaN outside the valid range.

        Parameters
        ----------
        apparent : ndarray
            A map of D1 or D2, or any other array, in m²/s.
        stderr : ndarray, optional
            Its standard errors; they are linearised.
        """
        given = np.asarray(apparent, dtype=np.float64)
        error = np.full(given.shape, np.nan) if stderr is None else np.asarray(stderr, dtype=np.float64)
        if self.apparent.size == 0:
            return np.full(given.shape, np.nan), np.full(given.shape, np.nan)
        x = np.log(np.where(given > 0, given, np.nan))
        logs = np.log(self.apparent)
        true = np.exp(np.interp(x, logs, np.log(self.diffusion), left=np.nan, right=np.nan))
        slope = np.interp(x, logs, self.slope, left=np.nan, right=np.nan)
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.asarray(true), np.asarray(true * error / given / slope)


def null_curve(
    time: Array,
    protocol: PulseProtocol,
    tip_radius: float,
    *,
    kernel: str = "flux-pulse",
    windows: dict[int, Window] | None = None,
    diffusion: Array | None = None,
    geometry: str = DEFAULT_GEOMETRY,
    skip: float = 0.0,
    bounds: tuple[float, float] | None = None,
    noise: float = 0.0,
    max_log_tau_error: float = 0.5,
    response_level: float = 0.001,
) -> NullCurve:
    """Return what one exponential per window makes of pure diffusion.

    Parameters
    ----------
    time : ndarray, shape (time,)
        Sample times, in s from the start of the pulse.
    protocol : PulseProtocol
        Says how long the pulse is, and the lock-in's low-pass, which traces and exponential pass alike.
    tip_radius : float
        Radius of the source, and the length of the recipe, in m.
    kernel : {"flux-pulse", "clamped"}
        A constant flux during the pulse, or the concentration held under the tip.
    windows : dict of int to Window, optional
        By default those of the pulse.
    diffusion : ndarray, optional
        True D, increasing, in m²/s; by default 1e-16 to 1e-10, 24 for each decade.
    geometry, skip, bounds
        As in `napari_tesm.evaluation.recipe.Recipe`.
    noise : float
        Of a sample, as a fraction of H. No noise is put on the traces; what the gates of the recipe would reject at
        this noise is left out.
    max_log_tau_error, response_level : float
        Those gates, as in `napari_tesm.evaluation.recipe.Recipe`.

    Raises
    ------
    ValueError
        If the kernel makes no whole traces, a radius, D, noise or window makes no sense, or nobody says when the pulse
        was.

    Examples
    --------
    >>> time = np.arange(500) * 5e-5
    >>> curve = null_curve(time, PulseProtocol(0.0, 10e-3), 25e-9, diffusion=np.array([1e-14, 4e-13]))
    >>> (curve.apparent[1] / curve.diffusion).round(2)
    array([5.14, 0.53])
    """
    check_radius(tip_radius)
    time = checked_times(time)
    check_times(time)
    if not 0 <= skip < np.inf:
        raise ValueError(f"the time left out after an edge must not be negative, not {skip:g} s")
    source = kernel_from_name(kernel, pulse=protocol.pulse_duration, low_pass=protocol.low_pass)
    if not (isinstance(source, Kernel) and source.joint):
        whole = ", ".join(name for name, formula in ALL_KERNELS.items() if formula.joint)
        raise ValueError(f"a null curve is made from a kernel of whole traces ({whole}), not from '{kernel}'")
    first, second = windows_from_protocol(protocol)
    if first is None or second is None or protocol.pulse_duration is None:
        raise ValueError("a null curve needs to know when the pulse was on")
    if not 0 <= noise < np.inf:
        raise ValueError(f"the noise of a null curve is a fraction of H, 0 or more, not {noise:g}")
    chosen = {1: first, 2: second} if windows is None else windows
    true = _checked_diffusion(diffusion)
    tau = tau_from_diffusion(true, tip_radius, geometry=source.geometry or geometry)
    curves = source.curves(np.maximum(time, 0.0), np.log(tau))[0]
    sigma = noise * np.abs(displacement_from_traces(curves, time, first))
    apparent: dict[int, Array] = {}
    for number in (n for n in WINDOWS if n in chosen):
        inside = chosen[number].samples(time, skip=skip)
        if inside.stop - inside.start < FEWEST_SAMPLES:
            raise ValueError(
                f"window {number}, {chosen[number]}, holds {inside.stop - inside.start} samples where "
                f"{FEWEST_SAMPLES} are needed"
            )
        fitted = fit_traces(
            curves[:, inside], time[inside], start=min(chosen[number].start, float(time[inside][0])), bounds=bounds,
            low_pass=protocol.low_pass, max_log_tau_error=max_log_tau_error,
        )  # fmt: skip
        returned = diffusion_from_tau(fitted.tau, tip_radius, geometry=geometry)
        seen = _seen_in_noise(fitted, sigma, max_log_tau_error, response_level)
        apparent[number] = np.where((fitted.status == OK) & seen, returned, np.nan)
    return NullCurve(kernel, true, apparent)


def _seen_in_noise(
    fitted: FitResult, sigma: Array, max_log_tau_error: float, response_level: float
) -> NDArray[np.bool_]:
    """Return which fits of traces without noise would pass the gates with noise of this size on them."""
    with np.errstate(invalid="ignore", divide="ignore"):
        # The linearised error is proportional to the residuals; what misses the curve is there beside the noise.
        error = fitted.log_tau_stderr * np.hypot(1.0, sigma / fitted.rms)
        share = sigma**2 / (fitted.rms**2 / (1 - fitted.r2))
        probability = response_probability(fitted.r2 / (1 + share), fitted.samples)
        return np.asarray((sigma == 0) | ((error <= max_log_tau_error) & (probability < response_level)))


def _checked_diffusion(diffusion: Array | None) -> Array:
    if diffusion is None:
        return np.geomspace(1e-16, 1e-10, 6 * _PER_DECADE + 1)
    true = np.asarray(diffusion, dtype=np.float64)
    if true.ndim != 1 or true.size < 2 or not np.isfinite(true).all() or not (true > 0).all():
        raise ValueError("the diffusion coefficients of a null curve must be at least two positive numbers")
    if not (np.diff(true) > 0).all():
        raise ValueError("the diffusion coefficients of a null curve must increase")
    check_diffusion(true)
    return true


def _longest_run(flags: NDArray[np.bool_]) -> tuple[int, int]:
    """Return start and stop of the longest stretch of True; (0, 0) without one."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], flags.astype(np.int8), [0]])))
    starts, stops = edges[::2], edges[1::2]
    if starts.size == 0:
        return 0, 0
    best = int((stops - starts).argmax())
    return int(starts[best]), int(stops[best])
