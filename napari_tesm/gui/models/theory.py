"""What pure diffusion from the tip would have shown: one D for pulse and relaxation, laid over a trace.

The curve is the tip's in `tesm theory`, that of `napari_tesm.physics.tip.response_from_time` for a surface in balance,
with D, amplitude and offset that come nearest to the trace: the kernel ``clamped``.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from napari_tesm.data.maps import JOINT
from napari_tesm.evaluation.evaluation import Evaluation
from napari_tesm.evaluation.fits import FittedWindow, fits_of_traces
from napari_tesm.evaluation.recipe import DEFAULT_GEOMETRY
from napari_tesm.quantities.text import text_with_error

Array = NDArray[np.float64]

KERNEL: Final = "clamped"


@dataclass(frozen=True, eq=False)
class TheoryCurve:
    """The response to one D, laid over a trace.

    Parameters
    ----------
    label : str
        Of the pulse setting.
    window : FittedWindow
        The stretch from the start of the pulse on.
    """

    label: str
    window: FittedWindow


def theory_in_words(curves: Sequence[TheoryCurve]) -> str:
    """Return D of each curve and how well it describes the trace, for people; empty without curves."""
    told = []
    for curve in curves:
        values = curve.window.values
        found = (
            text_with_error(values["D"], values["D_stderr"], "m²/s") if curve.window.ok else "none to be told"
        )
        where = [*filter(None, [curve.label.strip("()")]), f"R² {values['r2']:.3f}"]
        told.append(f"{found} ({', '.join(where)})")
    return f"green, pure diffusion from a clamped tip: D {'; '.join(told)}" if told else ""


class TheoryModel:
    """The curves of pure diffusion for traces of one evaluation after the other."""

    def __init__(self) -> None:
        self._last: tuple[Evaluation, Evaluation | str] | None = None

    def curves(self, traces: Array, labels: list[str], evaluation: Evaluation) -> list[TheoryCurve]:
        """Return the curve for each trace, shape (pulse, time).

        Raises
        ------
        ValueError
            If there can be none: no tip radius, or no pulse.
        """
        of_tip = self._of_tip(evaluation)
        fitted = fits_of_traces(traces, of_tip)
        return [TheoryCurve(label, fit.windows[JOINT]) for label, fit in zip(labels, fitted, strict=True)]

    def _of_tip(self, evaluation: Evaluation) -> Evaluation:
        if self._last is None or self._last[0] is not evaluation:
            self._last = (evaluation, _evaluation_of_tip(evaluation))
        found = self._last[1]
        if isinstance(found, str):
            raise ValueError(found)
        return found


def _evaluation_of_tip(evaluation: Evaluation) -> Evaluation | str:
    """Return the evaluation with the kernel of a clamped tip, or why there is none."""
    if evaluation.settings.pulse is None:
        return "the response of a tip needs the pulse's start and duration"
    recipe = replace(
        evaluation.asked,
        kernel=KERNEL,
        geometry=DEFAULT_GEOMETRY,
        window1=None,
        window2=None,
        nuisance="none",
    )
    try:
        of_tip = evaluation.updated(recipe)
    except ValueError as error:
        return str(error)
    if of_tip.settings.length is None:
        return "the response of a tip needs its radius: enter it under Fit"
    return of_tip
