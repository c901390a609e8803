"""The command line, ``tesm``."""

from napari_tesm.cli.entry import main

__all__ = ["main"]
