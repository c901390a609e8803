"""``tesm batch``: many files by one recipe, each by itself."""

import argparse
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import fields
from pathlib import Path, PurePath
from typing import Final

from napari_tesm.batch.fitting import Asked
from napari_tesm.batch.records import Record
from napari_tesm.batch.running import TABLES, Batch, Outcome, folder_from_text, part_from_text, run_batch
from napari_tesm.cli.arguments import UsageError
from napari_tesm.cli.jobs import jobs_from_text
from napari_tesm.cli.progress import progress_for
from napari_tesm.cli.recipes import recipe_from_options
from napari_tesm.cli.spelling import spelled
from napari_tesm.cli.terminal import sentence_from_error
from napari_tesm.evaluation.recipe import Recipe
from napari_tesm.files.texts import printable
from napari_tesm.io.mapping.text import mapping_from_file
from napari_tesm.io.recipe_file import recipe_from_file
from napari_tesm.quantities.numbers import counted
from napari_tesm.quantities.text import quantity_from_text

_PATIENCE: Final = "1800s"
_SILENT: Final = 15.0
"""Seconds of work before a time to go is said: the first files tell little of the others."""
_ENDINGS: Final = 4
"""Kinds of files that the sentence about those passed over names."""


def run_command(options: argparse.Namespace) -> int:
    """Fit files as the options say; see ``tesm batch --help``."""
    batch = _batch_from_options(options)
    told = _teller(quiet=options.quiet)
    outcome = run_batch(batch, told, progress_for(options.progress, silent=_SILENT))
    failures = outcome.failures()
    if not options.quiet:
        print(_sentence(outcome))
        if outcome.passed_over:
            print(sentence_about_passed(outcome.passed_over))
        names = ", ".join(printable(str(batch.folder / name)) for name in TABLES)
        print(f"Written: {names}")
    if failures:
        words = f"{len(failures)} of {counted(len(outcome.own), 'file')} failed: why is in "
        print(f"tesm: {words}{printable(str(batch.folder / TABLES[0]))}", file=sys.stderr)
    return 1 if failures else 0


def _batch_from_options(options: argparse.Namespace) -> Batch:
    jobs = jobs_from_text(options.jobs)
    recipe_from_options(options)  # what makes no sense is said at once and not once for each file
    if options.mapping:
        mapping_from_file(options.mapping)
    try:
        part = part_from_text(options.part)
        patience = quantity_from_text(options.patience or _PATIENCE, "s")
        if not patience > 0:
            raise ValueError("the patience is not positive")
    except ValueError as error:
        raise UsageError(error) from None
    asked = Asked(
        recipe_from_file(options.recipe) if options.recipe else None,
        {entry.name: getattr(options, entry.name, None) for entry in fields(Recipe)},
        Path(options.mapping).absolute() if options.mapping else None,
        options.maps_only,
        words_for_a_terminal,
    )
    paths, folder = options.files, folder_from_text(options.output)
    if options.executor:  # workers are in folders of their own
        paths, folder = [str(Path(path).absolute()) for path in paths], folder.absolute()
    return Batch(
        paths, folder, asked, options.pattern, part, jobs, patience, options.watch, options.executor or ""
    )


def words_for_a_terminal(message: object) -> str:
    """Return what an exception or a sentence says, with its fields as options."""
    return sentence_from_error(message) if isinstance(message, BaseException) else spelled(message)


def _teller(*, quiet: bool) -> Callable[[Record], None]:
    def tell(record: Record) -> None:
        if record.state == "failed" and not quiet:
            line = f"{printable(record.file)} failed: {printable(record.reason)}"
            # A bar may stand on the line.
            before = "\r\x1b[K" if sys.stderr.isatty() else ""
            print(before + line, file=sys.stderr, flush=True)

    return tell


def _sentence(outcome: Outcome) -> str:
    own = [record for record in outcome.records if record.file in outcome.own]
    done = sum(record.state == "ok" for record in own)
    words = [f"{done} of {counted(len(own), 'file')} fitted"]
    if done > outcome.fitted:
        words.append(f"{done - outcome.fitted} of them before and unchanged since")
    if failed := len(outcome.failures()):
        words.append(f"{failed} failed")
    if others := sum(record.state == "skipped" for record in own):
        words.append(f"{others} left to others that work on them")
    return ", ".join(words)


def sentence_about_passed(names: Sequence[str]) -> str:
    """Return how many files were passed over, and of which kinds.

    Examples
    --------
    >>> sentence_about_passed(["notes.md", "a.png", "b_D.gwy", "b.PNG"])
    '4 files passed over, by their names no scans: 2 .png, 1 .md, 1 .gwy'
    """
    kinds = Counter(PurePath(name).suffix.lower() or "without an ending" for name in names)
    listed = [f"{count} {kind}" for kind, count in kinds.most_common(_ENDINGS)]
    if len(kinds) > _ENDINGS:
        listed.append(f"{len(kinds) - _ENDINGS} more kinds")
    return f"{counted(len(names), 'file')} passed over, by their names no scans: {', '.join(listed)}"
