"""A simulated acquisition as instruments write it: the recorder's TDMS stream, and the AFM's images beside it."""

from os import PathLike
from pathlib import Path
from typing import Final

import numpy as np
import xarray as xr

from napari_tesm.files.atomic import atomic_output
from napari_tesm.files.optional import optional_module
from napari_tesm.gwy.writing import write_container_to
from napari_tesm.io.gwy.saving import container_from_images
from napari_tesm.io.mapping.entries import Mapping, RecordingEntry, ScanEntry
from napari_tesm.simulation.acquisition import Acquisition

GROUP: Final = "Recording"
CHANNELS: Final = {
    "X": "Lock-in X", "Y": "Lock-in Y", "dc": "dc voltage", "trigger": "Pixel trigger", "line": "Line trigger",
}  # fmt: skip
_BLOCK: Final = 1 << 20


def save_tdms(
    path: str | PathLike[str], acquisition: Acquisition, *, unit: str = "V", overwrite: bool = False
) -> None:
    """Write a simulated recording as LabVIEW does: a channel for each stream, in segments, with its time base.

    Raises
    ------
    OSError
        If it cannot be written; nothing is left behind then.
    """
    nptdms = optional_module("nptdms", path, "a TDMS file")
    names = [name for name in CHANNELS if name in acquisition.streams]
    with atomic_output(path, overwrite=overwrite) as file, nptdms.TdmsWriter(file) as writer:
        for block in acquisition.blocks(_BLOCK):
            writer.write_segment(
                [
                    nptdms.RootObject({"Description": "Simulated t-ESM recording"}),
                    *(
                        nptdms.ChannelObject(
                            GROUP,
                            CHANNELS[name],
                            np.asarray(block[name]),
                            {
                                "wf_increment": 1.0 / acquisition.rate,
                                "wf_start_offset": 0.0,
                                "unit_string": "V" if name in ("dc", "trigger", "line") else unit,
                            },
                        )
                        for name in names
                    ),
                ]
            )


def mapping_from_acquisition(
    acquisition: Acquisition, *, width: float | None = None, height: float | None = None
) -> Mapping:
    """Return the mapping with which a file that `save_tdms` wrote becomes a dataset again."""
    order = acquisition.order

    def channel(name: str) -> str:
        return f"{GROUP}/{CHANNELS[name]}" if name in acquisition.streams else ""

    before, after = acquisition.record
    return Mapping(
        recording=RecordingEntry(
            signals={signal: channel(signal) for signal in ("X", "Y") if channel(signal)},
            dc=channel("dc"),
            pixel_trigger=channel("trigger"),
            line_trigger=channel("line"),
            before=before / acquisition.rate,
            length=(before + after) / acquisition.rate,
        ),
        scan=ScanEntry(
            pixels=order.columns, lines=order.lines, width=width, height=height, ways=order.ways,
            serpentine=order.serpentine, voltages=order.voltages, voltages_per=order.voltages_per,
            upward=order.upward, first_line=order.first_line,
        ),
    )  # fmt: skip


def save_scan_images(path: str | PathLike[str], dataset: xr.Dataset, *, overwrite: bool = False) -> None:
    """Write the images of a dataset as the AFM's own file, without the traces.

    Raises
    ------
    ValueError
        If there is none.
    OSError
        If it cannot be written; nothing is left behind then.
    """
    images = [array for array in dataset.data_vars.values() if array.dims == ("y", "x")]
    if not images:
        raise ValueError(f"there is no image to write into {Path(path).name}")
    with atomic_output(path, overwrite=overwrite) as file:
        write_container_to(file, container_from_images(images))
