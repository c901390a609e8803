"""How fast the errors of the forward models fall with their grids: the table of convergence of docs/theory.md.

Run: python benchmarks/forward_models.py; a minute of a core.
"""

from itertools import pairwise

import numpy as np
from page_tables import table_from_rows, write_table

from napari_tesm.simulation import (
    BoxGrid,
    RingGrid,
    TipModel,
    drift_trace,
    step_response,
)

D, RADIUS = 1e-13, 25e-9
TIME = np.array([3e-3, 10e-3])
STRETCH = np.array([0.05, 0.3, 2.0])
BOUNDARIES = ("flux", "clamped")


def exact_strain(x: np.ndarray, boundary: str) -> np.ndarray:
    """Return the closed form of a drive switched on, at times x in R0²/(4D), in the units of `step_response`."""
    if boundary == "flux":
        return np.pi / 2 * (x - np.sqrt(x * (x + 1)) + np.arcsinh(np.sqrt(x)))
    return np.sqrt(np.pi) * (np.arctan(np.sqrt(x)) - x * np.arctan2(1, np.sqrt(x)) + np.sqrt(x))


def row(words: str, what: str, errors: list[float]) -> list[str]:
    """Return the errors of grids twice as fine each, and the orders between them."""
    orders = np.log2(np.array(errors[:-1]) / errors[1:])
    told = ", ".join(f"{100 * error:.2g} %" for error in errors)
    return [words, what, told, ", ".join(f"{order:.2f}" for order in orders)]


def level_1(boundary: str) -> list[float]:
    """Return the largest errors against the closed form."""
    found = []
    for refinement in (1, 2, 4):
        grid = RingGrid(0.2, 0.02, 1.12, 1.15, extent=2000.0, refinement=refinement)
        strain = step_response(STRETCH, boundary, grid=grid)[0]
        found.append(float(np.abs(strain / exact_strain(4 * STRETCH, boundary) - 1).max()))
    return found


def level_2(boundary: str) -> list[float]:
    """Return the largest errors against the closed form where D is uniform."""
    # Both boundaries have the same strain; a flux fills more in R0²/D the slower the ions are.
    scale = 1.25 / np.pi * RADIUS * (RADIUS / D if boundary == "flux" else 1.0)
    expected = scale * exact_strain(4 * D * TIME / RADIUS**2, boundary)
    found = []
    for halvings in (0, 1, 2):
        growth, part = 1.24 ** (0.5**halvings), 0.5**halvings
        grid = BoxGrid(0.24 * part, growth, 0.08 * part, growth)
        model = TipModel(lambda x, y: np.full(np.shape(x), D), time=TIME, boundary=boundary, grid=grid)
        found.append(float(np.abs(model.trace_at(0, 0) / expected - 1).max()))
    return found


def drift_steps() -> list[float]:
    """Return the largest changes of the drift model with steps of time half as long."""
    grid = RingGrid(finest_r=0.25, finest_z=0.15, growth_r=1.3, growth_z=1.3, extent=40.0)
    times = np.array([2e-3, 10e-3, 14e-3])
    found = [drift_trace(-1.0, grid=grid, time=times, refinement=n).displacement for n in (1, 2, 4, 8)]
    return [float(np.abs(b - a).max() / np.abs(found[-1]).max()) for a, b in pairwise(found)]


def main() -> None:
    """Calculate and write."""
    rows = [row(f"level 1, {name}", "closed form, cells halved", level_1(name)) for name in BOUNDARIES]
    rows += [row(f"level 2, {name}", "closed form, boxes halved", level_2(name)) for name in BOUNDARIES]
    rows.append(row("drift, −1 V", "itself, steps of time halved", drift_steps()))
    text = table_from_rows(["model", "against", "largest errors", "orders"], rows)
    print(text)
    write_table("theory.md", "convergence", text)


if __name__ == "__main__":
    main()
