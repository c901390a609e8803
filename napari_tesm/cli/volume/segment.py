"""``tesm volume segment``: the class of every voxel, from painted strokes or from levels."""

import argparse
from collections.abc import Iterator
from typing import Any

import xarray as xr

from napari_tesm.cli.arguments import UsageError
from napari_tesm.cli.outputs import outputs_of, print_outcome, refuse_inputs
from napari_tesm.cli.progress import progress_for
from napari_tesm.cli.volume.opening import levels_from_options, part_of, reading_from_options, volume_to_read
from napari_tesm.files.lazy import LazyArray
from napari_tesm.files.texts import printable
from napari_tesm.io.volumes import open_volume, save_volume
from napari_tesm.volumes.dataset import INTENSITY, voxel_of
from napari_tesm.volumes.levels import Levels
from napari_tesm.volumes.segmentation import (
    Classes,
    classes_from_labels,
    segmented,
    segmented_by_levels,
    shares_of,
)


def run_command(options: argparse.Namespace) -> int:
    """Segment a volume; see ``tesm volume segment --help``."""
    if (options.labels is None) == (options.thresholds is None):
        raise UsageError("what parts the classes is missing: give either --labels or --thresholds")
    thresholds = _thresholds(options.thresholds)
    for path in filter(None, (options.output, options.json)):
        refuse_inputs(path, options.file, options.labels)
    volume = volume_to_read(options)
    progress = progress_for(options.progress)
    levels = levels_from_options(options, volume)
    classes = None
    if options.labels is not None:
        classes = _classes(options, volume, levels, part_of(progress, 0, 0.2))
        labels = segmented(volume, levels, classes)
    else:
        labels = segmented_by_levels(volume, levels, thresholds)
    with outputs_of(options, {} if options.json in (None, "-") else {"json": options.json}) as outputs:
        save_volume(options.output, labels, overwrite=options.overwrite, progress=part_of(progress, 0.2, 1))
        content = _content(volume, levels, classes, thresholds, shares_of(open_volume(options.output)))
        outputs.write_json(content)
    print_outcome(options, content, map(printable, _lines(content)), [options.output])
    return 0


def _thresholds(text: str | None) -> list[float]:
    try:
        return [] if text is None else [float(word) for word in text.split(",")]
    except ValueError:
        raise UsageError(
            f"--thresholds takes attenuations that rise, like 0.03,0.13,0.6, not '{text}'"
        ) from None


def _classes(options: argparse.Namespace, volume: xr.Dataset, levels: Levels, progress: Any) -> Classes:
    """Return the classes of the strokes, which lie in the volume as it does in its file."""
    reading = reading_from_options(options) | {"array": None, "mapping": None}
    along = {"z": 0, "y": 1, "x": 2}[options.up[-1]]
    voxel = list(voxel_of(volume))
    voxel[0], voxel[along] = voxel[along], voxel[0]
    strokes = open_volume(options.labels, **reading | {"voxel": tuple(voxel)})
    if strokes[INTENSITY].dtype.kind not in "bui":
        raise ValueError(
            f"{options.labels} holds {strokes[INTENSITY].dtype}, no painted labels: they are whole numbers"
        )
    painted = strokes[INTENSITY]
    labels = LazyArray(painted.shape, painted.dtype, lambda part: painted[part].values)
    return classes_from_labels(volume, levels, labels, progress=progress)


def _content(
    volume: xr.Dataset,
    levels: Levels,
    classes: Classes | None,
    thresholds: list[float],
    shares: dict[int, float],
) -> dict[str, Any]:
    numbers = classes.numbers.tolist() if classes else range(1, len(thresholds) + 2)
    entries: list[dict[str, Any]] = [
        {"number": int(number), "share": shares.get(int(number), 0.0)} for number in numbers
    ]
    for place, entry in enumerate(entries if classes else ()):
        assert classes is not None
        entry |= {
            "painted": int(classes.painted[place]),
            "agreement": float(classes.agreement[place]),
            "attenuation": float(classes.means[place, 0]),
        }
    return {
        "levels": {"air": levels.air, "collector": levels.collector},
        "classes": entries,
        "thresholds": thresholds,
        "simulated": bool(volume.attrs.get("simulated", False)),
        "notes": volume.attrs["notes"],
    }


def _lines(content: dict[str, Any]) -> Iterator[str]:
    yield from (f"Note: {note}" for note in content["notes"])
    if content["simulated"]:
        yield "Simulated volume"
    for entry in content["classes"]:
        line = f"Class {entry['number']}: {100 * entry['share']:.2f} % of the volume"
        if "painted" in entry:
            line += (
                f", attenuation {entry['attenuation']:.3f}; {100 * entry['agreement']:.1f} % of {entry['painted']} "
                "painted voxels come out as painted"
            )
        yield line
