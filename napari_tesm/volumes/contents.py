"""All that lies in an electrode, as one result: gap, agglomerates, particles, pores, material, ways through."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import xarray as xr

from napari_tesm.volumes.bodies import LEAST, Bodies, bodies_of
from napari_tesm.volumes.gaps import Gap, gap_of
from napari_tesm.volumes.levels import Levels
from napari_tesm.volumes.material import material_of
from napari_tesm.volumes.thickness import Thickness, thickness_of
from napari_tesm.volumes.transport import Way, ways_through


@dataclass(frozen=True, eq=False)
class Contents:
    """What lies in an electrode.

    Parameters
    ----------
    gap : Gap
    bodies : Bodies
    material : Thickness
        Attenuation times height, as a thickness of collector in m.
    ways : dict of str to Way, or None
        Through `pores` and `solid`; None where they are not told or were not asked for.
    with_ways : bool
        Whether they were asked for.
    """

    gap: Gap
    bodies: Bodies
    material: Thickness
    ways: dict[str, Way] | None
    with_ways: bool


def contents_of(
    volume: xr.Dataset,
    levels: Levels,
    surfaces: xr.Dataset,
    *,
    least: float = LEAST,
    tortuosity: bool = False,
    progress: Callable[[float, str], None] | None = None,
) -> Contents:
    """Find what lies in an electrode.

    Parameters
    ----------
    volume : xarray.Dataset
    levels : Levels
    surfaces : xarray.Dataset
        As `surfaces_of` gives them.
    least : float
        Diameter in m of the smallest body that counts as an agglomerate.
    tortuosity : bool
        Solve the diffusion through pores and solid, too, which takes longer than the rest.
    progress : callable, optional

    Raises
    ------
    ValueError
        If agglomerates of that size cannot be told in the volume.
    """

    def part(start: float, stop: float) -> Callable[[float, str], None] | None:
        if progress is None:
            return None
        return lambda fraction, words: progress(start + (stop - start) * fraction, words)

    gap = gap_of(volume, levels, surfaces, progress=part(0, 0.25))
    bodies = bodies_of(volume, levels, surfaces, gap, least=least, progress=part(0.25, 1))
    material = thickness_of(material_of(volume, levels, surfaces).values)
    ways = ways_through(volume, levels, surfaces, gap, bodies.phases, bodies.grid) if tortuosity else None
    return Contents(gap, bodies, material, ways, tortuosity)


def numbers_from_contents(contents: Contents) -> dict[str, Any]:
    """Return all numbers as JSON can hold them, SI, None where there is none.

    They are those of the JSON of ``tesm volume bodies``.
    """
    gap, bodies, material = contents.gap, contents.bodies, contents.material
    numbers: dict[str, Any] = {
        "gap": {
            "area_fraction": gap.area_fraction,
            "area_fraction_band": _band(gap.area_band),
            "height": known_value(gap.height),
            "height_band": _band(gap.height_band),
            "control": gap.control,
        },
        "agglomerates": [
            {key: known_value(value) for key, value in asdict(body).items()} for body in bodies.agglomerates
        ],
        "count": int(bodies.counts[0]),
        "count_band": _band(bodies.counts[1:]),
        "diameter": known_value(bodies.diameters[0]),
        "diameter_band": _band(bodies.diameters[1:]),
        "particles": {
            "share": known_value(bodies.particles[0]),
            "share_band": _band(bodies.particles[1:]),
            "beside": known_value(bodies.beside),
            "resolution": bodies.resolution,
        },
        "pores": {"share": known_value(bodies.pores[0]), "share_band": _band(bodies.pores[1:])},
        "phases": {
            "matrix": bodies.phases.matrix,
            "particle": bodies.phases.particle,
            "noise": bodies.phases.noise,
        },
        "material": {"thickness": material.mean, "sd": material.sd, "mean_error": material.mean_error},
    }
    if contents.with_ways:
        numbers["transport"] = _transport(contents.ways)
    return numbers


def known_value(value: Any) -> Any:
    """Return what JSON can hold of a value: nothing for what is not finite."""
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _transport(ways: dict[str, Way] | None) -> dict[str, Any] | None:
    if ways is None:
        return None
    return {
        name: {
            "share": way.share,
            "tortuosity": known_value(way.tortuosity),
            "tortuosity_band": _band(way.band),
        }
        for name, way in ways.items()
    }


def _band(values: tuple[float, ...]) -> list[float | None]:
    return [known_value(value) for value in values]
