"""Electrode volumes with known surfaces for tests, drawn in another way than `napari_tesm.volumes.simulation` does.

Columns are integrated exactly: a voxel holds the parts of its height that are collector, electrode and air. Surfaces
are sums of waves of known height; the electrode is a sponge, grains where a sum of random waves is large.
"""

from types import SimpleNamespace

import numpy as np

GREY_AIR, GREY_COLLECTOR = -31.0, 47.0


def waves(shape, shortest, n, rng):
    """A sum of n waves of unit standard deviation, none shorter than so many pixels."""
    axes = np.meshgrid(*map(np.arange, shape), indexing="ij")
    total = np.zeros(shape)
    for _ in range(n):
        direction = rng.normal(size=len(shape))
        direction *= 2 * np.pi / np.linalg.norm(direction) / (shortest * (1 + rng.random()))
        total += np.cos(sum(k * a for k, a in zip(direction, axes, strict=True)) + rng.uniform(0, 2 * np.pi))
    return total / total.std()


def part_below(surface, planes):
    """The part of each voxel that lies below a surface, shape (z, y, x)."""
    return np.clip(surface[None] - np.arange(planes)[:, None, None], 0, 1)


def electrode_volume(
    shape=(96, 118, 94),
    *,
    thickness=40.0,
    spread=5.0,
    level=0.06,
    grains=0.2,
    noise=0.05,
    tilt=0.02,
    rough=3.0,
    seed=0,
):
    """Grey values (z, y, x), the surfaces z0 and z1 in voxels, and the attenuation without noise and blur."""
    rng = np.random.default_rng(seed)
    planes, *area = shape
    z0 = 17 + tilt * (np.arange(area[1]) - area[1] / 2) + rough * waves(area, 34, 12, rng)
    z1 = z0 + (np.maximum(thickness + spread * waves(area, 26, 12, rng), 6) if thickness else 0)
    below = part_below(z0, planes)
    electrode = part_below(z1, planes) - below
    where = waves(shape, 9, 25, rng) > 1.3
    attenuation = below + electrode * np.where(where, grains, level)
    image = attenuation
    for axis in range(3):  # the point spread: a triangle, not a Gaussian
        padded = np.pad(image, [(int(a == axis),) * 2 for a in range(3)], mode="edge")
        parts = [np.take(padded, range(k, k + shape[axis]), axis=axis) for k in range(3)]
        image = 0.2 * parts[0] + 0.6 * parts[1] + 0.2 * parts[2]
    image = image + noise * rng.standard_normal(shape)
    grey = GREY_AIR + (GREY_COLLECTOR - GREY_AIR) * image
    return SimpleNamespace(grey=grey.astype(np.float32), z0=z0, z1=z1, attenuation=attenuation)
