"""The recipe that the options of a command come to, on top of a recipe's file."""

import argparse
from dataclasses import fields

from napari_tesm.cli.arguments import UsageError
from napari_tesm.evaluation.recipe import Recipe
from napari_tesm.evaluation.values import recipe_from_values
from napari_tesm.findings.parameters import origins_from_recipes
from napari_tesm.io.recipe_file import recipe_from_file


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
    return recipe_from_file(name) if name else base
