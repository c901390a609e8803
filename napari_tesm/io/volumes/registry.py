"""A file of a volume opened: its format told by its content, its voxel never guessed."""

from __future__ import annotations

from os import PathLike
from pathlib import Path
from typing import Any, Final

import xarray as xr

from napari_tesm.files.sentences import Sentence
from napari_tesm.io.content import ContentError, one_line
from napari_tesm.io.detection import beginning_of_file
from napari_tesm.io.hdf5 import is_hdf5
from napari_tesm.io.volumes.amira import is_amira, volume_from_amira
from napari_tesm.io.volumes.arrays import volume_from_hdf5
from napari_tesm.io.volumes.mrc import is_mrc, volume_from_mrc
from napari_tesm.io.volumes.nrrd import is_nrrd, volume_from_nrrd
from napari_tesm.io.volumes.ome_zarr import is_ome_zarr, volume_from_ome_zarr
from napari_tesm.io.volumes.raw import volume_from_raw
from napari_tesm.io.volumes.stored import StoredVolume
from napari_tesm.io.volumes.tiff import is_tiff, slices_in_folder, volume_from_tiff, volume_from_tiff_folder
from napari_tesm.io.volumes.tofdaq import PEAK
from napari_tesm.io.volumes.zeiss import is_zeiss, volume_from_zeiss
from napari_tesm.volumes.dataset import Voxel, volume_from_array, voxel_in_words

_READERS: Final = (
    (is_tiff, volume_from_tiff),
    (is_mrc, volume_from_mrc),
    (is_nrrd, volume_from_nrrd),
    (is_amira, volume_from_amira),
    (is_zeiss, volume_from_zeiss),
)
_KNOWN: Final = (
    "TIFF stacks and folders, HDF5 (Data Exchange, NXdata, TofDaq), OME-Zarr, MRC, NRRD, Amira, Zeiss TXM"
)
_SAME: Final = 1e-3


def open_volume(
    path: str | PathLike[str],
    *,
    voxel: Voxel | None = None,
    up: str = "z",
    array: str | None = None,
    mapping: str | PathLike[str] | None = None,
    peak: str | None = None,
) -> xr.Dataset:
    """Return the volume of a file; its numbers stay there until they are asked for.

    Parameters
    ----------
    path : path-like
        A TIFF stack, a folder of TIFF slices, HDF5, an OME-Zarr folder, an MRC map, NRRD, Amira, Zeiss TXM, or bare
        numbers with a mapping.
    voxel : tuple of float, optional
        Distance of slices, rows and columns in m, in place of what the file says.
    up : {"z", "-z", "y", "-y", "x", "-x"}
        The axis of the file that leads away from the collector.
    array : str, optional
        Which array of an HDF5 file.
    mapping : path-like, optional
        What bare numbers are.
    peak : str, optional
        Which peaks of a mass spectrometer: a label or m/z, several for their sum, and after a stroke what it is divided
        by. A file that has no peaks is taken as it is, and a note says so.

    Returns
    -------
    xarray.Dataset
        As of `napari_tesm.volumes.dataset`; ``attrs["notes"]`` says what was odd.

    Raises
    ------
    ContentError
        If the file is damaged, or of no known format.
    ValueError
        If the size of a voxel is not known.
    OSError
        If it cannot be read.
    MissingPackageError
        If a package that reads it is not installed.
    """
    path = Path(path)
    stored = stored_volume(path, array, mapping, peak)
    if stored.refusal:
        raise ContentError(stored.refusal)
    notes = [*stored.notes, *_contradiction(stored.voxel, voxel), *_without_peaks(stored, peak)]
    try:
        volume = volume_from_array(stored.array, voxel or stored.voxel, up=up, attributes=stored.attributes)
    except ValueError as error:
        raise ValueError(Sentence("{path}: {error}", path=path, error=error)) from None
    volume.attrs |= {"format": stored.format, "notes": notes}
    if peak is not None:
        volume.attrs.setdefault(PEAK, one_line(peak))
    volume.encoding["origin"] = str(path.absolute())
    return volume


def describe_volume(
    path: str | PathLike[str],
    *,
    voxel: Voxel | None = None,
    up: str = "z",
    array: str | None = None,
    mapping: str | PathLike[str] | None = None,
    peak: str | None = None,
) -> dict[str, Any]:
    """Return what a file holds, also where it does not say the size of a voxel.

    Parameters
    ----------
    path, voxel, up, array, mapping, peak
        As of `open_volume`.

    Returns
    -------
    dict
        ``name``, ``format``, ``shape`` (slices, rows, columns), ``dtype``, ``voxel`` (m, None where it is not known),
        ``size`` (m, as the voxel), ``up``, ``projections`` (whether they are raw ones and no volume), ``peaks`` (of a
        mass spectrometer), ``notes``, ``simulated``, and ``missing``: sentences.
    """
    path = Path(path)
    stored = stored_volume(path, array, mapping, peak)
    edges = voxel or stored.voxel
    missing: list[str] = [stored.refusal] if stored.refusal else []
    try:
        if not stored.refusal:
            volume_from_array(stored.array, edges, up=up)
    except ValueError as error:
        missing.append(error.args[0])
    return {
        "name": path.name,
        "format": stored.format,
        "shape": list(stored.array.shape),
        "dtype": str(stored.array.dtype.newbyteorder("=")),
        "voxel": list(edges),
        "size": [
            None if edge is None else edge * count
            for edge, count in zip(edges, stored.array.shape, strict=True)
        ],
        "up": up,
        "projections": bool(stored.refusal) and not stored.peaks,
        "peaks": list(stored.peaks),
        "simulated": bool(stored.attributes.get("simulated", False)),
        "notes": [*stored.notes, *_contradiction(stored.voxel, voxel), *_without_peaks(stored, peak)],
        "missing": missing,
    }


def stored_volume(
    path: Path, array: str | None, mapping: str | PathLike[str] | None, peak: str | None = None
) -> StoredVolume:
    """Return what a file of any format holds, its voxel known or not; parameters and errors as of `open_volume`."""
    head = beginning_of_file(path)
    if mapping is not None:
        return volume_from_raw(path, Path(mapping))
    if path.is_dir():
        if is_ome_zarr(path):
            return volume_from_ome_zarr(path)
        if slices_in_folder(path):
            return volume_from_tiff_folder(path)
        raise ContentError(f"{path} is a folder that is neither an OME-Zarr nor one of TIFF slices.")
    if not head:
        raise ContentError(f"{path} is empty (0 bytes): copy it again from where it was made.")
    if is_hdf5(path, head):
        return volume_from_hdf5(path, array=array, peak=peak)
    for test, reader in _READERS:
        if test(path, head):
            return reader(path)
    raise ContentError(
        Sentence(
            "{path} is of no format of volumes that is known ({known}): bare numbers need a {mapping}",
            path=path, known=_KNOWN,
        )
    )  # fmt: skip


def _without_peaks(stored: StoredVolume, peak: str | None) -> list[str]:
    if peak is None or stored.peaks or stored.attributes.get(PEAK):
        return []
    return [f"The file has no peaks to choose among; what it holds is taken for '{one_line(peak)}'."]


def _contradiction(said: tuple[float | None, ...], given: Voxel | None) -> list[str]:
    """Return a sentence where a given size is another than the file's."""
    if given is None or all(
        edge is None or abs(edge - wanted) <= _SAME * wanted for edge, wanted in zip(said, given, strict=True)
    ):
        return []
    return [
        f"The file says voxels of {voxel_in_words(said)}; {voxel_in_words(given)} were given and are taken."
    ]
