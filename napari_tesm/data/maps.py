"""Result maps: their names, titles, units, and which of them a file or a screen shows."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from napari_tesm.data.dataset import pulse_labels
from napari_tesm.data.displacement import without_hot_pixels
from napari_tesm.data.parity import COORDINATE, EVEN, ODD
from napari_tesm.quantities.numbers import counted
from napari_tesm.quantities.status import UNRESOLVED_FAST, UNRESOLVED_SLOW

WINDOWS: Final = (1, 2)
JOINT: Final = 0
"""Number of the one fit of a joint kernel, whose maps carry no number."""
FITS: Final = (*WINDOWS, JOINT)
"""All numbers a fit may have."""


@dataclass(frozen=True)
class MapKind:
    """What is known of a map by its name.

    Parameters
    ----------
    title : str
        Title of the channel or layer, without the pulse setting.
    unit : str
        SI unit; ``"displacement"`` stands for the unit of the traces.
    gated : bool
        NaN where the status is not ok.
    exported : bool
        Written as a channel of a .gwy file.
    on_demand : bool
        Written as one where all parameters were asked for, which a reduced chi-square beside it tells.
    fit : int, optional
        Number of the fit it comes from; None for H, which comes from none.
    parity : str
        "even" for maps of the even part, which stand beside those of the odd one.
    """

    title: str
    unit: str = ""
    gated: bool = False
    exported: bool = False
    on_demand: bool = False
    fit: int | None = None
    parity: str = ""


_OF_WINDOWS: Final = ("b", "beta", "tau_slow", "share", "exponent", "tau_mean")
"""Quantities that a joint kernel does not have."""
_OF_RECORDS: Final = ("step",)
"""Quantities that only a joint kernel has."""


ENDINGS: Final = ("_stderr", "_lower", "_upper")
"""What is known of a quantity beside its value."""
_APART: Final = ("r2", "rms", "chi2")
"""Quantities whose own digit or word stands apart from the number of the fit."""


def map_name(quantity: str, number: int) -> str:
    """Return the name of a map of a fit.

    Examples
    --------
    >>> map_name("D_stderr", 1), map_name("D_upper", 2), map_name("r2", 2), map_name("D", JOINT)
    ('D1_stderr', 'D2_upper', 'r2_2', 'D')
    """
    if number == JOINT:
        return quantity
    stem, ending = quantity, ""
    for candidate in ENDINGS:
        if quantity.endswith(candidate):
            stem, ending = quantity.removesuffix(candidate), candidate
    return f"{stem}{'_' if stem in _APART else ''}{number}{ending}"


_WITH_ERROR: Final = ("_stderr",)
_FITTED: Final[dict[str, tuple[MapKind, tuple[str, ...]]]] = {
    "tau": (MapKind("tau", "s", gated=True, exported=True), ENDINGS),
    "beta": (MapKind("beta", gated=True, exported=True), _WITH_ERROR),
    "tau_slow": (MapKind("slow tau", "s", gated=True, exported=True), _WITH_ERROR),
    "share": (MapKind("share", gated=True, exported=True), _WITH_ERROR),
    "exponent": (MapKind("exponent", gated=True, exported=True), _WITH_ERROR),
    "tau_mean": (MapKind("mean tau", "s", gated=True, exported=True), _WITH_ERROR),
    "D": (MapKind("D", "m²/s", gated=True, exported=True), ENDINGS),
    "log10_D": (MapKind("log10 D", gated=True, exported=True), ()),
    "r2": (MapKind("R2", exported=True), ()),
    "status": (MapKind("status", exported=True), ()),
    "chi2": (MapKind("reduced chi2", exported=True), ()),
    "a": (MapKind("a", "displacement", on_demand=True), _WITH_ERROR),
    "b": (MapKind("b", "1/s", gated=True), _WITH_ERROR),
    "c": (MapKind("c", "displacement", on_demand=True), _WITH_ERROR),
    "rms": (MapKind("RMS", "displacement", on_demand=True), ()),
    "drift": (MapKind("drift", "displacement", exported=True), _WITH_ERROR),
    "step": (MapKind("edge step", "displacement", exported=True), _WITH_ERROR),
    "mains": (MapKind("mains", "displacement", exported=True), _WITH_ERROR),
    "mains_sin": (MapKind("mains sine", "displacement"), _WITH_ERROR),
    "mains_cos": (MapKind("mains cosine", "displacement"), _WITH_ERROR),
}
"""What a fit gives, its title without the number of the fit, and what is known of it beside its value."""


def _kinds() -> dict[str, MapKind]:
    kinds = {
        "H": MapKind("H", "displacement", exported=True),
        "even": MapKind("height", "displacement", exported=True, parity=EVEN),
        "even_stderr": MapKind("height standard error", "displacement", exported=True, parity=EVEN),
        "even_share": MapKind("share of H", exported=True, parity=EVEN),
    }
    for n in FITS:
        for quantity, (kind, endings) in _FITTED.items():
            if quantity in (_OF_WINDOWS if n == JOINT else _OF_RECORDS):
                continue
            number = "" if n == JOINT else f" {n}" if quantity in _APART else str(n)
            title = f"{kind.title}{number}"
            kinds[map_name(quantity, n)] = replace(kind, title=title, fit=n)
            for ending in endings:
                words = ending.removeprefix("_").replace("stderr", "standard error")
                kinds[map_name(quantity + ending, n)] = replace(
                    kind,
                    title=f"{title} {words}",
                    gated=kind.gated and ending == "_stderr",
                    fit=n,
                )
    return kinds | {
        "D_lateral": MapKind("D lateral", "m²/s", gated=True, exported=True),
        "log10_D_lateral": MapKind("log10 D lateral", gated=True, exported=True),
        "log_D_lateral_stderr": MapKind("ln D lateral standard error", gated=True, exported=True),
        "amplitude_lateral": MapKind("amplitude lateral", "displacement", gated=True, exported=True),
        "misfit_lateral": MapKind("misfit lateral", gated=True, exported=True),
    }


MAP_KINDS: Final = _kinds()
"""Every map by its name, in the order in which channels and columns are written."""

LATERAL: Final = tuple(name for name in MAP_KINDS if "_lateral" in name)
"""The maps of an inversion, which belong to no fit of a pixel by itself."""

DERIVED: Final = {map_name("log10_D", n): map_name("D", n) for n in FITS} | {"log10_D_lateral": "D_lateral"}
"""Maps that are computed from another one when they are written; the results do not hold them."""


LOGARITHMS: Final = tuple(DERIVED)
"""The maps of log10 D, whatever was fitted."""


def words_of_fit(number: int) -> str:
    """Return what was fitted, in words.

    Examples
    --------
    >>> words_of_fit(2), words_of_fit(JOINT)
    ('window 2', 'pulse and relaxation')
    """
    return "pulse and relaxation" if number == JOINT else f"window {number}"


def status_name(name: str) -> str:
    """Return the name of the status map that gates a map.

    Examples
    --------
    >>> status_name("D2_stderr"), status_name("r2")
    ('status2', 'status')

    Raises
    ------
    ValueError
        If the map comes from no fit: H.
    """
    fit = MAP_KINDS[name].fit
    if fit is None:
        raise ValueError(f"the map '{name}' comes from no fit and has no status")
    return map_name("status", fit)


def map_title(name: str, label: str) -> str:
    """Return the title of a map for one pulse setting.

    Examples
    --------
    >>> map_title("D1_stderr", "(-3 V)")
    'D1 standard error (-3 V)'
    >>> map_title("even", "(+3 V odd)")
    'height (+3 V even)'
    """
    kind = MAP_KINDS[name]
    return f"{kind.title} {label.replace(ODD, kind.parity) if kind.parity else label}".rstrip()


def labels_from_maps(maps: xr.Dataset) -> list[str]:
    """Return what tells the pulse settings of a result apart in titles."""
    ways = [str(way) for way in maps["direction"].values]
    if COORDINATE in maps.coords:
        ways = [" ".join(filter(None, parts)) for parts in zip(maps[COORDINATE].values, ways, strict=True)]
        return pulse_labels(maps["voltage"].values, ways, always=True)
    return pulse_labels(maps["voltage"].values, ways)


HOT: Final = "hot_pixels"
"""Attribute of a map that was made by `map_of`: how many hot pixels were taken out of it."""


def map_of(maps: xr.Dataset, name: str, pulse: int) -> xr.DataArray:
    """Return a map of one pulse setting as all figures and statistics take it, dims (y, x): H without its hot pixels.

    The attribute `HOT` says that it was made here, and how many pixels were taken out; maps without it are not drawn.
    """
    return valid_map(maps[name].isel(pulse=pulse), name)


def valid_map(values: xr.DataArray, name: str) -> xr.DataArray:
    """Return a map of this name, dims y and x, as `map_of` does."""
    ordered = values.transpose("y", "x")
    numbers = np.array(ordered.values, dtype=np.float64)
    if name == "H":
        numbers = without_hot_pixels(numbers)
    hot = int(np.isnan(numbers).sum() - np.isnan(ordered.values).sum())
    return ordered.copy(data=numbers).assign_attrs({HOT: hot})


def hot_in_words(values: xr.DataArray) -> str:
    """Return how many hot pixels `map_of` took out, to be put behind a count of pixels; empty where there were none.

    Examples
    --------
    >>> hot_in_words(xr.DataArray(np.zeros((2, 3)), attrs={HOT: 2}))
    ' (2 hot pixels left out)'
    """
    hot = int(values.attrs.get(HOT, 0))
    return f" ({counted(hot, 'hot pixel')} left out)" if hot else ""


def values_of(maps: xr.Dataset, name: str, pulse: int) -> NDArray[np.float64]:
    """Return the values of a map as `map_of` does, shape (y, x)."""
    return np.asarray(map_of(maps, name, pulse).values)


def limited_values(maps: xr.Dataset, name: str, pulse: int) -> NDArray[np.float64]:
    """Return a map as `values_of` does, with limits for pixels of tau and D that are too slow or too fast to tell.

    They are there, only not known: minus infinity stands for lower than can be told and infinity for higher. What is
    left of a slow map without them would be its fastest pixels alone.

    Returns
    -------
    ndarray, shape (y, x)
        NaN where nothing responds, too little does, or the record contradicts itself.
    """
    values = values_of(maps, name, pulse)
    kind = MAP_KINDS.get(name)
    quantity = next(
        (stem for stem in _LIMITED if kind and kind.fit is not None and map_name(stem, kind.fit) == name), ""
    )
    if not quantity or status_name(name) not in maps:
        return values
    status = maps[status_name(name)].isel(pulse=pulse).transpose("y", "x").values
    for beyond, limit in ((UNRESOLVED_SLOW, -np.inf), (UNRESOLVED_FAST, np.inf)):
        values[status == beyond] = limit if quantity == "D" else -limit
    return values


_LIMITED: Final = ("tau", "D")


def exported_maps(maps: xr.Dataset) -> Sequence[str]:
    """Return the names of the maps that are written to a file, in their order."""
    return [
        name
        for name, kind in MAP_KINDS.items()
        if DERIVED.get(name, name) in maps.data_vars
        and (
            kind.exported
            or (kind.on_demand and kind.fit is not None and map_name("chi2", kind.fit) in maps.data_vars)
        )
    ]


def map_values(maps: xr.Dataset, name: str) -> xr.DataArray:
    """Return a map of a result, also one that is derived from another."""
    if name in DERIVED:
        with np.errstate(invalid="ignore", divide="ignore"):
            values = maps[DERIVED[name]]
            return values.copy(data=np.log10(values.values))
    return maps[name]
