"""``tesm import``: from an instrument's files to a dataset, as .gwy or Zarr."""

import argparse
from pathlib import Path

import xarray as xr

from napari_tesm.cli.arguments import UsageError
from napari_tesm.cli.progress import progress_for
from napari_tesm.cli.terminal import printable
from napari_tesm.files.atomic import refuse_same_file
from napari_tesm.interface import save
from napari_tesm.io.mapping.entries import Mapping, MappingError
from napari_tesm.io.mapping.text import mapping_from_file
from napari_tesm.io.registry import OpenedFile, is_gwy, open_file
from napari_tesm.io.series import series_from_datasets
from napari_tesm.recording import REPORT


def run_command(options: argparse.Namespace) -> int:
    """Import a file as a mapping says; see ``tesm import --help``."""
    output = Path(options.output)
    if output.suffix.lower() not in (".gwy", ".zarr"):
        raise UsageError(f"the output is FILE.gwy or FILE.zarr, not '{options.output}'")
    for path in (*options.files, options.scan, options.mapping):
        if path:
            try:
                refuse_same_file(output, path)
            except ValueError as error:
                raise UsageError(error) from None
    mapping = mapping_from_file(options.mapping) if options.mapping else None
    opened = [(Path(name), *_opened(name, mapping, options)) for name in options.files]
    notes = [f"{path.name}: {note}" for path, _, file in opened for note in file.notes]
    dataset = series_from_datasets([(path, dataset) for path, dataset, _ in opened])
    if options.scan:
        from napari_tesm.io.joining import dataset_with_scan

        known = opened[0][2].mapping
        dataset, said = dataset_with_scan(dataset, options.scan, None if known is None else known.afm)
        notes += said
    progress = progress_for(options.progress)
    if progress is not None:
        progress(0.0, "writing")
    if output.suffix.lower() == ".zarr":
        from napari_tesm.io.zarr_store import save_zarr

        save_zarr(output, dataset, overwrite=options.overwrite)
    else:
        save(output, dataset, overwrite=options.overwrite)
    if progress is not None:
        progress(1.0, "written")
    if not options.quiet:
        for line in lines_from_dataset(dataset, notes):
            print(printable(line))
        print(f"Written: {printable(options.output)}")
    return 0


def _opened(name: str, mapping: Mapping | None, options: argparse.Namespace) -> tuple[xr.Dataset, OpenedFile]:
    if is_gwy(name):
        raise ValueError(f"{name} is a .gwy file already: tesm fit and napari open it as it is")
    file = open_file(name, mapping=mapping, time_unit=options.time_unit, lateral_unit=options.lateral_unit)
    return _dataset(file, name), file


def _dataset(opened: OpenedFile, name: str) -> xr.Dataset:
    """Return the one dataset of a file.

    Raises
    ------
    ValueError
        If there is none, or there are several.
    """
    if not opened.datasets:
        if opened.questions:
            raise MappingError(
                f"it is not known what is what in {name}: {'; '.join(opened.questions)}. "
                f"Write a mapping: tesm info --mapping {name} > M.yaml proposes one; then --mapping M.yaml"
            )
        raise ValueError(f"{name} holds images only, no time traces: nothing to import")
    if len(opened.datasets) > 1:
        titles = "; ".join(" + ".join(one.attrs["traces"]) for one in opened.datasets)
        raise ValueError(
            f"{name} holds traces of different time bases, units or grids ({titles}): "
            "name those of one kind in a mapping"
        )
    return opened.datasets[0]


def lines_from_dataset(dataset: xr.Dataset, notes: list[str]) -> list[str]:
    """Return what was imported in lines: size, pulse settings, images, and what was odd."""
    sizes = dataset.sizes
    labels = [
        f"{float(voltage):+g} V {direction}".strip()
        if voltage == voltage
        else (direction or "voltage unknown")
        for voltage, direction in zip(
            dataset["voltage"].values, [str(way) for way in dataset["direction"].values], strict=True
        )
    ]
    time = dataset["time"].values
    lines = [
        f"{sizes['x']} × {sizes['y']} pixels, {sizes['time']} samples from {time[0] * 1e3:.6g} to "
        f"{time[-1] * 1e3:.6g} ms, pulse settings: {', '.join(labels)}"
    ]
    images = [
        str(array.attrs.get("long_name", name))
        for name, array in dataset.data_vars.items()
        if array.dims == ("y", "x")
    ]
    images += [
        str(one.attrs.get("long_name", one.name)) for one in dataset.encoding.get("other_channels", [])
    ]
    if images:
        lines.append(f"Images: {', '.join(images)}")
    lines += str(dataset.attrs.get(REPORT, "")).splitlines()
    return lines + [f"Note: {note}" for note in notes]
