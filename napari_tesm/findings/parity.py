"""What the odd and even parts of two pulse settings say, in numbers and in words."""

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any, Final

import numpy as np
import xarray as xr

from napari_tesm.data.maps import labels_from_maps
from napari_tesm.data.parity import COORDINATE, ODD
from napari_tesm.evaluation.parity import Asymmetry, PairMade, Parts
from napari_tesm.quantities.numbers import plain_value
from napari_tesm.quantities.text import text_from_quantity
from napari_tesm.statistics.description import quartiles

CLEAR: Final = 3.0
"""Standard errors from which on a pixel's even part is there."""
_WORTH_SAYING: Final = 0.01
"""Share of the odd part from which on an asymmetry is worth saying."""
_FAR: Final = 0.3
"""Pixels between the two images from which on neighbours mix noticeably."""


def parts_summary(maps: xr.Dataset) -> dict[str, Any] | None:
    """Return how the parts were made, as JSON holds it; None for maps of settings as recorded.

    Returns
    -------
    dict
        ``parity``, ``left_out`` (V), and of each of the ``pairs`` the ``voltages`` (V), the ``shift`` between the two
        in pixels with its error, by how many whole pixels one was ``moved``, and the ``asymmetry``: which share of the
        odd part the even one still holds with the voltage off.
    """
    parts = Parts.from_attributes(maps.attrs)
    if parts is None or COORDINATE not in maps.coords:
        return None
    return {"parity": str(np.atleast_1d(maps[COORDINATE].values)[0]), **asdict(parts)}


def even_summary(maps: xr.Dataset) -> dict[str, Any] | None:
    """Return the even part of one pulse setting in numbers; None where it was not measured.

    Returns
    -------
    dict
        ``median``, ``q25``, ``q75`` and median ``error`` of its height in the unit of H, its median ``share`` of H, and
        the numbers of pixels that have a height (``n``) and have one beyond three standard errors (``n_clear``).
    """
    if "even" not in maps:
        return None
    height, error = maps["even"].values, maps["even_stderr"].values
    low, median, high = quartiles(height)
    with np.errstate(invalid="ignore"):
        clear = np.abs(height) > CLEAR * error
    return {
        "median": plain_value(median),
        "q25": plain_value(low),
        "q75": plain_value(high),
        "error": plain_value(quartiles(error)[1]),
        "share": plain_value(quartiles(maps["even_share"].values)[1]),
        "n": int((np.isfinite(height) & np.isfinite(error)).sum()),
        "n_clear": int(clear.sum()),
    }


def even_in_words(entry: dict[str, Any], unit: str) -> str:
    """Return what `even_summary` says, in a sentence."""
    if entry["median"] is None or entry["error"] is None:
        return "The even part has no height anywhere."
    share = "" if entry["share"] is None else f", {100 * entry['share']:.2g} % of H of the odd one"
    return (
        f"The even part has a height of {text_from_quantity(entry['median'], unit, digits=3)} ± "
        f"{text_from_quantity(entry['error'], unit, digits=2)} while the voltage is on (median{share}); it lies beyond "
        f"{CLEAR:g} standard errors in {entry['n_clear']} of {entry['n']} pixels."
    )


def parts_in_short(maps: xr.Dataset, pulse: int) -> str:
    """Return what is even beside the odd part of one pulse setting, in a line; empty where that was not measured."""
    entry = even_summary(maps.isel(pulse=pulse))
    parts = Parts.from_attributes(maps.attrs)
    if entry is None or entry["share"] is None or parts is None:
        return ""
    words = (
        f"Even part {100 * entry['share']:.2g} % of H, clear in {entry['n_clear']} of {entry['n']} pixels."
    )
    asymmetry = parts.pairs[pulse].asymmetry
    if asymmetry is not None and any(_asymmetry_in_words(asymmetry)):
        words += f" With the voltage off it follows the odd one with {100 * asymmetry.value:.2g} %."
    return words


def parts_in_words(maps: xr.Dataset) -> Iterator[str]:
    """Yield how the parts were made and what keeps them from being clean, in sentences; nothing for other maps."""
    parts = Parts.from_attributes(maps.attrs)
    if parts is None or COORDINATE not in maps.coords:
        return
    labels = labels_from_maps(maps)
    parity = str(maps[COORDINATE].values[0])
    for pair, label in zip(parts.pairs, labels, strict=True):
        yield _made_in_words(pair, parity, label)
        if pair.shift is None:
            yield "Whether the two images lie on each other could not be measured: they are taken as they lie."
        elif any(pair.moved) or pair.left > max(_FAR, 2 * (pair.shift_error or 0.0)):
            yield _shift_in_words(pair)
        if pair.asymmetry is not None:
            yield from _asymmetry_in_words(pair.asymmetry)
    if parts.left_out:
        volts = ", ".join(_volts(value) for value in parts.left_out)
        yield f"Left out, as nothing of opposite voltage goes with it: {volts}."


def _volts(value: float) -> str:
    return f"{value:+g} V" if np.isfinite(value) else "an unknown voltage"


def _made_in_words(pair: PairMade, parity: str, label: str) -> str:
    positive, negative = (_volts(value) for value in pair.voltages)
    turns = "turns round with the voltage" if parity == ODD else "does not turn round with the voltage"
    words = f"The {parity} part {label} is what {turns} of {positive} and {negative}"
    if pair.is_equal:
        return f"{words}."
    power = "first" if parity == ODD else "second"
    return (
        f"{words}; as these differ in size, it is what goes with the {power} power of the voltage, given that nothing "
        f"goes with a higher one, at {positive}."
    )


def _shift_in_words(pair: PairMade) -> str:
    assert pair.shift is not None
    down, right = pair.shift
    moved = "was moved by whole pixels" if any(pair.moved) else "was not moved"
    across = f"{abs(right):.2f} px to the {'left' if right > 0 else 'right'}"
    along = f"{abs(down):.2f} px {'above' if down > 0 else 'below'}"
    error = "" if pair.shift_error is None else f" (± {pair.shift_error:.2f} px)"
    words = f"The image recorded later lies {across} and {along}{error} and {moved}"
    if pair.left <= max(_FAR, 2 * (pair.shift_error or 0.0)):
        return f"{words}."
    return (
        f"{words}: {pair.left:.2f} px are left, and where the response changes from pixel to pixel the even part holds "
        "that change."
    )


def _asymmetry_in_words(asymmetry: Asymmetry) -> Iterator[str]:
    value, error = asymmetry.value, asymmetry.error
    if abs(value) < max(_WORTH_SAYING, CLEAR * error):
        return
    yield (
        f"With the voltage off the even part still follows the odd one, with {100 * value:.2g} % ± {100 * error:.1g} % "
        f"of it: the gains of the two settings differ by {200 * abs(value):.2g} %, or the sample does not answer alike "
        "to both. About that share of what is electrostatic stays in the odd part, and D of a kernel of the whole "
        "record may need the edge step beside it."
    )
