"""``tesm volume``: what X-ray nano-tomography shows of an electrode in depth."""

import argparse
from importlib import import_module

from napari_tesm.cli.arguments import UsageError


def run_command(options: argparse.Namespace) -> int:
    """Run one of the commands on volumes; see ``tesm volume --help``."""
    if not options.volume_command:
        from napari_tesm.cli.volume.commands import COMMANDS

        raise UsageError(
            f"what is to be done with a volume: {', '.join(COMMANDS)}\nTry 'tesm volume --help'."
        )
    code: int = import_module(f"napari_tesm.cli.volume.{options.volume_command}").run_command(options)
    return code
