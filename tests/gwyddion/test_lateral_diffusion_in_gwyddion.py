"""Lateral diffusion taken out from Gwyddion's menus: the maps are those of the command line, bit for bit."""

import numpy as np
import pytest
import xarray as xr
from lateral_truth import banded_scan

from gwyddion.comparing import assert_same_channels, channels
from gwyddion.test_module_parameters import german, remember
from napari_tesm import save
from napari_tesm.cli import main
from napari_tesm.gwy import metadata_entries, read_container

pytestmark = pytest.mark.gwyddion

__all__ = ["german"]
FUNCTION = "tesm_lateral_diffusion"
MAPS = {f"{name} (-3 V)" for name in ("D", "D lateral", "log10 D lateral", "ln D lateral standard error")}


@pytest.fixture(scope="session")
def scan(tmp_path_factory):
    """Path of a scan across a fast band with pulses of +3 V and -3 V, and a channel."""
    _, _, dataset = banded_scan(35e-9, 2.5, "flux-pulse", rows=4, half=60e-9)
    other = banded_scan(35e-9, 2.5, "flux-pulse", rows=4, half=60e-9, seed=8)[2]
    both = xr.concat([other.assign_coords(voltage=("pulse", [3.0])), dataset], "pulse")
    height = np.random.default_rng(2).standard_normal((4, dataset.sizes["x"])) * 1e-9
    both["topography"] = (("y", "x"), height, {"units": "m", "long_name": "Topography"})
    path = tmp_path_factory.mktemp("scan") / "scan.gwy"
    save(path, both.assign_attrs(dataset.attrs))
    return path


def inverted(scan, path, *options):
    assert main(["lateral", str(scan), "-o", str(path), "--maps-only", "--quiet", *options]) == 0
    return read_container(path)


def test_one_volume_is_inverted_as_on_the_command_line(host, scan, tmp_path, gwyoracle, gwyddion_check):
    run = host("volume", FUNCTION, 1, scan, tmp_path / "out.gwy")
    assert run.log == []
    assert {f"{kind}::{FUNCTION}" for kind in ("proc", "volume", "cmap")} <= run.functions
    made = read_container(tmp_path / "out.gwy")
    expected = inverted(scan, tmp_path / "lateral.gwy", "--traces", "1")
    assert set(channels(expected)) >= MAPS
    assert_same_channels(made, expected)
    assert gwyoracle(tmp_path / "out.gwy").problems == []
    assert gwyddion_check(tmp_path / "out.gwy") == ""
    assert host.leftovers() == []
    log = made[f"/{channels(made)['D lateral (-3 V)']}/data/log"]["strings"]
    assert log[0].startswith(f"volume::{FUNCTION}(")
    assert "kernel=6" in log[0]


def test_all_pulse_settings_of_a_channel_may_share_their_d(host, scan, tmp_path):
    for together in (False, True):
        remember(host, FUNCTION, together=together)
        run = host("proc", FUNCTION, 0, scan, tmp_path / "out.gwy")
        assert run.log == []
        expected = inverted(
            scan, tmp_path / "lateral.gwy", "--overwrite", *(["--together"] if together else [])
        )
        assert {"D lateral (+3 V)", "D lateral (-3 V)"} <= set(channels(expected))
        assert_same_channels(read_container(tmp_path / "out.gwy"), expected)


def test_what_is_set_reaches_the_engine_in_a_german_locale(host, scan, tmp_path, german):
    # Another function's geometry and windows are nothing to this one.
    remember(host, FUNCTION, kernel=7, prior="0.6:37.5 nm", threshold=0.125, noise=1, nuisance="none", geometry=2,
             window1="none")  # fmt: skip
    run = host("volume", FUNCTION, 1, scan, tmp_path / "out.gwy", environment=german)
    assert (run.decimal, run.log) == (",", [])
    expected = inverted(
        scan, tmp_path / "lateral.gwy", "--traces", "1", "--kernel", "clamped", "--prior", "0.6:37.5nm",
        "--threshold", "12.5%", "--noise", "white", "--nuisance", "none",
    )  # fmt: skip
    assert_same_channels(read_container(tmp_path / "out.gwy"), expected)


def test_what_cannot_be_inverted_is_refused_in_a_sentence_by_the_name_of_the_entry(host, scan, tmp_path):
    container = read_container(scan)
    entries = metadata_entries(container["/brick/1/meta"])
    assert "Tip radius" in entries
    remember(host, FUNCTION, prior="soft")
    run = host("volume", FUNCTION, 1, scan, tmp_path / "out.gwy")
    assert len(run.log) == 1
    assert "'How ln D varies' is auto, image: and the title of an image, or standard deviation" in run.log[0]
    assert host.leftovers() == []
