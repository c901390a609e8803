"""Trace stacks in a container: which bricks and curve maps hold traces, and their pulse protocol."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from gwyfile.objects import GwyContainer
from numpy.typing import NDArray

from napari_tesm.data.protocol import UNITS, PulseProtocol, text_from_radius
from napari_tesm.files.disk import DiskArray
from napari_tesm.files.errors import GwyFormatError
from napari_tesm.files.lazy import LazyArray
from napari_tesm.files.sentences import Sentence
from napari_tesm.gwy import contents
from napari_tesm.gwy.lawns import Lawn
from napari_tesm.gwy.objects import Brick
from napari_tesm.gwy.si_units import stored_unit, unit_from_stored
from napari_tesm.kernels.low_pass import order_from_text
from napari_tesm.quantities.text import (
    factor_from_unit,
    plain_text,
    quantity_and_error_from_text,
    quantity_from_text,
    text_from_quantity,
)

Array = NDArray[np.float64]

PROTOCOL_FIELDS: Final = {
    "Pulse start": "pulse_start",
    "Pulse duration": "pulse_duration",
    "AC amplitude": "ac_amplitude",
    "AC frequency": "ac_frequency",
    "Lock-in time constant": "lock_in_time_constant",
}
"""Metadata that hold a quantity, and its field in the protocol."""
_RADII: Final = {"Tip radius": "tip_radius", "Contact radius": "contact_radius"}
"""Metadata that hold a radius, with or without its error, and its field in the protocol."""
_ORDER: Final = "Lock-in order"
"""Metadata key of a number without a unit."""
_TITLED: Final = re.compile(r"traces (y|r|phase)\b", re.IGNORECASE)
_SIGNALS: Final = {"x": "X", "y": "Y", "r": "R", "phase": "phase"}

ORIGIN_KEYS: Final = {"Mapping": "mapping", "Recording report": "recording_report"}
"""Metadata that tell how traces came from a recording, and the dataset's attributes of them."""


class UnknownTimeUnitError(ValueError):
    """Traces whose time axis has no unit: they can be looked at, and nothing else."""


@dataclass(frozen=True, eq=False)
class TraceStackInfo:
    """One brick or curve map as a stack of traces; nothing of it is read until it is indexed.

    Parameters
    ----------
    values : ndarray or LazyArray, shape (y, x, time)
        Still in the file where they are large.
    time : ndarray, shape (time,)
        Sample times on the file's axis, in `time_unit`.
    x, y : ndarray
        Pixel centres in `lateral_unit`.
    metadata : dict of str
        As they stand in the file.
    """

    kind: str
    number: int
    title: str
    values: Array | LazyArray
    time: Array
    time_unit: str
    x: Array
    y: Array
    extents: tuple[float, float, float, float]
    lateral_unit: str
    unit: str
    metadata: dict[str, str]

    @property
    def has_protocol(self) -> bool:
        """Whether the metadata say anything of a pulse."""
        return any(key in self.metadata for key in ("Pulse voltage", "Pulse start", "Pulse duration"))

    @property
    def name(self) -> str:
        """What to call it in a message."""
        kind = "volume" if self.kind == contents.BRICK else "curve map"
        return f"{kind} {self.number}, '{self.title}'" if self.title else f"{kind} {self.number}"

    def quantity(self, key: str) -> float | None:
        """Return a quantity of the metadata in SI units, None where it is missing.

        Raises
        ------
        GwyFormatError
            If it is there and cannot be understood.
        """
        if key not in self.metadata:
            return None
        try:
            return quantity_from_text(
                self.metadata[key], UNITS[PROTOCOL_FIELDS[key]] if key in PROTOCOL_FIELDS else "V"
            )
        except ValueError as error:
            raise GwyFormatError(f"the metadata '{key}' of {self.name}: {error}") from None

    @property
    def voltage(self) -> float:
        """Pulse voltage in V, NaN where unknown."""
        value = self.quantity("Pulse voltage")
        return np.nan if value is None else value

    @property
    def direction(self) -> str:
        """Scan direction: trace, retrace or nothing."""
        text = self.metadata.get("Scan direction", "").strip().lower()
        if text not in ("trace", "retrace", ""):
            raise GwyFormatError(
                f"the metadata 'Scan direction' of {self.name} is '{text}', not trace or retrace"
            )
        return text

    @property
    def signal(self) -> str:
        """Lock-in signal: X, Y, R or phase, by the metadata or else the title; X where neither says one."""
        titled = _TITLED.match(self.title)
        text = plain_text(self.metadata.get("Lock-in signal", titled[1] if titled else "X")).lower()
        if text not in _SIGNALS:
            raise GwyFormatError(
                f"the metadata 'Lock-in signal' of {self.name} is '{text}', not X, Y, R or phase"
            )
        return _SIGNALS[text]

    def protocol(self) -> PulseProtocol:
        """Return what the metadata say of the pulse, beyond voltage and direction."""
        values: dict[str, Any] = {field: self.quantity(key) for key, field in PROTOCOL_FIELDS.items()}
        try:
            for key, field in _RADII.items():
                if key in self.metadata:
                    radius, error = quantity_and_error_from_text(self.metadata[key], "m")
                    values |= {field: radius, f"{field}_error": error}
            if _ORDER in self.metadata:
                values["lock_in_order"] = order_from_text(plain_text(self.metadata[_ORDER]))
            return PulseProtocol(**values)
        except ValueError as error:
            raise GwyFormatError(f"the metadata of {self.name}: {error}") from None


def trace_stacks(container: GwyContainer) -> list[TraceStackInfo]:
    """Return every brick and every curve map that can hold traces, in the order of their ids."""
    stacks = [_stack_from_brick(container, number) for number in contents.ids(container, contents.BRICK)]
    for number in contents.ids(container, contents.LAWN):
        stacks += _stacks_from_lawn(container, number)
    return stacks


def chosen_stacks(stacks: Sequence[TraceStackInfo], names: Sequence[str] | None) -> list[TraceStackInfo]:
    """Return the stacks named by title or number; without names those with a protocol, or else all.

    Raises
    ------
    ValueError
        If a name fits none.
    """
    if not names:
        return [stack for stack in stacks if stack.has_protocol] or [
            stack for stack in stacks if stack.time_unit in ("s", "")
        ]
    chosen = []
    for name in names:
        named = [stack for stack in stacks if stack.title == name] or [
            stack for stack in stacks if str(stack.number) == name
        ]
        if not named:
            titles = ", ".join(f"{stack.number} '{stack.title}'" for stack in stacks) or "none"
            raise ValueError(f"there are no traces called '{name}'; the file holds: {titles}")
        chosen += [stack for stack in named if stack not in chosen]
    return chosen


def time_in_seconds(stack: TraceStackInfo, time_unit: str | None) -> Array:
    """Return the time axis of the file in s.

    Raises
    ------
    UnknownTimeUnitError
        If the axis has no unit and none is given.
    ValueError
        If both are there and differ, or it is no time.
    """
    if not stack.time_unit:
        if time_unit is None:
            template = "the time axis of {name} has no unit: give it with {time_unit}, e.g. s"
            raise UnknownTimeUnitError(Sentence(template, name=stack.name))
        return np.asarray(stack.time * factor_from_unit(time_unit, "s"))
    if stack.time_unit != "s":
        raise ValueError(
            f"the axis of {stack.name} is in {stack.time_unit}, not in s: it holds no time traces"
        )
    if time_unit is not None and factor_from_unit(time_unit, "s") != 1.0:
        template = "the time axis of {name} is in s: {time_unit:{given}} would contradict the file"
        raise ValueError(Sentence(template, name=stack.name, given=time_unit))
    return stack.time


def metadata_from_protocol(
    protocol: PulseProtocol, voltage: float, direction: str, signal: str, *, unit: str = ""
) -> dict[str, str]:
    """Return the metadata a person reads and edits in Gwyddion's metadata browser."""
    entries: dict[str, str] = {}
    if np.isfinite(voltage):
        entries["Pulse voltage"] = text_from_quantity(voltage, "V")
    for key, field in PROTOCOL_FIELDS.items():
        value = getattr(protocol, field)
        if value is not None:
            entries[key] = text_from_quantity(value, UNITS[field])
    if protocol.lock_in_order is not None:
        entries[_ORDER] = f"{protocol.lock_in_order:g}"
    for key, field in _RADII.items():
        if (radius := getattr(protocol, field)) is not None:
            entries[key] = text_from_radius(radius, getattr(protocol, f"{field}_error"))
    if direction:
        entries["Scan direction"] = direction
    entries["Lock-in signal"] = signal
    return entries | stored_unit(unit)[1]


def _stack_from_brick(container: GwyContainer, number: int) -> TraceStackInfo:
    key = contents.object_key(contents.BRICK, number)
    brick = Brick.from_object(container[key], key)
    values: Any = brick.values
    order = (1, 2, 0)
    metadata = contents.texts_of(container, contents.BRICK, number)
    return TraceStackInfo(
        contents.BRICK,
        number,
        contents.title(container, contents.BRICK, number),
        values.transposed(order) if isinstance(values, DiskArray) else np.transpose(values, order),
        np.asarray(brick.z),
        brick.z_unit,
        _centres(brick.x_offset, brick.x_real, values.shape[2]),
        _centres(brick.y_offset, brick.y_real, values.shape[1]),
        (brick.x_offset, brick.x_real, brick.y_offset, brick.y_real),
        brick.unit_x,
        unit_from_stored(brick.unit_w, metadata),
        metadata,
    )


def _stacks_from_lawn(container: GwyContainer, number: int) -> list[TraceStackInfo]:
    """Return a stack for each signal of a curve map whose pixels share one time curve, else nothing."""
    key = contents.object_key(contents.LAWN, number)
    lawn = Lawn.from_object(container[key], key)
    curves = lawn.regular_curves()
    times = [
        index
        for index, (unit, label) in enumerate(zip(lawn.units, lawn.labels, strict=True))
        if unit == "s" or (not unit and label.strip().lower().startswith("time"))
    ]
    if curves is None or not times or curves.shape[-1] == 0:
        return []
    time = np.array(curves[0, 0, times[0]])
    slack = 1e-6 * float(np.ptp(time) or 1.0)
    if not all(
        np.allclose(row[:, times[0]], time, rtol=0, atol=slack)
        for row in map(curves.__getitem__, range(len(curves)))
    ):
        return []
    metadata = contents.texts_of(container, contents.LAWN, number)
    title = contents.title(container, contents.LAWN, number)
    height, width = curves.shape[:2]
    return [
        TraceStackInfo(
            contents.LAWN,
            number,
            title if len(lawn.units) == 2 else f"{title} {lawn.labels[index]}".strip(),
            curves.at(2, index) if isinstance(curves, DiskArray) else curves[:, :, index],
            time,
            lawn.units[times[0]],
            _centres(lawn.x_offset, lawn.x_real, width),
            _centres(lawn.y_offset, lawn.y_real, height),
            (lawn.x_offset, lawn.x_real, lawn.y_offset, lawn.y_real),
            lawn.unit_xy,
            unit_from_stored(lawn.units[index], metadata),
            metadata,
        )
        for index in range(lawn.n_curves)
        if index != times[0]
    ]


def _centres(offset: float, real: float, count: int) -> Array:
    return np.asarray(offset + (np.arange(count) + 0.5) * (real / count), dtype=np.float64)
