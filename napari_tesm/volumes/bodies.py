"""What lies in an electrode: agglomerates, particles and pores, tile by tile."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from napari_tesm.files.sentences import Sentence
from napari_tesm.quantities.text import text_from_quantity
from napari_tesm.volumes.agglomerates import labelled_bodies, pairs_that_are_one
from napari_tesm.volumes.body_sums import (
    BRIGHT,
    COUNT,
    CUT,
    HEIGHT,
    LOWEST,
    UNDER,
    VALUE,
    BodySums,
    X,
    Y,
    Z,
    rows_of_bodies,
    sums_of_bodies,
)
from napari_tesm.volumes.dataset import INTENSITY, voxel_of
from napari_tesm.volumes.gaps import BAND, Gap
from napari_tesm.volumes.levels import Levels
from napari_tesm.volumes.phases import (
    FROM_SURFACES,
    Blocks,
    Grid,
    Phases,
    blocks_of,
    map_in_blocks,
    phases_of,
)
from napari_tesm.volumes.surfaces import known_surfaces
from napari_tesm.volumes.tiles import Tile, side_of_tiles, tiles

LEAST: Final = 0.8e-6
_PARTS: Final = 6
"""Blocks along the diameter of the least body, at least."""
_HALO: Final = 2.5
"""Diameters of the least body that a tile sees of its neighbours."""
_COPIES: Final = 12
_CLEAR: Final = 20
"""Blocks below a body from which on the share of particles among them says something."""
_WHOLE: Final = 0.999
"""Part of the columns of a block that must be known."""
_SHIFTS: Final = (0.0, -BAND, BAND)


@dataclass(frozen=True)
class Body:
    """An agglomerate; lengths in m.

    Parameters
    ----------
    diameter, volume : float
        Of a ball of the same volume; m³.
    centroid : tuple of float
        z, y, x in the volume.
    height : float
        Of its centroid above the collector's surface.
    clearance : float
        Of its lowest part above it.
    attenuation : float
        Mean; air 0, collector 1.
    below : float
        Part of the electrode under it that is particles; NaN where there is too little of it.
    cut : bool
        It reaches the border of the field: what is seen of it is a part.
    """

    diameter: float
    volume: float
    centroid: tuple[float, float, float]
    height: float
    clearance: float
    attenuation: float
    below: float
    cut: bool


@dataclass(frozen=True)
class Bodies:
    """What lies in an electrode; each number with the band for thresholds a tenth of the contrast lower and higher.

    Parameters
    ----------
    agglomerates : list of Body
        The largest first.
    map : DataArray, dims (y, x)
        The number of the agglomerate in each column, from 1 on as in the list, the highest where several are; else 0,
        and NaN where it is not known.
    counts, diameters : tuple of float
        Number of agglomerates and their mean diameter in m (NaN: none) at the threshold, below it and above it.
    particles : tuple of float
        Part of the electrode that is particles, likewise; NaN where none stand out: they are below the resolution.
    beside : float
        The same where no agglomerate lies in the column.
    pores : tuple of float
        Part of the electrode that is pores; NaN where noise hides them.
    phases : Phases
    grid : Grid
        The blocks on which they are told apart.
    """

    agglomerates: list[Body]
    map: xr.DataArray
    counts: tuple[float, float, float]
    diameters: tuple[float, float, float]
    particles: tuple[float, float, float]
    beside: float
    pores: tuple[float, float, float]
    phases: Phases
    grid: Grid

    @property
    def resolution(self) -> float:
        """Two blocks in m: what is finer counts as matrix."""
        return 2 * max(self.grid.edges)


def bodies_of(
    volume: xr.Dataset,
    levels: Levels,
    surfaces: xr.Dataset,
    gap: Gap,
    *,
    least: float = LEAST,
    side: int | None = None,
    progress: Callable[[float, str], None] | None = None,
) -> Bodies:
    """Return agglomerates and what else there is between collector and the electrode's surface.

    Parameters
    ----------
    volume : xarray.Dataset
    levels : Levels
    surfaces : xarray.Dataset
        As `surfaces_of` gives them; nothing is found where they hold no electrode.
    gap : Gap
    least : float
        Diameter in m of the smallest body that counts as an agglomerate.
    side : int, optional
        Columns along a side of the tiles that are held in memory.
    progress : callable, optional

    Raises
    ------
    ValueError
        If the least diameter is no more than a few voxels, or as large as the volume.
    """
    voxel = voxel_of(volume)
    planes, rows, columns = volume[INTENSITY].shape
    lengths = [count * edge for count, edge in zip((planes, rows, columns), voxel, strict=True)]
    smallest, largest = 4 * max(voxel), min(lengths) / 2
    if smallest > largest:
        raise ValueError("agglomerates are looked for in volumes of eight voxels and more along each axis")
    if not smallest <= least <= largest:
        size, low, high = (text_from_quantity(length, "m", digits=3) for length in (least, smallest, largest))
        example = text_from_quantity(
            float(np.clip(least, 1.01 * smallest, 0.99 * largest)), "m", digits=3
        ).replace(" ", "")
        raise ValueError(
            Sentence(
                f"agglomerates of {size} and more cannot be told in this volume: give {{least:{example}}}, or another "
                f"size from four voxels ({low}) to half of the volume ({high})"
            )
        )
    surfaces, known = known_surfaces(surfaces)
    grid = Grid.of(voxel, least / _PARTS)
    if surfaces.attrs["electrode_level"] is None:
        return _Search(
            volume, levels, surfaces, known, gap, grid, Phases(0.0, None, math.nan), least
        ).result()
    phases = phases_of(volume, levels, surfaces, grid)
    search = _Search(volume, levels, surfaces, known, gap, grid, phases, least)
    unit = math.lcm(*grid.factors[1:])
    halo = math.ceil(_HALO * least / min(voxel[1:]) / unit) * unit
    if side is None:
        side = side_of_tiles(-(-planes // math.prod(grid.factors)), halo, _COPIES)
    every = list(tiles((rows, columns), max(side // unit, 1) * unit, halo))
    for number, tile in enumerate(every):
        search.add(tile)
        if progress is not None:
            progress((number + 1) / len(every), "looking for agglomerates")
    return search.result()


class _Search:
    """One search through a volume: sums that grow tile by tile."""

    def __init__(
        self,
        volume: xr.Dataset,
        levels: Levels,
        surfaces: xr.Dataset,
        known: NDArray[np.bool_],
        gap: Gap,
        grid: Grid,
        phases: Phases,
        least: float,
    ) -> None:
        self._volume, self._levels, self._surfaces, self._known = volume, levels, surfaces, known
        self._gap = np.nan_to_num(gap.map.values)
        self._grid, self._phases, self._least = grid, phases, least
        self._sums = [BodySums() for _ in _SHIFTS]
        self._within = 0
        """Blocks of the electrode."""
        self._beside = np.zeros(2)
        """Of columns without an agglomerate: blocks of particles, and all of the electrode."""
        self._particles, self._pores = np.zeros(3), np.zeros(3)
        shape = volume[INTENSITY].shape
        self._shape = tuple(size // factor for size, factor in zip(shape[1:], grid.factors[1:], strict=True))
        self._map = np.zeros(self._shape, np.int64)

    def add(self, tile: Tile) -> None:
        """Take in a tile."""
        grid = self._grid
        bottom, top = (
            map_in_blocks(self._surfaces[f"{name}_surface"].values, tile.outer, grid)
            for name in ("collector", "electrode")
        )
        start = bottom + map_in_blocks(self._gap, tile.outer, grid)
        low = max(math.floor(float(bottom.min()) / grid.edges[0]), 0)
        most = self._volume[INTENSITY].shape[0] // grid.factors[0]
        high = min(math.ceil(float(top.max()) / grid.edges[0]) + FROM_SURFACES, most)
        blocks = blocks_of(
            self._volume, self._levels, tile.outer, slice(low * grid.factors[0], high * grid.factors[0]), grid
        )
        heights = ((np.arange(low, high) + 0.5) * grid.edges[0]).astype(np.float32)[:, None, None]
        apart = np.float32(FROM_SURFACES * grid.edges[0])
        known = map_in_blocks(self._known.astype(np.float32), tile.outer, grid) > _WHOLE
        above = known & (heights > start + apart / 2)
        within = known & (heights > start + apart) & (heights < top - apart)
        inner = tuple(
            slice(part.start // factor, -(-part.stop // factor))
            for part, factor in zip(tile.inner, grid.factors[1:], strict=True)
        )
        for number, (shift, sums) in enumerate(zip(_SHIFTS, self._sums, strict=True)):
            bright = blocks > self._phases.particle_threshold(shift)
            self._particles[number] += (bright & within)[:, inner[0], inner[1]].sum()
            pore = self._phases.pore_threshold(shift)
            if pore is not None:
                self._pores[number] += (blocks < pore)[:, inner[0], inner[1]][
                    within[:, inner[0], inner[1]]
                ].sum()
            labels = labelled_bodies(bright & above, grid.edges, self._least).astype(np.int64)
            count = int(labels.max())
            first = sums.joined.add(count)
            labels[labels > 0] += first - 1
            self._merge(sums, labels, low, tile)
            part = (slice(None), inner[0], inner[1])
            rows = sums_of_bodies(
                labels[part], first, count, blocks[part], (bright & within)[part], within[part], bottom[inner],
                (low, tile.target[0].start // grid.factors[1], tile.target[1].start // grid.factors[2]),
                self._shape, grid,
            )  # fmt: skip
            sums.rows.append(rows)
            if number == 0:
                self._add_columns(labels[part], blocks[part], bright[part], within[part], tile)

    def _add_columns(
        self,
        labels: NDArray[np.int64],
        blocks: Blocks,
        bright: NDArray[np.bool_],
        within: NDArray[np.bool_],
        tile: Tile,
    ) -> None:
        """Take in what the columns of a tile come to, and which bodies they hold."""
        self._within += int(within.sum())
        free = ~(labels > 0).any(axis=0)
        self._beside += ((bright & within)[:, free].sum(), within[:, free].sum())
        highest = labels.shape[0] - 1 - (labels[::-1] > 0).argmax(axis=0)
        numbers = np.take_along_axis(labels, highest[None], axis=0)[0]
        y, x = (
            part.start // factor for part, factor in zip(tile.target, self._grid.factors[1:], strict=True)
        )
        self._map[y : y + numbers.shape[0], x : x + numbers.shape[1]] = numbers

    def _merge(self, sums: BodySums, labels: NDArray[np.int64], low: int, tile: Tile) -> None:
        """Join the numbers of this tile's bodies with those that its neighbours before it have given to the same."""
        for axis in (0, 1):
            factor = self._grid.factors[1 + axis]
            across = tile.target[1 - axis].start
            begin = tile.outer[axis].start // factor
            along = tile.inner[1 - axis]
            width = slice(
                along.start // self._grid.factors[2 - axis], -(-along.stop // self._grid.factors[2 - axis])
            )
            for border in (tile.target[axis].start, tile.target[axis].stop):
                place = border // factor - begin
                if not 0 < place < labels.shape[1 + axis]:
                    continue
                # The two layers of blocks at a border of tiles, which both sides have seen.
                cut = np.moveaxis(labels, 1 + axis, 0)[place - 1 : place + 1, :, width].copy()
                key = (axis, border, across)
                if key not in sums.cuts:
                    sums.cuts[key] = (low, cut)
                    continue
                other_low, other = sums.cuts.pop(key)
                start, stop = max(low, other_low), min(low + cut.shape[1], other_low + other.shape[1])
                if stop > start:
                    mine, theirs = (
                        seen[:, start - its_low : stop - its_low]
                        for seen, its_low in ((cut, low), (other, other_low))
                    )
                    for one, another in pairs_that_are_one(theirs, mine):
                        sums.joined.join(one, another)

    def result(self) -> Bodies:
        """Return what all tiles come to."""
        tables = [rows_of_bodies(sums) for sums in self._sums]
        found = [[self._body(row) for row in rows.values()] for rows in tables]
        kept = [[body for body in part if body.diameter >= self._least] for part in found]
        order = sorted(
            (
                number
                for number, body in zip(tables[0], found[0], strict=True)
                if body.diameter >= self._least
            ),
            key=lambda number: -tables[0][number][COUNT],
        )
        whole = [[body.diameter for body in part if not body.cut] for part in kept]
        numbers = np.zeros(len(self._sums[0].joined.roots()), np.int64)
        for place, number in enumerate(order, start=1):
            numbers[number] = place
        blocks = max(self._within, 1)
        shares = [tuple(float(part / blocks) for part in parts) for parts in (self._particles, self._pores)]
        nothing = (math.nan,) * 3
        return Bodies(
            [self._body(tables[0][number]) for number in order],
            self._as_map(numbers[self._sums[0].joined.roots()][self._map]),
            _three([float(len(part)) for part in kept]),
            _three([float(np.mean(part)) if part else math.nan for part in whole]),
            nothing if self._phases.particle is None or not self._within else _three(shares[0]),
            float(self._beside[0] / self._beside[1])
            if self._beside[1] and self._phases.particle
            else math.nan,
            nothing if self._phases.pore_threshold() is None or not self._within else _three(shares[1]),
            self._phases,
            self._grid,
        )

    def _body(self, row: NDArray[np.float64]) -> Body:
        count = float(row[COUNT])
        volume = count * math.prod(self._grid.edges)
        z, y, x = (
            (row[part] / count + 0.5) * edge for part, edge in zip((Z, Y, X), self._grid.edges, strict=True)
        )
        below = row[BRIGHT] / row[UNDER] if row[UNDER] > _CLEAR else math.nan
        height, value = float(row[HEIGHT] / count), float(row[VALUE] / count)
        return Body(
            float((6 * volume / math.pi) ** (1 / 3)),
            volume,
            (float(z), float(y), float(x)),
            height,
            max(float(row[LOWEST]), 0.0),
            value,
            float(below),
            bool(row[CUT]),
        )

    def _as_map(self, numbers: NDArray[np.int64]) -> xr.DataArray:
        """Return a map of blocks for all columns; what is left over at the far ends has none."""
        _, fy, fx = self._grid.factors
        whole = np.zeros(self._volume[INTENSITY].shape[1:])
        fine = np.repeat(np.repeat(numbers, fy, axis=0), fx, axis=1)
        whole[: fine.shape[0], : fine.shape[1]] = fine
        return xr.DataArray(
            np.where(self._known, whole, np.nan),
            {axis: self._volume[axis] for axis in ("y", "x")},
            ("y", "x"),
            name="agglomerates",
            attrs={"units": "", "long_name": "Agglomerates"},
        )


def _three(values: Any) -> tuple[float, float, float]:
    one, two, three = values
    return one, two, three
