"""Figures for print: their width, the size of their letters as they come out, their fonts, and nothing cut off."""

import argparse
import itertools
import re
from functools import cache

import numpy as np
import pytest
from examples import example_dataset
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text
from plotting_checks import faults_of_print
from report_examples import example_data, example_scan, fitted

from napari_tesm.cli.entry import main
from napari_tesm.cli.outputs import outputs_of
from napari_tesm.plotting.maps import BAR_OF_ONE_MAP, draw_map, draw_scale_bar
from napari_tesm.plotting.overview_page import overview_page
from napari_tesm.plotting.print_layout import rearrange
from napari_tesm.plotting.style import FigureStyle, bytes_of_figure, drawn_bytes, finish
from napari_tesm.report.section import ReportFigure
from napari_tesm.report.sections import section_functions

MILLIMETRES = {"85mm": 85.0, "180mm": 180.0}


@cache
def figures() -> dict[str, ReportFigure]:
    data = example_data(controls=[example_scan(label="a control")])
    made = {}
    for subject in (
        "diffusion",
        "histograms",
        "trace",
        "similarity",
        "noise",
        "fit_examples",
        "controls",
    ):
        section = section_functions()[subject](data)
        made |= {figure.name: figure for figure in section.figures}
    return made


@cache
def finished(name: str, width: str) -> Figure:
    figure = figures()[name]
    canvas = FigureCanvasAgg(Figure(figsize=figure.size, dpi=150))
    figure.fill(canvas.figure)
    finish(canvas.figure, FigureStyle.of("paper", width))
    canvas.draw()
    return canvas.figure


def letters(figure: Figure) -> list[Text]:
    return [text for text in figure.findobj(Text) if text.get_visible() and text.get_text().strip()]


@pytest.mark.slow
@pytest.mark.parametrize("width", MILLIMETRES)
@pytest.mark.parametrize("name", ["diffusion_maps", "histograms_log"])
def test_letters_can_be_read_on_paper_and_none_is_cut_off(name, width):
    figure = finished(name, width)
    assert figure.get_size_inches()[0] * 25.4 == pytest.approx(MILLIMETRES[width], abs=0.01)
    assert {text.get_fontsize() for text in letters(figure)} <= {7.0, 8.0}
    assert faults_of_print(figure) == []
    whole = figure.bbox
    for axes in figure.axes:
        box = axes.get_tightbbox()
        # Half a point, the room of an accent.
        assert box.x0 >= whole.x0 - 1, axes.get_title()
        assert box.x1 <= whole.x1 + 1, axes.get_title()
        assert box.y0 >= whole.y0 - 1, axes.get_title()
        assert box.y1 <= whole.y1 + 1, axes.get_title()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "width"),
    [
        ("trace", "85mm"), ("controls", "85mm"), ("similarity_difference", "180mm"), ("noise_autocorrelation", "85mm"),
        ("fit_examples_quality", "85mm"),
    ],
)  # fmt: skip
def test_figures_for_print_have_nothing_on_their_data_and_no_type_too_small(name, width):
    assert faults_of_print(finished(name, width)) == []


def test_panels_with_titles_go_on_as_words_do_under_one_legend():
    """Six voltages in rows of three stand in rows of two, in their order; what they share is said once."""
    figure = FigureCanvasAgg(Figure(figsize=(12, 5), dpi=150)).figure
    grid = figure.subplots(2, 3, sharex=True, sharey=True)
    for number, axes in enumerate(grid.flat):
        for name in ("point 1", "point 2"):
            axes.plot([0, 25], [0, number], label=name)
        axes.set_title(f"−{number} V")
        axes.legend()
    for axes in grid[:, 0]:
        axes.set_ylabel("displacement (mV)")
    for axes in grid[1]:
        axes.set_xlabel("time (ms)")
    finish(figure, FigureStyle.of("paper", "85mm"))
    boxes = [axes.get_window_extent() for axes in grid.flat]
    order = sorted(range(6), key=lambda n: (-round(boxes[n].y0), boxes[n].x0))
    assert order == list(range(6))
    assert len({round(box.x0) for box in boxes}) == 2
    assert [axes.get_legend() for axes in grid.flat] == [None] * 6
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["point 1", "point 2"]
    said = [axes.get_ylabel().replace("\n", " ") for axes in grid.flat]
    assert said == ["displacement (mV)", "", "displacement (mV)", "", "displacement (mV)", ""]
    below = [axes.get_xlabel() if axes.xaxis.label.get_visible() else "" for axes in grid.flat]
    assert below == [*[""] * 4, "time (ms)", "time (ms)"]


def test_many_maps_in_a_narrow_column_are_no_higher_than_a_page():
    figure = FigureCanvasAgg(Figure(figsize=(12, 6), dpi=100)).figure
    grid = figure.subplots(2, 3)
    for axes in grid.flat:
        axes.imshow(np.arange(12.0).reshape(3, 4))
        axes.set_title("−3 V")
    finish(figure, FigureStyle.of("paper", "85mm"))
    assert len({round(axes.get_position().x0, 2) for axes in grid.flat}) == 2
    single = FigureCanvasAgg(Figure(figsize=(12, 6), dpi=100, layout="constrained")).figure
    maps = single.subplots(1, 6)
    for axes in maps:
        bar = single.colorbar(axes.imshow(np.arange(12.0).reshape(4, 3)), ax=axes)
        bar.ax.set_label(BAR_OF_ONE_MAP)
        axes.set_title("−3 V")
    finish(single, FigureStyle.of("paper", "85mm"))
    for drawn in (figure, single):
        assert drawn.get_size_inches()[1] * 25.4 <= 242


def test_titles_are_broken_behind_commas():
    figure = FigureCanvasAgg(Figure(figsize=(9, 4), dpi=150)).figure
    for axes in figure.subplots(1, 2, sharey=True):
        axes.set_title("τ 88(9) µs, D 1.78(18)×10⁻¹² m²/s, R² 0.973")
    finish(figure, FigureStyle.of("paper", "85mm"))
    for axes in figure.axes:
        lines = axes.get_title().split("\n")
        assert lines[0] == "τ 88(9) µs,"
        assert lines[1].startswith("D 1.78(18)×10⁻¹²")
        assert lines[-1].endswith("R² 0.973")


@pytest.mark.slow
def test_words_broken_for_a_narrow_layout_are_put_together_where_the_last_one_has_room():
    """Rounds of the layout begin with little room: lines of one word had stayed."""
    titles = [axes.get_title() for axes in finished("fit_examples_quality", "85mm").axes if axes.get_title()]
    assert len(titles) == 3
    for title in titles:
        assert title.count("\n") <= 9
        assert re.search(r"row \d+, column \d+\n", title)


def test_a_scale_bar_lies_on_no_mark():
    extent = (-2.5, 147.5, 97.5, -2.5)
    for taken, side, height in (
        ([], "left", "below"),
        ([(20.0, 90.0)], "right", "below"),
        ([(20.0, 90.0), (120.0, 90.0)], "left", "above"),
    ):
        axes = Figure().subplots()
        axes.imshow(np.zeros((20, 30)), extent=extent)
        draw_scale_bar(axes, extent, "nm", np.array(taken).reshape(-1, 2))
        x, y = axes.texts[-1].get_position()
        assert ("left" if x < 72.5 else "right", "above" if y < 47.5 else "below") == (side, height)


@pytest.mark.slow
def test_a_colour_bar_is_as_high_as_its_map_and_beside_it():
    figure = finished("similarity_difference", "180mm")
    axes = next(axes for axes in figure.axes if axes.images and axes.images[0].colorbar is not None)
    across, bar = axes.get_window_extent(), axes.images[0].colorbar.ax.get_window_extent()
    assert (bar.y0, bar.y1) == pytest.approx((across.y0, across.y1), abs=1)
    assert 0 < bar.x0 - across.x1 < 0.1 * figure.dpi


@pytest.mark.slow
def test_maps_keep_their_place_on_the_sample_and_a_size_that_shows_them():
    scan = example_data().main
    dx = scan.spacing[1]
    edges = 1e9 * np.array([scan.x[0] - dx / 2, scan.x[-1] + dx / 2])
    for width, least in (("85mm", 0.5), ("180mm", 0.3)):
        figure = finished("diffusion_maps", width)
        maps = [axes for axes in figure.axes if axes.images and axes.get_xlabel() == "x (nm)"]
        assert len(maps) == 3
        np.testing.assert_allclose(maps[0].get_xlim(), edges, rtol=1e-9)
        assert edges[0] <= maps[1].get_xlim()[0] < maps[1].get_xlim()[1] <= edges[1]
        assert maps[1].get_ylim()[1] == pytest.approx(-2222.0)
        bars = [axes for axes in figure.axes if axes.get_ylabel().startswith("D")]
        assert {bar.get_ylabel() for bar in bars} == {"D1 (m²/s)", "D2 (m²/s)"}
        for axes in maps:
            assert axes.get_window_extent().width > least * figure.bbox.width
            lines = [text.get_text() for text in axes.texts]
            assert any(re.fullmatch(r"\d+ nm", line) for line in lines)


@pytest.mark.slow
@pytest.mark.parametrize(("width", "pulses", "n_maps"), [("180mm", 2, 6), ("180mm", 1, 3), ("85mm", 2, 3)])
def test_the_overview_fits_a_page(width, pulses, n_maps):
    """Two pulses were 47 to 58 cm high at 180 mm, and type and panels lay on top of each other at 85 mm."""
    style = FigureStyle.of("paper", width)
    result = (each.isel(pulse=slice(2 - pulses, 2)) for each in fitted())
    figure = overview_page(*result, style.width)
    canvas = FigureCanvasAgg(figure)
    figure.set_dpi(150)
    finish(figure, style)
    canvas.draw()
    assert figure.get_size_inches()[0] * 25.4 == pytest.approx(MILLIMETRES[width], abs=0.01)
    assert figure.get_size_inches()[1] * 25.4 < 241
    assert faults_of_print(figure) == []
    titles = [axes.get_title() for axes in figure.axes if axes.images]
    assert len([title for title in titles if re.match("H|D", title) and "V)" in title]) >= n_maps
    boxes = [axes.get_tightbbox() for axes in figure.axes if axes.get_subplotspec() is not None]
    assert not any(a.overlaps(b) for a, b in itertools.combinations(boxes, 2))


def test_colour_bars_go_with_their_maps_when_panels_are_arranged_anew():
    """From where they were the layout kept most of the figure free; an overview of two pulses collapsed."""
    figure = Figure(figsize=(18.0, 7.0), layout="constrained")
    FigureCanvasAgg(figure)
    image = example_dataset()["topography"]
    grid = figure.subplots(3, 5)
    for axes in grid[:, :3].flat:
        draw_map(axes, image, "Topography", cmap="gray")
    rearrange(figure, 180 / 25.4)
    for axes in grid[:, :3].flat:
        place, bar = (each.get_position(original=True) for each in (axes, axes.images[0].colorbar.ax))
        assert (bar.y0, bar.y1) == pytest.approx((place.y0, place.y1))


def test_fonts_are_in_the_file_and_letters_stay_letters():
    def drawn():
        figure = Figure(figsize=(6.0, 3.0))
        for axes in figure.subplots(1, 2):
            axes.plot([0, 1, 2], [3, 1, 2])
            axes.set_xlabel("time (µs)")
        return figure

    style = FigureStyle.of("paper", "85mm")
    pdf = bytes_of_figure(drawn(), "pdf", style)
    assert b"/FontFile2" in pdf
    assert b"/Type3" not in pdf
    box = [float(number) for number in re.search(rb"/MediaBox \[([^\]]*)\]", pdf)[1].split()]
    assert box[2] / 72 * 25.4 == pytest.approx(85.0, abs=0.05)
    svg = bytes_of_figure(drawn(), "svg", style).decode()
    assert "<text" in svg
    assert "time (µs)" in svg
    assert pdf == bytes_of_figure(drawn(), "pdf", style)


def test_a_screen_has_paths_and_its_own_size():
    def fill(figure):
        figure.subplots().plot([0, 1], [0, 1])

    files, size = drawn_bytes(fill, (6.0, 3.5), FigureStyle.of("screen"))
    assert size == (6.0, 3.5)
    assert sorted(files) == ["png", "svg"]
    assert b"<text" not in files["svg"]


def test_a_legend_leaves_the_data():
    figure = Figure(figsize=(4.0, 3.0))
    FigureCanvasAgg(figure)
    free, covered = figure.subplots(1, 2)
    for axes, values in ((free, [0, 0, 0]), (covered, [0, 1, 1])):
        axes.plot([0, 1, 2], values, label="u")
        axes.set_ylim(-0.5, 1.2)
        axes.set_title("control")
        axes.legend(loc="upper right")
    finish(figure, FigureStyle.of("screen"))
    assert covered.get_legend().get_window_extent().y0 >= covered.get_window_extent().y1 - 1
    assert covered.get_legend().get_title().get_text() == "control"
    assert covered.get_title() == ""
    assert free.get_legend().get_window_extent().y1 <= free.get_window_extent().y1


def test_a_legend_leaves_error_bars_and_filled_stretches_and_keeps_to_its_column():
    figure = Figure(figsize=(8.0, 3.0))
    FigureCanvasAgg(figure)
    bars, filled = figure.subplots(1, 2)
    bars.errorbar([0, 1, 2], [0, 0, 0], yerr=[0.1, 0.1, 1.0], label="a mean that is high")
    for number in range(5):
        bars.plot([0, 2], [-1 - number, -1 - number], label=f"a long name of curve {number}")
    bars.legend(loc="upper right")
    bars.set_title("left out", loc="left")
    filled.fill_between([0, 1, 2], [0, 0, 0], [1, 1, 1], label="ac")
    filled.legend(loc="upper right")
    finish(figure, FigureStyle.of("paper", "180mm"))
    for axes in (bars, filled):
        legend = axes.get_legend()
        assert legend.get_window_extent().y0 >= axes.get_window_extent().y1 - 1
    assert bars.get_legend().get_title().get_text() == "left out"
    assert bars.get_title(loc="left") == ""
    assert faults_of_print(figure) == []


def test_the_check_of_print_sees_what_is_wrong():
    figure = Figure(figsize=(3.0, 3.0), dpi=100)
    FigureCanvasAgg(figure)
    figure.subplots_adjust(0.2, 0.2, 0.8, 0.8)
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], color="#1b6ca8")
    axes.text(0.5, 0.5, "on the curve", ha="center", va="center")
    axes.text(0.1, 0.9, "tiny", fontsize=5)
    axes.text(1.2, 0.1, "far outside")
    axes.text(0.1, 0.88, "over", fontsize=9)
    axes.text(0.9, 0.1, "free", fontsize=7, ha="right")
    told = "; ".join(faults_of_print(figure))
    for words in (
        "'on the curve' lies on curves",
        "'tiny' has 5.0",
        "'far outside' is cut off",
        "'tiny' lies on 'over'",
    ):
        assert words in told
    assert "free" not in told


def test_ticks_that_would_touch_are_left_out():
    figure = Figure(figsize=(10.0, 2.0))
    for axes in figure.subplots(1, 3):
        axes.set_xticks(np.arange(0, 1.3e6, 5e4))
    FigureCanvasAgg(figure)
    finish(figure, FigureStyle.of("paper", "85mm"))
    figure.canvas.draw()
    for axes in figure.axes:
        labels = [label for label in axes.get_xticklabels() if label.get_text()]
        boxes = sorted((label.get_window_extent().x0, label.get_window_extent().x1) for label in labels)
        assert len(boxes) >= 2
        assert all(before[1] < after[0] for before, after in itertools.pairwise(boxes))


def test_widths_and_styles_that_there_are_not(tmp_path, capsys):
    for name, width in (("poster", None), ("paper", "90mm"), ("screen", "85mm")):
        with pytest.raises(ValueError, match=r"figures|width"):
            FigureStyle.of(name, width)
    assert main(["theory", "--figure-width", "85mm", "--figure", str(tmp_path / "b.png")]) == 2
    assert "paper" in capsys.readouterr().err
    assert not (tmp_path / "b.png").exists()


def empty_axes() -> Figure:
    figure = Figure(figsize=(5.0, 3.0))
    figure.subplots()
    return figure


def test_a_command_writes_the_format_that_the_name_of_its_figure_says(tmp_path):
    options = argparse.Namespace(overwrite=False, style="paper", figure_width="85mm")
    for name, start in (("a.pdf", b"%PDF"), ("a.SVG", b"<?xml"), ("a.png", b"\x89PNG"), ("a", b"\x89PNG")):
        with outputs_of(options, {"figure": tmp_path / name}) as outputs:
            outputs.write_figure(empty_axes)
        assert (tmp_path / name).read_bytes().startswith(start)


def test_an_image_as_high_as_its_row_keeps_its_labels_on_the_page():
    """Narrower than its place, it lets the layout believe that its labels need less room than they do."""
    canvas = FigureCanvasAgg(Figure(figsize=(9, 4), dpi=100))
    figure = canvas.figure
    figure.set_layout_engine("constrained", wspace=0.08)
    left, right = figure.subplots(1, 2)
    for axes, extent in ((left, (0, 10.2, 0, 12.6)), (right, (0, 10.2, 9.0, 0))):
        image = axes.imshow(np.arange(42.0).reshape(6, 7), extent=extent)
        axes.set(xlabel="x (µm)", ylabel="z (µm)", title="a section")
    figure.colorbar(image, ax=[left, right], label="Attenuation", extend="max", fraction=0.03)
    finish(figure, FigureStyle.of("paper", "180mm"))
    canvas.draw()
    for axes in figure.axes:
        box = axes.get_tightbbox()
        assert box.x0 >= 0
        assert box.y0 >= 0
        assert box.x1 <= figure.bbox.x1 + 1
        assert box.y1 <= figure.bbox.y1 + 1
