"""The scans of a series: which maps belong together, in which order, and what is missing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from napari_tesm.data.maps import FITS, map_name, valid_map
from napari_tesm.series.abscissa import VOLTAGE, Abscissa, voltage_text

Array = NDArray[np.float64]

QUANTITIES: Final = ("H", *(map_name(stem, number) for stem in ("D", "tau") for number in FITS))
"""Maps that a series follows over the voltage."""

_SURFACES: Final = (
    ("deflection error", ("deflection", "amplitude error")),
    ("topography", ("topograph", "height")),
)


@dataclass(frozen=True, eq=False)
class Member:
    """One pulse setting of a series.

    Parameters
    ----------
    label : str
        ``"−5 V"``, or ``"cycle 3"``, with `` #2`` for a second scan there.
    voltage : float
        Of the pulse, in V.
    maps : dict of str to DataArray
        H, D1, D2 … with the dimensions y, x, each on the member's own grid.
    surfaces : dict of str to DataArray
        "deflection error" and "topography", taken together with this member's traces.
    source : str
        Which scan it comes from.
    pulse : int
        Which of its pulse settings it is.
    value : float, optional
        Where it lies on another abscissa than the voltage.
    """

    label: str
    voltage: float
    maps: dict[str, xr.DataArray]
    surfaces: dict[str, xr.DataArray] = field(default_factory=dict)
    source: str = ""
    pulse: int = 0
    value: float | None = None

    @property
    def at(self) -> float:
        """Where it lies on the abscissa."""
        return self.voltage if self.value is None else self.value

    @property
    def shape(self) -> tuple[int, int]:
        """Pixels down and across."""
        first = next(iter(self.maps.values()))
        return first.sizes["y"], first.sizes["x"]

    def values(self, name: str) -> Array:
        """Return a map as doubles, H without hot pixels, NaN everywhere where it is not there."""
        if name not in self.maps:
            return np.full(self.shape, np.nan)
        values = np.asarray(valid_map(self.maps[name], name).values)
        return np.where(np.isfinite(values), values, np.nan)


@dataclass(frozen=True, eq=False)
class Series:
    """The pulse settings of one polarity and scan direction over one area, by increasing size of the voltage.

    On another abscissa those of one voltage and scan direction, by its increasing value.

    Parameters
    ----------
    name : str
        ``"negative voltages, retrace"``.
    members : tuple of Member
    sign : float
        +1 or -1: with which sign H answers these voltages. Everything that rises or falls does so in ``sign · H``.
    missing : list of str
        Sentences: what is not there.
    abscissa : Abscissa
    """

    name: str
    members: tuple[Member, ...]
    sign: float = 1.0
    missing: list[str] = field(default_factory=list)
    abscissa: Abscissa = VOLTAGE

    @property
    def voltages(self) -> Array:
        """Where each member lies on the abscissa: its voltage, in V, or what the series goes by instead."""
        return np.array([member.at for member in self.members])

    @property
    def levels(self) -> Array:
        """The voltages there are, each once, by increasing size; on another abscissa its values, in order."""
        return self.abscissa.ordered(self.voltages)

    @property
    def labels(self) -> list[str]:
        """What the members are called."""
        return [member.label for member in self.members]

    def unit(self, name: str = "H") -> str:
        """Return the unit of a map."""
        maps = (member.maps[name] for member in self.members if name in member.maps)
        return next((str(values.attrs.get("units", "")) for values in maps), "")

    def answer(self, index: int, name: str = "H") -> Array:
        """Return a member's map, H with the sign of the series, so that it grows with the response."""
        values = self.members[index].values(name)
        return self.sign * values if name == "H" else values


def series_from_results(
    results: Sequence[xr.Dataset],
    *,
    images: Sequence[Sequence[Mapping[str, xr.DataArray]]] = (),
    names: Sequence[str] = (),
    abscissa: Abscissa = VOLTAGE,
    values: Sequence[float] = (),
) -> list[Series]:
    """Sort the maps of one area by polarity and scan direction, and by voltage; or by what else they differ in.

    Parameters
    ----------
    results : sequence of Dataset
        Result maps of one or more scans; their grids may differ.
    images : sequence of sequence of mapping of str to DataArray
        For each of the results and each of its pulse settings the images taken with it, by their titles; see
        `images_of_pulses`.
    names : sequence of str
        What each of the results is called.
    abscissa : Abscissa
        With another one than the voltage, pulse settings of one voltage and scan direction are a series.
    values : sequence of float
        Of that abscissa, for each of the results; NaN where it is not known.

    Returns
    -------
    list of Series
        Negative voltages first; empty where no voltage is known.
    """
    groups: dict[tuple[float, float, str], list[Member]] = {}
    unknown: list[str] = []
    for number, result in enumerate(results):
        source = names[number] if names else ""
        taken_with = images[number] if images else [{}] * result.sizes["pulse"]
        for pulse, volts in enumerate(np.asarray(result["voltage"].values, dtype=np.float64)):
            maps = {
                name: result[name].isel(pulse=pulse).transpose("y", "x")
                for name in QUANTITIES
                if name in result
            }
            if not np.isfinite(volts) or volts == 0 or "H" not in maps:
                unknown.append(_why_left_out(source, pulse, float(volts)))
                continue
            way = str(result["direction"].values[pulse]) if "direction" in result.coords else ""
            surfaces = _surfaces(taken_with[pulse])
            value = None if abscissa.is_voltage else float(values[number])
            if value is not None and not np.isfinite(value):
                unknown.append(f"The {abscissa.name} of {source} is not entered: it is in no series.")
                break
            found = Member(
                abscissa.text(float(volts) if value is None else value),
                float(volts),
                maps,
                surfaces,
                source,
                pulse,
                value,
            )
            one_voltage = 0.0 if value is None else round(abs(float(volts)), 9)
            groups.setdefault((float(np.sign(volts)), one_voltage, way), []).append(found)
    series = []
    for (sign, _, way), found_there in sorted(groups.items()):
        found_there.sort(key=lambda member: abs(member.at) if abscissa.is_voltage else member.at)
        counted: dict[float, int] = {}
        members = []
        for member in found_there:
            count = counted[member.at] = counted.get(member.at, 0) + 1
            label = f"{member.label} #{count}" if count > 1 else member.label
            members.append(replace(member, label=label, surfaces=_informative(member.surfaces, found_there)))
        name = f"{'positive' if sign > 0 else 'negative'} voltages"
        if not abscissa.is_voltage:
            name = voltage_text(members[0].voltage)
        of_way = Series(
            name + (f", {way}" if way else ""), tuple(members), _sign_of_answer(members), abscissa=abscissa
        )
        of_way.missing.extend([*unknown, *_what_is_missing(of_way)])
        series.append(of_way)
    return series


def images_of_pulses(
    images: Mapping[str, xr.DataArray], traces: Sequence[str], pulses: int
) -> list[dict[str, xr.DataArray]]:
    """Return the images taken with each pulse setting of a dataset that may have been joined from several files.

    Parameters
    ----------
    images : mapping of str to DataArray
        By their titles; `napari_tesm.io.series.open_series` adds the file's name in brackets from the second file on.
    traces : sequence of str
        Titles of the traces, ``"scan2: Traces (-5 V)"``, as the attribute `traces` has them.
    pulses : int
        How many pulse settings there are.
    """
    titles = list(traces) if len(traces) == pulses else [""] * pulses
    files = [title.split(": ")[0] if ": " in title else "" for title in titles]
    own = {
        name: {t.removesuffix(f" ({name})"): i for t, i in images.items() if t.endswith(f" ({name})")}
        for name in files
    }
    elsewhere = {title for name in files for title in images if name and title.endswith(f" ({name})")}
    plain = {title: image for title, image in images.items() if title not in elsewhere}
    # The images of the first file carry no name.
    return [plain if not name or name == files[0] else own[name] for name in files]


def _surfaces(images: Mapping[str, xr.DataArray]) -> dict[str, xr.DataArray]:
    surfaces = {}
    for kind, words in _SURFACES:
        fitting = (image for title, image in images.items() if any(word in title.lower() for word in words))
        image = next(fitting, None)
        if (
            image is not None
            and np.isfinite(image.values).any()
            and np.ptp(image.values[np.isfinite(image.values)]) > 0
        ):
            surfaces[kind] = image.transpose("y", "x")
    return surfaces


def _informative(surfaces: dict[str, xr.DataArray], members: Sequence[Member]) -> dict[str, xr.DataArray]:
    """Return the surfaces that are not one and the same image for several pulse settings: that would tell no drift."""
    kept = {}
    for kind, image in surfaces.items():
        same = sum(
            kind in member.surfaces
            and np.array_equal(member.surfaces[kind].values, image.values, equal_nan=True)
            for member in members
        )
        if same == 1:
            kept[kind] = image
    return kept


def _sign_of_answer(members: Sequence[Member]) -> float:
    """Return with which sign H answers: that of the pixels that move most, over all members."""
    total = 0.0
    for member in members:
        values = member.values("H")
        finite = values[np.isfinite(values)]
        if finite.size:
            # The median is all but zero where most of the area does not respond, and hot pixels have either sign.
            low, high = np.percentile(finite, [2, 98])
            total += float(low + high)
    return -1.0 if total < 0 else 1.0


def _what_is_missing(series: Series) -> list[str]:
    sentences = []
    if series.levels.size == 1:
        sentences.append(
            f"There is one {series.abscissa.name} only ({series.abscissa.text(series.levels[0])}): whether H rises or "
            "saturates takes more."
        )
    for member in series.members:
        if not np.isfinite(member.values("H")).any():
            sentences.append(f"H at {member.label} has no value in any pixel.")
    shapes = {member.shape for member in series.members}
    if len(shapes) > 1:
        sizes = ", ".join(f"{width} × {height}" for height, width in sorted(shapes))
        sentences.append(f"The scans differ in size ({sizes} pixels): they are compared where they overlap.")
    return sentences


def _why_left_out(source: str, pulse: int, volts: float) -> str:
    where = f"pulse setting {pulse + 1}" + (f" of {source}" if source else "")
    if np.isnan(volts):
        return f"The voltage of {where} is not known: it is in no voltage series."
    if volts == 0:
        return f"{where[0].upper()}{where[1:]} has no voltage (0 V): it is in no voltage series."
    return f"{where[0].upper()}{where[1:]} has no H: it is in no voltage series."
