"""``tesm simulate --preset paper-series``: a folder of scans, controls, cycling of cells, the truth."""

import json
from pathlib import Path
from typing import BinaryIO

import xarray as xr

from napari_tesm.cli.arguments import UsageError
from napari_tesm.files.atomic import AtomicOutputs
from napari_tesm.files.texts import printable
from napari_tesm.gwy.forms import ENDINGS
from napari_tesm.gwy.writing import LARGEST_BODY, write_container_to
from napari_tesm.scan import Scan, container_from_scan
from napari_tesm.simulation.cells import CELLS, CYCLES, cycle_capacities, cycling_text
from napari_tesm.simulation.instrument_noise import InstrumentNoise
from napari_tesm.simulation.voltage_scans import VOLTAGES, SimulatedSeries, simulate_series

_CONTROLS = {"silicon_wafer.gwy": "silicon-wafer", "hopg.gwy": "hopg"}
_STACKS_OF_FIRST = 4
"""X and Y of both polarities: what the largest file of the series holds."""


def write_series(
    output: str,
    *,
    size: tuple[int, int],
    samples: int,
    seed: int,
    noise: InstrumentNoise | None = None,
    overwrite: bool = False,
) -> list[Path]:
    """Write a simulated series into a folder, all of it or nothing, and return the files.

    Parameters
    ----------
    output : str
        The folder; it is made where there is none.
    noise : InstrumentNoise, optional
        What an instrument adds to each scan; the truth says it.

    Raises
    ------
    UsageError
        If the output is no folder, or the size or number of samples makes no sense.
    OSError
        If it cannot be written, or a file is there and `overwrite` is not set.
    """
    folder = Path(output)
    if folder.suffix.lower() in (*ENDINGS, ".tdms") or folder.is_file():
        raise UsageError(f"this preset is several files: give a folder to write them to, not {output}")
    bytes_of_first = _STACKS_OF_FIRST * 8 * size[0] * size[1] * samples
    if bytes_of_first > LARGEST_BODY:
        raise UsageError(
            f"the traces of one file would take {bytes_of_first / 2**30:.1f} GiB, .gwy files end at 4 GiB: "
            "choose a smaller --size or fewer --samples"
        )
    try:
        series = simulate_series(size=size, samples=samples, seed=seed, noise=noise)
    except ValueError as error:
        raise UsageError(error) from None
    names = [scan_name(voltage) for voltage in VOLTAGES]
    truth = series.truth()
    for entry, name in zip(truth["scans"], names, strict=True):
        entry["file"] = name
    truth["controls"] = list(_CONTROLS)
    tables = {f"cycling_{cell}.csv": cycling_text(cell) for cell in CELLS}
    truth["cycling"] = {
        name: [list(cycle_capacities(cell, cycle)) for cycle in CYCLES]
        for name, cell in zip(tables, CELLS, strict=True)
    }
    made = not folder.exists()
    folder.mkdir(exist_ok=True)
    paths = [folder / name for name in (*names, *_CONTROLS, *tables, "truth.json")]
    try:
        with AtomicOutputs(overwrite=overwrite) as outputs:
            # What is in the way is said before anything is computed.
            files = [outputs.open(path) for path in paths]
            for file, voltage in zip(files, VOLTAGES, strict=False):
                _write(file, series, series.scan(voltage), marked=voltage == VOLTAGES[0])
            for file, preset in zip(files[len(names) :], _CONTROLS.values(), strict=False):
                _write(file, series, series.control(preset), marked=False)
            for file, table in zip(files[-1 - len(tables) : -1], tables.values(), strict=True):
                file.write(table.encode())
            files[-1].write((json.dumps(truth, indent=1) + "\n").encode())
    except BaseException:
        if made and not any(folder.iterdir()):
            folder.rmdir()
        raise
    return paths


def scan_name(voltage: float) -> str:
    """Return the name of the file of a voltage, in V: in the order of the voltages, also for a shell."""
    return f"si_c_{voltage:02.0f}V.gwy"


def say_written(output: str, paths: list[Path], preset: str) -> None:
    """Print what was written."""
    names = ", ".join(printable(path.name) for path in paths)
    print(f"Written: {printable(output)} with {names} (simulated, preset {preset})")


def _write(file: BinaryIO, series: SimulatedSeries, dataset: xr.Dataset, *, marked: bool) -> None:
    # Regions and points lie on the first scan; where they are on the others is for the registration to find out.
    scan = Scan("", dataset)
    if marked:
        scan.regions, scan.points = list(series.regions), list(series.points)
    write_container_to(file, container_from_scan(scan))
