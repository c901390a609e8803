"""Grains as labels: which pixel belongs to which grain, from a segmentation, a file or somebody's brush."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_tesm.quantities.numbers import counted
from napari_tesm.statistics.images import filled

Array = NDArray[np.float64]
Labels = NDArray[np.int32]
Mask = NDArray[np.bool_]

GRAIN: Final = "grain"
OWN_CLASSES: Final = ("cluster", "defect")
"""What a label may be beside a grain: several grains that nobody can tell apart, or no grain at all."""


@dataclass(frozen=True, eq=False)
class Grains:
    """Which pixels of an image belong to which grain.

    Parameters
    ----------
    labels : ndarray of int32, shape (y, x)
        1 for the first grain, 2 for the second …; 0 where there is none.
    spacing : (float, float)
        Pixel size (dy, dx) in m, or the dataset's own lateral unit.
    source : str
        What they were found in: the title of a channel, or the name of a file.
    words : tuple of str
        How they were found, and what was chosen automatically, in sentences.
    label_classes : mapping of int to str
        Labels that are no plain grain: ``{7: "cluster", 9: "defect"}``.
    parameters : mapping
        What went into it, in SI units; JSON can hold it.
    """

    labels: Labels
    spacing: tuple[float, float]
    source: str = ""
    words: tuple[str, ...] = ()
    label_classes: Mapping[int, str] = field(default_factory=dict)
    parameters: Mapping[str, Any] = field(default_factory=dict)

    @property
    def numbers(self) -> list[int]:
        """The labels there are, without 0."""
        return [int(number) for number in np.unique(self.labels) if number > 0]

    @property
    def count(self) -> int:
        """How many labels there are."""
        return len(self.numbers)

    @property
    def pixel_area(self) -> float:
        """Area of a pixel, in m²."""
        return self.spacing[0] * self.spacing[1]

    def class_of(self, number: int) -> str:
        """Return what a label is: "grain", "cluster" or "defect"."""
        return self.label_classes.get(number, GRAIN)

    def mask_of_class(self, name: str) -> Mask:
        """Return the pixels of all labels of a class of its own, shape (y, x)."""
        numbers = [number for number, word in self.label_classes.items() if word == name]
        return np.isin(self.labels, numbers) & (self.labels > 0)

    def with_class(self, number: int, name: str) -> "Grains":
        """Return the same grains with one label called "grain", "cluster" or "defect".

        Raises
        ------
        ValueError
            If it is called anything else.
        """
        if name not in (GRAIN, *OWN_CLASSES):
            raise ValueError(f"a label is a grain, a cluster or a defect, not '{name}'")
        classes = {other: word for other, word in self.label_classes.items() if other != number}
        return replace(self, label_classes=classes if name == GRAIN else {**classes, number: name})


def grains_from_labels(
    labels: ArrayLike,
    spacing: tuple[float, float],
    *,
    source: str = "",
) -> Grains:
    """Return the grains of a label image that somebody else has made.

    Any numbers will do: pixels of one number are one grain, 0 (or NaN) is no grain. An image of only two values is
    taken for a mask of grains, or of the lines between them: its connected parts are numbered. Lines of zeros up to two
    pixels wide are given to the nearest grain: segmentations often draw boundaries so.

    Parameters
    ----------
    labels : array-like of shape (y, x)
        Whole numbers or booleans.
    spacing : (float, float)
        Pixel size (dy, dx), in m.

    Raises
    ------
    ValueError
        If it is no image of whole numbers, or holds no grain.
    """
    from scipy.ndimage import label

    values = np.asarray(labels)
    if values.ndim != 2 or 0 in values.shape:
        raise ValueError(f"labels of grains are an image of rows and columns, not of shape {values.shape}")
    if values.dtype.kind not in "buif":
        raise ValueError("labels of grains are whole numbers, one for each grain")
    if values.dtype.kind == "f":
        values = np.where(np.isfinite(values), values, 0.0)
        if (values != np.rint(values)).any() or np.abs(values).max() >= 2**31:
            raise ValueError(
                "labels of grains are whole numbers: this image holds fractions, it is no label image"
            )
    numbers = values.astype(np.int64)
    if (numbers < 0).any() or numbers.max() >= 2**31:
        raise ValueError("labels of grains are 0 or positive numbers below two thousand million")
    if not numbers.any():
        raise ValueError("the label image holds no grain: every pixel is 0")
    words = []
    if np.unique(numbers).size == 2 and 0 in numbers:
        # By edges, not corners: grains that meet in a point are two.
        numbers = np.asarray(label(numbers > 0)[0], dtype=np.int64)
        words.append("The image has two values: its connected parts were numbered.")
    if (numbers == 0).any():
        numbers, given = _without_thin_lines(numbers)
        if given:
            were = "was" if given == 1 else "were"
            words.append(
                f"{counted(given, 'pixel')} of thin lines between grains {were} given to the nearest grain."
            )
    return Grains(
        numbers.astype(np.int32),
        (float(spacing[0]), float(spacing[1])),
        source,
        (
            f"{np.unique(numbers[numbers > 0]).size} grains were taken from {source or 'a label image'}.",
            *words,
        ),
        {},
        {"method": "labels", "source": source},
    )


def touches_edge(labels: Labels) -> set[int]:
    """Return the labels that reach the edge of the image: their area is larger than what is seen of it."""
    frame = (labels[0], labels[-1], labels[:, 0], labels[:, -1])
    return {int(number) for number in np.unique(np.concatenate(frame)) if number > 0}


def numbered_in_order(labels: NDArray[np.integer]) -> Labels:
    """Return labels numbered 1, 2 … in the order in which they are met, line by line; 0 stays."""
    old, first, place = np.unique(labels, return_index=True, return_inverse=True)
    order = np.argsort(first[old > 0], kind="stable")
    new = np.zeros(old.size, dtype=np.int32)
    new[np.flatnonzero(old > 0)[order]] = np.arange(1, order.size + 1)
    return np.asarray(new[place.reshape(labels.shape)], dtype=np.int32)


def _without_thin_lines(numbers: NDArray[np.int64]) -> tuple[NDArray[np.int64], int]:
    from scipy.ndimage import binary_opening

    empty = numbers == 0
    padded = np.pad(empty, 3, mode="edge")
    wide = binary_opening(padded, np.ones((3, 3), dtype=bool))[3:-3, 3:-3]
    thin = empty & ~wide
    if not thin.any():
        return numbers, 0
    return np.where(thin, filled(numbers, empty), numbers), int(thin.sum())
