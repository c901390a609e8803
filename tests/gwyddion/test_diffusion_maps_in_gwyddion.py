"""The module's functions in Gwyddion's own libraries: the maps are the engine's, bit for bit."""

import numpy as np
import pytest

from napari_tesm.cli import main
from napari_tesm.io.gwy import Field, read_container

pytestmark = pytest.mark.gwyddion

FUNCTION = "tesm_diffusion_maps"


def fitted(sample, path, *options):
    assert main(["fit", str(sample), "-o", str(path), "--maps-only", "--quiet", *options]) == 0
    return read_container(path)


def channels(container):
    """Return title -> number."""
    return {
        str(container[f"{key}/title"]): int(key.split("/")[1])
        for key in container
        if key.endswith("/data") and key.count("/") == 2
    }


def assert_same_channels(found, expected):
    """Assert that every channel of the engine's file is there with all that belongs to it."""
    theirs = channels(found)
    for title, number in channels(expected).items():
        mine = theirs[title]
        for key in [key for key in expected if key.startswith(f"/{number}/")]:
            if key.endswith("/visible"):  # belongs to windows, and there are none
                continue
            other = found[f"/{mine}/{key.split('/', 2)[2]}"]
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


def test_the_fit_of_one_volume_is_the_engines(host, sample, tmp_path, gwyoracle, gwyddion_check):
    run = host("volume", FUNCTION, 1, sample, tmp_path / "out.gwy")
    assert run.log == []
    assert {"proc::" + FUNCTION, "volume::" + FUNCTION, "cmap::" + FUNCTION} <= run.functions
    found = read_container(tmp_path / "out.gwy")
    expected = fitted(sample, tmp_path / "fit.gwy", "--traces", "1")
    assert_same_channels(found, expected)
    assert set(channels(found)) == {"Topography", "Deflection error", *channels(expected)}
    assert gwyoracle(tmp_path / "out.gwy").problems == []
    assert gwyddion_check(tmp_path / "out.gwy") == ""
    assert host.leftovers() == []


def test_the_fit_from_a_channel_takes_all_traces_on_its_grid(host, sample, tmp_path):
    run = host("proc", FUNCTION, 0, sample, tmp_path / "out.gwy")
    assert run.log == []
    found = read_container(tmp_path / "out.gwy")
    expected = fitted(sample, tmp_path / "fit.gwy")
    assert len(channels(expected)) == 30
    assert_same_channels(found, expected)
    assert host.leftovers() == []


def test_the_log_tells_the_parameters(host, sample, tmp_path):
    host("volume", FUNCTION, 1, sample, tmp_path / "out.gwy")
    found = read_container(tmp_path / "out.gwy")
    number = channels(found)["D1 (-3 V)"]
    entries = found[f"/{number}/data/log"]["strings"]
    assert len(entries) == 1
    assert entries[0].startswith(f"volume::{FUNCTION}(")
    for name in ("threshold=0.15", "kernel=0", "use_tip_radius=False"):
        assert name in entries[0]
