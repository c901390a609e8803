"""Maps of a comparison of kernels as channels of a container: which describes a pixel best, and how clearly."""

from collections.abc import Mapping
from typing import Final

import numpy as np
from gwyfile.objects import GwyContainer

from napari_tesm.data.dataset import pulse_labels
from napari_tesm.gwy import contents
from napari_tesm.io.gwy.results import SHA256_KEY, add_channel, setting_metadata
from napari_tesm.model_choice.maps import AVERAGE_MAPS, BEST, EVIDENCE, MAPS, MISFIT, KernelChoice
from napari_tesm.model_choice.misfits import LEAST
from napari_tesm.model_choice.votes import rounded

KERNEL_MAP_KEY: Final = "t-ESM kernel map"
"""Metadata key that marks such a channel; its value is the map's name."""
_KERNELS_KEY: Final = "Kernels"
_PALETTES: Final = {BEST: "Spectral", EVIDENCE: "Viridis", MISFIT: "Viridis"}


def add_kernel_channels(container: GwyContainer, choice: KernelChoice, *, sha256: str = "") -> None:
    """Add a channel for every map and pulse setting; pixels without a vote are marked in its mask."""
    maps = choice.maps
    ways = [str(way) for way in maps["direction"].values]
    for pulse, label in enumerate(pulse_labels(maps["voltage"].values, ways)):
        common = _metadata(choice, pulse, sha256)
        for name, title in choice.titles.items():
            values = maps[name].isel(pulse=pulse)
            values = values.where(maps["voting"].isel(pulse=pulse) == 0)
            finite = values.values[np.isfinite(values.values)]
            add_channel(
                container,
                values,
                f"{title} {label}".rstrip(),
                {KERNEL_MAP_KEY: name} | common,
                palette=_PALETTES.get(name, "Gray"),
                limits=_shown_range(name, finite, len(choice.kernels)),
                visible=name == BEST and pulse == 0,
            )


def _shown_range(name: str, values: np.ndarray, kernels: int) -> tuple[float, float] | None:
    """Return a colour range: the same for every choice among these kernels, and one that few pixels do not stretch."""
    if name == BEST:
        return 0.0, float(kernels - 1)
    if name in AVERAGE_MAPS:
        return None
    high = float(np.percentile(values, 99)) if values.size else 0.0
    if name == MISFIT:
        return 0.0, max(high, LEAST)
    return (0.0, high) if high > 0 else None


def _metadata(choice: KernelChoice, pulse: int, sha256: str) -> dict[str, str]:
    maps, votes = choice.maps, choice.votes[pulse]
    entries = {
        "Recipe": maps.attrs["recipe"],
        "napari-tesm version": maps.attrs["version"],
        "Record": maps.attrs["record"],
        "Pulse number": str(pulse + 1),
        _KERNELS_KEY: ", ".join(f"{number} {name}" for number, name in enumerate(choice.kernels)),
        "Verdict": votes.sentence(),
        "Pixels that vote": f"{votes.judged} of {votes.judged + votes.left_out}",
    }
    entries |= {
        f"Kernel {name}": f"{votes.parameters[votes.kernels.index(name)]} parameters, best in "
        f"{100 * votes.share(name):.1f} %, AICc of the map {rounded(votes.behind(name))} above the best"
        + _misfit(votes.misfit_share(name))
        for name in (votes.ranked() if votes.judged else ())
    }
    for meaning, count in choice.left_out(pulse).items():
        entries[f"No vote: {meaning.replace('_', ' ')}"] = str(count)
    entries |= setting_metadata(maps.isel(pulse=pulse))
    if sha256:
        entries[SHA256_KEY] = sha256
    return entries


def _misfit(share: float | None) -> str:
    return "" if share is None else f", misfit {100 * share:.1f} %"


def is_kernel_map(metadata: Mapping[str, str]) -> bool:
    """Whether the metadata of a channel say that it came from a comparison of kernels."""
    return metadata.get(KERNEL_MAP_KEY) in {*MAPS, *AVERAGE_MAPS}


def kernel_map_attributes(metadata: Mapping[str, str]) -> dict[str, str]:
    """Return what a channel's metadata say of a comparison of kernels, empty where they say nothing."""
    if not is_kernel_map(metadata):
        return {}
    attributes = {"kernel_map": metadata[KERNEL_MAP_KEY]}
    kernels = [entry.split() for entry in metadata.get(_KERNELS_KEY, "").split(",")]
    in_order = all(words[:1] == [str(number)] and len(words) == 2 for number, words in enumerate(kernels))
    if attributes["kernel_map"] == BEST and in_order:
        attributes["flag_meanings"] = " ".join(words[1] for words in kernels)
    return attributes


def remove_kernel_channels(container: GwyContainer) -> None:
    """Remove the channels of an earlier comparison, with all that belongs to them."""
    for number in contents.ids(container, contents.CHANNEL):
        if is_kernel_map(contents.texts_of_channel(container, number)):
            contents.remove(container, contents.CHANNEL, number)
