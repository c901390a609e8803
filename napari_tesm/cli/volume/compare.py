"""``tesm volume compare``: several states of an electrode on one scale."""

import argparse
import math
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from napari_tesm.cli.arguments import UsageError
from napari_tesm.cli.outputs import (
    Outputs,
    outputs_of,
    paths_asked,
    print_outcome,
    refuse_inputs,
)
from napari_tesm.cli.progress import progress_for
from napari_tesm.cli.volume.opening import part_of, volume_to_read
from napari_tesm.files.texts import printable
from napari_tesm.quantities.text import fraction_from_text
from napari_tesm.volumes.levels import levels_of
from napari_tesm.volumes.material import material_of
from napari_tesm.volumes.states import POROSITY, Change, State, change_of
from napari_tesm.volumes.surfaces import notes_of, nothing_lies_on, surfaces_of
from napari_tesm.volumes.thickness import UNKNOWN, thickness_of, thickness_of_electrode

_COLUMNS = (
    "state", "cycles", "capacity", "thickness", "sd", "mean_error", "error", "ratio", "ratio_error", "expected_low",
    "expected_high", "excess", "material", "material_ratio", "material_error",
)  # fmt: skip


def run_command(options: argparse.Namespace) -> int:
    """Compare states; see ``tesm volume compare --help``."""
    files: list[str] = options.files
    cycles, capacities = (
        _numbers(getattr(options, name), name, len(files)) for name in ("cycles", "capacity")
    )
    reference = _reference(options.reference, files)
    porosity = _porosity(options.porosity)
    for path in paths_asked(options).values():
        refuse_inputs(path, *files, *options.cycling)
    progress = progress_for(options.progress)
    with outputs_of(options) as outputs:
        records = _records(options)
        states = []
        simulated, notes = False, []
        for number, path in enumerate(files):
            part = part_of(progress, number / len(files), (number + 1) / len(files))
            volume = volume_to_read(options, path)
            simulated |= bool(volume.attrs.get("simulated", False))
            state, found = _state(volume, path, part, cycles[number], capacities[number])
            states.append(state)
            notes += [f"{state.name}: {note}" for note in found]
        changes = [change_of(state, states[reference], porosity=porosity) for state in states]
        content: dict[str, Any] = {
            "reference": states[reference].name,
            "porosity": porosity,
            "states": [_entry(state, change) for state, change in zip(states, changes, strict=True)],
            "simulated": simulated,
            "notes": notes,
        }
        outputs.write_json(content)
        outputs.write_text("csv", lambda: _table(content["states"]))
        _write_figure(outputs, states, changes, states[reference], records)
    print_outcome(options, content, map(printable, _lines(content, states[reference])))
    return 0


def _numbers(text: str | None, name: str, count: int) -> list[float | None]:
    """Return a number for each state from an option, None where it says nothing of it."""
    if text is None:
        return [None] * count
    words = [word.strip() for word in text.split(",")]
    try:
        numbers = [None if word in ("", "-") else float(word) for word in words]
    except ValueError:
        numbers = [math.nan]
    if any(number is not None and not (math.isfinite(number) and number >= 0) for number in numbers):
        raise UsageError(f"--{name} takes numbers, like 0,2,500, not '{text}'")
    if len(numbers) != count:
        raise UsageError(f"--{name} names {len(numbers)} numbers for {count} volumes: give one for each")
    return numbers


def _reference(name: str | None, files: Sequence[str]) -> int:
    """Return which of the volumes is the reference: the first, or the one that is named."""
    if name is None:
        return 0
    matching = [
        number for number, path in enumerate(files) if name in (path, Path(path).name, Path(path).stem)
    ]
    if len(matching) != 1:
        raise UsageError(f"--reference '{name}' is {'none' if not matching else 'several'} of the volumes")
    return matching[0]


def _porosity(text: str | None) -> float:
    try:
        value = POROSITY if text is None else fraction_from_text(text)
    except ValueError as error:
        raise UsageError(f"--porosity: {error}") from None
    if not 0 <= value < 1:
        raise UsageError(f"--porosity takes a part of the volume, like 60.4%, not '{text}'")
    return value


def _records(options: argparse.Namespace) -> list[Any]:
    if not options.cycling:
        return []
    if not options.figure:
        raise UsageError("cycling curves are drawn beside the bars: --cycling goes with --figure")
    from napari_tesm.findings.cycling import read_cycling

    return [read_cycling(path) for path in options.cycling]


def _state(
    volume: Any,
    path: str,
    progress: Callable[[float, str], None] | None,
    cycles: float | None,
    capacity: float | None,
) -> tuple[State, list[str]]:
    """Return a state, and what has to be known of it; numbers are `UNKNOWN` where nobody can tell them."""
    levels = levels_of(volume)
    surfaces = surfaces_of(volume, levels, progress=part_of(progress, 0, 0.85))
    notes = notes_of(volume, surfaces)
    thickness = material = UNKNOWN
    if nothing_lies_on(surfaces):
        notes.append("nothing lies on the collector")
    elif (found := thickness_of_electrode(surfaces)).known:
        thickness = found
        material = thickness_of(
            material_of(volume, levels, surfaces, progress=part_of(progress, 0.85, 1)).values
        )
    return State(Path(path).stem, thickness, material, cycles, capacity), notes


def _entry(state: State, change: Change) -> dict[str, Any]:
    thickness, material = state.thickness, state.material
    return {
        "name": state.name,
        "cycles": state.cycles,
        "capacity": state.capacity,
        "thickness": {
            "mean": thickness.mean,
            "sd": thickness.sd,
            "mean_error": thickness.mean_error,
            "error": thickness.error,
        }
        if thickness.known
        else None,
        "ratio": _known(change.ratio),
        "ratio_error": _known(change.ratio_error),
        "expansion": _known(change.ratio - 1),
        "expected": None if change.expected is None else list(change.expected),
        "excess": _known(change.excess),
        "material": {
            "thickness": _known(material.mean),
            "mean_error": _known(material.mean_error),
            "ratio": _known(change.material),
            "ratio_error": _known(change.material_error),
        },
    }


def _known(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else value


def _table(entries: Sequence[dict[str, Any]]) -> str:
    lines = [",".join(_COLUMNS)]
    for entry in entries:
        thickness, material = entry["thickness"] or {}, entry["material"]
        low, high = entry["expected"] or (None, None)
        name = entry["name"].replace('"', '""')
        cells = [
            f'"{name}"', entry["cycles"], entry["capacity"], thickness.get("mean"), thickness.get("sd"),
            thickness.get("mean_error"), thickness.get("error"), entry["ratio"], entry["ratio_error"], low, high,
            entry["excess"], material["thickness"], material["ratio"], material["ratio_error"],
        ]  # fmt: skip
        lines.append(",".join("" if cell is None else str(cell) for cell in cells))
    return "\n".join(lines) + "\n"


def _lines(content: dict[str, Any], reference: State) -> Iterator[str]:
    yield from (f"Note: {note}" for note in content["notes"])
    if content["simulated"]:
        yield "Simulated volumes among them"
    yield f"Thickness (± standard deviation over the field) and its ratio to '{reference.name}'"
    width = max(5, *(len(entry["name"]) for entry in content["states"]))
    yield (
        f"  {'state':<{width}}  {'cycles':>6}  {'mAh/g':>6}  {'thickness (µm)':>16}  {'error':>6}  {'ratio':>13}  "
        f"{'expected':>12}  {'material':>13}"
    )
    for entry in content["states"]:
        thickness, material = entry["thickness"], entry["material"]
        of_mean, error = "–", "–"
        if thickness is not None:
            mean, sd, error = (f"{thickness[key] * 1e6:.2f}" for key in ("mean", "sd", "error"))
            of_mean = f"{mean} ± {sd}"
        expected = entry["expected"]
        between = "" if expected is None else f"{expected[0]:.2f} … {expected[1]:.2f}"
        yield (
            f"  {entry['name']:<{width}}  {_short(entry['cycles']):>6}  {_short(entry['capacity']):>6}  "
            f"{of_mean:>16}  {error:>6}  {_with_error(entry['ratio'], entry['ratio_error']):>13}  "
            f"{between:>12}  {_with_error(material['ratio'], material['ratio_error']):>13}"
        )
    yield "Errors are those of one field of view each; states of other samples differ by how samples differ, too."
    if any(entry["expected"] for entry in content["states"]):
        yield (
            f"Expected: silicon of {100 * content['porosity']:.3g} % pores that swells into these first … that keeps "
            "their share"
        )


def _short(value: float | None) -> str:
    return "–" if value is None else f"{value:g}"


def _with_error(value: float | None, error: float | None) -> str:
    if value is None or error is None:
        return "–"
    return f"{value:g}" if not error else f"{value:.2f} ± {error:.2f}"


def _write_figure(
    outputs: Outputs,
    states: Sequence[State],
    changes: Sequence[Change],
    reference: State,
    records: Sequence[Any],
) -> None:
    if "figure" not in outputs.files:
        return
    from matplotlib.figure import Figure

    from napari_tesm.plotting.volume_states import Bar, draw_states

    order = sorted(
        range(len(states)),
        key=lambda n: (states[n].capacity or 0.0, states[n].cycles if states[n].cycles is not None else n),
    )
    bars = []
    for number in order:
        state, expected = states[number], changes[number].expected
        if not state.thickness.known:
            continue
        group = (
            "" if state.capacity is None else f"{state.capacity:g} mAh/g" if state.capacity else "pristine"
        )
        mean = reference.thickness.mean
        bars.append(
            Bar(
                state.name if state.cycles is None else f"{state.cycles:g}",
                group,
                state.thickness.mean,
                state.thickness.sd,
                state.thickness.error,
                None
                if not expected or not state.capacity or not reference.thickness.known
                else (expected[0] * mean, expected[1] * mean),
            )
        )

    def draw() -> Any:
        figure = Figure((10 if records else 6.6, 4.2))
        draw_states(figure, bars, records)
        return figure

    outputs.write_figure(draw)
