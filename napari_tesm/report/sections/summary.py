"""At a glance: for each pulse setting how many pixels were fitted, and what H, tau and D come to."""

from typing import Any

from napari_tesm.maps import FITS, map_name, words_of_fit
from napari_tesm.report.data import ReportData, Scan
from napari_tesm.report.section import Cell, Column, Section, Table
from napari_tesm.summary import summary_from_maps


def section_from_data(data: ReportData) -> Section | None:
    """Return the table of all pulse settings."""
    section = Section("summary", "At a glance")
    rows: list[list[Cell]] = []
    entries: list[dict[str, Any]] = []
    numbers = sorted(
        {n for scan, _ in data.settings_of_series for n in FITS if map_name("tau", n) in (scan.maps or {})},
        key=FITS.index,
    )
    columns = [
        Column("scan"), Column("pulse"), Column("pixels"), Column("H, median", _unit(data)),
    ]  # fmt: skip
    for number in numbers:
        tau, d = map_name("tau", number), map_name("D", number)
        columns += [
            Column(f"fitted, {words_of_fit(number)}"),
            Column(f"{tau}, median", "s"),
            Column(f"{d}, median", "m²/s"),
            Column(f"{d}, quartile 1", "m²/s"),
            Column(f"{d}, quartile 3", "m²/s"),
            Column(f"{d}, mode (log)", "m²/s"),
        ]
    for scan in data.scans:
        if scan.maps is None:
            continue
        summary = summary_from_maps(scan.maps, name=scan.file.name, sha256=scan.file.sha256)
        for pulse, (entry, label) in enumerate(zip(summary["pulses"], scan.labels, strict=True)):
            entries.append({"scan": scan.label, "pulse": pulse, **entry})
            rows.append(_row(scan, label, entry, numbers))
            section.warnings += _warnings(scan, label, entry, numbers)
    if not rows:
        section.missing.append("No file holds traces that could be fitted, or maps of an earlier fit.")
        return section
    section.tables.append(
        Table("summary", "All pulse settings; medians and quartiles over the fitted pixels.", columns, rows)
    )
    section.numbers["pulses"] = entries
    return section


def _unit(data: ReportData) -> str:
    return next((scan.unit for scan, _ in data.settings_of_series), "")


def _row(scan: Scan, label: str, entry: dict[str, Any], numbers: list[int]) -> list[Cell]:
    height = entry.get("H", {}).get("median")
    row: list[Cell] = [scan.label, label.strip("()") or "not known", entry["n_pixels"], height]
    for number in numbers:
        tau, d = entry.get(map_name("tau", number), {}), entry.get(map_name("D", number), {})
        mode = d.get("mode_log10")
        row += [
            tau.get("n_ok"), tau.get("median"), d.get("median"), d.get("q25"), d.get("q75"),
            None if mode is None else 10**mode,
        ]  # fmt: skip
    return row


def _warnings(scan: Scan, label: str, entry: dict[str, Any], numbers: list[int]) -> list[str]:
    """Return what of a fit should be known before its numbers are read."""
    found = []
    for number in numbers:
        tau = entry.get(map_name("tau", number))
        if tau is None:
            continue
        where = f"{scan.label} {label}, {words_of_fit(number)}".replace(" ,", ",")
        if tau["n_ok"] == 0:
            found.append(f"{where}: no pixel was accepted, there is no {map_name('tau', number)}.")
            continue
        slow, fast = tau["status"]["unresolved_slow"], tau["status"]["unresolved_fast"]
        responding = tau["n_ok"] + slow + fast
        if slow + fast > 0.1 * responding:
            found.append(
                f"{where}: of {responding} pixels that respond above the threshold {slow} are too slow and {fast} too "
                "fast for this record. They are left out, which narrows the distribution."
            )
    return found
