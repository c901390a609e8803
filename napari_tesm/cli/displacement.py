"""``tesm displacement``: maps of H alone, from the samples that H is the difference of."""

import argparse
from typing import Any

import xarray as xr

from napari_tesm.cli.map_files import write_maps
from napari_tesm.cli.opening import scan_to_evaluate
from napari_tesm.cli.outputs import check_outputs
from napari_tesm.cli.progress import progress_for
from napari_tesm.cli.recipes import recipe_from_options
from napari_tesm.evaluation.displacement_maps import displacement_maps
from napari_tesm.files.texts import printable
from napari_tesm.io.gwy.results_reading import maps_from_container
from napari_tesm.io.gwy.saving import check_output_size
from napari_tesm.scan import Scan


def run_command(options: argparse.Namespace) -> int:
    """Measure H as the options say; see ``tesm displacement --help``."""
    recipe = recipe_from_options(options)
    check_outputs(options)
    whole = not options.maps_only
    scan, evaluation = scan_to_evaluate(options, recipe)
    _ = evaluation.pulse  # what has no H is refused before a file is opened for it
    check_output_size(evaluation.source, maps_only=options.maps_only, path=options.output, names=("H",))
    progress = progress_for(options.progress)

    def figure(maps: xr.Dataset) -> Any:
        from napari_tesm.plotting.displacement import displacement_figure

        return displacement_figure(evaluation.source, maps)

    write_maps(
        options,
        scan,
        evaluation,
        lambda: displacement_maps(evaluation, progress=progress),
        figure,
        # Reading all of the file for its fingerprint takes longer than the few samples that H needs.
        with_sha256=whole or bool(options.json),
    )
    if whole and not options.quiet and (lost := _earlier_results(scan)):
        print(f"The results of an earlier fit in {printable(options.file)} are left out: {', '.join(lost)}")
    return 0


def _earlier_results(scan: Scan) -> list[str]:
    """Return the names of the maps in a file that its output does not hold any more, as for any new evaluation."""
    maps = None if scan.container is None else maps_from_container(scan.container)
    return [] if maps is None else [str(name) for name in maps.data_vars if name != "H"]
