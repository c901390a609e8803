"""The table of a batch: a row for each file and pulse setting, as CSV and as JSON."""

import json
from collections.abc import Iterable, Sequence
from typing import Any, Final

from napari_tesm.batch.records import Record
from napari_tesm.data.maps import FITS, map_name
from napari_tesm.findings.table import Column, Table
from napari_tesm.quantities.status import STATUS_MEANINGS
from napari_tesm.version import __version__

STATES: Final = ("ok", "failed", "skipped")
_QUANTITIES: Final = ("tau", "D")


def table_from_records(records: Iterable[Record]) -> Table:
    """Return a row for each file and pulse setting, and one for each file that has no result; numbers in SI units."""
    rows = [entry for record in records for entry in _rows(record)]
    present = {key for row in rows for key in row}
    columns = [key for key in _columns() if key in present or key in _ALWAYS]
    cells = [[row.get(key) for key in columns] for row in rows]
    return Table("batch", "Files of the batch.", [Column(key) for key in columns], cells)


def csv_from_records(records: Sequence[Record]) -> str:
    """Return the table as CSV."""
    return table_from_records(records).csv(for_programs=True)


def json_from_records(records: Sequence[Record]) -> str:
    """Return what is known of the files as JSON: state, reason, and of each pulse what the summary of a fit says."""
    content = {
        "version": __version__,
        "counts": counts_of_states(records),
        "files": [
            {
                "file": record.file,
                "state": record.state,
                "reason": record.reason,
                "seconds": record.seconds,
                "result": record.result,
                "recipe": record.recipe,
                "version": record.version,
                "notes": record.lines,
                "pulses": record.pulses,
            }
            for record in records
        ],
    }
    return json.dumps(content, indent=1) + "\n"


def counts_of_states(records: Iterable[Record]) -> dict[str, int]:
    """Return how many files are in each state."""
    states = [record.state for record in records]
    return {state: states.count(state) for state in STATES}


_ALWAYS: Final = (
    "file", "pulse", "voltage", "direction", "state", "reason", "seconds", "recipe", "version", "pixels", "result",
)  # fmt: skip


def _columns() -> list[str]:
    columns = [*_ALWAYS[:-1], "H_median", "H_mode"]
    for number in FITS:
        columns += [_pixels(meaning, number) for meaning in STATUS_MEANINGS]
        for quantity in _QUANTITIES:
            columns += [f"{map_name(quantity, number)}_{kind}" for kind in ("median", "mode")]
    return [*columns, "result"]


def _pixels(meaning: str, number: int) -> str:
    """Return the column that counts the pixels of a status of a fit."""
    return map_name(f"{meaning}_", number).rstrip("_")


def _rows(record: Record) -> Iterable[dict[str, Any]]:
    of_file = {
        key: getattr(record, key) for key in ("file", "state", "reason", "recipe", "version", "result")
    }
    of_file["seconds"] = record.seconds or None
    if not record.pulses:
        yield of_file
    for pulse, entry in enumerate(record.pulses, start=1):
        row = {
            **of_file,
            "pulse": pulse,
            "voltage": entry["voltage"],
            "direction": entry["direction"],
            "pixels": entry["n_pixels"],
        }
        if "H" in entry:
            row |= {"H_median": entry["H"]["median"], "H_mode": entry["H"].get("mode")}
        for number in FITS:
            fitted = entry.get(map_name("tau", number))
            if fitted is None:
                continue
            row |= {_pixels(meaning, number): count for meaning, count in fitted["status"].items()}
            for quantity in _QUANTITIES:
                name = map_name(quantity, number)
                if name in entry:
                    mode = entry[name]["mode_log10"]
                    row |= {
                        f"{name}_median": entry[name]["median"],
                        f"{name}_mode": None if mode is None else 10**mode,
                    }
        yield row
