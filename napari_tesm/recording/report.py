"""What was found in each line of a recording, for people to read."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class LineReport:
    """What was found in one passage over a line.

    Parameters
    ----------
    line : int
        Row of the image.
    way : str
        "trace" or "retrace".
    found : int
        Pulses placed.
    expected : int
        Pulses the passage has.
    dropped : tuple of int
        Columns of the image that lack a pulse.
    doubled : tuple of int
        Columns at which a pulse, or trigger, came that belongs nowhere.
    spoiled : tuple of int
        Columns left out because their pulse has another length or voltage than the others, or another pulse came
        before their record was over.
    jitter : float
        Root mean square of the distance of the pulses from an even pace along the line, in s; NaN for fewer than three.
    problem : str
        Why nothing of the line could be placed; empty where it could.
    """

    line: int
    way: str
    found: int
    expected: int
    dropped: tuple[int, ...] = ()
    doubled: tuple[int, ...] = ()
    spoiled: tuple[int, ...] = ()
    jitter: float = float("nan")
    problem: str = ""

    @property
    def flawless(self) -> bool:
        """Whether every pulse was found and nothing else."""
        return self.found == self.expected and not (self.doubled or self.spoiled or self.problem)

    def __str__(self) -> str:
        name = f"line {self.line} {self.way}"
        if self.problem:
            return f"{name}: left out, {self.problem}"
        if self.found == 0 and not self.spoiled:
            return f"{name}: no pulse"
        parts = [f"{self.found} of {self.expected} pulses"]
        parts += [
            f"{word} at {_ranges(columns)}"
            for word, columns in (
                ("missing", self.dropped),
                ("doubled", self.doubled),
                ("left out", self.spoiled),
            )
            if columns
        ]
        return f"{name}: " + ", ".join(parts)


def _ranges(columns: Sequence[int]) -> str:
    """Return whole numbers with neighbours put together.

    Examples
    --------
    >>> _ranges((3, 4, 5, 9))
    '3-5, 9'
    """
    ordered, parts = sorted(set(columns)), []
    begin = last = ordered[0]
    for column in [*ordered[1:], None]:
        if column is not None and column == last + 1:
            last = column
            continue
        parts.append(f"{begin}" if begin == last else f"{begin}-{last}")
        if column is not None:
            begin = last = column
    return ", ".join(parts)
