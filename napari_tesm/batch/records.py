"""What became of each file of a batch, kept beside the results: the next call, or another machine, goes by it."""

import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Final, Literal, Self

from napari_tesm.batch.inputs import FOLDER, Input
from napari_tesm.files.atomic import atomic_output
from napari_tesm.files.claims import Claim
from napari_tesm.files.fingerprint import state_of_path

State = Literal["ok", "failed", "skipped"]
_RECORD: Final = ".json"
_CLAIM: Final = ".working"


@dataclass(frozen=True)
class Record:
    """What became of a file.

    Parameters
    ----------
    file : str
        Its name, as `napari_tesm.batch.inputs.Input` has it.
    state : {"ok", "failed", "skipped"}
        Skipped is what nobody has fitted yet.
    reason : str
        Why it failed or was skipped, in a sentence.
    mark : str
        Stands for the file as it was, what was asked and the version: another one, and it has to be done again.
    source : str
        Where the file lay, on the machine that fitted it; no table tells it.
    seconds : float
        From opening the file to the last byte of its result.
    result : str
        Its result, below the batch's folder.
    version : str
        Of this package.
    recipe : str
        Digest of the recipe that made the maps.
    lines : list of str
        What was said about opening it.
    pulses : list of dict
        As of `napari_tesm.findings.summary.summary_from_maps`, with the mode of H.
    maps : list of dict
        Small maps, as of `napari_tesm.batch.small_maps.SmallMap`.
    """

    file: str
    state: State
    reason: str = ""
    mark: str = ""
    source: str = ""
    seconds: float = 0.0
    result: str = ""
    version: str = ""
    recipe: str = ""
    lines: list[str] = field(default_factory=list)
    pulses: list[dict[str, Any]] = field(default_factory=list)
    maps: list[dict[str, Any]] = field(default_factory=list)

    @property
    def is_of_nothing(self) -> bool:
        """Whether it says that a file has failed which somebody has taken away since."""
        source = Path(self.source)
        return self.state == "failed" and source.parent.is_dir() and not os.path.lexists(source)


@dataclass(frozen=True)
class Records:
    """The records below a batch's folder.

    Parameters
    ----------
    folder : Path
        The batch's folder.
    """

    folder: Path

    @classmethod
    def of(cls, folder: Path) -> Self:
        """Return the records of a folder, which is made where it is not there.

        Raises
        ------
        OSError
            If it cannot be made.
        """
        (folder / FOLDER).mkdir(parents=True, exist_ok=True)
        return cls(folder)

    def known(self, name: str) -> Record | None:
        """Return the record of a file; None where there is none that can be read."""
        return _record_from_file(self._place(name, _RECORD))

    def keep(self, record: Record) -> None:
        """Write a record, whole or not at all."""
        place = self._place(record.file, _RECORD)
        place.parent.mkdir(parents=True, exist_ok=True)
        with atomic_output(place, overwrite=True) as file:
            file.write(json.dumps(asdict(record), separators=(",", ":")).encode())

    def claim(self, name: str) -> Claim | None:
        """Return the right to work on a file; None where somebody else has it."""
        place = self._place(name, _CLAIM)
        place.parent.mkdir(parents=True, exist_ok=True)
        return Claim.of(place)

    def claim_of_tables(self, patience: float) -> Claim | None:
        """Return the right to write the tables; None where somebody else has it for longer than so many seconds."""
        return Claim.awaited(self.folder / FOLDER / f"tables{_CLAIM}", patience)

    def all(self) -> Iterator[Record]:
        """Yield every record that is there, whoever made it."""
        for path in sorted((self.folder / FOLDER).rglob(f"*{_RECORD}")):
            if (record := _record_from_file(path)) is not None:
                yield record

    def _place(self, name: str, ending: str) -> Path:
        return self.folder / FOLDER / f"{name}{ending}"


def _record_from_file(path: Path) -> Record | None:
    try:
        held = json.loads(path.read_text("utf-8"))
        return Record(**{entry.name: held[entry.name] for entry in fields(Record)})
    except (OSError, ValueError, TypeError, KeyError):  # of another version, or damaged: it is made again
        return None


def mark_of_input(source: Input, asked: Any, beside: list[Path]) -> str:
    """Return what stands for a file as it is now and what is asked of it.

    Parameters
    ----------
    source : Input
    asked : object that JSON can hold
        Recipe, version, and whatever else decides the result.
    beside : list of Path
        Files that decide the result, too; they need not be there.
    """
    text = json.dumps([state_of_path(source.path), asked, [state_of_path(path) for path in beside]])
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()
