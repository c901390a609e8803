"""What an instrument adds to a trace that is linear in a few numbers: drift, the step of an edge, mains.

They are columns beside the constant of a fit, and leave the time of the relaxation alone only if they are in it.
"""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from napari_tesm.kernels.low_pass import LowPass

Array = NDArray[np.float64]

NUISANCES: Final = ("drift", "step", "mains")
_WINDOWS: Final = ("", "1", "2")
"""Mains may be named with the window they are fitted in."""


@dataclass(frozen=True)
class Nuisances:
    """Which of them a fit has.

    Parameters
    ----------
    drift : bool
        A straight line over the record; its number is the change from end to end.
    step : bool
        What follows the voltage at once, as an electrostatic force does: on with the pulse and off with it, behind the
        lock-in's filter. Its number is the height.
    mains : float
        Frequency of an oscillation of any phase, in Hz; 0 for none.
    mains_window : str
        Number of the only window that mains are fitted in; empty for all.
    """

    drift: bool = False
    step: bool = False
    mains: float = 0.0
    mains_window: str = ""

    @classmethod
    def from_text(cls, text: str) -> "Nuisances":
        """Return the nuisances that a text lists: ``none``, ``drift,step,mains:50Hz``, ``mains2:50Hz``.

        Raises
        ------
        ValueError
            If there is no such nuisance, or no such frequency.

        Examples
        --------
        >>> Nuisances.from_text("drift,mains:60Hz")
        Nuisances(drift=True, step=False, mains=60.0, mains_window='')
        """
        chosen: dict[str, float | bool | str] = {}
        for part in (part.strip() for part in text.split(",") if text.strip() != "none"):
            name, _, value = part.partition(":")
            window = name.removeprefix("mains")
            if window in _WINDOWS and name != window:
                name, chosen["mains_window"] = "mains", window
            if name not in NUISANCES or (value and name != "mains"):
                raise ValueError(
                    f"there is no nuisance '{part}': give some of {', '.join(NUISANCES)}, or none"
                )
            chosen[name] = _frequency_from_text(value) if name == "mains" else True
        return cls(**chosen)  # type: ignore[arg-type]

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the columns."""
        return (
            *(("drift",) if self.drift else ()),
            *(("step",) if self.step else ()),
            *(("mains_sin", "mains_cos") if self.mains else ()),
        )

    @property
    def texts(self) -> tuple[str, ...]:
        """What `from_text` reads, one text for each nuisance."""
        return (
            *(("drift",) if self.drift else ()),
            *(("step",) if self.step else ()),
            *((f"mains{self.mains_window}:{self.mains:g}Hz",) if self.mains else ()),
        )

    def of_window(self, number: int) -> "Nuisances":
        """Return those that are fitted in a window that is fitted by itself: there a step is a constant."""
        elsewhere = self.mains_window not in ("", str(number))
        return replace(self, step=False, mains=0.0 if elsewhere else self.mains)

    def columns(self, time: Array, pulse: tuple[float, float] | None, low_pass: LowPass | None) -> Array:
        """Return what each adds, shape (time, columns).

        Parameters
        ----------
        time : ndarray, shape (time,)
            In s.
        pulse : (float, float), optional
            When the voltage was on, in s: what a step needs.
        low_pass : LowPass, optional
            The lock-in's filter, which the step has passed.

        Raises
        ------
        ValueError
            If a step is asked for and the pulse is not known.
        """
        columns = []
        if self.drift:
            columns.append((time - time[0]) / np.ptp(time))
        if self.step:
            if pulse is None:
                raise ValueError("a step with the voltage can be fitted only where the pulse is known")
            on, off = (time - edge for edge in pulse)
            if low_pass is None:
                columns.append(((on >= 0) & (off < 0)).astype(np.float64))
            else:
                columns.append(low_pass.step(on) - low_pass.step(off))
        if self.mains:
            angle = 2 * np.pi * self.mains * time
            columns += [np.sin(angle), np.cos(angle)]
        return np.stack(columns, axis=1) if columns else np.zeros((time.size, 0))


NO_NUISANCES: Final = Nuisances()


def _frequency_from_text(text: str) -> float:
    number = text.strip().lower().removesuffix("hz").strip() or "50"
    try:
        frequency = float(number)
    except ValueError:
        frequency = np.nan
    if not 0 < frequency < np.inf:
        raise ValueError(f"the mains have a frequency in Hz, 50 as a rule, not '{text}'")
    return frequency
