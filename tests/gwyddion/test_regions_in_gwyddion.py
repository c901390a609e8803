"""Region statistics and displacement maps from Gwyddion's menus: what the engine says, in the open file."""

import numpy as np
import pytest

from gwyddion.comparing import assert_same_channels, assert_same_graphs, channels, fitted, graphs
from napari_tesm.cli import main
from napari_tesm.gwy import (
    Field,
    mask_field,
    metadata_container,
    metadata_entries,
    put,
    read_container,
    write_container,
)
from napari_tesm.gwy.selections import Selection

pytestmark = pytest.mark.gwyddion

REGIONS, DISPLACEMENT = "tesm_region_statistics", "tesm_displacement_map"


@pytest.fixture(scope="module")
def with_maps(sample, tmp_path_factory):
    path = tmp_path_factory.mktemp("fitted") / "scan – ü.gwy"
    assert main(["fit", str(sample), "-o", str(path), "--quiet"]) == 0
    return path


def drawn(source, path, *, selection=None, mask=None, without=()):
    """Copy a file with something drawn on its first channel, and without the items of some prefixes."""
    container = read_container(source)
    if selection is not None:
        put(container, "/0/select/rectangle", Selection("rectangle", np.array(selection)).to_object(), "o")
    if mask is not None:
        image = Field.from_object(container["/0/data"], "/0/data")
        put(container, "/0/mask", mask_field(mask(image.values), image), "o")
    for key in [key for key in container if key.startswith(tuple(without) or "nothing")]:
        del container[key]
    write_container(path, container)
    return path


@pytest.mark.parametrize("what", ["selection", "mask"])
def test_what_is_drawn_on_the_channel_becomes_graphs_and_a_table(
    host, with_maps, tmp_path, capsys, gwyoracle, what
):
    marks = {"selection": [[5e-8, 5e-8, 15e-8, 20e-8]]} if what == "selection" else {
        "mask": lambda values: values > np.median(values)
    }  # fmt: skip
    source = drawn(with_maps, tmp_path / "scan – ü.gwy", **marks)
    run = host("proc", REGIONS, 0, source, tmp_path / "out.gwy")
    assert run.log == []
    assert host.leftovers() == []
    capsys.readouterr()
    assert main(["regions", str(source), "--channel", "0", "-o", str(tmp_path / "regions.gwy")]) == 0
    table, _, last = capsys.readouterr().out.strip().rpartition("\n")
    assert last.startswith("Written: ")
    made, expected = (read_container(tmp_path / name) for name in ("out.gwy", "regions.gwy"))
    assert_same_graphs(graphs(made), graphs(expected))
    assert len(graphs(made)) == 6
    assert metadata_entries(made["/0/meta"])["Region statistics"] == table.strip()
    assert table.startswith("scan – ü.gwy: ")
    assert channels(made).keys() == channels(read_container(source)).keys()
    assert gwyoracle(tmp_path / "out.gwy").problems == []


def test_graphs_of_the_same_name_are_replaced(host, with_maps, tmp_path):
    source = drawn(
        with_maps, tmp_path / "maps.gwy", selection=[[5e-8, 5e-8, 15e-8, 20e-8]], without=["/brick"]
    )
    assert host("proc", REGIONS, 0, source, tmp_path / "first.gwy").log == []
    first = graphs(read_container(tmp_path / "first.gwy"))
    drawn(tmp_path / "first.gwy", tmp_path / "moved.gwy", selection=[[10e-8, 5e-8, 22e-8, 20e-8]])
    assert host("proc", REGIONS, 0, tmp_path / "moved.gwy", tmp_path / "second.gwy").log == []
    second = graphs(read_container(tmp_path / "second.gwy"))
    drawn(source, tmp_path / "anew.gwy", selection=[[10e-8, 5e-8, 22e-8, 20e-8]])
    assert host("proc", REGIONS, 0, tmp_path / "anew.gwy", tmp_path / "expected.gwy").log == []
    assert_same_graphs(second, graphs(read_container(tmp_path / "expected.gwy")))
    assert [graph.title for graph in second] == [graph.title for graph in first]
    assert any(
        mine.curves[0].y.tolist() != its.curves[0].y.tolist() for mine, its in zip(first, second, strict=True)
    )


def test_maps_without_traces_have_statistics_too(host, with_maps, tmp_path):
    source = drawn(
        with_maps, tmp_path / "maps.gwy", selection=[[5e-8, 5e-8, 15e-8, 20e-8]], without=["/brick"]
    )
    run = host("proc", REGIONS, 0, source, tmp_path / "out.gwy")
    assert run.log == []
    titles = [graph.title for graph in graphs(read_container(tmp_path / "out.gwy"))]
    assert len(titles) == 4
    assert all("histogram" in title for title in titles)


def test_from_a_volume_the_regions_are_those_of_the_current_channel(host, with_maps, tmp_path):
    source = drawn(with_maps, tmp_path / "scan.gwy", selection=[[5e-8, 5e-8, 15e-8, 20e-8]])
    run = host("volume", REGIONS, 1, source, tmp_path / "out.gwy", channel=0)
    assert run.log == []
    made = read_container(tmp_path / "out.gwy")
    assert "rectangle 1" in metadata_entries(made["/0/meta"])["Region statistics"]
    assert "t-ESM mean trace (-3 V)" in [graph.title.split(":")[0] for graph in graphs(made)]


def test_other_metadata_of_the_channel_stay(host, with_maps, tmp_path):
    source = drawn(with_maps, tmp_path / "scan.gwy", selection=[[5e-8, 5e-8, 15e-8, 20e-8]])
    container = read_container(source)
    put(container, "/0/meta", metadata_container({"Operator": "č"}), "o")
    write_container(tmp_path / "described.gwy", container)
    host("proc", REGIONS, 0, tmp_path / "described.gwy", tmp_path / "out.gwy")
    entries = metadata_entries(read_container(tmp_path / "out.gwy")["/0/meta"])
    assert sorted(entries) == ["Operator", "Region statistics"]
    assert entries["Operator"] == "č"


@pytest.mark.parametrize(("kind", "number", "options"), [("volume", 1, ["--traces", "1"]), ("proc", 0, [])])
def test_displacement_maps_are_the_engines(host, sample, tmp_path, kind, number, options):
    run = host(kind, DISPLACEMENT, number, sample, tmp_path / "out.gwy")
    assert run.log == []
    words = ["displacement", str(sample), "-o", str(tmp_path / "H.gwy"), "--maps-only", "--quiet", *options]
    assert main(words) == 0
    expected = read_container(tmp_path / "H.gwy")
    assert set(channels(expected)) <= {"H (+3 V)", "H (-3 V)"}
    assert_same_channels(read_container(tmp_path / "out.gwy"), expected)
    fit = fitted(sample, tmp_path / "fit.gwy", *options)
    for title, place in channels(expected).items():
        np.testing.assert_array_equal(
            Field.from_object(expected[f"/{place}/data"]).values,
            Field.from_object(fit[f"/{channels(fit)[title]}/data"]).values,
        )
    assert host.leftovers() == []
