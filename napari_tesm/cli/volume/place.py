"""``tesm volume place``: where a volume lies in another."""

import argparse
import math
from collections.abc import Iterator
from typing import Any

import xarray as xr

from napari_tesm.cli.arguments import UsageError
from napari_tesm.cli.outputs import outputs_of, print_outcome, refuse_inputs
from napari_tesm.cli.progress import progress_for
from napari_tesm.cli.volume.lengths import lengths_from_file
from napari_tesm.cli.volume.opening import fixed_volume, part_of, volume_to_read
from napari_tesm.files.texts import printable
from napari_tesm.io.volumes import save_volume
from napari_tesm.quantities.text import text_from_quantity
from napari_tesm.volumes.landmarks import Landmarks, landmarks_matched
from napari_tesm.volumes.placing import Placement, placed_volume, placement_from_landmarks, placement_of


def run_command(options: argparse.Namespace) -> int:
    """Place a volume; see ``tesm volume place --help``."""
    if options.landmarks_only and options.landmarks is None:
        raise UsageError("--landmarks-only needs --landmarks")
    for path in filter(None, (options.output, options.json)):
        refuse_inputs(path, options.file, options.fixed, options.landmarks)
    moving, fixed = volume_to_read(options), fixed_volume(options)
    marks = None if options.landmarks is None else landmarks_from_file(options.landmarks)
    progress = progress_for(options.progress)
    with outputs_of(options, {} if options.json in (None, "-") else {"json": options.json}) as outputs:
        if marks is not None and options.landmarks_only:
            placement = placement_from_landmarks(marks)
        else:
            placement = placement_of(
                moving, fixed, landmarks=marks, turns=not options.no_turns, progress=part_of(progress, 0, 0.8)
            )
        content = _content(placement, moving, fixed)
        if options.output:
            placed = placed_volume(moving, placement.matrix, fixed)
            save_volume(
                options.output, placed, overwrite=options.overwrite, progress=part_of(progress, 0.8, 1)
            )
        outputs.write_json(content)
    written = [path for path in (options.output, options.json) if path and path != "-"]
    print_outcome(options, content, map(printable, _lines(content)), written)
    return 0


def landmarks_from_file(name: str) -> Landmarks:
    """Return what the pairs of a CSV file say; ValueError where they determine no matrix."""
    places = lengths_from_file(name, 6, "z, y, x in the one and in the other")
    try:
        return landmarks_matched(places[:, :3], places[:, 3:])
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None


def _content(placement: Placement, moving: xr.Dataset, fixed: xr.Dataset) -> dict[str, Any]:
    marks = placement.landmarks
    return {
        "matrix": placement.matrix.tolist(),
        "error": _known(placement.error),
        "turn": placement.turn,
        "correlation": _known(placement.correlation),
        "landmarks": None
        if marks is None
        else {
            "count": len(marks.residuals),
            "kind": marks.kind,
            "residuals": marks.residuals.tolist(),
            "left_out": [_known(value) for value in marks.left_out.tolist()],
            "error": _known(marks.error),
        },
        "simulated": any(bool(volume.attrs.get("simulated", False)) for volume in (moving, fixed)),
        "notes": [*moving.attrs["notes"], *fixed.attrs["notes"]],
    }


def _known(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def _lines(content: dict[str, Any]) -> Iterator[str]:
    yield from (f"Note: {note}" for note in content["notes"])
    if content["simulated"]:
        yield "Simulated volumes"
    if content["landmarks"] is not None:
        marks = content["landmarks"]
        left_out = "unknown" if marks["error"] is None else text_from_quantity(marks["error"], "m", digits=3)
        yield f"Landmarks: {marks['count']} pairs, {marks['kind']}; error of one that is left out {left_out}"
    if content["turn"] != "z y x":
        yield f"Along z, y, x of the second volume lie the axes {content['turn']} of the first"
    by = "what both volumes show" if content["correlation"] is not None else "the landmarks alone"
    error = "unknown" if content["error"] is None else text_from_quantity(content["error"], "m", digits=2)
    yield f"Placed by {by}, error {error}"
    yield "Matrix (z, y, x, 1 in m):"
    yield from ("  " + "  ".join(f"{value: .6g}" for value in row) for row in content["matrix"][:3])
