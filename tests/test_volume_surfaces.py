"""Surfaces and thickness of electrodes against volumes that `electrode_volumes` draws, and what is refused."""

import json

import numpy as np
import pytest
from electrode_volumes import GREY_AIR, GREY_COLLECTOR, electrode_volume

from napari_tesm.cli import main
from napari_tesm.gwy import read_container
from napari_tesm.gwy.contents import image
from napari_tesm.io.volumes import open_volume, save_volume
from napari_tesm.volumes.bodies import bodies_of
from napari_tesm.volumes.dataset import volume_from_array
from napari_tesm.volumes.gaps import gap_of
from napari_tesm.volumes.levels import Levels, levels_of
from napari_tesm.volumes.material import material_of
from napari_tesm.volumes.profile import profile_of
from napari_tesm.volumes.section_lines import surfaces_on_section
from napari_tesm.volumes.sections import section_at
from napari_tesm.volumes.surfaces import HALO, collector_surface, level_of_electrode, surfaces_of
from napari_tesm.volumes.thickness import thickness_of
from napari_tesm.volumes.threshold_surfaces import surfaces_by_thresholds

VOXEL = (60e-9, 50e-9, 70e-9)
NM = 60.0
TRUE = Levels(GREY_AIR, GREY_COLLECTOR)


def found(drawn, **settings):
    volume = volume_from_array(drawn.grey, VOXEL)
    return surfaces_of(volume, levels_of(volume), **settings)


def errors(surfaces, drawn):
    """Errors of both surfaces in nm."""
    z0, z1 = (surfaces[f"{name}_surface"].values * 1e9 / NM for name in ("collector", "electrode"))
    return (z0 - drawn.z0) * NM, (z1 - drawn.z1) * NM


@pytest.mark.parametrize(
    ("settings", "most"),
    [({"seed": 11}, 0.03), ({"seed": 12, "thickness": 33.0}, 0.03), ({"seed": 13, "grains": 0.06}, 0.03),
     ({"seed": 14, "level": 0.03, "grains": 0.12}, 0.05), ({"seed": 15, "noise": 0.1}, 0.05)],
    ids=["contrast 6 %", "thinner", "no grains", "contrast 3 %", "noise 10 %"],
)  # fmt: skip
def test_surfaces_are_where_they_were_drawn(settings, most):
    drawn = electrode_volume(**settings)
    surfaces = found(drawn)
    z0, z1 = errors(surfaces, drawn)
    assert abs(z0.mean()) < 5
    assert np.sqrt((z0**2).mean()) < 15
    assert np.median(np.abs(z1)) < 80
    true = (drawn.z1 - drawn.z0).mean() * NM * 1e-9
    assert float(surfaces["thickness"].mean()) == pytest.approx(true, rel=most)
    assert float(surfaces["thickness"].std()) == pytest.approx(
        (drawn.z1 - drawn.z0).std() * NM * 1e-9, rel=0.15
    )


def test_lines_on_one_section_are_where_they_were_drawn():
    drawn = electrode_volume(seed=16)
    volume = volume_from_array(drawn.grey, VOXEL)
    whole = surfaces_of(volume, TRUE)
    level = level_of_electrode(volume, TRUE)
    for axis, index in (("y", 0), ("y", 51), ("x", 40), ("x", 93)):
        number = "yx".index(axis)
        z0, z1 = surfaces_on_section(volume, TRUE, level, axis, index)
        assert np.sqrt(((z0 * 1e9 - np.take(drawn.z0, index, number) * NM) ** 2).mean()) < 15
        if index in (51, 40):  # at the border of the volume smoothing looks to one side
            assert np.median(np.abs(z1 * 1e9 - np.take(drawn.z1, index, number) * NM)) < 80
        # The collector's are those that are found in the whole volume, the electrode's nearly.
        same = whole.isel({axis: index})
        np.testing.assert_allclose(z0, same["collector_surface"], rtol=0, atol=2e-12)
        assert np.median(np.abs(z1 - same["electrode_surface"].values)) < 30e-9


def test_a_section_that_is_not_there_is_refused():
    volume = volume_from_array(electrode_volume((40, 30, 26)).grey, VOXEL)
    with pytest.raises(ValueError, match="no section 26 along x: the volume has 26"):
        surfaces_on_section(volume, TRUE, None, "x", 26)
    assert surfaces_on_section(volume, TRUE, None, "x", 25)[1] is None


def test_the_electrode_s_grey_value_can_be_given():
    drawn = electrode_volume(seed=17, thickness=33.0)
    volume = volume_from_array(drawn.grey, VOXEL)
    itself = surfaces_of(volume, TRUE)
    same = surfaces_of(volume, TRUE, electrode=itself.attrs["electrode_level"])
    np.testing.assert_array_equal(same["thickness"], itself["thickness"])
    grains = GREY_AIR + 0.25 * TRUE.contrast  # only grains are as bright: their tops are the surface
    assert float(surfaces_of(volume, TRUE, electrode=grains)["thickness"].mean()) < 0.9 * float(
        itself["thickness"].mean()
    )


def test_levels_are_those_of_air_and_collector_whatever_lies_between():
    for seed, tilt in ((3, 0.0), (4, 0.1)):
        drawn = electrode_volume(seed=seed, tilt=tilt)
        levels = levels_of(volume_from_array(drawn.grey, VOXEL))
        contrast = GREY_COLLECTOR - GREY_AIR
        assert abs(levels.air - GREY_AIR) < 0.002 * contrast
        assert abs(levels.collector - GREY_COLLECTOR) < 0.002 * contrast
        assert surfaces_of(volume_from_array(drawn.grey, VOXEL), levels).attrs[
            "electrode_level"
        ] == pytest.approx(GREY_AIR + 0.06 * contrast, abs=0.012 * contrast)


def test_a_collector_alone_has_no_electrode():
    drawn = electrode_volume(thickness=0, seed=7)
    surfaces = found(drawn)
    assert surfaces.attrs["electrode_level"] is None
    assert not surfaces["thickness"].values.any()
    assert np.sqrt((errors(surfaces, drawn)[0] ** 2).mean()) < 15


def test_the_place_within_the_voxel_follows_a_surface_that_is_moved_by_parts_of_one():
    planes = np.arange(40)[:, None, None]
    for height in (15.0, 15.25, 15.5, 15.9):
        step = np.clip(height - planes, 0, 1) * np.ones((1, 20, 26))
        grey = (GREY_AIR + (GREY_COLLECTOR - GREY_AIR) * step).astype(np.float32)
        np.testing.assert_allclose(collector_surface(grey, TRUE), height, atol=0.01)


def test_tiles_change_nothing():
    drawn = electrode_volume((64, 130, 87), thickness=20.0, spread=4.0, seed=5)
    whole, tiled = found(drawn, side=500), found(drawn, side=31)
    assert HALO < 45
    for name in whole:
        np.testing.assert_allclose(tiled[name], whole[name], atol=1e-13, err_msg=name)


def test_the_error_of_the_mean_is_the_spread_of_means_over_fields():
    rng = np.random.default_rng(3)
    means, errors = [], []
    for _ in range(60):
        # A field that is alike over some eight pixels: means of a box over white noise.
        white = rng.standard_normal((103, 127))
        sums = np.pad(white.cumsum(0).cumsum(1), ((1, 0), (1, 0)))
        field = 5e-6 + 1e-7 * (sums[8:, 8:] - sums[:-8, 8:] - sums[8:, :-8] + sums[:-8, :-8])
        stated = thickness_of(field)
        means.append(stated.mean)
        errors.append(stated.mean_error)
        assert stated.sd == pytest.approx(8e-7, rel=0.25)
    assert np.sqrt(np.mean(np.square(errors))) == pytest.approx(np.std(means), rel=0.3)


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    drawn = electrode_volume((80, 90, 70), thickness=30.0, seed=21)
    path = tmp_path_factory.mktemp("volume") / "e.zarr"
    save_volume(path, volume_from_array(drawn.grey, VOXEL))
    return str(path), drawn


def test_the_command_writes_channels_and_numbers(stored, tmp_path, capsys):
    path, drawn = stored
    out, numbers = tmp_path / "s.gwy", tmp_path / "s.json"
    assert main(["volume", "surfaces", path, "-o", str(out), "--json", str(numbers)]) == 0
    said = json.loads(numbers.read_text())
    true = (drawn.z1 - drawn.z0).mean() * NM * 1e-9
    assert said["voxel"] == list(VOXEL)
    assert said["thickness"]["mean"] == pytest.approx(true, rel=0.03)
    assert 0 < said["thickness"]["mean_error"] < said["thickness"]["sd"] < true
    assert said["levels"]["collector"] == pytest.approx(GREY_COLLECTOR, abs=0.2)
    assert "µm over the field" in capsys.readouterr().out
    container = read_container(out)
    assert [container[f"/{n}/data/title"] for n in range(3)] == [
        "Collector surface",
        "Electrode surface",
        "Thickness",
    ]
    fields = [image(container, number) for number in range(3)]
    assert {field.unit_z for field in fields} == {"m"}
    np.testing.assert_allclose(fields[1].values - fields[0].values, fields[2].values, atol=1e-12)
    np.testing.assert_allclose(fields[0].values.mean() * 1e9, drawn.z0.mean() * NM, atol=5)
    assert (fields[0].x_real, fields[0].y_real) == pytest.approx((70 * 70e-9, 90 * 50e-9))
    assert main(["volume", "surfaces", path, "-o", str(out)]) == 1  # it is there
    assert "exists" in capsys.readouterr().err


def test_levels_can_be_said(stored, capsys):
    path, _ = stored
    words = ["--air", str(GREY_AIR + 1), "--collector", "48.5", "--json"]
    assert main(["volume", "surfaces", path, *words]) == 0
    assert json.loads(capsys.readouterr().out)["levels"] | {"electrode": 0} == {
        "air": GREY_AIR + 1, "collector": 48.5, "electrode": 0
    }  # fmt: skip
    assert main(["volume", "surfaces", path, "--air", "nan"]) == 2


def test_a_volume_that_is_upside_down_or_on_its_side_is_refused(tmp_path, capsys):
    drawn = electrode_volume((60, 70, 50), thickness=15.0, spread=2.0, seed=2)
    for turned, up, word in (
        (drawn.grey[::-1], "-z", "darker"),
        (drawn.grey.transpose(1, 0, 2), "y", "equally bright"),
        (drawn.grey.transpose(2, 1, 0)[..., ::-1], "-x", "equally bright"),
    ):
        path = str(tmp_path / f"{up}.zarr")
        save_volume(path, volume_from_array(np.ascontiguousarray(turned), (60e-9,) * 3))
        assert main(["volume", "surfaces", path]) == 1
        message = capsys.readouterr().err
        assert word in message
        assert "--up" in message
        volume = open_volume(path, up=up)
        surfaces = surfaces_of(volume, levels_of(volume))
        assert np.sqrt((errors(surfaces, drawn)[0] ** 2).mean()) < 15
    broken = drawn.grey.copy()
    broken[30, 20, 10] = np.nan
    save_volume(tmp_path / "n.zarr", volume_from_array(broken, (60e-9,) * 3))
    assert main(["volume", "surfaces", str(tmp_path / "n.zarr"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["known"] == 1
    broken[:] = np.nan
    save_volume(tmp_path / "nothing.zarr", volume_from_array(broken, (60e-9,) * 3))
    assert main(["volume", "surfaces", str(tmp_path / "nothing.zarr")]) == 1


def test_a_simulated_volume_is_called_simulated_and_has_the_surfaces_of_its_truth(tmp_path, capsys):
    path, truth, out = (str(tmp_path / name) for name in ("v.zarr", "t.gwy", "s.gwy"))
    size = ["--shape", "84x90x100", "--voxel", "70nm"]
    assert main(["volume", "simulate", "-o", path, "--truth", truth, *size, "--seed", "3"]) == 0
    assert "simulated" in capsys.readouterr().out
    assert main(["volume", "surfaces", path, "-o", out]) == 0
    assert "Simulated volume" in capsys.readouterr().out
    true, measured = read_container(truth), read_container(out)
    assert true["/0/data/title"] == "Collector surface (true)"
    apart = image(measured, 0).values - image(true, 0).values
    assert abs(apart.mean()) < 5e-9
    assert image(measured, 2).values.mean() == pytest.approx(image(true, 2).values.mean(), rel=0.03)
    assert image(true, 2).values.mean() == pytest.approx(2e-6, rel=0.05)


def test_the_recipe_of_the_document_is_there_to_be_compared_with(stored, capsys):
    path, drawn = stored
    assert main(["volume", "surfaces", path, "--thresholds", "0.13,0.5", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["thresholds"] == [0.13, 0.5]
    volume = open_volume(path)
    surfaces = surfaces_by_thresholds(volume, TRUE, (0.13, 0.5))
    z0, _ = errors(surfaces, drawn)
    assert 10 < np.sqrt((z0**2).mean()) < 120  # whole voxels, and none of them lost
    heights = surfaces["collector_surface"].values / VOXEL[0]
    np.testing.assert_allclose(heights, np.round(heights), atol=1e-6)
    for wrong, code in (("0.5,0.1", 1), ("0.5", 2), ("a,b", 2), ("0,0.5", 1)):
        assert main(["volume", "surfaces", path, "--thresholds", wrong]) == code
        assert len(capsys.readouterr().err.splitlines()) == 1


def test_what_was_not_reconstructed_is_masked_and_changes_nothing_beside_it():
    drawn = electrode_volume((84, 100, 90), thickness=34.0, gap=400 / 60, lumps=2, radii=(9.0, 11.0), seed=23)
    y, x = np.indices(drawn.z0.shape)
    outside = np.hypot(y - 50, x - 45) > 52  # the corners of a field of view that is a circle
    holed = drawn.grey.copy()
    holed[:, outside] = np.nan
    holed[np.random.default_rng(0).random(holed.shape) < 0.001] = np.nan
    whole, masked = (volume_from_array(grey, VOXEL) for grey in (drawn.grey, holed))
    levels = levels_of(masked)
    assert levels.air == pytest.approx(GREY_AIR, abs=0.3)
    assert levels.collector == pytest.approx(GREY_COLLECTOR, abs=0.3)
    surfaces, true = surfaces_of(masked, levels), surfaces_of(whole, levels)
    np.testing.assert_array_equal(np.isnan(surfaces["thickness"].values), outside)
    z0, _ = errors(surfaces, drawn)
    assert np.sqrt(np.nanmean(z0**2)) < 15
    inner = np.hypot(y - 50, x - 45) < 40
    assert (
        np.nanmedian(np.abs((surfaces["electrode_surface"] - true["electrode_surface"]).values[inner]))
        < 20e-9
    )
    stated = thickness_of(surfaces["thickness"].values)
    assert stated.mean == pytest.approx((drawn.z1 - drawn.z0)[~outside].mean() * NM * 1e-9, rel=0.03)
    gap = gap_of(masked, levels, surfaces)
    assert gap.area_fraction == pytest.approx((drawn.gap > 0)[~outside].mean(), abs=0.05)
    assert (np.isnan(gap.map.values) == outside).all()
    bodies = bodies_of(masked, levels, surfaces, gap)
    assert len(bodies.agglomerates) <= 2
    assert not np.isfinite(bodies.map.values[outside]).any()
    profile = profile_of(masked, levels, surfaces, reach=1.5e-6)
    beside = profile_of(whole, levels, true, reach=1.5e-6)
    assert profile.count.sum() < 0.95 * beside.count.sum()
    np.testing.assert_allclose(profile.attenuation[4:], beside.attenuation[4:], atol=0.012)
    section = section_at(masked, levels, surfaces, 972e-9)
    assert (np.isnan(section.values) >= outside).all()
    assert np.isnan(material_of(masked, levels, surfaces).values[outside]).all()


def test_a_thin_collector_is_found_below_a_high_volume():
    """Of the lowest twentieth of the slices most are above it."""
    rng = np.random.default_rng(6)
    grey = rng.normal(-31.0, 2.0, (700, 18, 22)).astype(np.float32)
    grey[:14] += 78.0
    found = levels_of(volume_from_array(grey, (60e-9, 50e-9, 75e-9)))
    assert (found.air, found.collector) == pytest.approx((-31.0, 47.0), abs=0.5)
