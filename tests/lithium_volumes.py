"""Pairs of volumes with known placement and lithium, drawn in another way than `napari_tesm.volumes` simulates them.

Particles are formulas: ellipsoids with waves on them, cut by bent sheets (cracks). Both volumes ask the formulas at the
places that their voxels have in the sample, so that nothing is interpolated and no grid is shared.
"""

from types import SimpleNamespace

import numpy as np
from scipy.ndimage import gaussian_filter

SIZE = np.array([6.0, 9.0, 8.0]) * 1e-6
"""Of the sample along z, y, x in m."""


class Cathode:
    """Particles in a binder; everything in m, in the frame of the sample."""

    def __init__(self, rng, size=SIZE, n=6, radii=(1.3e-6, 2.1e-6), cracks=2, crack=150e-9):
        self.size, self.particles, self.crack = np.asarray(size), [], crack
        for _ in range(5000):
            if len(self.particles) == n:
                break
            radius = rng.uniform(*radii)
            middle = rng.uniform(0.5 * radius, self.size - 0.5 * radius)
            if any(np.linalg.norm(middle - p.middle) < 1.2 * (radius + p.radius) for p in self.particles):
                continue
            turn, _ = np.linalg.qr(rng.normal(size=(3, 3)))
            sheets = []
            for _ in range(cracks):
                normal = rng.normal(size=3)
                sheets.append(
                    (normal / np.linalg.norm(normal), rng.uniform(-0.5, 0.5) * radius, rng.uniform(0, 6, 2))
                )
            self.particles.append(
                SimpleNamespace(
                    middle=middle, radius=radius, axes=turn / (radius * rng.uniform(0.88, 1.12, 3))[:, None],
                    bumps=rng.uniform(0, 6, 3), sheets=sheets, rate=rng.uniform(0.6, 1.0),
                    waves=(rng.normal(size=(14, 3)), rng.uniform(0, 2 * np.pi, 14)),
                )
            )  # fmt: skip

    def parts(self, points):
        """Number of the particle at each place, whether it is a crack there, and how deep it lies (0 rim, 1 middle)."""
        number, crack, deep = (
            np.zeros(points.shape[:-1], np.int32),
            np.zeros(points.shape[:-1], bool),
            np.zeros(points.shape[:-1]),
        )
        for k, p in enumerate(self.particles, start=1):
            near = np.linalg.norm(points - p.middle, axis=-1) < 1.45 * p.radius
            from_middle = points[near] - p.middle
            own = from_middle @ p.axes.T
            away = np.linalg.norm(own, axis=-1)
            wave = 1 + 0.05 * np.sin(3 * own[:, 0] + p.bumps[0]) * np.cos(4 * own[:, 1] + p.bumps[1])
            inside = away < wave
            open_ = np.zeros(inside.shape, bool)
            for normal, offset, phase in p.sheets:
                bent = from_middle @ normal - offset + 0.08e-6 * np.sin(from_middle[:, 1] / 0.4e-6 + phase[0])
                open_ |= (np.abs(bent) < self.crack / 2) & (from_middle[:, 2] > -0.4 * p.radius)
            where = np.flatnonzero(near)[inside]
            number.reshape(-1)[where] = k
            crack.reshape(-1)[where] = open_[inside]
            deep.reshape(-1)[where] = 1 - (away / wave)[inside]
        return number, crack, deep

    def lithium(self, points, *, spread=0.0, length=0.9e-6, gradient=0.0, binder=0.03):
        """Relative concentration: of each particle its own, times waves of a standard deviation; none in cracks."""
        number, crack, deep = self.parts(points)
        value = np.full(number.shape, binder)
        for k, p in enumerate(self.particles, start=1):
            here = number == k
            field = np.ones(int(here.sum()))
            if spread:
                directions, phases = p.waves
                waves = sum(
                    np.cos(2 * np.pi / length * points[here] @ (d / np.linalg.norm(d)) + f)
                    for d, f in zip(directions, phases, strict=True)
                )
                field += spread * waves / np.sqrt(7)
            value[here] = p.rate * np.clip(field + gradient * deep[here], 0, None)
        value[crack & (number > 0)] = 0
        return value


def turn_about(angles, scale, shift, middle):
    """A matrix (z, y, x, 1): turned by degrees about each axis and stretched about a place, then moved."""
    matrix = np.eye(4)
    for axis, angle in enumerate(np.radians(angles)):
        one, other = [k for k in range(3) if k != axis]
        turn = np.eye(4)
        turn[one, one] = turn[other, other] = np.cos(angle)
        turn[one, other], turn[other, one] = -np.sin(angle), np.sin(angle)
        matrix = turn @ matrix
    matrix[:3, :3] = matrix[:3, :3] @ np.diag(scale)
    matrix[:3, 3] = np.asarray(middle) + shift - matrix[:3, :3] @ np.asarray(middle)
    return matrix


def places(shape, voxel, fine=(1, 1, 1)):
    """Middles of voxels (z, y, x, 3) in m, each cut into so many parts."""
    axes = [(np.arange(n * f) + 0.5) * v / f for n, v, f in zip(shape, voxel, fine, strict=True)]
    return np.stack(np.meshgrid(*axes, indexing="ij"), -1)


def through(matrix, points):
    return points @ matrix[:3, :3].T + matrix[:3, 3]


def lithium_pair(
    *, electron_voxel=(100e-9, 50e-9, 50e-9), ion_voxel=(60e-9, 120e-9, 120e-9), counts=6.0, angles=(3.0, -2.0, 2.0),
    scale=(1.0, 1.02, 0.98), shift=(0.3e-6, -0.5e-6, 0.4e-6), spread=0.2, gradient=0.0, same=False, binder=0.03,
    blur=70e-9,
    size=SIZE, n=6, cracks=2, radii=(1.3e-6, 2.1e-6),
    grey=(90.0, 160.0, 30.0), seed=0,
):  # fmt: skip
    """An electron image and lithium counts of one cathode, and what is true of both.

    `matrix` leads from places in the ion volume to those in the electron volume, which is the sample's frame; `same`
    gives lithium the same concentration everywhere.
    """
    rng = np.random.default_rng(seed)
    size = np.asarray(size)
    cathode = Cathode(rng, size, n=n, cracks=cracks, radii=radii)
    electron_voxel, ion_voxel = np.asarray(electron_voxel), np.asarray(ion_voxel)
    shape = np.floor(size / electron_voxel).astype(int)
    number, crack, _ = cathode.parts(places(shape, electron_voxel))
    binder_grey, particle_grey, void_grey = grey
    image = np.where(number > 0, particle_grey, binder_grey)
    image = image + 12 * gaussian_filter(rng.standard_normal(shape), 1.5) / 0.07 * (number > 0) * 0.3
    image[crack] = void_grey
    image = gaussian_filter(image, 0.5)
    stripes = gaussian_filter(rng.standard_normal((shape[0], shape[2])), (0, 1.5)) * 9
    image = image + stripes[:, None, :] * np.linspace(0.2, 1.2, shape[1])[None, :, None]
    image = image * (1 + 0.04 * rng.standard_normal(shape[0]))[:, None, None] + 7 * rng.standard_normal(shape)
    matrix = turn_about(angles, scale, shift, size / 2)
    shape = np.floor(size / ion_voxel).astype(int)
    fine = np.maximum(np.round(ion_voxel / 60e-9), 1).astype(int)
    where = through(matrix, places(shape, ion_voxel, fine))
    rate = cathode.lithium(where, spread=spread, gradient=gradient, binder=binder)
    outside = ((where < 0) | (where > size)).any(-1)
    rate = np.where(outside, 0.0, 0.8 if same else rate)
    rate = gaussian_filter(rate, blur / (ion_voxel / fine))
    rate = rate.reshape(*np.stack([shape, fine], 1).ravel()).mean(axis=(1, 3, 5)) * counts
    number_here, crack_here, _ = cathode.parts(through(matrix, places(shape, ion_voxel)))
    return SimpleNamespace(
        image=image.astype(np.float32), electron_voxel=tuple(electron_voxel),
        counts=rng.poisson(rate).astype(np.uint16),
        ion_voxel=tuple(ion_voxel), matrix=matrix, cathode=cathode, number=number, crack=crack, rate=rate,
        number_here=number_here, crack_here=crack_here, size=size, scale=counts,
    )  # fmt: skip


def true_means(pair, *, spread=0.2, gradient=0.0, fine=80e-9):
    """Mean counts of a voxel in the solid of each particle that the ion volume holds, from the formulas."""
    points = places(np.floor(pair.size / fine).astype(int), (fine,) * 3)
    inverse = np.linalg.inv(pair.matrix)
    there = through(inverse, points)
    seen = ((there > 0) & (there < np.array(pair.counts.shape) * pair.ion_voxel)).all(-1)
    number, crack, _ = pair.cathode.parts(points)
    value = pair.cathode.lithium(points, spread=spread, gradient=gradient) * pair.scale
    return {k: value[(number == k) & ~crack & seen].mean() for k in range(1, len(pair.cathode.particles) + 1)}
