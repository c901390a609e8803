"""Grains found on simulated surfaces with known truth, and what is done with labels of others."""

import numpy as np
import pytest
from scipy.ndimage import binary_dilation, gaussian_filter
from simulated_grains import simulated_grains
from skimage.metrics import adapted_rand_error
from skimage.segmentation import find_boundaries

from napari_tesm.grains import GrainSettings, grains_from_image, grains_from_labels
from napari_tesm.grains.labels import numbered_in_order, touches_edge


def boundary_recall(truth, found, reach=2):
    """Part of the true boundary's pixels that lie within two pixels of one that was found."""
    true, other = (find_boundaries(labels, mode="inner") for labels in (truth, found))
    return float((true & binary_dilation(other, iterations=reach)).sum() / true.sum())


@pytest.mark.parametrize(
    "conditions",
    [
        {},
        {"noise": 1e-9},
        {"tilt": 0.3, "seed": 1},
        {"lines": 1e-9, "seed": 3},
        {"shape": (48, 96), "spacing": (10e-9, 5e-9), "seed": 3},
        {"noise": 0.0},
    ],
    ids=["plain", "noisy", "tilted", "jittering lines", "oblong pixels", "without noise"],
)
@pytest.mark.parametrize(("kind", "method"), [("domes", "domes"), ("terraces", "edges")])
def test_simulated_grains_are_found(kind, method, conditions):
    truth = simulated_grains(kind, **conditions)
    found = grains_from_image(truth.topography, truth.spacing)
    assert found.parameters["method"] == method
    assert adapted_rand_error(truth.labels, found.labels)[0] < (0.12 if "spacing" not in conditions else 0.25)
    assert boundary_recall(truth.labels, found.labels) > 0.93
    assert abs(found.count - 18) <= 4


def test_the_unit_of_height_and_turning_the_image_do_not_matter():
    truth = simulated_grains("terraces", seed=4)
    plain = grains_from_image(truth.topography, truth.spacing)
    scaled = grains_from_image(1e9 * truth.topography + 77, truth.spacing)
    np.testing.assert_array_equal(plain.labels, scaled.labels)
    mirrored = grains_from_image(truth.topography[:, ::-1], truth.spacing)
    assert adapted_rand_error(plain.labels, mirrored.labels[:, ::-1])[0] < 0.03


@pytest.mark.parametrize("conditions", [{}, {"tilt": 0.2}, {"lines": 5e-10}, {"shape": (64, 128)}])
@pytest.mark.parametrize("alike", [0.0, 1.0], ids=["white", "alike over pixels"])
def test_a_flat_surface_is_one_grain_and_a_sentence_says_so(conditions, alike):
    truth = simulated_grains("flat", **conditions, seed=5)
    surface = truth.topography
    if alike:
        surface = surface + gaussian_filter(np.random.default_rng(1).normal(0, 1e-9, surface.shape), alike)
    found = grains_from_image(surface, truth.spacing, source="Topography")
    assert found.count == 1
    assert "Topography shows no border above its noise: the whole image is one grain." in found.words


def test_a_constant_image_is_one_grain():
    found = grains_from_image(np.full((20, 30), 3e-9), (1e-9, 1e-9))
    assert found.count == 1
    assert "perfectly flat" in found.words[0]


def test_what_was_chosen_is_said_and_kept():
    truth = simulated_grains("domes")
    found = grains_from_image(truth.topography, truth.spacing, source="Topography", unit="m")
    assert found.words[0].startswith(f"{found.count} grains were found in Topography around their tops")
    assert "6.2 nm" in " ".join(found.words)
    assert found.parameters["smooth"] == pytest.approx(6.25e-9)
    noise = found.parameters["noise"]
    assert noise == pytest.approx(0.3e-9, rel=0.15)
    again = grains_from_image(truth.topography, truth.spacing, GrainSettings(method="domes", smooth=6.25e-9))
    np.testing.assert_array_equal(again.labels, found.labels)


@pytest.mark.slow
def test_settings_do_what_they_say():
    truth = simulated_grains("domes")
    largest = np.bincount(truth.labels.ravel()).max() * 25e-18
    few = grains_from_image(truth.topography, truth.spacing, GrainSettings(smallest_area=largest))
    assert np.bincount(few.labels.ravel())[1:].min() * 25e-18 >= largest
    assert few.count < 10
    none = grains_from_image(truth.topography, truth.spacing, GrainSettings(noise_factor=1e6))
    assert none.count == 1
    coarse = grains_from_image(truth.topography, truth.spacing, GrainSettings(smooth=40e-9))
    assert coarse.count < 18
    least = grains_from_image(truth.topography, truth.spacing, GrainSettings(smooth=0.1e-9))
    assert "half a pixel" in least.words[1]


def test_pixels_without_a_value_belong_to_no_grain():
    truth = simulated_grains("domes")
    image = truth.topography.copy()
    image[20:30, 40:60] = np.nan
    found = grains_from_image(image, truth.spacing)
    np.testing.assert_array_equal(found.labels == 0, np.isnan(image))
    known = found.labels > 0
    assert adapted_rand_error(truth.labels[known], found.labels[known])[0] < 0.12


@pytest.mark.parametrize(
    ("image", "spacing", "words"),
    [
        (np.zeros((5, 40)), (1.0, 1.0), "too small"),
        (np.zeros((9, 9, 2)), (1.0, 1.0), "image"),
        (np.full((20, 20), np.nan), (1.0, 1.0), "less than half"),
        (np.zeros((20, 20)), (0.0, 1.0), "size of a pixel"),
    ],
)
def test_what_cannot_be_segmented_is_refused_in_a_sentence(image, spacing, words):
    with pytest.raises(ValueError, match=words):
        grains_from_image(image, spacing)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"method": "magic"}, "edges, domes or auto"),
        ({"smooth": -1.0}, "smoothing width"),
        ({"smallest_area": np.nan}, "smallest area"),
        ({"noise_factor": -1.0}, "noise"),
        ({"contrast": 1.0}, "between 0 and 1"),
    ],
)
def test_settings_without_sense_are_refused(values, words):
    with pytest.raises(ValueError, match=words):
        GrainSettings(**values)


def test_labels_of_others_keep_their_numbers():
    labels = np.zeros((9, 12))
    labels[:, :6], labels[:, 6:] = 40, 7
    found = grains_from_labels(labels, (2e-9, 1e-9), source="mine.png").with_class(7, "defect")
    assert found.numbers == [7, 40]
    assert found.class_of(7) == "defect"
    assert found.class_of(40) == "grain"
    assert found.mask_of_class("defect").sum() == 54
    assert found.with_class(7, "grain").label_classes == {}
    assert found.with_class(40, "cluster").class_of(40) == "cluster"
    with pytest.raises(ValueError, match="a cluster or a defect"):
        found.with_class(7, "boulder")


def test_a_mask_of_lines_becomes_the_grains_between_them():
    mask = np.ones((20, 30), dtype=bool)
    mask[:, 10] = mask[12, :] = False
    found = grains_from_labels(mask, (1e-9, 1e-9))
    assert found.count == 4
    assert (found.labels > 0).all()
    assert "connected parts" in found.words[1]


def test_a_wide_gap_is_no_line():
    labels = np.zeros((20, 30), dtype=int)
    labels[:, :8], labels[:, 15:] = 1, 2
    np.testing.assert_array_equal(grains_from_labels(labels, (1.0, 1.0)).labels, labels)


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        (np.full((4, 4), 0.5), "whole numbers"),
        (np.full((4, 4), -1), "positive"),
        (np.zeros((4, 4)), "no grain"),
        (np.zeros(4), "rows and columns"),
        (np.full((4, 4), "a"), "whole numbers"),
    ],
)
def test_what_is_no_label_image_is_refused(labels, words):
    with pytest.raises(ValueError, match=words):
        grains_from_labels(labels, (1.0, 1.0))


def test_numbers_run_in_the_order_of_reading_and_edges_are_known():
    labels = np.full((5, 5), 9)
    labels[2, 2] = 4
    np.testing.assert_array_equal(numbered_in_order(labels)[2], [1, 1, 2, 1, 1])
    assert touches_edge(labels) == {9}
