"""Hot pixels and dead lines: left out alike by everything that is made of the maps, and said."""

import numpy as np
import pytest
from examples import example_dataset, pinned
from matplotlib.figure import Figure
from scipy.ndimage import gaussian_filter

from napari_tesm import fit
from napari_tesm.data.displacement import hot_pixels
from napari_tesm.data.maps import values_of
from napari_tesm.evaluation.displacement_maps import displacement_maps
from napari_tesm.evaluation.evaluation import Evaluation
from napari_tesm.evaluation.places import traces_at
from napari_tesm.findings.summary import lines_from_summary, summary_from_maps
from napari_tesm.plotting.displacement import displacement_figure
from napari_tesm.plotting.maps import draw_map
from napari_tesm.plotting.overview import overview_figure
from napari_tesm.registration import shift_between
from napari_tesm.report.data import InputFile, ReportData, ReportScan
from napari_tesm.report.sections import section_functions
from napari_tesm.series.members import series_from_results

SHAPE = (30, 41)
HOT = ((4, 30), (17, 8), (22, 25))
DEAD = 12


@pytest.fixture(scope="module")
def scans():
    """Return a scan as it should be, and the same with three glitches and a dead line."""
    field = gaussian_filter(np.random.default_rng(3).standard_normal(SHAPE), 2.0)
    field = 1 + 0.3 * field / field.std()
    clean = example_dataset(shape=SHAPE)
    samples = clean["displacement"].values * field[..., None]
    clean["displacement"] = clean["displacement"].copy(data=samples)
    broken = samples.copy()
    jump = (clean["time"].values > 4e-3) * 40 * np.abs(samples).max()
    for row, column in HOT:
        broken[0, row, column] += jump
    broken[:, DEAD] = broken[:, DEAD, :1, :1]
    return clean, clean.assign(displacement=clean["displacement"].copy(data=broken))


@pytest.fixture(scope="module")
def maps(scans):
    return tuple(fit(scan) for scan in scans)


def left(pulse=0):
    """Return which pixels hold a displacement."""
    valid = np.ones(SHAPE, dtype=bool)
    valid[DEAD] = False
    if pulse == 0:
        valid[tuple(zip(*HOT, strict=True))] = False
    return valid


def test_a_dead_trace_has_no_displacement_and_a_still_one_has(scans, maps):
    assert np.isnan(maps[1]["H"].values[:, DEAD]).all()
    assert np.isfinite(np.delete(maps[1]["H"].values, DEAD, axis=1)).all()
    alone = displacement_maps(Evaluation.of(scans[1]))["H"].values
    np.testing.assert_array_equal(alone, maps[1]["H"].values)


def test_every_door_leaves_out_the_same_pixels(maps):
    clean, broken = maps
    for pulse in (0, 1):
        wanted = np.where(left(pulse), values_of(clean, "H", pulse), np.nan)
        # Traces are evaluated in groups, and the last bit of a group hangs on how it is aligned.
        np.testing.assert_allclose(values_of(broken, "H", pulse), wanted, rtol=1e-12)
        series = series_from_results([broken.isel(pulse=[pulse])])
        np.testing.assert_array_equal(series[0].members[0].values("H"), values_of(broken, "H", pulse))
    np.testing.assert_array_equal(hot_pixels(broken["H"].values[0]), ~left() & left(1))


def test_three_glitches_do_not_move_a_map(maps):
    first, second = (np.abs(values_of(maps[1], "H", pulse)) for pulse in (0, 1))
    shift = shift_between(first, second)
    assert np.hypot(shift.dy, shift.dx) < 0.1


def test_the_summary_counts_what_it_leaves_out(maps):
    summary = summary_from_maps(maps[1])
    heights = [entry["H"] for entry in summary["pulses"]]
    assert [(height["n_hot"], height["n_invalid"]) for height in heights] == [(3, SHAPE[1]), (0, SHAPE[1])]
    wanted = np.median(maps[0]["H"].values[0][left()])
    assert heights[0]["median"] == pytest.approx(wanted, rel=1e-12, abs=0)
    said = "\n".join(lines_from_summary(summary, maps[1]))
    assert f"left out: 3 hot, {SHAPE[1]} without a trace" in said
    assert "left out" not in "\n".join(lines_from_summary(summary_from_maps(maps[0]), maps[0]))


def test_what_is_left_of_no_response_is_not_cut_at_its_tails():
    noise = np.random.default_rng(0).standard_normal((120, 150))
    assert not hot_pixels(noise).any()
    assert not hot_pixels(3.0 + noise).any()
    noise[40, 90] = 30.0
    assert np.argwhere(hot_pixels(noise)).tolist() == [[40, 90]]


def test_a_mean_of_neighbours_is_that_of_the_valid_ones(scans, maps):
    clean, broken = scans
    row, column = HOT[1]
    sample = traces_at(broken, (row, column + 1), size=3, maps=maps[1])
    block = clean["displacement"].values[:, row - 1 : row + 2, column : column + 3]
    kept = np.ones((3, 3), dtype=bool)
    kept[1, 0] = False
    np.testing.assert_allclose(sample.mean[0], block[0][kept].mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(sample.mean[1], block[1].mean(axis=(0, 1)), rtol=1e-12)
    beside = traces_at(broken, (DEAD + 1, 20), size=3, maps=maps[1])
    block = clean["displacement"].values[:, DEAD + 1 : DEAD + 3, 19:22]
    np.testing.assert_allclose(beside.mean, block.mean(axis=(1, 2)), rtol=1e-12)
    assert beside.spread is not None
    # A point on a dead pixel, asked for alone, is that pixel.
    alone = traces_at(broken, (DEAD, 20), maps=maps[1])
    assert (np.ptp(alone.mean, axis=1) == 0).all()


def images_of(figure, label):
    """Return the masks of the images of a figure whose colour bar has a label that begins so."""
    images = [image for axes in figure.axes for image in axes.images if image.colorbar is not None]
    bars = [(str(image.colorbar.ax.get_ylabel()), image) for image in images]
    return [np.ma.getmaskarray(image.get_array()) for bar, image in bars if bar.startswith(label)]


def report_figures(dataset, maps):
    images = [image for image in dataset.data_vars.values() if image.dims == ("y", "x")]
    scan = ReportScan(
        "scan", dataset, images, file=InputFile("scan.gwy", ""), maps=maps, points=[pinned(1, (5, 3))]
    )
    data = ReportData([scan], controls=[scan])
    for subject in ("displacement", "similarity", "points", "controls"):
        section = section_functions()[subject](data)
        for report_figure in section.figures if section else []:
            figure = Figure(figsize=report_figure.size)
            report_figure.fill(figure)
            yield report_figure, figure


def test_every_map_that_is_drawn_leaves_out_what_is_not_counted(scans, maps):
    dataset, broken = Evaluation.of_maps(scans[1], maps[1]).dataset, maps[1]
    drawn = [overview_figure(dataset, broken), displacement_figure(dataset, broken)]
    for figure in drawn:
        seen = images_of(figure, "H")
        assert len(seen) == broken.sizes["pulse"]
        for pulse, mask in enumerate(seen):
            np.testing.assert_array_equal(mask, ~left(pulse), err_msg=f"pulse {pulse}")
    shown = 0
    for report_figure, figure in report_figures(dataset, broken):
        for mask in (*images_of(figure, "H"), *images_of(figure, "|H|")):
            shown += 1
            assert any((mask == ~left(pulse)).all() for pulse in (0, 1)), report_figure.name
        if report_figure.name == "similarity_maps":
            assert f"{left().sum()} pixels (3 hot pixels left out)" in report_figure.caption
    assert shown >= 6


def test_a_raw_map_is_not_drawn(maps):
    axes = Figure().subplots()
    with pytest.raises(TypeError, match="map_of"):
        draw_map(axes, maps[1]["H"].isel(pulse=0), "H", cmap="RdBu_r")
    with pytest.raises(TypeError, match="map_of"):
        draw_map(axes, maps[1]["status2"].isel(pulse=0), "status2", cmap="RdBu_r")
    assert not axes.images
