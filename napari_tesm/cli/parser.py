"""The commands of ``tesm`` and what each takes, as data; nothing heavy is imported for them."""

import argparse
from typing import Final

from napari_tesm.cli import shared
from napari_tesm.cli.arguments import Command, Family, Option, Parser, flag, group, option
from napari_tesm.cli.volume.commands import COMMANDS as VOLUME_COMMANDS
from napari_tesm.version import __version__


def parser_for_tesm() -> argparse.ArgumentParser:
    """Return the parser of all commands; nothing heavy is imported for it."""
    parser = Parser(prog="tesm", description="Diffusion-coefficient maps from t-ESM time traces.")
    parser.add_argument("--version", action="version", version=f"napari-tesm {__version__}")
    commands = parser.add_subparsers(dest="command", title="commands", metavar="COMMAND", parser_class=Parser)
    for name, command in _COMMANDS.items():
        command.add_to(commands, name)
    return parser


# fmt: off
_COMMANDS: Final[dict[str, Command | Family]] = {
    "info": Command("say what a file holds and what is missing for a fit", (
        shared.files(words="a scan or a recording", name="file", nargs="?"),
        flag("json", "print the same for programs"),
        shared.taken("mapping", "M.yaml", "check a mapping; without a name: print one to start from, for a file that "
                     "does not say what is what", nargs="?", const=True),
        shared.DEBUG,
    )),
    "import": Command("make a dataset of an instrument's files: TDMS, HDF5, MATLAB, NumPy, Zarr, text, vendors'", (
        shared.files("RECORDING", "several become one voltage series", nargs="+"),
        shared.output("OUT.gwy|OUT.zarr", "the dataset", required=True),
        shared.taken("mapping", "M.yaml", "what is what in the file"),
        shared.taken("scan", "AFMFILE", "take its images along"),
        shared.TIME_UNIT, shared.LATERAL_UNIT, group("output", *shared.WAYS),
    ), "Make a dataset of an instrument's file: cut a continuous recording at its pulses, or take arrays of traces as "
       "they are; join the images of an AFM file, and several recordings of one area. A mapping says what is what "
       "where the file does not: tesm info --mapping FILE proposes one."),
    "fit": Command("fit every pixel and write maps of tau and D", (
        shared.FILE, shared.OUTPUT,
        shared.taken("with", "OTHER.gwy", "recording of the same pixels at another voltage, joined with FILE: for "
                     "--parity", dest="joined", action="append"),
        *shared.fitting(),
        group(
            "output", *shared.MAP_FILES,
            flag("graphs", "with --maps-only: histograms of D and curves at the points, too"),
            shared.written("save-recipe", "R.json", "the parameters, for --recipe"), shared.JOBS,
        ),
    ), "Fit every pixel and write maps of tau and D. Quantities carry their unit: 25nm, 10ms."),
    "batch": Command("fit many files by one recipe, each by itself, into one table", (
        shared.files("PATH", "files, and folders of them", nargs="+"),
        shared.output("FOLDER", "results, batch.csv, batch.json and batch.html", required=True),
        group(
            "which files",
            option("pattern", "*.gwy", "of a folder only what is called so; may be repeated", action="append",
                   default=[]),
            option("part", "2/5", "the second of five parts: for array jobs on a cluster", default="1/1"),
            flag("watch", "go on looking for new files"),
        ),
        *shared.fitting(),
        group(
            "output", shared.MAPS_ONLY,
            option("jobs", "N", "files at once (default: one for each core, eight at most)"),
            option("executor", "tcp://HOST:8786", "fit on the workers of a dask scheduler, for which files and FOLDER "
                   "have the same names"),
            option("patience", "1800s", "give a file up in which nothing happens for so long"),
            shared.PROGRESS, shared.QUIET, shared.DEBUG,
        ),
    ), "Fit many files in processes of their own: what is broken, hangs or crashes never stops the others. Called "
       "again only what is new, changed or failed is fitted; several machines may share FOLDER. A recipe beside a "
       "file, scan.recipe.json with scan.gwy, is its own. Quantities carry their unit: 25nm, 10ms."),
    "watch": Command("fit a scan line by line while it is recorded, and all of it when it has ended", (
        shared.files("FILE|FOLDER", "a file that a recorder writes, or will write; or a folder it writes them to",
                     name="file"),
        shared.output("OUT.gwy|FOLDER", "the maps of the whole scan; for a folder one of results", required=True),
        option("idle", "60s", "the scan has ended when its file has not changed for so long (default: 60 s, longer "
               "where lines take longer; 5 s where every line is there)"),
        *shared.fitting(),
        group(
            "output", *shared.MAP_FILES,
            shared.written("save-recipe", "R.json", "the parameters, for --recipe"), shared.JOBS,
        ),
    ), "Look at a file again and again while a recorder writes it, never holding it open in between. Lines that are "
       "whole are fitted, and --figure is drawn anew with each; at the end everything is written that tesm fit would "
       "have written. Ctrl+C ends it and leaves nothing half-written. Quantities carry their unit: 25nm, 10ms."),
    "lateral": Command("take lateral diffusion out: D at the place itself, from the traces around it", (
        shared.FILE, shared.OUTPUT,
        *shared.fitting(option("kernel", "flux-pulse|clamped", "whether the pulse drives ions through the surface "
                               "(default), or holds their concentration under the tip")),
        group(
            "what is taken for granted",
            option("prior", "auto|SD:LENGTH|image:TITLE", "how ln D varies: found from the map and free at steps "
                   "(default); a Gaussian of this standard deviation and length, 0.5:50nm; or free where an image "
                   "of the file has edges and D changes there, image:Topography", default="auto"),
            flag("together", "all pulse settings of the file share their D"),
        ),
        group(
            "output", *shared.MAP_FILES, shared.written("save-recipe", "R.json", "the parameters, for --recipe"),
            shared.JOBS,
        ),
    ), "Ions diffuse farther than from pixel to pixel during a pulse, and a fit of each pixel by itself averages over "
       "all of that. Here all traces of the map are explained by one D(x, y). Quantities carry their unit: 25nm, "
       "10ms."),
    "kernels": Command("say which kernel the traces support, and whether it describes them", (
        shared.FILE,
        option("kernels", "A,B,...", "at least two; by default %(default)s",
               default="exponential,stretched,flux-pulse,clamped"),
        flag("design", "say which pulse length, record or second pulse would tell the kernels apart with fewer pixels"),
        shared.protocol(
            option("threshold", "15%|5sigma", "smallest |H| that has a vote, of the map's maximum or noise"),
            shared.THRESHOLD_OF,
            option("skip-after-edge", "0ms", "leave out samples after both edges of the pulse"),
            shared.PARITY, shared.RECIPE,
        ),
        group(
            "output",
            shared.output("OUT.gwy", "maps of the best kernel, the evidence, the misfit and D over the kernels, "
                          "beside what the input holds"),
            shared.MAPS_ONLY, shared.json_or_stdout(),
            shared.written("figure", "CHOICE.png", shared.FIGURE_WORDS), *shared.STYLE, shared.JOBS, *shared.WAYS,
        ),
    ), "Compare kernels on the same samples of every pixel with a response (AICc), and see whether what the best one "
       "leaves is noise. Quantities carry their unit: 10ms."),
    "displacement": Command("write maps of H alone: what the pulse lifted, in a moment", (
        shared.FILE, shared.OUTPUT, shared.protocol(shared.RECIPE), group("output", *shared.MAP_FILES),
    ), "Write maps of H, the displacement caused by the pulse, the same as those of tesm fit. Only the samples that H "
       "is made of are read. Quantities carry their unit: 10ms."),
    "regions": Command("say what H, tau and D come to in the regions of a file", (
        shared.FILE,
        shared.taken("channel", "TITLE|N", "only what is drawn on this channel; measure it, too"),
        shared.protocol(),
        group(
            "output", shared.json_or_stdout(), shared.written("csv", "OUT.csv", "a row per part, map and pulse"),
            shared.output("OUT.gwy", "graphs for Gwyddion: mean traces and histograms of D, inside against outside"),
            *shared.WAYS,
        ),
    ), "Statistics of the maps in a file (of H alone where nothing was fitted yet) for each region, each class of "
       "regions, what is under a mask and what is not, and the pixels outside of all; steps against grains with "
       "effect size and rank test. Regions are those saved by napari, the selections drawn in Gwyddion, and the masks "
       "of channels."),
    "grains": Command("find grains and say what H, tau and D come to at their boundaries and inside them", (
        shared.FILE,
        group(
            "where the grains come from",
            shared.taken("from", "topography|deflection_error|TITLE", "the channel they are found in; grains saved in "
                         "the file are taken where this is not given", dest="source"),
            shared.taken("labels", "FILE|TITLE", "a label image: .npy, .tif, .png, .gwy, or a channel"),
            option("method", None, "watershed on the gradient, on inverted height, or what describes the image better "
                   "(default)", choices=("auto", "edges", "domes"), default="auto"),
            option("smooth", "5nm", "standard deviation of the smoothing (default: by the noise)"),
            option("min-area", "500nm2", "smaller grains belong to a neighbour"),
            option("noise-factor", "1.5", "a border stands out so many times as much as in noise"),
            option("contrast", "0.15", "and at least this part of what borders usually do"),
            option("width", "30nm", "full width of the band at boundaries (default: twice the tip radius)"),
            option("bin", "10nm", "width of the bins of distance (default: two pixels)"),
        ),
        shared.protocol(),
        group(
            "output",
            shared.output("OUT.gwy", "the file with channels of grains and boundaries, and maps under a mask of the "
                          "boundaries"),
            shared.MAPS_ONLY, shared.json_or_stdout(instead_of="tables"),
            shared.written("csv", "GRAINS.csv|DIR", "a row per grain and pulse; into a folder: grains.csv, "
                           "classes.csv and distances.csv"),
            *shared.WAYS,
        ),
    ), "Find grains in topography or deflection error, or take them from a label image, and compare what the maps of "
       "the file come to at boundaries and in interiors: statistics with a test that knows that neighbours are alike, "
       "the course with the distance from the nearest boundary, and a table of grains. Regions called cluster or "
       "defect are classes of their own. Quantities carry their unit: 30nm."),
    "report": Command("make the paper's figures and tables of a scan or a series, as one HTML page", (
        shared.files(words="a scan, or those of a series", nargs="+"),
        shared.output("DIR", "folder of the report", required=True), *shared.fitting(),
        group(
            "what else goes into the report",
            option("labels", "LABEL", "what each file is called, in their order", nargs="+", action="extend"),
            option("title", "TEXT", "heading of the page"),
            shared.taken("control", "FILE", "scans in which no or little response is expected", nargs="+",
                         action="extend", default=[]),
            shared.taken("cycling", "CSV", "capacity against voltage", nargs="+", action="extend", default=[]),
            flag("lateral", "D with lateral diffusion taken out, too, as of tesm lateral; what a FILE holds of it is "
                 "shown in any case"),
        ),
        group(
            "output", *shared.STYLE, shared.JOBS, flag("overwrite", "replace an earlier report in DIR"),
            shared.PROGRESS, shared.QUIET, shared.DEBUG,
        ),
    ), "Fit every pixel and make the figures and tables of the t-ESM paper, as far as the data allow: one HTML page "
       "that needs nothing beside it, figures as PNG and SVG (for print PDF, too), tables as CSV, all numbers "
       "as JSON. What cannot be made says what is missing."),
    "simulate": Command("write a simulated dataset with known D", (
        shared.output("FILE.gwy|FILE.tdms|FOLDER", ".tdms: as a recorder writes it, with its mapping and the AFM's "
                      "images beside it; a folder for the preset paper-series", required=True),
        option("preset", None, "si-c-step, silicon-wafer or hopg; paper-series: one area with six voltages, two "
               "controls, the truth", default="si-c-step"),
        option("model", None, "exponential, or diffusion: flux-pulse, clamped (each pixel by itself), lateral, "
               "lateral-clamped (across the pixels; a minute for 64x48)", default="exponential"),
        option("size", "64x48", "pixels across and down", default="64x48"),
        option("samples", "250", "of each trace", default="250"),
        option("seed", "0", "another number draws other noise", default="0"),
        option("noise", "lock-in:0.1ms:4,mains:50Hz:0.3", "what an instrument adds: some of lock-in:0.1ms:4, "
               "drift:10%%, mains:50Hz:0.3, pink:0.5, step:30%%, delay:50us, steps:0.2, glitches:0.2%%; %% of H, else "
               "in parts of the white noise"),
        option("jobs", "N", "threads of the lateral models"), shared.PROGRESS,
        flag("overwrite", "replace a file that exists"), flag("quiet", "say nothing of what was written"), shared.DEBUG,
    )),
    "null": Command("say what D1, D2 and D2/D1 the exponential recipe returns for pure diffusion", (
        shared.files(words="takes times and protocol from it", name="file", nargs="?"),
        shared.protocol(
            option("tip-radius", "25nm", "radius of the source and length of the recipe"),
            option("contact-radius", "5nm", "both in place of the tip radius"),
            option("samples", "500", "without a file: samples from the start of the pulse on"),
            option("sampling", "50us", "without a file: time between two of them"),
            option("record", "25ms", "without a file: length of the record, from the pulse on"),
        ),
        group(
            "how it is fitted", *shared.WINDOWS, shared.GEOMETRY, shared.SKIP, shared.RECIPE,
            option("noise", "10%", "of a sample, in parts of H: what would be rejected is left out (default: 10%%)",
                   dest="sample_noise"),
            option("diffusion", "1e-15m2/s:1e-11m2/s", "range of the true D", default="1e-15m2/s:1e-11m2/s"),
        ),
        option("apparent", "2e-13m2/s", "only this: the true D of an apparent one, with ± its error"),
        group(
            "output",
            shared.output("OUT.gwy", "graphs for Gwyddion: the apparent D, and D2/D1, against the true D"),
            shared.json_or_stdout("NULL.json|-"),
            shared.written("csv", "CURVES.csv", "a row per true D and source"),
            shared.written("figure", "CURVES.png", shared.FIGURE_WORDS), *shared.STYLE, shared.OVERWRITE, shared.DEBUG,
        ),
    ), "What one exponential for each window and D = l²/tau return for pure diffusion with this pulse, windows, "
       "sampling and radius, and the way back from the apparent D to the true one. The protocol is that of a "
       "file, or said here. Quantities carry their unit: 25nm, 10ms."),
    "theory": Command("what ESM, PITT, GITT and EIS record of one material, and the D each gives back", (
        option("diffusion", "4e-13m2/s", "true D", default="4e-13 m²/s"),
        option("tip-radius", "25nm", "radius of the source", default="25 nm"),
        option("surface-rate", "10um/s", "of the reaction at the surface; by default always in balance"),
        option("poisson-ratio", "0.25", "of the sample", default="0.25"),
        option("pulse-duration", "10ms", "how long the pulse is on", default="10 ms"),
        option("frequencies", "10mHz:1MHz", "of the drive, from and to; by default about D/R0²"),
        option("thickness", "1um", "of the film of the bulk methods", default="1 um"),
        option("noise", "1%", "of a sample, in parts of the response", default="1%"),
        option("seed", "0", "another number draws other noise", default="0"),
        group(
            "output", shared.taken("json", "THEORY.json", "- for standard output"),
            shared.written("csv", "RECORDS.csv", "the traces"),
            shared.written("figure", "THEORY.png", shared.FIGURE_WORDS), *shared.STYLE, shared.OVERWRITE, shared.DEBUG,
        ),
    )),
    "volume": Family("what X-ray nano-tomography shows of an electrode in depth", VOLUME_COMMANDS,
                     "Volumes of electrodes, as X-ray nano-tomography gives them: z leads away from the collector. "
                     "Quantities carry their unit: 60nm."),
    "view": Command("open files in napari, with the t-ESM workspace beside them", (
        shared.files(words="scans, results or images", nargs="+"), shared.DEBUG,
    )),
    "gwyddion": Command("install or remove the module for Gwyddion's menus", (
        Option(("action",), {"choices": ("install", "uninstall", "status"),
                             "help": "build and install it for this user, remove it, or say whether it works"}),
        flag("pygwy", "install the plug-ins for pygwy instead: no compiler, fewer functions"),
        shared.DEBUG,
    )),
}
# fmt: on
COMMANDS: Final = tuple(_COMMANDS)
"""Names of the commands, in the order in which the help shows them."""
