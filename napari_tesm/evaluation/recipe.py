"""Every parameter of an evaluation in one object that is read from and written to JSON.

Values are SI. What is None follows from the file: the same recipe on the same file gives the same numbers.
"""

import hashlib
import json
import math
import sys
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any, Final, Literal, Self

from napari_tesm.data.parity import EACH, PARITIES, Parity
from napari_tesm.data.protocol import RADII, Window
from napari_tesm.files.sentences import Field, Sentence
from napari_tesm.kernels.low_pass import check_order
from napari_tesm.kernels.named import kernel_from_name
from napari_tesm.kernels.nuisances import Nuisances
from napari_tesm.physics.diffusion import geometry_factor
from napari_tesm.quantities.limits import check_radius
from napari_tesm.quantities.text import text_from_quantity

if TYPE_CHECKING:
    import xarray as xr

RECIPE_VERSION: Final = 1
DEFAULT_GEOMETRY: Final = "l2/tau"

NO_WINDOW: Final = "none"
AUTO: Final = "auto"
NOISES: Final = ("measured", "white")
MAXIMA: Final = ("robust", "max", "p99")
OF_NOISE: Final = "noise"
SIGNS: Final = ("auto", "any")
_FULL_TURN: Final = 360.0
WindowChoice = Window | Literal["none"] | None

_POSITIVE: Final = (*RADII, "pulse_duration", "max_log_tau_error")
_NOT_NEGATIVE: Final = (
    "tip_radius_error", "contact_radius_error", "skip_after_edge", "threshold", "lock_in_time_constant",
)  # fmt: skip
UNITS: Final = {
    "tip_radius": "m", "tip_radius_error": "m", "pulse_start": "s", "pulse_duration": "s", "voltage": "V",
    "skip_after_edge": "s", "lock_in_time_constant": "s", "contact_radius": "m", "contact_radius_error": "m",
}  # fmt: skip


@dataclass(frozen=True)
class Recipe:
    """Parameters of an evaluation, in SI units.

    Parameters
    ----------
    traces : tuple of str, optional
        Titles or numbers of the trace stacks to evaluate; by default those with a protocol.
    kernel : str
        Relaxation kernel.
    geometry : str
        How D follows from tau, a key of `napari_tesm.physics.diffusion.GEOMETRIES`. Kernels made from the diffusion
        equation have a relation of their own, which then holds.
    tip_radius, tip_radius_error : float, optional
        Characteristic length and its standard error, in m; stand in for the file's.
    contact_radius, contact_radius_error : float, optional
        Radius of the area in which tip and sample touch, and its standard error, in m; stand in for the file's. Where
        either says one it is the characteristic length, and the tip radius is not.
    threshold : float
        Fraction of the map's maximum ``|H|`` below which a pixel is not evaluated, or multiple of the noise.
    threshold_of : {"robust", "max", "p99", "noise"}
        Which maximum; "noise" is the standard error of each pixel's own H.
    lock_in_time_constant : float, optional
        Of each stage of the lock-in's low-pass filter, which kernels pass, too, in s; stands in for the file's, 0 for
        none.
    lock_in_order : int, optional
        Number of its stages, by default the file's, or 1.
    pulse_start, pulse_duration : float, optional
        Stand in for metadata the file lacks; s on the file's time axis, s.
    voltage : float or tuple of float, optional
        Likewise, in V: of every pulse setting, or of each one in turn.
    window1, window2 : Window, "none" or None
        Replace the windows that follow from the pulse; "none" leaves one out.
    time_unit, lateral_unit : str, optional
        Units of axes that have none in the file.
    tau_bounds : (float, float), optional
        Range in which tau is searched, in s; by default a hundredth of the window to ten windows.
    skip_after_edge : float
        Samples within this time after a window's start are left out, in s.
    response_level : float
        A pixel shows a response where the probability of a constant in the noise as it is (in white noise that of the
        F-test) stays below this.
    max_log_tau_error : float
        A larger standard error of ln tau means unresolved.
    phase_rotation : float or "auto", optional
        By how many degrees the lock-in's (X, Y) is turned before X is evaluated; "auto" finds the angle that puts most
        of the response into X, and stands for that angle in the recipe of the result.
    intervals : bool
        Also take the limits between which tau and D lie with 95 %.
    all_parameters : bool
        Also take the reduced chi-square of each window, and write a, c and the RMS as channels beside it.
    noise : {"measured", "white"}
        Whether errors and gates know the noise as the residuals show it, or take it for white.
    sign : {"auto", "any"}
        Whether pixels whose H, pulse and relaxation contradict each other in sign, or whose sign the map does not show
        elsewhere, are left out as inconsistent.
    nuisance : str
        What is fitted beside the curve: "none", or some of drift, step (with the voltage, for kernels of the whole
        record) and mains, "drift,mains:50Hz"; "auto" takes those that the traces show as a whole and that move tau, and
        stands for them in the recipe of the result. For kernels of one parameter.
    parity : {"each", "odd", "even"}
        Whether every pulse setting is evaluated as recorded, or of each two of opposite voltage the part that turns
        round with it or the one that does not.

    Raises
    ------
    ValueError
        If a value makes no sense; the sentence names it.
    """

    traces: tuple[str, ...] | None = None
    kernel: str = "exponential"
    geometry: str = DEFAULT_GEOMETRY
    tip_radius: float | None = None
    tip_radius_error: float | None = None
    threshold: float = 0.15
    threshold_of: Literal["robust", "max", "p99", "noise"] = "robust"
    pulse_start: float | None = None
    pulse_duration: float | None = None
    voltage: float | tuple[float, ...] | None = None
    window1: WindowChoice = None
    window2: WindowChoice = None
    time_unit: str | None = None
    lateral_unit: str | None = None
    tau_bounds: tuple[float, float] | None = None
    skip_after_edge: float = 0.0
    response_level: float = 0.001
    max_log_tau_error: float = 0.5
    phase_rotation: float | Literal["auto"] | None = None
    lock_in_time_constant: float | None = None
    lock_in_order: int | None = None
    intervals: bool = False
    noise: Literal["measured", "white"] = "measured"
    nuisance: str = AUTO
    contact_radius: float | None = None
    contact_radius_error: float | None = None
    sign: Literal["auto", "any"] = "auto"
    parity: Parity = EACH
    all_parameters: bool = False

    def __post_init__(self) -> None:
        kernel = kernel_from_name(self.kernel)
        own = kernel.geometry
        geometry_factor(self.geometry)
        if own is not None and self.geometry not in (own, DEFAULT_GEOMETRY):
            raise ValueError(
                f"the kernel '{self.kernel}' gives D by itself, D = {own}: "
                f"the geometry '{self.geometry}' has no place in it"
            )
        if self.threshold_of not in (*MAXIMA, OF_NOISE):
            raise ValueError(
                f"the threshold is taken of 'robust', 'max', 'p99' or 'noise', not '{self.threshold_of}'"
            )
        if self.noise not in NOISES:
            raise ValueError(f"the noise is 'measured' or taken for 'white', not '{self.noise}'")
        if self.sign not in SIGNS:
            raise ValueError(f"the sign is judged, 'auto', or 'any' will do, not '{self.sign}'")
        if self.parity not in PARITIES:
            raise ValueError(f"the parity is 'each', 'odd' or 'even', not '{self.parity}'")
        if self.nuisance != AUTO and Nuisances.from_text(self.nuisance).names and kernel.quantities:
            raise ValueError(
                f"the kernel '{self.kernel}' has a shape of its own, which takes drift, step and mains in: give no "
                "nuisances, or choose a kernel of one parameter"
            )
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, bool) or not isinstance(value, int | float):
                continue
            name = Field(field.name)
            if not math.isfinite(value):
                raise ValueError(Sentence("the {name} must be a finite number", name=name))
            written = text_from_quantity(value, UNITS.get(name, ""))
            if name in _POSITIVE and value <= 0:
                raise ValueError(
                    Sentence("the {name} must be larger than zero, not {written}", name=name, written=written)
                )
            if name in _NOT_NEGATIVE and value < 0:
                raise ValueError(
                    Sentence("the {name} must not be negative, not {written}", name=name, written=written)
                )
        if self.intervals and kernel.quantities:
            raise ValueError(
                f"the kernel '{self.kernel}' has a shape beside its time, and their errors hang together: there are "
                "intervals for kernels of one parameter only"
            )
        for radius in RADII:
            words = radius.replace("_", " ")
            if getattr(self, radius) is not None:
                check_radius(getattr(self, radius), words)
            elif getattr(self, f"{radius}_error") is not None:
                raise ValueError(f"the {words} has an error but no value")
        if self.lock_in_order is not None:
            check_order(self.lock_in_order)
        if self.threshold > 1 and self.threshold_of != OF_NOISE:
            raise ValueError(
                f"the threshold is a fraction of the maximum, at most 1 (100 %), not {self.threshold:g}"
            )
        if not 0 < self.response_level <= 1:
            raise ValueError(f"the response level is a probability, not {self.response_level:g}")
        if kernel.joint and NO_WINDOW in (self.window1, self.window2):
            raise ValueError(
                f"the kernel '{self.kernel}' fits pulse and relaxation together: neither window can be 'none'"
            )
        if isinstance(self.phase_rotation, str) and self.phase_rotation != AUTO:
            raise ValueError(f"the phase rotation is an angle or '{AUTO}', not '{self.phase_rotation}'")
        if isinstance(self.phase_rotation, float | int) and abs(self.phase_rotation) > _FULL_TURN:
            raise ValueError(
                f"the phase rotation lies between -360 and 360 degrees, not {self.phase_rotation:g}"
            )
        if self.window1 == NO_WINDOW and self.window2 == NO_WINDOW:
            raise ValueError("both windows are 'none': there is nothing to fit")
        if self.tau_bounds is not None and not 0 < self.tau_bounds[0] < self.tau_bounds[1] < math.inf:
            raise ValueError(f"the bounds of tau must be positive and in order, not {self.tau_bounds}")

    def updated(self, **values: Any) -> Self:
        """Return a copy in which every value given (not None) replaces the present one."""
        return replace(self, **{name: value for name, value in values.items() if value is not None})

    @property
    def threshold_text(self) -> str:
        """The threshold as people write it: ``15%`` of the map's maximum, ``5sigma`` of the pixel's noise."""
        if self.threshold_of == OF_NOISE:
            return f"{self.threshold:.12g}sigma"
        return f"{100 * self.threshold:.12g}%"

    def to_json(self) -> str:
        """Return the recipe as JSON, the same text for the same recipe."""
        return json.dumps(self.to_dict(), ensure_ascii=False, sort_keys=True)

    @property
    def digest(self) -> str:
        """Twelve signs that stand for the recipe in tables: the same for the same recipe, others for any other."""
        return hashlib.sha256(self.to_json().encode("utf-8", "replace")).hexdigest()[:12]

    def to_dict(self) -> dict[str, Any]:
        """Return the recipe as what JSON knows: numbers, texts, lists and None."""
        entries: dict[str, Any] = {"version": RECIPE_VERSION}
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, Window):
                value = [value.start, value.stop]
            entries[field.name] = list(value) if isinstance(value, tuple) else value
        return entries

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Return the recipe written as JSON.

        Raises
        ------
        ValueError
            If it is no JSON, of a later version, or has an unknown or nonsensical entry.
        """
        try:
            entries = json.loads(text)
        except (json.JSONDecodeError, RecursionError) as error:
            raise ValueError(f"the recipe is not JSON: {error}") from None
        if not isinstance(entries, Mapping):
            raise ValueError("the recipe must be a JSON object with named entries")
        return cls.from_dict(entries)

    @classmethod
    def from_dict(cls, entries: Mapping[str, Any]) -> Self:
        """Return the recipe of such a dictionary as `to_dict` gives; raises as `from_json`."""
        values = dict(entries)
        version = values.pop("version", None)
        if version != RECIPE_VERSION:
            raise ValueError(
                f"the recipe has version {version!r}; this program reads version {RECIPE_VERSION}"
            )
        own = {field.name for field in fields(cls)}
        unknown = sorted(set(values) - own)
        if unknown:
            raise ValueError(f"the recipe has unknown entries: {', '.join(unknown)}")
        for name, value in values.items():
            values[name] = _value_from_json(name, value)
        return cls(**values)


def digest_of_maps(maps: "xr.Dataset | None") -> str:
    """Return the digest of the recipe that made maps, empty where they do not say one that this version knows."""
    try:
        return "" if maps is None else Recipe.from_json(str(maps.attrs["recipe"])).digest
    except (KeyError, ValueError):
        return ""


def words_of_threshold(threshold: float, of: str) -> str:
    """Return what a threshold is, in words.

    Examples
    --------
    >>> words_of_threshold(0.6, "max"), words_of_threshold(5, "noise")
    ('60 % of the plain maximum', '5 standard errors of the H of each pixel')
    """
    if of == OF_NOISE:
        return f"{threshold:g} standard errors of the H of each pixel"
    return f"{100 * threshold:g} % of the {_WORDS_OF_MAXIMA[of]}"


_WORDS_OF_MAXIMA: Final = {"robust": "robust maximum", "max": "plain maximum", "p99": "99th percentile"}


_TEXTS: Final = (
    "kernel",
    "geometry",
    "threshold_of",
    "time_unit",
    "lateral_unit",
    "noise",
    "nuisance",
    "sign",
    "parity",
)
_NEVER_NONE: Final = (
    "kernel", "geometry", "threshold", "threshold_of", "skip_after_edge", "response_level", "max_log_tau_error",
    "intervals", "noise", "nuisance", "sign", "parity", "all_parameters",
)  # fmt: skip
_FLAGS: Final = ("intervals", "all_parameters")


def _value_from_json(name: str, value: Any) -> Any:
    """Return one entry in the type the recipe holds, or raise a ValueError that names it."""
    if value is None:
        if name in _NEVER_NONE:
            raise ValueError(f"the recipe's '{name}' must not be null")
        return None
    if name == "voltage" and isinstance(value, list) and value and all(map(_is_number, value)):
        if not all(map(math.isfinite, value)):
            raise ValueError("the recipe's 'voltage' must hold finite numbers")
        return tuple(map(float, value)) if len(value) > 1 else float(value[0])
    if name == "traces":
        if isinstance(value, list) and all(isinstance(item, str) for item in value):
            return tuple(value)
        raise ValueError("the recipe's 'traces' must be a list of titles")
    if name == "phase_rotation" and value == AUTO:
        return AUTO
    if name in _TEXTS:
        if isinstance(value, str):
            return value
        raise ValueError(f"the recipe's '{name}' must be a text, not {value!r}")
    if name in ("window1", "window2", "tau_bounds"):
        if value == NO_WINDOW and name != "tau_bounds":
            return NO_WINDOW
        if isinstance(value, list) and len(value) == 2 and _is_number(value[0]):
            if name == "tau_bounds" and _is_number(value[1]):
                return (float(value[0]), float(value[1]))
            if name != "tau_bounds" and (value[1] is None or _is_number(value[1])):
                return Window(float(value[0]), None if value[1] is None else float(value[1]))
        raise ValueError(f"the recipe's '{name}' must be two times in s, not {value!r}")
    if name in _FLAGS:
        if isinstance(value, bool):
            return value
        raise ValueError(f"the recipe's '{name}' must be true or false, not {value!r}")
    if not _is_number(value):
        raise ValueError(f"the recipe's '{name}' must be a number, not {value!r}")
    return int(value) if name == "lock_in_order" and value == int(value) else float(value)


def _is_number(value: Any) -> bool:
    if isinstance(value, int) and abs(value) > sys.float_info.max:
        return False  # JSON knows whole numbers of any length
    return isinstance(value, int | float) and not isinstance(value, bool)
