"""``tesm volume simulate``: a simulated volume, and its truth."""

import argparse
import re
from pathlib import Path

from napari_tesm.cli.arguments import UsageError
from napari_tesm.cli.progress import progress_for
from napari_tesm.files.atomic import atomic_output, exists_already
from napari_tesm.files.texts import printable
from napari_tesm.gwy.writing import write_container_to
from napari_tesm.io.gwy.saving import container_from_images
from napari_tesm.io.volumes import save_volume
from napari_tesm.quantities.text import fraction_from_text
from napari_tesm.volumes.dataset import voxel_from_text
from napari_tesm.volumes.simulation import simulate_volume


def run_command(options: argparse.Namespace) -> int:
    """Write a simulated volume; see ``tesm volume simulate --help``."""
    shape = re.fullmatch(r"\s*(\d{1,5})\s*[x×]\s*(\d{1,5})\s*[x×]\s*(\d{1,5})\s*", options.shape)
    if shape is None:
        raise UsageError(f"--shape takes slices, rows and columns, like 160x200x220, not '{options.shape}'")
    if not options.seed.isdecimal() or len(options.seed) > 9:
        raise UsageError(f"--seed takes a whole number, not '{options.seed}'")
    outputs = [options.output, *filter(None, [options.truth])]
    for name in outputs:
        if Path(name).exists() and not options.overwrite:
            # Before the volume is there, not after.
            raise exists_already(Path(name))
    try:
        volume, truth = simulate_volume(
            options.preset,
            shape=(int(shape[1]), int(shape[2]), int(shape[3])),
            voxel=voxel_from_text(options.voxel),
            noise=fraction_from_text(options.noise),
            seed=int(options.seed),
        )
    except ValueError as error:
        raise UsageError(error) from None
    save_volume(options.output, volume, overwrite=options.overwrite, progress=progress_for(options.progress))
    if options.truth:
        with atomic_output(options.truth, overwrite=options.overwrite) as file:
            write_container_to(file, container_from_images(list(truth.data_vars.values())), options.truth)
    if not options.quiet:
        print(f"Written: {', '.join(map(printable, outputs))} (simulated, preset {options.preset})")
    return 0
