"""``tesm import``: from an instrument's files to a dataset, as .gwy or Zarr; images alone become a .gwy file, too."""

import argparse
from collections.abc import Sequence
from pathlib import Path

import xarray as xr

from napari_tesm.cli.arguments import UsageError
from napari_tesm.cli.outputs import refuse_inputs
from napari_tesm.cli.progress import progress_for
from napari_tesm.data.dataset import titles_of_traces
from napari_tesm.evaluation.recipe import Recipe
from napari_tesm.files.texts import printable
from napari_tesm.gwy.forms import is_named_gwy
from napari_tesm.io.mapping.entries import Mapping
from napari_tesm.io.mapping.text import mapping_from_file
from napari_tesm.io.registry import UnknownContentError, is_gwy
from napari_tesm.io.series import series_from_datasets
from napari_tesm.quantities.text import prefix_for
from napari_tesm.recording import REPORT
from napari_tesm.scan import Scan, save_scan, scan_with_traces, scans_from_file


def run_command(options: argparse.Namespace) -> int:
    """Import a file as a mapping says; see ``tesm import --help``."""
    output = Path(options.output)
    if not is_named_gwy(output) and output.suffix.lower() != ".zarr":
        raise UsageError(f"the output is FILE.gwy or FILE.zarr, not '{options.output}'")
    refuse_inputs(output, *options.files, options.scan, options.mapping)
    mapping = mapping_from_file(options.mapping) if options.mapping else None
    files = {Path(name): _scan(name, mapping, options) for name in options.files}
    scan, notes = _joined(options, files)
    progress = progress_for(options.progress)
    if progress is not None:
        progress(0.0, "writing")
    if output.suffix.lower() == ".zarr":
        from napari_tesm.io.zarr_store import save_zarr

        save_zarr(output, scan_with_traces([scan])[1], overwrite=options.overwrite)
    else:
        save_scan(scan, output, overwrite=options.overwrite)
    if progress is not None:
        progress(1.0, "written")
    if not options.quiet:
        for line in [*lines_from_scan(scan), *(f"Note: {note}" for note in notes)]:
            print(printable(line))
        print(f"Written: {printable(options.output)}")
    return 0


def _scan(name: str, mapping: Mapping | None, options: argparse.Namespace) -> Scan:
    """Return what a file holds; raises ValueError where it is not known what, or its traces are of several kinds."""
    if is_gwy(name):
        raise ValueError(f"{name} is a .gwy file already: tesm fit and napari open it as it is")
    units = Recipe(time_unit=options.time_unit, lateral_unit=options.lateral_unit)
    first, *others = scans_from_file(name, units, mapping=mapping)
    if isinstance(first.refusal, UnknownContentError):
        raise first.refusal
    if others:
        kinds = [first.dataset, *(scan.dataset for scan in others)]
        titles = "; ".join(" + ".join(titles_of_traces(dataset)) for dataset in kinds if dataset is not None)
        raise ValueError(
            f"{name} holds traces of different time bases, units or grids ({titles}): "
            "name those of one kind in a mapping"
        )
    return first


def _joined(options: argparse.Namespace, files: dict[Path, Scan]) -> tuple[Scan, list[str]]:
    """Return the files as one scan, with the images of the microscope, and notes about all of it."""
    notes = [f"{path.name}: {note}" for path, scan in files.items() for note in scan.notes]
    first = next(iter(files.values()))
    if len(files) == 1 and first.dataset is None and not options.scan:
        return first, notes
    dataset = series_from_datasets([(path, scan_with_traces([scan])[1]) for path, scan in files.items()])
    if options.scan:
        from napari_tesm.io.joining import dataset_with_scan

        afm = None if first.mapping is None else first.mapping.afm
        dataset, said = dataset_with_scan(dataset, options.scan, afm)
        notes += said
    others = dataset.encoding.get("other_channels", [])
    own = [array for array in dataset.data_vars.values() if array.dims == ("y", "x")]
    return Scan(first.name, dataset, [*own, *others]), notes


def lines_from_scan(scan: Scan) -> list[str]:
    """Return what was imported in lines: size, pulse settings, images, and what was odd."""
    lines = ["Images alone, no time traces"]
    if scan.dataset is not None:
        sizes, time = scan.dataset.sizes, scan.dataset["time"].values
        factor, unit = prefix_for(float(abs(time).max()), "s")
        lines = [
            f"{sizes['x']} × {sizes['y']} pixels, {sizes['time']} samples from {time[0] / factor:.6g} to "
            f"{time[-1] / factor:.6g} {unit}, pulse settings: {', '.join(_pulse_settings(scan.dataset))}"
        ]
    if scan.channels:
        lines.append(
            f"Images: {', '.join(str(channel.attrs.get('long_name', channel.name)) for channel in scan.channels)}"
        )
    return lines if scan.dataset is None else [*lines, *str(scan.dataset.attrs.get(REPORT, "")).splitlines()]


def _pulse_settings(dataset: xr.Dataset) -> Sequence[str]:
    return [
        f"{float(voltage):+g} V {direction}".strip()
        if voltage == voltage
        else (str(direction) or "voltage unknown")
        for voltage, direction in zip(dataset["voltage"].values, dataset["direction"].values, strict=True)
    ]
