"""``tesm displacement``: maps of H alone, from the samples that H is the difference of."""

import argparse
from typing import Any

import xarray as xr

from napari_tesm.cli.map_files import check_outputs, write_maps
from napari_tesm.cli.progress import progress_for
from napari_tesm.cli.recipes import evaluation_from_options, recipe_from_options
from napari_tesm.cli.terminal import printable
from napari_tesm.evaluation.displacement_maps import displacement_maps
from napari_tesm.gwy.reading import read_container
from napari_tesm.io.gwy.results import maps_from_container
from napari_tesm.io.gwy.saving import check_output_size


def run_command(options: argparse.Namespace) -> int:
    """Measure H as the options say; see ``tesm displacement --help``."""
    recipe = recipe_from_options(options)
    check_outputs(options)
    evaluation = evaluation_from_options(options, recipe)
    _ = evaluation.pulse  # what has no H is refused before a file is opened for it
    check_output_size(evaluation.source, maps_only=options.maps_only, names=("H",))
    progress = progress_for(options.progress)

    def figure(maps: xr.Dataset) -> Any:
        from napari_tesm.plotting.displacement import displacement_figure

        return displacement_figure(evaluation.source, maps)

    write_maps(
        options,
        evaluation,
        lambda: displacement_maps(evaluation, progress=progress),
        figure,
        # Reading all of the file for its fingerprint takes longer than the few samples that H needs.
        with_sha256=not options.maps_only or bool(options.json),
    )
    if not (options.maps_only or options.quiet):
        lost = _earlier_results(options.file)
        if lost:
            print(
                f"The results of an earlier fit in {printable(options.file)} are left out: {', '.join(lost)}"
            )
    return 0


def _earlier_results(file: str) -> list[str]:
    """Return the names of the maps in a file that its output does not hold any more, as for any new evaluation."""
    maps = maps_from_container(read_container(file))
    return [] if maps is None else [str(name) for name in maps.data_vars if name != "H"]
