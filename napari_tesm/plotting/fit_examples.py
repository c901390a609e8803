"""Examples of fits, side by side: data and fitted curves above, what is left over below (the paper's Fig. S5)."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from napari_tesm.data.maps import JOINT, map_name
from napari_tesm.evaluation.fits import FittedWindow
from napari_tesm.findings.fit_examples import FitExample
from napari_tesm.plotting.axes import label_with_unit
from napari_tesm.quantities.status import STATUS_MEANINGS
from napari_tesm.quantities.text import prefix_for, text_with_error

_PULSE: Final = "#e9edf2"
_DATA: Final = "#8a94a3"
_WINDOW_COLOURS: Final = {1: "#b35806", 2: "#5e3c99", JOINT: "#1b7837"}


def draw_fit_examples(figure: Figure, examples: Sequence[FitExample], *, unit: str) -> None:
    """Draw a column for each example, all on one scale of displacement and one of residuals.

    Parameters
    ----------
    unit : str
        SI unit of the traces.
    """
    figure.set_layout_engine("constrained")
    if not examples:
        figure.text(0.5, 0.5, "no pixel accepted", ha="center", va="center")
        return
    axes = figure.subplots(
        2, len(examples), sharex=True, sharey="row", height_ratios=[2.4, 1.0], squeeze=False
    )
    everything = np.concatenate([example.trace for example in examples])
    factor, shown = prefix_for(everything[np.isfinite(everything)], unit)
    for above, below, example in zip(*axes, examples, strict=True):
        draw_fit_example(above, below, example, factor=factor)
    axes[0, 0].set_ylabel(label_with_unit("displacement", shown))
    axes[1, 0].set_ylabel(label_with_unit("data − fit", shown))


def draw_fit_example(above: Axes, below: Axes, example: FitExample, *, factor: float = 1.0) -> None:
    """Draw a trace with its fits, and the residuals with their rms as a band.

    Parameters
    ----------
    factor : float
        By which displacements are divided.
    """
    t_factor, t_unit = prefix_for(example.time, "s")
    for axes in (above, below):
        if example.pulse is not None:
            axes.axvspan(*(edge / t_factor for edge in example.pulse), color=_PULSE, zorder=0, lw=0)
        axes.spines[["top", "right"]].set_visible(False)
    above.plot(example.time / t_factor, example.trace / factor, ".", ms=2.0, color=_DATA, zorder=1)
    words = []
    for window in example.windows:
        colour = _WINDOW_COLOURS[window.number]
        time = window.time / t_factor
        above.plot(time, window.curve / factor, color=colour, lw=1.6, zorder=2)
        below.plot(time, window.residuals / factor, ".", ms=2.0, color=colour, zorder=2)
        rms = window.values["rms"] / factor
        below.fill_between(time, -rms, rms, color=colour, alpha=0.15, lw=0, zorder=1)
        words.append(_words(window))
    below.axhline(0, color="0.3", lw=0.6)
    below.set_xlabel(f"time ({t_unit})")
    where = f"row {example.row}, column {example.column}"
    above.set_title("\n".join([example.name, where, *words]), fontsize=8)


def _words(window: FittedWindow) -> str:
    number, values = window.number, window.values
    name = map_name("tau", number).replace("tau", "τ")
    if not window.ok:
        return f"{name}: {STATUS_MEANINGS[window.status].replace('_', ' ')}"
    text = f"{name} {text_with_error(values['tau'], values['tau_stderr'], 's')}"
    if np.isfinite(values["D"]):
        text += f", {map_name('D', number)} {text_with_error(values['D'], values['D_stderr'], 'm²/s')}"
    # Where there is little room lines end between two quantities.
    return f"{text}, R² {values['r2']:.3f}".replace(" ", "\N{NO-BREAK SPACE}").replace(
        ",\N{NO-BREAK SPACE}", ", "
    )
