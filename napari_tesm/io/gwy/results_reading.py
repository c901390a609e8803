"""The results that a container holds, as maps again: what has a value is what had one when it was fitted."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import xarray as xr
from gwyfile.objects import GwyContainer
from numpy.typing import NDArray

from napari_tesm.data.lateral import ATTRIBUTE as LATERAL
from napari_tesm.data.maps import DERIVED, MAP_KINDS, status_name
from napari_tesm.data.parity import COORDINATE, EVEN, ODD
from napari_tesm.data.protocol import UNITS
from napari_tesm.evaluation.parity import ATTRIBUTE as PARTS
from napari_tesm.evaluation.pipeline import systematic_from_attributes
from napari_tesm.gwy import contents
from napari_tesm.gwy.objects import Field
from napari_tesm.gwy.si_units import unit_from_stored
from napari_tesm.io.gwy.digests import changes_since_fit, fill_of
from napari_tesm.io.gwy.results import (
    INSTRUMENT_KEY,
    LATERAL_KEY,
    MAP_KEY,
    PARITY_KEY,
    PARTS_KEY,
    QUANTITIES_KEYS,
    SHA256_KEY,
    STRETCHES,
    axes_from_field,
    is_result,
)
from napari_tesm.quantities.status import INVALID, OK, STATUS_MEANINGS
from napari_tesm.quantities.text import quantity_from_text


def maps_from_container(container: GwyContainer, *, notes: list[str] | None = None) -> xr.Dataset | None:
    """Return the results that a container holds, NaN where nothing was accepted; None where there are none.

    A mask on a channel is a mark of whoever drew it, and takes no value away: which pixels have one is told by the
    numbers as they were written and, where those were changed since, by the status.

    Written again, they make the same channels.

    Parameters
    ----------
    notes : list of str, optional
        Gets a sentence for every result channel that does not go with the others, or is not as it was fitted: cropped,
        copied, filtered in Gwyddion, or with a mask of its own.
    """
    said = [] if notes is None else notes
    chosen: dict[tuple[int, str], _Result] = {}
    for result in _results_of_one_size(container, said):
        first = chosen.setdefault((result.pulse, result.name), result)
        if first is not result:
            said.append(f"'{result.title}' is there twice: the first one counts")
    if not chosen:
        return None
    pulses = sorted({pulse for pulse, _ in chosen})
    names = [name for name in MAP_KINDS if all((pulse, name) in chosen for pulse in pulses)]
    for pulse, name in sorted(chosen.keys() - {(pulse, name) for pulse in pulses for name in names}):
        said.append(f"'{chosen[pulse, name].title}' is not there for every pulse: it is left out")
    for (pulse, name), result in chosen.items():
        said += result.notes(chosen.get((pulse, _status_of(name))))
    first = next(iter(chosen.values()))
    # One grid for all: fields that Gwyddion has saved may differ in the last digit.
    axes = axes_from_field(first.field)
    variables = {}
    for name in names:
        values = np.stack(
            [chosen[pulse, name].values(chosen.get((pulse, _status_of(name)))) for pulse in pulses]
        )
        attributes: dict[str, Any] = {
            "units": chosen[pulses[0], name].unit,
            "long_name": MAP_KINDS[name].title,
        }
        if name.startswith("status"):
            # A channel may have been worked on in Gwyddion; what is no status any more is no valid pixel.
            values = np.where(np.isin(values, range(len(STATUS_MEANINGS))), values, INVALID).astype(np.int8)
            attributes["flag_values"] = np.arange(len(STATUS_MEANINGS), dtype=np.int8)
            attributes["flag_meanings"] = " ".join(STATUS_MEANINGS)
        variables[name] = (("pulse", "y", "x"), values, attributes)
    of_pulse = [
        next(chosen[pulse, name].metadata for name in MAP_KINDS if (pulse, name) in chosen)
        for pulse in pulses
    ]
    coordinates: dict[str, Any] = dict(axes)
    coordinates["voltage"] = (
        "pulse",
        [_number(said, entries, "Pulse voltage", "V") for entries in of_pulse],
        {"units": "V"},
    )
    coordinates["direction"] = ("pulse", [entries.get("Scan direction", "") for entries in of_pulse])
    parities = [entries.get(PARITY_KEY, "") for entries in of_pulse]
    if all(parity in (ODD, EVEN) for parity in parities):
        coordinates[COORDINATE] = ("pulse", parities)
    unit = chosen[pulses[0], "H"].unit if "H" in names else ""
    thresholds = [_number(said, entries, "Threshold value", unit) for entries in of_pulse]
    if "H" in names and all("Threshold value" in entries for entries in of_pulse):
        coordinates["threshold"] = ("pulse", thresholds, {"units": unit})
    return xr.Dataset(variables, coords=coordinates, attrs=_attributes(first.metadata, said))


@dataclass(frozen=True, eq=False)
class _Result:
    """One result channel of a container."""

    container: GwyContainer
    number: int
    title: str
    pulse: int
    name: str
    field: Field
    metadata: dict[str, str]

    @property
    def unit(self) -> str:
        unit = MAP_KINDS[self.name].unit
        return unit_from_stored(self.field.unit_z, self.metadata) if unit == "displacement" else unit

    @property
    def mask(self) -> NDArray[np.bool_] | None:
        marked = contents.mask(self.container, self.number)
        return None if marked is None or marked.shape != self.field.values.shape else marked

    def missing(self, status: Self | None) -> NDArray[np.bool_]:
        """Return which pixels have no value: as written, else by the status, else by the mask."""
        missing = fill_of(self.field, self.metadata)
        if missing is None and status is not None and MAP_KINDS[self.name].gated:
            missing = status.field.values != OK
        if missing is None:
            missing = self.mask
        return np.zeros(self.field.values.shape, dtype=np.bool_) if missing is None else missing

    def values(self, status: Self | None) -> np.ndarray:
        """Return the numbers, NaN where there is no value."""
        return np.where(self.missing(status), np.nan, self.field.values)

    def notes(self, status: Self | None) -> Iterator[str]:
        """Yield what is not as it was fitted, in sentences."""
        if change := changes_since_fit(self.field, self.metadata):
            yield f"'{self.title}' {change}"
        missing, mask = self.missing(status), self.mask
        if mask is not None and (mask != missing).any():
            yield f"the mask of '{self.title}' is not that of the pixels without a value: it counts as a mark"


def _status_of(name: str) -> str:
    return "" if MAP_KINDS[name].fit is None else status_name(name)


def _results_of_one_size(container: GwyContainer, notes: list[str]) -> list[_Result]:
    """Return the result channels that have the size most of them have."""
    by_size: dict[tuple[int, ...], list[_Result]] = {}
    for number in contents.ids(container, contents.CHANNEL):
        metadata = contents.texts_of_channel(container, number)
        if not is_result(metadata) or metadata[MAP_KEY] in DERIVED:
            continue
        title = contents.title(container, contents.CHANNEL, number)
        try:
            field = contents.image(container, number)
            pulse = int(metadata.get("Pulse number", "1"))
        except ValueError as error:
            notes.append(f"the result '{title}' cannot be read: {error}")
            continue
        result = _Result(container, number, title, pulse, metadata[MAP_KEY], field, metadata)
        by_size.setdefault(field.values.shape, []).append(result)
    # max() takes the first of equals.
    most = max(by_size.values(), key=len, default=[])
    for results in by_size.values():
        if results is not most:
            notes += [
                f"'{result.title}' has another size than the other results: it is left out"
                for result in results
            ]
    return most


def _attributes(metadata: dict[str, str], notes: list[str]) -> dict[str, Any]:
    """Return what the metadata of a result say of its making, as `napari_tesm.evaluation.pipeline.run` puts it."""
    attributes: dict[str, Any] = {
        "recipe": metadata.get("Recipe", ""),
        "version": metadata.get("napari-tesm version", ""),
    }
    for key, name in QUANTITIES_KEYS.items():
        value = _number(notes, metadata, key, UNITS[name])
        if np.isfinite(value):
            attributes[name] = value
    attributes |= {name: metadata[key] for key, name in STRETCHES if key in metadata}
    attributes |= systematic_from_attributes(attributes)
    if INSTRUMENT_KEY in metadata:
        attributes["instrument"] = metadata[INSTRUMENT_KEY]
    if LATERAL_KEY in metadata:
        attributes[LATERAL] = metadata[LATERAL_KEY]
    if PARTS_KEY in metadata:
        attributes[PARTS] = metadata[PARTS_KEY]
    # Empty where what was fitted had come from no file.
    return attributes | {"input_sha256": metadata.get(SHA256_KEY, "")}


def _number(notes: list[str], metadata: Mapping[str, str], key: str, unit: str) -> float:
    """Return a quantity of the metadata, NaN where it is missing or no quantity."""
    text = metadata.get(key)
    if text is None:
        return np.nan
    try:
        # A unit of nobody's system stands behind the number as it is.
        return quantity_from_text(text, unit) if unit in ("V", "m", "s", "Hz") else float(text.split()[0])
    except (ValueError, IndexError) as error:
        notes.append(f"'{key}' of the results in the file is left out: {error}")
        return np.nan
