"""``tesm volume info``: what a file holds, and what is missing."""

import argparse
import json
from typing import Any

from napari_tesm.cli.outputs import wrapped
from napari_tesm.cli.spelling import spelled
from napari_tesm.cli.volume.opening import reading_from_options
from napari_tesm.files.texts import printable
from napari_tesm.io.volumes import describe_volume
from napari_tesm.volumes.dataset import voxel_in_words


def run_command(options: argparse.Namespace) -> int:
    """Describe a file; see ``tesm volume info --help``."""
    description = describe_volume(options.file, **reading_from_options(options))
    description["missing"] = [spelled(sentence) for sentence in description["missing"]]
    if options.json:
        print(json.dumps(description, indent=2, ensure_ascii=True))
        return 0
    for line in _lines(description):
        print(printable(line))
    return 0


def _lines(description: dict[str, Any]) -> list[str]:
    slices, rows, columns = description["shape"]
    kind = f"{description['format']}{', simulated' if description['simulated'] else ''}"
    what = "frames" if description["projections"] else "slices"
    lines = [
        f"{description['name']}: {kind}",
        f"  {slices} {what} of {rows} × {columns}, {description['dtype']}",
    ]
    if any(edge is not None for edge in description["voxel"]):
        lines.append(
            f"  voxel {voxel_in_words(description['voxel'])}, volume {_size_in_words(description['size'])}"
        )
    if description["peaks"]:
        lines += wrapped(f"{len(description['peaks'])} peaks: {', '.join(description['peaks'])}", "  ")
    lines += [f"  note: {note}" for note in description["notes"]]
    return lines + [f"  missing: {sentence}" for sentence in description["missing"]]


def _size_in_words(size: list[float | None]) -> str:
    edges = ["?" if edge is None else f"{edge * 1e6:.4g}" for edge in size]
    return f"{' × '.join(edges)} µm (slices, rows, columns)"
