"""Counts of ions in particles: true means by formulas, a control that is uniform, cracks that are known."""

import json

import numpy as np
import pytest
from lithium_volumes import lithium_pair, true_means

from napari_tesm.cli import main
from napari_tesm.io.volumes import save_volume
from napari_tesm.volumes.counting import counts_in_particles, dispersion_of, exact_interval
from napari_tesm.volumes.dataset import volume_from_array
from napari_tesm.volumes.particles import particles_of

SPREAD = 0.24


def test_a_particle_beside_the_border_has_no_crack_for_it():
    z, y, x = np.ogrid[:40, :52, :61]
    labels = np.zeros((40, 52, 61), np.uint8)
    for number, middle in enumerate(((11, 11, 11), (11, 40, 49), (28, 11, 49)), start=1):
        labels[sum((axis - place) ** 2 for axis, place in zip((z, y, x), middle, strict=True)) < 64] = number
    for touching in (labels, labels[3:, 3:, 3:-3], labels[6:, :-6, 6:-8]):
        particles = particles_of(volume_from_array(touching, (100e-9, 120e-9, 90e-9)))
        assert not particles.cracks.any()
        np.testing.assert_array_equal(particles.numbers, touching)


def test_the_spread_has_limits_that_hold_it():
    rng = np.random.default_rng(4)
    labels = np.zeros((26, 29, 31), np.uint8)
    labels[3:-3, 3:-3, 3:-3] = 1
    particles = particles_of(volume_from_array(labels, (1e-7,) * 3))
    held = {0.0: 0, SPREAD: 0}
    for spread in held:
        for _ in range(24):
            counts = rng.poisson(2.0 * np.exp(spread * rng.standard_normal(labels.shape) - spread**2 / 2))
            (particle,) = counts_in_particles(counts, (1e-7,) * 3, particles, np.eye(4)).particles
            low, high = particle.spread_interval
            held[spread] += low <= spread <= high
            assert low <= particle.spread <= high
    assert min(held.values()) >= 20


def test_means_cracks_and_unevenness_of_particles_in_an_electron_image(tmp_path, capsys):
    pair = lithium_pair(
        seed=41, size=(4.2e-6, 5.4e-6, 6.6e-6), n=5, radii=(0.9e-6, 1.3e-6), counts=6.0, spread=SPREAD
    )
    for name, values, voxel in (("i", pair.counts, pair.ion_voxel), ("e", pair.image, pair.electron_voxel)):
        save_volume(tmp_path / f"{name}.zarr", volume_from_array(values, voxel))
    (tmp_path / "p.json").write_text(json.dumps({"matrix": pair.matrix.tolist()}))
    outputs = [str(tmp_path / name) for name in ("c.json", "c.csv", "c.png")]
    command = [
        "volume",
        "counts",
        str(tmp_path / "i.zarr"),
        "--peak",
        "7Li+",
        "--particles",
        str(tmp_path / "e.zarr"),
    ]
    options = [
        "--placed",
        str(tmp_path / "p.json"),
        "--json",
        outputs[0],
        "--csv",
        outputs[1],
        "--figure",
        outputs[2],
    ]
    assert main([*command, *options]) == 0
    assert "More uneven than counting makes it (p below 0.001)" in capsys.readouterr().out
    found = json.loads((tmp_path / "c.json").read_text())
    expected = true_means(pair, spread=SPREAD)
    matched = {}
    for particle in found["particles"]:
        z, y, x = (
            int(place / edge) for place, edge in zip(particle["centroid"], pair.electron_voxel, strict=True)
        )
        matched[int(pair.number[z, y, x])] = particle
    assert set(matched) >= set(expected)
    for number, particle in matched.items():
        true_cracks = pair.crack[pair.number == number].mean()
        assert particle["cracks"] == pytest.approx(true_cracks, abs=0.035)
        if particle["voxels"] > 700:
            assert particle["mean"] == pytest.approx(expected[number], rel=0.03)
            assert particle["p"] < 1e-3
            assert particle["spread"] == pytest.approx(SPREAD, abs=0.08)
    # Far inside nothing is lost to the rim; what is not there at the rim is not there by blur alone.
    rim = found["from_rim"]
    assert rim["mean"][0] < 0.9
    np.testing.assert_allclose(rim["mean"][:5], rim["uniform"][:5], atol=0.08)
    rows = (tmp_path / "c.csv").read_text().splitlines()
    assert rows[0].startswith("number,z,y,x,volume,cracks")
    assert len(rows) == 1 + len(found["particles"])
    # The report says the same, digit by digit.
    out = tmp_path / "report"
    assert main(["volume", "report", "--counts", outputs[0], "-o", str(out)]) == 0
    assert json.loads((out / "numbers.json").read_text())["sections"]["ion_counts"]["c"] == found
    table = [line.split(",") for line in (out / "tables" / "ion_counts.csv").read_text().splitlines()]
    means = table[0].index("mean")
    for row, particle in zip(table[1:], found["particles"], strict=True):
        assert [float(cell) for cell in row[means : means + 3]] == [particle["mean"], *particle["interval"]]
    courses = [line.split(",") for line in (out / "tables" / "ion_courses.csv").read_text().splitlines()]
    below = [row for row in courses if row[1] == "depth"]
    assert [float(row[courses[0].index("mean")]) for row in below] == rim["mean"]
    assert (out / "figures" / "ion_counts_1.png").stat().st_size > 10_000


def test_uniform_particles_raise_no_alarm_and_uneven_ones_do():
    rng = np.random.default_rng(17)
    alarms = []
    axes = np.meshgrid(*(np.arange(n) - n / 2 + 0.5 for n in (15, 17, 13)), indexing="ij")
    ball = sum((axis / radius) ** 2 for axis, radius in zip(axes, (7.4, 8.3, 6.4), strict=True)) < 1
    for _ in range(200):
        rate = rng.uniform(1.5, 6.0)
        wave = np.prod(
            [np.cos(2 * np.pi * axis / rng.uniform(7, 11) + rng.uniform(0, 6)) for axis in axes], axis=0
        )
        uneven = rate * np.clip(1 + SPREAD * wave / wave[ball].std(), 0, None)
        alarms.append(
            [dispersion_of(rng.poisson(rates, ball.shape), ball)[1] < 1e-3 for rates in (rate, uneven)]
        )
    false, true = np.mean(alarms, axis=0)
    assert false <= 0.01
    assert true >= 0.95


def test_the_exact_interval_holds_the_mean_at_least_as_often_as_it_says():
    from scipy.stats import poisson

    for mean in (0.7, 3.3, 41.0):
        counts = np.arange(200)
        held = [low <= mean <= high for low, high in map(exact_interval, counts.tolist())]
        assert 0.95 <= poisson.pmf(counts, mean)[held].sum() < 0.995


def test_labels_are_taken_as_they_are_and_parted_where_they_are_one(tmp_path):
    z, y, x = np.meshgrid(*(np.arange(n) + 0.5 for n in (30, 44, 36)), indexing="ij")
    centres = ((15, 14, 16), (15, 31, 18))
    labels = np.zeros(z.shape, np.uint8)
    for number, (a, b, c) in enumerate(centres, start=5):
        labels[(z - a) ** 2 + (y - b) ** 2 + (x - c) ** 2 < 8.8**2] = number
    labels[14:16] = 0  # a crack of two voxels through both
    voxel = (100e-9, 90e-9, 110e-9)
    for values in (labels, (labels > 0).astype(np.uint8)):
        particles = particles_of(volume_from_array(values, voxel))
        counts = np.where(labels == 5, 4, 7).astype(np.uint16)
        found = counts_in_particles(counts, voxel, particles, np.eye(4)).particles
        assert len(found) == 2
        by_place = sorted(found, key=lambda particle: particle.centroid[1])
        assert [particle.mean for particle in by_place] == [4.0, 7.0]
        crack = 2 * np.pi * 8.8**2 / (4 / 3 * np.pi * 8.8**3)
        assert [particle.cracks for particle in by_place] == pytest.approx([crack] * 2, abs=0.02)
    with pytest.raises(ValueError, match="no counts of ions"):
        counts_in_particles(counts * 0.5, voxel, particles, np.eye(4))
    with pytest.raises(ValueError, match="no particle is found"):
        particles_of(volume_from_array(labels * 0, voxel))
