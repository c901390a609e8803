"""The parser of the words of the command line, and commands and options as data that it is made from."""

import argparse
from collections.abc import Callable
from pathlib import PurePath
from typing import Any, Final, NamedTuple, NoReturn

_OTHER_FIGURES: Final = [".svg", ".pdf"]
# fmt: off
_KNOWN_ENDINGS: Final = frozenset((
    ".bmp", ".csv", ".eps", ".gif", ".gwy", ".gwyq", ".h5", ".hdf5", ".html", ".ibw", ".jpeg", ".jpg", ".json", ".mat",
    ".mrc", ".nc", ".npy", ".npz", ".nrrd", ".pdf", ".png", ".spm", ".svg", ".tdms", ".tif", ".tiff", ".txt", ".xlsx",
    ".xml", ".yaml", ".yml", ".zarr",
))
# fmt: on
"""What people know the kind of a file by: a file of another kind under such a name opens nowhere."""
KERNELS: Final = "{kernels}"
"""Stands in a help for the kernels there are; they are loaded only when it is shown."""


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

    def format_help(self) -> str:
        """Return the help."""
        for action in self._actions:
            if action.help == KERNELS:
                from napari_tesm.kernels.named import kernels_in_words

                action.help = kernels_in_words()
        return super().format_help()


class Option(NamedTuple):
    """An option or a file: how it is written, and what `argparse.ArgumentParser.add_argument` is to know of it."""

    words: tuple[str, ...]
    settings: dict[str, Any]


class Group(NamedTuple):
    """Options below a heading of their own in the help."""

    heading: str
    options: tuple[Option, ...]


class Command(NamedTuple):
    """What a command is good for, in the list of all and in its own help, and what it takes."""

    help: str
    parts: tuple[Option | Group, ...]
    description: str | None = None

    def add_to(self, commands: "argparse._SubParsersAction[Parser]", name: str) -> None:
        """Add the command to the parser of all."""
        parser = commands.add_parser(name, help=self.help, description=self.description)
        for part in self.parts:
            group = parser.add_argument_group(part.heading) if isinstance(part, Group) else parser
            for option in part.options if isinstance(part, Group) else (part,):
                group.add_argument(*option.words, **option.settings)


class Family(NamedTuple):
    """Commands under a common word; which was chosen is said by ``<word>_command``."""

    help: str
    commands: dict[str, Command]
    description: str | None = None

    def add_to(self, commands: "argparse._SubParsersAction[Parser]", name: str) -> None:
        """Add the word and its commands to the parser of all."""
        parser = commands.add_parser(name, help=self.help, description=self.description)
        inside = parser.add_subparsers(
            dest=f"{name}_command", title="commands", metavar="COMMAND", parser_class=Parser
        )
        for inner, command in self.commands.items():
            command.add_to(inside, inner)


def option(name: str, metavar: str | None = None, words: str | None = None, **settings: Any) -> Option:
    """Return an option that takes a value; its short form is asked for by `short`."""
    short = (settings.pop("short"),) if "short" in settings else ()
    return Option((*short, f"--{name}"), {"metavar": metavar, "help": words, **settings})


def flag(name: str, words: str, **settings: Any) -> Option:
    """Return an option that takes no value."""
    return Option((f"--{name}",), {"action": "store_true", "help": words, **settings})


def group(heading: str, *options: Option) -> Group:
    """Return options below a heading."""
    return Group(heading, options)


def file_name(text: str) -> str:
    """Refuse an empty name: a script's variable that is not set must not pass for no option at all."""
    if not text:
        raise argparse.ArgumentTypeError("the file name is empty")
    return text


def output_name(metavar: str | None) -> Callable[[str], str]:
    """Return what refuses names that cannot be of a file that is written, or that end like another kind of file.

    Parameters
    ----------
    metavar : str
        Shows how names end, like ``OUT.gwy|OUT.zarr``; with ``|-`` standard output may stand in for a file.
    """
    kinds = [f".{word.rpartition('.')[2]}" for word in (metavar or "").split("|") if "." in word]
    endings = kinds + _OTHER_FIGURES * (".png" in kinds)

    def checked(text: str) -> str:
        ending = PurePath(text).suffix.lower()
        if text == "-" and not (metavar or "").endswith("|-"):
            raise argparse.ArgumentTypeError("outputs are files: give a name instead of '-'")
        if endings and ending in _KNOWN_ENDINGS and ending not in endings:
            raise argparse.ArgumentTypeError(
                f"{text} would be no {ending} file: give a name that ends in {' or '.join(endings)}"
            )
        return file_name(text)

    return checked
