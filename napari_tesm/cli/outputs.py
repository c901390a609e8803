"""What a command puts out: the files its options ask for, all or none, and lines on the terminal."""

import argparse
import json
import textwrap
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from gwyfile.objects import GwyContainer

from napari_tesm.cli.arguments import UsageError
from napari_tesm.files.atomic import AtomicOutputs, refuse_same_file
from napari_tesm.files.texts import printable
from napari_tesm.findings.table import LINE_WIDTH
from napari_tesm.gwy.writing import LARGEST_BODY, write_container_to

if TYPE_CHECKING:
    from napari_tesm.plotting.style import FigureStyle

_BINARY: Final = ("output", "figure")
_FILES: Final = ("output", "json", "csv", "figure", "save_recipe")
_TO_STDOUT: Final = "-"


def paths_asked(options: argparse.Namespace) -> dict[str, str]:
    """Return the files that options ask for by the names of these; standard output is none."""
    paths = {name: getattr(options, name, None) for name in _FILES}
    return {name: path for name, path in paths.items() if path and path != _TO_STDOUT}


def check_outputs(options: argparse.Namespace) -> None:
    """See that no output is asked for twice and none is an input.

    Raises
    ------
    UsageError
        If one is; or if a figure's width does not go with its style.
    """
    if getattr(options, "figure_width", None) and options.style == "screen":
        raise UsageError("--figure-width goes with --style paper")
    paths = list(paths_asked(options).values())
    targets = [Path(path).resolve() for path in paths]
    for index, path in enumerate(paths):
        if targets[index] in targets[:index]:
            raise UsageError(f"{path} is asked for twice: give each output a name of its own")
    for path in paths:
        joined = getattr(options, "joined", None) or ()
        refuse_inputs(path, options.file, getattr(options, "recipe", None), *joined)


def refuse_inputs(output: str | Path, *inputs: str | None) -> None:
    """Raise a `UsageError` where an output is one of the inputs; those that are not given do not count."""
    try:
        refuse_same_file(output, *filter(None, inputs))
    except ValueError as error:
        raise UsageError(error) from None


def figure_style(options: argparse.Namespace) -> "FigureStyle":
    """Return what figures are made for, as the options say.

    Raises
    ------
    UsageError
        If a width is given for a screen.
    """
    from napari_tesm.plotting.style import FigureStyle

    try:
        return FigureStyle.of(options.style, options.figure_width)
    except ValueError as error:
        raise UsageError(error) from None


@dataclass(frozen=True)
class Outputs:
    """Open files by the names of their options; what nobody asked for is not made."""

    files: Mapping[str, Any]
    paths: Mapping[str, str]
    options: argparse.Namespace

    def write_container(self, make: Callable[[], GwyContainer]) -> None:
        """Write the .gwy file."""
        if "output" in self.files:
            write_container_to(self.files["output"], make(), self.paths["output"])

    def write_figure(self, make: Callable[[], Any]) -> None:
        """Write a matplotlib figure in the format of its file's name; the same bytes for the same figure."""
        if "figure" in self.files:
            from napari_tesm.plotting.style import bytes_of_figure, format_from_name

            style = figure_style(self.options)
            kind = format_from_name(self.paths["figure"])
            self.files["figure"].write(bytes_of_figure(make(), kind, style))

    def write_text(self, name: str, make: Callable[[], str]) -> None:
        """Write the text file of an option."""
        if name in self.files:
            self.files[name].write(make())

    def write_json(self, content: Any, name: str = "json", *, escaped: bool = True) -> None:
        """Write what JSON can hold, letters beyond ASCII as escapes or, where UTF-8 can hold them, as they are."""
        if name in self.files:
            text = json.dumps(content, indent=2, ensure_ascii=escaped)
            # A name from a file may hold what UTF-8 cannot.
            if text.encode(errors="replace").decode() != text:
                text = json.dumps(content, indent=2)
            self.files[name].write(text + "\n")


@contextmanager
def outputs_of(
    options: argparse.Namespace, paths: Mapping[str, str | Path] | None = None
) -> Iterator[Outputs]:
    """Open the files that options ask for, or these; all of them appear when the block ends, or none.

    Raises
    ------
    OSError, ValueError
        As `napari_tesm.files.atomic.AtomicOutputs`.
    """
    with AtomicOutputs(overwrite=options.overwrite) as files:
        asked = paths_asked(options) if paths is None else paths
        yield Outputs(
            {n: files.open(path) if n in _BINARY else files.open_text(path) for n, path in asked.items()},
            {name: str(path) for name, path in asked.items()},
            options,
        )


def wrapped(text: str, indent: str = "", *, hanging: str = "  ") -> list[str]:
    """Return a text that may be shown in lines of the terminal's width, those after the first hanging."""
    return textwrap.wrap(
        printable(text), LINE_WIDTH, initial_indent=indent, subsequent_indent=indent + hanging
    )


def print_outcome(
    options: argparse.Namespace,
    content: Any,
    lines: Iterable[str],
    written: Iterable[str | Path] | None = None,
) -> None:
    """Print the content for programs where it was asked for, else the lines and what was written."""
    if options.json == _TO_STDOUT:
        # A name must not steer the terminal.
        print(json.dumps(content, indent=2, ensure_ascii=True))
    elif not getattr(options, "quiet", False):
        for line in lines:
            print(line)
        paths = [*(paths_asked(options).values() if written is None else written)]
        if paths:
            print(f"Written: {', '.join(printable(str(path)) for path in paths)}")
        for path in map(str, paths):
            if path.endswith(".gwy") and Path(path).stat().st_size > LARGEST_BODY:
                name = printable(path)
                print(f"Note: {name} passes 4 GiB, where files of Gwyddion 2 end: it is one of Gwyddion 3")
