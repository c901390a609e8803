"""Volumes in HDF5 files: Data Exchange, NXdata, TofDaq, or whichever array has three dimensions."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from napari_tesm.files.lazy import LazyArray
from napari_tesm.files.sentences import Sentence
from napari_tesm.io.content import Axis, ContentError, FileContent, Source
from napari_tesm.io.hdf5 import content_from_hdf5
from napari_tesm.io.volumes.stored import StoredVolume, metres_from
from napari_tesm.io.volumes.tofdaq import is_tofdaq, volume_from_tofdaq

_EXCHANGE: Final = "exchange/data"
OF_PROJECTIONS: Final = ("data_white", "data_dark", "theta", "image_key", "rotation_angle")
"""What lies beside projections and has no business beside a reconstruction."""
_SHOWN: Final = 8


def volume_from_hdf5(path: Path, *, array: str | None = None, peak: str | None = None) -> StoredVolume:
    """Return the volume of an HDF5 file.

    Parameters
    ----------
    path : Path
    array : str, optional
        Its name, where the file holds several arrays of three dimensions.
    peak : str, optional
        Of TofDaq's files, as of `volume_from_tofdaq`.

    Raises
    ------
    ContentError
        If there is none, or several. Of projections the refusal says so: nothing is reconstructed here.
    """
    content = content_from_hdf5(path)
    if array is None and is_tofdaq(content):
        return volume_from_tofdaq(content, peak)
    source = chosen_source(content, array)
    beside = [other.name.rpartition("/")[2] for other in content.sources]
    raw = None if array is not None else next((name for name in OF_PROJECTIONS if name in beside), None)
    if not isinstance(source.array, LazyArray):
        raise ContentError(f"{path}: '{source.name}' cannot be read piece by piece: convert it first.")
    z, y, x = (_edge(axis) for axis in source.axes)
    kind = "Data Exchange" if source.name == _EXCHANGE else source.name
    if raw is None:
        return StoredVolume(f"{content.format}, {kind}", source.array, (z, y, x), tuple(content.notes))
    refusal = Sentence(
        "{path} holds raw projections ('{raw}' lies beside '{name}'), not a volume: make one of them with 'tesm volume "
        "reconstruct', or name a reconstruction in it with {array}",
        path=path, raw=raw, name=source.name,
    )  # fmt: skip
    return StoredVolume(
        f"{content.format}, {kind}: raw projections, not a volume",
        source.array,
        notes=tuple(content.notes),
        refusal=refusal,
    )


def chosen_source(content: FileContent, name: str | None) -> Source:
    """Return the array of three dimensions that is asked for, or the one that must be meant.

    Raises
    ------
    ContentError
        If there is none, or several.
    """
    path = content.path
    volumes = [source for source in content.sources if _may_be_volume(source)]
    if name is not None:
        source = content.source(name)
        if source not in volumes:
            raise ContentError(f"'{name}' in {path} is no volume: it has the shape {source.shape}.")
        return source
    if not volumes:
        raise ContentError(f"{path} holds no volume: none of its arrays has three dimensions.")
    exchange = [source for source in volumes if source.name == _EXCHANGE]
    if exchange or len(volumes) == 1:
        return (exchange or volumes)[0]
    names = ", ".join(f"'{source.name}'" for source in volumes[:_SHOWN])
    more = f" and {len(volumes) - _SHOWN} more" if len(volumes) > _SHOWN else ""
    raise ContentError(
        Sentence(
            "{path} holds several volumes, {names}{more}: choose with {array}",
            path=path,
            names=names,
            more=more,
        )
    )


def _may_be_volume(source: Source) -> bool:
    return len(source.shape) == 3 and min(source.shape) > 1 and source.array.dtype.kind in "biuf"


def _edge(axis: Axis) -> float | None:
    if not axis.known or axis.values is not None:
        return None
    return metres_from(abs(axis.step), axis.unit)
