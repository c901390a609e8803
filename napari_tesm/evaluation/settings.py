"""What a recipe comes to for one dataset: its windows, kernel and length l of D, everything resolved."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_tesm.data.maps import JOINT
from napari_tesm.data.protocol import (
    EDGE_TOLERANCE,
    RADII,
    Length,
    PulseProtocol,
    Window,
    sampling_interval,
    windows_from_protocol,
)
from napari_tesm.evaluation.recipe import AUTO, DEFAULT_GEOMETRY, NO_WINDOW, OF_NOISE, Recipe
from napari_tesm.files.sentences import Sentence
from napari_tesm.fitting.nuisances import NuisanceColumns
from napari_tesm.kernels.low_pass import LowPass
from napari_tesm.kernels.named import (
    ALL_KERNELS,
    AnyKernel,
    fitted_curves,
    fitted_curves_nearly,
    kernel_from_name,
)
from napari_tesm.kernels.nuisances import NO_NUISANCES, NUISANCES, Nuisances
from napari_tesm.physics.diffusion import diffusion_from_tau
from napari_tesm.quantities.text import text_from_quantity

Array = NDArray[np.float64]
Samples = slice | NDArray[np.intp]


@dataclass(frozen=True)
class Settings:
    """What a recipe comes to for one dataset: everything resolved, nothing left open.

    Parameters
    ----------
    protocol : PulseProtocol
        With the radii of the recipe, each with its own error.
    pulse : Window, optional
        Where H is measured; None where the pulse is not known.
    windows : dict of int to Window
        The windows to fit, by their number; `napari_tesm.data.maps.JOINT` for a kernel that takes the record as one.
    kernel : Kernel or ShapeKernel
        Knows the length of the pulse where it needs it, and the lock-in's filter.
    geometry : str
        How D follows from tau: the kernel's own relation, else the recipe's.
    skip : float
        Samples within this time after an edge are left out, in s.
    """

    protocol: PulseProtocol
    pulse: Window | None
    windows: dict[int, Window]
    kernel: AnyKernel = ALL_KERNELS["exponential"]
    geometry: str = DEFAULT_GEOMETRY
    skip: float = 0.0
    nuisances: Nuisances = NO_NUISANCES

    @property
    def length(self) -> Length | None:
        """The length l of D: the contact radius, else the tip radius; None where neither is known."""
        return self.protocol.length

    @property
    def testable_nuisances(self) -> tuple[str, ...]:
        """Names of what can be told from the curves: within one window a drift looks like a slow relaxation."""
        if self.kernel.joint:
            return NUISANCES
        return () if self.kernel.quantities else ("mains",)

    def nuisance_columns(self, number: int, time: Array) -> NuisanceColumns | None:
        """Return what is fitted beside the curve in a window, given the times that are fitted; None for nothing."""
        chosen = self.nuisances if number == JOINT else self.nuisances.of_window(number)
        if not chosen.names:
            return None
        return NuisanceColumns.of(chosen.names, self.columns_of([chosen], time))

    def columns_of(self, nuisances: Sequence[Nuisances], time: Array) -> Array:
        """Return what nuisances add to traces of this protocol, shape (time, columns)."""
        pulse = None
        if self.pulse is not None and self.pulse.stop is not None:
            pulse = (self.pulse.start, self.pulse.stop)
        parts = [part.columns(time, pulse, self.kernel.low_pass) for part in nuisances]
        return np.concatenate([np.zeros((time.size, 0)), *parts], axis=1)

    @property
    def pulse_edges(self) -> tuple[float, float] | None:
        """When the voltage was on, in s; None where its start or its end is not known."""
        return None if self.pulse is None or self.pulse.stop is None else (self.pulse.start, self.pulse.stop)

    def samples(self, number: int, time: Array) -> Samples:
        """Return which samples are fitted in a window."""
        window = self.windows[number]
        inside = window.samples(time, skip=self.skip)
        if number != JOINT or self.skip == 0 or self.pulse is None or self.pulse.stop is None:
            return inside
        # The record has two edges, and a transient after either.
        slack = EDGE_TOLERANCE * sampling_interval(time)
        edge = self.pulse.stop
        transient = (time >= edge - slack) & (time < edge + self.skip - slack)
        kept = np.arange(inside.start, inside.stop)
        return kept[~transient[inside]]

    def start(self, number: int, time: Array) -> float:
        """Return when the kernel of a window begins, given the times of the samples that are fitted."""
        return min(self.windows[number].start, float(time[0]))

    def fit_options(self, number: int, time: Array, recipe: Recipe) -> Mapping[str, Any]:
        """Return the options of `napari_tesm.fitting.fit_traces` for a window, given the times that are fitted."""
        return {
            "kernel": self.kernel,
            "start": self.start(number, time),
            "bounds": recipe.tau_bounds,
            "max_log_tau_error": recipe.max_log_tau_error,
            "nuisances": self.nuisance_columns(number, time),
        }

    def fitted_curves(
        self, number: int, time: Array, values: Mapping[str, NDArray[Any]], *, nearly: bool = False
    ) -> tuple[Array, Array]:
        """Return the times that are fitted in a window, and the curves of fitted parameters there, shape (n, time).

        Parameters
        ----------
        values : mapping of str to ndarray, shape (n,)
            As `napari_tesm.kernels.named.fitted_curves` takes them, and the numbers of the nuisances.
        nearly : bool
            To a millionth, in a fraction of the time where there are many.
        """
        inside = time[self.samples(number, time)]
        curves_of = fitted_curves_nearly if nearly else fitted_curves
        curves = curves_of(self.kernel, inside - self.start(number, inside), values)
        nuisances = self.nuisance_columns(number, inside)
        if nuisances is not None:
            numbers = np.stack([values[name] for name in nuisances.names], axis=1)
            curves += numbers @ (nuisances.columns - nuisances.columns.mean(axis=0)).T
        return inside, curves

    def diffusion(self, tau: NDArray[np.floating]) -> Array | None:
        """Return D, in m²/s, that belongs to relaxation times in s; None without a length."""
        if self.length is None:
            return None
        return diffusion_from_tau(tau, self.length.value, geometry=self.geometry)


def settings_from_protocol(protocol: PulseProtocol, time: Array, recipe: Recipe) -> Settings:
    """Return what a recipe means for a record, given its times and the protocol with the recipe's own put in.

    Raises
    ------
    ValueError
        If the timing of the pulse is missing, a window lies outside the record, or the kernel has no use for it.
    """
    pulse = pulse_from_recipe(protocol, recipe)
    if pulse is None and recipe.threshold_of == OF_NOISE:
        template = "a threshold of {text} is one of H, which is measured in the pulse: {missing}"
        missing = sentence_about_missing_pulse(protocol)
        raise ValueError(Sentence(template, text=recipe.threshold_text, missing=missing))
    low_pass = low_pass_from_protocol(protocol, recipe)
    kernel = kernel_from_name(recipe.kernel, low_pass=low_pass)
    if kernel.joint:
        record = record_from_recipe(protocol, pulse, recipe)
        assert pulse is not None
        assert pulse.stop is not None
        kernel = kernel_from_name(recipe.kernel, pulse=pulse.stop - pulse.start, low_pass=low_pass)
        windows = {JOINT: record}
    else:
        windows = _windows_from_recipe(protocol, recipe)
    settings = Settings(
        protocol_with_radii(protocol, recipe),
        pulse,
        windows,
        kernel,
        kernel.geometry or recipe.geometry,
        recipe.skip_after_edge,
        NO_NUISANCES if recipe.nuisance == AUTO else Nuisances.from_text(recipe.nuisance),
    )
    _check_samples(settings, time)
    return settings


def protocol_with_radii(protocol: PulseProtocol, recipe: Recipe) -> PulseProtocol:
    """Return the protocol with the radii of a recipe put in."""
    values: dict[str, float | None] = {}
    for name in RADII:
        # The recipe's radius is taken with its own error only: the file's belongs to the file's radius.
        said = protocol if getattr(recipe, name) is None else recipe
        radius, error = getattr(said, name), getattr(said, f"{name}_error")
        values |= {name: radius, f"{name}_error": None if radius is None else error}
    return replace(protocol, **values)


def low_pass_from_protocol(protocol: PulseProtocol, recipe: Recipe) -> LowPass | None:
    """Return the lock-in's filter that the kernels pass."""
    if recipe.lock_in_order is not None and protocol.lock_in_time_constant is None:
        raise ValueError(
            Sentence(
                "the lock-in's order says nothing without its time constant: give {lock_in_time_constant}"
            )
        )
    return protocol.low_pass


def _windows_from_recipe(protocol: PulseProtocol, recipe: Recipe) -> dict[int, Window]:
    first, second = windows_from_protocol(protocol)
    chosen = {
        number: given if isinstance(given, Window) else default
        for number, given, default in ((1, recipe.window1, first), (2, recipe.window2, second))
        if given != NO_WINDOW
    }
    windows = {number: window for number, window in chosen.items() if window is not None}
    if not windows:
        missing = sentence_about_missing_pulse(protocol)
        raise ValueError(Sentence("{missing}, or the windows to fit ({window1}, {window2})", missing=missing))
    return windows


def record_from_recipe(
    protocol: PulseProtocol, pulse: Window | None, recipe: Recipe, *, who: str = ""
) -> Window:
    """Return the stretch from the start of the pulse on that a joint kernel describes.

    Parameters
    ----------
    who : str
        What takes the record as one, for the sentence that refuses other windows; by default the recipe's kernel.
    """
    if pulse is None or pulse.stop is None:
        raise ValueError(sentence_about_missing_pulse(protocol))
    first, second = recipe.window1, recipe.window2
    # Windows that say the same as the pulse do no harm: forms fill them in.
    fits = first is None or first == pulse
    fits &= second is None or (isinstance(second, Window) and second.start == pulse.stop)
    if not fits:
        whole = who or f"the kernel '{recipe.kernel}' fits"
        raise ValueError(
            f"{whole} pulse ({pulse}) and relaxation together: leave both "
            f"windows as the pulse has them{'' if who else ', or choose another kernel'}"
        )
    return Window(pulse.start, second.stop if isinstance(second, Window) else None)


def _check_samples(settings: Settings, time: Array) -> None:
    for number, window in settings.windows.items():
        count = time[settings.samples(number, time)].size
        fewest = settings.kernel.fewest_samples
        if count < fewest:
            name = "the record" if number == JOINT else f"window {number}"
            raise ValueError(
                f"{name}, {window.in_words}, holds {count} samples where {fewest} "
                f"are needed: the record runs from {text_from_quantity(time[0], 's', digits=4)} to "
                f"{text_from_quantity(time[-1], 's', digits=4)} with {time.size} samples"
            )
        low_pass = settings.kernel.low_pass
        if low_pass is not None and low_pass.time_constant > np.ptp(time[settings.samples(number, time)]):
            raise ValueError(
                Sentence(
                    "the lock-in's time constant, {constant}, is longer than what is fitted, {window}: nothing of the "
                    "relaxation is left ({lock_in_time_constant:0s}: without a filter)",
                    constant=text_from_quantity(low_pass.time_constant, "s"),
                    window=window.in_words,
                )
            )


def pulse_from_recipe(protocol: PulseProtocol, recipe: Recipe) -> Window | None:
    """Return when the pulse was on: as the protocol says, else window 1 of the recipe, None where neither is known."""
    pulse, _ = windows_from_protocol(protocol)
    if pulse is None and isinstance(recipe.window1, Window):
        return recipe.window1
    return pulse


def sentence_about_missing_pulse(protocol: PulseProtocol) -> Sentence:
    """Return what to give where it is not known when the pulse was on."""
    missing = [name for name in ("pulse_start", "pulse_duration") if getattr(protocol, name) is None]
    fields = " and ".join(f"{{{name}}}" for name in missing)
    return Sentence(f"the file does not say when the pulse was on: give {fields}")
