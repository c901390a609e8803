"""How every figure is finished and written: for a screen as it was drawn, for print at a journal's width."""

import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import matplotlib as mpl
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_pdf import FigureCanvasPdf
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.image import imsave
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.text import Text
from numpy.typing import NDArray

from napari_tesm.plotting.print_layout import align_colour_bars, keep_on_page, rearrange, tighten
from napari_tesm.plotting.print_text import (
    fit_texts,
    move_legends_off_data,
    part_tick_labels,
    set_type,
    share_legend,
)
from napari_tesm.quantities.text import quantity_from_text

STYLES: Final = ("screen", "paper")
PAPER_WIDTHS: Final = ("85mm", "180mm")
"""One column and two of a journal's page."""
FORMATS: Final = ("png", "svg", "pdf")
_INCH: Final = 25.4e-3
_PRINT_DPI: Final = 300
_SCREEN_DPI: Final = 120
"""A page of ten inches is then 1200 pixels wide, two for each of a phone's."""
_MOST_ROUNDS: Final = 4
"""Labels that were broken into lines, and rows that got lower, change the room that is left for others."""


@dataclass(frozen=True)
class FigureStyle:
    """What a figure is made for.

    Parameters
    ----------
    width : float, optional
        Of the finished figure, in m; None where it is as wide as it was drawn.
    dpi : float
        Dots per inch of a PNG.
    """

    width: float | None = None
    dpi: float = _SCREEN_DPI

    @classmethod
    def of(cls, name: str, width: str | None = None) -> "FigureStyle":
        """Return the style of a name and, for print, of a width as people write it, by default the page's.

        Raises
        ------
        ValueError
            If there is no such style or width, or a screen is given a width.

        Examples
        --------
        >>> FigureStyle.of("paper", "85mm").width
        0.085
        """
        if name not in STYLES:
            raise ValueError(f"figures are drawn for 'screen' or 'paper', not '{name}'")
        if name == "screen":
            if width is not None:
                raise ValueError("a width in millimetres goes with figures for paper")
            return SCREEN
        if width is not None and width not in PAPER_WIDTHS:
            raise ValueError(f"figures for paper are {' or '.join(PAPER_WIDTHS)} wide, not {width}")
        return cls(quantity_from_text(width or PAPER_WIDTHS[-1], "m"), _PRINT_DPI)

    @property
    def for_print(self) -> bool:
        """Whether type, fonts and width are those of a printed page."""
        return self.width is not None

    @property
    def formats(self) -> tuple[str, ...]:
        """The formats in which a report keeps each figure."""
        return FORMATS if self.for_print else FORMATS[:2]


SCREEN: Final = FigureStyle()


def finish(figure: Figure, style: FigureStyle) -> None:
    """Give a figure that is drawn the width and the type of a style, settle its layout, and free its data of legends.

    Parameters
    ----------
    figure : Figure
        With a canvas that can measure text, which Agg's does. Its layout is fixed afterwards.
    """
    if style.width is not None:
        if not isinstance(figure.get_layout_engine(), ConstrainedLayoutEngine):
            figure.set_layout_engine("constrained")
        rearrange(figure, style.width / _INCH)
        set_type(figure)
        share_legend(figure)
    # Words without a frame, not yet broken into lines, may leave no room for anything else in a new arrangement.
    unframed = [axes for axes in figure.axes if style.for_print and not axes.axison]
    for axes in unframed:
        axes.set_in_layout(False)
    _settle(figure)
    for axes in unframed:
        axes.set_in_layout(True)
    move_legends_off_data(figure, beside_too=style.for_print)
    for _ in range(_MOST_ROUNDS if style.for_print else 0):
        _settle(figure, rounds=1)
        before = _words(figure)
        fit_texts(figure)
        _settle(figure, rounds=1)
        tighten(figure)
        if _words(figure) == before:
            break
    _settle(figure)
    if style.for_print:
        # Axes that changed their size carry their curves under a legend that was free of them.
        move_legends_off_data(figure)
        _settle(figure)
    if figure.get_layout_engine() is not None:
        # The layout gives a colour bar the room of its row, the proportions of a map leave less.
        figure.set_layout_engine("none")
        if style.for_print:
            keep_on_page(figure)
        align_colour_bars(figure)
        if style.for_print:
            part_tick_labels(figure)  # of bars that got shorter


def drawn_bytes(
    fill: Callable[[Figure], None], size: tuple[float, float], style: FigureStyle
) -> tuple[dict[str, bytes], tuple[float, float]]:
    """Draw a figure and return it in every format of a style, with its size in inches.

    Parameters
    ----------
    fill : callable
        Draws on an empty figure.
    size : (float, float)
        Width and height it is drawn for, in inches.
    """
    canvas = FigureCanvasAgg(Figure(figsize=size, dpi=style.dpi, facecolor="white"))
    fill(canvas.figure)
    finish(canvas.figure, style)
    pixels = _pixels(canvas)
    made = {"png": _png(pixels, style.dpi)}
    for name in style.formats[1:]:
        made[name] = _vector(canvas.figure, name, style)
    width, height = canvas.figure.get_size_inches()
    return made, (float(width), float(height))


def bytes_of_figure(figure: Figure, kind: str, style: FigureStyle) -> bytes:
    """Return a figure that is drawn, finished, in one of `FORMATS`: the same bytes for the same figure."""
    canvas = FigureCanvasAgg(figure)
    if style.for_print:
        figure.set_dpi(style.dpi)
    finish(figure, style)
    if kind == "png":
        return _png(_pixels(canvas), figure.dpi)
    return _vector(figure, kind, style)


def bytes_as_it_is(figure: Figure, kind: str, style: FigureStyle) -> bytes:
    """Return a figure on any canvas in one of `FORMATS`, laid out as it is, with what is redrawn by itself on a screen.

    Unlike `bytes_of_figure` it leaves size, type and layout alone, and the figure stays on its canvas.
    """
    metadata: dict[str, dict[str, Any]] = {
        "png": {"Software": None},
        "svg": {"Date": None, "Creator": None},
        "pdf": dict.fromkeys(("CreationDate", "Creator", "Producer")),
    }
    file = io.BytesIO()
    with mpl.rc_context(_vector_settings(style)):
        figure.savefig(file, format=kind, dpi=style.dpi, metadata=metadata[kind])
    return file.getvalue()


def format_from_name(name: str) -> str:
    """Return the format that the ending of a file's name asks for; PNG for any other ending.

    Examples
    --------
    >>> format_from_name("D2.PDF"), format_from_name("overview")
    ('pdf', 'png')
    """
    ending = name.rpartition(".")[2].lower()
    return ending if ending in FORMATS else "png"


def _words(figure: Figure) -> list[str]:
    return [str(text.get_text()) for axes in figure.axes for text in axes.findobj(Text)]


def _settle(figure: Figure, *, rounds: int = 2) -> None:
    # Maps keep their proportions, so their ticks are known after a first round only: one alone cuts labels off.
    layout = figure.get_layout_engine()
    if layout is not None:
        for _ in range(rounds):
            before = _places(figure)
            layout.execute(figure)
            if _places(figure) == before:
                break  # another round would find the same


def _places(figure: Figure) -> list[tuple[float, ...]]:
    return [axes.get_position(original).bounds for axes in figure.axes for original in (True, False)]


def _pixels(canvas: FigureCanvasAgg) -> NDArray[np.uint8]:
    canvas.draw()  # type: ignore[no-untyped-call]
    return np.array(canvas.buffer_rgba())  # type: ignore[no-untyped-call]


def _png(pixels: NDArray[np.uint8], dpi: float) -> bytes:
    # Not by savefig, which goes through all of a figure twice for each format. No metadata: the version of
    # matplotlib, which it puts in by itself, is in the methods.
    file = io.BytesIO()
    no_software: dict[str, Any] = {"Software": None}
    imsave(file, pixels, format="png", dpi=dpi, metadata=no_software)
    return file.getvalue()


def _vector(figure: Figure, kind: str, style: FigureStyle) -> bytes:
    with mpl.rc_context(_vector_settings(style)):
        if kind == "svg":
            text = io.StringIO()
            canvas = FigureCanvasSVG(figure)
            canvas.print_svg(text, metadata={"Date": None, "Creator": None})  # type: ignore[no-untyped-call]
            return text.getvalue().encode("utf-8")
        file = io.BytesIO()
        nothing: dict[str, Any] = dict.fromkeys(("CreationDate", "Creator", "Producer"))
        FigureCanvasPdf(figure).print_pdf(file, metadata=nothing)  # type: ignore[no-untyped-call]
        return file.getvalue()


def _vector_settings(style: FigureStyle) -> dict[Any, Any]:
    # The ids in an SVG are random but for the salt. Print: letters stay letters, TrueType in the PDF.
    settings: dict[Any, Any] = {"svg.hashsalt": "napari-tesm"}
    if style.for_print:
        settings |= {"svg.fonttype": "none", "pdf.fonttype": 42}
    return settings
