"""A batch: what is new, changed or failed is fitted, each file is claimed before, and tables say what came of all."""

import os
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from napari_tesm.batch.cluster import ClusterWorkers
from napari_tesm.batch.fitting import Asked, Task, failed, record_of_fit
from napari_tesm.batch.inputs import TABLE, Input, inputs_from_paths
from napari_tesm.batch.records import Record, Records
from napari_tesm.batch.table import csv_from_records, json_from_records
from napari_tesm.batch.workers import Workers
from napari_tesm.files.atomic import AtomicOutputs
from napari_tesm.files.claims import Claim

TABLES: Final = (TABLE, "batch.json", "batch.html")
_TABLES_EVERY: Final = 30.0
"""Seconds between two tables of a batch that is not finished."""
_SELDOM: Final = 50.0
"""Times as long as the tables took to wait before they are written again, at least."""
_LOOK_EVERY: Final = 2.0
"""Seconds between two looks at folders that are watched."""
_IDLE: Final = 20.0
"""Times as long as a look took to wait for the next one, at least."""
_SETTLED: Final = 5.0
"""Seconds for which a new file must have stayed as it is: a recorder may still write it."""
_PATIENCE: Final = 30.0
"""Seconds to wait for another program that writes the tables."""

Told = Callable[[Record], None]
Progress = Callable[[float, str], None]


@dataclass(frozen=True)
class Batch:
    """What is to be done.

    Parameters
    ----------
    paths : sequence of str
        Files and folders, as of `inputs_from_paths`.
    folder : Path
        Where results, records and tables go.
    asked : Asked
    patterns : sequence of str
    part : tuple of int
        The number of this part, from 1, and how many parts there are.
    jobs : int
        Processes.
    patience : float
        Seconds without a sign of progress after which a file is given up.
    watch : bool
        Go on looking for new files until somebody ends it.
    executor : str
        Address of a dask scheduler whose workers fit; empty for processes of this machine.
    """

    paths: Sequence[str]
    folder: Path
    asked: Asked
    patterns: Sequence[str] = ()
    part: tuple[int, int] = (1, 1)
    jobs: int = 1
    patience: float = 1800.0
    watch: bool = False
    executor: str = ""


@dataclass
class Outcome:
    """What a call has come to.

    Parameters
    ----------
    records : list of Record
        Of all files of all parts, in the order of their names.
    fitted : int
        Files that this call has fitted.
    own : set of str
        Names of the files of this part.
    passed_over : list of str
        Names of files in folders that were not taken for scans.
    """

    records: list[Record] = field(default_factory=list)
    fitted: int = 0
    own: set[str] = field(default_factory=set)
    passed_over: list[str] = field(default_factory=list)

    def failures(self) -> list[Record]:
        """Return the records of the files of this part that failed."""
        return [record for record in self.records if record.state == "failed" and record.file in self.own]


def run_batch(batch: Batch, told: Told = lambda _: None, progress: Progress | None = None) -> Outcome:
    """Fit what is to be fitted and write the tables.

    Parameters
    ----------
    batch : Batch
    told : callable
        Called with the record of each file that was fitted or has failed now.
    progress : callable, optional
        Called with the fraction done and a few words; what it raises ends the batch.

    Raises
    ------
    OSError, ValueError
        If a path is not there, two inputs have one name, or the folder cannot be written.
    """
    # With matplotlib, which no fit needs: loaded before anything can interrupt its loading half-way.
    from napari_tesm.batch.page import page_from_records

    run = _Run(batch, Records.of(batch.folder), page_from_records, told, progress)
    run.look()
    with _workers(batch) as workers:
        try:
            workers.work(run.next_task, run.take, run.tick)
            while batch.watch:
                run.write_tables()
                time.sleep(run.look_every)
                run.look()
                workers.work(run.next_task, run.take, run.tick)
        finally:
            for claim in run.claims.values():
                claim.release()
            run.write_tables()
    return run.outcome()


def _workers(batch: Batch) -> Workers[Task, Record] | ClusterWorkers[Task, Record]:
    if batch.executor:
        return ClusterWorkers(record_of_fit, failed, address=batch.executor)
    return Workers(record_of_fit, failed, jobs=batch.jobs, patience=batch.patience)


class _Run:
    def __init__(
        self,
        batch: Batch,
        records: Records,
        page: Callable[[Sequence[Record]], str],
        told: Told,
        progress: Progress | None,
    ) -> None:
        self.batch, self.records, self.page, self.told, self.progress = batch, records, page, told, progress
        self.inputs: dict[str, Input] = {}
        self.own: list[Input] = []
        self.passed_over: list[str] = []
        self.waiting: list[Input] = []
        self.claims: dict[str, Claim] = {}
        self.elsewhere: set[str] = set()
        self.tried: dict[str, str] = {}
        self.seen: dict[str, tuple[str, float]] = {}
        self.looked = self.written = time.monotonic()
        self.look_every, self.write_every = _LOOK_EVERY, _TABLES_EVERY
        self.asked_for = self.fitted = self.failed = 0

    def look(self) -> None:
        """See which files are there, and put those of this part in line that are new or changed or have failed."""
        start = time.monotonic()
        self.passed_over = []
        found = inputs_from_paths(self.batch.paths, self.batch.folder, self.batch.patterns, self.passed_over)
        number, parts = self.batch.part
        self.inputs = {each.name: each for each in found}
        self.own = found[number - 1 :: parts]
        waiting = {each.name for each in self.waiting} | self.claims.keys()
        for each in self.own:
            if each.name in waiting:
                continue
            mark = self.batch.asked.mark(each)
            if self.tried.get(each.name) == mark or (self.batch.watch and not self._is_settled(each, mark)):
                continue
            if not self._is_done(each, mark):
                self.waiting.append(each)
                self.asked_for += 1
        self.looked = time.monotonic()
        # Stores of a million files, on a drive that is far away, must not be looked at all the time.
        self.look_every = max(_LOOK_EVERY, _IDLE * (self.looked - start))

    def _is_settled(self, each: Input, mark: str) -> bool:
        """Whether a file has not changed for a while."""
        known, since = self.seen.get(each.name, ("", 0.0))
        if known != mark:
            self.seen[each.name] = (mark, time.monotonic())
        return known == mark and time.monotonic() - since >= _SETTLED

    def _is_done(self, each: Input, mark: str) -> bool:
        record = self.records.known(each.name)
        return (
            record is not None
            and record.state == "ok"
            and record.mark == mark
            and (self.batch.folder / record.result).is_file()
        )

    def next_task(self) -> Task | None:
        """Return the next file that nobody else works on, claimed."""
        while self.waiting:
            each = self.waiting.pop(0)
            mark = self.batch.asked.mark(each)
            claim = self.records.claim(each.name)
            # Another machine may have finished it while it was in line.
            done = self._is_done(each, mark)
            if claim is None or done:
                self.asked_for -= 1
                if claim is not None:
                    claim.release()
                elif not done:
                    self.elsewhere.add(each.name)
                continue
            self.elsewhere.discard(each.name)
            self.claims[each.name] = claim
            return Task(each, self.batch.folder, self.batch.asked, mark)
        return None

    def take(self, task: Task, record: Record) -> None:
        """Keep what became of a file."""
        name = task.source.name
        self.tried[name] = task.mark
        self.records.keep(record)
        self.claims.pop(name).release()
        self.fitted += record.state == "ok"
        self.failed += record.state == "failed"
        self.told(record)

    def tick(self, working: dict[int, tuple[Task, float]]) -> None:
        """Say that this program lives, and how far it is."""
        for claim in self.claims.values():
            claim.touch()
        now = time.monotonic()
        if self.batch.watch and now - self.looked >= self.look_every:
            self.look()
        if now - self.written >= self.write_every:
            self.write_tables()
        if self.progress is not None and self.asked_for:
            done = self.fitted + self.failed
            fraction = (done + sum(fraction for _, fraction in working.values())) / self.asked_for
            words = f"{self.failed} failed, " if self.failed else ""
            self.progress(min(1.0, fraction), f"{words}fitting {done + len(working)} of {self.asked_for}")

    def write_tables(self) -> None:
        """Write the tables of all files of all parts, as far as they are known."""
        start = time.monotonic()
        claim = self.records.claim_of_tables(_PATIENCE)
        try:
            records = self.all_records()
            with AtomicOutputs(overwrite=True) as outputs:
                makers = (csv_from_records, json_from_records, self.page)
                for name, make in zip(TABLES, makers, strict=True):
                    # Names that are no UTF-8 are spelled out, in tables that are.
                    text = make(records).encode("utf-8", "backslashreplace")
                    outputs.open(self.batch.folder / name).write(text)
        finally:
            if claim is not None:
                claim.release()
        self.written = time.monotonic()
        self.write_every = max(_TABLES_EVERY, _SELDOM * (self.written - start))

    def all_records(self) -> list[Record]:
        """Return a record for each file that is there, and of those that others have put into the folder."""
        known = {record.file: record for record in self.records.all() if not record.is_of_nothing}
        own = {each.name for each in self.own}
        for name in self.inputs:
            if name not in known:
                known[name] = Record(name, "skipped", self._reason(name, own))
        return [known[name] for name in sorted(known)]

    def _reason(self, name: str, own: Iterable[str]) -> str:
        if name in self.claims or name in self.elsewhere:
            return "it is being fitted"
        if name not in own:
            return "it is of another part"
        return "it is not fitted yet"

    def outcome(self) -> Outcome:
        """Return what the call has come to."""
        return Outcome(self.all_records(), self.fitted, {each.name for each in self.own}, self.passed_over)


def part_from_text(text: str) -> tuple[int, int]:
    """Return number and count of a part, ``2/5``.

    Raises
    ------
    ValueError
        If it is none.

    Examples
    --------
    >>> part_from_text("2/5")
    (2, 5)
    """
    first, _, second = text.partition("/")
    if first.isdecimal() and second.isdecimal() and 1 <= int(first) <= int(second):
        return int(first), int(second)
    raise ValueError(f"a part is its number and how many there are, such as 2/5, not '{text}'")


def folder_from_text(text: str | os.PathLike[str]) -> Path:
    """Return the batch's folder, which may be there already or not.

    Raises
    ------
    OSError
        If something else has its name.
    """
    folder = Path(text)
    if folder.exists() and not folder.is_dir():
        raise NotADirectoryError(f"{text} is a file: give the name of a folder for results and tables")
    return folder
