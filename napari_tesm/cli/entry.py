"""Arguments, exit codes and messages of ``tesm``; each command lives in a file of its own.

Exit codes: 0 done, 1 could not be done (one line says why), 2 bad usage, 130 interrupted, 143 terminated.
"""

import argparse
import os
import re
import signal
import sys
from collections.abc import Sequence
from importlib import import_module
from types import FrameType
from typing import Any, NoReturn

from napari_tesm import __version__
from napari_tesm.cli.terminal import prepare_process, printable, sentence_from_error, shortened


class UsageError(Exception):
    """The words of the command line are wrong."""


class _Terminated(BaseException):
    """SIGTERM, as an exception, so that temporary files are removed on the way out."""


class _Parser(argparse.ArgumentParser):
    def __init__(self, **settings: Any) -> None:
        # A script that says --tip would break with the next option that begins so.
        super().__init__(allow_abbrev=False, **settings)

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message}\nTry '{self.prog} --help'.")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run ``tesm`` and return its exit code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in words
    if arguments is None:
        prepare_process(debug=debug)
    try:
        previous = signal.signal(signal.SIGTERM, _terminate)
    except ValueError:  # not in the main thread
        previous = None
    try:
        return _run(words)
    except UsageError as error:
        _say(error)
        return 2
    except KeyboardInterrupt:
        _say("interrupted; no half-written output is left")
        return 130
    except _Terminated:
        _say("terminated; no half-written output is left")
        return 143
    except BrokenPipeError:
        # The reader of our output (head, less) has gone; Python must not complain about it at exit.
        if sys.stdout is not None:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except MemoryError:
        if debug:
            raise
        _say("there is not enough memory: use fewer --jobs, or fewer traces at a time")
        return 1
    except (OSError, ValueError, TypeError, ImportError) as error:
        if debug:
            raise
        _say(error)
        return 1
    except Exception as error:
        if debug:
            raise
        _say(f"unexpected {type(error).__name__}: {error} (please report it, with what --debug prints)")
        return 1
    finally:
        if previous is not None:
            signal.signal(signal.SIGTERM, previous)


def _run(words: list[str]) -> int:
    parser = parser_for_tesm()
    try:
        options = parser.parse_args(_with_joined_values(words))
    except SystemExit as stop:  # --help and --version
        return int(stop.code or 0)
    if not options.command:
        raise UsageError(
            "a command is needed: info, import, fit, displacement, regions, simulate, theory, view or gwyddion\n"
            f"Try '{parser.prog} --help'."
        )
    # `import` is a word of Python's own: no module can be called that and be imported by name.
    module = {"import": "importing"}.get(options.command, options.command)
    command = import_module(f"napari_tesm.cli.{module}")
    code: int = command.run_command(options)
    if sys.stdout is not None:  # it is None where the caller has closed it
        sys.stdout.flush()
    return code


def parser_for_tesm() -> argparse.ArgumentParser:
    """Return the parser of all commands; nothing heavy is imported for it."""
    parser = _Parser(prog="tesm", description="Diffusion-coefficient maps from t-ESM time traces.")
    parser.add_argument("--version", action="version", version=f"napari-tesm {__version__}")
    commands = parser.add_subparsers(
        dest="command", title="commands", metavar="COMMAND", parser_class=_Parser
    )
    _add_info(commands)
    _add_import(commands)
    _add_fit(commands)
    _add_displacement(commands)
    _add_regions(commands)
    _add_simulate(commands)
    _add_theory(commands)
    view = commands.add_parser("view", help="open files in napari, with the t-ESM workspace beside them")
    view.add_argument("files", metavar="FILE", nargs="+", type=_file_name)
    view.add_argument("--debug", action="store_true", help="show a traceback when something fails")
    _add_gwyddion(commands)
    return parser


def _add_gwyddion(commands: "argparse._SubParsersAction[_Parser]") -> None:
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


def _add_info(commands: "argparse._SubParsersAction[_Parser]") -> None:
    info = commands.add_parser("info", help="say what a file holds and what is missing for a fit")
    info.add_argument("file", metavar="FILE", type=_file_name)
    info.add_argument("--json", action="store_true", help="print the same for programs")
    info.add_argument(
        "--mapping",
        action="store_true",
        help="print a mapping to start from, for a file that does not say what is what",
    )
    info.add_argument("--debug", action="store_true", help="show a traceback when something fails")


def _add_import(commands: "argparse._SubParsersAction[_Parser]") -> None:
    importing = commands.add_parser(
        "import",
        help="make a dataset of an instrument's files: TDMS, HDF5, MATLAB, NumPy, Zarr, vendors'",
        description="Make a dataset of an instrument's file: cut a continuous recording at its pulses, or take arrays "
        "of traces as they are; join the images of an AFM file, and several recordings of one area. A mapping says "
        "what is what where the file does not: tesm info --mapping FILE proposes one.",
    )
    importing.add_argument(
        "files", metavar="RECORDING", nargs="+", type=_file_name, help="several become one voltage series"
    )
    importing.add_argument("-o", "--output", metavar="OUT.gwy|OUT.zarr", type=_output_name, required=True)
    importing.add_argument("--mapping", metavar="M.yaml", type=_file_name, help="what is what in the file")
    importing.add_argument("--scan", metavar="AFMFILE", type=_file_name, help="take its images along")
    importing.add_argument("--time-unit", metavar="s", help="unit of a time axis that has none")
    importing.add_argument("--lateral-unit", metavar="m", help="unit of image axes that have none")
    _add_ways(importing.add_argument_group("output"))


def _add_fit(commands: "argparse._SubParsersAction[_Parser]") -> None:
    fit = commands.add_parser(
        "fit",
        help="fit every pixel and write maps of tau and D",
        description="Fit every pixel and write maps of tau and D. Quantities carry their unit: 25nm, 10ms.",
    )
    fit.add_argument("file", metavar="FILE", type=_file_name)
    fit.add_argument("-o", "--output", metavar="OUT.gwy", type=_output_name, required=True)
    data = _add_protocol(fit)
    _add_mapping(data)
    data.add_argument(
        "--tip-radius", metavar="25nm±5nm", help="characteristic length, with its error if known"
    )
    data.add_argument(
        "--lock-in-time-constant",
        metavar="100us",
        help="of its low-pass filter, which kernels pass, too; 0s: none",
    )
    data.add_argument("--lock-in-order", metavar="1", help="RC stages of that filter, 1 to 8")
    how = fit.add_argument_group("how to fit")
    how.add_argument("--window1", metavar="0ms:10ms|none", help="replaces the pulse, from its start")
    how.add_argument("--window2", metavar="10ms:25ms|none", help="replaces the relaxation after the pulse")
    how.add_argument(
        "--kernel",
        metavar="exponential",
        help="exponential, stretched, biexponential, power, erfc or gaussian-source for each window; flux-pulse or "
        "clamped for the record as one",
    )
    how.add_argument("--geometry", metavar="l2/tau", help="how D follows from tau")
    how.add_argument("--threshold", metavar="15%%", help="smallest |H| to fit, of the map's maximum")
    how.add_argument("--threshold-of", choices=("robust", "max", "p99"), help="which maximum")
    how.add_argument("--skip-after-edge", metavar="0ms", help="leave out samples after a window's start")
    _add_recipe(how)
    out = _add_map_files(fit)
    out.add_argument(
        "--graphs",
        action="store_true",
        help="with --maps-only: histograms of D and curves at the points, too",
    )
    out.add_argument("--save-recipe", metavar="R.json", type=_output_name)
    out.add_argument("--jobs", metavar="N", help="threads (default: one for each core, eight at most)")


def _add_displacement(commands: "argparse._SubParsersAction[_Parser]") -> None:
    displacement = commands.add_parser(
        "displacement",
        help="write maps of H alone: what the pulse lifted, in a moment",
        description="Write maps of H, the displacement caused by the pulse, the same as those of tesm fit. "
        "Only the samples that H is made of are read. Quantities carry their unit: 10ms.",
    )
    displacement.add_argument("file", metavar="FILE", type=_file_name)
    displacement.add_argument("-o", "--output", metavar="OUT.gwy", type=_output_name, required=True)
    data = _add_protocol(displacement)
    _add_mapping(data)
    _add_recipe(data)
    _add_map_files(displacement)


def _add_regions(commands: "argparse._SubParsersAction[_Parser]") -> None:
    regions = commands.add_parser(
        "regions",
        help="say what H, tau and D come to in the regions of a file",
        description="Statistics of the maps in a file (of H alone where nothing was fitted yet) for each region, each "
        "class of regions, what is under a mask and what is not, and the pixels outside of all; steps against "
        "grains with effect size and rank test. Regions are those saved by napari, the selections drawn in "
        "Gwyddion, and the masks of channels.",
    )
    regions.add_argument("file", metavar="FILE", type=_file_name)
    regions.add_argument(
        "--channel",
        metavar="TITLE|N",
        type=_file_name,
        help="only what is drawn on this channel; measure it, too",
    )
    _add_protocol(regions)
    out = regions.add_argument_group("output")
    out.add_argument(
        "--json", metavar="OUT.json|-", nargs="?", const="-", type=_file_name,
        help="the same for programs; without a name, or -, on stdout instead of the table",
    )  # fmt: skip
    out.add_argument("--csv", metavar="OUT.csv", type=_output_name, help="a row per part, map and pulse")
    out.add_argument(
        "-o", "--output", metavar="OUT.gwy", type=_output_name,
        help="graphs for Gwyddion: mean traces and histograms of D, inside against outside",
    )  # fmt: skip
    _add_ways(out)


def _add_protocol(command: _Parser) -> "argparse._ArgumentGroup":
    data = command.add_argument_group("what the file does not say, or says differently")
    data.add_argument("--traces", action="append", metavar="TITLE|N", help="trace stack; may be repeated")
    data.add_argument("--voltage", metavar="-3V", help="pulse voltage")
    data.add_argument("--pulse-start", metavar="0ms", help="start of the pulse on the file's time axis")
    data.add_argument("--pulse-duration", metavar="10ms")
    data.add_argument("--time-unit", metavar="s", help="unit of a time axis that has none")
    data.add_argument("--lateral-unit", metavar="m", help="unit of image axes that have none")
    return data


def _add_mapping(group: "argparse._ArgumentGroup") -> None:
    group.add_argument(
        "--mapping", metavar="M.yaml", type=_file_name, help="what is what in a file that is no .gwy"
    )


def _add_recipe(group: "argparse._ArgumentGroup") -> None:
    group.add_argument(
        "--recipe",
        metavar="R.json|OUT.gwy",
        type=_file_name,
        help="parameters of a file or of an earlier output",
    )


def _add_map_files(command: _Parser) -> "argparse._ArgumentGroup":
    out = command.add_argument_group("output")
    out.add_argument("--maps-only", action="store_true", help="leave out what the input held")
    out.add_argument("--json", metavar="SUMMARY.json", type=_output_name)
    out.add_argument("--csv", metavar="PIXELS.csv", type=_output_name)
    out.add_argument("--figure", metavar="OVERVIEW.png", type=_output_name)
    _add_ways(out)
    return out


def _add_ways(out: "argparse._ArgumentGroup") -> None:
    out.add_argument("--overwrite", action="store_true", help="replace files that exist")
    out.add_argument("--progress", choices=("bar", "lines", "none"))
    out.add_argument("--quiet", action="store_true", help="print no summary")
    out.add_argument("--debug", action="store_true", help="show a traceback when something fails")


def _add_simulate(commands: "argparse._SubParsersAction[_Parser]") -> None:
    simulate = commands.add_parser("simulate", help="write a simulated dataset with known D")
    simulate.add_argument(
        "-o", "--output", metavar="FILE.gwy|FILE.tdms", type=_output_name, required=True,
        help=".tdms: as a recorder writes it, with its mapping and the AFM's images beside it",
    )  # fmt: skip
    simulate.add_argument("--preset", default="si-c-step", help="si-c-step, silicon-wafer or hopg")
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


def _add_theory(commands: "argparse._SubParsersAction[_Parser]") -> None:
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
    theory.add_argument("--noise", default="1%", metavar="1%%")
    theory.add_argument("--seed", default="0", metavar="0")
    out = theory.add_argument_group("output")
    out.add_argument("--json", metavar="THEORY.json", type=_file_name, help="- for standard output")
    out.add_argument("--csv", metavar="RECORDS.csv", type=_output_name)
    out.add_argument("--figure", metavar="THEORY.png", type=_output_name)
    out.add_argument("--overwrite", action="store_true", help="replace files that exist")
    out.add_argument("--debug", action="store_true", help="show a traceback when something fails")


def _file_name(text: str) -> str:
    """Refuse an empty name: a script's variable that is not set must not pass for no option at all."""
    if not text:
        raise argparse.ArgumentTypeError("the file name is empty")
    return text


def _output_name(text: str) -> str:
    if text == "-":
        raise argparse.ArgumentTypeError("outputs are files: give a name instead of '-'")
    return _file_name(text)


def _with_joined_values(words: list[str]) -> list[str]:
    """Join options with values that begin with a minus: argparse takes ``-3V`` for an option."""
    joined: list[str] = []
    for word in words:
        if joined and re.fullmatch(r"--[a-z0-9-]+", joined[-1]) and re.match(r"-[0-9.]", word):
            joined[-1] += f"={word}"
        else:
            joined.append(word)
    return joined


def _terminate(number: int, frame: FrameType | None) -> None:
    raise _Terminated


def _say(message: object) -> None:
    text = sentence_from_error(message) if isinstance(message, BaseException) else str(message)
    lines = [printable(line.strip()) for line in text.splitlines() if line.strip()] or ["failed"]
    text = "\n".join(lines[:3]) if isinstance(message, UsageError) else " ".join(lines)
    text = text[0].lower() + text[1:] if text[:2].istitle() and not text[:2].isupper() else text
    print(f"tesm: {shortened(text)}", file=sys.stderr)
