"""The volume that options name, and numbers as options write them."""

import argparse
import math
from collections.abc import Callable
from typing import Any

import xarray as xr

from napari_tesm.cli.arguments import UsageError
from napari_tesm.io.volumes import open_volume
from napari_tesm.quantities.text import quantity_from_text
from napari_tesm.volumes.dataset import UP, voxel_from_text
from napari_tesm.volumes.levels import Levels, levels_of
from napari_tesm.volumes.surfaces import notes_of, surfaces_of


def reading_from_options(options: argparse.Namespace, prefix: str = "") -> dict[str, Any]:
    """Return how a file is to be read; the prefix is that of its options.

    Raises
    ------
    UsageError
        If an option is no size or no direction.
    """
    if options.up not in UP:
        raise UsageError(f"--{prefix}up takes one of {', '.join(UP)}, not '{options.up}'")
    try:
        voxel = None if options.voxel is None else voxel_from_text(options.voxel)
    except ValueError as error:
        raise UsageError(f"--{prefix}voxel: {error}") from None
    return {
        "voxel": voxel,
        "up": options.up,
        "array": options.array,
        "mapping": options.mapping,
        "peak": options.peak,
    }


def volume_to_read(options: argparse.Namespace, path: str | None = None) -> xr.Dataset:
    """Return the volume of the file that options name, or of one of several."""
    return open_volume(options.file if path is None else path, **reading_from_options(options))


def levels_from_options(options: argparse.Namespace, volume: xr.Dataset) -> Levels:
    """Return the grey values that are found in a volume, or said by options.

    Raises
    ------
    UsageError
        If an option is no number.
    """
    given: dict[str, float | None] = {}
    for name in ("air", "collector"):
        text = getattr(options, name)
        try:
            number = None if text is None else float(text)
        except ValueError:
            number = math.nan
        if number is not None and not math.isfinite(number):
            raise UsageError(f"--{name} takes a grey value, a number, not '{text}'")
        given[name] = number
    return levels_of(volume, **given)


def surfaces_from_options(
    options: argparse.Namespace, volume: xr.Dataset, progress: Callable[[float, str], None] | None
) -> tuple[Levels, xr.Dataset, list[str]]:
    """Return the grey values of a volume, its surfaces, and what is to be known before their numbers are believed."""
    levels = levels_from_options(options, volume)
    surfaces = surfaces_of(volume, levels, progress=progress)
    return levels, surfaces, notes_of(volume, surfaces)


def length_from_option(text: str | None, name: str) -> float | None:
    """Return the length that an option says in m, None where it is not given.

    Raises
    ------
    UsageError
        If it says none.
    """
    try:
        return None if text is None else quantity_from_text(text, "m")
    except ValueError as error:
        raise UsageError(f"--{name}: {error}") from None


def part_of(
    progress: Callable[[float, str], None] | None, start: float, stop: float
) -> Callable[[float, str], None] | None:
    """Return the callback of one of several steps."""
    if progress is None:
        return None
    return lambda fraction, text: progress(start + (stop - start) * fraction, text)


def fixed_volume(options: argparse.Namespace, path: str | None = None) -> xr.Dataset:
    """Return the second volume of a command, by the options that are its own."""
    own = argparse.Namespace(
        **{name: getattr(options, f"fixed_{name}") for name in ("voxel", "up", "array", "peak")}, mapping=None
    )
    return open_volume(options.fixed if path is None else path, **reading_from_options(own, "fixed-"))
