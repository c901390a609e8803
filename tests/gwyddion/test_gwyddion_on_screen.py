"""The real Gwyddion under a virtual screen: dialog, progress, Cancel, error, results."""

import time

import pytest

from gwyddion.gui_session import session
from gwyddion.stress import gone_soon, is_alive
from gwyddion.test_regions_in_gwyddion import drawn
from napari_tesm import open_dataset, save

pytestmark = [pytest.mark.gwyddion, pytest.mark.slow]

FUNCTION = "tesm_diffusion_maps"


def test_from_the_menu_to_maps_in_the_open_file(module, sample, tmp_path, display, host):
    with session(
        module, sample, tmp_path, display, TESM_ENGINE=host.environment()["TESM_ENGINE"]
    ) as gwyddion:
        before = set(gwyddion.windows())
        gwyddion.call(FUNCTION, "Topography")
        gwyddion.wait_for("Diffusion Maps")
        gwyddion.shot("dialog")
        gwyddion.key("alt+o")
        gwyddion.wait(lambda windows: "t-ESM histogram (+3 V)" in " ".join(windows), "the graph")
        gwyddion.wait_for_peace()
        opened = [title for title in gwyddion.windows() if title not in before]
        # Of two pulses with fifteen maps each: the rest is in the data browser, not on the screen.
        assert len(opened) == 3
        assert all(name in " ".join(opened) for name in ("[D1 (+3 V)]", "[D2 (+3 V)]"))
        gwyddion.shot("maps")
        assert gwyddion.problems() == []
        assert gwyddion.leftovers() == []


def test_one_of_several_volumes_can_be_chosen(module, sample, tmp_path, display, host):
    with session(
        module, sample, tmp_path, display, TESM_ENGINE=host.environment()["TESM_ENGINE"]
    ) as gwyddion:
        gwyddion.call(FUNCTION, "Topography")
        gwyddion.wait_for("Diffusion Maps")
        gwyddion.key("alt+y")
        gwyddion.shot("one volume")
        gwyddion.key("alt+o")
        gwyddion.wait(lambda windows: any("[D2 (+3 V)]" in title for title in windows), "the maps")
        gwyddion.wait_for_peace()
        assert not [title for title in gwyddion.windows() if "[D1 (-3 V)]" in title]
        assert gwyddion.problems() == []


def test_a_joint_kernel_can_be_chosen_after_a_geometry_and_a_window(module, sample, tmp_path, display, host):
    with session(
        module, sample, tmp_path, display, TESM_ENGINE=host.environment()["TESM_ENGINE"]
    ) as gwyddion:
        gwyddion.call(FUNCTION, "Traces (-3 V)", menu="alt")
        gwyddion.wait_for("Diffusion Maps")
        gwyddion.key("alt+g", "Down", "Down")
        gwyddion.key("alt+1", "n", "o", "n", "e")
        gwyddion.key("alt+k", "End", "Up")
        gwyddion.shot("joint kernel")  # geometry and windows are grey
        gwyddion.key("alt+o")
        gwyddion.wait(lambda windows: any("[D (" in title for title in windows), "the map")
        assert gwyddion.problems() == []
        assert gwyddion.leftovers() == []


def test_lateral_diffusion_from_the_menu_to_maps_in_the_open_file(module, sample, tmp_path, display, host):
    corner = tmp_path / "corner.gwy"
    save(corner, open_dataset(sample).isel(x=slice(0, 14), y=slice(0, 10)))
    with session(
        module, corner, tmp_path, display, TESM_ENGINE=host.environment()["TESM_ENGINE"]
    ) as gwyddion:
        gwyddion.call("tesm_lateral_diffusion", "Traces (-3 V)", menu="alt")
        gwyddion.wait_for("Lateral Diffusion")
        gwyddion.shot("lateral dialog")
        gwyddion.key("alt+o")
        gwyddion.wait(lambda windows: "Lateral Diffusion" not in windows, "the end of the dialog")
        gwyddion.shot("lateral progress")
        gwyddion.wait(lambda windows: any("[D lateral (-3 V)]" in title for title in windows), "the map")
        gwyddion.wait_for("Lateral Diffusion")  # what there is to say of it
        gwyddion.wait_for_peace()
        gwyddion.shot("lateral map")
        assert gwyddion.problems() == []
        assert gwyddion.leftovers() == []


@pytest.mark.parametrize("mode", ["hang", "stubborn"])
def test_cancel_ends_the_engine_and_its_children(module, sample, tmp_path, display, stress, mode):
    with session(module, sample, tmp_path, display, **stress.environment(mode)) as gwyddion:
        before = len(gwyddion.windows())
        gwyddion.call(FUNCTION, "Traces (-3 V)", menu="alt")
        gwyddion.wait_for("Diffusion Maps")
        gwyddion.key("alt+o")
        pid, child = stress.wait_for("pid"), stress.wait_for("child")
        gwyddion.wait(lambda windows: "Diffusion Maps" not in windows, "the end of the dialog")
        time.sleep(1)
        assert is_alive(pid)
        gwyddion.shot("progress")
        # The button of the progress dialog; its window has no title of its own to wait for.
        gwyddion.key("Escape")
        assert gone_soon(pid)
        assert gone_soon(child)
        gwyddion.wait(lambda windows: len(windows) <= before, "the end of the progress dialog")
        gwyddion.shot("cancelled")
        assert gwyddion.problems() == []
        assert gwyddion.leftovers() == []
        # Gwyddion is as alive as before.
        gwyddion.call(FUNCTION, "Traces (-3 V)", menu="alt")
        gwyddion.wait_for("Diffusion Maps")


def test_a_failure_is_said_in_a_dialog(module, sample, tmp_path, display, stress):
    with session(module, sample, tmp_path, display, **stress.environment("flood-and-fail")) as gwyddion:
        gwyddion.call(FUNCTION, "Topography")
        gwyddion.wait_for("Diffusion Maps")
        gwyddion.key("alt+o")
        gwyddion.wait_for("t-ESM")
        gwyddion.shot("failure")
        gwyddion.key("Escape")
        gwyddion.wait(lambda windows: "t-ESM" not in windows, "the end of the dialog")
        assert gwyddion.problems() == []
        assert gwyddion.leftovers() == []


def test_region_statistics_are_a_table_to_read_and_graphs(module, sample, tmp_path, display, host):
    marked = drawn(sample, tmp_path / "marked.gwy", selection=[[5e-8, 5e-8, 15e-8, 20e-8]])
    with session(
        module, marked, tmp_path, display, TESM_ENGINE=host.environment()["TESM_ENGINE"]
    ) as gwyddion:
        gwyddion.call("tesm_region_statistics", "Topography")
        gwyddion.wait_for("Region Statistics")
        gwyddion.key("alt+o")
        gwyddion.wait(lambda windows: any("t-ESM mean trace" in title for title in windows), "the graphs")
        gwyddion.wait_for("Region Statistics")
        gwyddion.wait_for("t-ESM mean trace (+3 V): rectangle 1, outside of all")
        gwyddion.wait_for_peace()
        gwyddion.shot("regions")
        # A second time the graphs are drawn anew where they are; another table comes.
        opened = sorted(gwyddion.windows())
        gwyddion.focus(gwyddion.windows()["Region Statistics"])
        gwyddion.key("Escape")
        gwyddion.wait(lambda windows: "Region Statistics" not in windows, "the end of the table")
        gwyddion.call("tesm_region_statistics", "Topography")
        gwyddion.wait_for("Region Statistics")
        gwyddion.key("alt+o")
        gwyddion.wait(lambda windows: "Region Statistics" not in windows, "the end of the dialog")
        gwyddion.wait_for("Region Statistics")
        gwyddion.wait_for_peace()
        assert sorted(gwyddion.windows()) == opened
        assert gwyddion.problems() == []
        assert gwyddion.leftovers() == []
        # The table keeps nobody from working on.
        gwyddion.call("tesm_displacement_map", "Traces (-3 V)", menu="alt")
        gwyddion.wait_for("Displacement Map")


def test_a_napari_that_does_not_start_is_said_in_a_dialog(module, sample, tmp_path, display, stress):
    with session(module, sample, tmp_path, display, **stress.environment("no-view")) as gwyddion:
        gwyddion.call("tesm_open_in_napari", "Topography")
        gwyddion.wait_for("t-ESM")
        gwyddion.shot("no napari")
        assert stress.said("viewed") == str(sample)  # and no copy of it
        gwyddion.key("Escape")
        gwyddion.wait(lambda windows: "t-ESM" not in windows, "the end of the dialog")
        assert gwyddion.problems() == []
        assert gwyddion.leftovers() == []
