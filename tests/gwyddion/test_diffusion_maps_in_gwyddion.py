"""The module's functions in Gwyddion's own libraries: the maps are the engine's, bit for bit."""

import numpy as np
import pytest

from gwyddion.comparing import assert_same_channels, assert_same_graphs, channels, fitted, graphs
from gwyddion.test_module_parameters import remember
from napari_tesm import open_dataset, save
from napari_tesm.cli import main
from napari_tesm.gwy import put, read_container, write_container
from napari_tesm.gwy.selections import Selection

pytestmark = pytest.mark.gwyddion

FUNCTION = "tesm_diffusion_maps"


def test_the_fit_of_one_volume_is_the_engines(host, sample, tmp_path, gwyoracle, gwyddion_check):
    run = host("volume", FUNCTION, 1, sample, tmp_path / "out.gwy")
    assert run.log == []
    assert {"proc::" + FUNCTION, "volume::" + FUNCTION, "cmap::" + FUNCTION} <= run.functions
    made = read_container(tmp_path / "out.gwy")
    expected = fitted(sample, tmp_path / "fit.gwy", "--traces", "1")
    assert_same_channels(made, expected)
    assert set(channels(made)) == {"Topography", "Deflection error", *channels(expected)}
    assert gwyoracle(tmp_path / "out.gwy").problems == []
    assert gwyddion_check(tmp_path / "out.gwy") == ""
    assert host.leftovers() == []


def test_the_fit_from_a_channel_takes_all_traces_on_its_grid(host, sample, tmp_path):
    run = host("proc", FUNCTION, 0, sample, tmp_path / "out.gwy")
    assert run.log == []
    made = read_container(tmp_path / "out.gwy")
    expected = fitted(sample, tmp_path / "fit.gwy")
    assert len(channels(expected)) == 30
    assert_same_channels(made, expected)
    assert host.leftovers() == []


def test_the_log_tells_the_parameters(host, sample, tmp_path):
    host("volume", FUNCTION, 1, sample, tmp_path / "out.gwy")
    made = read_container(tmp_path / "out.gwy")
    number = channels(made)["D1 (-3 V)"]
    entries = made[f"/{number}/data/log"]["strings"]
    assert len(entries) == 1
    assert entries[0].startswith(f"volume::{FUNCTION}(")
    for name in ("threshold=0.15", "kernel=0", "use_tip_radius=False"):
        assert name in entries[0]


def test_kernels_are_compared_and_limits_come_where_they_are_asked_for(host, sample, tmp_path):
    small = tmp_path / "small.gwy"
    save(small, open_dataset(sample).isel(x=slice(10, 17), y=slice(8, 14)))
    remember(host, intervals=True)
    run = host("volume", f"tesm_which_kernel,{FUNCTION}", 1, small, tmp_path / "out.gwy")
    assert run.log == []
    made = read_container(tmp_path / "out.gwy")
    assert_same_channels(made, fitted(small, tmp_path / "fit.gwy", "--traces", "1", "--intervals"))
    assert {"D1 lower (-3 V)", "D1 upper (-3 V)"} <= set(channels(made))
    words = [
        "kernels",
        str(small),
        "-o",
        str(tmp_path / "kernels.gwy"),
        "--traces",
        "1",
        "--maps-only",
        "--quiet",
    ]
    assert main(words) == 0
    compared = read_container(tmp_path / "kernels.gwy")
    assert_same_channels(made, compared)
    # The best kernel is what was asked for; the rest is in the data browser.
    number = channels(compared)["Best kernel (-3 V)"]
    shown = {key for key, value in compared.items() if key.endswith("/data/visible") and value}
    assert shown == {f"/{number}/data/visible"}


def test_graphs_come_with_the_maps(host, sample, tmp_path):
    container = read_container(sample)
    points = np.array([[12e-8, 10e-8], [20e-8, 13e-8]])
    put(container, "/0/select/point", Selection("point", points).to_object(), "o")
    write_container(tmp_path / "scan.gwy", container)
    run = host("proc", FUNCTION, 0, tmp_path / "scan.gwy", tmp_path / "out.gwy")
    assert run.log == []
    made = graphs(read_container(tmp_path / "out.gwy"))
    assert_same_graphs(made, graphs(fitted(tmp_path / "scan.gwy", tmp_path / "fit.gwy")))
    assert [graph.title.split(" (")[0] for graph in made] == [
        "t-ESM histogram", "t-ESM histogram", "t-ESM point 1", "t-ESM point 2",
    ]  # fmt: skip
