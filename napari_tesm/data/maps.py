"""Result maps: their names, titles, units, and which of them a file or a screen shows."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import xarray as xr

from napari_tesm.data.dataset import pulse_labels

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
    visible : bool
        Shown when the file is opened.
    fit : int, optional
        Number of the fit it comes from; None for H, which comes from none.
    """

    title: str
    unit: str = ""
    gated: bool = False
    exported: bool = False
    visible: bool = False
    fit: int | None = None


_OF_WINDOWS: Final = ("b", "beta", "tau_slow", "share", "exponent", "tau_mean")
"""Quantities that a joint kernel does not have."""


ENDINGS: Final = ("_stderr", "_lower", "_upper")
"""What is known of a quantity beside its value."""


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
    for known in ENDINGS:
        if quantity.endswith(known):
            stem, ending = quantity.removesuffix(known), known
    return f"{stem}{'_' if stem in ('r2', 'rms') else ''}{number}{ending}"


def _kinds() -> dict[str, MapKind]:
    kinds = {"H": MapKind("H", "displacement", exported=True, visible=True)}
    for n in FITS:
        title = "" if n == JOINT else str(n)
        space = "" if n == JOINT else f" {n}"
        of_fit = {
            "tau": MapKind(f"tau{title}", "s", gated=True, exported=True),
            "tau_stderr": MapKind(f"tau{title} standard error", "s", gated=True, exported=True),
            "tau_lower": MapKind(f"tau{title} lower", "s", exported=True),
            "tau_upper": MapKind(f"tau{title} upper", "s", exported=True),
            "beta": MapKind(f"beta{title}", "", gated=True, exported=True),
            "beta_stderr": MapKind(f"beta{title} standard error", "", gated=True, exported=True),
            "tau_slow": MapKind(f"slow tau{title}", "s", gated=True, exported=True),
            "tau_slow_stderr": MapKind(f"slow tau{title} standard error", "s", gated=True, exported=True),
            "share": MapKind(f"share{title}", "", gated=True, exported=True),
            "share_stderr": MapKind(f"share{title} standard error", "", gated=True, exported=True),
            "exponent": MapKind(f"exponent{title}", "", gated=True, exported=True),
            "exponent_stderr": MapKind(f"exponent{title} standard error", "", gated=True, exported=True),
            "tau_mean": MapKind(f"mean tau{title}", "s", gated=True, exported=True),
            "tau_mean_stderr": MapKind(f"mean tau{title} standard error", "s", gated=True, exported=True),
            "D": MapKind(f"D{title}", "m²/s", gated=True, exported=True, visible=True),
            "D_stderr": MapKind(f"D{title} standard error", "m²/s", gated=True, exported=True),
            "D_lower": MapKind(f"D{title} lower", "m²/s", exported=True),
            "D_upper": MapKind(f"D{title} upper", "m²/s", exported=True),
            "log10_D": MapKind(f"log10 D{title}", "", gated=True, exported=True, visible=True),
            "r2": MapKind(f"R2{space}", "", exported=True),
            "status": MapKind(f"status{title}", "", exported=True),
            "a": MapKind(f"a{title}", "displacement"),
            "a_stderr": MapKind(f"a{title} standard error", "displacement"),
            "b": MapKind(f"b{title}", "1/s", gated=True),
            "b_stderr": MapKind(f"b{title} standard error", "1/s", gated=True),
            "c": MapKind(f"c{title}", "displacement"),
            "c_stderr": MapKind(f"c{title} standard error", "displacement"),
            "rms": MapKind(f"RMS{space}", "displacement"),
        }
        kinds |= {
            map_name(quantity, n): replace(kind, fit=n)
            for quantity, kind in of_fit.items()
            if not (n == JOINT and quantity.removesuffix("_stderr") in _OF_WINDOWS)
        }
    return kinds


MAP_KINDS: Final = _kinds()
"""Every map by its name, in the order in which channels and columns are written."""

DERIVED: Final = {map_name("log10_D", n): map_name("D", n) for n in FITS}
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
    """
    return f"{MAP_KINDS[name].title} {label}".rstrip()


def labels_from_maps(maps: xr.Dataset) -> list[str]:
    """Return what tells the pulse settings of a result apart in titles."""
    return pulse_labels(maps["voltage"].values, [str(way) for way in maps["direction"].values])


def exported_maps(maps: xr.Dataset) -> Sequence[str]:
    """Return the names of the maps that are written to a file, in their order."""
    return [
        name
        for name, kind in MAP_KINDS.items()
        if kind.exported and DERIVED.get(name, name) in maps.data_vars
    ]


def map_values(maps: xr.Dataset, name: str) -> xr.DataArray:
    """Return a map of a result, also one that is derived from another."""
    if name in DERIVED:
        with np.errstate(invalid="ignore", divide="ignore"):
            values = maps[DERIVED[name]]
            return values.copy(data=np.log10(values.values))
    return maps[name]
