"""Whether a pixel goes one way: H, the pulse's and the relaxation's amplitude, and the pixels around it.

A surface that the pulse lifts goes on rising during the pulse and comes down after it. Where one of the three says
otherwise the curve is something else than a relaxation of what the pulse did, and its tau no time of diffusion.
"""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from napari_tesm.data.maps import JOINT, map_name
from napari_tesm.evaluation.evaluation import Evaluation
from napari_tesm.evaluation.height_error import weights_of_displacement
from napari_tesm.evaluation.settings import Settings
from napari_tesm.quantities.status import INCONSISTENT, OK, UNRESOLVED_FAST, UNRESOLVED_SLOW

Array = NDArray[np.float64]
Directions = NDArray[np.int8]
Maps = dict[str, NDArray[Any]]

_SURE: Final = 4.0
"""Standard errors by which H must differ from zero for its sign to count."""
_BY_CHANCE: Final = 4 / 3
"""Power of the response level (0.001 becomes 0.0001) at which a window speaks against the other one. Of pixels that go
on rising behind 0.1 ms and four stages at SNR 5 it leaves 8 % of the D1 that pass; the square left 52 %."""
_CLEARLY: Final = 0.75
"""Of the pixels with a response that have one sign where a map is of one sign."""
_BLOCK: Final = 7
"""Side of the blocks, in pixels, in which a domain of the other sign has the majority. Of pixels reversed here and
there, a fifth of all, 1 in 2000 has so many beside it (20 maps of 128 × 128); three lines of an image have not."""
_FEWEST: Final = _BLOCK**2 // 4
"""Pixels of a domain in its block, which may reach beyond the image."""


def direction_of_displacement(maps: Maps, evaluation: Evaluation, error: Array) -> Directions:
    """Return the sign of H where it is sure, else 0; of H without the nuisances that were fitted beside the curve.

    What the fit of the pulse misses, beyond what the relaxation leaves over, counts in full: a tip that jumps during
    the pulse leaves a quarter of the jump or more, and H is the jump then, not what the pulse did.

    Parameters
    ----------
    maps : dict of str to ndarray, shape (...)
        From `napari_tesm.evaluation.traces.maps_from_traces`.
    error : ndarray, shape (...)
        Standard error of H (`napari_tesm.evaluation.height_error.HeightNoise`).
    """
    settings, time = evaluation.settings, evaluation.time
    assert settings.pulse is not None
    height = np.array(maps["H"], dtype=np.float64)
    if JOINT in settings.windows and settings.nuisances.names:
        moved = weights_of_displacement(time, settings.pulse) @ settings.columns_of(
            [settings.nuisances], time
        )
        for name, change in zip(settings.nuisances.names, moved, strict=True):
            height -= np.nan_to_num(maps[map_name(name, JOINT)]) * change
    if 1 in settings.windows and 2 in settings.windows:
        pulse, relaxation = maps[map_name("rms", 1)], np.sqrt(2) * maps[map_name("rms", 2)]
        # √(pulse² − relaxation²) without a square, which a sample of 1e200 would not survive.
        missed = np.sqrt(np.maximum(pulse - relaxation, 0)) * np.sqrt(pulse + relaxation)
        error = np.hypot(error, missed)
    sure = np.abs(height) > _SURE * error
    return np.where(sure, np.sign(height), 0).astype(np.int8)


def direction_of_fit(maps: Maps, settings: Settings, number: int) -> Directions:
    """Return the sign of the displacement that the curve of a window belongs to, 0 where there is no response.

    A pulse that lifts the surface leaves a curve that rises, a·g + c with a < 0, and after it one that falls, a > 0;
    a joint kernel has the sign of H.
    """
    status, amplitude = (maps[map_name(name, number)] for name in ("status", "a"))
    responds = np.isin(status, (OK, UNRESOLVED_SLOW, UNRESOLVED_FAST))
    if map_name("share", number) in maps:
        # Two amplitudes of opposite sign: the curve goes both ways.
        share = maps[map_name("share", number)]
        responds &= (share >= 0) & (share <= 1)
    direction = np.where(responds, np.sign(np.nan_to_num(amplitude)), 0).astype(np.int8)
    return -direction if number != JOINT and _during_pulse(settings, number) else direction


def mark_contradictions(maps: Maps, evaluation: Evaluation, error: Array) -> None:
    """Set the status of pixels whose record contradicts itself to inconsistent, in place, after the other gates.

    A window is judged by its own sign, that of H, and that of the other window where that one is accepted, and at the
    power 4/3 of the response level: one of many pixels that passes by chance must not spoil the other window.

    Parameters
    ----------
    maps, error
        As for `direction_of_displacement`, after `napari_tesm.evaluation.fits.gate_status`.
    """
    settings, recipe = evaluation.settings, evaluation.recipe
    if recipe.sign == "any" or "H" not in maps:
        return
    height = direction_of_displacement(maps, evaluation, error)
    own = {number: direction_of_fit(maps, settings, number) for number in settings.windows}
    strong = [
        np.where(
            _accepted(maps, number) & (maps[map_name("p", number)] < recipe.response_level**_BY_CHANCE),
            direction,
            0,
        )
        for number, direction in own.items()
    ]
    lowest, highest = (pick.reduce([height, *strong]) for pick in (np.minimum, np.maximum))
    for number, direction in own.items():
        contradicts = (np.minimum(lowest, direction) < 0) & (np.maximum(highest, direction) > 0)
        _mark(maps, number, contradicts)


def mark_reversed(maps: Maps, evaluation: Evaluation, error: Array) -> None:
    """Set the status of pixels of a sign that the map does not show elsewhere to inconsistent, in place.

    Only where three quarters of the pixels that respond have one sign; pixels of the other one stay where they are a
    domain, the majority in a block of 7×7 pixels.

    Parameters
    ----------
    maps : dict of str to ndarray, shape (y, x)
        Of one pulse setting, after `mark_contradictions`.
    error : ndarray, shape (y, x)
        Standard error of H.
    """
    settings = evaluation.settings
    if evaluation.recipe.sign == "any" or "H" not in maps:
        return
    kept = {number: _accepted(maps, number) for number in settings.windows}
    direction = direction_of_displacement(maps, evaluation, error)
    for number, accepted in kept.items():
        direction = np.where((direction == 0) & accepted, direction_of_fit(maps, settings, number), direction)
    direction[~np.logical_or.reduce(list(kept.values()))] = 0
    up, down = direction > 0, direction < 0
    fewer, more = (up, down) if up.sum() < down.sum() else (down, up)
    if not fewer.any() or more.sum() < _CLEARLY * (fewer.sum() + more.sum()):
        return
    lonely = fewer & ~_in_domains(fewer, more)
    for number in settings.windows:
        _mark(maps, number, lonely)


def _in_domains(own: NDArray[np.bool_], other: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return which pixels lie in a block where their own kind has the majority."""
    from scipy.ndimage import maximum_filter, uniform_filter

    counts, others = (
        np.rint(_BLOCK**2 * uniform_filter(kind.astype(np.float64), _BLOCK, mode="constant"))
        for kind in (own, other)
    )
    majority = (counts > others) & (counts >= _FEWEST)
    # Where a block reaches beyond the image, lines along its border would have the majority.
    half = _BLOCK // 2
    for axis, length in enumerate(own.shape):
        outer = np.minimum(np.arange(length), np.arange(length)[::-1]) < min(half, (length - 1) // 2)
        majority &= ~outer[:, None] if axis == 0 else ~outer
    return np.asarray(maximum_filter(majority, _BLOCK, mode="constant"), dtype=np.bool_)


def _accepted(maps: Maps, number: int) -> NDArray[np.bool_]:
    return np.asarray(maps[map_name("status", number)] == OK)


def _during_pulse(settings: Settings, number: int) -> bool:
    """Whether a window begins while the voltage is on."""
    if settings.pulse is None or settings.pulse.stop is None:
        return number == min(settings.windows)
    return settings.windows[number].start < settings.pulse.stop


def _mark(maps: Maps, number: int, marked: NDArray[np.bool_]) -> None:
    status = maps[map_name("status", number)]
    status[marked & _accepted(maps, number)] = INCONSISTENT
