"""What an inversion with lateral diffusion says, as numbers and in words."""

import math
from collections.abc import Iterator
from typing import Any, Final

import numpy as np
import xarray as xr

from napari_tesm.data.lateral import found_in_maps
from napari_tesm.data.maps import JOINT, map_name
from napari_tesm.quantities.numbers import counted, plain_value
from napari_tesm.quantities.status import OK
from napari_tesm.quantities.text import text_from_quantity
from napari_tesm.statistics.description import quartiles

_POOR: Final = 1.3
"""Chi-square per degree of freedom, from which on the traces hold something that the model has not."""
_PIXELS: Final = 2.0
"""Times a pixel: half of the shortest period whose crests and troughs can be told from each other."""
_CHANGING: Final = 0.05
"""Change of ln D in the last round, from which on it is said."""


def lateral_summary(maps: xr.Dataset, pulse: int) -> dict[str, Any]:
    """Return the entries of a pulse setting: ``lateral`` and ``D_lateral``, all numbers SI.

    Parameters
    ----------
    maps : Dataset
        Of one pulse setting, from `napari_tesm.inversion.lateral.lateral_maps`.
    """
    values = maps["D_lateral"].values
    low, median, high = quartiles(values)
    return {
        "lateral": _found(maps, pulse),
        "D_lateral": {
            "n_ok": int(np.isfinite(values).sum()),
            "median": plain_value(median),
            "q25": plain_value(low),
            "q75": plain_value(high),
            "ratio": plain_value(_ratio(maps)),
        },
    }


def resolution_of_maps(maps: xr.Dataset, pulse: int) -> float | None:
    """Return the length, in m, at which half of a contrast comes back; None where none does, or nobody says."""
    resolution = _found(maps, pulse).get("resolution")
    if isinstance(resolution, int | float) and math.isfinite(resolution) and resolution > 0:
        return float(resolution)
    return None


def shown_resolution(maps: xr.Dataset, pulse: int) -> tuple[float, str] | None:
    """Return the shortest length, in m, that a map shows, and what it is: where pixels are coarser, two of them."""
    resolution = resolution_of_maps(maps, pulse)
    if resolution is None:
        return None
    pixels = [length for length in _found(maps, pulse).get("pixel") or () if length]
    shortest = _PIXELS * max(pixels, default=0.0)
    return (shortest, "resolution ≤ 2 pixels") if resolution < shortest else (resolution, "resolution")


def _found(maps: xr.Dataset, pulse: int) -> dict[str, Any]:
    """Return what was found for a pulse setting; nothing where somebody edited it, the map is there."""
    found = found_in_maps(maps)
    return found[pulse] if pulse < len(found) else {}


def _ratio(maps: xr.Dataset) -> float:
    """Return by how much D of pixels by themselves differs from the lateral one: e to the rms of what ln D differs."""
    name = map_name("D", JOINT)
    if name not in maps:
        return math.nan
    counts = (maps[map_name("status", JOINT)].values == OK) & np.isfinite(maps["D_lateral"].values)
    if not counts.any():
        return math.nan
    apart = np.log(maps["D_lateral"].values[counts] / maps[name].values[counts])
    return float(np.exp(np.sqrt(np.mean(np.square(apart)))))


def lateral_in_words(entry: dict[str, Any], fitted_by_pixels: str = "none") -> Iterator[str]:
    """Yield what an inversion has found, as lines of a summary.

    Parameters
    ----------
    entry : dict
        With what `lateral_summary` returns.
    fitted_by_pixels : str
        Nuisances that fits of each pixel by itself were made with, as in ``fitted`` of the instrument.
    """
    first, *more = lateral_sentences(entry, fitted_by_pixels)
    yield f"  D lateral  {first}"
    answered = entry["D_lateral"]["n_ok"] or not entry["lateral"].get("settled", True)
    warnings = lateral_warnings(entry["lateral"]) if answered else ()
    for sentence in (*more, *warnings, *lateral_left_out(entry)):
        yield f"        {sentence}"


def lateral_sentences(entry: dict[str, Any], fitted_by_pixels: str = "none") -> Iterator[str]:
    """Yield what an inversion has found: D, how far it is from that of pixels by themselves, what is resolved."""
    found, diffusion = entry["lateral"], entry["D_lateral"]
    if diffusion["n_ok"] == 0 or diffusion["median"] is None:
        yield f"none: {_why_none(found)}"
        return
    yield (
        f"median {diffusion['median']:.3g} m²/s, half within {diffusion['q25']:.3g} … "
        f"{diffusion['q75']:.3g}, lateral diffusion taken out"
    )
    if diffusion["ratio"] is not None:
        factor = f"{diffusion['ratio']:.2f}"
        yield f"each pixel by itself gives a D that differs by a factor of {factor} (root mean square)"
    yield from _resolution_in_words(found)
    yield from _image_in_words(found.get("prior"))
    yield from _nuisances_in_words(found.get("nuisance"), fitted_by_pixels)


def _resolution_in_words(found: dict[str, Any]) -> Iterator[str]:
    """Yield at which length half of a contrast comes back, where pixels and the map can show that length."""
    resolution = found.get("resolution")
    if resolution is None:
        if found:
            yield "no contrast of D is resolved: the map is as even as its noise"
        return
    pixels, sizes = ([length for length in found.get(name) or () if length] for name in ("pixel", "size"))
    length = text_from_quantity(resolution, "m", digits=2)
    if pixels and resolution < _PIXELS * max(pixels):
        shortest = text_from_quantity(_PIXELS * max(pixels), "m", digits=2)
        yield f"half of a contrast comes back at lengths finer than the pixels can show, {shortest} (half a period)"
    elif sizes and resolution > max(sizes) / 2:
        yield (
            f"half of a contrast comes back at {length} (half a period), and that is more than half of the map: no "
            "structure can be resolved on it"
        )
    else:
        yield f"half of a contrast comes back at {length} (half a period)"


def _image_in_words(prior: Any) -> Iterator[str]:
    """Yield whether D steps at the edges of the image that was named; nothing where none was."""
    if isinstance(prior, dict) and (title := prior.get("image")) is not None:
        yield (
            f"at the edges of '{title}' ln D may step freely: the traces show that it does"
            if prior.get("edges")
            else f"at the edges of '{title}' the traces show no change of D: the image was put aside"
        )


def _nuisances_in_words(fitted: str | None, by_pixels: str) -> Iterator[str]:
    """Yield what was fitted beside the response where that is not what pixels by themselves were fitted with."""
    if fitted is None or fitted == by_pixels:
        return
    words = "neither drift, nor step, nor mains" if fitted == "none" else fitted.replace(",", ", ")
    yield f"beside lateral diffusion the traces hold {words}: by itself a pixel takes the one for the other"


def lateral_warnings(found: dict[str, Any]) -> Iterator[str]:
    """Yield what speaks against an inversion; nothing where nothing does."""
    if _are_exponentials(found):
        return
    misfit, change, other = found.get("misfit"), found.get("change"), found.get("other_boundary")
    if isinstance(other, dict) and other.get("better"):
        yield (
            f"'{other['kernel']}' describes the traces better: chi-square {other['misfit']:.3f} per degree of freedom, "
            f"not {other['own_misfit']:.3f}. With it the median of D is {other['D']:.2g} m²/s: which boundary holds at "
            "the surface decides D"
        )
    elif misfit is not None and misfit > _POOR:
        yield (
            f"the traces are not described: chi-square is {misfit:.2f} per degree of freedom. The boundary, "
            "the tip's radius or a D that changes with depth may be the reason"
        )
    radius, pixels = found.get("radius"), [length for length in found.get("pixel") or () if length]
    if radius and pixels and max(pixels) > radius:
        yield (
            f"pixels of {text_from_quantity(max(pixels), 'm', digits=2)} are larger than the contact, whose radius is "
            f"{text_from_quantity(radius, 'm', digits=2)}: of what lies between their middles the traces tell little"
        )
    if change is not None and change > _CHANGING and found.get("settled", True):
        yield f"the last round still changed ln D by {change:.2f} somewhere"


def _why_none(found: dict[str, Any]) -> str:
    """Return why there is no D at all."""
    if _are_exponentials(found):
        exponentials = found["exponentials"]
        return (
            f"exponentials of each pixel by itself describe these traces, chi-square {exponentials['misfit']:.3f} per "
            f"degree of freedom, and diffusion does not, {exponentials['own_misfit']:.3f}: nothing in them says that "
            "ions go from pixel to pixel"
        )
    if not found.get("settled", True):
        return (
            f"the inversion does not settle, its last round changed ln D by {found['change']:.2g}: the kernel, the "
            "lock-in or the radius is not that of these traces"
        )
    if found.get("n_prior"):
        count = f"{found['n_counted']} of {found['n_prior']} pixels" if "n_counted" in found else "the pixels"
        return f"{count} count, and they lie too far apart to tell: D is masked everywhere"
    return "fewer than 16 pixels respond"


def _are_exponentials(found: dict[str, Any]) -> bool:
    """Whether D is withheld because exponentials describe the traces, and diffusion does not."""
    exponentials = found.get("exponentials")
    return isinstance(exponentials, dict) and bool(exponentials.get("better"))


def lateral_left_out(entry: dict[str, Any]) -> Iterator[str]:
    """Yield how many pixels hardly count, have no D, or did not count for a missing sample."""
    found = entry["lateral"]
    if entry["D_lateral"]["n_ok"]:
        if outlying := found.get("n_outlying"):
            hardly = "it hardly counts" if outlying == 1 else "they hardly count"
            yield f"{counted(outlying, 'pixel')} described far worse than the others: {hardly}"
        if found.get("n_prior"):
            yield f"{counted(found['n_prior'], 'pixel')} too far from any response to tell: masked"
    if found.get("n_incomplete"):
        yield f"{counted(found['n_incomplete'], 'trace')} with missing samples did not count"
