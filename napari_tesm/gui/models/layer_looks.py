"""How quantities look: a perceptual colour map for each, and limits that hot pixels do not stretch."""

import re
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Look:
    """How a quantity is coloured.

    Parameters
    ----------
    colormap : str
        Name of a napari colour map.
    signed : bool
        Zero lies in the middle of the colours.
    """

    colormap: str
    signed: bool = False


ONE_SIGN, NEGATIVE, DIVERGING = "Reds", "Blues_r", "RdBu_r"
"""Colours of a signed quantity that has one sign in a map, and the diverging scale they are the halves of: the larger,
the darker."""
_LOOKS: Final[tuple[tuple[str, Look], ...]] = (
    # The first pattern that the slug of a title or the name of a map matches decides.
    (r"^h$|^h_\d|^amplitude_lateral|displacement|piezoresponse|strain", Look(DIVERGING, signed=True)),
    (r"^log10_d|^d[12]?(_lower|_upper|_lateral)?$", Look("viridis")),
    (r"^tau", Look("plasma")),
    (r"stderr|standard_error", Look("magma")),
    (r"^evidence|^misfit|^d[12]?_(over_)?kernels", Look("viridis")),
    (r"^r2", Look("gray")),
    (r"topograph|height|^z_|zsensor|^channel", Look("gist_earth")),
    (r"deflection|error|amplitude|adhesion|friction|gray", Look("gray")),
    (r"phase", Look("twilight_shifted")),
)

_OTHER_SIDE: Final = 0.1
"""Part of the values of one sign that noise may lie on the other side of zero."""
STATUS_COLOURS: Final = {
    "ok": "#009e73", "below_threshold": "#999999", "no_response": "#56b4e9", "unresolved_slow": "#e69f00",
    "unresolved_fast": "#d55e00", "invalid": "#cc79a7", "inconsistent": "#0072b2",
}  # fmt: skip
"""Colours of status maps, in the order of the values; Okabe and Ito's, which colour-blind readers tell apart."""


def look_of(name: str) -> Look:
    """Return how a channel or map of this name is coloured."""
    return next((look for pattern, look in _LOOKS if re.search(pattern, name.lower())), Look("gray"))


def sign_of_map(values: NDArray[Any], *, percent: float = 0.5) -> int:
    """Return on which side of zero a map lies, 1 or -1; 0 for both: of a diverging scale one side would use a half.

    Examples
    --------
    >>> (
    ...     sign_of_map(np.array([1.0, 3.0])),
    ...     sign_of_map(np.array([-2.0, -1.0])),
    ...     sign_of_map(np.array([-1.0, 1.0])),
    ... )
    (1, -1, 0)
    """
    finite = np.asarray(values)[np.isfinite(values)]
    if finite.size == 0:
        return 0
    low, high = (float(edge) for edge in np.percentile(finite, [percent, 100 - percent]))
    if high > 0 and -low < _OTHER_SIDE * high:
        return 1
    return -1 if low < 0 and high < -_OTHER_SIDE * low else 0


def colour_limits(values: NDArray[Any], *, signed: bool, percent: float = 0.5) -> tuple[float, float]:
    """Return colour limits that hot pixels do not stretch: 0.5 to 99.5 %, about zero for signed quantities."""
    finite = np.asarray(values)[np.isfinite(values)]
    if finite.size == 0:
        return (0.0, 1.0)
    low, high = (float(edge) for edge in np.percentile(finite, [percent, 100 - percent]))
    if signed:
        high = max(abs(low), abs(high))
        low = -high
    if not high > low:
        low, high = float(finite.min()), float(finite.max())
    if not high > low:
        margin = abs(low) / 2 or 0.5
        return (low - margin, high + margin)
    return (low, high)
