"""``tesm simulate``: a simulated dataset as a file."""

import argparse
import re
from pathlib import Path

import xarray as xr

from napari_tesm.cli.entry import UsageError
from napari_tesm.cli.terminal import printable
from napari_tesm.interface import save
from napari_tesm.io.gwy.writing import LARGEST_BODY
from napari_tesm.simulation import simulate_dataset


def run_command(options: argparse.Namespace) -> int:
    """Write a simulated dataset; see ``tesm simulate --help``."""
    size = re.fullmatch(r"\s*(\d{1,5})\s*[x×]\s*(\d{1,5})\s*", options.size)
    if size is None:
        raise UsageError(f"--size takes pixels across and down, like 64x48, not '{options.size}'")
    for name in ("samples", "seed"):
        if not getattr(options, name).isdecimal() or len(getattr(options, name)) > 9:
            raise UsageError(f"--{name} takes a whole number, not '{getattr(options, name)}'")
    size_in_file = 2 * 8 * int(size[1]) * int(size[2]) * int(options.samples)
    if size_in_file > LARGEST_BODY:
        gibibytes = size_in_file / 2**30
        raise UsageError(
            f"the traces would take {gibibytes:.1f} GiB, .gwy files end at 4 GiB: "
            "choose a smaller --size or fewer --samples"
        )
    try:
        dataset = simulate_dataset(
            options.preset,
            size=(int(size[1]), int(size[2])),
            samples=int(options.samples),
            seed=int(options.seed),
        )
    except ValueError as error:
        raise UsageError(str(error)) from None
    if Path(options.output).suffix.lower() == ".tdms":
        return _write_acquisition(options, dataset)
    save(options.output, dataset, overwrite=options.overwrite)
    print(f"Written: {printable(options.output)} (simulated, preset {options.preset})")
    return 0


def _write_acquisition(options: argparse.Namespace, dataset: xr.Dataset) -> int:
    """Write a recorder's stream, the mapping that goes with it, and the images of the microscope."""
    from napari_tesm.io.acquisition_files import mapping_from_acquisition, save_scan_images, save_tdms
    from napari_tesm.io.atomic import atomic_output
    from napari_tesm.io.mapping_text import text_from_mapping
    from napari_tesm.simulation.acquisition import simulate_acquisition

    stream = Path(options.output)
    mapping, images = stream.with_suffix(".yaml"), stream.with_name(f"{stream.stem}_afm.gwy")
    for path in (stream, mapping, images):
        if path.exists() and not options.overwrite:
            raise FileExistsError(f"{path} exists: choose another name, or --overwrite")
    acquisition = simulate_acquisition(dataset, seed=int(options.seed))
    text = text_from_mapping(mapping_from_acquisition(acquisition))
    written: list[Path] = []
    try:
        save_scan_images(images, dataset, overwrite=options.overwrite)
        written.append(images)
        with atomic_output(mapping, overwrite=options.overwrite) as file:
            file.write(text.encode())
        written.append(mapping)
        save_tdms(stream, acquisition, overwrite=options.overwrite)
    except BaseException:
        # All of them or none.
        for path in written:
            path.unlink(missing_ok=True)
        raise
    names = ", ".join(printable(str(path)) for path in (stream, mapping, images))
    print(f"Written: {names} (simulated, preset {options.preset})")
    return 0
