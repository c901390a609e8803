"""Regions: their JSON, the pixels they hold against brute force, and distances from them."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_tesm.regions.shapes import (
    PinnedPoint,
    Region,
    collection_from_features,
    curve_from_distance,
    distance_from_path,
    distance_from_region,
    mask_from_region,
)

X = 3e-9 + np.arange(20) * 10e-9
Y = -7e-9 + np.arange(14) * 8e-9

coordinates = st.floats(-50e-9, 250e-9).map(lambda value: float(np.float32(value)))
pairs = st.tuples(coordinates, coordinates)


@st.composite
def regions(draw):
    kind = draw(st.sampled_from(["polygon", "rectangle", "ellipse", "line", "path"]))
    count = {"rectangle": 4, "ellipse": 4, "line": 2}.get(kind) or draw(st.integers(3, 8))
    vertices = tuple(draw(pairs) for _ in range(count))
    width = draw(st.floats(0, 80e-9)) if kind in ("line", "path") else 0.0
    return Region(
        kind, vertices, draw(st.text(max_size=8)), draw(st.sampled_from(["step", "grain", "other"])), width
    )


@given(regions())
def test_a_region_comes_back_from_its_json_exactly(region):
    text = json.dumps(collection_from_features([region]))
    assert Region.from_feature(json.loads(text)["features"][0]) == region


@given(st.integers(1, 99), pairs, st.sampled_from([1, 3, 5]))
def test_a_point_comes_back_from_its_json_exactly(number, place, size):
    point = PinnedPoint(number, *place, size, "#12ab34")
    assert PinnedPoint.from_feature(json.loads(json.dumps(point.to_feature()))) == point


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (("circle", ((0, 0),)), "circle"),
        (("polygon", ((0, 0), (1, 1))), "3 vertices"),
        (("line", ((0, 0), (1, 1), (2, 2))), "2 vertices"),
        (("line", ((0, 0), (np.nan, 1))), "finite"),
        (("line", ((0, 0), (1, 1)), "a", "step", -1.0), "negative"),
    ],
)
def test_what_is_no_region_is_refused_in_a_sentence(arguments, word):
    with pytest.raises(ValueError, match=word):
        Region(*arguments)


@pytest.mark.parametrize(
    "feature",
    [{}, {"geometry": None}, {"geometry": {"type": "Blob", "coordinates": []}}, {"geometry": {"type": "Polygon"}}, 3,
     {"geometry": {"type": "LineString", "coordinates": [["a", 1], [2, 3]]}}],
)  # fmt: skip
def test_broken_features_are_refused_in_a_sentence(feature):
    with pytest.raises(ValueError):
        Region.from_feature(feature)
    with pytest.raises(ValueError):
        PinnedPoint.from_feature(feature)


def brute_force_polygon(vertices, x, y):
    """Winding by angles: another way to the same answer, for places that are not on the border."""
    total = 0.0
    for (x0, y0), (x1, y1) in zip(vertices, [*vertices[1:], vertices[0]], strict=True):
        a, b = np.array([x0 - x, y0 - y]), np.array([x1 - x, y1 - y])
        total += np.arctan2(a[0] * b[1] - a[1] * b[0], a @ b)
    return abs(total) > np.pi


def test_a_convex_polygon_holds_the_pixels_whose_centre_is_inside():
    angle = np.linspace(0.2, 2 * np.pi + 0.2, 7, endpoint=False)
    vertices = np.column_stack([95e-9 + 60e-9 * np.cos(angle), 45e-9 + 41e-9 * np.sin(angle)])
    mask = mask_from_region(Region.from_xy("polygon", vertices), X, Y)
    expected = [[brute_force_polygon([tuple(v) for v in vertices], x, y) for x in X] for y in Y]
    assert np.array_equal(mask, expected)
    assert 40 < mask.sum() < 200


def test_rectangles_side_by_side_share_no_pixel_and_leave_none_out():
    # The common border runs exactly through pixel centres.
    left = Region("rectangle", ((X[2], Y[1]), (X[9], Y[1]), (X[9], Y[8]), (X[2], Y[8])))
    right = Region("rectangle", ((X[9], Y[1]), (X[15], Y[1]), (X[15], Y[8]), (X[9], Y[8])))
    both = Region("rectangle", ((X[2], Y[1]), (X[15], Y[1]), (X[15], Y[8]), (X[2], Y[8])))
    masks = [mask_from_region(region, X, Y) for region in (left, right, both)]
    assert not (masks[0] & masks[1]).any()
    assert np.array_equal(masks[0] | masks[1], masks[2])
    assert masks[2].sum() == 13 * 7


def test_an_ellipse_turned_in_its_frame_is_the_ellipse_of_its_equation():
    angle, a, b, centre = 0.6, 60e-9, 25e-9, np.array([90e-9, 45e-9])
    axes = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    corners = [centre + s * a * axes[0] + t * b * axes[1] for s, t in ((-1, -1), (1, -1), (1, 1), (-1, 1))]
    mask = mask_from_region(Region.from_xy("ellipse", corners), X, Y)
    dx, dy = np.meshgrid(X - centre[0], Y - centre[1])
    u, v = dx * axes[0, 0] + dy * axes[0, 1], dx * axes[1, 0] + dy * axes[1, 1]
    assert np.array_equal(mask, (u / a) ** 2 + (v / b) ** 2 < 1)
    assert mask.sum() * 80e-18 == pytest.approx(np.pi * a * b, rel=0.1)


@given(regions().filter(lambda region: region.is_line))
def test_a_line_holds_what_is_near_it_and_what_it_passes(region):
    mask = mask_from_region(region, X, Y)
    distance = np.abs(distance_from_path(region.xy(), X, Y)[0])
    assert (distance[mask] <= max(region.width / 2, np.hypot(5e-9, 4e-9)) * (1 + 1e-9)).all()
    if not region.width:
        for t in np.linspace(0, 1, 101):
            for start, stop in zip(region.xy(), region.xy()[1:], strict=False):
                place = start + t * (stop - start)
                column, row = (place[0] - X[0]) / 10e-9, (place[1] - Y[0]) / 8e-9
                inner = abs(column % 1 - 0.5) > 1e-6 and abs(row % 1 - 0.5) > 1e-6
                i, j = int(np.floor(row + 0.5)), int(np.floor(column + 0.5))
                if inner and 0 <= i < Y.size and 0 <= j < X.size:
                    assert mask[i, j]


def test_a_wide_line_has_flat_ends_and_the_area_of_its_rectangle():
    x = y = np.arange(400) * 1e-9
    region = Region("line", ((100e-9, 120e-9), (260e-9, 240e-9)), width=40e-9)
    assert mask_from_region(region, x, y).sum() == pytest.approx(200 * 40, rel=0.01)


@given(regions(), st.floats(-5, 5), st.floats(-5, 5))
def test_a_region_moved_by_whole_pixels_holds_the_same_pixels_moved(region, dx, dy):
    del dx, dy
    x, y = np.arange(60) * 10e-9 - 200e-9, np.arange(60) * 8e-9 - 200e-9
    # Moved together, pixels and region keep their distances to rounding; centres on a border may fall either way.
    here = mask_from_region(region, x, y)
    there = mask_from_region(region.moved(2.0**-20, 2.0**-21), x + 2.0**-20, y + 2.0**-21)
    assert (here != there).sum() <= 0.02 * here.size


@pytest.mark.parametrize("kind", ["polygon", "rectangle", "ellipse", "line", "path"])
def test_outside_the_image_and_without_extent_there_is_no_pixel_of_an_area(kind):
    count = 2 if kind == "line" else 4
    far = Region(kind, tuple((1e-3 + i * 1e-9, 1e-3 + (i // 2) * 1e-9) for i in range(count)), width=0.0)
    assert not mask_from_region(far, X, Y).any()
    flat = Region(kind, tuple((X[3], Y[3]) for _ in range(count)))
    assert mask_from_region(flat, X, Y).sum() == (1 if kind in ("line", "path") else 0)


def test_a_single_pixel_can_be_inside_and_be_passed():
    x, y = np.array([5e-9]), np.array([5e-9])
    square = Region("rectangle", ((0, 0), (10e-9, 0), (10e-9, 10e-9), (0, 10e-9)))
    line = Region("line", ((1e-9, 9e-9), (9e-9, 8e-9)))
    for region in (square, line):
        assert mask_from_region(region, x, y, spacing=(10e-9, 10e-9)).tolist() == [[True]]


def test_distance_from_a_path_is_signed_and_counts_along_it():
    distance, along = distance_from_path([(0, 0), (100e-9, 0)], X, Y)
    assert np.allclose(np.abs(distance[:, 5]), np.abs(Y), atol=0)
    assert (
        np.sign(distance[2:, 5]) == 1
    ).all()  # below the line, as y points down: to the right of the walker
    assert np.allclose(along[0, :10], X[:10], atol=0)
    assert along.max() == pytest.approx(100e-9)


def test_distance_from_an_area_is_negative_inside_and_zero_at_its_border():
    square = Region("rectangle", ((40e-9, 20e-9), (140e-9, 20e-9), (140e-9, 80e-9), (40e-9, 80e-9)))
    distance = distance_from_region(square, X, Y)
    assert ((distance < 0) == mask_from_region(square, X, Y)).all()
    row, column = 6, 9
    expected = -min(X[column] - 40e-9, 140e-9 - X[column], Y[row] - 20e-9, 80e-9 - Y[row])
    assert distance[row, column] == pytest.approx(expected)


def test_a_curve_against_distance_holds_every_value_once():
    rng = np.random.default_rng(0)
    values, distance = rng.normal(size=500), rng.uniform(-95e-9, 95e-9, 500)
    values[::7] = np.nan
    curve = curve_from_distance(values, distance, 10e-9)
    assert curve.n.sum() == np.isfinite(values).sum()
    assert 0.0 in curve.distance
    index = int(np.flatnonzero(np.isclose(curve.distance, 20e-9, rtol=1e-6, atol=0))[0])
    members = values[(distance >= 15e-9) & (distance < 25e-9) & np.isfinite(values)]
    assert curve.mean[index] == pytest.approx(members.mean())
    assert curve.std[index] == pytest.approx(members.std(ddof=1))
    assert curve.median[index] == pytest.approx(np.median(members))


def test_nothing_against_distance_is_an_empty_curve():
    assert curve_from_distance(np.full(5, np.nan), np.arange(5.0), 1.0).distance.size == 0
    with pytest.raises(ValueError, match="wider"):
        curve_from_distance([1.0], [1.0], 0.0)
