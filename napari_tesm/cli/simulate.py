"""``tesm simulate``: a simulated dataset as a file."""

import argparse
import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import xarray as xr

from napari_tesm.cli.arguments import UsageError
from napari_tesm.cli.jobs import jobs_from_text
from napari_tesm.cli.progress import progress_for
from napari_tesm.files.texts import printable
from napari_tesm.gwy.forms import GWYDDION_3, form_asked_for
from napari_tesm.gwy.writing import LARGEST_BODY
from napari_tesm.interface import save
from napari_tesm.simulation import (
    LATERAL,
    PRESETS,
    SERIES_PRESET,
    InstrumentNoise,
    Work,
    check_simulation,
    seconds_from_size,
    simulate,
)


def run_command(options: argparse.Namespace) -> int:
    """Write a simulated dataset; see ``tesm simulate --help``."""
    size = re.fullmatch(r"\s*(\d{1,5})\s*[x×]\s*(\d{1,5})\s*", options.size)
    if size is None:
        raise UsageError(f"--size takes pixels across and down, like 64x48, not '{options.size}'")
    for name in ("samples", "seed"):
        if not getattr(options, name).isdecimal() or len(getattr(options, name)) > 9:
            raise UsageError(f"--{name} takes a whole number, not '{getattr(options, name)}'")
    try:
        noise = None if options.noise is None else InstrumentNoise.from_text(options.noise)
    except ValueError as error:
        raise UsageError(error) from None
    if options.preset == SERIES_PRESET:
        return _simulate_series(options, (int(size[1]), int(size[2])), noise)
    size_in_file = 2 * 8 * int(size[1]) * int(size[2]) * int(options.samples)
    if size_in_file > LARGEST_BODY and form_asked_for(options.output) is not GWYDDION_3:
        gibibytes = size_in_file / 2**30
        raise UsageError(
            f"the traces would take {gibibytes:.1f} GiB, .gwy files end at 4 GiB: "
            "choose a smaller --size or fewer --samples, or end its name in .gwy3"
        )
    jobs = jobs_from_text(options.jobs)
    pixels = (int(size[1]), int(size[2]))
    asked: dict[str, Any] = {
        "size": pixels, "samples": int(options.samples), "seed": int(options.seed), "model": options.model,
    }  # fmt: skip
    try:
        # Before the first word about how long it will take.
        check_simulation(options.preset, **asked)
    except ValueError as error:
        more = f", or {SERIES_PRESET}" if options.preset not in PRESETS else ""
        raise UsageError(f"{error}{more}") from None
    if options.model in LATERAL:
        _say_duration(options, pixels, jobs)
    try:
        work = Work(jobs, progress=progress_for(options.progress))
        dataset = simulate(options.preset, work=work, noise=noise, **asked).dataset
    except ValueError as error:
        raise UsageError(error) from None
    return _write(options, dataset)


def _simulate_series(
    options: argparse.Namespace, size: tuple[int, int], noise: InstrumentNoise | None
) -> int:
    from napari_tesm.cli.simulate_series import say_written, write_series

    if options.model != "exponential":
        raise UsageError(
            f"the preset {SERIES_PRESET} is made of exponentials: it goes with no other --model "
            "(napari_tesm.simulation.voltage_series follows ions in the field of the tip)"
        )
    written = write_series(
        options.output,
        size=size,
        samples=int(options.samples),
        seed=int(options.seed),
        noise=noise,
        overwrite=options.overwrite,
    )
    if not options.quiet:
        say_written(options.output, written, options.preset)
    return 0


def _say_duration(options: argparse.Namespace, size: tuple[int, int], jobs: int) -> None:
    """Say what the traces will take, unless they could not be written."""
    output = Path(options.output)
    if output.exists() and not options.overwrite:
        # Before the traces are there, not after.
        raise FileExistsError(f"{output} exists: choose another name, or --overwrite")
    minutes = seconds_from_size(size) / min(jobs, os.cpu_count() or 1) / 60
    duration = f"{max(minutes, 1):.0f} min" if minutes < 100 else f"{minutes / 60:.0f} h"
    if not options.quiet:
        print(f"{size[0] * size[1]} tip positions: about {duration}.", file=sys.stderr)


def _write(options: argparse.Namespace, dataset: xr.Dataset) -> int:
    if Path(options.output).suffix.lower() == ".tdms":
        return _write_acquisition(options, dataset)
    save(options.output, dataset, overwrite=options.overwrite)
    _say_written(options, [options.output])
    return 0


def _write_acquisition(options: argparse.Namespace, dataset: xr.Dataset) -> int:
    """Write a recorder's stream, the mapping that goes with it, and the images of the microscope."""
    from napari_tesm.files.atomic import atomic_output
    from napari_tesm.io.acquisition_files import mapping_from_acquisition, save_scan_images, save_tdms
    from napari_tesm.io.mapping.text import text_from_mapping
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
    _say_written(options, [stream, mapping, images])
    return 0


def _say_written(options: argparse.Namespace, paths: Sequence[str | Path]) -> None:
    if not options.quiet:
        names = ", ".join(printable(str(path)) for path in paths)
        print(f"Written: {names} (simulated, preset {options.preset}{_model_words(options)})")


def _model_words(options: argparse.Namespace) -> str:
    noise = "" if options.noise is None else f", noise {printable(options.noise)}"
    return noise if options.model == "exponential" else f", model {options.model}{noise}"
