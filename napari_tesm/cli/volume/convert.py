"""``tesm volume convert``: a volume of any format as OME-Zarr."""

import argparse

from napari_tesm.cli.outputs import refuse_inputs
from napari_tesm.cli.progress import progress_for
from napari_tesm.cli.volume.opening import volume_to_read
from napari_tesm.files.texts import printable
from napari_tesm.io.volumes import save_volume


def run_command(options: argparse.Namespace) -> int:
    """Write the volume; see ``tesm volume convert --help``."""
    refuse_inputs(options.output, options.file)
    volume = volume_to_read(options)
    save_volume(options.output, volume, overwrite=options.overwrite, progress=progress_for(options.progress))
    if not options.quiet:
        for note in volume.attrs["notes"]:
            print(printable(f"Note: {note}"))
        print(f"Written: {printable(options.output)}")
    return 0
