"""The recipe that the options of a command come to, on top of a recipe's file."""

import argparse
from dataclasses import fields
from pathlib import Path
from typing import Final

from napari_tesm.cli.arguments import UsageError
from napari_tesm.evaluation.recipe import Recipe
from napari_tesm.evaluation.values import recipe_from_values
from napari_tesm.findings.parameters import origins_from_recipes
from napari_tesm.gwy.reading import read_container
from napari_tesm.io.gwy.results import recipe_text

_LARGEST_RECIPE: Final = 1 << 20


def recipe_from_options(options: argparse.Namespace, base: Recipe | None = None) -> Recipe:
    """Return the recipe of the options a command has, on top of that of ``--recipe`` or of another one.

    Raises
    ------
    UsageError
        If an option makes no sense.
    OSError, ValueError
        If the file of ``--recipe`` holds no recipe.
    """
    base = _base_of(options, base)
    try:
        return recipe_from_values(
            base, **{entry.name: getattr(options, entry.name, None) for entry in fields(Recipe)}
        )
    except ValueError as error:
        raise UsageError(error) from None


def origins_from_options(
    options: argparse.Namespace, recipe: Recipe, base: Recipe | None = None
) -> dict[str, str]:
    """Return where the fields of the recipe come from that `recipe_from_options` made of the same options."""
    given = tuple(entry.name for entry in fields(Recipe) if getattr(options, entry.name, None) is not None)
    return origins_from_recipes(recipe, _base_of(options, base), given)


def _base_of(options: argparse.Namespace, base: Recipe | None) -> Recipe | None:
    name = getattr(options, "recipe", None)
    return _recipe_from_file(name) if name else base


def _recipe_from_file(name: str) -> Recipe:
    """Return the recipe of a JSON file or of an earlier output, told apart by content."""
    path = Path(name)
    if path.is_dir():
        raise IsADirectoryError(f"{name} is a folder, not a recipe")
    with path.open("rb") as file:
        start = file.read(_LARGEST_RECIPE + 1)
    if start[:4] in (b"GWYP", b"GWYO"):
        text = recipe_text(read_container(path))
        if text is None:
            raise ValueError(f"{name} holds no recipe: it is no output of tesm fit")
    elif len(start) > _LARGEST_RECIPE:
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
