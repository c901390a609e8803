"""A recipe from a file of its own, or from the results that were made with it."""

from os import PathLike
from pathlib import Path
from typing import Final

from napari_tesm.evaluation.recipe import Recipe
from napari_tesm.gwy.forms import MAGICS
from napari_tesm.gwy.reading import read_container
from napari_tesm.io.gwy.results import recipe_text

_LARGEST: Final = 1 << 20
"""Bytes of a recipe in JSON, many times over."""


def recipe_from_file(name: str | PathLike[str]) -> Recipe:
    """Return the recipe of a JSON file or of an earlier output, told apart by content.

    Raises
    ------
    OSError, ValueError
        If it cannot be read, or holds no recipe.
    """
    path = Path(name)
    if path.is_dir():
        raise IsADirectoryError(f"{name} is a folder, not a recipe")
    with path.open("rb") as file:
        start = file.read(_LARGEST + 1)
    if start[:4] in MAGICS:
        text = recipe_text(read_container(path))
        if text is None:
            raise ValueError(f"{name} holds no recipe: it is no output of tesm fit")
    elif len(start) > _LARGEST:
        raise ValueError(f"{name} is no recipe: it is larger than 1 MB")
    else:
        try:
            text = start.decode("utf-8-sig")
        except UnicodeDecodeError:
            raise ValueError(f"{name} is neither a recipe in JSON nor an earlier output") from None
    try:
        return Recipe.from_json(text)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None
