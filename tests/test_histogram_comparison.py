"""Fig. 8 in numbers and as drawings: against the maps, and for results that lack something."""

import json
import re
from dataclasses import replace

import numpy as np
import pytest
from examples import example_dataset, quartiles_with_limits
from plotting_checks import agg_figure, assert_legible
from scipy.stats import wilcoxon

import napari_tesm
from napari_tesm.interface import fit
from napari_tesm.model_choice.histograms import histogram_comparison
from napari_tesm.model_choice.null_bands import null_bands_from_result
from napari_tesm.plotting.histogram_comparison import (
    draw_histogram_comparison,
    draw_ratio_comparison,
    fill_histogram_figure,
)
from napari_tesm.plotting.null_curve import null_figure
from napari_tesm.plotting.overview import overview_figure
from napari_tesm.statistics.modes import mode_from_map
from napari_tesm.statistics.ratios import paired_ratio


@pytest.fixture(scope="module")
def dataset():
    return example_dataset(shape=(16, 20), noise=0.01)


@pytest.fixture(scope="module")
def maps(dataset):
    return fit(dataset, tip_radius="25 nm", threshold=0.0)


@pytest.fixture(scope="module")
def found(dataset, maps):
    return histogram_comparison(maps, dataset, pulse=1)


def test_every_number_is_that_of_the_maps(found, maps):
    for number in (1, 2):
        field = maps[f"D{number}"].values[1]
        one = found.windows[number]
        assert one.description.n == np.isfinite(field).sum()
        median = quartiles_with_limits(field, maps[f"status{number}"].values[1])[1]
        assert one.description.median == pytest.approx(median, rel=1e-12, abs=0)
        for scale in ("log", "linear"):
            # D is one in the left half and another in the right: alike as far as the map reaches.
            assert not one.modes[scale].has_interval
            assert one.modes[scale].value == mode_from_map(field, scale=scale).value
            low, high = one.half_maxima[scale]
            assert low < one.modes[scale].value < high
            counts = found.histograms[scale].counts[f"D{number}"]
            np.testing.assert_array_equal(
                counts.sum(), np.isfinite(field).sum(), "every accepted pixel is in a bin of the common bins"
            )
    ratios = maps["D2"].values[1] / maps["D1"].values[1]
    known = np.isfinite(ratios)
    assert found.ratio.n == known.sum()
    assert found.ratio.median == pytest.approx(np.median(ratios[known]), rel=1e-3)
    np.testing.assert_allclose(found.ratios[known], ratios[known])


@pytest.fixture(scope="module")
def scattered(dataset, maps):
    """The same pixels at other places: nothing is alike but by chance."""
    order = np.random.default_rng(3).permutation(maps.sizes["y"] * maps.sizes["x"])
    other = maps.copy(deep=True)
    for name, values in other.data_vars.items():
        if values.dims == ("pulse", "y", "x"):
            flat = values.values.reshape(values.sizes["pulse"], -1)
            other[name] = values.copy(data=flat[:, order].reshape(values.shape))
    return histogram_comparison(other, dataset, pulse=1)


def test_a_map_of_two_halves_is_one_independent_region(found):
    line = found.sentences()[0]
    assert line.count("(as one independent region, without an interval; half maximum") == 2
    numbers = found.to_dict()["windows"]["D1"]
    assert numbers["mode_log_ci"] == [None, None]
    alike = replace(
        found, ratio=paired_ratio(found.windows[2].values, found.windows[1].values, independent=1.0)
    )
    told = " ".join(alike.sentences())
    assert "(as one independent region, without an interval), half of the" in told
    assert "signed-rank" not in told
    assert alike.verdict().endswith("as one independent region it says nothing of diffusion.")
    assert not alike.alike.needs_drift(alike.ratio.low, alike.ratio.high)
    figure = agg_figure()
    fill_histogram_figure(figure, alike)
    figure.canvas.draw()
    assert not any("nan" in text.get_text() for axes in figure.axes for text in axes.get_legend().get_texts())


def test_the_sentences_hold_the_numbers(scattered, maps):
    found = scattered
    text = "\n".join(found.sentences())
    ratios = maps["D2"].values[1] / maps["D1"].values[1]
    ratios = ratios[np.isfinite(ratios)]
    low, middle, high = np.percentile(ratios, [25, 50, 75])
    assert f"median {middle:.2f} (95 % {found.ratio.low:.2f} to {found.ratio.high:.2f})" in text
    assert f"half of the {ratios.size} pixels within {low:.2f} to {high:.2f}; signed-rank" in text
    assert found.ratio.low < middle < found.ratio.high
    for scale, line in zip(("log", "linear"), found.sentences(), strict=False):
        for number in (1, 2):
            pattern = rf"D{number} ([\d.]+) \(95 % ([\d.]+) to ([\d.]+); half maximum ([\d.]+) to ([\d.]+); n = (\d+)\)"
            *limits, n = re.search(pattern, line).groups()
            one = found.windows[number]
            mode, ends = one.modes[scale], one.half_maxima[scale]
            wanted = np.array([mode.value, mode.low, mode.high, *ends]) / 1e-13
            assert [float(limit) for limit in limits] == pytest.approx(wanted, rel=6e-3)
            assert int(n) == np.isfinite(maps[f"D{number}"].values[1]).sum()


def test_the_test_counts_neighbours_as_far_as_they_are_independent(found):
    logs = np.log(found.ratios[np.isfinite(found.ratios)])
    naive = wilcoxon(logs, method="asymptotic").pvalue
    assert found.ratio.independent <= found.ratio.n
    assert found.ratio.p_value >= naive
    # D itself has two halves here: as few values, though each pixel's noise is its own.
    assert found.windows[1].independent < 0.2 * found.windows[1].description.n


def test_what_diffusion_shows_stands_beside_it(found, dataset, maps):
    bands = null_bands_from_result(dataset, maps)
    assert found.bands.ratios == bands.ratios
    assert found.alike.ratios == bands.among({n: found.windows[n].values for n in (1, 2)}).ratios
    text = " ".join(found.sentences())
    for words in (
        "logarithmic scale",
        "linear scale",
        "Freedman",
        "signed-rank",
        "pure diffusion",
        "n = 320",
    ):
        assert words in text
    numbers = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert numbers["null"]["flux-pulse"]["ratio"] == list(bands.ratios["flux-pulse"])
    for source, curve in bands.curves.items():
        for number in (1, 2):
            ends = [np.nanmin(curve.apparent[number]), np.nanmax(curve.apparent[number])]
            assert numbers["null"][source][f"D{number}"] == ends
        assert numbers["null"][source]["ratio_of_such_D"] == list(found.alike.ratios[source])
    assert numbers["ratio"]["median"] == found.ratio.median
    assert len(numbers["bins"]["log"]["edges"]) == len(numbers["windows"]["D1"]["counts_log"]) + 1


def test_the_same_result_gives_the_same_numbers(dataset, maps, found):
    assert histogram_comparison(maps, dataset, pulse=1).to_dict() == found.to_dict()


def test_the_bins_can_be_said(dataset, maps):
    assert len(histogram_comparison(maps, pulse=1, bins=12).histograms["log"].counts["D1"]) == 12


def test_what_is_missing_is_left_out(dataset, maps):
    alone = histogram_comparison(maps)
    assert alone.bands is None
    assert "times of the traces" in alone.sentences()[-1]
    assert alone.verdict() == ""
    bare = maps.drop_vars(["D1", "D2", "D1_stderr", "D2_stderr"])
    tau = histogram_comparison(bare, dataset)
    assert (tau.quantity, tau.unit, tau.bands) == ("tau", "s", None)
    # tau1/tau2 is D2/D1.
    assert tau.ratio.median == pytest.approx(alone.ratio.median)
    joint = histogram_comparison(fit(dataset, tip_radius="25 nm", kernel="clamped", threshold=0.0), dataset)
    assert list(joint.windows) == [0]
    assert joint.ratio is None
    one = histogram_comparison(fit(dataset, tip_radius="25 nm", window2="none", threshold=0.0), dataset)
    assert one.ratio is None
    empty = maps.copy(deep=True)
    for name in ("D1", "D2"):
        empty[name].values[:] = np.nan
        empty[name.replace("D", "status")].values[:] = 2
    nothing = histogram_comparison(empty, dataset)
    assert nothing.ratio is None
    json.dumps(nothing.to_dict(), allow_nan=False)
    assert "too few values" in nothing.sentences()[0]


def test_nonsense_is_refused_in_a_sentence(maps):
    with pytest.raises(ValueError, match="no number 3"):
        histogram_comparison(maps, pulse=2)
    with pytest.raises(ValueError, match="fit the traces first"):
        histogram_comparison(maps[["H"]])
    with pytest.raises(ValueError, match="at least one bin"):
        histogram_comparison(maps, bins=0)


@pytest.mark.parametrize("scale", ["log", "linear"])
def test_the_panel_shows_bars_modes_and_brackets_where_the_numbers_are(found, scale):
    figure = agg_figure((1000, 440))
    figure.set_layout_engine("constrained")
    fill_histogram_figure(figure, found, scale=scale)
    assert_legible(figure)
    left, right = figure.axes
    factor = 1e-13
    lines = {round(float(line.get_xdata()[0]), 6) for line in left.get_lines() if len(line.get_xdata()) == 2}
    for one in found.windows.values():
        assert round(one.modes[scale].value / factor, 6) in lines
    assert [text.get_text() for text in left.texts] == [
        "pure diffusion, a flux",
        "pure diffusion, a clamped tip",
    ]
    ends = {round(float(line.get_xdata()[0]), 9) for line in right.get_lines()}
    for low, high in found.alike.ratios.values():
        assert {round(low, 9), round(high, 9)} <= ends
        assert right.get_xlim()[0] < low < high < right.get_xlim()[1]
    labels = [text.get_text() for text in right.get_legend().get_texts()]
    assert f"median {found.ratio.median:.2f}" in labels[0]


def test_drawings_of_nothing_say_so(dataset, maps):
    empty = maps.copy(deep=True)
    for name in ("D1", "D2"):
        empty[name].values[:] = np.nan
        empty[name.replace("D", "status")].values[:] = 2
    nothing = histogram_comparison(empty, dataset)
    figure = agg_figure()
    left, right = figure.subplots(1, 2)
    draw_histogram_comparison(left, nothing)
    draw_ratio_comparison(right, nothing)
    assert [axes.texts[0].get_text() for axes in (left, right)] == [
        "no pixel accepted", "no pixel accepted in both windows",
    ]  # fmt: skip


def test_the_curves_of_the_null_figure_are_those_of_the_bands(found):
    figure = null_figure(found.bands, "10 ms")
    apparent, ratio, back = figure.axes
    curve = found.bands.curves["clamped"]
    np.testing.assert_array_equal(apparent.get_lines()[3].get_ydata(), curve.apparent[2])
    np.testing.assert_array_equal(ratio.get_lines()[1].get_ydata(), curve.ratio)
    np.testing.assert_array_equal(back.get_lines()[3].get_xdata(), curve.correction(2).apparent)


def test_the_overview_has_a_column_for_the_ratio_where_there_is_one(dataset, maps, found):
    figure = overview_figure(dataset, maps)
    titles = [axes.get_xlabel() for axes in figure.axes]
    assert titles.count("D2/D1") == maps.sizes["pulse"]
    words = " ".join(text.get_text() for axes in figure.axes for text in axes.texts).replace("\n", " ")
    assert found.verdict() in words
    joint = fit(dataset, tip_radius="25 nm", kernel="flux-pulse", threshold=0.0)
    assert "D2/D1" not in [axes.get_xlabel() for axes in overview_figure(dataset, joint).axes]


def test_the_public_functions_are_these(dataset, maps, found):
    assert napari_tesm.compare_histograms(dataset, maps, pulse=1).to_dict() == found.to_dict()
    assert napari_tesm.pure_diffusion(dataset, maps).ratios == found.bands.ratios
