"""How a simulated scan keeps time: its pace, its pauses, and what goes wrong."""

from dataclasses import dataclass, replace
from typing import Final, Literal

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from napari_tesm.recording.order import ScanOrder

Indices = NDArray[np.int64]

_LARGEST: Final = 1e6
_LEAD_IN: Final = 2.5
"""Pixel periods before the first line, where the start is not clipped."""


@dataclass(frozen=True)
class Timing:
    """How a simulated scan keeps time and what goes wrong.

    Parameters
    ----------
    turnaround : float or (float, float)
        Pause between the last pixel period of a pass and the first of the next one, in pixel periods; two values follow
        each other in turn.
    jitter : float
        Standard deviation of the starts of the pulses, as a part of the pixel period.
    pause : float, optional
        Part of the pixel period between two records; as much as the jitter needs by default.
    dropped : float
        Part of the pixel triggers that are lost: no trigger, no pulse, no response.
    doubled : float
        Part of the pixel triggers that come twice.
    second_pulse : bool
        A doubled trigger applies the pulse once more, into the record of its pixel. Else it is a bounce of the line.
    line_trigger : "line", "way" or ""
        Whether there is a trigger once for each line, for each way of each line, or none.
    dropped_lines, doubled_lines : float
        Parts of the line triggers that are lost, that come twice.
    line_jitter : float
        Standard deviation of the pauses between passes, in pixel periods, as of scans that a program drives.
    clip : (float, float)
        Passes missing at the begin and at the end of the recording, fractions too.
    dc_noise, idle_noise : float
        Standard deviation of the dc voltage, and of the lock-in's output between the records, in V.
    """

    turnaround: float | tuple[float, float] = 3.4
    jitter: float = 0.0
    pause: float | None = None
    dropped: float = 0.0
    doubled: float = 0.0
    second_pulse: bool = False
    line_trigger: Literal["line", "way", ""] = "line"
    dropped_lines: float = 0.0
    doubled_lines: float = 0.0
    line_jitter: float = 0.0
    clip: tuple[float, float] = (0.0, 0.0)
    dc_noise: float = 3e-3
    idle_noise: float = 8e-3

    def __post_init__(self) -> None:
        for name in ("dropped", "doubled", "dropped_lines", "doubled_lines"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(
                    f"the part of {name} triggers must lie between 0 and 1, not {getattr(self, name)}"
                )
        values = (
            self.jitter,
            self.pause or 0.0,
            self.line_jitter,
            *self.clip,
            self.dc_noise,
            self.idle_noise,
        )
        turns = np.atleast_1d(np.asarray(self.turnaround, dtype=np.float64))
        if not all(0 <= value <= _LARGEST for value in (*values, *turns)):
            raise ValueError(
                f"turnaround, jitter, pause, clipping and noise must be numbers from zero to {_LARGEST:g}"
            )


def order_from_dataset(
    dataset: xr.Dataset,
    *,
    ways: tuple[str, ...] | None = None,
    serpentine: bool = False,
    upward: bool = False,
) -> ScanOrder:
    """Return the order of a scan in which a dataset's pulse settings are recorded."""
    directions = [str(way) for way in dataset["direction"].values]
    if ways is None:
        ways = tuple(dict.fromkeys(way for way in directions if way)) or ("trace",)
        if serpentine:
            ways = ways[:1]
    voltages = tuple(float(value) for value in dataset["voltage"].values)
    if not np.isfinite(voltages).all():
        raise ValueError("a recording needs to know the pulse voltages")
    settings = dataset.sizes["pulse"]
    if settings % len(ways):
        raise ValueError(f"{settings} pulse settings cannot be shared out among {len(ways)} ways")
    per_way = settings // len(ways)
    common = {"ways": ways, "serpentine": serpentine, "upward": upward}
    shape = dataset.sizes["x"], dataset.sizes["y"]
    if per_way == 1:
        return ScanOrder(*shape, voltages=voltages, voltages_per="way", **common)  # type: ignore[arg-type]
    if any(voltages[k] != voltages[k % per_way] for k in range(settings)):
        raise ValueError("each way must have the same voltages in one order")
    return ScanOrder(*shape, voltages=voltages[:per_way], **common)  # type: ignore[arg-type]


@dataclass(frozen=True, eq=False)
class Plan:
    """Begin of every record, counted from the begin of the first one, and the place it belongs to."""

    start: Indices
    pulse: Indices
    row: Indices
    column: Indices
    number: Indices
    pass_start: Indices
    period: int
    length: int


def plan_from_order(order: ScanOrder, samples: int, timing: Timing, rng: np.random.Generator) -> Plan:
    """Return when the records of a whole scan begin; each lasts `samples`."""
    per_pixel = order.pulses_per_pixel
    # The records must not run into one another: the jitter has the pause to move in.
    needed = int(np.ceil(6 * timing.jitter * samples * per_pixel)) + 1
    pause = needed if timing.pause is None else round(timing.pause * samples)
    if timing.jitter and pause < 2:
        raise ValueError("with jitter there must be a pause of at least two samples between the records")
    beat, columns, passes = samples + pause, order.columns, order.passes
    period = beat * per_pixel
    turn = np.broadcast_to(np.atleast_1d(np.asarray(timing.turnaround, dtype=np.float64)), 2)
    if turn.min() < 0:
        raise ValueError("the turnaround must not be negative")
    apart = columns * period + np.rint(turn[np.arange(passes) % 2] * period).astype(np.int64)
    apart += np.rint(np.abs(rng.standard_normal(passes)) * timing.line_jitter * period).astype(np.int64)
    lead = round(_LEAD_IN * period)
    pass_start = lead + np.concatenate([[0], np.cumsum(apart)[:-1]])
    beats = np.arange(columns * per_pixel)
    start = pass_start[:, None] + beats * beat
    if timing.jitter:
        reach = pause // 2
        start += np.clip(
            np.rint(timing.jitter * period * rng.standard_normal(start.shape)), -reach, reach
        ).astype(np.int64)
    ways = len(order.ways)
    number = np.repeat(np.arange(passes), beats.size)
    column = np.concatenate(
        [np.repeat(order.columns_of(pass_number), per_pixel) for pass_number in range(passes)]
    )
    row = np.repeat([order.row_of(pass_number) for pass_number in range(passes)], beats.size)
    pulse = (number % ways) * per_pixel + np.tile(np.tile(np.arange(per_pixel), columns), passes)
    return Plan(
        start.ravel(),
        pulse,
        row,
        column,
        number,
        pass_start,
        period,
        int(pass_start[-1] + columns * period + lead),
    )


def clipped_plan(plan: Plan, order: ScanOrder, timing: Timing) -> tuple[int, int, ScanOrder]:
    """Return the first sample of the recording, its size, and the order with the line it starts in."""
    edges = np.append(plan.pass_start, plan.length)
    at = np.interp([timing.clip[0], len(plan.pass_start) - timing.clip[1]], np.arange(edges.size), edges)
    first = round(at[0]) if timing.clip[0] else 0
    last = round(at[1]) if timing.clip[1] else plan.length
    if last <= first:
        raise ValueError("nothing is left of the recording once its ends are clipped")
    line = int(timing.clip[0]) // len(order.ways)
    return first, last - first, replace(order, first_line=line) if line else order
