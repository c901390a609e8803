r"""What of the traces turns round with the voltage and what does not: two pulse settings of opposite sign, taken apart.

Ions move with the field: their displacement is odd in the voltage, as far as it is linear in it. An electrostatic
force goes with V², and so does electrostriction: both are even, and so is whatever knows nothing of the voltage, a
drift. With :math:`d(V) = \alpha V + \beta V^2` two settings, :math:`p > 0` and :math:`-n < 0`, give both parts at the
voltage p:

.. math::

    \alpha p = \frac{n^2 d_+ - p^2 d_-}{n (n + p)}, \qquad \beta p^2 = \frac{p\,(n d_+ + p d_-)}{n (n + p)},

which is :math:`(d_+ \mp d_-)/2` where p = n; then the parts are odd and even whatever the powers of V.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, get_args

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from xarray.core import indexing

from napari_tesm.data.dataset import SIGNALS, TRACE_DIMS, TraceStack
from napari_tesm.quantities.text import text_from_quantity

Array = NDArray[np.float64]

Parity = Literal["each", "odd", "even"]
EACH: Final = "each"
ODD: Final = "odd"
EVEN: Final = "even"
PARITIES: Final[tuple[Parity, ...]] = get_args(Parity)
COORDINATE: Final = "parity"
"""Coordinate of a dataset whose pulse settings are parts of two: "odd" or "even" for each."""
EVEN_TRACES: Final = "displacement_even"
"""Variable of a dataset of odd parts: the even parts that belong to them."""
_LARGEST_RATIO: Final = 2.0
"""Two voltages of more different size are no pair: the noise of the smaller one would be most of what comes out."""


@dataclass(frozen=True)
class Pair:
    """Two pulse settings of opposite sign.

    Parameters
    ----------
    plus, minus : int
        Numbers of the settings, from 0.
    positive, negative : float
        Their voltages, in V.
    """

    plus: int
    minus: int
    positive: float
    negative: float

    def factors(self, parity: str) -> tuple[float, float]:
        """Return by what the traces of the two are multiplied to give a part at the positive voltage."""
        p, n = self.positive, -self.negative
        whole = n * (n + p)
        return (n * n / whole, -p * p / whole) if parity == ODD else (p * n / whole, p * p / whole)

    @property
    def even_noise(self) -> float:
        """Noise of the even part in units of that of the odd part, for two settings of equal noise."""
        even, odd = (np.hypot(*self.factors(parity)) for parity in (EVEN, ODD))
        return float(even / odd)


def pairs_of_settings(voltage: Array, direction: Sequence[str]) -> list[Pair]:
    """Return which pulse settings belong together, those of equal size and the same direction first.

    Settings that find no partner are left alone, and so are those whose partner would be of half the size or less.

    Parameters
    ----------
    voltage : ndarray, shape (pulse,)
        In V.
    direction : sequence of str
        "trace", "retrace" or "" for each.

    Examples
    --------
    >>> pairs_of_settings(np.array([-3.0, 3.0, 1.0]), ["", "", ""])
    [Pair(plus=1, minus=0, positive=3.0, negative=-3.0)]
    """
    with np.errstate(invalid="ignore"):
        plus, minus = np.flatnonzero(voltage > 0).tolist(), np.flatnonzero(voltage < 0).tolist()
    unlike = {
        (first, second): (
            abs(np.log(-voltage[first] / voltage[second])),
            direction[first] != direction[second],
        )
        for first in plus
        for second in minus
    }
    pairs = []
    # Rounded: 2.9999 V and 3 V are one size, and then the direction decides.
    order = sorted(unlike, key=lambda pair: (round(unlike[pair][0], 3), unlike[pair][1], pair))
    taken: set[int] = set()
    for first, second in order:
        if unlike[first, second][0] <= np.log(_LARGEST_RATIO) and taken.isdisjoint((first, second)):
            taken |= {first, second}
            pairs.append(Pair(first, second, float(voltage[first]), float(voltage[second])))
    return sorted(pairs, key=lambda pair: min(pair.plus, pair.minus))


def pairs_of_dataset(dataset: xr.Dataset) -> list[Pair]:
    """Return the pairs of a dataset.

    Raises
    ------
    ValueError
        If there is none; the sentence says which settings there are.
    """
    voltage = np.asarray(dataset["voltage"].values, dtype=np.float64)
    direction = [str(way) for way in dataset["direction"].values]
    pairs = pairs_of_settings(voltage, direction)
    if pairs:
        return pairs
    if not np.isfinite(voltage).all():
        raise ValueError(
            "the odd and even parts need the voltages of the pulses, and the file does not say all of them: "
            "enter them with the traces ('Pulse voltage')"
        )
    settings = ", ".join(
        " ".join(filter(None, (text_from_quantity(volts, "V"), way)))
        for volts, way in zip(voltage.tolist(), direction, strict=True)
    )
    raise ValueError(
        "the odd and even parts come from two pulse settings of opposite voltage, of which neither is twice the "
        f"other; here is {settings}. Trace and retrace of one voltage do not tell the parts apart; a recording of the "
        "other voltage in a file of its own has to be opened together with this one"
    )


def separated_dataset(
    dataset: xr.Dataset,
    parity: str,
    pairs: Sequence[Pair],
    shifts: Sequence[tuple[int, int]],
    dead: NDArray[np.bool_] | None = None,
) -> xr.Dataset:
    """Return the parts of a dataset as a dataset, a pulse setting for each pair; computed where they are read.

    Its voltage is the positive one of the pair, its direction that of both or none. With the odd part the even one
    comes as `EVEN_TRACES`. Pixels where one of the two has no value have none.

    Parameters
    ----------
    parity : {"odd", "even"}
    shifts : sequence of (int, int)
        For each pair by how many whole pixels (down, to the right) its second setting, the one recorded later, lies
        off: it is read so many pixels further. Traces are never interpolated.
    dead : ndarray of bool, shape (pulse, y, x), optional
        Traces of the settings that say nothing: their pixels have no part, where half of one would be left.
    """

    def stack(part: str) -> xr.Variable:
        sources = [_Part(dataset, pair, part, shift, dead) for pair, shift in zip(pairs, shifts, strict=True)]
        attributes = dict(dataset[SIGNALS["X"]].attrs) | {"long_name": f"Traces, {part} part"}
        return xr.Variable(TRACE_DIMS, indexing.LazilyIndexedArray(TraceStack(sources)), attributes)

    ways = [str(way) for way in dataset["direction"].values]
    directions = [ways[pair.plus] if ways[pair.plus] == ways[pair.minus] else "" for pair in pairs]
    recorded = [name for name, array in dataset.variables.items() if "pulse" in array.dims]
    voltages = np.array([pair.positive for pair in pairs])
    parts = dataset.drop_vars(recorded).assign({SIGNALS["X"]: stack(parity)})
    if parity == ODD:
        parts = parts.assign({EVEN_TRACES: stack(EVEN)})
    parts = parts.assign_coords(
        {
            "voltage": ("pulse", voltages, dict(dataset["voltage"].attrs)),
            "direction": ("pulse", np.array(directions, dtype=np.str_)),
            COORDINATE: ("pulse", np.array([parity] * len(pairs), dtype=np.str_)),
        }
    )
    parts.encoding = dict(dataset.encoding)
    titles = dataset.attrs.get("traces")
    if titles is not None:
        parts.attrs["traces"] = [f"{titles[pair.plus]}, {titles[pair.minus]}" for pair in pairs]
    return parts


class _Part:
    """A part of one pair, computed for what is asked for."""

    def __init__(
        self,
        dataset: xr.Dataset,
        pair: Pair,
        parity: str,
        shift: tuple[int, int],
        dead: NDArray[np.bool_] | None,
    ) -> None:
        self._traces = dataset[SIGNALS["X"]]
        self._later, self._shift = max(pair.plus, pair.minus), shift
        self._dead = dead
        self._terms = tuple(zip((pair.plus, pair.minus), pair.factors(parity), strict=True))
        self.shape = tuple(dataset.sizes[name] for name in TRACE_DIMS[1:])
        self.dtype = np.dtype(np.float64)

    def outer(self, key: tuple[Any, ...]) -> Array:
        """Return the part at an index of each axis."""
        total: Array | float = 0.0
        for pulse, factor in self._terms:
            total = total + factor * self._read(pulse, key)
        return np.asarray(total)

    def _read(self, pulse: int, key: tuple[Any, ...]) -> Array:
        """Return the traces of one setting where the part has them: the later one from its own place."""
        chosen = [np.atleast_1d(np.arange(size)[part]) for size, part in zip(self.shape, key, strict=True)]
        by = (*self._shift, 0) if pulse == self._later else (0, 0, 0)
        places = [wanted + step for wanted, step in zip(chosen, by, strict=True)]
        inside = [(place >= 0) & (place < size) for place, size in zip(places, self.shape, strict=True)]
        kept = [place[there] for place, there in zip(places, inside, strict=True)]
        values = np.full([place.size for place in places], np.nan)
        if all(place.size for place in kept):
            where: dict[str, Any] = dict(zip(TRACE_DIMS[1:], map(_slice_of, kept), strict=True))
            read = np.array(self._traces.isel(pulse=pulse).isel(where).values, dtype=np.float64)
            if self._dead is not None:
                read[self._dead[pulse][np.ix_(*kept[:2])]] = np.nan
            values[np.ix_(*inside)] = read
        return values.squeeze(
            axis=tuple(n for n, part in enumerate(key) if isinstance(part, int | np.integer))
        )


def _slice_of(places: NDArray[np.intp]) -> slice | NDArray[np.intp]:
    """Return places as a slice where they follow one another: of a file nothing else is read."""
    first, last = int(places[0]), int(places[-1])
    return (
        slice(first, last + 1) if last - first == places.size - 1 and (np.diff(places) == 1).all() else places
    )


def coordinates_of_pulses(dataset: xr.Dataset) -> dict[str, xr.Variable]:
    """Return what tells the pulse settings of a dataset apart: voltage, direction, and the parity of parts."""
    names = ("voltage", "direction", COORDINATE)
    return {name: dataset[name].variable for name in names if name in dataset.coords}


def parity_of_dataset(dataset: xr.Dataset) -> Parity:
    """Return which part the pulse settings of a dataset are: "odd" or "even", "each" for settings as recorded."""
    if COORDINATE not in dataset.coords:
        return EACH
    return ODD if dataset[COORDINATE].values[0] == ODD else EVEN
