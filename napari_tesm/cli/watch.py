"""``tesm watch``: maps of a scan that grow while it is recorded, and the fit of all of it when it has ended."""

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from napari_tesm.batch.inputs import Input, inputs_from_paths, is_folder_of_scans
from napari_tesm.cli import fit
from napari_tesm.cli.arguments import UsageError
from napari_tesm.cli.jobs import jobs_from_text
from napari_tesm.cli.outputs import check_outputs, figure_style, paths_asked
from napari_tesm.cli.progress import progress_for
from napari_tesm.cli.recipes import recipe_from_options
from napari_tesm.cli.terminal import sentence_from_error
from napari_tesm.files.atomic import atomic_output, exists_already
from napari_tesm.files.fingerprint import state_of_path
from napari_tesm.files.texts import printable
from napari_tesm.io.mapping.text import mapping_from_file
from napari_tesm.quantities.text import quantity_from_text
from napari_tesm.watching.growing import GrowingScan, Look
from napari_tesm.watching.waiting import POLL, Watch

_LOOK_EVERY = 2.0
"""Seconds between two looks for new files in a folder."""
_SAID_AFTER = 5.0
"""Seconds for which nothing was to be had of a file before it is said why."""


def run_command(options: argparse.Namespace) -> int:
    """Watch a file, or the files of a folder; see ``tesm watch --help``."""
    path = Path(options.file)
    options = argparse.Namespace(**vars(options) | {"graphs": False, "joined": None})
    if is_folder_of_scans(path):
        return _watch_folder(options, path)
    check_outputs(options)
    for name in paths_asked(options).values():
        if Path(name).exists() and not options.overwrite:
            raise exists_already(name)
    _Watched(options).until_the_end()
    return 0


def _watch_folder(options: argparse.Namespace, folder: Path) -> int:
    """Watch the files of a folder until somebody ends it; what fails is said and stops no other."""
    others = [name for name in ("json", "csv", "figure", "save_recipe") if getattr(options, name)]
    if others:
        raise UsageError(f"--{others[0].replace('_', '-')} is of one file: for a folder give -o FOLDER alone")
    target = Path(options.output)
    _checked(options)
    target.mkdir(parents=True, exist_ok=True)
    watched: dict[str, _Watched] = {}
    done: dict[str, Any] = {}
    next_look = 0.0
    while True:
        if time.monotonic() >= next_look:
            start = time.monotonic()
            for each in inputs_from_paths([folder], target):
                if each.name not in watched and state_of_path(each.path) != done.get(each.name):
                    _begin(options, target, each, watched, done)
            next_look = time.monotonic() + max(_LOOK_EVERY, 20 * (time.monotonic() - start))
        for name, one in list(watched.items()):
            try:
                ended = one.step()
            except (OSError, ValueError, TypeError, ImportError) as error:
                reason = printable(sentence_from_error(error))
                print(f"tesm: {printable(name)} failed: {reason}", file=sys.stderr, flush=True)
                ended = True
            if ended:
                done[name] = state_of_path(one.path)
                del watched[name]
        time.sleep(POLL)


def _begin(
    options: argparse.Namespace,
    target: Path,
    each: Input,
    watched: dict[str, "_Watched"],
    done: dict[str, Any],
) -> None:
    """Watch a file of a folder, unless it has a result from before."""
    result = target / each.result
    first = each.name not in done
    if first and result.exists() and not options.overwrite:
        done[each.name] = state_of_path(each.path)
        return
    result.parent.mkdir(parents=True, exist_ok=True)
    own = {"file": str(each.path), "output": str(result), "overwrite": not first or options.overwrite}
    watched[each.name] = _Watched(argparse.Namespace(**vars(options) | own))


def _checked(options: argparse.Namespace) -> dict[str, Any]:
    """Return jobs, recipe, mapping and patience of the options; what makes no sense is said at once."""
    try:
        idle = None if options.idle is None else quantity_from_text(options.idle, "s")
        if idle is not None and not idle > 0:
            raise ValueError("--idle is not positive")
    except ValueError as error:
        raise UsageError(error) from None
    figure_style(options)
    return {
        "jobs": jobs_from_text(options.jobs),
        "recipe": recipe_from_options(options),
        "mapping": mapping_from_file(options.mapping) if options.mapping else None,
        "idle": idle,
    }


class _Watched:
    """A file that is watched, with all that is shown of it."""

    def __init__(self, options: argparse.Namespace) -> None:
        checked = _checked(options)
        self.options, self.path, self.jobs = options, Path(options.file), checked["jobs"]
        self.watch = Watch(GrowingScan(self.path, checked["recipe"], checked["mapping"]), checked["idle"])
        self.progress: Callable[[float, str], None] = progress_for(options.progress) or (lambda *_: None)
        self._since: tuple[str, float] | None = None
        self._said = ""

    def until_the_end(self) -> None:
        """Watch until the scan has ended, and fit it."""
        if not self.path.exists():
            self._say(f"waiting for {printable(self.options.file)}")
        while not self.step():
            time.sleep(POLL)

    def step(self) -> bool:
        """Look once where it is time; return whether the scan has ended and is fitted."""
        look = self.watch.step(jobs=self.jobs)
        if look is not None:
            self._show(look)
        self._say_reason()
        if not self.watch.has_ended:
            return False
        self.progress(1.0, "recorded")
        # What was shown so far makes room for the fit of all of it, which is that of tesm fit.
        overwrite = self.options.overwrite or self.options.figure
        return fit.run_command(argparse.Namespace(**vars(self.options) | {"overwrite": bool(overwrite)})) == 0

    def _show(self, look: Look) -> None:
        self.progress(min(self.watch.fraction, 0.99), f"{printable(self.path.name)}: {self.watch.words}")
        if self.options.figure and look.maps is not None:
            self._draw(look)

    def _draw(self, look: Look) -> None:
        from napari_tesm.plotting.growing_maps import growing_maps_figure
        from napari_tesm.plotting.style import bytes_of_figure, format_from_name

        assert look.maps is not None
        name = self.options.figure
        figure = growing_maps_figure(look.maps, f"{self.path.name}: {self.watch.words}")
        content = bytes_of_figure(figure, format_from_name(name), figure_style(self.options))
        with atomic_output(name, overwrite=True) as file:
            file.write(content)

    def _say_reason(self) -> None:
        """Say why nothing is to be had of the file, once that has been so for a while."""
        reason = "" if self.watch.reason is None else sentence_from_error(self.watch.reason)
        if not reason:
            self._since = None
        elif self._since is None or self._since[0] != reason:
            self._since = (reason, time.monotonic())
        elif time.monotonic() - self._since[1] >= _SAID_AFTER and reason != self._said:
            self._said = reason
            self._say(f"{printable(self.path.name)}: nothing is to be had yet: {printable(reason)}")

    def _say(self, words: str) -> None:
        if not self.options.quiet:
            before = "\r\x1b[K" if sys.stderr.isatty() else ""
            print(f"{before}tesm: {words}", file=sys.stderr, flush=True)
