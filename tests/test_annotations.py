"""Regions and points in .gwy files: as drawn after reopening, beside what Gwyddion shows and changes."""

import json
import re

import numpy as np
import pytest
from examples import CORNER, SPACING, drawn, example_dataset, pinned, placed
from gwyfile.objects import GwyContainer
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_tesm import fit, open_dataset, save
from napari_tesm.data.dataset import with_protocol
from napari_tesm.data.protocol import PulseProtocol
from napari_tesm.gwy import contents
from napari_tesm.gwy.graphs import Graph
from napari_tesm.gwy.objects import Brick, Field, metadata_entries
from napari_tesm.gwy.parts import put
from napari_tesm.gwy.reading import read_container
from napari_tesm.gwy.selections import Selection
from napari_tesm.gwy.writing import write_container
from napari_tesm.io.gwy.annotations import annotations_from_container
from napari_tesm.io.gwy.channels import channels_from_container
from napari_tesm.regions.shapes import PinnedPoint, Region, mask_from_region

REGIONS = [
    drawn("rectangle", ((1, 1), (5, 1), (5, 3.75), (1, 3.75)), "grain 1", "grain"),
    drawn("line", ((0.5, 5), (8, 1.5)), "step 1", "step", 0.48e-6),
    drawn("ellipse", ((2, 1.25), (6, 2.5), (5, 5.6), (1, 4.35)), 'a "turned" one\n²', "other"),
    drawn("path", ((0.3, 0.4), (3, 2.5), (8.5, 2.75)), "step 2", "step", 0.8e-6),
    drawn("polygon", ((6, 0.6), (8.8, 0.75), (7, 5)), "défaut", "Cluster"),
]
POINTS = [
    pinned(1, (4.5, 2.5), 1, "#3c78d2"),
    pinned(3, (1.5, 4.5), 3, "#f0781e"),
]


def read_back(path):
    dataset = open_dataset(path)
    return annotations_from_container(read_container(path), dataset["y"], dataset["x"])


def test_regions_and_points_come_back_as_drawn(tmp_path):
    dataset = example_dataset()
    save(tmp_path / "out.gwy", dataset, fit(dataset), regions=REGIONS, points=POINTS)
    annotations = read_back(tmp_path / "out.gwy")
    assert annotations.regions == REGIONS
    assert annotations.points == POINTS
    assert annotations.notes == []


coordinates = st.floats(-4e-6, 1e-5, allow_nan=False)
pairs = st.tuples(coordinates, coordinates)


@st.composite
def any_region(draw):
    kind = draw(st.sampled_from(["polygon", "rectangle", "ellipse", "line", "path"]))
    count = {"rectangle": 4, "ellipse": 4, "line": 2}.get(kind) or draw(st.integers(3, 6))
    text = st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=10)
    width = draw(st.floats(0, 3e-6)) if kind in ("line", "path") else 0.0
    vertices = tuple(draw(st.lists(pairs, min_size=count, max_size=count)))
    return Region(kind, vertices, draw(text), draw(st.sampled_from(["step", "grain", "my own"])), width)


@settings(max_examples=40)
@given(st.lists(any_region(), max_size=5))
def test_any_regions_come_back_exactly(tmp_path_factory, regions):
    path = tmp_path_factory.mktemp("any") / "out.gwy"
    save(path, example_dataset(shape=(4, 5), samples=30), regions=regions, points=[])
    assert read_back(path).regions == regions


def test_saved_again_from_its_own_output_the_file_is_the_same(tmp_path):
    dataset = example_dataset()
    save(tmp_path / "1.gwy", dataset, fit(dataset), regions=REGIONS, points=POINTS)
    contents_ = []
    for name in ("2.gwy", "3.gwy"):
        again = open_dataset(tmp_path / "1.gwy")
        annotations = read_back(tmp_path / "1.gwy")
        save(tmp_path / name, again, fit(again), regions=annotations.regions, points=annotations.points)
        contents_.append((tmp_path / name).read_bytes())
    assert contents_[0] == contents_[1]
    kept = read_container(tmp_path / "2.gwy")
    titles = [contents.title(kept, contents.CHANNEL, n) for n in contents.ids(kept, contents.CHANNEL)]
    assert sum(title.startswith("Region:") for title in titles) == 4
    assert len(contents.ids(kept, contents.GRAPH)) == 2


def test_nothing_given_carries_everything_over(tmp_path):
    dataset = example_dataset()
    save(tmp_path / "in.gwy", dataset, regions=REGIONS, points=POINTS)
    again = open_dataset(tmp_path / "in.gwy")
    save(tmp_path / "out.gwy", again, fit(again))
    assert read_back(tmp_path / "out.gwy").regions == REGIONS
    save(tmp_path / "none.gwy", again, fit(again), regions=[], points=[])
    annotations = read_back(tmp_path / "none.gwy")
    assert (annotations.regions, annotations.points) == ([], [])


@pytest.mark.parametrize("maps_only", [True, False])
def test_without_an_image_the_results_carry_the_regions_also_through_another_fit(tmp_path, maps_only):
    dataset = example_dataset().drop_vars("topography")
    save(tmp_path / "1.gwy", dataset, fit(dataset), regions=REGIONS, points=POINTS, maps_only=maps_only)
    maps = fit(dataset)
    container = read_container(tmp_path / "1.gwy")
    annotations = annotations_from_container(container, maps["y"], maps["x"])
    assert (annotations.regions, annotations.points) == (REGIONS, POINTS)
    if not maps_only:
        again = open_dataset(tmp_path / "1.gwy")
        save(tmp_path / "2.gwy", again, fit(again, threshold=0.3))
        assert read_back(tmp_path / "2.gwy").regions == REGIONS


def test_points_alone_without_image_or_maps_are_kept(tmp_path):
    save(tmp_path / "p.gwy", example_dataset().drop_vars("topography"), points=POINTS)
    assert read_back(tmp_path / "p.gwy").points == POINTS


def test_region_channels_are_the_masks_and_no_images_of_the_scan(tmp_path):
    dataset = example_dataset()
    save(tmp_path / "out.gwy", dataset, regions=REGIONS)
    container = read_container(tmp_path / "out.gwy")
    for number in contents.ids(container, contents.CHANNEL):
        if contents.title(container, contents.CHANNEL, number) == "Region: step":
            values = Field.from_object(container[f"/{number}/data"], "").values
            masks = [
                mask_from_region(region, dataset["x"], dataset["y"]) for region in (REGIONS[1], REGIONS[3])
            ]
            assert np.array_equal(values, (masks[0] | masks[1]).astype(float))
            break
    else:
        pytest.fail("there is no channel 'Region: step'")
    assert [str(channel.name) for channel in channels_from_container(container)] == ["topography"]


def gwyddion_selections(path, out, change):
    """Change the selections of a file's first channel as Gwyddion would, and write it anew."""
    container = read_container(path)
    selections = {
        name: Selection.from_object(obj, name) for name, obj in contents.selections(container, 0).items()
    }
    for name, selection in change(selections).items():
        put(container, f"/0/select/{name}", selection.to_object(), "o")
    write_container(out, container)


def shown(*corners):
    """Return places of a selection in Gwyddion, which knows no origin, from corners in pixels."""
    return np.asarray(corners, dtype=float) * SPACING[::-1]


def test_what_is_drawn_in_gwyddion_arrives_in_its_place(tmp_path):
    save(tmp_path / "in.gwy", example_dataset())
    drawn_there = {
        "rectangle": Selection("rectangle", shown((5, 4), (1, 1)).reshape(1, 4)),
        "line": Selection("line", shown((0, 0), (2, 1.5), (0.5, 0.75), (7, 5)).reshape(2, 4)),
        "point": Selection("point", shown((1.25, 1.125))),
        "path": Selection("path", shown((0, 0), (1, 0), (1, 1.5)), closed=True),
    }
    gwyddion_selections(tmp_path / "in.gwy", tmp_path / "drawn.gwy", lambda _: drawn_there)
    annotations = read_back(tmp_path / "drawn.gwy")
    kinds = sorted(region.kind for region in annotations.regions)
    assert kinds == ["line", "line", "polygon", "rectangle"]
    rectangle = next(region for region in annotations.regions if region.kind == "rectangle")
    corner = (CORNER[1] + SPACING[1], CORNER[0] + SPACING[0])
    assert np.allclose(rectangle.vertices[0], corner, rtol=0, atol=1e-15)
    assert [(point.number, round(point.x * 1e9), round(point.y * 1e9)) for point in annotations.points] == [
        (1, 3700 + 500, -2300 + 281)
    ]


def test_a_selection_moved_in_gwyddion_moves_its_region_and_keeps_its_name(tmp_path):
    save(tmp_path / "in.gwy", example_dataset(), regions=REGIONS, points=POINTS)

    def move(selections):
        line, point = selections["line"].items.copy(), selections["point"].items.copy()
        line[0, 2:] += shown((0.5, 0.4))[0]
        point[1] += shown((0.2, -0.4))[0]
        return {"line": Selection("line", line), "point": Selection("point", point)}

    gwyddion_selections(tmp_path / "in.gwy", tmp_path / "moved.gwy", move)
    annotations = read_back(tmp_path / "moved.gwy")
    assert len(annotations.regions) == len(REGIONS)
    line = annotations.regions[1]
    assert (line.name, line.region_class, line.width) == ("step 1", "step", 0.48e-6)
    assert np.allclose(line.vertices, placed((0.5, 5), (8.5, 1.9)), rtol=0, atol=1e-15)
    assert annotations.regions[0] == REGIONS[0]
    assert [point.number for point in annotations.points] == [1, 3]
    assert (annotations.points[1].x, annotations.points[1].y) == pytest.approx(tuple(placed((1.7, 4.1))[0]))


def test_one_more_drawn_in_gwyddion_is_one_more_region(tmp_path):
    save(tmp_path / "in.gwy", example_dataset(), regions=REGIONS)

    def add(selections):
        items = np.vstack([selections["rectangle"].items, shown((0.1, 0.1), (0.7, 1.1)).ravel()])
        return {"rectangle": Selection("rectangle", items)}

    gwyddion_selections(tmp_path / "in.gwy", tmp_path / "more.gwy", add)
    annotations = read_back(tmp_path / "more.gwy")
    assert annotations.regions[:-1] == REGIONS
    assert annotations.regions[-1].kind == "rectangle"


@pytest.mark.parametrize(
    "text", ["{", "[]", '{"features": 3}', '{"features": [{}, 4, null]}', '{"features": [[1]]}']
)
def test_broken_json_is_said_and_the_file_still_opens(tmp_path, text):
    save(tmp_path / "in.gwy", example_dataset(), regions=REGIONS[:1])
    container = read_container(tmp_path / "in.gwy")
    metadata = container["/0/meta"]
    put(metadata, "Regions", text, "s")
    write_container(tmp_path / "broken.gwy", container)
    annotations = read_back(tmp_path / "broken.gwy")
    assert annotations.notes
    assert len(annotations.regions) <= 1  # the rectangle that Gwyddion's selection still shows


def test_the_graph_of_a_point_holds_its_traces_and_fits(tmp_path):
    dataset = example_dataset()
    save(tmp_path / "out.gwy", dataset, fit(dataset), points=POINTS)
    container = read_container(tmp_path / "out.gwy")
    first, second = (
        Graph.from_object(container[contents.object_key(contents.GRAPH, number)])
        for number in contents.ids(container, contents.GRAPH)
    )
    row, column = 2, 4
    assert first.title == f"t-ESM point 1 (row {row}, column {column})"
    assert np.array_equal(first.curves[0].y, dataset["displacement"].values[0, row, column])
    assert [curve.description for curve in first.curves[:3]] == [
        "data (+3 V)",
        "fit 1 (+3 V)",
        "fit 2 (+3 V)",
    ]
    inside = first.curves[0].y[(first.curves[0].x >= 10e-3 - 1e-9)]
    assert np.std(inside - first.curves[2].y) == pytest.approx(0.004, rel=0.3)
    block = dataset["displacement"].values[0, 3:6, 0:3].reshape(9, -1)
    assert np.allclose(second.curves[0].y, block.mean(axis=0), rtol=1e-12, atol=0)


def test_a_file_of_images_alone_keeps_its_regions(tmp_path):
    dataset = example_dataset()
    container = GwyContainer()
    from napari_tesm.io.gwy.results import field_on_grid

    put(container, "/3/data", field_on_grid(np.zeros((6, 9)), dataset["topography"], "m").to_object(), "o")
    write_container(tmp_path / "images.gwy", container)
    save(tmp_path / "out.gwy", None, regions=REGIONS, source=tmp_path / "images.gwy")
    annotations = annotations_from_container(read_container(tmp_path / "out.gwy"), dataset["y"], dataset["x"])
    assert annotations.regions == REGIONS
    with pytest.raises(ValueError, match=r"same|itself|input"):
        save(tmp_path / "images.gwy", None, regions=[], source=tmp_path / "images.gwy", overwrite=True)


def test_what_was_entered_is_written_and_need_not_be_said_again(tmp_path):
    bare = example_dataset(protocol=PulseProtocol(), voltage=(np.nan, np.nan))
    save(tmp_path / "bare.gwy", bare)
    opened = open_dataset(tmp_path / "bare.gwy")
    said = with_protocol(opened, pulse_start=0.0, pulse_duration=10e-3, tip_radius=20e-9)
    said = said.assign_coords(voltage=said["voltage"].copy(data=[3.0, -3.0]))
    save(tmp_path / "said.gwy", said, with_entered=True)
    again = open_dataset(tmp_path / "said.gwy")
    assert again["voltage"].values.tolist() == [3.0, -3.0]
    assert (again.attrs["pulse_duration"], again.attrs["tip_radius"]) == (10e-3, 20e-9)
    assert again["displacement"].values.tobytes() == bare["displacement"].values.tobytes()
    save(tmp_path / "unsaid.gwy", said)
    assert np.isnan(open_dataset(tmp_path / "unsaid.gwy")["voltage"].values).all()


def test_units_that_were_entered_are_written_in_si(tmp_path, shared_data):
    source = shared_data / "gwy" / "tcspc64_brick.gwy"
    opened = open_dataset(source, time_unit="ns", lateral_unit="µm")
    save(tmp_path / "units.gwy", opened, with_entered=True)
    again = open_dataset(tmp_path / "units.gwy")
    assert np.allclose(again["time"].values, opened["time"].values, rtol=1e-12, atol=0)
    assert again["x"].attrs["units"] == "m"
    assert np.allclose(again["x"].values, opened["x"].values, rtol=1e-12, atol=0)
    assert again["displacement"].values.tobytes() == opened["displacement"].values.tobytes()


def test_gwyddion_opens_it_without_a_warning_and_sees_the_selections(tmp_path, gwyddion_check, gwyoracle):
    dataset = example_dataset()
    path = tmp_path / "out.gwy"
    save(path, dataset, fit(dataset), regions=REGIONS, points=POINTS)
    assert gwyddion_check(path) == ""
    view = gwyoracle(path)
    assert view.problems == []
    seen = {item["type"] for key, item in view.items.items() if "/select/" in key}
    assert seen >= {"GwySelectionPoint", "GwySelectionLine", "GwySelectionRectangle", "GwySelectionPath"}
    kinds = [item["type"] for item in view.items.values() if isinstance(item, dict)]
    assert kinds.count("GwyGraphModel") == len(POINTS)
    metadata = metadata_entries(read_container(path)["/0/meta"])
    assert len(json.loads(metadata["Regions"])["features"]) == len(REGIONS)


def on_grid(shape, step_y, step_x, left, top):
    """Return a dataset whose pixels have this size and whose image lies there."""
    dataset = example_dataset(shape=shape, samples=30)
    for axis, start, step in (("x", left, step_x), ("y", top, step_y)):
        centres = start + (np.arange(dataset.sizes[axis]) + 0.5) * step
        attributes = {**dataset[axis].attrs, "spacing": step}
        dataset = dataset.assign_coords({axis: (axis, centres, attributes)})
    return dataset


@settings(max_examples=40)
@given(
    st.floats(1e-10, 1e-7), st.floats(1e-10, 1e-7), st.floats(-1e-4, 1e-4), st.floats(-1e-4, 1e-4), st.data()
)  # fmt: skip
def test_on_any_grid_a_selection_and_its_region_are_the_same_place(
    tmp_path_factory, step_y, step_x, left, top, data
):
    dataset = on_grid((4, 7), step_y, step_x, left, top)
    low, size = np.array([left, top]), np.array([7 * step_x, 4 * step_y])
    fractions = st.tuples(st.floats(0.05, 0.9), st.floats(0.05, 0.9))
    ends = np.array(data.draw(st.lists(fractions, min_size=2, max_size=2))) * size
    folder = tmp_path_factory.mktemp("grid")
    line = Region("line", tuple(map(tuple, (ends + low).tolist())), "mine", "step", step_x)
    point = PinnedPoint(7, *(ends[0] + low).tolist(), 3)
    save(folder / "a.gwy", dataset, regions=[line], points=[point])
    again = open_dataset(folder / "a.gwy")
    container = read_container(folder / "a.gwy")
    selected = {
        name: Selection.from_object(obj).items for name, obj in contents.selections(container, 0).items()
    }
    tolerance = 1e-9 * size.max()
    assert np.allclose(selected["line"], ends.ravel(), rtol=0, atol=tolerance)
    assert np.allclose(selected["point"], ends[0], rtol=0, atol=tolerance)
    # Exactly what was given comes back, not what the selection makes of it.
    annotations = annotations_from_container(container, again["y"], again["x"])
    assert (annotations.regions, annotations.points) == ([line], [point])
    moved = selected["line"] + 0.05 * np.tile(size, 2)
    put(container, "/0/select/line", Selection("line", moved).to_object(), "o")
    annotations = annotations_from_container(container, again["y"], again["x"])
    assert len(annotations.regions) == 1
    assert np.allclose(annotations.regions[0].xy(), ends + 0.05 * size + low, rtol=0, atol=tolerance)
    assert (annotations.regions[0].name, annotations.regions[0].width) == ("mine", step_x)


def test_saved_again_and_again_the_bytes_stay_the_same(tmp_path):
    save(tmp_path / "bare.gwy", example_dataset())
    container = read_container(tmp_path / "bare.gwy")
    own = Graph([], title="my own graph")
    put(container, "/0/graph/graph/3", own.to_object(), "o")
    put(container, "/0/graph/lastid", 5, "i")
    write_container(tmp_path / "0.gwy", container)
    given_ = (REGIONS, POINTS)
    for number in (1, 2, 3):
        save(
            tmp_path / f"{number}.gwy", open_dataset(tmp_path / f"{number - 1}.gwy"),
            regions=given_[0], points=given_[1],
        )  # fmt: skip
        annotations = read_back(tmp_path / f"{number}.gwy")
        given_ = (annotations.regions, annotations.points)
    first = (tmp_path / "1.gwy").read_bytes()
    assert first == (tmp_path / "2.gwy").read_bytes() == (tmp_path / "3.gwy").read_bytes()
    assert contents.ids(read_container(tmp_path / "3.gwy"), contents.GRAPH) == [3, 6, 7]
    # Given nothing, nothing is touched.
    save(tmp_path / "carried.gwy", open_dataset(tmp_path / "3.gwy"))
    assert (tmp_path / "carried.gwy").read_bytes() == first


def test_one_list_replaces_only_its_own_kind(tmp_path):
    save(tmp_path / "in.gwy", example_dataset(), regions=REGIONS, points=POINTS)
    save(tmp_path / "out.gwy", open_dataset(tmp_path / "in.gwy"), regions=REGIONS[:1])
    assert (read_back(tmp_path / "out.gwy").regions, read_back(tmp_path / "out.gwy").points) == (
        REGIONS[:1],
        POINTS,
    )
    save(tmp_path / "out2.gwy", open_dataset(tmp_path / "in.gwy"), points=[])
    assert (read_back(tmp_path / "out2.gwy").regions, read_back(tmp_path / "out2.gwy").points) == (
        REGIONS,
        [],
    )
    assert contents.ids(read_container(tmp_path / "out2.gwy"), contents.GRAPH) == []


def test_regions_of_another_image_and_foreign_metadata_stay(tmp_path):
    save(tmp_path / "in.gwy", example_dataset(), regions=REGIONS, points=POINTS)
    container = read_container(tmp_path / "in.gwy")
    put(container["/0/meta"], "Number", 3, "i")
    other = Field(np.zeros((4, 4)), 1e-6, 1e-6, unit_xy="m")
    put(container, "/50/data", other.to_object(), "o")
    put(container, "/50/meta", container["/0/meta"], "o")
    put(container, "/50/select/line", Selection("line", np.array([[0, 0, 1e-7, 1e-7]])).to_object(), "o")
    write_container(tmp_path / "two.gwy", container)
    save(tmp_path / "out.gwy", open_dataset(tmp_path / "two.gwy"), regions=[], points=[])
    left = read_container(tmp_path / "out.gwy")
    assert [key for key in left if key.startswith("/50/")] == ["/50/data", "/50/meta", "/50/select/line"]
    assert set(left["/50/meta"]) == {"Number", "Regions", "Points"}
    assert dict(left["/0/meta"]) == {"Number": 3}


def test_results_that_nobody_can_fit_anew_stay_beside_the_regions(tmp_path):
    dataset = example_dataset()
    save(tmp_path / "maps.gwy", dataset, fit(dataset), maps_only=True, points=POINTS)
    save(tmp_path / "out.gwy", None, source=tmp_path / "maps.gwy", regions=REGIONS[:1])
    before, after = (read_container(tmp_path / name) for name in ("maps.gwy", "out.gwy"))
    assert set(before) < set(after)
    annotations = annotations_from_container(after, dataset["y"], dataset["x"])
    assert (annotations.regions, annotations.points) == (REGIONS[:1], POINTS)
    save(tmp_path / "unpinned.gwy", None, source=tmp_path / "out.gwy", points=POINTS[:1])
    assert len(contents.ids(read_container(tmp_path / "unpinned.gwy"), contents.GRAPH)) == 1


def test_without_any_image_regions_are_refused_and_nothing_is_written(tmp_path):
    with pytest.raises(ValueError, match="no image"):
        save(tmp_path / "out.gwy", None, regions=REGIONS)
    with pytest.raises(ValueError, match="point 2"):
        save(tmp_path / "out.gwy", example_dataset(), points=[PinnedPoint(2, np.nan, 0.0)])
    assert list(tmp_path.iterdir()) == []


def test_what_is_drawn_on_a_map_outlives_the_next_fit(tmp_path):
    dataset = example_dataset()
    save(tmp_path / "in.gwy", dataset, fit(dataset), regions=REGIONS)
    container = read_container(tmp_path / "in.gwy")
    there = Selection("line", shown((0.1, 0.25), (3, 5)).reshape(1, 4))
    put(container, "/5/select/line", there.to_object(), "o")
    write_container(tmp_path / "drawn.gwy", container)
    again = open_dataset(tmp_path / "drawn.gwy")
    save(tmp_path / "out.gwy", again, fit(again))
    regions = read_back(tmp_path / "out.gwy").regions
    assert regions[:-1] == REGIONS
    assert np.allclose(regions[-1].xy(), placed((0.1, 0.25), (3, 5)), rtol=0, atol=1e-15)


def test_moved_and_one_more_drawn_are_told_apart(tmp_path):
    save(tmp_path / "in.gwy", example_dataset(), regions=REGIONS)

    def change(selections):
        return {"line": Selection("line", np.vstack([selections["line"].items + 4e-8, [0, 0, 4e-7, 2e-7]]))}

    gwyddion_selections(tmp_path / "in.gwy", tmp_path / "out.gwy", change)
    regions = read_back(tmp_path / "out.gwy").regions
    assert [region.name for region in regions] == [*(region.name for region in REGIONS), "line 1"]
    assert np.allclose(regions[1].xy(), REGIONS[1].xy() + 4e-8, rtol=0, atol=1e-15)


def test_a_copy_of_the_channel_with_the_places_of_before_adds_nothing(tmp_path):
    save(tmp_path / "in.gwy", example_dataset(), regions=REGIONS, points=POINTS)
    container = read_container(tmp_path / "in.gwy")
    for key in [key for key in container if key.startswith("/0/") and not key.startswith("/0/graph")]:
        put(container, f"/60{key[2:]}", container[key], container.typecodes[key])
    moved = Selection.from_object(container["/0/select/line"]).items + 4e-8
    put(container, "/0/select/line", Selection("line", moved).to_object(), "o")
    write_container(tmp_path / "copy.gwy", container)
    annotations = read_back(tmp_path / "copy.gwy")
    assert [region.name for region in annotations.regions] == [region.name for region in REGIONS]
    assert annotations.points == POINTS


@pytest.mark.parametrize(
    ("kind", "items"),
    [
        ("path", [[1e-9, 1e-9]]),
        ("path", [[1e300, -1e300], [1e-9, 1e308], [0, 0]]),
        ("line", [[-1e308, -1e308, 1e308, 1e308]]),
        ("point", [[1e308, 1e-9]]),
        ("line", None),
        ("rectangle", [[1e-9, 1e-9, np.nan, 1e-9]]),
    ],
)
def test_an_odd_selection_never_keeps_a_file_from_opening_or_fitting(tmp_path, kind, items):
    save(tmp_path / "in.gwy", example_dataset(samples=60), regions=REGIONS, points=POINTS)
    container = read_container(tmp_path / "in.gwy")
    obj = Selection(kind, np.zeros((1, 2 if kind in ("path", "point") else 4))).to_object()
    put(obj, "data", np.zeros(3) if items is None else np.ravel(items), "D")
    put(container, f"/0/select/{kind}", obj, "o")
    write_container(tmp_path / "odd.gwy", container)
    annotations = read_back(tmp_path / "odd.gwy")
    assert [region.name for region in annotations.regions][: len(REGIONS)] == [
        region.name for region in REGIONS
    ]
    again = open_dataset(tmp_path / "odd.gwy")
    save(tmp_path / "out.gwy", again, fit(again))
    save(tmp_path / "out2.gwy", again, regions=annotations.regions, points=annotations.points)
    assert read_back(tmp_path / "out2.gwy").regions == annotations.regions


def test_a_number_without_end_is_a_note(tmp_path):
    save(tmp_path / "in.gwy", example_dataset(), regions=REGIONS[:1])
    container = read_container(tmp_path / "in.gwy")
    metadata = container["/0/meta"]
    put(metadata, "Regions", re.sub(r"-?[\d.]+e-\d+", "1" + "0" * 400, metadata["Regions"], count=1), "s")
    write_container(tmp_path / "out.gwy", container)
    assert len(read_back(tmp_path / "out.gwy").notes) == 1


@pytest.mark.parametrize("text", ["a\nb", 'é "<', "", "nul\0", "\ud800", "x" * 3000])
def test_any_name_and_class_are_kept(tmp_path, text):
    region = drawn("line", ((0.1, 0.1), (5, 1.1)), text, text)
    save(tmp_path / "out.gwy", example_dataset(), regions=[region], points=[pinned(1, (0.9, 1.1))])
    assert read_back(tmp_path / "out.gwy").regions == [region]


def test_turned_crossed_and_protruding_shapes_are_no_selections(tmp_path):
    corners = ((0.1, 0.1), (5, 0.1), (5, 3.75), (0.1, 3.75))
    shapes = [
        drawn("rectangle", [corners[index] for index in order]) for order in ((0, 2, 1, 3), (2, 1, 0, 3))
    ] + [drawn("line", ((0.5, 0.6), (0.5, 110)))]
    points = [PinnedPoint(1, 1.0, 1.0), pinned(2, (0.5, 0.6), int(np.int64(3)))]
    save(tmp_path / "out.gwy", example_dataset(), regions=shapes, points=points)
    container = read_container(tmp_path / "out.gwy")
    selected = {
        name: Selection.from_object(obj).items for name, obj in contents.selections(container, 0).items()
    }
    assert set(selected) == {"rectangle", "point"}
    assert len(selected["rectangle"]) == len(selected["point"]) == 1
    assert (read_back(tmp_path / "out.gwy").regions, read_back(tmp_path / "out.gwy").points) == (
        shapes,
        points,
    )


def test_a_drawing_on_an_image_whose_unit_was_entered_is_in_metres(tmp_path):
    container = GwyContainer()
    image = Field(np.ones((4, 5)), 500.0, 400.0, 20.0, 10.0)
    put(container, "/0/data", image.to_object(), "o")
    there = Selection("rectangle", np.array([[100.0, 100.0, 200.0, 300.0]]))
    put(container, "/0/select/rectangle", there.to_object(), "o")
    traces = np.random.default_rng(0).normal(size=(30, 4, 5))
    brick = Brick(traces, 500.0, 400.0, 30e-3, 20.0, 10.0, 0.0, "", "", "s", "m")
    put(container, "/brick/0", brick.to_object(), "o")
    write_container(tmp_path / "in.gwy", container)
    opened = open_dataset(tmp_path / "in.gwy", lateral_unit="nm")
    drawn = annotations_from_container(container, opened["y"], opened["x"]).regions
    assert np.allclose(drawn[0].vertices[0], (120e-9, 110e-9), rtol=1e-12, atol=0)
    for number, regions in enumerate((drawn, None)):
        save(tmp_path / f"{number}.gwy", opened, regions=regions, with_entered=True)
        again = read_back(tmp_path / f"{number}.gwy").regions
        assert len(again) == 1
        assert np.allclose(again[0].xy(), drawn[0].xy(), rtol=1e-12, atol=0)


def test_what_was_drawn_without_a_unit_is_in_that_which_is_entered_later(tmp_path):
    traces = np.random.default_rng(0).normal(size=(30, 4, 5))
    container = GwyContainer()
    put(container, "/0/data", Field(np.ones((4, 5)), 500.0, 320.0, 20.0, 10.0).to_object(), "o")
    brick = Brick(traces, 500.0, 320.0, 30e-3, 20.0, 10.0, 0.0, "", "", "s", "m")
    put(container, "/brick/0", brick.to_object(), "o")
    write_container(tmp_path / "in.gwy", container)
    drawn_there = [
        Region("line", ((70.0, 90.0), (420.0, 250.0)), "step 1", "step", 60.0),
        Region("polygon", ((40.0, 30.0), (200.0, 40.0), (110.0, 300.0)), "grain 1", "grain"),
    ]
    opened = open_dataset(tmp_path / "in.gwy")
    points = [PinnedPoint(2, 320.0, 130.0, 3, "#123456")]
    save(tmp_path / "drawn.gwy", opened, regions=drawn_there, points=points)
    annotations = read_back(tmp_path / "drawn.gwy")
    assert (annotations.regions, annotations.points) == (drawn_there, points)
    entered = open_dataset(tmp_path / "drawn.gwy", lateral_unit="nm")
    annotations = annotations_from_container(
        read_container(tmp_path / "drawn.gwy"), entered["y"], entered["x"]
    )
    assert [(region.name, region.region_class, region.kind) for region in annotations.regions] == [
        ("step 1", "step", "line"), ("grain 1", "grain", "polygon"),
    ]  # fmt: skip
    for region, there in zip(annotations.regions, drawn_there, strict=True):
        assert np.allclose(region.xy(), 1e-9 * there.xy(), rtol=1e-12, atol=0)
        assert region.width == pytest.approx(1e-9 * there.width)
    (point,) = annotations.points
    assert (point.x, point.y) == pytest.approx((320e-9, 130e-9))
    assert (point.number, point.size, point.colour) == (2, 3, "#123456")
