"""What came into the open file beside what the engine writes on its own."""

import numpy as np

from napari_tesm.cli import main
from napari_tesm.gwy import Field, Graph, read_container


def fitted(sample, path, *options):
    assert main(["fit", str(sample), "-o", str(path), "--maps-only", "--graphs", "--quiet", *options]) == 0
    return read_container(path)


def channels(container):
    """Return title -> number."""
    return {
        str(container.get(f"{key}/title", f"untitled {key}")): int(key.split("/")[1])
        for key in container
        if key.endswith("/data") and key.count("/") == 2
    }


def assert_same_channels(made, expected):
    """Assert that every channel of the engine's file is there with all that belongs to it."""
    theirs = channels(made)
    assert not [key for key in made if "/graph/" in key and not key.startswith("/0/graph/")]
    for title, number in channels(expected).items():
        mine = theirs[title]
        for key in [key for key in expected if key.startswith(f"/{number}/")]:
            if key.endswith("/visible"):  # belongs to windows, and there are none
                continue
            if key.startswith("/0/graph/"):  # belongs to no channel
                continue
            other = made[f"/{mine}/{key.split('/', 2)[2]}"]
            value = expected[key]
            if key.endswith("/meta"):
                # The engine read a file that is no more; all but its digest is the same.
                assert "Input SHA-256" not in other
                assert dict(other) == {name: text for name, text in value.items() if name != "Input SHA-256"}
            elif hasattr(value, "typecodes"):
                mine_field, its_field = Field.from_object(other, key), Field.from_object(value, key)
                np.testing.assert_array_equal(mine_field.values, its_field.values)
                for name in ("x_real", "y_real", "x_offset", "y_offset", "unit_xy", "unit_z"):
                    assert getattr(mine_field, name) == getattr(its_field, name)
            else:
                assert other == value, key


def graphs(container):
    """Return the graphs in order, each as title and curves."""
    keys = [key for key in container if key.startswith("/0/graph/graph/") and key.count("/") == 4]
    return [
        Graph.from_object(container[key], key) for key in sorted(keys, key=lambda key: int(key.split("/")[4]))
    ]


def assert_same_graphs(made, expected):
    assert [graph.title for graph in made] == [graph.title for graph in expected]
    for mine, its in zip(made, expected, strict=True):
        assert (mine.x_unit, mine.y_unit, mine.x_label) == (its.x_unit, its.y_unit, its.x_label)
        for curve, its_curve in zip(mine.curves, its.curves, strict=True):
            assert curve.description == its_curve.description
            np.testing.assert_array_equal(curve.x, its_curve.x)
            np.testing.assert_array_equal(curve.y, its_curve.y)
