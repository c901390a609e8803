"""The numbers of a result in one dictionary that JSON can hold, and as lines a person reads."""

import json
import math
from collections.abc import Iterator, Mapping
from typing import Any, Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from napari_tesm.data.maps import FITS, HOT, MAP_KINDS, labels_from_maps, limited_values, map_name, map_of
from napari_tesm.data.protocol import length_from_attributes
from napari_tesm.evaluation.recipe import digest_of_maps
from napari_tesm.files.sentences import Sentence
from napari_tesm.findings.controls import sentence_about_chance
from napari_tesm.findings.instrument import instrument_lines, instrument_summary
from napari_tesm.findings.lateral import lateral_in_words, lateral_summary
from napari_tesm.findings.parameters import parameters_as_entries, parameters_from_maps
from napari_tesm.findings.parity import even_in_words, even_summary, parts_in_words, parts_summary
from napari_tesm.fitting.limits import LEVEL
from napari_tesm.physics.tip_radius import systematic_intervals
from napari_tesm.quantities.numbers import counted, plain_value
from napari_tesm.quantities.status import OK, STATUS_MEANINGS
from napari_tesm.quantities.text import text_from_quantity
from napari_tesm.statistics.description import quartiles, values_on_scale
from napari_tesm.statistics.modes import mode_from_map, patchwork_from_map


def summary_from_maps(
    maps: xr.Dataset, *, name: str = "", sha256: str = "", origins: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """Return the summary of a result; all numbers SI, None where there is nothing to state.

    Parameters
    ----------
    maps : Dataset
        From `napari_tesm.evaluation.pipeline.run`.
    name, sha256 : str
        File name and hash of the input.
    origins : mapping of str to str, optional
        Where the recipe's fields come from, as `napari_tesm.findings.parameters.parameters_from_maps` takes it.
    """
    pulses = [_pulse_summary(maps, index) for index in range(maps.sizes["pulse"])]
    return {
        "version": maps.attrs["version"],
        "input": {"name": name, "sha256": sha256},
        "recipe": json.loads(maps.attrs["recipe"]),
        "recipe_digest": digest_of_maps(maps),
        "parameters": parameters_as_entries(parameters_from_maps(maps, origins)),
        "length": _length_summary(maps),
        "instrument": instrument_summary(maps),
        "parts": parts_summary(maps),
        "pulses": pulses,
    }


def _length_summary(maps: xr.Dataset) -> dict[str, Any] | None:
    """Return which length D was taken with, in m; None where there is none."""
    length = length_from_attributes(maps.attrs)
    if length is None:
        return None
    return {"name": length.name, "value": length.value, "error": length.error}


_MOST_SAID_LAST: Final = 0.1
"""Part of the pixels that are limits up to which they are counted at the end only."""

_SUMMARIZED: Final = ("D", "tau", "beta", "tau_slow", "share", "exponent", "tau_mean")


def _pulse_summary(all_maps: xr.Dataset, pulse: int) -> dict[str, Any]:
    maps = all_maps.isel(pulse=pulse)
    entry: dict[str, Any] = {
        "voltage": plain_value(maps["voltage"].values),
        "direction": str(maps["direction"].values),
        "n_pixels": int(maps.sizes["y"] * maps.sizes["x"]),
    }
    if "H" in maps:
        # Where nothing was fitted there is no threshold.
        threshold = float(maps["threshold"]) if "threshold" in maps.coords else math.nan
        height = map_of(all_maps, "H", pulse)
        # Neither is in the numbers of H.
        pixels = {"n_hot": height.attrs[HOT], "n_invalid": int(maps["H"].isnull().sum())}
        entry["H"] = _distribution(height.values) | {"threshold": plain_value(threshold)} | pixels
    if (even := even_summary(maps)) is not None:
        entry["even"] = even
    if "D_lateral" in maps:
        entry |= lateral_summary(maps, pulse)
    for prefix in _SUMMARIZED:
        for number in FITS:
            name = map_name(prefix, number)
            if name in maps:
                values = limited_values(all_maps, name, pulse)
                entry[name] = _map_summary(values, maps[map_name("status", number)].values)
                if map_name(f"{prefix}_lower", number) in maps:
                    entry[name]["limits"] = _limits_summary(maps, prefix, number)
                if prefix == "D":
                    entry[name]["systematic"] = plain_value(maps.attrs.get("systematic"))
                    entry[name]["systematic_interval"] = intervals_of_median(
                        entry[name]["median"], maps.attrs
                    )
    return entry


def _map_summary(values: NDArray[np.float64], status: NDArray[np.integer]) -> dict[str, Any]:
    counts = np.bincount(status.ravel(), minlength=len(STATUS_MEANINGS))
    with np.errstate(invalid="ignore", divide="ignore"):  # a share may be negative
        logs = values_on_scale(values, "log")
    mode = mode_from_map(logs, scale="linear", patchwork=patchwork_from_map(logs, scale="linear"))
    return {
        # A mean time, and D with it, may be missing where the fit itself is ok.
        "n_ok": int(((status == OK) & np.isfinite(values)).sum()),
        # Slower or faster than can be told: they count in median, quartiles and mode.
        "n_below": int((values == -np.inf).sum()),
        "n_above": int((values == np.inf).sum()),
        "status": {meaning: int(count) for meaning, count in zip(STATUS_MEANINGS, counts, strict=True)},
        **_distribution(values),
        "mode_log10": None if mode is None else mode.value,
        "mode_log10_ci": None if mode is None else [mode.low, mode.high],
    }


def intervals_of_median(median: float | None, attributes: Mapping[Any, Any]) -> dict[str, list[float]] | None:
    """Return where the median of D lies for what is known of its length l, by the probability in %, in m²/s.

    Parameters
    ----------
    attributes : mapping
        Of the maps; None is returned where they say no error of the length.
    """
    length = length_from_attributes(attributes)
    if median is None or not math.isfinite(median) or length is None or length.error is None:
        return None
    intervals = systematic_intervals(median, length.value, length.error)
    return {level: list(limits) for level, limits in intervals.items()}


def _limits_summary(maps: xr.Dataset, quantity: str, number: int) -> dict[str, Any]:
    """Return in how many pixels a quantity has limits, on both sides or on one."""
    lower, upper = (
        np.isfinite(maps[map_name(f"{quantity}_{side}", number)].values) for side in ("lower", "upper")
    )
    return {
        "level": LEVEL,
        "n_both": int((lower & upper).sum()),
        "n_only_upper": int((upper & ~lower).sum()),
        "n_only_lower": int((lower & ~upper).sum()),
    }


def _limits_line(entry: dict[str, Any], number: int) -> Iterator[str]:
    name = next(
        (fitted for fitted in (map_name("D", number), map_name("tau", number)) if fitted in entry), ""
    )
    limits = entry.get(name, {}).get("limits")
    if limits is not None:
        sides = (("n_only_upper", "only an upper limit"), ("n_only_lower", "only a lower one"))
        words = "".join(f", {side} in {limits[key]}" for key, side in sides if limits[key])
        yield f"        {100 * limits['level']:g} % interval of {name} in {counted(limits['n_both'], 'pixel')}{words}"


def _distribution(values: NDArray[np.floating]) -> dict[str, float | None]:
    low, median, high = quartiles(values)
    return {"median": plain_value(median), "q25": plain_value(low), "q75": plain_value(high)}


def lines_from_summary(summary: dict[str, Any], maps: xr.Dataset) -> Iterator[str]:
    """Yield the summary as lines for a terminal."""
    unit = maps["H"].attrs["units"] if "H" in maps else ""
    labels = labels_from_maps(maps)
    level = float(summary["recipe"]["response_level"])
    for entry, label in zip(summary["pulses"], labels, strict=True):
        yield f"Pulse {label or 'setting'}: {counted(entry['n_pixels'], 'pixel')}"
        if "H" in entry and entry["H"]["median"] is not None:
            yield _height_line(entry["H"], unit)
        if "even" in entry:
            yield f"        {even_in_words(entry['even'], unit)}"
        for number in FITS:
            if map_name("tau", number) in entry:
                yield from _window_lines(entry, number, maps.attrs)
                counts = entry[map_name("tau", number)]["status"]
                if chance := sentence_about_chance(counts, level):
                    yield f"        {chance}."
        if "lateral" in entry:
            yield from lateral_in_words(entry, (summary["instrument"] or {}).get("fitted", "none"))
    yield from parts_in_words(maps)
    yield from instrument_lines(maps, labels)
    names = {name for entry in summary["pulses"] for name in entry}
    if any(map_name("tau", n) in names for n in FITS) and not any(map_name("D", n) in names for n in FITS):
        yield Sentence(
            "No tip radius is known: tau maps only. Give it, for example {tip_radius:25nm±5nm}, to get D."
        )


def _height_line(height: dict[str, Any], unit: str) -> str:
    median, low, high = (text_from_quantity(height[key], unit, digits=3) for key in ("median", "q25", "q75"))
    kinds = (("n_hot", "hot"), ("n_invalid", "without a trace"))
    left_out = ", ".join(f"{height[key]} {word}" for key, word in kinds if height[key])
    words = f"; left out: {left_out}" if left_out else ""
    if height["threshold"] is None:
        return f"  H     median {median}, half of the pixels within {low} … {high}{words}"
    threshold = text_from_quantity(height["threshold"], unit, digits=3)
    return f"  H     median {median}, threshold {threshold}{words}"


def _shape_lines(entry: dict[str, Any], number: int) -> Iterator[str]:
    """Yield what kernels of two parameters give beyond tau; D is taken from the mean time."""
    for quantity in _SUMMARIZED[2:]:
        name = map_name(quantity, number)
        if name not in entry or entry[name]["n_ok"] == 0:
            continue
        unit = "s" if quantity.startswith("tau") else ""
        low, middle, high = (
            text_from_quantity(entry[name][key], unit, digits=3) for key in ("q25", "median", "q75")
        )
        lost = entry[map_name("tau", number)]["n_ok"] - entry[name]["n_ok"]
        missing = f"; not known in {counted(lost, 'pixel')}, nor is D" if lost else ""
        title = MAP_KINDS[name].title
        yield f"  {title}  median {middle}, half of the pixels within {low} … {high}{missing}"


def _known(value: float | None, unit: str = "") -> str:
    """Return a number as text; in words where it lies among the pixels that are too slow or too fast to tell."""
    if value is None:
        return "beyond what can be told"
    return text_from_quantity(value, unit, digits=3) if unit else f"{value:.3g}"


def _limits_in_words(tau: dict[str, Any], name: str) -> Iterator[str]:
    """Yield which part of the pixels is slower or faster than can be told, where that matters to a median."""
    slow, fast = tau["n_above"], tau["n_below"]
    total = tau["n_ok"] + slow + fast
    for count, word in ((slow, "slower"), (fast, "faster")):
        if count > _MOST_SAID_LAST * total:
            yield f"  {name:4}  {100 * count / total:.0f} % of the pixels that respond are {word} than can be told"


def _window_lines(entry: dict[str, Any], number: int, attributes: Mapping[Any, Any]) -> Iterator[str]:
    tau_name, d_name = map_name("tau", number), map_name("D", number)
    tau = entry[tau_name]
    share = 100 * tau["n_ok"] / entry["n_pixels"]
    others = ", ".join(
        f"{count} {meaning.replace('_', ' ')}"
        for meaning, count in tau["status"].items()
        if count and meaning != "ok"
    )
    if tau["n_ok"] == 0:
        yield f"  {tau_name:4}  no pixel accepted: {others}"
        yield from _limits_line(entry, number)
        return
    yield from _limits_in_words(tau, tau_name)
    low, middle, high = (_known(tau[key], "s") for key in ("q25", "median", "q75"))
    half = "" if tau["median"] is None else f", half of the pixels within {low} … {high}"
    yield f"  {tau_name:4}  median {middle}{half}"
    yield from _shape_lines(entry, number)
    if d_name in entry and entry[d_name]["n_ok"] == 0:
        yield f"  {d_name:4}  none: the mean time is not known in any pixel"
    elif d_name in entry:
        d = entry[d_name]
        low, middle, high = (_known(d[key]) for key in ("q25", "median", "q75"))
        half = "" if d["median"] is None else f" m²/s, half within {low} … {high}"
        text = f"  {d_name:4}  median {middle}{half}"
        if d["mode_log10"] is not None:
            text += f", mode {10 ** d['mode_log10']:.3g}"
        length = length_from_attributes(attributes)
        if length is not None and length.field == "contact_radius":
            text += f", with the contact radius, {length}"
        yield text
        if length is not None and d["systematic_interval"] and d["systematic"]:
            parts = [
                f"{low:.3g} … {high:.3g} ({level} %)"
                for level, (low, high) in d["systematic_interval"].items()
            ]
            yield f"        median for the error of the {length.name}: {', '.join(parts)}, common to all pixels"
    yield from _limits_line(entry, number)
    yield f"        {counted(tau['n_ok'], 'pixel')} fitted ({share:.1f} %)" + (
        f"; {others}" if others else ""
    )
