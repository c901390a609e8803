"""Opening files by their content, whatever their name says."""

from collections.abc import Sequence
from os import PathLike
from pathlib import Path

import xarray as xr

from napari_tesm.io.gwy.opening import datasets_from_gwy


def open_datasets(
    path: str | PathLike[str],
    *,
    traces: Sequence[str] | str | None = None,
    time_unit: str | None = None,
    lateral_unit: str | None = None,
) -> list[xr.Dataset]:
    """Open every group of traces in a file, each with one time base, pulse timing and grid.

    Parameters
    ----------
    path : path-like
        A .gwy file.
    traces : str or sequence of str, optional
        Titles or numbers of the trace stacks to take.
    time_unit, lateral_unit : str, optional
        Units of axes that have none in the file.

    Raises
    ------
    OSError
        If the file cannot be opened.
    ValueError
        If it is not of a known format, or not sound, or holds no traces.
    """
    names = [traces] if isinstance(traces, str) else traces
    return datasets_from_gwy(Path(path), traces=names, time_unit=time_unit, lateral_unit=lateral_unit)


def open_dataset(
    path: str | PathLike[str],
    *,
    traces: Sequence[str] | str | None = None,
    time_unit: str | None = None,
    lateral_unit: str | None = None,
) -> xr.Dataset:
    """Open a file as a dataset whose traces stay in the file until they are asked for.

    Parameters and errors are those of `open_datasets`; where the file holds several groups, choose one by
    `traces`.
    """
    groups = open_datasets(path, traces=traces, time_unit=time_unit, lateral_unit=lateral_unit)
    if len(groups) > 1:
        titles = "; ".join(" + ".join(f"'{title}'" for title in group.attrs["traces"]) for group in groups)
        raise ValueError(
            f"{path} holds traces with different time bases, protocols, units or grids: "
            f"choose one group with --traces ({titles})"
        )
    return groups[0]
