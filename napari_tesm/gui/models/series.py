"""The scans of a viewer that are one series: what is computed of them beside the window, and what is looked at."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final
from weakref import WeakKeyDictionary, WeakSet

import numpy as np
from numpy.typing import NDArray
from psygnal import Signal

from napari_tesm.findings.table import Table, joined
from napari_tesm.gui.models.companion import Companion
from napari_tesm.gui.models.scan import Scan
from napari_tesm.gui.models.series_work import SeriesState, SeriesWork
from napari_tesm.plotting.theme import colour_of_point
from napari_tesm.regions.shapes import PinnedPoint, Region
from napari_tesm.report.series_tables import (
    table_of_curves,
    table_of_distributions,
    table_of_registration,
    table_of_verdicts,
)
from napari_tesm.scan import Scan as PlainScan
from napari_tesm.series import (
    VOLTAGE,
    Abscissa,
    AlignedSeries,
    PointCurve,
    SeriesFindings,
    counts_of_verdicts,
)

Array = NDArray[np.float64]

VIEWS: Final = {
    "points": "At points",
    "regions": "In regions",
    "maps": "Maps",
    "verdicts": "Verdict map",
    "histograms": "Histograms",
    "polarities": "+V beside −V",
    "registration": "Registration",
}
_NOTHING: Final = (
    "No series yet: open scans of one area with pulses of two or more voltages of one sign. Those that are open are "
    "compared here by themselves."
)
_MOST_CURVES: Final = 32
"""Sets of curves that are kept: a point that is dragged makes new ones at every step."""
_NO_MARKS: Final = {
    "points": "Pin points: click on the map where H is to be followed.",
    "regions": "Draw areas in the tab Regions, or give a line a class: H is then followed in them.",
}


class SeriesModel(Companion[Any]):
    """The series among the scans of a session, and which part of them is looked at."""

    changed = Signal()
    """Something else is looked at, or was found."""

    def __init__(self, owner: Any) -> None:
        super().__init__(owner)
        self.state = SeriesState()
        self.view = "points"
        self.quantity = "H"
        self.index = 0
        self.left_out: WeakSet[Scan] = WeakSet()
        """Scans that somebody has taken out."""
        self.abscissa = VOLTAGE
        """What the series go by."""
        self.values: WeakKeyDictionary[Scan, float] = WeakKeyDictionary()
        """Where scans lie on another abscissa than the voltage, as somebody has entered it."""
        self._references: dict[str, str] = {}
        self._entered: dict[tuple[str, str, int], tuple[float, float]] = {}
        self._curves: dict[object, list[PointCurve]] = {}

    def waiting(self, scans: Sequence[Scan]) -> SeriesWork | None:
        """Return what has to be computed for these scans; None where that is known."""
        used = [scan for scan in scans if scan not in self.left_out and scan.pulsed is not None]
        of_scans: tuple[Any, ...] = tuple(
            (scan.name, id(scan), id(scan.maps), id(scan.dataset), tuple(scan.voltages)) for scan in used
        )
        values = {scan.name: self.values[scan] for scan in used if scan in self.values}
        of_scans = (of_scans, self.abscissa, tuple(sorted(values.items())))
        key = (of_scans, tuple(sorted(self._entered.items())), tuple(sorted(self._references.items())))
        if key == self.state.key:
            return None
        same = isinstance(self.state.key, tuple) and self.state.key[0] == of_scans
        frozen = [PlainScan.of(scan) for scan in used]
        return SeriesWork(
            key, frozen, self.state.data if same else None, dict(self._entered), dict(self._references),
            self.abscissa, values,
        )  # fmt: skip

    def take(self, state: SeriesState) -> None:
        """Take over what was computed beside the window."""
        self.state = state
        self._curves.clear()
        self.index = min(self.index, max(0, len(state.findings) - 1))
        self.changed.emit()

    def choose(
        self, *, view: str | None = None, quantity: str | None = None, index: int | None = None
    ) -> None:
        """Look at something else; what is None stays as it is."""
        self.view, self.quantity = view or self.view, quantity or self.quantity
        self.index = self.index if index is None else index
        self.changed.emit()

    def take_part(self, scan: Scan, takes_part: bool) -> None:
        """Take a scan into the series, or out of it."""
        if takes_part:
            self.left_out.discard(scan)
        else:
            self.left_out.add(scan)
        self.changed.emit()

    def enter_shift(self, row: int, *, down: float | None = None, right: float | None = None) -> None:
        """Move a scan of the series that is looked at by other pixels than were measured; None leaves one as it is."""
        findings = self.findings
        if findings is None or row == findings.aligned.reference:
            return
        aligned = findings.aligned
        member, (dy, dx) = aligned.series.members[row], aligned.alignments[row].pixels
        place = (dy if down is None else down, dx if right is None else right)
        self._entered[aligned.series.name, member.source, member.pulse] = place
        self.changed.emit()

    def go_by(self, abscissa: Abscissa, values: Mapping[Scan, float]) -> None:
        """Let series go by the voltage, or by something else with its value for each scan; shifts are measured anew.

        Raises
        ------
        ValueError
            If it has no name.
        """
        if not abscissa.name.strip():
            raise ValueError("say what the scans differ in: the voltage, a cycle, a temperature …")
        self.abscissa = abscissa
        self.values = WeakKeyDictionary(values)
        self._entered.clear()
        self._references.clear()
        self.changed.emit()

    def lay_on(self, source: str) -> None:
        """Lay the scans of the series that is looked at on one of them; shifts that were entered go."""
        findings = self.findings
        if findings is None:
            return
        series = findings.aligned.series
        self._references[series.name] = source
        self._entered = {place: shift for place, shift in self._entered.items() if place[0] != series.name}
        self.changed.emit()

    def forget_shifts(self) -> None:
        """Go back to what was measured."""
        self._entered.clear()
        self.changed.emit()

    @property
    def is_moved_by_hand(self) -> bool:
        """Whether somebody has entered a shift."""
        return bool(self._entered)

    @property
    def findings(self) -> SeriesFindings | None:
        """The series that is looked at."""
        return self.state.findings[self.index] if self.index < len(self.state.findings) else None

    @property
    def names(self) -> list[str]:
        """The series there are."""
        return [findings.aligned.series.name for findings in self.state.findings]

    def quantities(self) -> list[str]:
        """Return the maps that can be looked at now."""
        if self.view in ("verdicts", "histograms", "registration"):
            return []
        return [] if self.findings is None else self.findings.quantities

    def chosen_quantity(self) -> str:
        """Return the map that is looked at; H where the one that was chosen is not there."""
        return self.quantity if self.quantity in self.quantities() else "H"

    def curves(self, scans: Sequence[Scan], looked_at: Scan | None) -> list[PointCurve]:
        """Return the points, or the regions, against the voltage, of the scan that is looked at, else of another."""
        findings = self.findings
        if findings is None:
            return []
        return self._curves_of(findings, self._kind(), scans, looked_at)

    def polarities(
        self, scans: Sequence[Scan], looked_at: Scan | None
    ) -> tuple[list[PointCurve], list[PointCurve]]:
        """Return the points, or else regions, at negative and at positive voltages."""
        of_sign: dict[float, list[PointCurve]] = {-1.0: [], 1.0: []}
        for findings in (*self.state.findings, *self.state.alone):
            sign = _polarity(findings)
            if not of_sign[sign]:
                for kind in ("points", "regions"):
                    of_sign[sign] = of_sign[sign] or self._curves_of(findings, kind, scans, looked_at)
        return of_sign[-1.0], of_sign[1.0]

    def problem(self, scans: Sequence[Scan], looked_at: Scan | None) -> str:
        """Return why there is nothing to see, in a sentence; empty where there is."""
        findings = self.findings
        if findings is None and not self.abscissa.is_voltage:
            name = self.abscissa.name
            return f"No series yet: enter two values of the {name} or more under Against. " + " ".join(
                self.state.sentences
            )
        if findings is None:
            return " ".join([_NOTHING, *self.state.sentences])
        if self.view in _NO_MARKS and not self.curves(scans, looked_at):
            return _NO_MARKS[self.view]
        if self.view == "polarities" and not all(self.polarities(scans, looked_at)):
            there = all(any(_polarity(each) == sign for each in self._all()) for sign in (-1, 1))
            return (
                _NO_MARKS["points"] if there else "All pulses are of one sign: there is no other to compare."
            )
        return ""

    def words(self) -> str:
        """Return what is found in the series, in sentences, beside what the plot and the table show."""
        findings = self.findings
        if findings is None:
            return ""
        aligned, words = findings.aligned, list(self.state.sentences)
        if self.view == "registration":
            words += [found.warning for found in aligned.alignments if found.warning]
        elif self.view == "histograms":
            words += findings.distributions.sentences
        elif self.view == "verdicts":
            counts = counts_of_verdicts(findings.verdicts)
            words.append(
                f"{sum(counts.values())} pixels, each judged with its two neighbours; of those that do not depend on "
                f"the {self.abscissa.name} 5 % are called something by chance."
            )
        words += [repeat.warning for repeat in findings.repeats if repeat.warning]
        return " ".join(words)

    def table(self, scans: Sequence[Scan], looked_at: Scan | None) -> Table:
        """Return the numbers behind what is seen."""
        findings = self.findings
        if findings is None:
            return Table("", "", (), ())
        if self.view == "histograms":
            return table_of_distributions(findings.distributions, "series_histograms")
        if self.view == "polarities":
            tables = [
                table_of_curves({self.chosen_quantity(): curves}, "series_polarities")
                for curves in self.polarities(scans, looked_at)
                if curves
            ]
            return joined(tables)
        if self.view in ("registration", "maps"):
            return table_of_registration(findings.aligned, "series_registration")
        curves = self.curves(scans, looked_at)
        if not curves or self.view == "verdicts":
            return Table(
                "series_verdicts",
                "",
                ("verdict", "pixels"),
                list(counts_of_verdicts(findings.verdicts).items()),
            )
        return table_of_curves({self.chosen_quantity(): curves}, f"series_{self._kind()}")

    def table_of_verdicts(self, scans: Sequence[Scan], looked_at: Scan | None) -> Table:
        """Return the verdicts of the points, or of the regions."""
        return table_of_verdicts(self.curves(scans, looked_at), f"series_{self._kind()}_verdicts")

    def marks_on_reference(
        self, findings: SeriesFindings, kind: str, scans: Sequence[Scan], looked_at: Scan | None
    ) -> list[Any]:
        """Return points or regions where they lie on the reference: those looked at, else of the first that has any."""
        reference = findings.aligned.series.members[findings.aligned.reference].source
        ordered = sorted(scans, key=lambda scan: (scan is not looked_at, scan.name != reference))
        scan = next((scan for scan in ordered if getattr(scan, kind)), None)
        if scan is None:
            return []
        down, right = _shift_of(findings.aligned, scan.name)
        return [_moved(mark, right, down) for mark in getattr(scan, kind)]

    def _curves_of(
        self, findings: SeriesFindings, kind: str, scans: Sequence[Scan], looked_at: Scan | None
    ) -> list[PointCurve]:
        marks = self.marks_on_reference(findings, kind, scans, looked_at)
        name = self.chosen_quantity()
        key = (findings, kind, name, tuple(marks))
        if key not in self._curves:
            if len(self._curves) >= _MOST_CURVES:
                self._curves.clear()
            curves = findings.points(marks, name) if kind == "points" else findings.regions(marks, name)
            self._curves[key] = [
                curve if curve.colour else replace(curve, colour=colour_of_point(curve.number))
                for curve in curves
            ]
        return self._curves[key]

    def _kind(self) -> str:
        return "regions" if self.view == "regions" else "points"

    def _all(self) -> list[SeriesFindings]:
        return [*self.state.findings, *self.state.alone]


def number_entered(text: str) -> float | None:
    """Return a number as people write it; None where it is none.

    Examples
    --------
    >>> number_entered("−12,5"), number_entered("cold")
    (-12.5, None)
    """
    try:
        number = float(text.strip().replace(",", ".").replace("−", "-"))
    except ValueError:
        return None
    return number if np.isfinite(number) else None


def value_in_file(scan: Scan, name: str) -> float | None:
    """Return what the metadata of a scan's .gwy file or of its traces say under a name; None without a number."""
    said: list[tuple[str, object]] = []
    for content in (scan.container or {}).values():
        if isinstance(content, Mapping):
            said += content.items()
    if scan.dataset is not None:
        said += scan.dataset.attrs.items()
    for key, value in said:
        if str(key).strip().lower() == name.strip().lower():
            number = number_entered(str(value).split()[0]) if str(value).split() else None
            if number is not None:
                return number
    return None


def _polarity(findings: SeriesFindings) -> float:
    return float(np.sign(findings.aligned.series.members[0].voltage))


def _shift_of(aligned: AlignedSeries, name: str) -> tuple[float, float]:
    """Return by how much (down, right), in the lateral unit, what lies in a scan is moved onto the reference."""
    for member, found in zip(aligned.series.members, aligned.alignments, strict=True):
        if member.source == name:
            return found.length
    return 0.0, 0.0


def _moved(mark: PinnedPoint | Region, right: float, down: float) -> PinnedPoint | Region:
    if isinstance(mark, Region):
        return mark.moved(right, down)
    return replace(mark, x=mark.x + right, y=mark.y + down)
