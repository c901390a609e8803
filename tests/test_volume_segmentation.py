"""Classes of voxels from strokes as a person paints them, against volumes whose phases were drawn."""

import json

import numpy as np
import pytest
from electrode_volumes import electrode_volume

from napari_tesm.cli import main
from napari_tesm.io.volumes import open_volume, save_volume
from napari_tesm.volumes.dataset import INTENSITY, volume_from_array
from napari_tesm.volumes.levels import Levels, levels_of
from napari_tesm.volumes.segmentation import (
    classes_from_labels,
    classified,
    segmented,
    segmented_by_levels,
    shares_of,
)

VOXEL = (60e-9, 50e-9, 60e-9)
AIR, MATRIX, PARTICLE, COLLECTOR = 1, 2, 3, 4


def phases(drawn):
    """The true class of each voxel."""
    middles = np.arange(drawn.attenuation.shape[0])[:, None, None] + 0.5
    true = np.full(drawn.attenuation.shape, AIR)
    inside = (middles > drawn.z0 + drawn.gap) & (middles < drawn.z1)
    true[inside] = MATRIX
    true[inside & (drawn.attenuation > 0.13)] = PARTICLE
    true[middles < drawn.z0] = COLLECTOR
    return true


def strokes(true, rng, each=5, sections=3):
    """Straight strokes, three voxels wide, on a few upright sections; up to a seventh of each lies beside its aim."""
    painted = np.zeros(true.shape, np.uint8)
    for row in np.linspace(0, true.shape[1] - 1, sections + 2)[1:-1].astype(int):
        section = true[:, row]
        for number in (AIR, MATRIX, PARTICLE, COLLECTOR):
            places, done = np.argwhere(section == number), 0
            for _ in range(400):
                if done == each:
                    break
                angle, length = rng.uniform(0, np.pi), rng.integers(4, 20)
                line = places[rng.integers(len(places))] + np.outer(
                    np.arange(length), [np.sin(angle), np.cos(angle)]
                )
                brush = [line + step for step in ((0, 0), (0, 1), (1, 0), (-1, 0), (0, -1))]
                points = np.unique(np.round(np.concatenate(brush)).astype(int), axis=0)
                points = points[((points >= 0) & (points < section.shape)).all(axis=1)]
                if (section[tuple(points.T)] == number).mean() < 0.85:
                    continue
                painted[points[:, 0], row, points[:, 1]] = number
                done += 1
    return painted


def overlap(found, true, number):
    """Intersection over union."""
    return ((found == number) & (true == number)).sum() / ((found == number) | (true == number)).sum()


@pytest.fixture(scope="module")
def painted():
    drawn = electrode_volume((86, 104, 88), thickness=42.0, lumps=4, radii=(9.0, 13.0), gap=6.0, seed=91)
    volume = volume_from_array(drawn.grey, VOXEL)
    true = phases(drawn)
    return volume, levels_of(volume), true, strokes(true, np.random.default_rng(5))


def test_strokes_of_a_person_are_enough_for_particles(painted):
    volume, levels, true, labels = painted
    assert (labels > 0).mean() < 0.005
    classes = classes_from_labels(volume, levels, labels)
    assert classes.numbers.tolist() == [AIR, MATRIX, PARTICLE, COLLECTOR]
    assert classes.collector == COLLECTOR
    assert classes.agreement.min() > 0.85
    found = segmented(volume, levels, classes)[INTENSITY].values
    assert overlap(found, true, PARTICLE) > 0.75
    assert overlap(found, true, MATRIX) > 0.85
    assert overlap(found, true, COLLECTOR) > 0.98
    shares = shares_of(segmented(volume, levels, classes))
    assert shares[PARTICLE] == pytest.approx((found == PARTICLE).mean())


def test_the_collectors_blur_is_no_particle(painted):
    volume, levels, true, labels = painted
    found = segmented(volume, levels, classes_from_labels(volume, levels, labels))[INTENSITY].values
    by_levels = segmented_by_levels(volume, levels, [0.03, 0.13, 0.53])[INTENSITY].values
    top = np.where(true == COLLECTOR, np.arange(true.shape[0])[:, None, None], 0).max(axis=0)
    above = np.abs(np.arange(true.shape[0])[:, None, None] - top - 1.5) < 1
    for classes in (found, by_levels):
        assert (classes[above] == PARTICLE).mean() < 0.25
    assert overlap(by_levels, true, PARTICLE) > 0.6


def test_parts_are_as_the_whole(painted):
    volume, levels, _, labels = painted
    classes = classes_from_labels(volume, levels, labels)
    whole = segmented(volume, levels, classes)[INTENSITY]
    part = (slice(10, 41), slice(33, 70), slice(5, 47))
    np.testing.assert_array_equal(classified(volume, levels, classes, part), whole.values[part])
    np.testing.assert_array_equal(whole[20:50:7, 3, ::2].values, whole.values[20:50:7, 3, ::2])


def test_the_command_writes_labels(painted, tmp_path, capsys):
    volume, _, true, labels = painted
    turned = str(tmp_path / "v.zarr")
    save_volume(
        turned, volume_from_array(volume[INTENSITY].values[::-1].transpose(1, 0, 2), (50e-9, 60e-9, 60e-9))
    )
    drawn, out, numbers = (str(tmp_path / name) for name in ("l.zarr", "s.zarr", "s.json"))
    save_volume(drawn, volume_from_array(labels[::-1].transpose(1, 0, 2).copy(), (1e-9, 1e-9, 1e-9)))
    words = ["volume", "segment", turned, "--up", "-y", "-o", out, "--json", numbers]
    assert main([*words, "--labels", drawn]) == 0
    assert "Class 3" in capsys.readouterr().out
    found = open_volume(out)
    assert found.attrs["voxel"] == pytest.approx(VOXEL)
    assert overlap(found[INTENSITY].values, true, PARTICLE) > 0.75
    said = json.loads((tmp_path / "s.json").read_text())
    assert [entry["number"] for entry in said["classes"]] == [1, 2, 3, 4]
    assert sum(entry["share"] for entry in said["classes"]) == pytest.approx(1)
    assert said["classes"][PARTICLE - 1]["attenuation"] == pytest.approx(0.18, abs=0.03)
    for wrong, code in (
        ([], 2), (["--labels", drawn, "--thresholds", "0.1"], 2), (["--thresholds", "0.3,0.1"], 1),
        (["--thresholds", "x"], 2), (["--labels", turned], 1),
    ):  # fmt: skip
        assert main([*words[:-2], "--overwrite", *wrong]) == code, wrong
        assert 0 < len(capsys.readouterr().err.splitlines()) <= 3


def test_labels_that_teach_nothing_are_refused(painted):
    volume, levels, _, labels = painted
    few = np.zeros_like(labels)
    few[3, 4, :5], few[60, 50] = 1, 2
    for wrong, said in (
        (np.zeros_like(labels), "none were painted"), (np.where(labels == 2, 2, 0), "2 were painted"),
        (few, "class 1 was painted on 5"), (labels[:-1], "belong to another volume"),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=said):
            classes_from_labels(volume, levels, wrong)


def test_coarser_levels_of_labels_hold_labels(tmp_path):
    zarr = pytest.importorskip("zarr")
    grey = np.where(np.arange(160)[:, None, None] % 4 < 2, 1.0, 0.0) * np.ones((1, 20, 24), np.float32)
    striped = volume_from_array(grey.astype(np.float32), VOXEL)
    save_volume(tmp_path / "s.zarr", segmented_by_levels(striped, Levels(0.0, 1.0), [0.2], smoothing=0.01))
    coarse = zarr.open_group(str(tmp_path / "s.zarr"))["1"][:]
    assert set(np.unique(coarse)) == {1, 2}


def test_voxels_without_a_number_have_no_class():
    drawn = electrode_volume((60, 52, 46), noise=0.02, seed=5)
    grey = drawn.grey.astype(np.float32)
    grey[:, :9, 30:] = np.nan
    volume, whole = (volume_from_array(values, VOXEL) for values in (grey, drawn.grey.astype(np.float32)))
    levels, missing = levels_of(whole), np.isnan(grey)
    classes = classes_from_labels(whole, levels, strokes(phases(drawn), np.random.default_rng(1)))
    for found, of_whole in (
        (segmented_by_levels(volume, levels, [0.03, 0.6]), segmented_by_levels(whole, levels, [0.03, 0.6])),
        (segmented(volume, levels, classes), segmented(whole, levels, classes)),
    ):
        values, expected = found[INTENSITY].values, of_whole[INTENSITY].values
        assert (values[missing] == 0).all()
        assert (values[~missing] > 0).all()
        # Away from the hole nothing is other than without one.
        assert np.array_equal(values[:, 30:, :20], expected[:, 30:, :20])
        shares = shares_of(found)
        assert sum(shares.values()) == pytest.approx(1)
        assert shares[1] == pytest.approx((values[~missing] == 1).mean())
