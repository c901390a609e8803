"""The command line, ``tesm``."""

from napari_tesm.cli.main import main

__all__ = ["main"]
