"""Colours and type of the plots: two themes, one made from a viewer's colours, and the colours of pinned points."""

from dataclasses import dataclass
from typing import Final

from matplotlib.axes import Axes
from matplotlib.colors import to_hex, to_rgb
from matplotlib.figure import Figure

POINT_COLOURS: Final = (
    "#3c78d2",
    "#f0781e",
    "#4bb478",
    "#a5002d",
    "#b487ff",
    "#e1c300",
    "#005a5a",
    "#d24b96",
    "#69d2ff",
    "#966900",
    "#ffa5c3",
    "#782da5",
)
"""Colours of pinned points.

Searched for on a grid of sRGB: the smallest distance of two of them in OKLab, seen with normal sight (halved), with
protanopia or with deuteranopia (Machado, Oliveira & Fernandes 2009), is as large as it gets among colours that stand
out by 1.7 : 1 from white and 1.8 : 1 from napari's dark grey. It is 0.09, where matplotlib's ten have 0.007.
"""

_FIT_COLOURS: Final = {False: ("#b35806", "#5e3c99"), True: ("#fdae61", "#b7a6f0")}
"""Fits and windows 1 and 2, on light and on dark: the overview's orange and violet, told apart by everybody."""

_SEEN, _TOLD, _READ = 1.7, 3.0, 4.5
"""Contrast to the background: what all colours of points have, what others are given, and what text needs (WCAG 2)."""
_ACCENTS: Final = {False: "#0b72c4", True: "#4db2ff"}


@dataclass(frozen=True)
class PlotTheme:
    """Colours of a plot, each ``"#rrggbb"``, and the size of its type.

    Parameters
    ----------
    background, foreground : str
        Of the figure, and of text, axes and the data under the cursor.
    grid : str
        Lines that should hardly be seen.
    muted : str
        What comes second: spines, ticks, remarks.
    accent : str
        What can be moved: the marker of the slider's time.
    fits : tuple of str
        Fits and windows 1 and 2.
    font_size : float
        In points; 7.5 suits a panel of 400 pixels, 9.4 one on a screen whose type is scaled to 125 %.
    """

    background: str
    foreground: str
    grid: str
    muted: str
    accent: str
    fits: tuple[str, ...]
    font_size: float = 7.5

    @property
    def is_dark(self) -> bool:
        """Whether the background is darker than the text."""
        return _lightness(self.background) < _lightness(self.foreground)

    def readable(self, colour: str, *, text: bool = False) -> str:
        """Return a colour that somebody chose, moved towards that of text where it does not stand out as it is.

        Parameters
        ----------
        colour : str
        text : bool
            Whether something is written in it, which takes more than a line.

        Examples
        --------
        >>> DARK.readable("#d62728"), DARK.readable("#d62728", text=True)
        ('#d62728', '#df6e6f')
        """
        enough, wanted = (_READ, _READ) if text else (_SEEN, _TOLD)
        shown = to_hex(colour)
        if _contrast(shown, self.background) >= enough:
            return shown
        shades = (mixed(colour, self.foreground, share / 20) for share in range(21))
        return next(
            (shade for shade in shades if _contrast(shade, self.background) >= wanted), self.foreground
        )

    def colour_of_window(self, number: int) -> str:
        """Return the colour of a window, by its number from 1, and of the fit in it."""
        return self.fits[(number - 1) % len(self.fits)]


def theme_from_colours(background: str, text: str, *, font_size: float = 7.5) -> PlotTheme:
    """Return the plot colours that go with a background and a text colour, in any form matplotlib knows.

    Examples
    --------
    >>> theme_from_colours("white", "#222222").is_dark
    False
    """
    is_dark = _lightness(background) < _lightness(text)
    return PlotTheme(
        background=to_hex(background),
        foreground=to_hex(text),
        grid=mixed(background, text, 0.12),
        muted=mixed(background, text, 0.62),
        accent=_ACCENTS[is_dark],
        fits=_FIT_COLOURS[is_dark],
        font_size=font_size,
    )


def mixed(first: str, second: str, share: float) -> str:
    """Return the colour that lies the given share of the way from the first to the second.

    Examples
    --------
    >>> mixed("#000000", "#ffffff", 0.2)
    '#333333'
    """
    red, green, blue = (a + share * (b - a) for a, b in zip(to_rgb(first), to_rgb(second), strict=True))
    return to_hex((red, green, blue))


def colour_of_point(number: int) -> str:
    """Return the colour of a pinned point and its curves, ``"#rrggbb"``; after the twelfth they come again.

    Parameters
    ----------
    number : int
        What the point is called, from 1.
    """
    return POINT_COLOURS[(number - 1) % len(POINT_COLOURS)]


def text_colour_on(colour: str) -> str:
    """Return black or white, whichever is read better on a colour."""
    return "#000000" if _lightness(colour) > 0.18 else "#ffffff"


def apply_theme(figure: Figure, theme: PlotTheme) -> None:
    """Give a figure and the axes in it, with their titles and legends, the colours and type of a theme."""
    figure.set_facecolor(theme.background)
    for axes in figure.axes:
        style_axes(axes, theme)


def style_axes(axes: Axes, theme: PlotTheme) -> None:
    """Give axes the house's look: thin spines at the left and below, a grid that stays behind the data."""
    axes.set_facecolor(theme.background)
    # Ticks that are written as words or powers have no reading under the mouse.
    axes.format_coord = lambda x, y: f"{x:.4g}, {y:.4g}"  # type: ignore[method-assign]
    for side, spine in axes.spines.items():
        spine.set_visible(side in ("left", "bottom"))
        spine.set_color(theme.muted)
        spine.set_linewidth(0.6)
    axes.tick_params(
        which="both",
        color=theme.muted,
        labelcolor=theme.foreground,
        labelsize=theme.font_size,
        width=0.6,
        pad=2,
    )
    axes.tick_params(which="major", length=2.5)
    axes.tick_params(which="minor", length=1.5)
    axes.grid(True, which="major", color=theme.grid, linewidth=0.6)
    axes.set_axisbelow(True)
    for text in (axes.xaxis.label, axes.yaxis.label, axes.title):
        text.set(color=theme.foreground, fontsize=theme.font_size)
    for offset in (axes.xaxis.get_offset_text(), axes.yaxis.get_offset_text()):
        offset.set(color=theme.foreground, fontsize=theme.font_size)
    legend = axes.get_legend()
    if legend is not None:
        for text in legend.get_texts():
            text.set(color=theme.foreground, fontsize=theme.font_size)


def _contrast(a: str, b: str) -> float:
    """Return the contrast of two colours, from 1 to 21 (WCAG 2)."""
    dark, light = sorted((_lightness(a), _lightness(b)))
    return (light + 0.05) / (dark + 0.05)


def _lightness(colour: str) -> float:
    """Return the relative luminance of a colour, from 0 to 1 (sRGB, IEC 61966-2-1)."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(colour)]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


DARK: Final = theme_from_colours("#262930", "#f0f1f2")
"""The plots' colours on napari's dark theme."""
LIGHT: Final = theme_from_colours("#ffffff", "#262626")
"""The plots' colours on white paper."""
