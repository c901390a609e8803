"""``tesm volume join``: a scan on a section through a volume."""

import argparse
import math
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import numpy as np
import xarray as xr

from napari_tesm.cli.arguments import UsageError
from napari_tesm.cli.outputs import outputs_of, paths_asked, print_outcome, refuse_inputs
from napari_tesm.cli.volume.counts import matrix_from_file
from napari_tesm.cli.volume.lengths import lengths_from_file
from napari_tesm.cli.volume.opening import fixed_volume, volume_to_read
from napari_tesm.data.maps import labels_from_maps, map_title, values_of
from napari_tesm.files.sentences import Sentence
from napari_tesm.files.texts import printable
from napari_tesm.io.gwy.results import add_channel
from napari_tesm.quantities.axes import axis_spacing
from napari_tesm.quantities.text import text_from_quantity
from napari_tesm.scan import Scan, container_of, scans_from_file
from napari_tesm.volumes.counting import ParticlesOnIons, depth_and_distance
from napari_tesm.volumes.dataset import INTENSITY, voxel_of
from napari_tesm.volumes.particles import Particles, particles_of
from napari_tesm.volumes.placing import image_of
from napari_tesm.volumes.scan_place import ScanPlace, place_of_scan, scan_landmarks
from napari_tesm.volumes.scan_section import (
    IonCorrelation,
    ion_correlation,
    pixels_in_volume,
    values_on_section,
)
from napari_tesm.volumes.transforms import Points, inverse_of, moved_points

_MAPS = ("D1", "D2", "D", "tau1", "tau2", "tau", "H")
_LOGARITHMIC = ("D", "t")


def run_command(options: argparse.Namespace) -> int:
    """Join a scan with a volume; see ``tesm volume join --help``."""
    if options.placed is not None and options.fixed is None:
        raise UsageError("--placed goes with --ions")
    inputs = (options.file, options.volume, options.landmarks, options.fixed, options.placed)
    for path in paths_asked(options).values():
        refuse_inputs(path, *inputs)
    scan = scans_from_file(options.file)[0]
    rows = lengths_from_file(options.landmarks, 5, "y, x in the scan and z, y, x in the volume")
    volume = volume_to_read(options, options.volume)
    with outputs_of(options) as outputs:
        image = _image(scan, options.image)
        pixel = (axis_spacing(image["y"]), axis_spacing(image["x"]))
        # Places in the scan are those that Gwyddion and napari show, from wherever the image lies on the sample.
        corner = np.array(
            [float(image[axis].values[0]) - 0.5 * edge for axis, edge in zip("yx", pixel, strict=True)]
        )
        marks = scan_landmarks(rows[:, :2] - corner, rows[:, 2:])
        if options.landmarks_only:
            place = ScanPlace(marks.matrix, marks.error, math.nan, marks)
        else:
            place = place_of_scan(image.values, pixel, image_of(volume, 0.0), marks)
        shape = (image.shape[0], image.shape[1])
        points = pixels_in_volume(shape, pixel, place.matrix)
        maps, particles = _of_volume(volume, points)
        rows_of_maps: list[dict[str, Any]] = []
        if options.fixed is not None:
            maps_of_ions, rows_of_maps = _of_ions(options, scan, particles, points)
            maps |= maps_of_ions
        content = _content(place, corner, rows_of_maps, volume, maps)
        outputs.write_json(content)

        def container() -> Any:
            held = container_of(scan)
            about = {
                "Placed in": options.volume.rpartition("/")[2],
                "Error of the place": f"{place.error:.4g} m",
            }
            for title, (values, unit) in maps.items():
                add_channel(held, image.copy(data=values), title, about, unit=unit)
            return held

        outputs.write_container(container)
    print_outcome(options, content, map(printable, _lines(content)))
    return 0


def _image(scan: Scan, title: str | None) -> xr.DataArray:
    """Return the channel that shows what the volume shows."""
    images = scan.images
    if title is not None:
        if title not in images:
            raise ValueError(
                Sentence("there is no channel '{title}' on the scan's grid, but {known}: choose with {image}",
                         title=title, known=", ".join(f"'{name}'" for name in images) or "none")
            )  # fmt: skip
        return images[title]
    for kind in ("deflection_error", "topography"):
        found = scan.surface("deflection_error" if kind == "deflection_error" else "topography")
        if found is not None:
            return found
    raise ValueError(
        Sentence("the scan has neither deflection error nor topography: choose a channel with {image}")
    )


def _of_volume(
    volume: xr.Dataset, points: Points
) -> tuple[dict[str, tuple[np.ndarray, str]], Particles | None]:
    """Return what the volume shows on the pixels: grey values, particles, depth and distance from cracks in m."""
    voxel = voxel_of(volume)
    maps = {"Section": (values_on_section(volume[INTENSITY].values, voxel, points), "")}
    try:
        particles = particles_of(volume)
    except ValueError:
        return maps, None
    depth, away = depth_and_distance(particles)
    number = values_on_section(particles.numbers, voxel, points, nearest=True)
    inside = number > 0
    maps["Particle"] = (number, "")
    for title, values in (("Depth below the surface", depth), ("Distance from a crack", away)):
        if values is not None:
            maps[title] = (np.where(inside, values_on_section(values, voxel, points), np.nan), "m")
    return maps, particles


def _of_ions(
    options: argparse.Namespace, scan: Scan, particles: Particles | None, points: Points
) -> tuple[dict[str, tuple[np.ndarray, str]], list[dict[str, Any]]]:
    """Return the counts on the pixels, and how each map of the scan goes with them."""
    ions = fixed_volume(options)
    counts, voxel = ions[INTENSITY].values, voxel_of(ions)
    if counts.dtype.kind not in "iu":
        raise ValueError(f"{options.fixed} holds no counts of ions, which are whole")
    matrix = np.eye(4) if options.placed is None else matrix_from_file(options.placed)
    there = moved_points(inverse_of(matrix), points)
    peak = str(ions.attrs.get("peak") or "ions")
    maps = {f"Counts {peak}": (values_on_section(counts, voxel, there, nearest=True), "")}
    inside = np.ones(counts.shape, bool)
    if particles is not None:
        inside = ParticlesOnIons.of(counts, voxel, particles, matrix).inside
    rows = []
    held = scan.maps
    labels = [] if held is None else labels_from_maps(held)
    for pulse, label in enumerate(labels):
        for name in _MAPS:
            if held is None or name not in held:
                continue
            values = values_of(held, name, pulse)
            logarithm = name[0] in _LOGARITHMIC
            with np.errstate(divide="ignore", invalid="ignore"):
                values = np.log10(values) if logarithm else values
            values = np.where(np.isfinite(values), values, np.nan)
            found = ion_correlation(values, counts, voxel, there, inside)
            rows.append(_row(name, label, logarithm, found))
    return maps, rows


def _row(name: str, label: str, logarithm: bool, found: IonCorrelation | None) -> dict[str, Any]:
    known = (
        {"pearson": None, "low": None, "high": None, "of_counts": None, "n": 0}
        if found is None
        else asdict(found)
    )
    title = map_title(name, label)
    return {"map": f"log10 {title}" if logarithm else title, **known}


def _content(
    place: ScanPlace,
    corner: np.ndarray,
    rows: list[dict[str, Any]],
    volume: xr.Dataset,
    maps: dict[str, tuple[np.ndarray, str]],
) -> dict[str, Any]:
    from_axes = np.eye(4)
    from_axes[1:3, 3] = -corner
    return {
        "matrix": (place.matrix @ from_axes).tolist(),
        "error": _known(place.error),
        "correlation": _known(place.correlation),
        "landmarks": {
            "count": len(place.landmarks.residuals),
            "residuals": place.landmarks.residuals.tolist(),
            "left_out": [_known(value) for value in place.landmarks.left_out.tolist()],
            "error": _known(place.landmarks.error),
        },
        "covered": float(np.isfinite(maps["Section"][0]).mean()),
        "channels": list(maps),
        "ions": rows,
        "simulated": bool(volume.attrs.get("simulated", False)),
        "notes": list(volume.attrs["notes"]),
    }


def _known(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def _lines(content: dict[str, Any]) -> Iterator[str]:
    yield from (f"Note: {note}" for note in content["notes"])
    marks = content["landmarks"]
    left_out = "unknown" if marks["error"] is None else text_from_quantity(marks["error"], "m", digits=3)
    yield f"Landmarks: {marks['count']}, error of one that is left out {left_out}"
    error = "unknown" if content["error"] is None else text_from_quantity(content["error"], "m", digits=2)
    by = "the landmarks alone" if content["correlation"] is None else "the image of the scan"
    yield f"Placed by {by}, error {error}; {100 * content['covered']:.0f} % of the pixels lie in the volume"
    yield f"Channels: {', '.join(content['channels'])}"
    if content["ions"]:
        yield "Correlation with the ions in the solid of particles, counting noise taken off, 95 % interval:"
    for row in content["ions"]:
        if row["pearson"] is None:
            yield f"  {row['map']:28} not told"
        else:
            yield f"  {row['map']:28} {row['pearson']:6.2f}  {row['low']:.2f} … {row['high']:.2f}  ({row['n']} voxels)"
