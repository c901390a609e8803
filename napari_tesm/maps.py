"""Result maps: their names, titles, units, and which of them a file or a screen shows."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import xarray as xr

from napari_tesm.dataset import pulse_labels

WINDOWS: Final = (1, 2)


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
    """

    title: str
    unit: str = ""
    gated: bool = False
    exported: bool = False
    visible: bool = False


def _kinds() -> dict[str, MapKind]:
    kinds = {"H": MapKind("H", "displacement", exported=True, visible=True)}
    for n in WINDOWS:
        kinds |= {
            f"tau{n}": MapKind(f"tau{n}", "s", gated=True, exported=True),
            f"tau{n}_stderr": MapKind(f"tau{n} standard error", "s", gated=True, exported=True),
            f"D{n}": MapKind(f"D{n}", "m²/s", gated=True, exported=True, visible=True),
            f"D{n}_stderr": MapKind(f"D{n} standard error", "m²/s", gated=True, exported=True),
            f"log10_D{n}": MapKind(f"log10 D{n}", "", gated=True, exported=True, visible=True),
            f"r2_{n}": MapKind(f"R2 {n}", "", exported=True),
            f"status{n}": MapKind(f"status{n}", "", exported=True),
            f"a{n}": MapKind(f"a{n}", "displacement"),
            f"a{n}_stderr": MapKind(f"a{n} standard error", "displacement"),
            f"b{n}": MapKind(f"b{n}", "1/s", gated=True),
            f"b{n}_stderr": MapKind(f"b{n} standard error", "1/s", gated=True),
            f"c{n}": MapKind(f"c{n}", "displacement"),
            f"c{n}_stderr": MapKind(f"c{n} standard error", "displacement"),
            f"rms_{n}": MapKind(f"RMS {n}", "displacement"),
        }
    return kinds


MAP_KINDS: Final = _kinds()
"""Every map by its name, in the order in which channels and columns are written."""

DERIVED: Final = {f"log10_D{n}": f"D{n}" for n in WINDOWS}
"""Maps that are computed from another one when they are written; the results do not hold them."""


def status_name(name: str) -> str:
    """Return the name of the status map that gates a map.

    Examples
    --------
    >>> status_name("D2_stderr")
    'status2'
    """
    return f"status{name.removesuffix('_stderr')[-1]}"


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
