"""Cycling of two cells with a silicon anode, as a cycler exports it: something to lay over each other, and no more.

The curves are drawn, not computed: a sloping voltage against lithium, and a capacity that fades.
"""

from typing import Final

import numpy as np

CELLS: Final = {"cross_section": (2600.0, 0.86, 0.012), "swagelok": (2900.0, 0.89, 0.007)}
"""Capacity of the first lithiation in mAh/g, its efficiency, and the part lost with each root of the cycle number."""
CYCLES: Final = (1, 2, 5, 10, 30, 68)
_POINTS: Final = 40


def cycling_text(cell: str) -> str:
    """Return the table of one of `CELLS`, as text of a CSV file."""
    lines = ["Cycle,State,Capacity (mAh/g),Voltage (V)"]
    for cycle in CYCLES:
        for state, most in zip(("discharge", "charge"), cycle_capacities(cell, cycle), strict=True):
            part = np.linspace(0, 1, _POINTS)
            if state == "discharge":
                voltage = 0.005 + 0.25 * (1 - part) + (0.6 if cycle > 1 else 1.7) * np.exp(-part / 0.04)
            else:
                voltage = 0.1 + 0.4 * part + 1.5 * part**12
            lines += [f"{cycle},{state},{q:.2f},{u:.4f}" for q, u in zip(most * part, voltage, strict=True)]
    return "\n".join(lines) + "\n"


def cycle_capacities(cell: str, cycle: int) -> tuple[float, float]:
    """Return the capacities of discharge (lithium into the silicon) and charge in a cycle, in mAh/g."""
    most, efficiency, loss = CELLS[cell]
    first = most * efficiency if cycle > 1 else most
    put_in = first * (1 - loss * (np.sqrt(cycle) - 1)) * (1.0 if cycle == 1 else 1.02)
    return float(put_in), float(put_in * (efficiency if cycle == 1 else 0.985))
