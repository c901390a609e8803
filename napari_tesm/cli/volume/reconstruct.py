"""``tesm volume reconstruct``: a volume from raw projections."""

import argparse
import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from napari_tesm.cli.arguments import UsageError
from napari_tesm.cli.outputs import outputs_of, print_outcome, refuse_inputs
from napari_tesm.cli.progress import progress_for
from napari_tesm.cli.volume.opening import part_of, reading_from_options
from napari_tesm.files.sentences import Sentence
from napari_tesm.files.texts import printable
from napari_tesm.io.volumes import save_volume
from napari_tesm.io.volumes.projections import projections_from_file
from napari_tesm.quantities.text import text_from_quantity
from napari_tesm.volumes.dataset import INTENSITY, Voxel, voxel_of
from napari_tesm.volumes.projections import Projections, ring_width
from napari_tesm.volumes.reconstruction import centre_of, missing_wedge, reconstructed

_WIDEST_RING = 1001


def run_command(options: argparse.Namespace) -> int:
    """Reconstruct a volume; see ``tesm volume reconstruct --help``."""
    reading = reading_from_options(options)
    angles, centre = _angles(options.angles), _number(options.centre, "centre", "a column of the detector")
    rings = _rings(options.rings)
    fields = {name: _field(getattr(options, name)) for name in ("white", "dark")}
    for path in filter(None, (options.output, options.json)):
        refuse_inputs(path, options.file, *(field for field in fields.values() if isinstance(field, str)))
    projections = projections_from_file(
        options.file,
        angles=angles,
        **fields,
        line_integrals=options.line_integrals,
        array=reading["array"],
        mapping=reading["mapping"],
    )
    voxel = _voxel(options.file, reading["voxel"], projections)
    progress = progress_for(options.progress)
    with outputs_of(options, {} if options.json in (None, "-") else {"json": options.json}) as outputs:
        try:
            found = centre_of(projections, progress=part_of(progress, 0, 0.1)) if centre is None else centre
            volume = reconstructed(projections, voxel, found, rings=rings, up=options.up)
        except ValueError as error:
            raise ValueError(Sentence("{path}: {error}", path=options.file, error=error)) from None
        content = {
            "shape": list(volume[INTENSITY].shape),
            "voxel": list(voxel_of(volume)),
            "projections": len(projections.angles),
            "angles": [float(projections.angles[0]), float(projections.angles[-1])],
            "centre": found,
            "centre_found": centre is None,
            "rings": ring_width(projections.columns) if rings is None else rings,
            "up": options.up,
            "notes": [*projections.notes, *_doubts(projections)],
        }
        kept = ("projections", "angles", "centre", "centre_found", "rings")
        volume.attrs["reconstruction"] = {key: content[key] for key in kept}
        save_volume(options.output, volume, overwrite=options.overwrite, progress=part_of(progress, 0.1, 1))
        outputs.write_json(content)
    print_outcome(options, content, map(printable, _lines(content, projections)), [options.output])
    return 0


def _voxel(path: str, given: Voxel | None, projections: Projections) -> Voxel:
    if given is not None:
        return given
    rows, columns = projections.pixel
    if rows is None or columns is None:
        raise ValueError(
            Sentence(
                "{path} does not say the distance of its pixels at the sample: give {voxel:60nm}", path=path
            )
        )
    return rows, columns, columns


def _doubts(projections: Projections) -> Iterator[str]:
    if wedge := missing_wedge(projections.angles):
        yield (
            f"No projection was taken in a wedge of {math.degrees(wedge):.4g}°: edges along it are missing, and "
            "attenuation is too low."
        )


def _lines(content: dict[str, Any], projections: Projections) -> Iterator[str]:
    yield from (f"Note: {note}" for note in content["notes"])
    first, last = (math.degrees(angle) for angle in content["angles"])
    yield f"{content['projections']} projections from {first:.6g}° to {last:.6g}°"
    middle = (projections.columns - 1) / 2
    how = "found" if content["centre_found"] else "given"
    yield (
        f"Axis of rotation ({how}): column {content['centre']:.2f}, {content['centre'] - middle:+.2f} from the middle "
        "of the detector"
    )
    yield f"Rings: median over {content['rings']} columns" if content["rings"] else "Rings: left as they are"
    z, y, x = content["shape"]
    edges = [text_from_quantity(edge, "m", digits=6) for edge in content["voxel"]]
    size = edges[0] if len(set(edges)) == 1 else " × ".join(edges)
    yield f"Volume of {z} × {y} × {x} voxels of {size}; linear attenuation coefficient in 1/m"


def _angles(text: str | None) -> tuple[float, float] | None:
    if text is None:
        return None
    try:
        first, last = (float(part) for part in text.split(":"))
    except ValueError:
        first = last = math.nan
    if (
        not (math.isfinite(first) and math.isfinite(last))
        or first == last
        or max(abs(first), abs(last)) > 3600
    ):
        raise UsageError(
            f"--angles takes those of the first and of the last projection in degrees, like 0:180, not '{text}'"
        )
    return float(np.radians(first)), float(np.radians(last))


def _number(text: str | None, name: str, what: str) -> float | None:
    try:
        number = None if text is None else float(text)
    except ValueError:
        number = math.nan
    if number is not None and not math.isfinite(number):
        raise UsageError(f"--{name} takes {what}, a number, not '{text}'")
    return number


def _rings(text: str | None) -> int | None:
    if text is None:
        return None
    if not text.isdecimal() or not (0 <= int(text[:9]) <= _WIDEST_RING):
        raise UsageError(f"--rings takes a number of columns, like 5, or 0 for none, not '{text}'")
    return int(text)


def _field(text: str | None) -> str | float | None:
    """Return a file's name, or a number of counts."""
    try:
        return None if text is None else float(text)
    except ValueError:
        return text
