"""``tesm volume repair``: missing slices, brightness, curtains and jitter of a stack put right."""

import argparse
from collections.abc import Iterator
from typing import Any

import numpy as np

from napari_tesm.cli.arguments import UsageError
from napari_tesm.cli.outputs import outputs_of, print_outcome, refuse_inputs
from napari_tesm.cli.progress import progress_for
from napari_tesm.cli.volume.opening import part_of, volume_to_read
from napari_tesm.files.texts import printable
from napari_tesm.io.volumes import save_volume
from napari_tesm.quantities.text import text_from_quantity
from napari_tesm.volumes.repair import KINDS, Repair, record_of, repair_of, repaired_volume


def run_command(options: argparse.Namespace) -> int:
    """Put a stack right; see ``tesm volume repair --help``."""
    without = tuple(word.strip() for word in (options.without or "").split(",") if word.strip())
    if unknown := [word for word in without if word not in KINDS]:
        raise UsageError(f"--without takes {', '.join(KINDS)}, not '{unknown[0]}'")
    for path in filter(None, (options.output, options.json)):
        refuse_inputs(path, options.file)
    volume = volume_to_read(options)
    progress = progress_for(options.progress)
    with outputs_of(options, {} if options.json in (None, "-") else {"json": options.json}) as outputs:
        repair = repair_of(volume, without=without, progress=part_of(progress, 0, 0.4))
        content = {"without": list(without), **record_of(repair), "notes": list(volume.attrs["notes"])}
        save_volume(
            options.output,
            repaired_volume(volume, repair),
            overwrite=options.overwrite,
            progress=part_of(progress, 0.4, 1),
        )
        outputs.write_json(content)
    print_outcome(options, content, map(printable, _lines(content, repair)), [options.output])
    return 0


def _lines(content: dict[str, Any], repair: Repair) -> Iterator[str]:
    yield from (f"Note: {note}" for note in content["notes"])
    off = content["without"]
    if "missing" not in off:
        slices = ", ".join(map(str, content["missing"])) or "none"
        yield f"Missing slices, filled from their neighbours (counted from 0): {slices}"
    if "brightness" not in off:
        yield f"Brightness: slices divided by {repair.gain.min():.3f} to {repair.gain.max():.3f}"
    if "curtains" not in off:
        yield f"Curtains: {repair.curtains.std():.3g} grey values (standard deviation) taken off"
    if "drift" not in off:
        jitter, farthest = np.sqrt(np.mean(repair.drift**2)), np.abs(repair.drift).max()
        yield (
            f"Jitter: {text_from_quantity(float(jitter), 'm', digits=2)} (root mean square), at most "
            f"{text_from_quantity(float(farthest), 'm', digits=2)}, taken back"
        )
    left = float(np.abs(repair.trend).max())
    yield (
        f"Left as it is: a trend of {text_from_quantity(left, 'm', digits=2)} over the stack, slow drift or structures "
        "that lie askew"
    )
