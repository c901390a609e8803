"""Packages that only some files need, loaded when such a file is opened."""

from __future__ import annotations

import importlib
from os import PathLike
from typing import Any


class MissingPackageError(ValueError):
    """A file needs a package that is not installed. The sentence says how to install it."""


def optional_module(name: str, path: str | PathLike[str], kind: str, *, extra: str = "instruments") -> Any:
    """Return a module of a package that comes with an extra.

    Parameters
    ----------
    name : str
        Such as ``"nptdms.scaling"``.
    path : path-like
        The file to be read, for the message.
    kind : str
        What it is: ``"a TDMS file"``.
    extra : str
        What installs the package.

    Raises
    ------
    MissingPackageError
        If the package is not installed.
    """
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise MissingPackageError(
            f"{path} is {kind}, and reading it needs {name.split('.')[0]} ({error}): "
            f"pip install 'napari-tesm[{extra}]'."
        ) from None
