"""``tesm volume simulate``: a simulated volume, and its truth."""

import argparse
import json
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
from napari_tesm.volumes.pair_simulation import PAIRS, simulate_pair
from napari_tesm.volumes.simulation import simulate_volume


def run_command(options: argparse.Namespace) -> int:
    """Write a simulated volume; see ``tesm volume simulate --help``."""
    if options.preset in PAIRS:
        return _write_pair(options)
    if options.ions or options.placed:
        raise UsageError(f"--ions and --placed go with --preset {' or '.join(PAIRS)}")
    shape = re.fullmatch(r"\s*(\d{1,5})\s*[x×]\s*(\d{1,5})\s*[x×]\s*(\d{1,5})\s*", options.shape)
    if shape is None:
        raise UsageError(f"--shape takes slices, rows and columns, like 160x200x220, not '{options.shape}'")
    _check_seed(options.seed)
    outputs = [options.output, *filter(None, [options.truth])]
    _check_free(outputs, options)
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


def _write_pair(options: argparse.Namespace) -> int:
    if not options.ions or options.truth:
        raise UsageError(
            f"--preset {options.preset} takes --ions I.zarr beside -o, and --placed for the truth"
        )
    _check_seed(options.seed)
    outputs = [options.output, options.ions, *filter(None, [options.placed])]
    _check_free(outputs, options)
    pair = simulate_pair(options.preset, seed=int(options.seed))
    save_volume(options.output, pair.electrons, overwrite=options.overwrite)
    save_volume(options.ions, pair.ions, overwrite=options.overwrite, progress=progress_for(options.progress))
    if options.placed:
        with atomic_output(options.placed, overwrite=options.overwrite) as file:
            file.write(json.dumps({"matrix": pair.matrix.tolist(), "error": 0.0, "simulated": True}).encode())
    if not options.quiet:
        print(f"Written: {', '.join(map(printable, outputs))} (simulated, preset {options.preset})")
    return 0


def _check_seed(text: str) -> None:
    if not text.isdecimal() or len(text) > 9:
        raise UsageError(f"--seed takes a whole number, not '{text}'")


def _check_free(outputs: list[str], options: argparse.Namespace) -> None:
    for name in outputs:
        if Path(name).exists() and not options.overwrite:
            # Before the volume is there, not after.
            raise exists_already(Path(name))
