"""What the instrument added to the traces of a result, in numbers and in words: the noise, drift, steps, mains."""

import contextlib
import json
import math
from collections.abc import Iterator, Mapping
from typing import Any, Final

import xarray as xr

from napari_tesm.data.maps import words_of_fit

FEWEST_SAMPLES: Final = 30
"""Independent samples in a window below which errors are taken with care."""
KINDS_IN_WORDS: Final = {
    "white": "white", "lock-in": "behind the lock-in's filter", "fast": "behind a filter the file does not tell of",
    "slow": "slow (1/f)", "mains": "mains", "drift": "drift",
}  # fmt: skip
_IN_SHORT: Final = {**KINDS_IN_WORDS, "lock-in": "lock-in", "fast": "some filter", "slow": "1/f"}
_NUISANCES: Final = {
    "drift": "drift", "step": "a step with the voltage", "mains": "mains", "mains1": "mains in window 1",
    "mains2": "mains in window 2",
}  # fmt: skip
_SHOWN: Final = 0.005


def instrument_summary(maps: xr.Dataset) -> dict[str, Any] | None:
    """Return what was measured of the instrument, as JSON holds it; None for results that do not say.

    Returns
    -------
    dict
        ``noise``: for each pulse setting the number of ``traces`` it was measured from, the ``shares`` of the variance
        by kind, and for each window the ``samples`` and as how many independent ones they ``count``. ``nuisances``: of
        each that was tried how clearly it shows (``significance``, in standard deviations), its ``size`` in parts of
        the response, by how much it moves ln tau (``bias``, in standard errors), and whether it is left out as what it
        takes may be the kernel's own error (``unclear``): the kernel still ``missed`` so much, in parts of that and
        what it takes, or a ``rival`` kernel describes the traces as well without it. ``fitted``: which are fitted.
    """
    # Somebody may have edited the metadata of results that were read back.
    with contextlib.suppress(ValueError, TypeError):
        measured = json.loads(maps.attrs["instrument"]) if "instrument" in maps.attrs else None
        if isinstance(measured, dict) and measured.keys() >= {"noise", "nuisances", "fitted", "price"}:
            return measured
    return None


def instrument_lines(maps: xr.Dataset, labels: list[str]) -> Iterator[str]:
    """Yield what was measured of the instrument, as lines for a terminal."""
    summary = instrument_summary(maps)
    if summary is None:
        return
    if summary.get("kept"):
        yield "As last measured, with other windows; measured anew once the entry rests."
    for entry, label in zip(summary["noise"], labels, strict=True):
        yield f"Noise {label}".rstrip() + f": {noise_in_words(entry)}"
    yield from nuisances_in_words(summary)


def noise_in_words(entry: dict[str, Any]) -> str:
    """Return what the noise of one pulse setting is made of, and as how many samples a window counts."""
    if not entry["traces"]:
        return (
            "taken for white, not measured"
            if entry["asked"] == "white"
            else "taken for white, too few traces to measure"
        )
    made = _made_of(entry)
    if made == "white":
        return made
    counted = [
        f"{samples} samples of {words_of_fit(int(number))} count as {effective:.0f}"
        for number, (samples, effective) in entry["windows"].items()
        if effective is not None
    ]
    return ". ".join(filter(None, ["; ".join([made, *counted]), few_samples_in_words(entry)]))


def _made_of(entry: dict[str, Any], words: Mapping[str, str] = KINDS_IN_WORDS) -> str:
    shares = [(kind, share) for kind, share in entry["shares"].items() if share > _SHOWN]
    if len(shares) == 1 and shares[0][0] == "white":
        return "white"
    return ", ".join(f"{100 * share:.0f} % {words[kind]}" for kind, share in shares)


def instrument_in_short(maps: xr.Dataset, pulse: int, fit: int | None) -> str:
    """Return the noise of one pulse setting, and what is fitted beside the curve, in a line; empty where unknown.

    Parameters
    ----------
    fit : int, optional
        Number of the window whose samples are counted.
    """
    summary = instrument_summary(maps)
    if summary is None:
        return ""
    entry = summary["noise"][pulse]
    words = f"Noise {_made_of(entry, _IN_SHORT) if entry['traces'] else 'taken for white'}"
    white = words == "Noise white"
    if summary.get("kept") and entry["traces"]:
        words = f"{words} (as last measured)"
    samples, effective = entry["windows"].get(str(fit), (0, None))
    if effective is not None and not white and entry["traces"]:
        words += f"; {samples} samples count as {effective:.0f}"
    sizes = {test["text"]: test["size"] for test in summary["nuisances"]}
    fitted = [
        text.replace(":", " ") + (f" {100 * sizes[text]:.2g} %" if text in sizes else "")
        for text in summary["fitted"].split(",")
        if text.partition(":")[0] in _NUISANCES
    ]
    unclear = [
        f"{test['text'].replace(':', ' ')} {100 * test['size']:.2g} %"
        for test in summary["nuisances"]
        if test.get("unclear")
    ]
    words = f"{words}. Fitted too: {', '.join(fitted)}." if fitted else f"{words}."
    return f"{words} Or a wrong kernel: {', '.join(unclear)}, not fitted." if unclear else words


def few_samples_in_words(entry: dict[str, Any]) -> str:
    """Return in which windows of a pulse setting too few independent samples are left; empty where in none."""
    few = [
        words_of_fit(int(number))
        for number, (_, effective) in entry["windows"].items()
        if effective is not None and effective < FEWEST_SAMPLES
    ]
    if not few:
        return ""
    return f"Fewer than {FEWEST_SAMPLES} independent samples in {' and '.join(few)}: take single errors with care"


def _delay_in_words(delay: dict[str, Any] | None) -> Iterator[str]:
    """Yield a sentence on a pulse that does not start when it is stated to."""
    if not delay:
        return
    size, error, start = (1e3 * delay[name] for name in ("seconds", "error", "start"))
    other = ""
    if delay["filter_unknown"] and size > 0:
        other = (
            " The filter of a lock-in that the file does not tell of looks alike: if there was one, state its time "
            "constant instead."
        )
    yield (
        f"The pulse seems to start {abs(size):.3g} ± {error:.1g} ms "
        f"{'later' if size > 0 else 'earlier'} than stated: with a pulse start of {start:.4g} ms nothing of that is "
        f"left. It is not applied unless you state it.{other}"
    )


def nuisances_in_words(summary: dict[str, Any]) -> Iterator[str]:
    """Yield sentences on what was tried beside the curve."""
    tests = summary["nuisances"]
    fitted = [text for text in summary["fitted"].split(",") if text != "none"]
    tried = {test["text"]: test for test in tests}
    for text in fitted:
        name, _, frequency = text.partition(":")
        words = _NUISANCES[name] + (f", {frequency.removesuffix('Hz')} Hz" if frequency else "")
        test = tried.get(text)
        if test is None:
            yield f"Fitted beside the curve, as asked for: {words}."
            continue
        yield (
            f"Found and fitted beside the curve: {words}, {100 * test['size']:.2g} % of the response "
            f"({test['significance']:.0f} standard deviations); left out, it would move ln tau by "
            f"{test['bias']:.2g} standard errors."
        )
    yield from _delay_in_words(summary.get("delay"))
    yield from _unclear_in_words([test for test in tests if test.get("unclear")])
    if fitted and summary["price"] is not None and math.isfinite(summary["price"]):
        yield f"The price: standard errors of tau {summary['price']:.2g} times as large as without."
    wanders = any(text.startswith(("drift", "step")) for text in (*tried, *fitted))
    if not wanders and all(int(n) for entry in summary["noise"] for n in entry["windows"]):
        yield (
            "Not tested for drift and steps: within one window a slow relaxation looks like a drift. Kernels of the "
            "whole record tell them apart."
        )
    absent = [
        _NUISANCES[text.partition(":")[0]]
        for text, test in tried.items()
        if text not in fitted and not test.get("unclear")
    ]
    if absent:
        yield f"Tried and not needed: {', '.join(absent)}."


def _unclear_in_words(tests: list[dict[str, Any]]) -> Iterator[str]:
    """Yield what is said of nuisances that are left out as they may be the kernel's own error."""
    if not tests:
        return
    named = " and ".join(
        f"{_NUISANCES[test['text'].partition(':')[0]]} of {100 * test['size']:.2g} % of the response"
        for test in tests
    )
    rivals = sorted({test["rival"] for test in tests if test["rival"]})
    reasons = [f"the kernel '{rival}' describes the traces as well without" for rival in rivals]
    if any(not test["rival"] for test in tests):
        reasons.insert(
            0, "beside it the kernel still misses what all traces of one relaxation time have in common"
        )
    yield f"Not fitted, as a wrong kernel looks like this: {named}; {', and '.join(reasons)}."
    yield (
        "See which kernel the traces support; nuisances that are asked for by name "
        f"({','.join(test['text'] for test in tests)}) are fitted all the same."
    )
