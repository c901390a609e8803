"""Attenuation against the distance from a rough collector, and sections that follow it, against brute force."""

import csv
import json
import math

import numpy as np
import pytest
import xarray as xr
from electrode_volumes import GREY_AIR, GREY_COLLECTOR, electrode_volume
from scipy.ndimage import gaussian_filter
from scipy.spatial import cKDTree

from napari_tesm.cli import main
from napari_tesm.gwy import read_container
from napari_tesm.gwy.contents import image
from napari_tesm.io.volumes import save_volume
from napari_tesm.volumes.dataset import volume_from_array
from napari_tesm.volumes.levels import Levels, levels_of
from napari_tesm.volumes.profile import _distances, distance_from_surface, profile_of
from napari_tesm.volumes.sections import section_at, upright_section
from napari_tesm.volumes.surfaces import surfaces_of
from napari_tesm.volumes.tiles import tiles

VOXEL = (60e-9, 50e-9, 70e-9)
SHAPE = (70, 88, 74)
BIN = 140e-9


def drawn_and_opened(shape=SHAPE, **settings):
    drawn = electrode_volume(shape, thickness=28.0, spread=3.0, rough=5.0, tilt=0.12, **settings)
    volume = volume_from_array(drawn.grey, VOXEL)
    levels = levels_of(volume)
    return drawn, volume, levels, surfaces_of(volume, levels)


def true_distances(z0, stride, reach):
    """The distance of every so many voxels above a surface from points on it, drawn three times as finely."""
    rows, columns = (np.linspace(0, size - 1, 3 * size - 2) for size in z0.shape)
    fine = np.array([np.interp(columns, np.arange(z0.shape[1]), row) for row in z0])
    fine = np.array([np.interp(rows, np.arange(z0.shape[0]), column) for column in fine.T]).T
    points = np.stack([fine, *np.meshgrid(rows, columns, indexing="ij")], axis=-1).reshape(-1, 3)
    middles = np.arange(66)[:, None, None] + 0.5
    places = np.argwhere((middles > z0) & (middles < z0.max() + reach))[::stride]
    distance, _ = cKDTree(points * VOXEL).query((places + np.array([0.5, 0, 0])) * VOXEL)
    return tuple(places.T), distance


def test_distances_are_those_from_the_surface_itself():
    drawn = electrode_volume(SHAPE, rough=5.0, tilt=0.12, seed=9)
    distance = distance_from_surface(drawn.z0, slice(0, SHAPE[0]), VOXEL)
    places, true = true_distances(drawn.z0, 37, 30)
    apart = np.abs(distance[places] - true)
    assert apart.mean() < 6e-9  # a tenth of a voxel, on slopes of up to 45 degrees
    assert np.quantile(apart[true > 240e-9], 0.99) < 25e-9
    assert apart[true > 240e-9].max() < 45e-9
    assert not distance[0].any()
    # Of a plane they are exact, and planes that are not read change nothing.
    flat = np.full((9, 8), 4.3)
    np.testing.assert_allclose(
        distance_from_surface(flat, slice(3, 12), VOXEL)[:, 4, 4],
        np.maximum(np.arange(3.5, 12) - 4.3, 0) * 60e-9, rtol=1e-5, atol=1e-15,
    )  # fmt: skip


@pytest.mark.parametrize("settings", [{"seed": 31}, {"seed": 32, "level": 0.2, "grains": 0.3}])
def test_the_profile_is_the_true_one_beyond_the_blur_of_the_collector(settings):
    drawn, volume, levels, surfaces = drawn_and_opened((66, 58, 46), **settings)
    profile = profile_of(volume, levels, surfaces, bin_width=BIN, reach=8 * BIN)
    places, distance = true_distances(drawn.z0, 1, 20)
    bins = (distance / BIN).astype(int)
    count = profile.distance.size
    true = (
        np.bincount(bins, drawn.attenuation[places], count)[:count]
        / np.bincount(bins, minlength=count)[:count]
    )
    beyond = profile.distance > profile.mixed_below
    assert 200e-9 < profile.mixed_below < 300e-9
    assert np.sqrt(((profile.attenuation - true)[beyond] ** 2).mean()) < 0.002
    # By the height above the mean surface collector and electrode are mixed, which the test would not miss.
    heights = (np.arange(66) + 0.5 - drawn.z0.mean()) * VOXEL[0]
    by_height = np.interp(profile.distance, heights, levels.normalised(drawn.grey).mean(axis=(1, 2)))
    assert np.sqrt(((by_height - true)[beyond] ** 2).mean()) > 0.01


def test_plateaus_of_two_states_are_told_apart_by_their_errors():
    plateaus = []
    for seed, level in ((41, 0.2), (42, 0.07)):
        _, volume, levels, surfaces = drawn_and_opened(seed=seed, level=level, grains=level)
        profile = profile_of(volume, levels, surfaces, reach=1.2e-6)
        inner = (profile.distance > profile.mixed_below) & (profile.distance < 1.1e-6)
        assert profile.share[inner].min() > 0.9
        np.testing.assert_allclose(profile.within[inner], level, atol=0.006)
        plateaus.append((profile.within[inner], profile.mean_error[inner]))
    (first, one), (second, other) = plateaus
    assert ((first - second) / np.hypot(one, other)).min() > 20


def test_the_error_of_the_mean_is_the_scatter_over_fields():
    means, errors = [], []
    for seed in range(12):
        rng = np.random.default_rng(seed)
        # Columns that are alike within patches of seven: noise of a voxel alone would be a seventh of the error.
        patches = np.kron(rng.standard_normal((14, 14)), np.ones((7, 7)))[:91, :95]
        grey = np.where(np.arange(24)[:, None, None] < 8, 1.0, 0.2 + 0.05 * patches).astype(np.float32)
        volume = volume_from_array(grey, (60e-9,) * 3)
        surface = np.full(patches.shape, 8 * 60e-9)
        surfaces = surfaces_of(volume, Levels(0.0, 1.0)).assign(
            collector_surface=(("y", "x"), surface),
            electrode_surface=(("y", "x"), surface + 0.9e-6),
            thickness=(("y", "x"), np.full_like(surface, 0.9e-6)),  # its own end is the volume's
        )
        profile = profile_of(volume, Levels(0.0, 1.0), surfaces, reach=0.6e-6)
        means.append(profile.attenuation[3])
        errors.append(profile.mean_error[3])
    assert np.mean(errors) == pytest.approx(np.std(means, ddof=1), rel=0.5)


@pytest.mark.parametrize("reach", [8e-7, 2.2e-6])
def test_tiles_change_nothing(reach):
    _, volume, levels, surfaces = drawn_and_opened(seed=5)
    whole, tiled = (profile_of(volume, levels, surfaces, reach=reach, side=side) for side in (500, 23))
    np.testing.assert_array_equal(tiled.count, whole.count)
    for name in ("attenuation", "sd", "mean_error", "within"):
        np.testing.assert_allclose(getattr(tiled, name), getattr(whole, name), rtol=1e-6, err_msg=name)


def test_a_section_follows_the_collector_where_a_flat_one_does_not():
    drawn, volume, levels, surfaces = drawn_and_opened(seed=8)
    section = section_at(volume, levels, surfaces, 972e-9)
    place = drawn.z0 + 972 / 60 - 0.5
    low = np.floor(place).astype(int)
    lower, upper = (np.take_along_axis(drawn.attenuation, index[None], axis=0)[0] for index in (low, low + 1))
    true = gaussian_filter(lower + (upper - lower) * (place - low), 1)
    flat = levels.normalised(drawn.grey)[round(float(place.mean()))]

    def alike(values):
        return np.corrcoef(gaussian_filter(values, 1).ravel(), true.ravel())[0, 1]

    assert alike(section.values) > 0.8
    assert alike(flat) < 0.5
    assert section.attrs["long_name"] == "Section 972 nm"
    outside = section_at(volume, levels, surfaces, 3.2e-6)
    assert np.isnan(outside.values).any()
    with pytest.raises(ValueError, match="outside the volume"):
        section_at(volume, levels, surfaces, 9e-6)


def test_the_command_writes_profile_and_sections(tmp_path, capsys):
    drawn = electrode_volume(SHAPE, thickness=28.0, seed=6)
    path, numbers, table, out = (str(tmp_path / name) for name in ("v.zarr", "p.json", "p.csv", "s.gwy"))
    save_volume(path, volume_from_array(drawn.grey, VOXEL))
    sections = ["--section", "972nm", "--section", "0.3um", "-o", out]
    assert main(["volume", "profile", path, "--json", numbers, "--csv", table, *sections]) == 0
    assert "mixed with the collector" in capsys.readouterr().out
    said = json.loads((tmp_path / "p.json").read_text())
    assert said["distance"][:2] == pytest.approx([70e-9, 210e-9])
    # The point spread that was drawn has a standard deviation of 0.63 voxels, the voxel itself one of 0.29; the
    # slopes of the collector and the error of its surface come on top.
    assert 1 < said["mixed_below"] / (5 * np.hypot(0.632, 0.289) * 60e-9) < 1.15
    assert main(["volume", "profile", path, "--mixed", "300nm", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["mixed_below"] == pytest.approx(300e-9)
    assert said["attenuation"][5] == pytest.approx(0.0715, abs=0.01)
    assert len(said["attenuation"]) == len(said["sd"]) == len(said["distance"])
    with (tmp_path / "p.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [float(row["attenuation"]) for row in rows] == said["attenuation"]
    container = read_container(out)
    assert [container[f"/{n}/data/title"] for n in range(2)] == ["Section 972 nm", "Section 300 nm"]
    assert image(container, 0).values.mean() == pytest.approx(0.0715, abs=0.01)
    for words, code in (
        (["--section", "972nm"], 2), (["--section", "972", "-o", out], 2), (["--bin", "10nm"], 1),
        (["--reach", "1m"], 1), (["--reach", "x"], 2), (["--section", "-1um", "-o", out], 2),
        (["--section", "90um", "-o", out, "--overwrite"], 1),
    ):  # fmt: skip
        assert main(["volume", "profile", path, *words]) == code, words
        assert 0 < len(capsys.readouterr().err.splitlines()) <= 3


def test_attenuation_is_0_in_air_and_1_in_the_collector():
    levels = Levels(GREY_AIR, GREY_COLLECTOR)
    grey = np.array([GREY_AIR, GREY_COLLECTOR, (GREY_AIR + GREY_COLLECTOR) / 2], np.float32)
    np.testing.assert_allclose(levels.normalised(grey), [0, 1, 0.5], atol=1e-6)


def test_an_upright_section_is_the_plane_itself_with_air_at_the_top(tmp_path, capsys):
    drawn = electrode_volume((60, 50, 44), thickness=20.0, seed=12)
    volume = volume_from_array(drawn.grey, VOXEL)
    levels = Levels(GREY_AIR, GREY_COLLECTOR)
    section = upright_section(volume, levels, "y", 1.01e-6)  # the twenty-first row of 50 nm
    np.testing.assert_allclose(section.values, levels.normalised(drawn.grey)[::-1, 20], atol=1e-6)
    assert section.attrs["long_name"] == "Section y = 1.01 µm"
    np.testing.assert_allclose(section["y"].values, (np.arange(60) + 0.5) * 60e-9)
    other = upright_section(volume, levels, "x", 0.0)
    np.testing.assert_allclose(other.values, levels.normalised(drawn.grey)[::-1, :, 0], atol=1e-6)
    for place in (2.51e-6, -1e-9):
        with pytest.raises(ValueError, match="outside the volume"):
            upright_section(volume, levels, "y", place)
    path, out = str(tmp_path / "v.zarr"), str(tmp_path / "s.gwy")
    save_volume(path, volume)
    assert main(["volume", "profile", path, "--upright", "x=1um", "-o", out]) == 0
    field = image(read_container(out), 0)
    assert (field.x_real, field.y_real) == pytest.approx((50 * 50e-9, 60 * 60e-9))
    assert field.values[-1].mean() == pytest.approx(1, abs=0.05)
    capsys.readouterr()
    for wrong in ("z=1um", "x", "x=1", "y="):
        assert main(["volume", "profile", path, "--upright", wrong, "-o", out]) == 2


def test_the_collector_alone_is_the_control_of_the_profile():
    _, volume, levels, surfaces = drawn_and_opened((66, 58, 46), seed=33)
    bare = electrode_volume((66, 58, 46), thickness=0, rough=5.0, tilt=0.12, seed=33)
    alone = profile_of(
        volume_from_array(bare.grey, VOXEL), levels, surfaces, bin_width=BIN, reach=8 * BIN, mixed_below=0.0
    )
    profile = profile_of(volume, levels, surfaces, bin_width=BIN, reach=8 * BIN)
    np.testing.assert_allclose(profile.control[1:], alone.attenuation[1:], atol=0.002)
    assert profile.control[0] == pytest.approx(alone.attenuation[0], rel=0.2)
    assert profile.control[0] > 0.1
    assert np.abs(profile.control[profile.distance > profile.mixed_below]).max() < 0.002


def test_in_a_field_that_is_hardly_larger_than_its_patches_the_error_is_no_smaller_than_the_scatter():
    means, errors = [], []
    for seed in range(16):
        rng = np.random.default_rng(seed)
        patches = np.kron(rng.standard_normal((5, 5)), np.ones((19, 19)))[3:75, 5:81]
        grey = np.where(np.arange(20)[:, None, None] < 8, 1.0, 0.2 + 0.05 * patches).astype(np.float32)
        surface = np.full(patches.shape, 8 * 60e-9)
        names = ("collector_surface", "electrode_surface", "thickness")
        maps = dict.fromkeys(names, (("y", "x"), surface))
        profile = profile_of(
            volume_from_array(grey, (60e-9,) * 3), Levels(0.0, 1.0), xr.Dataset(maps), reach=0.5e-6, side=100
        )
        means.append(profile.attenuation[3])
        errors.append(profile.mean_error[3])
    assert 0.8 < np.sqrt(np.mean(np.square(errors))) / np.std(means, ddof=1) < 1.7


def test_far_above_the_collector_blocks_of_voxels_tell_the_distance_as_well():
    drawn = electrode_volume((90, 90, 82), rough=5.0, tilt=0.12, seed=9)
    exact = distance_from_surface(drawn.z0, slice(2, 90), VOXEL)
    far = []
    for tile in tiles((90, 82), 41, 60):
        found = _distances(drawn.z0[tile.outer], slice(2, 90), VOXEL, tile)
        apart = np.abs(found - exact[(slice(None), *tile.target)])
        near = math.ceil(drawn.z0[tile.outer].max()) + 16 - 2
        assert found.shape[0] - near > 16
        assert apart[:near].max() < 1e-12
        far.append(apart[near:].ravel())
    together = np.concatenate(far)
    assert together.mean() < 12e-9  # a fifth of a voxel, on slopes of up to 45 degrees
    assert np.quantile(together, 0.999) < 60e-9
