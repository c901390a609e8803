"""Which kernel the data support, drawn: where which one is best, how clearly, and what the map comes to."""

import textwrap
from typing import Final

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap, Normalize
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.patches import Patch

from napari_tesm.data.maps import labels_from_maps
from napari_tesm.model_choice.maps import BEST, EVIDENCE, MISFIT, VOTING, KernelChoice
from napari_tesm.model_choice.misfits import LEAST
from napari_tesm.model_choice.votes import KernelVotes, rounded
from napari_tesm.plotting.maps import EMPTY, draw_map, draw_pixels, map_extent, map_proportion

KERNEL_COLOURS: Final = {
    "exponential": "#e69f00", "stretched": "#56b4e9", "biexponential": "#0072b2", "power": "#cc79a7",
    "erfc": "#f0e442", "gaussian-source": "#d55e00", "flux-pulse": "#009e73", "clamped": "#7b3294",
}  # fmt: skip
"""A kernel's colour is its own, whatever it is compared with; Okabe and Ito's, and a violet."""
_OTHER: Final = "#666666"
_MOST_PULSES: Final = 4
_LINE: Final = 62
_WITH_WORDS: Final = 165
"""Where the axis of the votes ends: what stands beside the bars takes the rest."""


def colour_of_kernel(name: str) -> str:
    """Return the colour of a kernel."""
    return KERNEL_COLOURS.get(name, _OTHER)


def kernel_choice_figure(choice: KernelChoice) -> Figure:
    """Return a figure of a choice: best kernel, evidence, misfit, votes; a row for each pulse setting, at most four."""
    pulses = min(len(choice.votes), _MOST_PULSES)
    proportion = map_proportion(map_extent(choice.maps[BEST])[0])
    row_height = float(np.clip(3.4 * proportion + 1.1, 2.9, 4.8))
    figure = Figure(figsize=(16.5, row_height * pulses), dpi=110)
    draw_kernel_choice(figure, choice)
    return figure


def draw_kernel_choice(figure: Figure, choice: KernelChoice, *, in_words: bool = True) -> None:
    """Draw best kernel, evidence, misfit and votes on an empty figure, a row for each pulse setting (four at most).

    Parameters
    ----------
    in_words : bool
        Write what the votes come to below them.
    """
    pulses = min(len(choice.votes), _MOST_PULSES)
    figure.set_layout_engine(ConstrainedLayoutEngine(w_pad=0.08, h_pad=0.08))
    axes = figure.subplots(pulses, 4, squeeze=False, width_ratios=(1, 1, 1, 1.1))
    for pulse, label in enumerate(labels_from_maps(choice.maps)[:pulses]):
        draw_best_kernel(axes[pulse, 0], choice, pulse, f"Best kernel {label}")
        draw_evidence(axes[pulse, 1], choice, pulse, f"Evidence {label}")
        draw_misfit(axes[pulse, 2], choice, pulse, f"Misfit {label}")
        draw_votes(axes[pulse, 3], choice.votes[pulse], in_words=in_words)


def draw_best_kernel(axes: Axes, choice: KernelChoice, pulse: int, title: str) -> None:
    """Draw which kernel describes each pixel best, with a legend; pixels without a vote are grey."""
    best = _of_voters(choice, BEST, pulse)
    colours = ListedColormap([colour_of_kernel(name) for name in choice.kernels])
    norm = Normalize(-0.5, len(choice.kernels) - 0.5)
    draw_pixels(axes, best, best.values, title, cmap=colours, norm=norm)
    here = [number for number in range(len(choice.kernels)) if (best.values == number).any()]
    handles = [Patch(color=colour_of_kernel(choice.kernels[n]), label=choice.kernels[n]) for n in here]
    if choice.votes[pulse].left_out:
        handles.append(Patch(color=EMPTY, label="no vote"))
    axes.legend(
        handles=handles,
        loc="upper left",
        bbox_to_anchor=(1.01, 1.0),
        borderaxespad=0,
        fontsize=8,
        frameon=False,
    )


def draw_evidence(axes: Axes, choice: KernelChoice, pulse: int, title: str) -> None:
    """Draw how much the best kernel of each pixel is ahead: ΔAICc to the second, clear from 10 on."""
    evidence = _of_voters(choice, EVIDENCE, pulse)
    finite = evidence.values[np.isfinite(evidence.values)]
    high = float(np.percentile(finite, 99)) if finite.size else 1.0
    draw_map(axes, evidence, title, cmap="viridis", norm=Normalize(0, max(high, 1.0)), quantity="ΔAICc")


def draw_misfit(axes: Axes, choice: KernelChoice, pulse: int, title: str) -> None:
    """Draw what part of the residuals of the recommended kernel is misfit, in percent."""
    misfit = 100 * _of_voters(choice, MISFIT, pulse)
    finite = misfit.values[np.isfinite(misfit.values)]
    votes = choice.votes[pulse]
    limit = 100 * (LEAST if votes.misfit_limit is None else votes.misfit_limit)
    high = float(np.percentile(finite, 99)) if finite.size else limit
    norm = Normalize(0, max(high, 2 * limit))
    draw_map(axes, misfit, title, cmap="magma", norm=norm, quantity="misfit (%)")


def draw_votes(axes: Axes, votes: KernelVotes, *, in_words: bool = True) -> None:
    """Draw for each kernel in how many pixels it is best, and what part of its residuals is misfit."""
    names = votes.ranked()
    place = np.arange(len(names))
    if votes.judged:
        shares = [100 * votes.share(name) for name in names]
        missed = [100 * max(votes.misfit_share(name) or 0.0, 0.0) for name in names]
        colours = [colour_of_kernel(name) for name in names]
        axes.barh(place - 0.19, shares, 0.36, color=colours)
        axes.barh(place + 0.19, missed, 0.36, color="none", edgecolor=colours, hatch="////", linewidth=0.8)
        for number, name in enumerate(names):
            behind = votes.behind(name)
            text = "best of the map" if behind == 0 else f"AICc +{rounded(behind)}"
            axes.text(103, number, text, va="center", fontsize=8)
        axes.legend(
            handles=[Patch(color="0.4", label="best in"), Patch(fill=False, ec="0.4", hatch="////", label="misfit")],
            fontsize=8, frameon=False, loc="lower right", ncols=2, bbox_to_anchor=(1.0, 1.0), borderaxespad=0.1,
        )  # fmt: skip
    axes.set_yticks(place, names)
    axes.invert_yaxis()
    # Words beside the bars are inside the axes: outside they would push the colour bars of the maps away from them.
    axes.set_xlim(0, _WITH_WORDS if votes.judged else 100)
    axes.set_xticks(range(0, 101, 25))
    axes.spines["bottom"].set_bounds(0, 100)
    axes.spines[["top", "right"]].set_visible(False)
    words = "\n" + textwrap.fill(votes.sentence(), _LINE) if in_words else ""
    axes.set_xlabel(f"% of the pixels that vote, % of the residuals{words}", fontsize=9)


def _of_voters(choice: KernelChoice, name: str, pulse: int) -> xr.DataArray:
    here = choice.maps.isel(pulse=pulse)
    return here[name].where(here[VOTING] == 0)
