"""What is computed beside the window of the scans that are one series."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from napari_tesm.evaluation.pipeline import Progress
from napari_tesm.evaluation.recipe import digest_of_maps
from napari_tesm.gui.models.heights import displacement_maps
from napari_tesm.report.data import InputFile, ReportData, ReportScan
from napari_tesm.scan import Scan as PlainScan
from napari_tesm.series import VOLTAGE, Abscissa, AlignedSeries, SeriesFindings, aligned_series

Places = Mapping[tuple[str, str, int], tuple[float, float]]
"""By name of the series, scan and pulse setting: (down, right) in pixels of the reference, as somebody entered it."""


@dataclass(frozen=True, eq=False)
class SeriesState:
    """What was found of the scans of one moment.

    Parameters
    ----------
    key : object
        Of the scans, and of what was chosen of them.
    data : ReportData, optional
        The scans, with the registration of each series as the report has it.
    findings : list of SeriesFindings
        Of series with two voltages or more.
    alone : list of SeriesFindings
        Of polarities with one voltage only.
    sentences : list of str
        What was left out, and why.
    """

    key: object = None
    data: ReportData | None = None
    findings: list[SeriesFindings] = field(default_factory=list)
    alone: list[SeriesFindings] = field(default_factory=list)
    sentences: list[str] = field(default_factory=list)


@dataclass(frozen=True, eq=False)
class SeriesWork:
    """What is to be computed beside the window; nothing in it changes meanwhile.

    Parameters
    ----------
    key : object
    scans : sequence of Scan
    data : ReportData, optional
        Of the same scans, where they have been registered already.
    entered : mapping
        Shifts that somebody has entered.
    references : mapping of str to str
        Name of the scan that others are laid on, by the name of the series, where somebody has chosen one.
    abscissa : Abscissa
    values : mapping of str to float
        Of another abscissa than the voltage, by the names of the scans.
    """

    key: object
    scans: Sequence[PlainScan]
    data: ReportData | None
    entered: Places
    references: Mapping[str, str] = field(default_factory=dict)
    abscissa: Abscissa = VOLTAGE
    values: Mapping[str, float] = field(default_factory=dict)

    def compute(self, progress: Progress) -> SeriesState:
        """Return what is found."""
        data = self.data or ReportData(
            [_scan_of_report(scan) for scan in self.scans], abscissa=self.abscissa, values=self.values
        )
        progress(0.1, "registering")
        state = SeriesState(self.key, data)
        for aligned in data.aligned:
            kept = self._kept(self._on_reference(aligned), state.sentences)
            if kept.series.levels.size < 2:
                continue
            findings = SeriesFindings(kept)
            for number, part in enumerate(("quantities", "verdicts", "distributions")):
                progress(0.4 + 0.2 * number, part)
                getattr(findings, part)
            state.findings.append(findings)
        for series in data.series:
            if series.levels.size == 1:
                of_main = (n for n, member in enumerate(series.members) if member.source == data.main.name)
                aligned = aligned_series(series, reference=next(of_main, None))
                state.alone.append(SeriesFindings(self._kept(aligned, state.sentences)))
        if not self.abscissa.is_voltage:
            left = [scan.name for scan in self.scans if scan.name not in self.values]
            state.sentences.extend(
                f"The {self.abscissa.name} of {name} is not entered: it is left out." for name in left
            )
        digests = {digest_of_maps(scan.maps) for scan in self.scans if scan.maps is not None}
        if len(digests) > 1:
            state.sentences.append("The scans were fitted with different parameters.")
        return state

    def _on_reference(self, aligned: AlignedSeries) -> AlignedSeries:
        """Return a series laid on the scan that somebody has chosen for it."""
        sources = [member.source for member in aligned.series.members]
        wanted = self.references.get(aligned.series.name, "")
        if wanted not in sources or sources[aligned.reference] == wanted:
            return aligned
        return aligned_series(aligned.series, reference=sources.index(wanted))

    def _kept(self, aligned: AlignedSeries, sentences: list[str]) -> AlignedSeries:
        """Return a series with the shifts that were entered, without scans that do not lie on the others."""
        for index, member in enumerate(aligned.series.members):
            place = self.entered.get((aligned.series.name, member.source, member.pulse))
            if place is not None:
                aligned = aligned.moved_by_hand(index, *place)
        kept = []
        for index, (member, found) in enumerate(zip(aligned.series.members, aligned.alignments, strict=True)):
            if index == aligned.reference or found.shift is not None:
                kept.append(index)
            else:
                sentences.append(f"{member.source} ({member.label}) is not of this area: {found.note}.")
        return aligned.kept(kept)


def _scan_of_report(scan: PlainScan) -> ReportScan:
    """Return a scan as the report has it; H of traces that nobody has fitted is read for it."""
    maps = scan.maps
    if maps is None or "H" not in maps:
        maps = displacement_maps(scan)
    return ReportScan.of(scan, file=InputFile(scan.name, ""), maps=maps)
