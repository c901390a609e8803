"""Cycling curves of several cells over each other, and what their cycles come to (the paper's Fig. S1)."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from napari_tesm.findings.cycling import Cycling, cycles_from_cycling
from napari_tesm.plotting.axes import label_with_unit
from napari_tesm.plotting.theme import colour_of_point, mixed

_MOST_CYCLES = 6


def draw_cycling(figure: Figure, records: Sequence[Cycling]) -> None:
    """Draw voltage against capacity of all cells, and capacity and efficiency against the cycle beside it.

    Raises
    ------
    ValueError
        If the capacities have different units.
    """
    check_units(records)
    figure.set_layout_engine("constrained")
    curves, summary = figure.subplots(1, 2, width_ratios=[1.4, 1.0])
    draw_curves(curves, records)
    draw_cycles(summary, records)


def check_units(records: Sequence[Cycling]) -> None:
    """Raise a ValueError where capacities cannot be shown on one axis."""
    units = {record.unit for record in records}
    if len(units) > 1:
        told = ", ".join(f"{record.name} in {record.unit}" for record in records)
        raise ValueError(f"capacities of different units cannot be laid over each other: {told}")


def draw_curves(axes: Axes, records: Sequence[Cycling]) -> None:
    """Draw voltage against capacity: a colour for each cell, paler for later cycles, dashed for discharges."""
    for index, record in enumerate(records):
        numbers = shown_cycles([half.cycle for half in record.halves])
        colour = colour_of_point(index + 1)
        for half in record.halves:
            if half.cycle not in numbers:
                continue
            place = numbers.index(half.cycle) / max(len(numbers) - 1, 1)
            first = half.cycle == numbers[0]
            axes.plot(
                half.capacity,
                half.voltage,
                color=mixed(colour, "#ffffff", 0.65 * place),
                ls="--" if half.kind == "discharge" else "-",
                lw=1.2,
                label=f"{record.name}, {half.kind}" if first else None,
            )
    axes.set_xlabel(label_with_unit("capacity", records[0].unit if records else ""))
    axes.set_ylabel("voltage (V)")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, fontsize=8)


def draw_cycles(axes: Axes, records: Sequence[Cycling]) -> None:
    """Draw the capacities of each cycle, and the coulombic efficiency on an axis at the right."""
    right = axes.twinx()
    for index, record in enumerate(records):
        cycles = cycles_from_cycling(record)
        colour = colour_of_point(index + 1)
        numbers = np.array([cycle.cycle for cycle in cycles], dtype=np.float64)
        for kind, fill in (("charge", colour), ("discharge", "none")):
            values = np.array([getattr(cycle, kind) for cycle in cycles])
            axes.plot(numbers, values, "o", ms=4, mec=colour, mfc=fill, label=f"{record.name}, {kind}")
        right.plot(
            numbers,
            [100 * cycle.efficiency for cycle in cycles],
            "^",
            ms=4,
            color=mixed(colour, "#000000", 0.3),
        )
    axes.set_xlabel("cycle")
    axes.set_ylabel(label_with_unit("capacity", records[0].unit if records else ""))
    axes.set_ylim(bottom=0)
    right.set_ylabel("coulombic efficiency (%, triangles)")
    axes.spines["top"].set_visible(False)
    right.spines["top"].set_visible(False)


def shown_cycles(cycles: Sequence[int]) -> list[int]:
    """Return the cycles whose curves are drawn: all where they are few, else some from the first to the last.

    Examples
    --------
    >>> shown_cycles([1, 1, 2, 2, 3, 3])
    [1, 2, 3]
    >>> shown_cycles(range(1, 69))
    [1, 14, 28, 41, 55, 68]
    """
    numbers = list(dict.fromkeys(cycles))
    if len(numbers) <= _MOST_CYCLES:
        return numbers
    return [numbers[round(float(place))] for place in np.linspace(0, len(numbers) - 1, _MOST_CYCLES)]
