"""The commands of ``tesm`` and their arguments; nothing heavy is imported for them."""

import argparse
from typing import Final

from napari_tesm.cli.arguments import (
    Parser,
    add_fitting,
    add_map_files,
    add_mapping,
    add_protocol,
    add_recipe,
    add_ways,
    file_name,
    output_name,
)
from napari_tesm.version import __version__


def parser_for_tesm() -> argparse.ArgumentParser:
    """Return the parser of all commands; nothing heavy is imported for it."""
    parser = Parser(prog="tesm", description="Diffusion-coefficient maps from t-ESM time traces.")
    parser.add_argument("--version", action="version", version=f"napari-tesm {__version__}")
    commands = parser.add_subparsers(dest="command", title="commands", metavar="COMMAND", parser_class=Parser)
    for add in _ADDED_BY.values():
        add(commands)
    return parser


def _add_info(commands: "argparse._SubParsersAction[Parser]") -> None:
    info = commands.add_parser("info", help="say what a file holds and what is missing for a fit")
    info.add_argument("file", metavar="FILE", type=file_name)
    info.add_argument("--json", action="store_true", help="print the same for programs")
    info.add_argument(
        "--mapping",
        action="store_true",
        help="print a mapping to start from, for a file that does not say what is what",
    )
    info.add_argument("--debug", action="store_true", help="show a traceback when something fails")


def _add_import(commands: "argparse._SubParsersAction[Parser]") -> None:
    importing = commands.add_parser(
        "import",
        help="make a dataset of an instrument's files: TDMS, HDF5, MATLAB, NumPy, Zarr, vendors'",
        description="Make a dataset of an instrument's file: cut a continuous recording at its pulses, or take arrays "
        "of traces as they are; join the images of an AFM file, and several recordings of one area. A mapping says "
        "what is what where the file does not: tesm info --mapping FILE proposes one.",
    )
    importing.add_argument(
        "files", metavar="RECORDING", nargs="+", type=file_name, help="several become one voltage series"
    )
    importing.add_argument("-o", "--output", metavar="OUT.gwy|OUT.zarr", type=output_name, required=True)
    importing.add_argument("--mapping", metavar="M.yaml", type=file_name, help="what is what in the file")
    importing.add_argument("--scan", metavar="AFMFILE", type=file_name, help="take its images along")
    importing.add_argument("--time-unit", metavar="s", help="unit of a time axis that has none")
    importing.add_argument("--lateral-unit", metavar="m", help="unit of image axes that have none")
    add_ways(importing.add_argument_group("output"))


def _add_fit(commands: "argparse._SubParsersAction[Parser]") -> None:
    fit = commands.add_parser(
        "fit",
        help="fit every pixel and write maps of tau and D",
        description="Fit every pixel and write maps of tau and D. Quantities carry their unit: 25nm, 10ms.",
    )
    fit.add_argument("file", metavar="FILE", type=file_name)
    fit.add_argument("-o", "--output", metavar="OUT.gwy", type=output_name, required=True)
    add_fitting(fit)
    out = add_map_files(fit)
    out.add_argument(
        "--graphs",
        action="store_true",
        help="with --maps-only: histograms of D and curves at the points, too",
    )
    out.add_argument("--save-recipe", metavar="R.json", type=output_name)
    out.add_argument("--jobs", metavar="N", help="threads (default: one for each core, eight at most)")


def _add_kernels(commands: "argparse._SubParsersAction[Parser]") -> None:
    kernels = commands.add_parser(
        "kernels",
        help="say which kernel the traces support, and whether it describes them",
        description="Compare kernels on the same samples of every pixel with a response (AICc), and see whether "
        "what the best one leaves is noise. Quantities carry their unit: 10ms.",
    )
    kernels.add_argument("file", metavar="FILE", type=file_name)
    kernels.add_argument(
        "--kernels",
        metavar="A,B,...",
        default="exponential,stretched,flux-pulse,clamped",
        help="at least two; by default %(default)s",
    )
    data = add_protocol(kernels)
    add_mapping(data)
    data.add_argument("--threshold", metavar="15%", help="smallest |H| that has a vote, of the map's maximum")
    data.add_argument("--threshold-of", choices=("robust", "max", "p99"), help="which maximum")
    data.add_argument(
        "--skip-after-edge", metavar="0ms", help="leave out samples after both edges of the pulse"
    )
    add_recipe(data)
    out = kernels.add_argument_group("output")
    out.add_argument(
        "-o", "--output", metavar="OUT.gwy", type=output_name,
        help="maps of the best kernel, the evidence and the whiteness, beside what the input holds",
    )  # fmt: skip
    out.add_argument("--maps-only", action="store_true", help="leave out what the input held")
    out.add_argument(
        "--json", metavar="OUT.json|-", nargs="?", const="-", type=file_name,
        help="the same for programs; without a name, or -, on stdout instead of the table",
    )  # fmt: skip
    out.add_argument("--figure", metavar="CHOICE.png", type=output_name)
    out.add_argument("--jobs", metavar="N", help="threads (default: one for each core, eight at most)")
    add_ways(out)


def _add_displacement(commands: "argparse._SubParsersAction[Parser]") -> None:
    displacement = commands.add_parser(
        "displacement",
        help="write maps of H alone: what the pulse lifted, in a moment",
        description="Write maps of H, the displacement caused by the pulse, the same as those of tesm fit. "
        "Only the samples that H is made of are read. Quantities carry their unit: 10ms.",
    )
    displacement.add_argument("file", metavar="FILE", type=file_name)
    displacement.add_argument("-o", "--output", metavar="OUT.gwy", type=output_name, required=True)
    data = add_protocol(displacement)
    add_mapping(data)
    add_recipe(data)
    add_map_files(displacement)


def _add_regions(commands: "argparse._SubParsersAction[Parser]") -> None:
    regions = commands.add_parser(
        "regions",
        help="say what H, tau and D come to in the regions of a file",
        description="Statistics of the maps in a file (of H alone where nothing was fitted yet) for each region, each "
        "class of regions, what is under a mask and what is not, and the pixels outside of all; steps against "
        "grains with effect size and rank test. Regions are those saved by napari, the selections drawn in "
        "Gwyddion, and the masks of channels.",
    )
    regions.add_argument("file", metavar="FILE", type=file_name)
    regions.add_argument(
        "--channel",
        metavar="TITLE|N",
        type=file_name,
        help="only what is drawn on this channel; measure it, too",
    )
    add_mapping(add_protocol(regions))
    out = regions.add_argument_group("output")
    out.add_argument(
        "--json", metavar="OUT.json|-", nargs="?", const="-", type=file_name,
        help="the same for programs; without a name, or -, on stdout instead of the table",
    )  # fmt: skip
    out.add_argument("--csv", metavar="OUT.csv", type=output_name, help="a row per part, map and pulse")
    out.add_argument(
        "-o", "--output", metavar="OUT.gwy", type=output_name,
        help="graphs for Gwyddion: mean traces and histograms of D, inside against outside",
    )  # fmt: skip
    add_ways(out)


def _add_grains(commands: "argparse._SubParsersAction[Parser]") -> None:
    grains = commands.add_parser(
        "grains",
        help="find grains and say what H, tau and D come to at their boundaries and inside them",
        description="Find grains in topography or deflection error, or take them from a label image, and compare what "
        "the maps of the file come to at boundaries and in interiors: statistics with a test that knows that "
        "neighbours are alike, the course with the distance from the nearest boundary, and a table of grains. Regions "
        "called cluster or defect are classes of their own. Quantities carry their unit: 30nm.",
    )
    grains.add_argument("file", metavar="FILE", type=file_name)
    how = grains.add_argument_group("where the grains come from")
    how.add_argument(
        "--from", dest="source", metavar="topography|deflection_error|TITLE", type=file_name,
        help="the channel they are found in; grains saved in the file are taken where this is not given",
    )  # fmt: skip
    how.add_argument(
        "--labels",
        metavar="FILE|TITLE",
        type=file_name,
        help="a label image: .npy, .tif, .png, .gwy, or a channel",
    )
    how.add_argument(
        "--method", choices=("auto", "edges", "domes"), default="auto",
        help="watershed on the gradient, on inverted height, or what describes the image better (default)",
    )  # fmt: skip
    how.add_argument(
        "--smooth", metavar="5nm", help="standard deviation of the smoothing (default: by the noise)"
    )
    how.add_argument("--min-area", metavar="500nm2", help="smaller grains belong to a neighbour")
    how.add_argument(
        "--noise-factor", metavar="1.5", help="a border stands out so many times as much as in noise"
    )
    how.add_argument("--contrast", metavar="0.15", help="and at least this part of what borders usually do")
    how.add_argument(
        "--width", metavar="30nm", help="full width of the band at boundaries (default: twice the tip radius)"
    )
    how.add_argument("--bin", metavar="10nm", help="width of the bins of distance (default: two pixels)")
    add_mapping(add_protocol(grains))
    out = grains.add_argument_group("output")
    out.add_argument(
        "-o", "--output", metavar="OUT.gwy", type=output_name,
        help="the file with channels of grains and boundaries, and maps under a mask of the boundaries",
    )  # fmt: skip
    out.add_argument(
        "--json", metavar="OUT.json|-", nargs="?", const="-", type=file_name,
        help="the same for programs; without a name, or -, on stdout instead of the tables",
    )  # fmt: skip
    out.add_argument(
        "--csv", metavar="GRAINS.csv|DIR", type=output_name,
        help="a row per grain and pulse; into a folder: grains.csv, classes.csv and distances.csv",
    )  # fmt: skip
    add_ways(out)


def _add_report(commands: "argparse._SubParsersAction[Parser]") -> None:
    report = commands.add_parser(
        "report",
        help="make the paper's figures and tables of a scan or a series, as one HTML page",
        description="Fit every pixel and make the figures and tables of the t-ESM paper, as far as the data allow: one "
        "HTML page that needs nothing beside it, figures as PNG and SVG, tables as CSV, all numbers as JSON. What "
        "cannot be made says what is missing.",
    )
    report.add_argument(
        "files", metavar="FILE", nargs="+", type=file_name, help="a scan, or those of a series"
    )
    report.add_argument("-o", "--output", metavar="DIR", type=output_name, required=True)
    add_fitting(report)
    more = report.add_argument_group("what else goes into the report")
    more.add_argument(
        "--labels",
        metavar="LABEL",
        nargs="+",
        action="extend",
        help="what each file is called, in their order",
    )
    more.add_argument("--title", metavar="TEXT", help="heading of the page")
    more.add_argument(
        "--control", metavar="FILE", nargs="+", action="extend", type=file_name, default=[],
        help="scans in which no or little response is expected",
    )  # fmt: skip
    more.add_argument(
        "--cycling", metavar="CSV", nargs="+", action="extend", type=file_name, default=[],
        help="capacity against voltage",
    )  # fmt: skip
    out = report.add_argument_group("output")
    out.add_argument("--jobs", metavar="N", help="threads (default: one for each core, eight at most)")
    out.add_argument("--overwrite", action="store_true", help="replace an earlier report in DIR")
    out.add_argument("--progress", choices=("bar", "lines", "none"))
    out.add_argument("--quiet", action="store_true", help="print no summary")
    out.add_argument("--debug", action="store_true", help="show a traceback when something fails")


def _add_simulate(commands: "argparse._SubParsersAction[Parser]") -> None:
    simulate = commands.add_parser("simulate", help="write a simulated dataset with known D")
    simulate.add_argument(
        "-o", "--output", metavar="FILE.gwy|FILE.tdms|FOLDER", type=output_name, required=True,
        help=".tdms: as a recorder writes it, with its mapping and the AFM's images beside it; "
        "a folder for the preset paper-series",
    )  # fmt: skip
    simulate.add_argument(
        "--preset", default="si-c-step",
        help="si-c-step, silicon-wafer or hopg; paper-series: one area with six voltages, two controls, the truth",
    )  # fmt: skip
    simulate.add_argument(
        "--model", default="exponential",
        help="exponential, or diffusion: flux-pulse, clamped (each pixel by itself), lateral (across the pixels; slow)",
    )  # fmt: skip
    simulate.add_argument("--size", default="64x48", metavar="64x48", help="pixels across and down")
    simulate.add_argument("--samples", default="250", metavar="250")
    simulate.add_argument("--seed", default="0", metavar="0")
    simulate.add_argument("--jobs", metavar="N", help="threads of the lateral model")
    simulate.add_argument("--progress", choices=("bar", "lines", "none"))
    simulate.add_argument("--overwrite", action="store_true", help="replace a file that exists")
    simulate.add_argument("--debug", action="store_true", help="show a traceback when something fails")


def _add_theory(commands: "argparse._SubParsersAction[Parser]") -> None:
    theory = commands.add_parser(
        "theory", help="what ESM, PITT, GITT and EIS record of one material, and the D each gives back"
    )
    theory.add_argument("--diffusion", default="4e-13 m²/s", metavar="4e-13m2/s")
    theory.add_argument("--tip-radius", default="25 nm", metavar="25nm")
    theory.add_argument(
        "--surface-rate",
        metavar="10um/s",
        help="of the reaction at the surface; by default always in balance",
    )
    theory.add_argument("--poisson-ratio", default="0.25", metavar="0.25")
    theory.add_argument("--pulse-duration", default="10 ms", metavar="10ms")
    theory.add_argument("--thickness", default="1 um", metavar="1um", help="of the film of the bulk methods")
    theory.add_argument("--noise", default="1%", metavar="1%")
    theory.add_argument("--seed", default="0", metavar="0")
    out = theory.add_argument_group("output")
    out.add_argument("--json", metavar="THEORY.json", type=file_name, help="- for standard output")
    out.add_argument("--csv", metavar="RECORDS.csv", type=output_name)
    out.add_argument("--figure", metavar="THEORY.png", type=output_name)
    out.add_argument("--overwrite", action="store_true", help="replace files that exist")
    out.add_argument("--debug", action="store_true", help="show a traceback when something fails")


def _add_null(commands: "argparse._SubParsersAction[Parser]") -> None:
    null = commands.add_parser(
        "null",
        help="say what D1, D2 and D2/D1 the exponential recipe returns for pure diffusion",
        description="What one exponential for each window and D = l²/tau return for pure diffusion with this pulse, "
        "windows, sampling and tip radius, and the way back from the apparent D to the true one. The protocol is that "
        "of a file, or said here. Quantities carry their unit: 25nm, 10ms.",
    )
    null.add_argument(
        "file", metavar="FILE", nargs="?", type=file_name, help="takes times and protocol from it"
    )
    data = add_protocol(null)
    add_mapping(data)
    data.add_argument("--tip-radius", metavar="25nm", help="radius of the source and length of the recipe")
    data.add_argument(
        "--samples", metavar="500", help="without a file: samples from the start of the pulse on"
    )
    data.add_argument("--sampling", metavar="50us", help="without a file: time between two of them")
    data.add_argument(
        "--record", metavar="25ms", help="without a file: length of the record, from the pulse on"
    )
    how = null.add_argument_group("how it is fitted")
    how.add_argument("--window1", metavar="0ms:10ms|none", help="replaces the pulse, from its start")
    how.add_argument("--window2", metavar="10ms:25ms|none", help="replaces the relaxation after the pulse")
    how.add_argument("--geometry", metavar="l2/tau", help="how D follows from tau")
    how.add_argument("--skip-after-edge", metavar="0ms", help="leave out samples after a window's start")
    add_recipe(how)
    how.add_argument(
        "--noise",
        metavar="10%",
        help="of a sample, in parts of H: what would be rejected is left out (default: 10%%)",
    )
    how.add_argument(
        "--diffusion",
        metavar="1e-15m2/s:1e-11m2/s",
        default="1e-15m2/s:1e-11m2/s",
        help="range of the true D",
    )
    null.add_argument(
        "--apparent", metavar="2e-13m2/s", help="only this: the true D of an apparent one, with ± its error"
    )
    out = null.add_argument_group("output")
    out.add_argument(
        "--json", metavar="NULL.json|-", nargs="?", const="-", type=file_name,
        help="the same for programs; without a name, or -, on stdout instead of the table",
    )  # fmt: skip
    out.add_argument("--csv", metavar="CURVES.csv", type=output_name, help="a row per true D and source")
    out.add_argument("--figure", metavar="CURVES.png", type=output_name)
    out.add_argument("--overwrite", action="store_true", help="replace files that exist")
    out.add_argument("--debug", action="store_true", help="show a traceback when something fails")


def _add_view(commands: "argparse._SubParsersAction[Parser]") -> None:
    view = commands.add_parser("view", help="open files in napari, with the t-ESM workspace beside them")
    view.add_argument("files", metavar="FILE", nargs="+", type=file_name)
    view.add_argument("--debug", action="store_true", help="show a traceback when something fails")


def _add_gwyddion(commands: "argparse._SubParsersAction[Parser]") -> None:
    gwyddion = commands.add_parser("gwyddion", help="install or remove the module for Gwyddion's menus")
    gwyddion.add_argument(
        "action",
        choices=("install", "uninstall", "status"),
        help="build and install it for this user, remove it, or say whether it works",
    )
    gwyddion.add_argument(
        "--pygwy",
        action="store_true",
        help="install the plug-ins for pygwy instead: no compiler, fewer functions",
    )
    gwyddion.add_argument("--debug", action="store_true", help="show a traceback when something fails")


_ADDED_BY: Final = {
    "info": _add_info,
    "import": _add_import,
    "fit": _add_fit,
    "kernels": _add_kernels,
    "displacement": _add_displacement,
    "regions": _add_regions,
    "grains": _add_grains,
    "report": _add_report,
    "simulate": _add_simulate,
    "null": _add_null,
    "theory": _add_theory,
    "view": _add_view,
    "gwyddion": _add_gwyddion,
}
COMMANDS: Final = tuple(_ADDED_BY)
"""Names of the commands, in the order in which the help shows them."""
