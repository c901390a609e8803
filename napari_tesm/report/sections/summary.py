"""At a glance: for each pulse setting how many pixels were fitted, and what H, tau and D come to."""

from typing import Any

from napari_tesm.data.maps import FITS, map_name, words_of_fit
from napari_tesm.findings.summary import summary_from_maps
from napari_tesm.findings.table import Column, Table
from napari_tesm.report.data import ReportData, ReportScan
from napari_tesm.report.section import Section


def section_from_data(data: ReportData) -> Section | None:
    """Return the table of all pulse settings."""
    section = Section("summary", "At a glance")
    rows: list[list[Any]] = []
    entries: list[dict[str, Any]] = []
    numbers = sorted(
        {n for scan, _ in data.settings_of_series for n in FITS if map_name("tau", n) in (scan.maps or {})},
        key=FITS.index,
    )
    unit = next((scan.unit for scan, _ in data.settings_of_series), "")
    columns: list[Column | str] = [
        "scan",
        "pulse",
        "pixels",
        Column("H, median", unit),
        Column("threshold", unit),
    ]
    of_diffusion: list[Column | str] = ["scan", "pulse"]
    for number in numbers:
        columns += [f"fitted, {words_of_fit(number)}", Column(f"{map_name('tau', number)}, median", "s")]
        of_diffusion += [
            Column(f"{map_name('D', number)}, {name}", "m²/s")
            for name in ("median", "quartile 1", "quartile 3", "mode of log D")
        ]
    diffusion_rows: list[list[Any]] = []
    for scan in data.scans:
        if scan.maps is None:
            continue
        summary = summary_from_maps(scan.maps, name=scan.file.name, sha256=scan.file.sha256)
        for pulse, (entry, label) in enumerate(zip(summary["pulses"], scan.labels, strict=True)):
            entries.append({"scan": scan.name, "pulse": pulse, **entry})
            rows.append(_row(scan, label, entry, numbers))
            diffusion_rows.append(_diffusion_row(scan, label, entry, numbers))
            section.warnings += _warnings(scan, label, entry, numbers)
    if not rows:
        return section.lacking("No file holds traces that could be fitted, or maps of an earlier fit.")
    section.tables.append(
        Table(
            "summary",
            "All pulse settings; medians of tau count what is too slow or too fast to tell.",
            columns,
            rows,
        )
    )
    if any(value is not None for row in diffusion_rows for value in row[2:]):
        section.tables.append(
            Table(
                "summary_diffusion",
                "D: median, quartiles, and the mode of its logarithm; none where it lies beyond what can be told.",
                of_diffusion,
                diffusion_rows,
            )
        )
    section.numbers["pulses"] = entries
    return section


def _row(scan: ReportScan, label: str, entry: dict[str, Any], numbers: list[int]) -> list[Any]:
    height = entry.get("H", {})
    taus = [entry.get(map_name("tau", number), {}) for number in numbers]
    cells = [cell for tau in taus for cell in (tau.get("n_ok"), tau.get("median"))]
    return [
        scan.name,
        _voltage(label),
        entry["n_pixels"],
        height.get("median"),
        height.get("threshold"),
        *cells,
    ]


def _diffusion_row(scan: ReportScan, label: str, entry: dict[str, Any], numbers: list[int]) -> list[Any]:
    row: list[Any] = [scan.name, _voltage(label)]
    for number in numbers:
        d = entry.get(map_name("D", number), {})
        mode = d.get("mode_log10")
        row += [d.get("median"), d.get("q25"), d.get("q75"), None if mode is None else 10**mode]
    return row


def _voltage(label: str) -> str:
    return label.strip("()") or "not known"


def _warnings(scan: ReportScan, label: str, entry: dict[str, Any], numbers: list[int]) -> list[str]:
    sentences = []
    for number in numbers:
        tau = entry.get(map_name("tau", number))
        if tau is None:
            continue
        where = f"{scan.name} {label}, {words_of_fit(number)}".replace(" ,", ",")
        if tau["n_ok"] == 0:
            sentences.append(f"{where}: no pixel was accepted, there is no {map_name('tau', number)}.")
            continue
        slow, fast = tau["status"]["unresolved_slow"], tau["status"]["unresolved_fast"]
        responding = tau["n_ok"] + slow + fast
        if slow + fast > 0.1 * responding:
            sentences.append(
                f"{where}: of {responding} pixels that respond above the threshold {slow} are too slow and {fast} too "
                "fast for this record. Medians and quartiles count them; a mode is given where they are few."
            )
    return sentences
