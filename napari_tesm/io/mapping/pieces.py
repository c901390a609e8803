"""Channels and traces that a file keeps in pieces, one for each line or pixel: named with ``*``, joined in order."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from napari_tesm.data.time_base import SAME, aligned
from napari_tesm.files.lazy import LazyArray, Part
from napari_tesm.io.content import Axis, FileContent, Source, si_from_unit
from napari_tesm.io.mapping.entries import MappingError

ANY: Final = "*"
"""Stands in a name for what differs from piece to piece."""


def is_pattern(name: str, content: FileContent) -> bool:
    """Return whether a name stands for several arrays of a file."""
    return ANY in name and all(source.name != name for source in content.sources)


def pieces_of(content: FileContent, pattern: str) -> list[Source]:
    """Return the arrays whose names fit a pattern, in the order of the numbers in what ``*`` stands for.

    Raises
    ------
    MappingError
        If there is none.
    """
    form = re.compile("(.*?)".join(map(re.escape, pattern.split(ANY))))
    fitting = [
        (match.groups(), source) for source in content.sources if (match := form.fullmatch(source.name))
    ]
    if not fitting:
        names = ", ".join(f"'{source.name}'" for source in content.sources[:12])
        raise MappingError(f"no array of {content.path.name} is called like '{pattern}'; it holds {names}")
    return [source for _, source in sorted(fitting, key=lambda item: _natural(item[0]))]


def patterns_among(names: Sequence[str], least: int = 2) -> dict[str, str]:
    """Return the pattern of each name that differs from others of its kind by a number before its last part alone.

    Examples
    --------
    >>> patterns_among(["Line 0/X", "Line 1/X", "Dev1/ai0", "Dev1/ai1"])
    {'Line 0/X': 'Line */X', 'Line 1/X': 'Line */X'}
    """
    alike: dict[str, list[str]] = {}
    for name in names:
        place, slash, own = name.rpartition("/")
        numbers = list(re.finditer(r"\d+", place))
        if slash and numbers:
            last = numbers[-1]
            alike.setdefault(f"{place[: last.start()]}{ANY}{place[last.end() :]}/{own}", []).append(name)
    return {name: pattern for pattern, group in alike.items() if len(group) >= least for name in group}


@dataclass(frozen=True)
class JoinedChannels:
    """Channels put together of their pieces.

    Parameters
    ----------
    sources : dict of Source
        By role, each with as many samples as the others.
    begins : tuple of int
        Sample at which each piece begins.
    notes : list of str
    """

    sources: dict[str, Source]
    begins: tuple[int, ...]
    notes: list[str]


def joined_channels(content: FileContent, names: Mapping[str, str]) -> JoinedChannels:
    """Return the channels of a recording whose pieces are laid side by side one by one, then joined in order.

    Parameters
    ----------
    content : FileContent
    names : mapping of str
        Pattern of each channel's pieces by its role; "X" is among them.

    Raises
    ------
    MappingError
        If the channels have not the same pieces, or were not sampled alike.
    """
    pieces = {role: pieces_of(content, pattern) for role, pattern in names.items()}
    count = len(pieces["X"])
    for role, own in pieces.items():
        if len(own) != count:
            raise MappingError(f"'{names[role]}' has {len(own)} pieces, '{names['X']}' has {count}")
    parts: dict[str, list[tuple[Source, int, int]]] = {role: [] for role in pieces}
    begins, said, at = [], [], 0
    for number in range(count):
        here = {role: own[number] for role, own in pieces.items()}
        spans, sentence = _spans(here)
        said += [sentence] if sentence else []
        begins.append(at)
        at += min(stop - first for first, stop in spans.values())
        for role, source in here.items():
            first = spans[role][0]
            parts[role].append((source, first, first + at - begins[-1]))
    notes = [
        f"{count} pieces of '{names['X']}' are joined in order, {pieces['X'][0].name} to {pieces['X'][-1].name}."
    ]
    if said:
        notes.append(f"In {len(said)} of the pieces {said[0]}")
    sources = {role: _joined(names[role], own) for role, own in parts.items()}
    return JoinedChannels(sources, tuple(begins), notes)


def stacked_source(content: FileContent, pattern: str, notes: list[str]) -> Source:
    """Return arrays of one size as one array with an axis more, the first; those of another size are left out.

    Raises
    ------
    MappingError
        If the sizes of many differ.
    """
    pieces = pieces_of(content, pattern)
    shapes = [piece.shape for piece in pieces]
    usual = max(shapes, key=shapes.count)
    whole = [piece for piece in pieces if piece.shape == usual]
    # The last one may not have been finished.
    if len(whole) < len(pieces) - 1 or any(shape != usual for shape in shapes[:-1]):
        odd = next(piece for piece in pieces if piece.shape != usual)
        raise MappingError(f"the arrays '{pattern}' differ in size: '{odd.name}' and '{whole[0].name}'")
    if len(whole) < len(pieces):
        notes.append(
            f"'{pieces[-1].name}' is left out: it is shorter than the other {len(whole)} and was not finished."
        )
    first = whole[0]

    def read(part: Part) -> NDArray[Any]:
        along, *inner = part
        chosen = range(along.start, along.stop, along.step)
        return (
            np.stack([np.asarray(whole[n].array[tuple(inner)]) for n in chosen])
            if len(chosen)
            else np.empty(
                (0, *(len(range(size)[cut]) for size, cut in zip(usual, inner, strict=True))),
                first.array.dtype,
            )
        )

    dtype = np.result_type(*{np.dtype(piece.array.dtype) for piece in whole})
    array = LazyArray((len(whole), *usual), dtype, read)
    axes = [Axis(len(whole), known=False), *first.axes]
    return replace(first, name=pattern, array=array, axes=axes, title=pattern)


def _natural(parts: tuple[str | Any, ...]) -> list[tuple[int, Any]]:
    """Return a key by which names follow each other as their numbers do: 2 before 10."""
    pieces = [piece for part in parts for piece in re.split(r"(\d+)", part)]
    return [(0, int(piece)) if piece.isdecimal() else (1, piece) for piece in pieces if piece]


def _long_axis(source: Source) -> Axis:
    long = [axis for axis in source.axes if axis.size > 1] or list(source.axes[:1])
    if len(long) != 1:
        raise MappingError(f"'{source.name}' is no channel of a recording: it has several axes")
    return long[0]


def _spans(here: Mapping[str, Source]) -> tuple[dict[str, tuple[int, int]], str]:
    """Return which samples of one piece of each channel lie side by side, and what was done about it."""
    bases = {}
    for role, source in here.items():
        axis = _long_axis(source)
        factor, unit = si_from_unit(axis.unit)
        known = axis.known and unit == "s"
        # Without a time base the samples are counted: what matters here is how the channels lie to each other.
        bases[role] = axis.time_base(factor) if known else replace(axis, known=True, unit="").time_base()
        if abs(bases[role].spacing - bases["X"].spacing) > SAME * bases["X"].spacing:
            raise MappingError(
                f"'{source.name}' was not sampled as '{here['X'].name}' was: pieces are joined only where all channels "
                "have one interval"
            )
    together = aligned(bases, "X", {role: source.name for role, source in here.items()})
    return together.spans, together.sentence


def _joined(pattern: str, parts: Sequence[tuple[Source, int, int]]) -> Source:
    """Return a channel whose samples are those of its pieces, one after the other."""
    first = parts[0][0]
    ends = np.cumsum([stop - start for _, start, stop in parts])
    begins = [0, *ends[:-1].tolist()]
    dtype = np.result_type(*{np.dtype(source.array.dtype) for source, _, _ in parts})

    def read(part: Part) -> NDArray[Any]:
        (along,) = part
        out = np.empty(along.stop - along.start, dtype)
        number = int(np.searchsorted(ends, along.start, side="right"))
        done = along.start
        while done < along.stop:
            source, start, stop = parts[number]
            low = done - begins[number] + start
            high = min(along.stop - begins[number] + start, stop)
            out[done - along.start : done - along.start + high - low] = _samples(source, low, high)
            done += high - low
            number += 1
        return out[:: along.step]

    # They lie side by side already: all begin with the first sample that is used.
    axis = replace(_long_axis(first), size=int(ends[-1]), values=None, start=0.0, origin=None)
    array = LazyArray((int(ends[-1]),), dtype, read)
    return replace(first, name=pattern, array=array, axes=[axis], title=first.title)


def _samples(source: Source, low: int, high: int) -> NDArray[Any]:
    key = tuple(slice(low, high) if size > 1 else slice(None) for size in source.shape)
    return np.asarray(source.array[key]).reshape(-1)
