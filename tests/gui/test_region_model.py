"""The regions of a scan as the user works on them, without a screen: history, names, classes, selection."""

import numpy as np
import pytest
from examples import example_dataset
from hypothesis import given
from hypothesis import strategies as st

from napari_tesm.gui.models.history import History
from napari_tesm.gui.models.regions import RegionModel, free_name, round_length
from napari_tesm.gui.models.scan import Scan
from napari_tesm.regions.shapes import Region


def _line(name="step 1", region_class="step", *, x=0.0, width=20e-9):
    return Region("line", ((x, 0.0), (x + 50e-9, 40e-9)), name, region_class, width)


def _box(name="grain 1", region_class="grain"):
    return Region("rectangle", ((0, 0), (3e-8, 0), (3e-8, 2e-8), (0, 2e-8)), name, region_class)


@pytest.fixture
def model(example_scan):
    return RegionModel(example_scan)


def test_names_count_up_in_their_class_and_fill_gaps():
    assert free_name("step", []) == "step 1"
    assert free_name("step", ["step 1", "step 3", "grain 2"]) == "step 2"
    assert free_name("other", ["region 1"]) == "region 2"
    assert free_name("pore", ["step 1"]) == "pore 1"


@given(st.floats(1e-12, 1e6))
def test_a_round_length_is_near(length):
    rounded = round_length(length)
    assert 1 / 1.6 <= rounded / length <= 1.6
    assert float(f"{rounded:.0e}") == pytest.approx(rounded)


def test_undo_and_redo_step_through_whole_lists():
    history = History(())
    a, b = _line(), _box()
    assert history.settle((a,))
    assert history.settle((a, b))
    assert not history.settle((a, b))
    assert history.undo() == (a,)
    assert history.undo() == ()
    assert history.undo() is None
    assert history.redo() == (a,)
    assert history.settle((b,))
    assert history.redo() is None
    assert history.undo() == (a,)


def test_steps_of_one_spin_box_are_one_action():
    history = History((_line(),))
    for width in (21e-9, 22e-9, 23e-9):
        history.settle((_line(width=width),), merge="width 0")
    history.settle((_line(width=30e-9),), merge="width 1")
    assert history.undo() == (_line(width=23e-9),)
    assert history.undo() == (_line(),)
    assert not history.can_undo


@given(st.lists(st.one_of(st.integers(0, 4), st.sampled_from(["undo", "redo"])), max_size=40))
def test_the_history_behaves_as_a_list_with_a_cursor(actions):
    states = [()]
    cursor = 0
    history = History(())
    for action in actions:
        if action == "undo":
            expected = None if cursor == 0 else states[cursor - 1]
            cursor = max(0, cursor - 1)
            assert history.undo() == expected
        elif action == "redo":
            expected = None if cursor == len(states) - 1 else states[cursor + 1]
            cursor = min(len(states) - 1, cursor + 1)
            assert history.redo() == expected
        else:
            regions = tuple(_line(x=n * 1e-9) for n in range(action))
            history.settle(regions)
            if regions != states[cursor]:
                states = [*states[: cursor + 1], regions]
                cursor += 1
        assert history.can_undo == (cursor > 0)
        assert history.can_redo == (cursor < len(states) - 1)


def test_a_drag_is_one_action_and_is_seen_all_along(model):
    seen = []
    model.scan.regions_changed.connect(lambda: seen.append(len(model.regions)))
    model.settle([_line()])
    for x in np.linspace(0, 1e-8, 7)[1:]:
        model.follow([_line(x=x)])
        assert model.is_live
    model.settle([_line(x=1e-8)])
    assert len(seen) == 7
    assert model.undo()
    assert model.regions == [_line()]
    assert model.undo()
    assert model.regions == []
    assert not model.undo()
    assert model.redo()
    assert model.regions == [_line()]


def test_undo_in_the_middle_of_a_drag_takes_the_drag_back(model):
    model.settle([_line()])
    model.follow([_line(x=1e-8)])
    model.undo()
    assert model.regions == [_line()]


def test_what_others_changed_can_be_undone_too(model):
    model.settle([_line()])
    model.scan.set_regions([_line(), _box()])
    model.undo()
    assert model.regions == [_line()]


def test_name_class_and_width_are_changed_one_region_at_a_time(model):
    model.settle([_line(), _box()])
    model.rename(1, "  the big one ")
    model.rename(0, "   ")
    model.set_class([1], "pore")
    model.set_width([0, 1], 33e-9)
    first, second = model.regions
    assert (first.name, first.width, first.region_class) == ("step 1", 33e-9, "step")
    assert (second.name, second.width, second.region_class) == ("the big one", 0.0, "pore")
    assert model.classes == ["step", "pore"]
    model.undo()
    assert model.regions[0].width == 20e-9


def test_deleting_deselects_and_adding_names(model):
    model.settle([_line(), _box(), _line("step 2")])
    model.select([0, 2, 9])
    assert model.selection == {0, 2}
    model.remove([0])
    assert [region.name for region in model.regions] == ["grain 1", "step 2"]
    assert model.selection == frozenset()
    model.add([_line("step 2"), _line("")])
    assert [region.name for region in model.regions] == ["grain 1", "step 2", "step 1", "step 3"]
    model.select([3])
    model.undo()
    assert model.selection == frozenset()


def test_the_line_of_interest_is_the_selected_or_the_last_one(model):
    assert model.line_of_interest is None
    model.settle([_line(), _line("step 2", x=1e-8), _box()])
    assert model.line_of_interest.name == "step 2"
    model.select([0])
    assert model.line_of_interest.name == "step 1"
    model.select([2])
    assert model.line_of_interest.name == "step 2"
    corners = ((0, 0), (1e-8, 1e-8), (2e-8, 0))
    along, across = Region("path", corners, "along", "step"), Region("path", corners, "across", "other")
    model.settle([along])
    assert model.line_of_interest is None, "a path along a step is no profile"
    model.select([0])
    assert model.line_of_interest == along
    model.settle([across, along])
    model.select([])
    assert model.line_of_interest == across


def test_the_pen_starts_about_five_pixels_wide_and_tells_of_changes(model):
    assert model.pen_width == pytest.approx(2e-6)
    told = []
    model.pen_changed.connect(lambda: told.append(model.pen_class))
    model.set_pen(region_class="grain")
    model.set_pen(region_class="grain")
    model.set_pen(width=-1.0)
    assert told == ["grain", "grain"]
    assert model.pen_width == 0.0


def test_one_scan_has_one_model_and_is_not_kept_alive_by_it():
    import gc
    import weakref

    scan = Scan("short", example_dataset(shape=(3, 4)))
    assert RegionModel.of(scan) is RegionModel.of(scan)
    gone = weakref.ref(scan)
    del scan
    gc.collect()
    assert gone() is None
