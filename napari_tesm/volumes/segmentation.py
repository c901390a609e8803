"""Every voxel's class, from strokes that somebody painted or from levels between air and collector."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from napari_tesm.files.lazy import LazyArray, Part
from napari_tesm.files.sentences import Sentence
from napari_tesm.volumes.dataset import INTENSITY, shape_in_words, volume_from_array, voxel_of
from napari_tesm.volumes.levels import Levels
from napari_tesm.volumes.tiles import columns_of, filled_and_missing

Features = NDArray[np.float32]

LABELS: Final = "labels"
"""Attribute of a volume whose numbers are classes: between two of them there is nothing."""
MOST_CLASSES: Final = 255
_SCALES: Final = (1.0, 2.0)
"""Widths of smoothing in voxels at which the attenuation is looked at."""
_WIDEST: Final = 3.0
_EDGE: Final = 0.53
"""Attenuation from which on a voxel is of the collector: the middle between it and what mostly lies on it."""
_BLUR: Final = 2.0
"""Voxels around the collector that are brighter by it and have the class of the nearest ones beyond."""
HALO: Final = int(_WIDEST * max(_SCALES) + 0.5) + 2 * int(_BLUR) + 1
"""Voxels around a block on which its classes depend."""
_PIECE: Final = 3_000_000
"""Voxels whose features are held at a time."""
_RIDGE: Final = 1e-3
"""Part of the variance that is added, so that strokes on a few voxels still make a class."""
_COLLECTOR: Final = 0.6
_LEAST_PAINTED: Final = 20


@dataclass(frozen=True, eq=False)
class Classes:
    """Classes of voxels, each a Gaussian distribution of features about its own mean, all of one shape.

    Parameters
    ----------
    numbers : ndarray of int, shape (classes,)
        As they were painted, from 1 on.
    means : ndarray, shape (classes, features)
    scaling : ndarray, shape (features, features)
        Cholesky factor of the inverse covariance.
    painted : ndarray of int, shape (classes,)
        Voxels that were painted.
    agreement : ndarray, shape (classes,)
        Part of the painted voxels that comes out as painted.
    """

    numbers: NDArray[np.int64]
    means: NDArray[np.float64]
    scaling: NDArray[np.float64]
    painted: NDArray[np.int64]
    agreement: NDArray[np.float64]

    @property
    def collector(self) -> int | None:
        """The class that is as bright as the collector, None where no such was painted."""
        brightest = int(self.means[:, 0].argmax())
        return int(self.numbers[brightest]) if self.means[brightest, 0] > _COLLECTOR else None

    def most_likely(self, features: Features) -> NDArray[np.uint8]:
        """Return the class under which the features of each voxel are likeliest; classes are equally likely before.

        Parameters
        ----------
        features : ndarray, shape (features, ...)
        """
        flat = self.scaling.T.astype(np.float32) @ features.reshape(features.shape[0], -1)
        least = np.full(flat.shape[1], np.inf, np.float32)
        best = np.zeros(flat.shape[1], np.uint8)
        for number, mean in zip(self.numbers, self.means @ self.scaling, strict=True):
            apart = flat - mean[:, None].astype(np.float32)
            distance = np.einsum("ij,ij->j", apart, apart)
            nearer = distance < least
            least[nearer], best[nearer] = distance[nearer], number
        return best.reshape(features.shape[1:])


def classes_from_labels(
    volume: xr.Dataset,
    levels: Levels,
    labels: LazyArray | NDArray[Any],
    *,
    progress: Callable[[float, str], None] | None = None,
) -> Classes:
    """Return the classes of painted voxels.

    Parameters
    ----------
    volume : xarray.Dataset
    levels : Levels
    labels : LazyArray or ndarray of int, shape (z, y, x)
        Numbers of classes, 0 where nothing was painted.
    progress : callable, optional

    Raises
    ------
    ValueError
        If the labels have another shape, or there are fewer than two classes, or a class has hardly a voxel.

    Notes
    -----
    Linear discriminant analysis (Fisher 1936) on the attenuation smoothed over one and over two voxels. Gradients as
    features, and a covariance for each class, were tried and left out: strokes lie within bodies, so that borders,
    which nobody painted, fell to the class of the widest covariance.
    """
    shape = volume[INTENSITY].shape
    if tuple(labels.shape) != shape:
        raise ValueError(
            f"the painted labels are {shape_in_words(labels.shape)} voxels and the volume {shape_in_words(shape)}: "
            "they belong to another volume, or lie another way round"
        )
    rows, numbers = [], []
    pieces = list(_pieces(tuple(slice(0, size) for size in shape)))
    for place, piece in enumerate(pieces):
        painted = np.asarray(labels[piece])
        if (hit := np.nonzero(painted))[0].size:
            # Only what is around the strokes is looked at.
            box = tuple(
                slice(part.start + int(along.min()), part.start + int(along.max()) + 1)
                for part, along in zip(piece, hit, strict=True)
            )
            features = features_of(volume, levels, box)
            within = tuple(along - along.min() for along in hit)
            rows.append(features[(slice(None), *within)].T)
            numbers.append(painted[hit].astype(np.int64))
        if progress is not None:
            progress((place + 1) / len(pieces), "learning from the strokes")
    return _classes(
        np.concatenate(rows) if rows else np.zeros((0, 1)), np.concatenate(numbers) if rows else np.zeros(0)
    )


def features_of(volume: xr.Dataset, levels: Levels, part: Part) -> Features:
    """Return the features of the voxels of a part, shape (features, z, y, x); its surroundings are read as well."""
    outer, inner = _with_halo(volume, part, HALO)
    features = _features(levels.normalised(columns_of(volume, (outer[1], outer[2]), outer[0])))
    return np.asarray(features[(slice(None), *inner)])


def classified(volume: xr.Dataset, levels: Levels, classes: Classes, part: Part) -> NDArray[np.uint8]:
    """Return the class of each voxel of a part, 0 where the volume has no number.

    At the collector's surface every voxel is a mixture, of any brightness between it and the electrode: within two
    voxels of the collector the class of the nearest voxel beyond is taken.

    Parameters
    ----------
    volume : xarray.Dataset
    levels : Levels
    classes : Classes
    part : tuple of slice
    """
    outer, inner = _with_halo(volume, part, HALO)
    values, missing = filled_and_missing(volume, outer)
    features = _features(levels.normalised(values))
    found = classes.most_likely(features)
    if classes.collector is not None:
        _clear_of_blur(found, features[0] > _EDGE, classes.collector, _BLUR)
    return _known(found, missing)[inner]


def _known(found: NDArray[np.uint8], missing: NDArray[np.bool_] | None) -> NDArray[np.uint8]:
    """Return classes without those of voxels that have no number."""
    if missing is not None:
        found[missing] = 0
    return found


def _clear_of_blur(found: NDArray[np.uint8], bright: NDArray[np.bool_], collector: int, reach: float) -> None:
    """Give voxels next to the collector the class of the nearest ones beyond its blur."""
    from scipy.ndimage import distance_transform_edt

    if bright.any() and not bright.all():
        near = distance_transform_edt(~bright) <= reach
        if not near.all():
            nearest = distance_transform_edt(near, return_distances=False, return_indices=True)
            mixed = near & ~bright
            found[mixed] = found[tuple(places[mixed] for places in nearest)]
    found[bright] = collector


def _features(values: NDArray[np.float32]) -> Features:
    from scipy.ndimage import gaussian_filter

    return np.stack([gaussian_filter(values, scale, truncate=_WIDEST) for scale in _SCALES])


def _with_halo(volume: xr.Dataset, part: Part, halo: int) -> tuple[Part, Part]:
    """Return a part with a halo, and where the part lies in it."""
    outer = tuple(
        slice(max(along.start - halo, 0), min(along.stop + halo, size))
        for along, size in zip(part, volume[INTENSITY].shape, strict=True)
    )
    inner = tuple(
        slice(along.start - around.start, along.stop - around.start)
        for along, around in zip(part, outer, strict=True)
    )
    return outer, inner


def segmented(volume: xr.Dataset, levels: Levels, classes: Classes) -> xr.Dataset:
    """Return the class of each voxel as a volume; classes are found when they are asked for.

    Parameters
    ----------
    volume : xarray.Dataset
    levels : Levels
    classes : Classes

    Returns
    -------
    xarray.Dataset
        `intensity` holds the numbers of classes.
    """
    return _volume_of(volume, lambda part: classified(volume, levels, classes, part))


def segmented_by_levels(
    volume: xr.Dataset, levels: Levels, thresholds: Sequence[float], *, smoothing: float = 1.2
) -> xr.Dataset:
    """Return classes by the smoothed attenuation: 1 below the lowest threshold, 2 from there on, and so forth.

    Voxels without a number have the class 0.

    Where the highest threshold is near the middle between air and collector, its class is the collector, and what is
    within its blur has the class of what lies beyond.

    Parameters
    ----------
    volume : xarray.Dataset
    levels : Levels
    thresholds : sequence of float
        Attenuation (air 0, collector 1), rising.
    smoothing : float
        Width in voxels.

    Raises
    ------
    ValueError
        If the thresholds do not rise.
    """
    from scipy.ndimage import gaussian_filter

    edges = np.asarray(thresholds, dtype=np.float32)
    if not (
        edges.size and np.isfinite(edges).all() and (np.diff(edges) > 0).all() and edges.size < MOST_CLASSES
    ):
        raise ValueError(
            "thresholds are attenuations between air (0) and collector (1) that rise, like 0.03 and 0.13"
        )
    reach = _BLUR * max(smoothing, 1.0) + 0.6
    halo = int(_WIDEST * smoothing + 0.5) + 2 * math.ceil(reach) + 1

    def found(part: Part) -> NDArray[np.uint8]:
        outer, inner = _with_halo(volume, part, halo)
        values, missing = filled_and_missing(volume, outer)
        smooth = gaussian_filter(levels.normalised(values), smoothing, truncate=_WIDEST)
        classes: NDArray[np.uint8] = (np.digitize(smooth, edges) + 1).astype(np.uint8)
        if edges[-1] >= _EDGE - 0.1:
            _clear_of_blur(classes, smooth > edges[-1], edges.size + 1, reach)
        return np.asarray(_known(classes, missing)[inner])

    return _volume_of(volume, found)


def shares_of(labels: xr.Dataset) -> dict[int, float]:
    """Return the part that each class has of the voxels that have one."""
    counts = np.zeros(MOST_CLASSES + 1, np.int64)
    array = labels[INTENSITY]
    for piece in _pieces(tuple(slice(0, size) for size in array.shape), 8 * _PIECE):
        counts += np.bincount(np.asarray(array[piece].values).ravel(), minlength=counts.size)
    counts[0] = 0
    return {number: count / counts.sum().item() for number, count in enumerate(counts.tolist()) if count}


def _volume_of(volume: xr.Dataset, found: Callable[[Part], NDArray[np.uint8]]) -> xr.Dataset:
    def read(part: Part) -> NDArray[np.uint8]:
        whole = tuple(slice(along.start, along.stop) for along in part)
        values: NDArray[np.uint8] = np.empty([along.stop - along.start for along in whole], np.uint8)
        for piece in _pieces(whole):
            target = tuple(
                slice(along.start - around.start, along.stop - around.start)
                for along, around in zip(piece, whole, strict=True)
            )
            values[target] = found(piece)
        every = tuple(slice(None, None, along.step) for along in part)
        chosen: NDArray[np.uint8] = values[every]
        return chosen

    kept = {key: volume.attrs[key] for key in ("simulated", "preset", "seed") if key in volume.attrs}
    array = LazyArray(volume[INTENSITY].shape, np.uint8, read)
    return volume_from_array(array, voxel_of(volume), attributes=kept | {LABELS: True, "notes": []})


def _pieces(part: Part, most: int = _PIECE) -> Iterator[Part]:
    """Yield pieces that cover a part once, as near to cubes as thin ones allow, each of so many voxels at most."""
    sizes = [along.stop - along.start for along in part]
    steps = [max(size, 1) for size in sizes]
    while np.prod(steps, dtype=np.int64) > most:
        longest = int(np.argmax(steps))
        steps[longest] = -(-steps[longest] // 2)
    for z in range(part[0].start, part[0].stop, steps[0]):
        for y in range(part[1].start, part[1].stop, steps[1]):
            for x in range(part[2].start, part[2].stop, steps[2]):
                yield tuple(
                    slice(start, min(start + step, along.stop))
                    for start, step, along in zip((z, y, x), steps, part, strict=True)
                )


def _classes(rows: NDArray[np.floating], numbers: NDArray[Any]) -> Classes:
    known = np.unique(numbers)
    if known.size < 2 or known[0] < 1 or known[-1] > MOST_CLASSES:
        raise ValueError(
            f"classes are learned from strokes of two numbers or more, from 1 to {MOST_CLASSES}: "
            f"{'none' if not known.size else ', '.join(map(str, known[:5].tolist()))} were painted"
        )
    counts = np.array([(numbers == number).sum() for number in known])
    if counts.min() < _LEAST_PAINTED:
        thin = known[counts.argmin()]
        raise ValueError(
            Sentence(
                "class {thin} was painted on {count} voxels only: paint at least {least}",
                thin=int(thin), count=int(counts.min()), least=_LEAST_PAINTED,
            )
        )  # fmt: skip
    values = rows.astype(np.float64)
    pooled = np.mean([np.cov(values[numbers == number].T) for number in known], axis=0)
    pooled += _RIDGE * np.diag(values.var(axis=0))
    means = np.array([values[numbers == number].mean(axis=0) for number in known])
    scaling: NDArray[np.float64] = np.linalg.cholesky(np.linalg.inv(pooled)).astype(np.float64)
    found = Classes(known, means, scaling, counts, np.zeros(known.size)).most_likely(
        rows.T.astype(np.float32)
    )
    agreement = np.array([float((found[numbers == number] == number).mean()) for number in known])
    return Classes(known, means, scaling, counts, agreement)
