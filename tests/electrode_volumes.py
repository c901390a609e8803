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
    gap=0.0,
    lifted=0.25,
    lumps=0,
    radii=(9.0, 15.0),
    pores=0.0,
    seed=0,
):
    """Grey values (z, y, x), the surfaces z0 and z1 in voxels, and the attenuation without noise and blur.

    `gap` voxels lie between collector and electrode on the part `lifted` of the area, and are no part of its thickness;
    `lumps` ellipsoids as bright as grains, numbered in `lump` where they cover more than half of a voxel.
    """
    rng = np.random.default_rng(seed)
    planes, *area = shape
    z0 = 17 + tilt * (np.arange(area[1]) - area[1] / 2) + rough * waves(area, 34, 12, rng)
    high = np.maximum(thickness + spread * waves(area, 26, 12, rng), 6) if thickness else np.zeros(area)
    grainy = waves(shape, 9, 25, rng) > 1.3
    clear = np.zeros(area)
    if gap:
        field = waves(area, 42, 12, rng)
        clear[field > np.quantile(field, 1 - lifted)] = gap
    z1 = z0 + clear + high
    below = part_below(z0, planes)
    electrode = part_below(z1, planes) - part_below(z0 + clear, planes)
    inside = np.where(grainy, grains, level)
    if pores:
        field = waves(shape, 14, 25, rng)
        inside[field < np.quantile(field, pores)] = 0
    lump, drawn = draw_lumps(inside, z0 + clear, z1, lumps, radii, grains, rng)
    attenuation = below + electrode * inside
    image = attenuation
    for axis in range(3):  # the point spread: a triangle, not a Gaussian
        padded = np.pad(image, [(int(a == axis),) * 2 for a in range(3)], mode="edge")
        parts = [np.take(padded, range(k, k + shape[axis]), axis=axis) for k in range(3)]
        image = 0.2 * parts[0] + 0.6 * parts[1] + 0.2 * parts[2]
    image = image + noise * rng.standard_normal(shape)
    grey = GREY_AIR + (GREY_COLLECTOR - GREY_AIR) * image
    return SimpleNamespace(
        grey=grey.astype(np.float32), z0=z0, z1=z1, attenuation=attenuation, gap=clear, lump=lump, lumps=drawn
    )


def draw_lumps(inside, start, top, count, radii, value, rng):
    """Ellipsoids that do not touch, turned at random; their numbers, and middle and half axes in voxels of each."""
    lump, drawn = np.zeros(inside.shape, int), []
    for _ in range(4000):
        if len(drawn) == count:
            break
        half = rng.uniform(*radii) * np.exp(0.12 * rng.standard_normal(3))
        reach = half.max() + 1
        middle = np.array([0.0, *(rng.uniform(reach, size - reach) for size in inside.shape[1:])])
        column = tuple(middle[1:].astype(int))
        low, high = start[column] + reach, top[column] - reach
        if high <= low:
            continue
        middle[0] = rng.uniform(low, high)
        if any(np.linalg.norm(middle - other) < reach + far.max() + 4 for other, far in drawn):
            continue
        turned, _ = np.linalg.qr(rng.standard_normal((3, 3)))
        window = tuple(
            slice(max(int(place - reach) - 1, 0), min(int(place + reach) + 2, size))
            for place, size in zip(middle, inside.shape, strict=True)
        )
        grid = np.stack(np.broadcast_arrays(*np.ogrid[window])) + 0.5 - middle.reshape(3, 1, 1, 1)
        far = np.linalg.norm(np.tensordot(turned / half[:, None], grid, 1), axis=0)
        part = np.clip((1 - far) * np.cbrt(half.prod()) + 0.5, 0, 1)
        inside[window] += part * (value - inside[window])
        drawn.append((middle, half))
        lump[window][part > 0.5] = len(drawn)
    assert len(drawn) == count
    return lump, drawn
