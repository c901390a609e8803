"""How a quantity goes away from a step: against maps whose course is known."""

import re
from dataclasses import replace

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from napari_tesm.plotting.step_course import AcrossStep, draw_across_step, draw_course
from napari_tesm.regions.shapes import Region, mask_from_region
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
    return np.where(np.abs(away) <= 7.6e-9, 1e-12, far)


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


WIDE = 3.7e-6 + (np.arange(60) + 0.5) * 8e-9
LOW = -2.3e-6 + (np.arange(40) + 0.5) * 5e-9
"""Centres of pixels that are 8 nm wide and 5 nm high."""


def upright(x, width=0.0):
    return Region("line", ((x, LOW[0]), (x, LOW[-1])), "step", "step", width=width)


def test_zones_in_words_run_outwards_with_their_own_pixels():
    middle, rng = WIDE[25], np.random.default_rng(3)
    away = np.abs(WIDE - middle)
    values = np.where(away <= 14e-9, 1e-12, np.where(away < 90e-9, 4e-13, 7e-13))
    values = values * np.exp(0.05 * rng.standard_normal((LOW.size, WIDE.size)))
    values[rng.random(values.shape) < 0.1] = np.nan
    course = course_across_step(values, upright(middle, 28e-9), WIDE, LOW)
    first, *sides = course.sentences_about("D2", "m²/s", "m")
    on_step = np.isfinite(values[:, away <= 14e-9]).sum()
    assert f"(n = {on_step} pixels within 14 nm)" in first
    assert len(sides) == 2
    for words, side in zip(sides, (-1, 1), strict=True):
        # The line walks down the image: positive distances are at its right hand, at smaller x.
        signed = side * np.broadcast_to(middle - WIDE, values.shape)
        there = (signed > 14e-9) & np.isfinite(values)
        edges = np.linspace(14e-9, np.percentile(signed[there], 95), 4)
        inside = there & (signed > edges[0]) & (signed <= edges[1])
        found = re.search(r"to (\S+)×10⁻¹³ m²/s between ([\d.]+) nm and ([\d.]+) nm \(n = (\d+);", words)
        median, start, stop, count = (float(number) for number in found.groups())
        assert median == pytest.approx(np.median(values[inside]) * 1e13, rel=6e-3)
        assert (start, stop) == pytest.approx(tuple(edges[:2] * 1e9), rel=6e-3)
        assert count == inside.sum()
        beyond = there & (signed > edges[2]) & (signed <= edges[3])
        assert f"beyond {edges[2] * 1e9:.3g} nm (n = {beyond.sum()};" in words


@pytest.mark.parametrize("column", range(20, 40, 3))
def test_a_step_as_wide_as_four_pixels_takes_five_columns_where_it_runs_through_the_middle_of_one(column):
    """Both outer columns lie half the width away, whatever the last bit of where the image lies."""
    step = upright(WIDE[column], 32e-9)
    inside = mask_from_region(step, WIDE, LOW)
    assert inside.any(axis=0).nonzero()[0].tolist() == list(range(column - 2, column + 3))
    course = course_across_step(np.ones((LOW.size, WIDE.size)), step, WIDE, LOW)
    assert course.n == 5 * LOW.size


def test_a_step_without_a_width_takes_half_the_longer_side_of_a_pixel():
    values = np.exp(0.1 * np.random.default_rng(0).standard_normal((LOW.size, WIDE.size)))
    # 3 nm beside the centres of a column, 5 nm beside those of the next.
    course = course_across_step(values, upright(WIDE[25] + 3e-9), WIDE, LOW)
    assert course.half_width == pytest.approx(4e-9)
    assert course.n == LOW.size
    assert course.median == pytest.approx(np.median(values[:, 25]))


def test_the_choice_of_the_lowest_of_three_zones_costs_a_factor_of_three():
    course = course_across_step(map_of(paper_course), STEP, X, Y).sides[1]
    assert (len(course.zones), course.rise is not None) == (3, True)
    doubtful = replace(
        course, fall=replace(course.fall, p_value=0.02), rise=replace(course.rise, p_value=0.02)
    )
    assert doubtful.p_of_fall == pytest.approx(0.06)
    assert doubtful.p_of_rise == pytest.approx(0.04)
    assert not doubtful.falls
    assert doubtful.rises_again
    assert replace(course, fall=replace(course.fall, p_value=0.6)).p_of_fall == 1.0


def test_drawings_shade_the_step_where_it_is_and_give_its_thickness():
    width, figure = 32e-9, Figure()
    strip = np.exp(-4 * np.log(2) * ((WIDE - WIDE[25]) / width) ** 2)
    values = 1e-12 * (strip + 0.01 * np.random.default_rng(0).standard_normal((LOW.size, WIDE.size)))
    step = upright(WIDE[25], width)
    profile, found = thickness_of_step(values, step, WIDE, LOW, spacing=(5e-9, 8e-9))
    draw_across_step(figure, [AcrossStep("H", "m", profile, found)], lateral_unit="m")
    (axes,) = figure.axes
    (shade,) = (patch for patch in axes.patches if isinstance(patch, Rectangle))
    assert axes.get_xlabel() == "position across the step (nm)"
    assert shade.get_width() == pytest.approx(32, rel=0.1)
    assert shade.get_x() + shade.get_width() / 2 == pytest.approx(0, abs=2)
    size = re.search(r"H: strip, FWHM ([\d.]+)\(\d+\) nm", axes.get_title(loc="left")).group(1)
    assert float(size) == pytest.approx(32, rel=0.1)
    axes = Figure().subplots()
    distance = np.broadcast_to(WIDE - WIDE[25], values.shape)
    course = course_across_step(np.abs(values) + 1e-14, step, WIDE, LOW)
    draw_course(
        axes, distance, np.abs(values) + 1e-14, bins=course.curve.distance, medians=course.curve.median,
        counts=course.curve.n, half_width=course.half_width, name="D2", unit="m²/s", lateral_unit="m",
    )  # fmt: skip
    (shade,) = axes.patches
    assert (shade.get_x(), shade.get_width()) == pytest.approx((-16, 32))
    assert axes.get_xlabel() == "signed distance from the step (nm)"
    median = axes.get_lines()[1]
    enough = course.curve.n >= 5
    np.testing.assert_allclose(median.get_xdata(), course.curve.distance[enough] * 1e9)
    np.testing.assert_allclose(median.get_ydata(), course.curve.median[enough])


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


def test_a_rise_at_the_step_is_an_edge_and_not_the_strip_beside_it():
    # A trench 52 nm wide whose higher side is the step: 12 nm up, over 10.6 nm.
    u = X - MIDDLE
    values = -5e-9 / (1 + np.exp(-(u + 52e-9) / 3e-9)) + 12e-9 / (1 + np.exp(-u / 3e-9))
    values = values + 0.2e-9 * np.random.default_rng(0).standard_normal((Y.size, X.size))
    _, found = thickness_of_step(values, STEP, X, Y, spacing=(PIXEL, PIXEL))
    assert found is not None
    assert found.kind == "edge"
    assert abs(found.height) == pytest.approx(12e-9, rel=0.3)
    # The slope of a logistic course is half as steep ln(3 + 2√2) widths to either side.
    assert found.fwhm == pytest.approx(2 * np.log(3 + 2 * np.sqrt(2)) * 3e-9, rel=0.35)


def test_a_width_that_is_not_known_to_half_of_itself_is_none():
    strip = np.exp(-4 * np.log(2) * ((X - MIDDLE) / 15e-9) ** 2)
    for noise in (0.3, 0.6, 1.2):
        for seed in range(4):
            values = strip + noise * np.random.default_rng(seed).standard_normal((Y.size, X.size))
            _, found = thickness_of_step(values, STEP, X, Y, spacing=(PIXEL, PIXEL))
            assert found is None or found.error < found.fwhm / 2


def test_noise_has_no_thickness():
    values = np.random.default_rng(1).standard_normal((Y.size, X.size))
    assert thickness_of_step(values, STEP, X, Y, spacing=(PIXEL, PIXEL))[1] is None


def test_a_strip_beside_the_step_is_not_its_thickness():
    strip = np.exp(-4 * np.log(2) * ((X - MIDDLE - 45e-9) / 15e-9) ** 2)
    values = np.broadcast_to(strip, (Y.size, X.size))
    values = values + 0.01 * np.random.default_rng(0).standard_normal(values.shape)
    assert thickness_of_step(values, STEP, X, Y, spacing=(PIXEL, PIXEL))[1] is None
