"""The fits of one place's traces, with the recipe of the moment: what the trace panel draws and says.

The numbers are those of a whole run: the same engine, windows and gates. The threshold of ``|H|`` needs the whole map;
it is taken from the last results where there are any.
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from napari_tesm.data.displacement import OK, displacement_from_traces, gated_status, response_probability
from napari_tesm.data.maps import map_name
from napari_tesm.evaluation.settings import Settings
from napari_tesm.fitting import fit_traces
from napari_tesm.fitting.limits import KNOWN, limits_of_tau
from napari_tesm.gui.models.form_words import sentence_for_forms
from napari_tesm.gui.models.scan import Scan, TraceSample
from napari_tesm.kernels.named import fitted_curves
from napari_tesm.kernels.one_parameter import Kernel
from napari_tesm.plotting.words import sentence_from_limits

Array = NDArray[np.float64]


@dataclass(frozen=True)
class WindowFit:
    """Fit of one window of one trace; NaN where it gives no number.

    Parameters
    ----------
    number : int
        1 for the pulse, 2 for the relaxation, `napari_tesm.data.maps.JOINT` for both together.
    time, curve : ndarray
        Samples of the window, in s, and the fitted values there.
    residuals : ndarray
        Data minus fit.
    tau, tau_error, D, D_error : float
        In s and m²/s; D is NaN without a tip radius.
    status : int
        As in the status maps.
    extra : dict of str to (float, float)
        What a kernel of two parameters gives beyond tau, by the names of the maps, each with its standard error.
    tau_limits, D_limits : (float, float)
        Limits that hold tau and D with 95 %, where the recipe asks for them; NaN where the data set none.
    """

    number: int
    time: Array
    curve: Array
    residuals: Array
    a: float
    c: float
    tau: float
    tau_error: float
    D: float
    D_error: float
    r2: float
    rms: float
    status: int
    extra: dict[str, tuple[float, float]] = field(default_factory=dict)
    tau_limits: tuple[float, float] = (np.nan, np.nan)
    D_limits: tuple[float, float] = (np.nan, np.nan)

    @property
    def limits_in_words(self) -> str:
        """What the data say with 95 %, of D where the radius is known; empty where nobody asked or they say nothing."""
        if np.isfinite(self.D_limits).any():
            return sentence_from_limits(map_name("D", self.number), *self.D_limits, "m²/s")
        return sentence_from_limits(map_name("tau", self.number).replace("tau", "τ"), *self.tau_limits, "s")

    @property
    def ok(self) -> bool:
        """Whether tau and D are resolved."""
        return self.status == OK


@dataclass(frozen=True)
class PulseFit:
    """What the trace of one pulse setting at one place comes to; `height` is H, NaN without a pulse window."""

    pulse: int
    label: str
    height: float
    windows: dict[int, WindowFit] = field(default_factory=dict)


class TraceFitter:
    """Fits traces of a scan as its evaluation of the moment says.

    Parameters
    ----------
    scan : Scan
    """

    def __init__(self, scan: Scan) -> None:
        self.scan = scan

    @property
    def problem(self) -> str:
        """Why nothing can be fitted, in a sentence; empty where it can."""
        try:
            _ = self.scan.evaluation.settings
        except ValueError as error:
            return sentence_for_forms(error)
        return ""

    @property
    def settings(self) -> Settings | None:
        """Windows and tip radius that hold now; None where `problem` says why there are none."""
        try:
            return self.scan.evaluation.settings
        except ValueError:
            return None

    @property
    def time(self) -> Array:
        """Sample times in s from the start of the pulse, as the recipe has it."""
        evaluated = self.scan.evaluated
        return np.zeros(0) if evaluated is None else np.asarray(evaluated["time"].values, dtype=np.float64)

    def fits_of(self, sample: TraceSample) -> list[PulseFit]:
        """Return the fits of a sample's mean traces, one for each pulse setting."""
        settings, time = self.settings, self.time
        labels = self.scan.labels
        if settings is None:
            return [PulseFit(pulse, label, np.nan) for pulse, label in enumerate(labels)]
        heights = np.full(len(labels), np.nan)
        if settings.pulse is not None:
            heights = displacement_from_traces(sample.mean, time, settings.pulse)
        windows = {
            number: self._window_fits(settings, sample, heights, number) for number in settings.windows
        }
        return [
            PulseFit(pulse, label, float(heights[pulse]), {n: fits[pulse] for n, fits in windows.items()})
            for pulse, label in enumerate(labels)
        ]

    def _window_fits(
        self, settings: Settings, sample: TraceSample, heights: Array, number: int
    ) -> list[WindowFit]:
        recipe, time = self.scan.recipe, self.time
        inside = settings.samples(number, time)
        time = time[inside]
        options = settings.fit_options(number, time, recipe)
        data = np.ascontiguousarray(sample.mean[:, inside])
        fitted = fit_traces(data, time, **options)
        numbers = {"tau": fitted.tau, "a": fitted.a, "c": fitted.c, **fitted.extra}
        curves = fitted_curves(settings.kernel, time - options["start"], numbers)
        probability = response_probability(fitted.r2, fitted.samples, parameters=settings.kernel.parameters)
        known_height = settings.pulse is not None
        limits = np.full((2, len(data)), np.nan)
        if recipe.intervals and isinstance(settings.kernel, Kernel):
            limits[:] = limits_of_tau(
                data, time, fitted, kernel=settings.kernel, start=options["start"], bounds=recipe.tau_bounds
            )
        fits = []
        for pulse in range(len(data)):
            status = int(
                gated_status(
                    fitted.status[pulse : pulse + 1],
                    probability[pulse : pulse + 1],
                    heights[pulse : pulse + 1] if known_height else None,
                    self._threshold(pulse),
                    response_level=recipe.response_level,
                )[0]
            )
            tau, error = float(fitted.tau[pulse]), float(fitted.tau_stderr[pulse])
            a, c = float(fitted.a[pulse]), float(fitted.c[pulse])
            # Drawn whatever the status: a fit that is not trusted should be seen, too.
            curve = curves[pulse]
            extra = {
                name: (float(fitted.extra[name][pulse]), float(fitted.extra[f"{name}_stderr"][pulse]))
                for name in settings.kernel.quantities
            }
            time_of_d, time_error = extra.get(settings.kernel.time_of_diffusion, (tau, error))
            if extra and not (status == OK and time_error <= recipe.max_log_tau_error * time_of_d):
                time_of_d = np.nan  # a mean time that is not known: D has no meaning
            diffusion = np.nan
            known = settings.diffusion(np.array([time_of_d]))
            if known is not None and np.isfinite(time_of_d) and time_of_d > 0:
                diffusion = float(known[0])
            fits.append(
                WindowFit(
                    number,
                    time,
                    curve,
                    data[pulse] - curve,
                    a,
                    c,
                    tau,
                    error,
                    diffusion,
                    diffusion * time_error / time_of_d if time_of_d else np.nan,
                    float(fitted.r2[pulse]),
                    float(fitted.rms[pulse]),
                    status,
                    extra,
                    *self._limits(settings, limits[:, pulse] if status in KNOWN else np.full(2, np.nan)),
                )
            )
        return fits

    @staticmethod
    def _limits(settings: Settings, tau: Array) -> tuple[tuple[float, float], tuple[float, float]]:
        """Return the limits of tau, and of D, whose lower one belongs to the slowest time."""
        diffusion = settings.diffusion(tau[::-1])
        low, high = (np.nan, np.nan) if diffusion is None else diffusion.tolist()
        return (float(tau[0]), float(tau[1])), (low, high)

    def _threshold(self, pulse: int) -> float:
        maps = self.scan.maps
        if maps is None or "threshold" not in maps.coords or pulse >= maps.sizes["pulse"]:
            return 0.0
        value = float(maps["threshold"].values[pulse])
        return value if np.isfinite(value) else 0.0
