"""Which files a batch is about, and how their results are called."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Final

from napari_tesm.io.registry import mappings_beside
from napari_tesm.io.text import is_text_folder
from napari_tesm.io.zarr_store import is_zarr

FOLDER: Final = ".batch"
"""Below the batch's folder: a record of each file, and what is being worked on."""
TABLE: Final = "batch.csv"
_RESULT: Final = "_D.gwy"
RECIPE_BESIDE: Final = ".recipe.json"
"""How the recipe of one file is called: that of ``scan.gwy`` is ``scan.recipe.json``."""
_COMPANIONS: Final = (".yaml", ".yml", ".json")
"""Of mappings and recipes, which are looked at with the scans they lie beside."""
_BESIDE: Final = (
    ".yaml", ".yml", ".json", ".md", ".rst", ".log", ".ini", ".conf", ".html", ".pdf", ".png", ".jpg", ".jpeg", ".svg",
    ".tif", ".tiff", ".doc", ".docx", ".odt", ".xlsx", ".ods", ".pptx", ".py", ".ipynb", ".m", ".sh", ".bat", ".zip",
    ".tdms_index",
)  # fmt: skip
"""What lies beside scans in a folder and is none."""


@dataclass(frozen=True)
class Input:
    """A file to fit.

    Parameters
    ----------
    path : Path
        The file, or a folder that is one: a Zarr store, text files that are pieces of one scan.
    name : str
        What it is called in tables: its path below the folder that was given, with ``/``.
    """

    path: Path
    name: str

    @property
    def result(self) -> str:
        """Where its maps go, below the batch's folder."""
        return (self.name.removesuffix(".gwy") if self.name.lower().endswith(".gwy") else self.name) + _RESULT


def inputs_from_paths(
    paths: Sequence[str | os.PathLike[str]],
    output: str | os.PathLike[str],
    patterns: Sequence[str] = (),
    passed_over: list[str] | None = None,
) -> list[Input]:
    """Return the inputs among files and folders, in the order of their names.

    Parameters
    ----------
    paths : sequence of path-like
        A folder stands for all files below it that can be scans. Of several folders the name of each stands before
        those of its files.
    output : path-like
        The batch's own folder, which is left out.
    patterns : sequence of str
        Which names of files in folders to take, ``*.gwy``; by default all but those that lie beside scans.
    passed_over : list of str, optional
        Takes up the names of files in folders that are not taken, but for recipes and mappings.

    Raises
    ------
    OSError
        If one of the paths is not there.
    ValueError
        If two inputs have one name, as files of folders of the same name do.
    """
    output = Path(output).resolve()
    folders = sum(map(is_folder_of_scans, paths))
    inputs: dict[str, Input] = {}
    passed = [] if passed_over is None else passed_over
    for path in map(Path, paths):
        if not os.path.lexists(path):
            raise FileNotFoundError(f"{path} does not exist.")
        for found in _found(path, output, patterns, passed, with_folder=folders > 1):
            other = inputs.setdefault(found.name, found)
            if other.path.resolve() != found.path.resolve():
                raise ValueError(
                    f"{other.path} and {found.path} would have one result, {found.result}: "
                    "fit them into two folders"
                )
    results: dict[str, Input] = {}
    for each in inputs.values():
        if (other := results.setdefault(each.result, each)) is not each:
            raise ValueError(
                f"{other.path} and {each.path} would have one result, {each.result}: fit them into two folders"
            )
    return _without_links(inputs)


def is_folder_of_scans(path: str | os.PathLike[str]) -> bool:
    """Whether a path is a folder that holds scans, and not one scan itself."""
    return Path(path).is_dir() and not _is_one_scan(Path(path))


def _without_links(inputs: dict[str, Input]) -> list[Input]:
    """Return inputs in the order of their names, each file once: links to others are left out.

    A link that has a recipe or a mapping of its own is another input.
    """
    taken: dict[Path, Input] = {}
    for name in sorted(inputs, key=lambda name: (inputs[name].path.is_symlink(), name)):
        each = inputs[name]
        beside = (recipe_beside(each.path), *mappings_beside(each.path))
        own = each.path.is_symlink() and any(map(Path.is_file, beside))
        taken.setdefault(each.path.absolute() if own else each.path.resolve(), each)
    return sorted(taken.values(), key=lambda each: each.name)


def recipe_beside(path: Path) -> Path:
    """Return where the recipe of one file would lie."""
    return path.with_name(path.stem + RECIPE_BESIDE)


def _found(
    path: Path, output: Path, patterns: Sequence[str], passed_over: list[str], *, with_folder: bool
) -> Iterator[Input]:
    if not path.is_dir() or _is_one_scan(path):
        yield Input(path, path.name or path.resolve().name)
        return
    before = f"{path.resolve().name}/" if with_folder else ""
    for found in _below(path, output, patterns, passed_over):
        yield Input(found, before + found.relative_to(path).as_posix())


def _below(folder: Path, output: Path, patterns: Sequence[str], passed_over: list[str]) -> Iterator[Path]:
    """Yield what can be a scan below a folder; a folder that cannot be listed is left to be refused by itself."""
    try:
        entries = sorted(folder.iterdir())
    except OSError:
        yield folder
        return
    for entry in entries:
        if entry.name.startswith(".") or (entry.name == TABLE and (folder / FOLDER).is_dir()):
            continue
        if entry.is_dir() and not entry.is_symlink() and entry.resolve() == output:
            continue
        if entry.is_dir() and not _is_one_scan(entry):
            if not entry.is_symlink():  # which may lead in a circle
                yield from _below(entry, output, patterns, passed_over)
        elif _is_wanted(entry.name, patterns):
            yield entry
        elif entry.is_file() and entry.suffix.lower() not in _COMPANIONS:
            passed_over.append(entry.name)


def _is_wanted(name: str, patterns: Sequence[str]) -> bool:
    if patterns:
        return any(fnmatch(name, pattern) for pattern in patterns)
    return not name.lower().endswith(_BESIDE) and not name.endswith(_RESULT)


def _is_one_scan(folder: Path) -> bool:
    """Whether a folder is one scan, and not a folder of scans: names of scans in text have a number, too."""
    if not folder.is_dir():
        return False
    if folder.suffix.lower() == ".zarr" or is_zarr(folder) or any(map(Path.is_file, mappings_beside(folder))):
        return True
    try:
        return is_text_folder(folder, of_pixels=True)
    except (OSError, ValueError):
        return False
