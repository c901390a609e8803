"""The options that several commands share, each said once."""

from typing import Any, Final

from napari_tesm.cli.arguments import KERNELS, Group, Option, file_name, flag, group, option, output_name


def taken(name: str, metavar: str, words: str | None = None, **settings: Any) -> Option:
    """Return an option that takes the name of a file that is there."""
    return option(name, metavar, words, type=file_name, **settings)


def written(name: str, metavar: str, words: str | None = None, **settings: Any) -> Option:
    """Return an option that takes the name of a file to write."""
    return option(name, metavar, words, type=output_name(metavar), **settings)


def output(metavar: str, words: str | None = None, **settings: Any) -> Option:
    """Return the option of the main output."""
    return written("output", metavar, words, short="-o", **settings)


def files(metavar: str = "FILE", words: str | None = None, name: str = "files", **settings: Any) -> Option:
    """Return what is given without an option: one file, or as many as `nargs` says."""
    return Option((name,), {"metavar": metavar, "help": words, "type": file_name, **settings})


def json_or_stdout(metavar: str = "OUT.json|-", instead_of: str = "table") -> Option:
    """Return the option of a file for programs that standard output can stand in for."""
    words = f"the same for programs; without a name, or -, on stdout instead of the {instead_of}"
    return written("json", metavar, words, nargs="?", const="-")


def protocol(*more: Option) -> Group:
    """Return what stands in for metadata that a file lacks."""
    return group("what the file does not say, or says differently", *_PROTOCOL, *more)


# fmt: off
FILE: Final = files(words="a scan: .gwy, or what tesm import reads", name="file")
OUTPUT: Final = output("OUT.gwy", "the maps, beside what the input holds", required=True)
TIME_UNIT: Final = option("time-unit", "s", "unit of a time axis that has none")
LATERAL_UNIT: Final = option("lateral-unit", "m", "unit of image axes that have none")
_PROTOCOL: Final = (
    option("traces", "TITLE|N", "trace stack; may be repeated", action="append"),
    option("voltage", "-3V", "pulse voltage, or one for each setting: 3V,-3V"),
    option("pulse-start", "0ms", "start of the pulse on the file's time axis"),
    option("pulse-duration", "10ms", "how long the pulse is on"), TIME_UNIT, LATERAL_UNIT,
    taken("mapping", "M.yaml", "what is what in a file that is no .gwy"),
)
RECIPE: Final = taken("recipe", "R.json|OUT.gwy", "parameters of a file or of an earlier output")

WINDOWS: Final = (
    option("window1", "0ms:10ms|none", "replaces the pulse, from its start"),
    option("window2", "10ms:25ms|none", "replaces the relaxation after the pulse"),
)
GEOMETRY: Final = option("geometry", "l2/tau", "how D follows from tau")
THRESHOLD_OF: Final = option("threshold-of", None, "which maximum", choices=("robust", "max", "p99"))
SKIP: Final = option("skip-after-edge", "0ms", "leave out samples after a window's start")
PARITY: Final = option(
    "parity", None, "of two settings of opposite voltage the part that turns round with it, or does not",
    choices=("each", "odd", "even"),
)
_KERNEL: Final = option("kernel", "exponential", KERNELS)


def fitting(kernel: Option = _KERNEL) -> tuple[Group, Group]:
    """Return what decides the numbers of a fit: the same for every command that fits, but for the kernels it takes."""
    return (
        protocol(
            option("tip-radius", "25nm±5nm", "characteristic length l of D, with its error if known"),
            option("contact-radius", "5nm±1nm", "radius in which tip and sample touch: l in place of the tip radius"),
            option("lock-in-time-constant", "100us", "of its low-pass filter, which kernels pass, too; 0s: none"),
            option("lock-in-order", "1", "RC stages of that filter, 1 to 8"),
        ),
        group(
            "how to fit",
            *WINDOWS,
            kernel,
            GEOMETRY,
            option("threshold", "15%|5sigma", "smallest |H| to fit, of the map's maximum or of the pixel's noise"),
            THRESHOLD_OF,
            SKIP,
            option("rotate-phase", "auto|DEG", "turn the lock-in's X and Y by an angle; auto: so that X holds most of "
                   "the response", dest="phase_rotation"),
            flag("intervals", "limits of tau and D that hold them with 95 %%", default=None),
            flag("all-parameters", "also write a, c, the RMS and the reduced chi-square of each window", default=None),
            option("noise", "measured|white", "errors and gates by the noise as the residuals show it (default), or "
                   "for white noise"),
            option("sign", "auto|any", "auto (default): leave out pixels that contradict themselves or their map in "
                   "sign"),
            option("nuisance", "auto|none|LIST", "what is fitted beside the curve: some of drift, step, mains:50Hz; "
                   "auto (default): what shows and moves tau"),
            PARITY,
            RECIPE,
        ),
    )


JOBS: Final = option("jobs", "N", "threads (default: one for each core, eight at most)")
OVERWRITE: Final = flag("overwrite", "replace files that exist")
PROGRESS: Final = option("progress", words="how it is shown: bar (default on a terminal), lines for programs, or none",
                         choices=("bar", "lines", "none"))
QUIET: Final = flag("quiet", "print no summary")
DEBUG: Final = flag("debug", "show a traceback when something fails")
WAYS: Final = (OVERWRITE, PROGRESS, QUIET, DEBUG)
"""How outputs are written and what is said meanwhile."""
STYLE: Final = (
    option("style", None, "figures as for a screen (default), or for print: journal's width, type and fonts",
           choices=("screen", "paper"), default="screen"),
    option("figure-width", None, "of a figure for paper: a column or the page (default)", choices=("85mm", "180mm")),
)
FIGURE_WORDS: Final = "by its name a PNG, SVG or PDF"
MAPS_ONLY: Final = flag("maps-only", "leave out what the input held")
MAP_FILES: Final = (
    MAPS_ONLY, written("json", "SUMMARY.json", "numbers of the maps, statuses and recipe, for programs"),
    written("csv", "PIXELS.csv", "a row for each pixel and pulse setting"),
    written("figure", "OVERVIEW.png", FIGURE_WORDS), *STYLE, *WAYS,
)
"""The files that maps are written to."""
# fmt: on
