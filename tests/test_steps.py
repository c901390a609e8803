"""Steps found in images: the simulated sample's, terraces of any direction, and none where there are none."""

import json
from pathlib import Path

import numpy as np
import pytest
from scipy.ndimage import binary_dilation, gaussian_filter

from napari_tesm import open_dataset
from napari_tesm.regions.shapes import mask_from_region
from napari_tesm.regions.step_proposals import steps_from_images
from napari_tesm.regions.step_tracing import (
    extended_to_border,
    is_ring,
    length,
    paths_from_crests,
    smoothed,
    span,
)
from napari_tesm.simulation.scene import STEP, drawn_scene

SAMPLE = Path(__file__).parents[1] / "sample_data"
PIXEL = 5e-9


def axes(shape, pixel=PIXEL):
    return {
        "x": 2e-7 + (np.arange(shape[1]) + 0.5) * pixel,
        "y": -1e-7 + (np.arange(shape[0]) + 0.5) * pixel,
    }


def mask_of(regions, x, y):
    return np.logical_or.reduce(
        [np.zeros((y.size, x.size), dtype=bool), *(mask_from_region(region, x, y) for region in regions)]
    )


def overlap(found, truth):
    """Precision and recall, each with a tolerance of one pixel."""
    around = np.ones((3, 3))
    precision = (found & binary_dilation(truth, around)).sum() / max(found.sum(), 1)
    return precision, (truth & binary_dilation(found, around)).sum() / truth.sum()


def terrace(shape, angle, *, blur=1.0, height=1.0, shift=0.0):
    """A terrace edge through the middle; `angle` is that of its normal."""
    rows, columns = np.indices(shape)
    u = (columns - shape[1] / 2) * np.cos(angle) + (rows - shape[0] / 2) * np.sin(angle) - shift
    return height * gaussian_filter(np.clip(u + 0.5, 0, 1), blur), u


@pytest.mark.parametrize(
    ("names", "precision", "recall"),
    [
        (("topography", "deflection_error"), 0.88, 0.97),
        (("topography",), 0.88, 0.92),
        (("deflection_error",), 0.8, 0.75),
    ],
)
def test_the_steps_of_the_sample_are_found(names, precision, recall):
    dataset = open_dataset(SAMPLE / "si_c_step.gwy")
    truth = np.zeros((dataset.y.size, dataset.x.size), dtype=bool)
    truth[tuple(np.array(json.loads((SAMPLE / "truth.json").read_text())["step_pixels"]).T)] = True
    x, y = dataset.x.values, dataset.y.values
    regions = steps_from_images(**{name: dataset[name].values for name in names}, x=x, y=y)
    found = overlap(mask_of(regions, x, y), truth)
    assert found[0] > precision
    assert found[1] > recall


@pytest.mark.parametrize("seed", range(4))
def test_the_steps_of_other_simulated_scenes_are_found_and_little_else(seed):
    rng = np.random.default_rng(seed)
    scene = drawn_scene(120, 96, rng)
    noisy = scene.topography + 0.15e-9 * rng.standard_normal(scene.topography.shape)
    errors = scene.deflection_error + 2e-5 * rng.standard_normal(noisy.shape)
    regions = steps_from_images(noisy, errors, x=scene.x, y=scene.y)
    precision, recall = overlap(mask_of(regions, scene.x, scene.y), scene.classes == STEP)
    assert precision > 0.85
    assert recall > 0.8
    assert len(regions) <= 4


@pytest.mark.parametrize("angle", np.linspace(0, np.pi, 13))
def test_a_terrace_of_any_direction_is_one_step_from_border_to_border(angle):
    shape = (72, 96)
    image, u = terrace(shape, angle, blur=1.5)
    image += 0.05 * np.random.default_rng(3).standard_normal(shape)
    grid = axes(shape)
    regions = steps_from_images(image, **grid)
    assert len(regions) == 1
    (step,) = regions
    assert (step.kind, step.region_class, step.name) == ("path", "step", "step 1")
    # An edge blurred by 1.5 pixels has a slope of 3.5 pixels' width.
    assert step.width == pytest.approx(3.5 * PIXEL, rel=0.25)
    mask = mask_from_region(step, **grid)
    precision, recall = overlap(mask, np.abs(u) < 1.8)
    assert precision > 0.97
    assert recall > 0.97


@pytest.mark.parametrize("width", [3, 6, 12])
def test_a_raised_strip_is_one_step_with_its_width(width):
    shape = (100, 100)
    _, u = terrace(shape, 0.8)
    image = gaussian_filter((np.abs(u) < width / 2).astype(float), 1.0)
    image += 0.05 * np.random.default_rng(4).standard_normal(shape)
    grid = axes(shape)
    regions = steps_from_images(image, **grid)
    assert len(regions) == 1
    assert regions[0].width == pytest.approx(width * PIXEL, rel=0.35)
    assert min(overlap(mask_of(regions, **grid), np.abs(u) < width / 2)) > 0.9


def test_two_terraces_a_few_pixels_apart_stay_two():
    shape = (100, 100)
    image = terrace(shape, 0.5, shift=-6)[0] + terrace(shape, 0.5, shift=6)[0]
    image += 0.03 * np.random.default_rng(5).standard_normal(shape)
    assert len(steps_from_images(image, **axes(shape))) == 2


def test_slope_line_jumps_and_missing_pixels_do_not_hide_a_step():
    rng = np.random.default_rng(6)
    shape = (80, 110)
    image, u = terrace(shape, 0.4, blur=1.0)
    image = image + 0.02 * np.arange(shape[1]) - 0.05 * np.arange(shape[0])[:, None]
    image += 0.3 * rng.standard_normal(shape[0])[:, None] + 0.05 * rng.standard_normal(shape)
    image[30:36, 40:70] = np.nan
    grid = axes(shape)
    regions = steps_from_images(image, **grid)
    assert min(overlap(mask_of(regions, **grid), (np.abs(u) < 1.2) & np.isfinite(image))) > 0.8
    assert len(regions) <= 2


def test_pixels_that_are_not_square_do_not_matter():
    shape = (60, 150)
    rows, columns = np.indices(shape)
    u = (columns * 2e-9 - 150e-9) * 0.8 + (rows * 6e-9 - 180e-9) * 0.6
    image = np.tanh(u / 6e-9) + 0.05 * np.random.default_rng(7).standard_normal(shape)
    x, y = np.arange(150) * 2e-9, np.arange(60) * 6e-9
    regions = steps_from_images(image, x=x, y=y)
    assert len(regions) == 1
    distance = (regions[0].xy() - [150e-9, 180e-9]) @ [0.8, 0.6]
    assert np.abs(distance).max() < 5e-9


@pytest.mark.parametrize("kind", ["white", "smooth", "jumping lines"])
def test_noise_has_no_steps(kind):
    seen = 0
    for seed in range(50):
        rng = np.random.default_rng(seed)
        noise = rng.standard_normal((64, 64))
        if kind == "smooth":
            noise = gaussian_filter(noise, 1.0)
        if kind == "jumping lines":
            noise += rng.standard_normal(64)[:, None]
        seen += bool(steps_from_images(noise, **axes(noise.shape)))
    assert seen <= 2


def test_noise_in_two_images_has_no_steps_either():
    rng = np.random.default_rng(0)
    found = [steps_from_images(*rng.standard_normal((2, 128, 128)), **axes((128, 128))) for _ in range(10)]
    assert not any(found)


@pytest.mark.parametrize(
    "image",
    [np.zeros((40, 40)), np.full((40, 40), np.nan), np.ones((1, 1)), np.zeros((1, 50)), np.zeros((50, 1)),
     np.random.default_rng(0).standard_normal((8, 8)), np.add.outer(np.arange(40.0), 2 * np.arange(50.0))],
)  # fmt: skip
def test_flat_tilted_empty_and_tiny_images_have_no_steps(image):
    assert steps_from_images(image, **axes(image.shape)) == []
    assert steps_from_images(image, image, **axes(image.shape), spacing=(1.0, 1.0)) == []


def test_a_flawless_step_without_any_noise_is_found():
    shape = (64, 64)
    image, _ = terrace(shape, 0.7)
    assert len(steps_from_images(image, **axes(shape))) == 1


def test_particles_and_the_shadows_beside_them_are_no_steps():
    rng = np.random.default_rng(8)
    shape = (200, 200)
    rows, columns = np.indices(shape)
    image = 0.02 * rng.standard_normal(shape)
    places = np.stack(np.meshgrid([35, 75, 115, 155], [30, 90, 150]), axis=-1).reshape(-1, 2)
    for r, c in places + rng.uniform(-8, 8, (12, 2)):
        image += np.exp(-((rows - r) ** 2 + (columns - c) ** 2) / 18)
        image -= 0.2 * np.exp(-((rows - r) ** 2) / 4) * np.exp(-(columns - c) / 25) * (columns > c)
    assert steps_from_images(image, **axes(shape)) == []


def test_the_weak_and_the_short_are_left_out_as_asked():
    shape = (120, 120)
    image = terrace(shape, 0.3, shift=-20)[0] + terrace(shape, 0.3, shift=25, height=0.3)[0]
    image += 0.01 * np.random.default_rng(9).standard_normal(shape)
    grid = axes(shape)
    assert len(steps_from_images(image, **grid, contrast=0.1)) == 2
    assert len(steps_from_images(image, **grid, contrast=0.6)) == 1
    assert len(steps_from_images(image, **grid, contrast=0.1, most=1)) == 1
    assert steps_from_images(image, **grid, shortest=200 * PIXEL) == []


def test_what_cannot_be_looked_at_is_refused_in_a_sentence():
    with pytest.raises(ValueError, match="at least one"):
        steps_from_images(x=np.arange(3.0), y=np.arange(3.0))
    with pytest.raises(ValueError, match="grid of 4 lines of 5"):
        steps_from_images(np.zeros((5, 4)), x=np.arange(5.0), y=np.arange(4.0))


def test_a_ring_and_a_line_with_a_gap_are_traced_whole():
    rows, columns = np.indices((60, 60))
    strength = np.zeros((60, 60))
    strength[np.abs(np.hypot(rows - 20, columns - 20) - 12) < 0.6] = 5.0
    strength[50, 5:25] = strength[50, 29:55] = 5.0
    paths = paths_from_crests(strength > 0, strength, everywhere=1.0, somewhere=4.0, gap=5.0)
    assert len(paths) == 2
    (ring,), (line,) = [p for p in paths if is_ring(p)], [p for p in paths if not is_ring(p)]
    assert length(ring) == pytest.approx(2 * np.pi * 12, rel=0.1)
    assert span(ring) == pytest.approx(24 * np.sqrt(2), rel=0.05)
    assert {tuple(line[0]), tuple(line[-1])} == {(50, 5), (50, 54)}
    assert is_ring(smoothed(ring, 1.5))


def test_a_straight_path_stays_straight_and_goes_on_to_the_border():
    path = np.column_stack([np.full(30, 7.0), np.arange(4.0, 34.0)])
    assert np.allclose(smoothed(path, 2.0)[:, 0], 7.0, atol=0)
    longer = extended_to_border(path, (20, 36), 5.0)
    assert np.allclose(sorted(longer[[0, -1], 1]), [-0.5, 35.5], atol=0)
    assert np.array_equal(extended_to_border(path, (20, 60), 3.0), path)
