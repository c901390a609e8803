"""Groups of arguments that several commands share, and the parser they are added to."""

import argparse
from typing import Any, NoReturn


class UsageError(Exception):
    """The words of the command line are wrong."""


class Parser(argparse.ArgumentParser):
    """A parser that raises what is wrong instead of leaving the program."""

    def __init__(self, **settings: Any) -> None:
        # A script that says --tip would break with the next option that begins so.
        super().__init__(allow_abbrev=False, **settings)

    def error(self, message: str) -> NoReturn:
        """Raise a `UsageError` with what is wrong."""
        raise UsageError(f"{message}\nTry '{self.prog} --help'.")


def add_fitting(command: Parser) -> "argparse._ArgumentGroup":
    """Add what decides the numbers of a fit; the same for every command that fits."""
    data = add_protocol(command)
    add_mapping(data)
    data.add_argument(
        "--tip-radius", metavar="25nm±5nm", help="characteristic length, with its error if known"
    )
    data.add_argument(
        "--lock-in-time-constant",
        metavar="100us",
        help="of its low-pass filter, which kernels pass, too; 0s: none",
    )
    data.add_argument("--lock-in-order", metavar="1", help="RC stages of that filter, 1 to 8")
    how = command.add_argument_group("how to fit")
    how.add_argument("--window1", metavar="0ms:10ms|none", help="replaces the pulse, from its start")
    how.add_argument("--window2", metavar="10ms:25ms|none", help="replaces the relaxation after the pulse")
    how.add_argument(
        "--kernel",
        metavar="exponential",
        help="exponential, stretched, biexponential, power, erfc or gaussian-source for each window; flux-pulse or "
        "clamped for the record as one",
    )
    how.add_argument("--geometry", metavar="l2/tau", help="how D follows from tau")
    how.add_argument("--threshold", metavar="15%", help="smallest |H| to fit, of the map's maximum")
    how.add_argument("--threshold-of", choices=("robust", "max", "p99"), help="which maximum")
    how.add_argument("--skip-after-edge", metavar="0ms", help="leave out samples after a window's start")
    how.add_argument(
        "--rotate-phase", dest="phase_rotation", metavar="auto|DEG",
        help="turn the lock-in's X and Y by an angle; auto: so that X holds most of the response",
    )  # fmt: skip
    how.add_argument(
        "--intervals", action="store_true", default=None, help="limits of tau and D that hold them with 95 %%"
    )
    add_recipe(how)
    return data


def add_protocol(command: Parser) -> "argparse._ArgumentGroup":
    """Add what stands in for metadata that a file lacks."""
    data = command.add_argument_group("what the file does not say, or says differently")
    data.add_argument("--traces", action="append", metavar="TITLE|N", help="trace stack; may be repeated")
    data.add_argument("--voltage", metavar="-3V", help="pulse voltage")
    data.add_argument("--pulse-start", metavar="0ms", help="start of the pulse on the file's time axis")
    data.add_argument("--pulse-duration", metavar="10ms")
    data.add_argument("--time-unit", metavar="s", help="unit of a time axis that has none")
    data.add_argument("--lateral-unit", metavar="m", help="unit of image axes that have none")
    return data


def add_mapping(group: "argparse._ArgumentGroup") -> None:
    """Add the option that says what is what in a file."""
    group.add_argument(
        "--mapping", metavar="M.yaml", type=file_name, help="what is what in a file that is no .gwy"
    )


def add_recipe(group: "argparse._ArgumentGroup") -> None:
    """Add the option that takes the parameters from a file."""
    group.add_argument(
        "--recipe",
        metavar="R.json|OUT.gwy",
        type=file_name,
        help="parameters of a file or of an earlier output",
    )


def add_map_files(command: Parser) -> "argparse._ArgumentGroup":
    """Add the files that maps are written to."""
    out = command.add_argument_group("output")
    out.add_argument("--maps-only", action="store_true", help="leave out what the input held")
    out.add_argument("--json", metavar="SUMMARY.json", type=output_name)
    out.add_argument("--csv", metavar="PIXELS.csv", type=output_name)
    out.add_argument("--figure", metavar="OVERVIEW.png", type=output_name)
    add_ways(out)
    return out


def add_ways(out: "argparse._ArgumentGroup") -> None:
    """Add how outputs are written and what is said meanwhile."""
    out.add_argument("--overwrite", action="store_true", help="replace files that exist")
    out.add_argument("--progress", choices=("bar", "lines", "none"))
    out.add_argument("--quiet", action="store_true", help="print no summary")
    out.add_argument("--debug", action="store_true", help="show a traceback when something fails")


def file_name(text: str) -> str:
    """Refuse an empty name: a script's variable that is not set must not pass for no option at all."""
    if not text:
        raise argparse.ArgumentTypeError("the file name is empty")
    return text


def output_name(text: str) -> str:
    """Refuse what cannot be a file that is written."""
    if text == "-":
        raise argparse.ArgumentTypeError("outputs are files: give a name instead of '-'")
    return file_name(text)
