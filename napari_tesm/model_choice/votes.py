"""What the traces of a map say together about several kernels, counted and in words."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from napari_tesm.quantities.numbers import counted

CLEAR: Final = 10.0
"""A kernel is preferred clearly where its AICc is smaller by this.

Burnham, K. P. and Anderson, D. R. (2002). Model Selection and Multimodel Inference, 2nd ed., section 2.6."""
MOSTLY: Final = 0.9
"""Where too few traces are alike to have anything in common, a kernel describes a map if it leaves white residuals in
this part of them; by chance alone 1 % are not."""


@dataclass(frozen=True)
class KernelVotes:
    """Sums over the traces that could be judged.

    Parameters
    ----------
    kernels : tuple of str
    parameters : tuple of int
        Of each kernel, with the noise.
    judged : int
        How many traces voted.
    best : tuple of int
        How many of them each kernel describes best.
    white : tuple of int
        How many of them each kernel leaves white residuals.
    aicc : tuple of float
        AICc of all of them together, for each kernel: the traces are independent.
    left_out : int
        Traces that had no vote.
    misfit : tuple of float
        Of each kernel the share of what it leaves over that all traces of one shape have in common
        (`napari_tesm.model_choice.misfits`); empty where it was not measured.
    misfit_limit : float, optional
        Share up to which a kernel describes the traces; None where it was not measured.
    """

    kernels: tuple[str, ...]
    parameters: tuple[int, ...]
    judged: int
    best: tuple[int, ...]
    white: tuple[int, ...]
    aicc: tuple[float, ...]
    left_out: int = 0
    misfit: tuple[float, ...] = ()
    misfit_limit: float | None = None

    @classmethod
    def joined(cls, parts: Sequence["KernelVotes"]) -> "KernelVotes":
        """Return the votes of several parts of a map, or of several maps, as those of one."""
        first = parts[0]

        def total(name: str) -> tuple[Any, ...]:
            return tuple(np.sum([getattr(part, name) for part in parts], axis=0).tolist())

        return cls(
            first.kernels,
            first.parameters,
            sum(part.judged for part in parts),
            total("best"),
            total("white"),
            total("aicc"),
            sum(part.left_out for part in parts),
            _mean_misfit(parts),
            max((part.misfit_limit for part in parts if part.misfit_limit is not None), default=None),
        )

    def share(self, kernel: str) -> float:
        """Part of the traces that this kernel describes best; NaN without any."""
        return self.best[self.kernels.index(kernel)] / self.judged if self.judged else float("nan")

    def white_share(self, kernel: str) -> float:
        """Part of the traces whose residuals from this kernel are white; NaN without any."""
        return self.white[self.kernels.index(kernel)] / self.judged if self.judged else float("nan")

    def behind(self, kernel: str) -> float:
        """AICc of all traces less that of the best kernel; NaN without any."""
        return self.aicc[self.kernels.index(kernel)] - min(self.aicc) if self.judged else float("nan")

    def ranked(self) -> list[str]:
        """Return the kernels, the one with the smallest AICc first."""
        return [self.kernels[number] for number in np.argsort(self.aicc, kind="stable")]

    def recommended(self) -> str | None:
        """Return the kernel with the smallest AICc of all traces; None where there is none to judge by."""
        return self.ranked()[0] if self.judged else None

    def misfit_share(self, kernel: str) -> float | None:
        """Part of what this kernel leaves over that traces of one shape have in common; None where it is not known."""
        share = self.misfit[self.kernels.index(kernel)] if self.misfit else float("nan")
        return share if math.isfinite(share) else None

    @property
    def describes(self) -> bool:
        """Whether the recommended kernel describes the map: traces of one shape have nothing in common that it misses.

        Residuals of a wrong kernel may pass for noise, which is measured from them, but noise has nothing in common.
        Where too few traces are alike to tell, their residuals must be white.
        """
        name = self.recommended()
        if name is None:
            return False
        misfit = self.misfit_share(name)
        if self.misfit_limit is None or misfit is None:
            return self.white_share(name) >= MOSTLY
        return misfit <= self.misfit_limit

    @property
    def rival(self) -> str | None:
        """The kernel that is best in more traces than the recommended one; None where there is none."""
        name = self.recommended()
        most = self.kernels[int(np.argmax(self.best))]
        return most if name is not None and self.share(most) > self.share(name) else None

    @property
    def is_doubtful(self) -> bool:
        """Whether the recommended kernel does not describe the map, or another one most of its traces."""
        return self.judged > 0 and (not self.describes or self.rival is not None)

    def sentence(self) -> str:
        """Return which kernel the data support, and whether it describes them, in words."""
        name = self.recommended()
        if name is None:
            reason = "no response above the threshold" if self.left_out else "no finite value"
            return f"No trace can be judged: all are too short, constant, or hold {reason}."
        second = self.ranked()[1]
        margin, white = self.behind(second), 100 * self.white_share(name)
        if margin >= CLEAR:
            words = f"The data support '{name}'"
        else:
            words = f"The data hardly tell '{name}' from '{second}'"
        words += f": best in {100 * self.share(name):.0f} % of {counted(self.judged, 'trace')}"
        words += f", AICc of the map {rounded(margin)} below that of '{second}'"
        if (rival := self.rival) is not None:
            words += f" (but '{rival}' is best in more of them, {100 * self.share(rival):.0f} %: the traces differ)"
        misfit = self.misfit_share(name)
        if self.misfit_limit is None or misfit is None:
            judged = f"its residuals are white in {white:.0f} %"
            lacking = f"{judged} only"
        else:
            judged = f"traces of one shape have {100 * max(misfit, 0):.1f} % of its residuals in common"
            lacking = judged
        if self.describes:
            return f"{words}; {judged}."
        return (
            f"{words}. But {lacking}: none of these kernels describes the "
            "data, and D from any of them is a number without a meaning yet."
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the votes as JSON holds them, kernels in the order of their rank."""
        return {
            "n_judged": self.judged,
            "n_left_out": self.left_out,
            "recommended": self.recommended(),
            "describes": self.describes,
            "sentence": self.sentence(),
            "kernels": [
                {
                    "kernel": name,
                    "parameters": self.parameters[self.kernels.index(name)],
                    "best_share": self.share(name) if self.judged else None,
                    "aicc_behind": self.behind(name) if self.judged else None,
                    "white_share": self.white_share(name) if self.judged else None,
                    "misfit_share": self.misfit_share(name),
                }
                for name in self.ranked()
            ],
        }


def _mean_misfit(parts: Sequence[KernelVotes]) -> tuple[float, ...]:
    """Return the shares of several parts, each as it has traces."""
    measured = [part for part in parts if part.misfit and part.judged]
    if not measured:
        return ()
    shares = np.average(
        [part.misfit for part in measured], axis=0, weights=[part.judged for part in measured]
    )
    return tuple(shares.tolist())


def rounded(difference: float) -> str:
    """Return a difference of AICc as it is written: whole numbers where they tell enough.

    Examples
    --------
    >>> rounded(52130.4), rounded(3.14159)
    ('52130', '3.1')
    """
    return f"{difference:.0f}" if difference >= CLEAR or difference == 0 else f"{difference:.2g}"
