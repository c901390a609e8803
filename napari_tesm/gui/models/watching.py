"""A scan that is watched while a recorder writes it, without widgets: what is new in it, and what it is in the end."""

import time
from contextlib import nullcontext
from dataclasses import asdict
from typing import Final

import xarray as xr

from napari_tesm.data.dataset import with_protocol
from napari_tesm.data.protocol import PulseProtocol
from napari_tesm.evaluation.pipeline import Progress
from napari_tesm.files.disk import growing_files
from napari_tesm.gui.models.scan import Scan, live_scans
from napari_tesm.scan import scans_from_file
from napari_tesm.watching.growing import GrowingScan, Look
from napari_tesm.watching.waiting import Watch

_WAIT: Final = 0.1
"""Seconds between two questions whether it is time to look, or nobody wants to any more."""


class WatchModel:
    """The file of a scan, asked again and again.

    Parameters
    ----------
    scan : Scan
        As it was opened.
    idle : float, optional
        Seconds without a change after which it has ended, as of `napari_tesm.watching.waiting.Watch`.

    Raises
    ------
    ValueError
        If nothing can grow there; the sentence is for people.
    """

    def __init__(self, scan: Scan, idle: float | None = None) -> None:
        if refusal := watch_refusal(scan):
            raise ValueError(refusal)
        assert scan.path is not None
        self.scan = scan
        growing = GrowingScan(scan.path, scan.recipe, scan.mapping, self._as_entered)
        self._watch = Watch(growing, idle)

    @property
    def words(self) -> str:
        """How far the scan is, and why nothing is to be had of it, where that is so."""
        reason = self._watch.reason
        return str(reason) if reason is not None else self._watch.words or "nothing yet"

    def next_look(self, progress: Progress) -> Look | None:
        """Wait for the next look that shows something new; None where the scan has ended.

        Parameters
        ----------
        progress : callable
            Told how far the scan is; what it raises ends the waiting.
        """
        self._watch.scan.recipe = self.scan.recipe
        while not self._watch.has_ended:
            look = self._watch.step()
            if look is not None:
                return look
            progress(self._watch.fraction, self.words)
            time.sleep(_WAIT)
        return None

    def opened_anew(self, *, growing: bool) -> Scan:
        """Return the scan as the file is now, with what was entered.

        Parameters
        ----------
        growing : bool
            Its traces can be looked at while the file goes on growing.

        Raises
        ------
        OSError, ValueError
            If the file can no longer be opened, or there are no traces in it.
        """
        assert self.scan.path is not None
        with growing_files() if growing else nullcontext():
            [scan] = live_scans(scans_from_file(self.scan.path, self.scan.recipe, mapping=self.scan.mapping))
        if scan.dataset is None:
            raise ValueError(scan.problem)
        entered = self._as_entered(scan.dataset)
        entered.encoding |= scan.dataset.encoding
        scan.dataset = entered
        return scan

    def _as_entered(self, dataset: xr.Dataset) -> xr.Dataset:
        """Return a dataset of the same file with the protocol and voltages of the scan."""
        before = self.scan.recording
        if before is None or before.sizes["pulse"] != dataset.sizes["pulse"]:
            return dataset
        protocol = PulseProtocol.from_attributes(before.attrs)
        # The pulse of a recording begins at time 0, wherever its records begin.
        said = {name: value for name, value in asdict(protocol).items() if name != "pulse_start"}
        if PulseProtocol.from_attributes(dataset.attrs).pulse_start is None:
            said["pulse_start"] = protocol.pulse_start
        return with_protocol(dataset, voltage=before["voltage"].values.tolist(), **said)


def watch_refusal(scan: Scan) -> str:
    """Return why a scan cannot be watched, in a sentence; empty where it can."""
    if scan.path is None or not scan.path.exists():
        return f"{scan.name} lies in no file that could grow."
    if scan.container is not None:
        return f"{scan.name} is a Gwyddion file, which is written as a whole: there is nothing to wait for."
    if scan.dataset is None:
        return scan.problem
    if len(scans_from_file(scan.path, scan.recipe, mapping=scan.mapping, restored=False)) > 1:
        return f"{scan.path.name} holds several groups of traces: watch it by the command line, with a choice of them."
    return ""
