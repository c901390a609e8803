"""The module on files that instruments and other programs have made."""

import numpy as np
import pytest

from gwyddion.comparing import assert_same_channels, channels, fitted, graphs
from gwyddion.test_module_parameters import typed_for
from napari_tesm.gwy import Field, metadata_entries, read_container

pytestmark = pytest.mark.gwyddion

PULSE = {"time_unit": "s", "pulse_start": "0 s", "pulse_duration": "4 ns", "lateral_unit": "um"}


def first_channel(path):
    return min(channels(read_container(path)).values())


def test_a_volume_without_units_or_pulse_is_fitted_when_the_dialog_says_them(host, shared_data, tmp_path):
    path = shared_data / "gwy" / "tcspc64_brick.gwy"
    run = host("volume", "tesm_diffusion_maps", 0, path, tmp_path / "out.gwy")
    assert len(run.log) == 1
    assert "has no unit: give it with 'Unit of the time axis'" in run.log[0]
    assert "--" not in run.log[0]
    names = {"time_unit": "unit_of_the_time_axis", "lateral_unit": "unit_of_the_image_axes"}
    typed = typed_for(
        path, tmp_path / "typed", 0, ["Pulse start", "Pulse duration"],
        **{names.get(name, name): text for name, text in PULSE.items()},
    )  # fmt: skip
    run = host("volume", "tesm_diffusion_maps", 0, typed, tmp_path / "out.gwy")
    assert run.log == []
    words = [f"--{name.replace('_', '-')}={value}" for name, value in PULSE.items()]
    expected = fitted(path, tmp_path / "fit.gwy", "--traces", "0", *words)
    assert_same_channels(read_container(tmp_path / "out.gwy"), expected)
    assert any(title.startswith("tau") for title in channels(expected))


def test_curves_over_something_else_than_time_are_refused_in_a_sentence(host, shared_data, tmp_path):
    run = host("cmap", "tesm_diffusion_maps", 0, shared_data / "gwy" / "BEPS_lawn_32x32.gwy", "")
    assert len(run.log) == 1
    assert run.log[0].endswith(
        "Diffusion Maps: BEPS_lawn_32x32.gwy holds no time traces: no volume or curve map with a time axis"
    )
    assert host.leftovers() == []


@pytest.mark.parametrize("name", ["PTO_110_Virgin0001.gwy", "bipm.gwy", "chip.gwy", "GaAs_map.mdt.gwy"])
def test_an_image_alone_has_no_traces_but_statistics(host, shared_data, tmp_path, name):
    path = shared_data / "gwy" / name
    number = first_channel(path)
    run = host("proc", "tesm_diffusion_maps", number, path, tmp_path / "out.gwy")
    assert len(run.log) == 1
    assert "there are no traces to work on" in run.log[0]
    run = host("proc", "tesm_region_statistics", number, path, tmp_path / "out.gwy")
    container = read_container(tmp_path / "out.gwy")
    if run.log:  # nothing is drawn there
        assert len(run.log) == 1
        assert "Region Statistics: " in run.log[0]
        assert graphs(container) == graphs(read_container(path)) == []
    else:
        assert "Region statistics" in metadata_entries(container[f"/{number}/meta"])
    assert host.leftovers() == []


@pytest.mark.parametrize("name", ["ibw/P0089OP0027.ibw", "bruker/old_bruker.002"])
def test_what_gwyddion_imports_is_handed_over_as_it_understood_it(host, shared_data, tmp_path, stress, name):
    path = shared_data / name
    (tmp_path / "close").touch()
    environment = stress.environment("view", STRESS_TARGET=str(tmp_path / "close"), STRESS_KEEP=str(tmp_path))
    run = host("proc", "tesm_open_in_napari", 0, path, tmp_path / "imported.gwy", environment=environment)
    assert [line for line in run.log if "napari" in line] == []
    assert stress.wait_for("viewed").endswith(f"/{path.name}.gwy")
    imported = read_container(tmp_path / "imported.gwy")
    seen = read_container(tmp_path / "seen.gwy")
    for title, number in channels(imported).items():
        np.testing.assert_array_equal(
            Field.from_object(seen[f"/{channels(seen)[title]}/data"]).values,
            Field.from_object(imported[f"/{number}/data"]).values,
        )
