"""``tesm volume counts``: counts of ions in particles."""

import argparse
import json
import math
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from napari_tesm.cli.arguments import UsageError
from napari_tesm.cli.outputs import outputs_of, paths_asked, print_outcome, refuse_inputs
from napari_tesm.cli.progress import progress_for
from napari_tesm.cli.volume.opening import fixed_volume, length_from_option, part_of, volume_to_read
from napari_tesm.files.texts import printable
from napari_tesm.quantities.text import text_from_quantity
from napari_tesm.volumes.counting import CONFIDENCE, Counts, Course, counts_in_particles
from napari_tesm.volumes.dataset import INTENSITY, voxel_of
from napari_tesm.volumes.particles import particles_of
from napari_tesm.volumes.transforms import Matrix

_SHOWN = 30
_COLUMNS = (
    "number", "z", "y", "x", "volume", "cracks", "voxels", "counts", "mean", "low", "high", "dispersion", "p", "spread",
    "in_cracks",
)  # fmt: skip


def run_command(options: argparse.Namespace) -> int:
    """Count ions in particles; see ``tesm volume counts --help``."""
    sizes = {name: length_from_option(getattr(options, name), name) for name in ("least", "widest")}
    for name, size in sizes.items():
        if size is None or not size > 0:
            raise UsageError(f"--{name} takes a length, like 1um")
    for path in paths_asked(options).values():
        refuse_inputs(path, options.file, options.fixed, options.placed)
    matrix = np.eye(4) if options.placed is None else matrix_from_file(options.placed)
    ions, volume = volume_to_read(options), fixed_volume(options)
    progress = progress_for(options.progress)
    with outputs_of(options) as outputs:
        particles = particles_of(
            volume, dark=options.dark, least=sizes["least"] or 0, widest=sizes["widest"] or 0
        )
        counts = counts_in_particles(
            ions[INTENSITY].values, voxel_of(ions), particles, matrix, progress=part_of(progress, 0.3, 1)
        )
        content = _content(counts, ions, volume)
        outputs.write_json(content)
        outputs.write_text("csv", lambda: _table(content))
        outputs.write_figure(lambda: _figure(counts))
    print_outcome(options, content, map(printable, _lines(content)))
    return 0


def matrix_from_file(name: str) -> Matrix:
    """Return the matrix of a file that ``tesm volume place --json`` wrote.

    Raises
    ------
    ValueError
        If there is none in it.
    """
    try:
        content = json.loads(Path(name).read_text(encoding="utf-8"))
        matrix = np.array(content["matrix"], dtype=np.float64)
    except (ValueError, KeyError, TypeError, RecursionError):
        matrix = np.zeros(0)
    if matrix.shape != (4, 4) or not np.isfinite(matrix).all() or not abs(np.linalg.det(matrix)) > 0:
        raise ValueError(f"{name} holds no placement: write one with 'tesm volume place --json'")
    return matrix


def _figure(counts: Counts) -> Any:
    from matplotlib.figure import Figure

    from napari_tesm.plotting.volumes import draw_counts

    figure = Figure((10.5, 3.4))
    draw_counts(figure, counts)
    return figure


def _content(counts: Counts, ions: xr.Dataset, volume: xr.Dataset) -> dict[str, Any]:
    particles = []
    for particle in counts.particles:
        row = {key: _known(value) for key, value in asdict(particle).items()}
        for name in ("interval", "spread_interval"):
            row[name] = [_known(limit) for limit in getattr(particle, name)]
        row["centroid"] = list(particle.centroid)
        particles.append(row)
    return {
        "peak": ions.attrs.get("peak"),
        "confidence": CONFIDENCE,
        "particles": particles,
        "blur": counts.blur,
        "background": _known(counts.background),
        "from_rim": _course(counts.from_rim),
        "from_crack": _course(counts.from_crack),
        "simulated": any(bool(dataset.attrs.get("simulated", False)) for dataset in (ions, volume)),
        "notes": [*ions.attrs["notes"], *volume.attrs["notes"]],
    }


def _course(course: Course | None) -> dict[str, Any] | None:
    return None if course is None else {key: value.tolist() for key, value in vars(course).items()}


def _known(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _table(content: dict[str, Any]) -> str:
    lines = [",".join(_COLUMNS)]
    for row in content["particles"]:
        flat = row | dict(zip("zyx", row["centroid"], strict=True))
        flat |= dict(zip(("low", "high"), row["interval"], strict=True))
        lines.append(",".join("" if flat[name] is None else repr(flat[name]) for name in _COLUMNS))
    return "\n".join(lines) + "\n"


def _lines(content: dict[str, Any]) -> Iterator[str]:
    yield from (f"Note: {note}" for note in content["notes"])
    if content["simulated"]:
        yield "Simulated volumes"
    of = f" of {content['peak']}" if content["peak"] else ""
    yield f"Counts{of} in {len(content['particles'])} particles, without cracks, voids and rims that the blur reaches"
    yield f"  blur of the ions {text_from_quantity(content['blur'], 'm', digits=2)} (standard deviation)"
    yield "  number     counts      mean  95 % interval        cracks  dispersion         p  spread"
    for row in content["particles"][:_SHOWN]:
        if row["mean"] is None:
            yield f"  {row['number']:6}  too small to be counted apart from the blur of its surroundings"
            continue
        low, high = row["interval"]
        spread = "–"
        if row["spread"] is not None:
            least, most = (100 * limit for limit in row["spread_interval"])
            spread = f"{100 * row['spread']:.0f} % ({least:.0f} … {most:.0f})"
        index, p = ("–" if row[key] is None else f"{row[key]:.3g}" for key in ("dispersion", "p"))
        yield (
            f"  {row['number']:6} {row['counts']:10} {row['mean']:9.4g}  {f'{low:.4g} … {high:.4g}':19} "
            f"{100 * row['cracks']:6.1f} %  {index:>10}  {p:>8}  {spread}"
        )
    if len(content["particles"]) > _SHOWN:
        yield f"  … and {len(content['particles']) - _SHOWN} more"
    uneven = sum(row["p"] is not None and row["p"] < 0.001 for row in content["particles"])
    yield f"More uneven than counting makes it (p below 0.001): {uneven}"
