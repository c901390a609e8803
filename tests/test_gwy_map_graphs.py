"""``tesm fit --maps-only --graphs``: histograms and the curves at the points, as Gwyddion's graphs."""

import json
from dataclasses import replace

import numpy as np
import pytest
from examples import PROTOCOL, example_dataset

from napari_tesm import fit, open_dataset, save
from napari_tesm.cli import main
from napari_tesm.gwy import Graph, put, read_container, write_container
from napari_tesm.gwy.selections import Selection
from napari_tesm.io.gwy.results_reading import maps_from_container
from napari_tesm.regions.shapes import PinnedPoint


def graphs_of(path):
    """Return title -> graph and whether it is shown."""
    container = read_container(path)
    keys = [key for key in container if key.startswith("/0/graph/graph/") and key.count("/") == 4]
    graphs = {}
    for key in keys:
        graph = Graph.from_object(container[key], key)
        graphs[graph.title] = (graph, container[f"{key}/visible"])
    assert len(graphs) == len(keys)
    return graphs


@pytest.fixture
def scan(tmp_path):
    dataset = example_dataset()
    x, y = (float(dataset[axis].values[index]) for axis, index in (("x", 4), ("y", 2)))
    save(tmp_path / "pinned.gwy", dataset, points=[PinnedPoint(7, x, y)])
    # And one that somebody has drawn in Gwyddion, counted from the corner of the image.
    container = read_container(tmp_path / "pinned.gwy")
    drawn = np.asarray(container["/0/select/point"]["data"]).reshape(-1, 2)
    assert len(drawn) == 1
    pixel = np.array([float(dataset["x"][1] - dataset["x"][0]), 0])
    both = np.vstack([drawn, drawn + pixel])
    put(container, "/0/select/point", Selection("point", both).to_object(), "o")
    write_container(tmp_path / "scan.gwy", container)
    return tmp_path / "scan.gwy"


def fitted(scan, path, *words):
    assert main(["fit", str(scan), "-o", str(path), "--maps-only", "--quiet", *words]) == 0
    return path


def test_histograms_share_out_the_values_of_the_maps(scan, tmp_path, gwyoracle):
    out = fitted(scan, tmp_path / "out.gwy", "--graphs", "--tip-radius", "25nm")
    graphs = {title: graph for title, (graph, _) in graphs_of(out).items() if "histogram" in title}
    maps = maps_from_container(read_container(out))
    assert len(graphs) == maps.sizes["pulse"]
    graph = next(iter(graphs.values()))
    assert (graph.x_label, graph.x_unit) == ("log10 D (m²/s)", "")
    for curve, name in zip(graph.curves, ("D1", "D2"), strict=True):
        values = np.log10(maps[name].values[0])
        values = values[np.isfinite(values)]
        assert curve.description == f"{name}, {values.size} px"
        edges, heights = curve.x[::2], curve.y[1:-1:2]
        np.testing.assert_allclose(curve.y[2:-1:2], heights)  # stairs
        counts, _ = np.histogram(values, edges)
        assert heights.sum() == pytest.approx(1)
        # Maps read back may lie on the other side of an edge they lay on.
        assert np.abs(counts - heights * values.size).sum() <= 2
    assert gwyoracle(out).problems == []


def test_without_a_tip_radius_they_are_of_tau(tmp_path):
    protocol = replace(PROTOCOL, tip_radius=None, tip_radius_error=None)
    save(tmp_path / "scan.gwy", example_dataset(protocol=protocol))
    graphs = graphs_of(fitted(tmp_path / "scan.gwy", tmp_path / "out.gwy", "--graphs"))
    graph, _ = graphs["t-ESM histogram (-3 V)"]
    assert graph.x_label == "log10 tau (s)"
    assert [curve.description.split(",")[0] for curve in graph.curves] == ["tau1", "tau2"]


def visible_channels(path):
    container = read_container(path)
    return [
        container[key.removesuffix("visible") + "title"]
        for key in container
        if key.endswith("/data/visible") and container[key]
    ]


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        (["--tip-radius", "25nm"], ["D1 (+3 V)", "D2 (+3 V)"]),
        ([], ["tau1 (+3 V)", "tau2 (+3 V)"]),
        (["--tip-radius", "25nm", "--kernel", "flux-pulse"], ["D (+3 V)", "D (-3 V)"]),
        (["--tip-radius", "25nm", "--window1", "none"], ["D2 (+3 V)", "D2 (-3 V)"]),
    ],
)
def test_what_was_asked_for_is_shown_and_nothing_else(tmp_path, words, shown):
    protocol = replace(PROTOCOL, tip_radius=None, tip_radius_error=None)
    save(tmp_path / "scan.gwy", example_dataset(protocol=protocol))
    out = fitted(tmp_path / "scan.gwy", tmp_path / "out.gwy", "--graphs", *words)
    assert visible_channels(out) == shown
    assert [title for title, (_, shown) in graphs_of(out).items() if shown] == ["t-ESM histogram (+3 V)"]


def test_maps_of_the_displacement_alone_are_shown(scan, tmp_path):
    out = tmp_path / "H.gwy"
    assert main(["displacement", str(scan), "-o", str(out), "--maps-only", "--quiet"]) == 0
    assert visible_channels(out) == ["H (+3 V)", "H (-3 V)"]


def test_points_pinned_and_drawn_have_their_curves(scan, tmp_path):
    graphs = graphs_of(fitted(scan, tmp_path / "out.gwy", "--graphs"))
    points = {title: graph for title, (graph, shown) in graphs.items() if "point" in title and shown}
    assert sorted(points) == ["t-ESM point 1 (row 2, column 5)", "t-ESM point 7 (row 2, column 4)"]
    dataset = open_dataset(scan)
    curves = {curve.description: curve for curve in points["t-ESM point 7 (row 2, column 4)"].curves}
    np.testing.assert_array_equal(curves["data (-3 V)"].y, dataset["displacement"].values[1, 2, 4])
    tau = float(fit(dataset)["tau1"].values[1, 2, 4])
    assert np.isfinite(tau)
    line = curves["fit 1 (-3 V)"]
    # An exponential: what is left to go shrinks by the same factor with each sample.
    steps = np.diff(line.y)
    np.testing.assert_allclose(steps[1:] / steps[:-1], np.exp(-np.diff(line.x)[0] / tau), rtol=1e-6)


def test_many_points_do_not_fill_the_screen(scan, tmp_path):
    dataset = open_dataset(scan)
    points = [PinnedPoint(n, float(dataset["x"][n]), float(dataset["y"][0])) for n in range(1, 7)]
    save(tmp_path / "many.gwy", dataset, points=points)
    graphs = graphs_of(fitted(tmp_path / "many.gwy", tmp_path / "out.gwy", "--graphs"))
    assert [shown for title, (_, shown) in graphs.items() if "point" in title] == [False] * 6


def test_maps_are_the_same_with_graphs(scan, tmp_path):
    plain, with_graphs = fitted(scan, tmp_path / "1.gwy"), fitted(scan, tmp_path / "2.gwy", "--graphs")
    assert graphs_of(plain) == {}
    without, beside = (maps_from_container(read_container(path)) for path in (plain, with_graphs))
    assert without.identical(beside)


def test_graphs_need_an_output_of_maps_alone(scan, tmp_path, capsys):
    assert main(["fit", str(scan), "-o", str(tmp_path / "out.gwy"), "--graphs"]) == 2
    assert "--graphs goes with --maps-only" in capsys.readouterr().err
    assert not (tmp_path / "out.gwy").exists()


def test_nothing_accepted_is_a_file_without_histograms(tmp_path):
    dataset = example_dataset()
    noise = 1e-3 * np.random.default_rng(1).standard_normal(dataset["displacement"].shape)
    save(tmp_path / "noise.gwy", dataset.assign(displacement=dataset["displacement"].copy(data=noise)))
    # So strict that no pixel responds.
    recipe = tmp_path / "recipe.json"
    recipe.write_text(json.dumps({"version": 1, "response_level": 1e-12}))
    out = fitted(tmp_path / "noise.gwy", tmp_path / "out.gwy", "--graphs", "--recipe", str(recipe))
    assert graphs_of(out) == {}
    assert "/0/data" in read_container(out)
