"""The tables of a voltage series, for page, screen and files alike."""

from collections.abc import Mapping, Sequence
from dataclasses import astuple

from napari_tesm.findings.table import Column, Table
from napari_tesm.series import VOLTAGE, AlignedSeries, Distributions, PointCurve, RegionCurve
from napari_tesm.series.alignment import BY_HAND


def table_of_registration(aligned: AlignedSeries, name: str) -> Table:
    """Return by how much each scan was moved, and how well that is known."""
    unit = aligned.alignments[0].unit
    rows = []
    for scan, member in zip(aligned.alignments, aligned.series.members, strict=True):
        shift = scan.shift
        reference = shift is None and not scan.note
        by_hand = scan.channel == BY_HAND
        rows.append(
            [
                scan.label, member.source, scan.channel or None, scan.pixels[1], scan.pixels[0],
                None if shift is None or by_hand else shift.error, scan.length[1], scan.length[0],
                *((None, None) if shift is None or by_hand else (shift.before, shift.after)),
                None if reference or by_hand else scan.left, "reference" if reference else scan.note or None,
            ]
        )  # fmt: skip
    return Table(
        name,
        f"Registration of the scans, {aligned.series.name}.",
        [
            "scan", "file", "by", "right, pixels", "down, pixels", "standard error, pixels", Column("right", unit),
            Column("down", unit), "correlation before", "correlation after", "left in the halves, pixels", "remark",
        ],
        rows,
    )  # fmt: skip


def table_of_curves(groups: Mapping[str, Sequence[PointCurve]], name: str) -> Table:
    """Return what quantities are at points, or in regions, at each voltage.

    Parameters
    ----------
    groups : mapping of str to sequence of PointCurve
        By the quantities, each of the same points or regions.
    name : str
        Of the table.
    """
    first = next(iter(groups.values()))
    abscissa = first[0].abscissa
    columns: list[Column | str] = [_kind_of(first), Column(abscissa.name, abscissa.unit)]
    for quantity, members in groups.items():
        unit = members[0].unit
        columns += [
            Column(quantity, unit), Column(f"{quantity}, standard deviation", unit), f"{quantity}, pixels"
        ]  # fmt: skip
    rows = [
        [
            _head_of(curve), float(volts),
            *(
                numbers[scan].item()
                for members in groups.values()
                for numbers in (members[number].means, members[number].stds, members[number].counts)
            ),
        ]
        for number, curve in enumerate(first)
        for scan, volts in enumerate(curve.voltages)
    ]  # fmt: skip
    where = (
        "of all pixels of each region"
        if _kind_of(first) == "region"
        else "of three adjacent pixels at each point"
    )
    return Table(name, f"Mean and standard deviation {where}, for each {abscissa.name}.", columns, rows)


def table_of_verdicts(curves: Sequence[PointCurve], name: str) -> Table:
    """Return the verdicts of points, or of regions, with the tests they stand on."""
    kind = _kind_of(curves)
    abscissa = curves[0].abscissa if curves else VOLTAGE
    return Table(
        name,
        f"What {curves[0].quantity if curves else 'H'} does with the {abscissa.name} "
        f"{'in' if kind == 'region' else 'at'} each {kind}.",
        [
            kind, "verdict", Column(abscissa.name, abscissa.unit), "t", "p, family of pairs", "p, plateau",
            "degrees of freedom", "in words",
        ],
        [
            [
                _head_of(curve), curve.verdict, curve.voltage, curve.statistic, curve.p_value, curve.p_plateau,
                curve.degrees, curve.sentence,
            ]
            for curve in curves
        ],
    )  # fmt: skip


def _kind_of(curves: Sequence[PointCurve]) -> str:
    return "region" if curves and isinstance(curves[0], RegionCurve) else "point"


def _head_of(curve: PointCurve) -> str | int:
    return curve.name if isinstance(curve, RegionCurve) else curve.number


def table_of_distributions(distributions: Distributions, name: str) -> Table:
    """Return mode, width and quartiles of H for each voltage."""
    measured = ("mode", "mode, from", "mode, to", "median", "IQR", "FWHM", "FWHM, from", "FWHM, to")
    return Table(
        name,
        "Distribution of H over all image points, with the sign of the response; 95 % intervals.",
        [
            "scan", "pixels", "independent", *(Column(title, distributions.unit) for title in measured),
            "peak, pixels in a bin", "outside the bins",
        ],
        [
            [
                sample.label, sample.n, sample.independent, *astuple(sample.mode), sample.median, sample.iqr,
                *astuple(sample.width), sample.peak.value, sample.outside,
            ]
            for sample in distributions.each
        ],
    )  # fmt: skip
