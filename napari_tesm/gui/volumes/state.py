"""One electrode volume as the widget knows it: its levels, its surfaces and what was measured; no Qt, no napari."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from psygnal import Signal

from napari_tesm.files.atomic import atomic_output
from napari_tesm.files.sentences import Sentence, sentence_begun
from napari_tesm.gwy.writing import write_container_to
from napari_tesm.io.gwy.saving import container_from_images
from napari_tesm.volumes.dataset import AXES, INTENSITY, Voxel, voxel_of
from napari_tesm.volumes.levels import Levels, levels_of
from napari_tesm.volumes.profile import Profile, profile_of
from napari_tesm.volumes.sections import section_at
from napari_tesm.volumes.surfaces import level_of_electrode, notes_of, nothing_lies_on, surfaces_of
from napari_tesm.volumes.thickness import Thickness, thickness_of_electrode

Progress = Callable[[float, str], None]
GREYS: Final = ("air", "collector", "electrode")
_READ_BYTES: Final = 32 << 20
_MOST_SOLID: Final = 1 << 24
"""Voxels that any computer turns without stutter."""


@dataclass(frozen=True)
class Greys:
    """The three grey values of a volume.

    Parameters
    ----------
    levels : Levels
        Of air and collector.
    electrode : float or None
        None where nothing lies on the collector.
    """

    levels: Levels
    electrode: float | None

    def value(self, name: str) -> float | None:
        """Return one of them by its name."""
        return self.electrode if name == "electrode" else getattr(self.levels, name)


class VolumeState:
    """A volume, and what was found in it.

    Parameters
    ----------
    name : str
        What it is called in the widget and in the names of its layers.
    volume : xarray.Dataset
    """

    changed = Signal()

    def __init__(self, name: str, volume: xr.Dataset) -> None:
        self.name = name
        self.volume = volume
        self.greys: Greys | None = None
        self.problem = ""
        """Why there are no grey values, in a sentence."""
        self.surfaces: xr.Dataset | None = None
        self.thickness: Thickness | None = None
        self.profile: Profile | None = None

    @property
    def voxel(self) -> Voxel:
        """Size of a voxel along z, y, x in m."""
        return voxel_of(self.volume)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Number of voxels along z, y, x."""
        z, y, x = self.volume[INTENSITY].shape
        return z, y, x

    @property
    def size(self) -> tuple[float, float, float]:
        """Size of the volume along z, y, x in m."""
        z, y, x = (count * edge for count, edge in zip(self.shape, self.voxel, strict=True))
        return z, y, x

    @property
    def n_bytes(self) -> int:
        """Bytes of all grey values."""
        return int(np.prod(self.shape, dtype=np.int64)) * self.volume[INTENSITY].dtype.itemsize

    @property
    def no_electrode(self) -> bool:
        """Whether the surfaces say that nothing lies on the collector."""
        return self.surfaces is not None and nothing_lies_on(self.surfaces)

    # What is found

    def find_greys(self, progress: Progress | None = None) -> Greys:
        """Return the grey values that are found in the volume; nothing is changed.

        Raises
        ------
        ValueError
            As `levels_of`.
        """
        levels = levels_of(self.volume)
        _tell(progress, 0.5, "looking for the electrode")
        return Greys(levels, level_of_electrode(self.volume, levels))

    def set_greys(self, greys: Greys | None, problem: str = "") -> None:
        """Take over grey values; what was found with others is gone."""
        if greys == self.greys and problem == self.problem:
            return
        self.greys, self.problem = greys, problem
        self.surfaces = self.thickness = self.profile = None
        self.changed.emit()

    def edit_greys(self, texts: Mapping[str, str]) -> None:
        """Take over grey values as somebody entered them; a text that was not touched keeps all digits of its value.

        Nothing happens while air or collector is still empty. An empty electrode has it found with the surfaces.

        Raises
        ------
        ValueError
            If one is no number, or they are not in the order air, electrode, collector.
        """
        values = {name: self._grey_entered(name, text) for name, text in texts.items()}
        air, collector, electrode = (values[name] for name in GREYS)
        if air is None or collector is None:
            return
        if not air < collector:
            raise ValueError(
                f"air ({air:.6g}) is not darker than the collector ({collector:.6g}): correct one of both"
            )
        if electrode is not None and not air < electrode < collector:
            raise ValueError(
                f"the electrode ({electrode:.6g}) does not lie between air ({air:.6g}) and collector "
                f"({collector:.6g}): correct it, or leave it empty to have it found"
            )
        self.set_greys(Greys(Levels(air, collector), electrode))

    def grey_text(self, name: str) -> str:
        """Return a grey value for an entry; empty where it is not known."""
        value = None if self.greys is None else self.greys.value(name)
        return "" if value is None else f"{value:.6g}"

    def _grey_entered(self, name: str, text: str) -> float | None:
        if text.strip() == self.grey_text(name):
            return None if self.greys is None else self.greys.value(name)
        if not text.strip():
            return None
        try:
            value = float(text.replace(",", "."))
        except ValueError:
            value = math.nan
        if not math.isfinite(value):
            raise ValueError(f"'{text}' is no grey value: {name} takes a number, like 117.5")
        return value

    def work_surfaces(self, progress: Progress | None = None) -> Callable[[], None]:
        """Find the surfaces, in a thread; return what takes them over."""
        greys = self.known_greys()
        # What was entered is refused for the same reasons as on the command line.
        levels_of(self.volume, air=greys.levels.air, collector=greys.levels.collector)
        surfaces = surfaces_of(self.volume, greys.levels, electrode=greys.electrode, progress=progress)
        thickness = thickness_of_electrode(surfaces)

        def take() -> None:
            if self.greys == greys:
                self.surfaces, self.thickness, self.profile = surfaces, thickness, None
                self.changed.emit()

        return take

    def work_profile(
        self, bin_width: float | None, reach: float | None, progress: Progress | None = None
    ) -> Callable[[], None]:
        """Measure the profile, in a thread; return what takes it over."""
        greys, surfaces = self.known_greys(), self._surfaces_needed()
        profile = profile_of(
            self.volume, greys.levels, surfaces, bin_width=bin_width, reach=reach, progress=progress
        )

        def take() -> None:
            if self.surfaces is surfaces:
                self.profile = profile
                self.changed.emit()

        return take

    def work_reading(self, progress: Progress | None = None) -> Callable[[], None]:
        """Read the volume into memory, in a thread; return what takes it over."""
        lazy = self.volume
        variable = lazy[INTENSITY]
        values = np.empty(variable.shape, variable.dtype.newbyteorder("="))
        planes = max(1, _READ_BYTES // max(1, values[0].nbytes))
        for start in range(0, len(values), planes):
            values[start : start + planes] = variable[start : start + planes].values
            _tell(progress, min(1.0, (start + planes) / len(values)), "reading")
        read = lazy.assign({INTENSITY: (AXES, values, variable.attrs)})
        read.encoding = dict(lazy.encoding)

        def take() -> None:
            self.volume = read
            self.changed.emit()

        return take

    @property
    def is_read(self) -> bool:
        """Whether the grey values are in memory."""
        return bool(self.volume[INTENSITY].variable._in_memory)

    def work_solid(self, progress: Progress | None = None) -> tuple[NDArray[np.float32], int]:
        """Return the volume in voxels that are each the mean of so many along each axis, few enough for 3-D."""
        variable = self.volume[INTENSITY]
        factor = 1
        while np.prod([size // factor for size in self.shape], dtype=np.int64) > _MOST_SOLID:
            factor += 1
        planes, rows, columns = (size // factor for size in self.shape)
        solid = np.empty((planes, rows, columns), np.float32)
        for plane in range(planes):
            slab = variable[plane * factor : (plane + 1) * factor].values[
                :, : rows * factor, : columns * factor
            ]
            blocks = slab.reshape(factor, rows, factor, columns, factor)
            solid[plane] = blocks.mean(axis=(0, 2, 4), dtype=np.float32)
            if plane % 16 == 0:
                _tell(progress, plane / planes, "preparing the view in 3-D")
        # Where nothing was reconstructed there is nothing to be seen in 3-D either.
        if np.isfinite(solid).any():
            solid[~np.isfinite(solid)] = np.nanmin(solid)
        return solid, factor

    def section(self, height: float) -> xr.DataArray:
        """Return attenuation at a height in m above the collector's surface.

        Raises
        ------
        ValueError
            If the surfaces are not known yet, or the section lies outside the volume.
        """
        surfaces = self._surfaces_needed()
        return section_at(self.volume, self.known_greys().levels, surfaces, height)

    def highest_section(self) -> float:
        """Return the largest height in m at which a section lies in the volume everywhere, at least a voxel."""
        surface = self._surfaces_needed()["collector_surface"].values
        return max(self.size[0] - self.voxel[0] / 2 - float(np.nanmax(surface)), self.voxel[0])

    # What somebody reads

    def numbers(self) -> list[str]:
        """Return what was measured, in lines."""
        z, y, x = (length * 1e6 for length in self.size)
        planes, rows, columns = self.shape
        lines = [f"{planes} × {rows} × {columns} voxels, {z:.4g} × {y:.4g} × {x:.4g} µm (z, y, x)"]
        if self.volume.attrs.get("simulated"):
            lines[0] += ", simulated"
        if self.surfaces is None:
            lines += [str(note) for note in self.volume.attrs.get("notes", ())]
        else:
            lines += [f"{sentence_begun(note)}." for note in notes_of(self.volume, self.surfaces)]
        if self.thickness is not None and self.no_electrode:
            lines.append("Nothing lies on the collector: no electrode was found.")
        elif self.thickness is not None and self.thickness.known:
            mean, sd, error = (
                value * 1e6 for value in (self.thickness.mean, self.thickness.sd, self.thickness.mean_error)
            )
            lines.append(
                f"Thickness {mean:.3f} ± {sd:.3f} µm (standard deviation over the field); standard error of the "
                f"mean {error:.3f} µm"
            )
        return lines

    def known_greys(self) -> Greys:
        """Return the grey values.

        Raises
        ------
        ValueError
            If they are not known.
        """
        if self.greys is None:
            raise ValueError(
                self.problem
                or Sentence(
                    "{name}: air and collector are not known yet: give {air} and {collector}", name=self.name
                )
            )
        return self.greys

    def _surfaces_needed(self) -> xr.Dataset:
        if self.surfaces is None:
            raise ValueError(f"the surfaces of {self.name} are not known yet: find them first")
        return self.surfaces


def save_channels(path: Path, channels: Sequence[xr.DataArray]) -> None:
    """Write maps as channels of a .gwy file, whole or not at all.

    Raises
    ------
    OSError
        If it cannot be written.
    """
    with atomic_output(path, overwrite=True) as file:
        write_container_to(file, container_from_images(list(channels)), path)


def _tell(progress: Progress | None, fraction: float, words: str) -> None:
    if progress is not None:
        progress(fraction, words)


class SlicedVolume:
    """The grey values of a volume as napari takes arrays: a part is read when it is shown, and nothing else.

    Parameters
    ----------
    variable : xarray.DataArray, dims (z, y, x)
    """

    def __init__(self, variable: xr.DataArray) -> None:
        self._variable = variable.variable
        self.shape = variable.shape
        self.dtype = variable.dtype
        self.ndim = variable.ndim

    def __getitem__(self, key: Any) -> Any:
        return np.asarray(self._variable[key].values)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        return np.asarray(self._variable.values, dtype or self.dtype)

    def __len__(self) -> int:
        return int(self.shape[0])
