"""Gaps, agglomerates, particles and the way through pores against volumes whose content was drawn elsewhere."""

import csv
import json

import numpy as np
import pytest
from electrode_volumes import electrode_volume

from napari_tesm.cli import main
from napari_tesm.gwy import read_container
from napari_tesm.gwy.contents import image
from napari_tesm.io.volumes import save_volume
from napari_tesm.volumes.agglomerates import labelled_bodies
from napari_tesm.volumes.bodies import bodies_of
from napari_tesm.volumes.dataset import volume_from_array
from napari_tesm.volumes.gaps import gap_of
from napari_tesm.volumes.levels import levels_of
from napari_tesm.volumes.surfaces import surfaces_of
from napari_tesm.volumes.transport import tortuosity_factor, ways_through

VOXEL = (60e-9, 50e-9, 60e-9)
EDGE = np.array(VOXEL)
SHAPE = (92, 128, 106)


class Found:
    """A drawn volume and what was found in it."""

    def __init__(self, shape=SHAPE, **settings):
        self.drawn = electrode_volume(shape, **settings)
        self.volume = volume_from_array(self.drawn.grey, VOXEL)
        self.levels = levels_of(self.volume)
        self.surfaces = surfaces_of(self.volume, self.levels)
        self.gap = gap_of(self.volume, self.levels, self.surfaces)
        self.bodies = self.bodies_by(None)

    def bodies_by(self, side):
        return bodies_of(self.volume, self.levels, self.surfaces, self.gap, side=side)

    def gap_is_right(self):
        """Area found and true, how well they agree (F1), and false alarm."""
        found, true = self.gap.map.values > 0, self.drawn.gap > 0
        return 2 * (found & true).sum() / (found.sum() + true.sum()), (found & ~true).sum() / (~true).sum()


@pytest.fixture(scope="module")
def lumpy():
    return Found(thickness=46.0, gap=400 / 60, lumps=6, radii=(9.0, 13.0), seed=61)


@pytest.fixture(scope="module")
def plain():
    return Found(seed=62, thickness=32.0)


def test_a_gap_of_400_nm_is_found_where_it_was_drawn(lumpy):
    for found in (lumpy, Found((80, 104, 90), thickness=26.0, gap=400 / 60, noise=0.08, seed=63)):
        agreement, false_alarm = found.gap_is_right()
        assert agreement > 0.85
        assert false_alarm < 0.01
        assert found.gap.height == pytest.approx(400e-9, rel=0.08)
        low, high = found.gap.area_band
        assert low < found.gap.area_fraction < high
        assert low < 0.25 < high + 0.02
        assert found.gap.control < 0.01


def test_there_is_no_gap_where_none_was_drawn_and_the_control_tells_pores_from_one(plain):
    assert plain.gap.area_fraction < 0.01
    assert np.isnan(plain.gap.height) or plain.gap.area_fraction > 0
    porous = electrode_volume((80, 96, 90), thickness=40.0, pores=0.2, seed=64)
    volume = volume_from_array(porous.grey, VOXEL)
    levels = levels_of(volume)
    gap = gap_of(volume, levels, surfaces_of(volume, levels))
    assert gap.area_fraction > 0.03  # pores that lie on the collector
    assert gap.control > 0.5 * gap.area_fraction


def test_agglomerates_have_the_place_and_the_size_they_were_drawn_with(lumpy):
    found = {}
    for place, (middle, half) in enumerate(lumpy.drawn.lumps):
        true = 2 * np.cbrt((half * EDGE).prod())
        near = [
            body
            for body in lumpy.bodies.agglomerates
            if np.linalg.norm(body.centroid - middle * EDGE) < true / 4
        ]
        if near:
            found[place] = near[0]
            assert near[0].diameter == pytest.approx(true, rel=0.06)
            column = tuple(middle[1:].astype(int))
            assert near[0].height == pytest.approx((middle[0] - lumpy.drawn.z0[column]) * 60e-9, abs=120e-9)
            assert near[0].attenuation == pytest.approx(0.19, abs=0.02)
            assert 0 <= near[0].clearance < near[0].height
    assert len(found) == len(lumpy.drawn.lumps) == len(lumpy.bodies.agglomerates)
    diameters = [body.diameter for body in lumpy.bodies.agglomerates]
    assert diameters == sorted(diameters, reverse=True)
    # A column that holds one says which.
    first = lumpy.bodies.agglomerates[0]
    y, x = (int(place / edge) for place, edge in zip(first.centroid[1:], VOXEL[1:], strict=True))
    assert lumpy.bodies.map.values[y, x] in (
        1,
        *np.unique(lumpy.bodies.map.values[y - 2 : y + 3, x - 2 : x + 3]),
    )
    assert set(np.unique(lumpy.bodies.map.values)) <= set(range(len(diameters) + 1))


def test_an_electrode_of_grains_alone_has_no_agglomerates_but_particles(plain):
    assert plain.bodies.agglomerates == []
    assert plain.bodies.counts == (0, 0, 0)
    low, high = plain.bodies.particles[2], plain.bodies.particles[1]
    inside = (np.arange(SHAPE[0])[:, None, None] > plain.drawn.z0 + 7) & (
        np.arange(SHAPE[0])[:, None, None] < plain.drawn.z1 - 7
    )
    true = (plain.drawn.attenuation[inside] > 0.13).mean()
    assert low < true < high
    assert plain.bodies.beside == plain.bodies.particles[0]


def test_particles_that_do_not_stand_out_are_below_the_resolution_and_never_none():
    found = Found((72, 90, 80), thickness=28.0, grains=0.06, seed=65)
    assert np.isnan(found.bodies.particles).all()
    assert found.bodies.agglomerates == []
    assert found.bodies.resolution > 2 * 60e-9


def test_tiles_change_nothing(lumpy):
    tiled = lumpy.bodies_by(26)
    assert [body.diameter for body in tiled.agglomerates] == [
        body.diameter for body in lumpy.bodies.agglomerates
    ]
    np.testing.assert_allclose(
        [body.centroid for body in tiled.agglomerates],
        [body.centroid for body in lumpy.bodies.agglomerates],
        atol=1e-15,
    )
    np.testing.assert_array_equal(tiled.map, lumpy.bodies.map)
    np.testing.assert_allclose(tiled.particles, lumpy.bodies.particles, rtol=1e-9)
    gap = gap_of(lumpy.volume, lumpy.levels, lumpy.surfaces, side=26)
    np.testing.assert_allclose(gap.map, lumpy.gap.map, atol=1e-12)


def test_balls_that_touch_are_two_and_a_rod_is_one():
    edges = (1.0, 0.8, 1.2)
    z, y, x = (edge * (axis + 0.5) for edge, axis in zip(edges, np.indices((40, 76, 44)), strict=True))

    def ball(middle, radius):
        return sum((a - b) ** 2 for a, b in zip((z, y, x), middle, strict=True)) < radius**2

    two = ball((20, 18, 26), 9) | ball((20, 36, 26), 10)
    numbers = labelled_bodies(two, edges, 12.0)
    assert numbers.max() == 2
    sizes = np.sort(np.bincount(numbers.ravel())[1:]) * np.prod(edges)
    np.testing.assert_allclose(sizes, [4 / 3 * np.pi * 9**3, 4 / 3 * np.pi * 10**3], rtol=0.06)
    rod = ((z - 20) ** 2 + (x - 26) ** 2 < 49) & (np.abs(y - 30) < 22)
    assert len(np.unique(labelled_bodies(rod, edges, 12.0))) == 2
    assert not labelled_bodies(ball((20, 30, 26), 4), edges, 12.0).any()


def test_tortuosity_is_that_of_known_media():
    layers = np.zeros((20, 12, 15), bool)
    layers[:, ::3] = True
    assert tortuosity_factor(layers, (1.0, 2.0, 0.5)) == pytest.approx(1, abs=1e-4)
    z, y, x = np.indices((52, 52, 52)) + 0.5
    around = (z - 26) ** 2 + (y - 26) ** 2 + (x - 26) ** 2 >= 15.5**2
    share = around.mean()
    # Maxwell's formula for balls that nothing enters; for a lattice of them right to the third digit here.
    assert tortuosity_factor(around, (1.0,) * 3) == pytest.approx((3 - share) / 2, rel=0.02)
    bent = np.zeros((30, 40, 6), bool)  # up, 30 across, up: as long as its resistance
    bent[:15, 2:4], bent[14:16, 2:34], bent[15:, 32:34] = True, True, True
    way = tortuosity_factor(bent, (1.0,) * 3)
    assert bent.mean() * 40 * 6 / 30 * (28 / 12 + 29.5 / 12) == pytest.approx(way, rel=0.05)
    blocked = around.copy()
    blocked[30] = False
    assert np.isinf(tortuosity_factor(blocked, (1.0,) * 3))


def test_the_command_writes_channels_a_table_and_numbers(lumpy, tmp_path, capsys):
    path, out, table, numbers = (str(tmp_path / name) for name in ("v.zarr", "b.gwy", "b.csv", "b.json"))
    save_volume(path, lumpy.volume)
    assert main(["volume", "bodies", path, "-o", out, "--csv", table, "--json", numbers, "--tortuosity"]) == 0
    text = capsys.readouterr().out
    assert "Gap to the collector" in text
    assert "Tortuosity" in text
    said = json.loads((tmp_path / "b.json").read_text())
    assert said["gap"]["area_fraction"] == pytest.approx(lumpy.gap.area_fraction)
    assert said["count"] == len(said["agglomerates"]) == 6
    assert {"diameter", "height", "centroid"} <= set(said["agglomerates"][0])
    assert set(said["transport"]) == {"pores", "solid"}
    with (tmp_path / "b.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [float(row["diameter"]) for row in rows] == [body["diameter"] for body in said["agglomerates"]]
    container = read_container(out)
    assert [container[f"/{n}/data/title"] for n in range(2)] == ["Gap", "Agglomerates"]
    assert image(container, 0).unit_z == "m"
    assert image(container, 0).values.max() == pytest.approx(lumpy.gap.map.values.max())
    for words, code in ((["--least", "80nm"], 1), (["--least", "x"], 2), (["--least", "-1um"], 2)):
        assert main(["volume", "bodies", path, *words]) == code, words
        assert 0 < len(capsys.readouterr().err.splitlines()) <= 3


def test_a_collector_alone_has_neither_gap_nor_bodies(tmp_path, capsys):
    drawn = electrode_volume((60, 70, 62), thickness=0, seed=7)
    path = str(tmp_path / "c.zarr")
    save_volume(path, volume_from_array(drawn.grey, VOXEL))
    assert main(["volume", "bodies", path, "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["gap"]["area_fraction"] == 0
    assert said["agglomerates"] == []
    assert said["particles"]["share"] is None


def test_the_way_through_the_pores_is_told_where_they_are_seen_and_else_nothing(plain):
    ways = ways_through(
        plain.volume, plain.levels, plain.surfaces, plain.gap, plain.bodies.phases, plain.bodies.grid
    )
    if ways is not None:
        assert ways["solid"].tortuosity == pytest.approx(1, abs=0.05)
        assert np.isinf(ways["pores"].tortuosity)
