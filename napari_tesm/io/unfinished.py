"""Traces of a long simulation as they are finished, so that an interrupted one can go on."""

import json
import os
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

_MAGIC: Final = b"tesm unfinished 1\n"


class UnfinishedTraces:
    """A file that grows by one trace after the other.

    Each record is a number and a trace; one that was cut off by a power failure is left out and written over.

    Parameters
    ----------
    path : path
    parameters : mapping
        Everything that the traces depend on, as JSON: a file of other parameters is refused.
    samples : int
        Samples of each trace.

    Raises
    ------
    ValueError
        If the file there belongs to other parameters, or to something else.
    """

    def __init__(self, path: str | os.PathLike[str], parameters: Mapping[str, Any], samples: int) -> None:
        self.path = Path(path)
        self._samples = samples
        self._header = _MAGIC + json.dumps(dict(parameters), sort_keys=True).encode() + b"\n"
        self.traces: dict[int, Array] = {}
        """The traces that are there, by their number."""
        if self.path.exists():
            self._read()

    def _read(self) -> None:
        content = self.path.read_bytes()
        if not content.startswith(self._header):
            if self._header.startswith(content):
                self.path.write_bytes(b"")
                return
            raise ValueError(
                f"{self.path} holds the beginning of another simulation: delete it, or finish that one first"
            )
        record = 8 * (1 + self._samples)
        whole = (len(content) - len(self._header)) // record
        for index in range(whole):
            at = len(self._header) + index * record
            (number,) = struct.unpack_from("<q", content, at)
            trace = np.frombuffer(content, "<f8", self._samples, at + 8).astype(np.float64)
            self.traces[number] = trace
        os.truncate(self.path, len(self._header) + whole * record)

    def store(self, number: int, trace: Array) -> None:
        """Add a trace; it is on the disk when this returns."""
        with self.path.open("ab") as file:
            if file.tell() == 0:
                file.write(self._header)
            file.write(struct.pack("<q", number) + np.asarray(trace, dtype="<f8").tobytes())
            file.flush()
            os.fsync(file.fileno())

    def discard(self) -> None:
        """Remove the file: what it was for is finished."""
        self.path.unlink(missing_ok=True)
