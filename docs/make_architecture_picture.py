"""Draw docs/images/architecture.png from the table of rooms in docs/architecture.md."""

import re
from itertools import groupby
from pathlib import Path

from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

HERE = Path(__file__).parent
COLOURS = ("#dbe7f3", "#cfe3dd", "#e4ecd0", "#f5ebc9", "#f6dcc4", "#f3cfd0", "#e6d3e8", "#d9d5ef", "#d3dcf0")
WORDS = {
    9: "the command line", 8: "napari, many files, names", 7: "Python, page, growing scans",
    6: "one scan", 5: "files and figures", 4: "what maps say; forward models",
    3: "from traces to maps", 2: "data, fit, physics",
    1: "foundations",
}  # fmt: skip


def rooms_by_floor() -> dict[int, list[str]]:
    """Return the rooms of each floor, as the page lists them."""
    text = (HERE / "architecture.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (\d) \| `([\w./]+)` \|", text, re.MULTILINE)
    return {int(floor): [name for _, name in group] for floor, group in groupby(rows, key=lambda row: row[0])}


def draw(figure: Figure) -> None:
    """Draw the house, the lowest floor at the bottom."""
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_axis_off()
    floors = rooms_by_floor()
    axes.set_xlim(0, 10)
    axes.set_ylim(0.35, max(floors) + 0.65)
    for floor, rooms in floors.items():
        axes.text(0.12, floor, f"{floor}", va="center", fontsize=12, color="#555555", fontweight="bold")
        axes.text(0.42, floor, WORDS[floor], va="center", fontsize=9, color="#555555")
        left, width = 2.6, 7.3
        step = width / max(len(rooms), 3)
        for number, room in enumerate(rooms):
            x = left + (width - step * len(rooms)) / 2 + number * step
            axes.add_patch(
                FancyBboxPatch(
                    (x + 0.06, floor - 0.36),
                    step - 0.12,
                    0.72,
                    boxstyle="round,pad=0,rounding_size=0.08",
                    facecolor=COLOURS[floor - 1],
                    edgecolor="#7a7a7a",
                    linewidth=0.8,
                )
            )
            name = room.rstrip("/").removesuffix(".py")
            name = name.replace("_", "_\n") if len(name) > 11 * step else name
            # Letters of the typewriter are 0.6 of their size wide; a unit of the axes is 0.96 inch.
            size = min(9.5, (step - 0.2) * 0.96 * 72 / (0.602 * max(map(len, name.split("\n")))))
            axes.text(x + step / 2, floor, name, ha="center", va="center", fontsize=size, family="monospace")


if __name__ == "__main__":
    page = Figure(figsize=(9.6, 5.6), dpi=150, facecolor="white")
    draw(page)
    page.savefig(HERE / "images" / "architecture.png")
