"""From a .gwy file to datasets: traces that share a time base and a grid, with the channels of that grid."""

from collections.abc import Iterable, Sequence
from os import PathLike
from pathlib import Path

import numpy as np
import xarray as xr
from gwyfile.objects import GwyContainer

from napari_tesm.data.dataset import dataset_from_traces
from napari_tesm.evaluation.recipe import Recipe
from napari_tesm.files.disk import disk_file_of
from napari_tesm.files.sentences import Sentence
from napari_tesm.io.gwy.edits import remember
from napari_tesm.io.gwy.traces import (
    ORIGIN_KEYS,
    TraceStackInfo,
    chosen_stacks,
    time_in_seconds,
    trace_stacks,
)
from napari_tesm.io.images import channels_on_grid
from napari_tesm.quantities.text import factor_from_unit


def datasets_from_container(
    container: GwyContainer,
    path: str | PathLike[str],
    *,
    channels: Sequence[xr.DataArray],
    traces: Sequence[str] | None = None,
    time_unit: str | None = None,
    lateral_unit: str | None = None,
    fitted: Recipe | None = None,
) -> list[xr.Dataset]:
    """Return a dataset for every group of traces with one time base, one protocol and one grid.

    Parameters
    ----------
    container : GwyContainer
    path : path-like
        Where it was read from.
    channels : sequence of DataArray
        From `napari_tesm.io.gwy.channels.channels_from_container`; a group gets those of its grid.
    traces : sequence of str, optional
        Titles or numbers of the volumes and curve maps to take; by default those whose metadata tell of a
        pulse, or all of them if none does.
    time_unit, lateral_unit : str, optional
        Units of axes that have none in the file.
    fitted : Recipe, optional
        Of an earlier fit in this file, which was told the units that axes lack.

    Raises
    ------
    GwyFormatError
        If the metadata of traces cannot be understood.
    UnknownTimeUnitError
        If only the unit of their time is missing.
    ValueError
        If there are no traces, or a unit contradicts the file.
    """
    stacks = trace_stacks(container)
    # Where there is none, that is to be said, and not that one of them is missing.
    stacks = chosen_stacks(stacks, traces) if stacks else []
    if not stacks:
        raise ValueError(f"{Path(path).name} holds no time traces: no volume or curve map with a time axis")
    told = fitted or Recipe()
    groups = []
    for group in _groups(stacks):
        time = time_unit or (None if group[0].time_unit else told.time_unit)
        lateral = lateral_unit or (None if group[0].lateral_unit else told.lateral_unit)
        groups.append(_dataset(group, channels, container, time, lateral))
        groups[-1].encoding["source"] = str(Path(path).absolute())
        remember(groups[-1])
    return groups


def _groups(stacks: Iterable[TraceStackInfo]) -> list[list[TraceStackInfo]]:
    groups: dict[tuple[object, ...], list[TraceStackInfo]] = {}
    for stack in stacks:
        protocol = stack.protocol()
        key = (
            stack.values.shape,
            stack.extents,
            stack.lateral_unit,
            stack.time_unit,
            stack.time.tobytes(),
            protocol,
        )
        groups.setdefault(key, []).append(stack)
    return [part for group in groups.values() for part in _parts_by_unit(group)]


def _parts_by_unit(stacks: list[TraceStackInfo]) -> list[list[TraceStackInfo]]:
    """Return the stacks apart by unit; phases, in a unit of their own, stay with the first."""
    units = list(dict.fromkeys(stack.unit for stack in stacks if stack.signal != "phase"))
    if len(units) <= 1:
        return [stacks]
    parts: dict[str, list[TraceStackInfo]] = {unit: [] for unit in units}
    for stack in stacks:
        parts[units[0] if stack.signal == "phase" else stack.unit].append(stack)
    return list(parts.values())


def _dataset(
    stacks: list[TraceStackInfo],
    channels: Sequence[xr.DataArray],
    container: GwyContainer,
    time_unit: str | None,
    lateral_unit: str | None,
) -> xr.Dataset:
    first = stacks[0]
    time = time_in_seconds(first, time_unit)
    if time.size > 1 and (np.diff(time) <= 0).any():
        where = int(np.flatnonzero(np.diff(time) <= 0)[0]) + 1
        raise ValueError(
            f"the time of {first.name} runs backwards at sample {where}: correct its calibration"
        )
    protocol = first.protocol()
    origin = protocol.pulse_start if protocol.pulse_start is not None else float(time[0])
    scale, unit = _lateral_scale(first, lateral_unit)
    by_signal = _stacks_by_signal(stacks)
    main = by_signal["X"]
    spacing = {"x": first.extents[1] / first.x.size, "y": first.extents[3] / first.y.size}
    same_grid = channels_on_grid(channels, first.y, first.x, (spacing["y"], spacing["x"]), first.lateral_unit)
    disk = disk_file_of(container)
    dataset = dataset_from_traces(
        {signal: [stack.values for stack in members] for signal, members in by_signal.items()},
        time=time - origin,
        x=first.x * scale,
        y=first.y * scale,
        voltage=[stack.voltage for stack in main],
        direction=[stack.direction for stack in main],
        unit=first.unit,
        lateral_unit=unit,
        protocol=protocol,
        channels=same_grid,
        check=None if disk is None else disk.check,
    )
    for axis, step in spacing.items():
        dataset[axis].attrs["spacing"] = step * scale
    dataset.attrs["time_origin"] = origin
    dataset.attrs["traces"] = [stack.title for stack in main]
    dataset.attrs.update(
        {name: first.metadata[key] for key, name in ORIGIN_KEYS.items() if first.metadata.get(key)}
    )
    # Where they came from, so that what a user enters can be written back to the right ones.
    dataset.encoding["stacks"] = [
        (stack.kind, stack.number, pulse)
        for members in by_signal.values()
        for pulse, stack in enumerate(members)
    ]
    entered = {
        name: given
        for name, given, own in (
            ("time_unit", time_unit, first.time_unit), ("lateral_unit", lateral_unit, first.lateral_unit),
        )
        if given is not None and not own
    }  # fmt: skip
    if entered:
        dataset.encoding["entered_units"] = entered
    return dataset


def _stacks_by_signal(stacks: list[TraceStackInfo]) -> dict[str, list[TraceStackInfo]]:
    """Return the stacks by lock-in signal; X (or the only signal there is) rules the pulse settings."""
    signals = {stack.signal for stack in stacks}
    leading = next((signal for signal in ("X", "R") if signal in signals), None)
    if leading is None:  # maps of these would pass for maps of the response
        template = (
            "{name} is the lock-in's {signal}, which is no displacement without X: choose both with {traces}"
        )
        raise ValueError(Sentence(template, name=stacks[0].name, signal=stacks[0].signal))
    main = [stack for stack in stacks if stack.signal == leading]
    grouped = {"X": main}
    for signal in sorted(signals - {leading, "X"}):
        partners = []
        for stack in main:
            same = [
                other
                for other in stacks
                if other.signal == signal
                and other.direction == stack.direction
                and (other.voltage == stack.voltage or np.isnan([other.voltage, stack.voltage]).all())
            ]
            partners += same[:1]
        if len(partners) == len(main):
            grouped[signal] = partners
    return grouped


def _lateral_scale(stack: TraceStackInfo, lateral_unit: str | None) -> tuple[float, str]:
    if stack.lateral_unit:
        if lateral_unit is not None and lateral_unit != stack.lateral_unit:
            template = "the image of {name} is in {unit}: {lateral_unit:{given}} would contradict the file"
            raise ValueError(Sentence(template, name=stack.name, unit=stack.lateral_unit, given=lateral_unit))
        return 1.0, stack.lateral_unit
    return (1.0, "") if lateral_unit is None else (factor_from_unit(lateral_unit, "m"), "m")
