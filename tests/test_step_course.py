"""How a quantity goes away from a step: against maps whose course is known."""

import numpy as np
import pytest

from napari_tesm.regions.shapes import Region
from napari_tesm.regions.step_course import course_across_step, pixels_of_step, thickness_of_step

PIXEL = 5e-9
X = (np.arange(80) + 0.5) * PIXEL
Y = (np.arange(60) + 0.5) * PIXEL
MIDDLE = 200e-9
STEP = Region("line", ((MIDDLE, 0.0), (MIDDLE, 300e-9)), "step", "step", width=15e-9)


def map_of(course, *, noise=0.05, seed=0):
    """Return a map whose logarithm has the given course with the distance from the step, and white noise."""
    rng = np.random.default_rng(seed)
    values = np.broadcast_to(course(X - MIDDLE), (Y.size, X.size))
    return values * np.exp(noise * rng.standard_normal(values.shape))


def paper_course(away):
    """1e-12 on the step, 6e-13 beside it, rising slightly to 7e-13 far away at the left; flat at the right."""
    far = 6e-13 * (1 + 0.2 * np.clip((-away - 80e-9) / 100e-9, 0, 1))
    return np.where(np.abs(away) <= 7.5e-9, 1e-12, far)


def test_the_paper_course_is_found_and_said():
    course = course_across_step(map_of(paper_course), STEP, X, Y)
    assert course is not None
    assert course.peaks_on_step
    assert course.median == pytest.approx(1e-12, rel=0.02)
    # The line walks down the image: its right hand, positive distances, is at smaller x.
    right, left = (one for one in course.sides)
    assert (right.side, left.side) == (-1, 1)
    assert left.falls
    assert left.rises_again
    assert left.zones[left.lowest].median == pytest.approx(6e-13, rel=0.03)
    assert left.zones[-1].median == pytest.approx(7e-13, rel=0.04)
    assert right.falls
    assert not right.rises_again
    words = " ".join(course.sentences_about("D2", "m²/s", "m"))
    assert "D2 is highest on the step" in words
    assert "rises again to" in words


@pytest.mark.slow
def test_a_flat_map_neither_falls_nor_rises_more_often_than_the_level():
    false = 0
    for seed in range(60):
        course = course_across_step(map_of(np.ones_like, noise=0.3, seed=seed), STEP, X, Y)
        assert course is not None
        false += sum(one.falls + one.rises_again for one in course.sides)
    # 240 tests at 5 %, corrected for the choice: 12 expected at most, 20 is the 99th percentile.
    assert false <= 20


def test_a_peak_beside_the_step_is_not_taken_for_one_on_it():
    def beside(away):
        return np.where(np.abs(away - 60e-9) < 10e-9, 2e-12, 5e-13)

    course = course_across_step(map_of(beside), STEP, X, Y)
    assert course is not None
    assert not course.peaks_on_step
    assert abs(course.peak) == pytest.approx(60e-9, abs=PIXEL * 2)
    assert "not on the step" in next(iter(course.sentences_about("D2", "m²/s", "m")))


def test_pixels_nearer_to_another_step_are_left_out():
    other = Region("line", ((300e-9, 0.0), (300e-9, 300e-9)), "other", "step", width=10e-9)
    own = pixels_of_step(STEP, [other], X, Y, spacing=(PIXEL, PIXEL))
    assert own[:, X < 250e-9].all()
    assert not own[:, X > 250e-9].any()


def test_too_few_values_give_no_course():
    values = np.full((Y.size, X.size), np.nan)
    values[:3, :3] = 1e-13
    assert course_across_step(values, STEP, X, Y) is None


@pytest.mark.parametrize("width", [15e-9, 35e-9])
def test_the_thickness_of_a_strip_is_that_of_the_strip_and_not_of_its_neighbour(width):
    step = Region("line", STEP.vertices, "step", "step", width=width)
    neighbour = Region("line", ((320e-9, 0.0), (320e-9, 300e-9)), "other", "step", width=40e-9)
    fine = np.repeat(X, 5) + np.tile((np.arange(5) - 2) * PIXEL / 5, X.size)
    strip = np.exp(-4 * np.log(2) * ((fine - MIDDLE) / width) ** 2)
    strip += 3.0 * (np.abs(fine - 320e-9) < 20e-9)
    values = np.broadcast_to(strip.reshape(-1, 5).mean(axis=1), (Y.size, X.size))
    values = values + 0.01 * np.random.default_rng(0).standard_normal(values.shape)
    _, found = thickness_of_step(values, step, X, Y, others=[neighbour], spacing=(PIXEL, PIXEL))
    assert found is not None
    assert found.kind == "ridge"
    assert found.fwhm == pytest.approx(width, rel=0.15)


def test_noise_has_no_thickness():
    values = np.random.default_rng(1).standard_normal((Y.size, X.size))
    assert thickness_of_step(values, STEP, X, Y, spacing=(PIXEL, PIXEL))[1] is None


def test_a_strip_beside_the_step_is_not_its_thickness():
    strip = np.exp(-4 * np.log(2) * ((X - MIDDLE - 45e-9) / 15e-9) ** 2)
    values = np.broadcast_to(strip, (Y.size, X.size))
    values = values + 0.01 * np.random.default_rng(0).standard_normal(values.shape)
    assert thickness_of_step(values, STEP, X, Y, spacing=(PIXEL, PIXEL))[1] is None
