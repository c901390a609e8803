"""A run that goes on where an earlier one was stopped: what its finished blocks are kept with, and when they hold."""

import contextlib
import hashlib
import json
import os
from collections.abc import Iterator, Sequence

import numpy as np

from napari_tesm.data.dataset import blocks_of_rows
from napari_tesm.evaluation.evaluation import Evaluation
from napari_tesm.files.fingerprint import state_of_path
from napari_tesm.files.journal import Journal, journal_of


@contextlib.contextmanager
def journal_of_run(
    output: str | os.PathLike[str],
    evaluation: Evaluation,
    inputs: Sequence[str | os.PathLike[str]],
    *,
    anew: bool,
) -> Iterator[Journal | None]:
    """Yield the journal of `napari_tesm.evaluation.pipeline.run`, beside its output; None where it is one block.

    Parameters
    ----------
    output : path-like
    evaluation : Evaluation
    inputs : sequence of path-like
        What its traces are read from: a file that has changed is another one.
    anew : bool
        Begin anew where there is the beginning of another run; refused by default.

    Raises
    ------
    ValueError
        If there is, unless `anew`.
    """
    dataset = evaluation.source
    shape = tuple(evaluation.dataset.sizes[name] for name in ("pulse", "y", "x"))
    blocks = blocks_of_rows(shape, dataset.sizes["time"])
    next(blocks, None)
    if next(blocks, None) is None:
        yield None
        return
    with journal_of(output, _content(evaluation, inputs), anew=anew) as journal:
        yield journal


def _content(evaluation: Evaluation, inputs: Sequence[str | os.PathLike[str]]) -> dict[str, str]:
    from napari_tesm.version import __version__

    dataset = evaluation.source
    held = hashlib.sha256(json.dumps([state_of_path(path) for path in inputs]).encode())
    # A mapping, or times and voltages that were said, make other traces of the same file.
    held.update(json.dumps(dataset.attrs, default=str, sort_keys=True).encode("utf-8", "replace"))
    for name in ("time", "x", "y", "voltage"):
        held.update(np.asarray(dataset[name].values, dtype=np.float64).tobytes())
    return {
        "recipe": evaluation.asked.to_json(),
        "input": held.hexdigest(),
        # Sums end in other digits with another library below them.
        "version of the programs": f"napari-tesm {__version__}, NumPy {np.__version__}",
    }
