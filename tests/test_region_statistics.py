"""Parts of an image and what a map comes to in them, against numpy."""

import numpy as np
import pytest
import xarray as xr
from examples import SPACING, axes_of, drawn, example_dataset

from napari_tesm import fit
from napari_tesm.evaluation.places import hot_traces
from napari_tesm.io.gwy.region_graphs import mean_traces
from napari_tesm.regions.measures import (
    Part,
    comparison_of_masks,
    comparison_of_steps,
    measure_from_map,
    measures_from_maps,
    parts_of_image,
)
from napari_tesm.regions.shapes import Region

Y, X = axes_of((6, 9))


def box(x0: float, y0: float, x1: float, y1: float, **properties: str) -> Region:
    """Return a rectangle with edges in pixels."""
    return drawn("rectangle", ((x0, y0), (x1, y0), (x1, y1), (x0, y1)), **properties)


STEP = box(0, 0, 3, 6, name="left", region_class="step")
OTHER_STEP = box(2, 0, 4, 3, name="upper", region_class="step")
GRAIN = box(6, 0, 9, 6, name="right", region_class="grain")
FAR = box(50, 0, 60, 6, name="far")
TINY = box(0.1, 0.1, 0.2, 0.2, name="tiny")


def by_name(parts: list[Part]) -> dict[str, Part]:
    return {part.name: part for part in parts}


def test_parts_are_regions_classes_masks_and_the_rest():
    mask = np.zeros((6, 9), dtype=bool)
    mask[:, 5] = True
    parts = parts_of_image([STEP, OTHER_STEP, GRAIN, FAR, TINY], {"the mask of Z": (mask, ~mask)}, X, Y)
    kinds = [part.part for part in parts]
    assert kinds == ["region"] * 5 + ["class"] * 3 + ["masked", "unmasked", "outside"]
    found = by_name(parts)
    assert [found[name].pixels for name in ("left", "upper", "right", "far", "tiny")] == [18, 6, 18, 0, 0]
    # The pixels that two steps share count once.
    assert found["all steps (2)"].pixels == 18 + 3
    assert found["under the mask of Z"].pixels == 6
    assert found["outside of all"].pixels == 54 - 21 - 18 - 6
    assert found["far"].note == "lies outside the image"
    assert found["tiny"].note == "holds no pixel"
    assert found["all others (2)"].note
    assert not found["left"].note


def test_without_anything_drawn_the_image_is_the_part():
    parts = parts_of_image([], {}, X, Y)
    assert [(part.part, part.pixels) for part in parts] == [("image", 54)]


def test_beside_a_single_mask_nothing_is_said_twice():
    mask = np.arange(54).reshape(6, 9) < 20
    parts = parts_of_image([], {"m": (mask, ~mask)}, X, Y)
    assert [(part.part, part.pixels) for part in parts] == [("masked", 20), ("unmasked", 34)]


def test_regions_without_a_name_are_told_apart():
    parts = parts_of_image([box(0, 0, 1, 1), box(1, 0, 2, 1)], {}, X, Y)
    assert [part.name for part in parts[:2]] == ["region 1", "region 2"]


@pytest.mark.parametrize("edge", [-0.3, 0.0])
def test_a_line_with_a_width_reaches_into_the_image(edge):
    """Beside the image lies what no part of reaches it."""
    line = drawn("line", ((edge - 2, 0), (edge - 2, 6)), "l", width=SPACING[1])
    assert parts_of_image([line], {}, X, Y)[0].note == "lies outside the image"
    wide = Region("line", line.vertices, "l", width=8 * SPACING[1])
    assert parts_of_image([wide], {}, X, Y)[0].pixels > 0


def test_numbers_are_those_of_numpy():
    maps = fit(example_dataset())
    maps["D2"].values[0, 2, 1] = np.nan
    parts = parts_of_image([STEP, GRAIN], {}, X, Y)
    measures = measures_from_maps(maps, parts)
    assert [(m.quantity, m.pulse) for m in measures] == [
        (name, pulse) for pulse in (0, 1) for name in ("H", "tau1", "D1", "tau2", "D2")
    ]
    for measure in measures:
        values = maps[measure.quantity].values[measure.pulse]
        assert measure.unit == maps[measure.quantity].attrs["units"]
        for part, found in zip(parts, measure.values, strict=True):
            inside = values[part.mask]
            good = inside[np.isfinite(inside)]
            assert (found.n, found.n_total) == (good.size, inside.size)
            wanted = [np.median(good), *np.percentile(good, [25, 75]), good.mean(), good.std(ddof=1)]
            assert [found.median, found.q25, found.q75, found.mean, found.std] == pytest.approx(
                wanted, rel=1e-12
            )
    first = measures[4]
    assert first.values[0].n == 17
    assert [one.names for one in first.comparisons] == [("step", "grain")]


def test_what_is_compared_with_what():
    values = np.random.default_rng(0).lognormal(size=(6, 9))
    mask = np.arange(54).reshape(6, 9) % 2 == 0

    def pairs(regions, masks):
        measure = measure_from_map(
            values, parts_of_image(regions, masks, X, Y), "D2", "m²/s", many_decades=True
        )
        return [(one.names, one.n) for one in measure.comparisons]

    rest = "the rest of the image"
    assert pairs([STEP, GRAIN], {}) == [(("step", "grain"), (18, 18))]
    assert pairs([STEP], {}) == [(("step", rest), (18, 36))]
    assert pairs([GRAIN], {}) == [(("right", rest), (18, 36))]
    assert pairs([GRAIN, box(0, 0, 1, 1)], {}) == [(("the regions", rest), (19, 35))]
    assert pairs([], {"m": (mask, ~mask)}) == [(("under m", "not under m"), (27, 27))]
    assert pairs([], {}) == []
    assert len(pairs([STEP], {"m": (mask, ~mask), "k": (~mask, mask)})) == 3


def test_what_cannot_be_compared_is_said():
    values = np.ones((6, 9))
    measure = measure_from_map(values, parts_of_image([FAR], {}, X, Y), "H", "m")
    assert measure.comparisons == ()
    assert "no pixel of far has a value" in measure.problems[0]


def test_a_step_is_compared_with_its_effect_size():
    rng = np.random.default_rng(3)
    values = 1e-13 * rng.lognormal(sigma=0.1, size=(6, 9))
    values[:, :3] *= 3
    measure = measure_from_map(values, parts_of_image([STEP], {}, X, Y), "D2", "m²/s", many_decades=True)
    found = measure.comparisons[0]
    inside = np.arange(9) < 3
    assert found.ratio == pytest.approx(
        np.median(values[:, inside]) / np.median(values[:, ~inside]), rel=1e-12
    )
    larger = values[:, inside].reshape(-1, 1) > values[:, ~inside].reshape(1, -1)
    smaller = values[:, inside].reshape(-1, 1) < values[:, ~inside].reshape(1, -1)
    assert found.cliffs_delta == pytest.approx(larger.mean() - smaller.mean(), abs=1e-12)
    assert found.significant


def test_pixels_that_differ_from_their_neighbours_are_independent_also_where_d_is_skewed():
    values = 1e-13 * np.random.default_rng(0).lognormal(sigma=1.0, size=(24, 32))
    step = np.zeros(values.shape, dtype=bool)
    step[:, :12] = True
    for found in (
        comparison_of_steps(values, {"step": step}, many_decades=True),
        comparison_of_steps(values, {"step": step, "grain": ~step}, many_decades=True),
    ):
        for independent, size in zip(found.independent, found.n, strict=True):
            assert independent > 0.7 * size
    # What is not positive has no logarithm, and tells nothing of how alike neighbours are.
    values[0, 0] = -1.0
    assert comparison_of_masks(values, step, ~step, ("a", "b"), many_decades=True).n == (288, 480)


def test_masks_of_another_size_are_refused():
    with pytest.raises(ValueError, match="differ in size"):
        measure_from_map(np.ones((3, 3)), parts_of_image([STEP], {}, X, Y), "H", "m")


@pytest.mark.parametrize("time_first", [True, False])
@pytest.mark.parametrize("block", [1 << 25, 9000, 100])
def test_mean_traces_are_those_of_numpy(monkeypatch, time_first, block):
    monkeypatch.setattr("napari_tesm.data.dataset.BLOCK_BYTES", block)
    dataset = example_dataset(time_first=time_first)
    values = np.array(dataset["displacement"].values)
    values[np.random.default_rng(2).random(values.shape) < 0.05] = np.nan
    values[:, :2, 0, 7] = np.nan
    dataset = dataset.assign(displacement=dataset["displacement"].copy(data=values))
    rng = np.random.default_rng(4)
    masks = [rng.random((6, 9)) < 0.5, np.zeros((6, 9), dtype=bool), np.indices((6, 9))[0] < 2]
    masks[2] &= np.indices((6, 9))[1] == 0
    left_out = rng.random((2, 6, 9)) < 0.1
    left_out[:, :2, 0] = False
    found = mean_traces(dataset, masks, left_out=left_out)
    assert found.shape == (2, 3, 250)
    for pulse in range(2):
        for number in (0, 2):
            inside = values[pulse][masks[number] & ~left_out[pulse]]
            finite = np.isfinite(inside).any(axis=0)
            wanted = np.full(250, np.nan)
            wanted[finite] = np.nanmean(inside[:, finite], axis=0)
            np.testing.assert_allclose(found[pulse, number], wanted, rtol=1e-12)
    assert np.isnan(found[:, 1]).all()
    assert np.isnan(found[:, 2, 7]).all()


def test_hot_pixels_stand_out_of_what_neighbours_support():
    dataset = example_dataset()
    height = np.full((2, 6, 9), -1e-3)
    height[0, 2:4, 3:6] = 2e-3
    height[0, 5, 8], height[0, 0, 0], height[0, 1, 1] = -5e-3, 2.3e-3, np.nan
    coordinates = {name: dataset[name] for name in ("voltage", "direction")}
    maps = xr.Dataset({"H": (("pulse", "y", "x"), height)}, coords=coordinates)
    assert np.argwhere(hot_traces(maps, dataset)).tolist() == [[0, 5, 8]]
    # Pulse settings are known by their voltage and direction, wherever they stand.
    assert np.argwhere(hot_traces(maps, dataset.isel(pulse=[1, 0]))).tolist() == [[1, 5, 8]]
    assert not hot_traces(maps, dataset.isel(pulse=[1])).any()
    assert not hot_traces(maps.drop_vars("H"), dataset).any()
