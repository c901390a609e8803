"""Make docs/reproduction.md: the t-ESM paper's statements beside what the report says of a simulated series.

    .venv/bin/python docs/make_reproduction.py

simulates the series (``tesm simulate --preset paper-series``), makes its report, and writes the page from the report's
``numbers.json``. No number of the page is written by hand.
"""

import argparse
import json
import math
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from napari_tesm.cli import main as tesm
from napari_tesm.quantities.text import text_from_quantity

PAGE = Path(__file__).parent / "reproduction.md"
SIZE = "128x128"
MAIN = ("si_c_03V", "(-3 V)")


@dataclass(frozen=True)
class Row:
    """A statement of the paper, what the report says, what was put in, and whether the two agree with the statement."""

    figure: str
    paper: str
    found: str
    truth: str
    holds: bool


def rows_from_numbers(sections: dict[str, Any], truth: dict[str, Any]) -> list[Row]:
    """Return all statements that the sections of a report have something to say about."""
    makers = (
        _about_polarities, _about_controls, _about_similarity, _about_step, _about_series, _about_range, _about_course,
        _about_thickness, _about_modes, _about_signal, _about_fits, _about_cycling,
    )  # fmt: skip
    return [row for make in makers for row in make(sections, truth)]


def page_from_rows(rows: list[Row], *, size: str, warning: str) -> str:
    """Return the page in Markdown."""
    lines = [
        "# The paper's statements, reproduced on simulated data",
        "",
        "What the t-ESM paper states about its measurements stands at the left; beside it what `tesm report` says of a",
        "**simulated** series into which the same was put, and what was put in. This page is written by",
        "`docs/make_reproduction.py` from the report's `numbers.json`; make it anew after a change of the evaluation.",
        "",
        "```sh",
        f"tesm simulate --preset paper-series --size {size} -o paper",
        "tesm report paper/si_c_*.gwy --control paper/silicon_wafer.gwy paper/hopg.gwy \\",
        "    --cycling paper/cycling_*.csv -o paper_report",
        "```",
        "",
        "| figure | the paper | the report | put in | reproduced |",
        "| --- | --- | --- | --- | --- |",
    ]
    lines += [
        f"| {row.figure} | {row.paper} | {row.found} | {row.truth} | {'yes' if row.holds else '**no**'} |"
        for row in rows
    ]
    lines += [
        "",
        "## What this shows, and what it cannot show",
        "",
        "It shows that the evaluation finds what is in the data: drift, verdicts, widths, modes and ratios come out as",
        "they were put in, with noise, hot pixels and a dead line, and that noise alone is called noise.",
        "",
        "It says nothing about lithium. Each trace is an exponential for each window, because that is what the paper's",
        "recipe assumes; neighbouring pixels do not exchange ions, the saturation of the three points is drawn and not",
        "computed, and D2 is twice D1 because it was made so.",
        warning,
        "What diffusion in earnest gives is on the pages [kernels](kernels.md), [null curve](null_curve.md) and",
        "[validation](validation.md); the laws behind it are on [theory](theory.md).",
        "",
    ]
    return "\n".join(lines)


def _about_polarities(sections: dict[str, Any], truth: dict[str, Any]) -> Iterator[Row]:
    pulses = {one["voltage"]: one for one in sections["summary"]["pulses"] if one["scan"] == MAIN[0]}
    low, high = pulses[3.0]["H"]["median"], pulses[-3.0]["H"]["median"]
    true = truth["scans"][0]["H_median"]
    yield Row(
        "1, 4", "the surface contracts with +3 V and expands with −3 V",
        f"median H {_volts(low)} with +3 V, {_volts(high)} with −3 V",
        f"{_volts(-0.9 * true)} and {_volts(true)}", low < 0 < high,
    )  # fmt: skip


def _about_controls(sections: dict[str, Any], truth: dict[str, Any]) -> Iterator[Row]:
    entries = {(one["control"], one["pulse"]): one for one in sections["controls"]["controls"]}
    none, weak = entries["silicon_wafer", "(-3 V)"], entries["hopg", "(-3 V)"]
    accepted = " and ".join(
        f"{one['accepted']} of {one['pixels']} pixels accepted in {name} (at most {100 * one['high']:.2g} %)"
        for name, one in none["accepted"].items()
    )
    low, high = none["H_interval"]
    yield Row(
        "2, S2", "a silicon wafer shows neither trend nor relaxation, only noise",
        f"{none['verdict']}: mean H {_volts(none['H_mean'])} (95 %: {_volts(low)} to {_volts(high)}), {accepted}",
        "no response", none["verdict"] == "no response",
    )  # fmt: skip
    ratio, true = weak["ratio"]["ratio"], 1 / truth["weak_control"]
    least, most = weak["ratio"]["ratio_ci"]
    yield Row(
        "3, S3", "graphite responds with 0.06, Si/C with 0.3",
        f"{ratio:.3g} times (95 %: {least:.3g} to {most:.3g})", f"{true:.3g} times", least <= true <= most,
    )  # fmt: skip


def _about_similarity(sections: dict[str, Any], truth: dict[str, Any]) -> Iterator[Row]:
    if "similarity" not in sections:
        return
    found = sections["similarity"]
    shift = math.hypot(found["shift_pixels"]["dy"], found["shift_pixels"]["dx"])
    r = found["between"]["pearson"]
    yield Row(
        "4", "trace and retrace maps are similar", f"r = {r:.3f}, shifted by {shift:.2g} pixels",
        "one map, not shifted", r > 0.9 and shift < 0.1,
    )  # fmt: skip


def _about_step(sections: dict[str, Any], truth: dict[str, Any]) -> Iterator[Row]:
    for one in sections["regions"]["measures"]:
        if (one["scan"], one["pulse"]) != MAIN or one["quantity"] != "H" or not one["comparisons"]:
            continue
        found = one["comparisons"][0]
        step, grain = found["medians"]
        yield Row(
            "4", "the steps have a higher response than the grains",
            f"{_volts(step)} against {_volts(grain)}, {step / grain:.2f} times (p = {found['p_value']:.1g})",
            f"{truth['step_against_grain']:.2f} times (all grains)", found["p_value"] < 0.05 and step > grain,
        )  # fmt: skip


def _about_series(sections: dict[str, Any], truth: dict[str, Any]) -> Iterator[Row]:
    series = next(one for one in sections["series"]["series"] if min(one["voltages"]) < 0)
    yield _about_drift(series, truth)
    points = series["points"]["H"]
    error = math.sqrt(series["noise"]["variance"] / 3)
    first = [point["mean"][0] for point in points]
    told = ", ".join(
        f"{_volts(value)} ± {_volts(point['standard_deviation'][0])}"
        for value, point in zip(first, points, strict=True)
    )
    put_in = [point["H"][0] for point in truth["points"]]
    yield Row(
        "6b", "with −3 V the displacement of the three points is the same", told,
        ", ".join(map(_volts, put_in)), max(first) - min(first) < 4 * error,
    )  # fmt: skip
    steps = [point["steps"][0] for point in points]
    yield Row(
        "6b", "it rises significantly from −3 to −5 V in all of them, so that −3 V does not saturate them",
        ", ".join(f"by {_volts(step['change'])} (p = {step['p_value']:.1g})" for step in steps),
        ", ".join(_volts(point["H"][1] - point["H"][0]) for point in truth["points"]),
        all(step["change"] > 0 and step["p_value"] < 0.01 for step in steps),
    )  # fmt: skip
    stated = {
        1: "point 1 saturates from −5 V on",
        2: "point 2 rises to −6 V and drops slightly",
        3: "point 3 rises to −5 V and decreases",
    }
    turns = {1: -5.0, 2: -6.0, 3: -5.0}
    for point, true in zip(points, truth["points"], strict=True):
        number = point["number"]
        yield Row(
            "6b", stated[number], f"{point['verdict']} at {_volts(point['voltage'])}: {_heights(point['mean'])}",
            f"{true['verdict']}: {_heights(true['H'])}",
            point["verdict"] == true["verdict"] and point["voltage"] == turns[number],
        )  # fmt: skip
    yield from _about_distributions(series, truth)


def _about_drift(series: dict[str, Any], truth: dict[str, Any]) -> Row:
    drifts = [scan["drift_pixels"] for scan in truth["scans"]]
    # What lays a scan on the first one is the drift turned round; down comes before right.
    away = [
        math.hypot(one["down_right_pixels"][1] + dx, one["down_right_pixels"][0] + dy)
        for one, (dx, dy) in zip(series["registration"], drifts, strict=True)
    ]
    return Row(
        "6a", "the same area is scanned with every voltage",
        f"drift found to within {max(away):.2g} pixels", f"up to {max(math.hypot(*one) for one in drifts):.1f} pixels",
        max(away) < 0.1,
    )  # fmt: skip


def _about_distributions(series: dict[str, Any], truth: dict[str, Any]) -> Iterator[Row]:
    known = series["distributions"]
    modes, widths, peaks = ([one[key]["value"] for one in known] for key in ("mode", "width", "peak"))
    true = truth["scans"]
    yield Row(
        "6c", "the histogram's peak shifts to higher values", f"modes {_heights(modes)}",
        _heights([one["H_mode"] for one in true]), _grows(modes),
    )  # fmt: skip
    yield Row(
        "6c", "the distribution broadens", f"widths at half maximum {_heights(widths)}",
        "quartiles apart by " + _heights([one["H_q75"] - one["H_q25"] for one in true]), _grows(widths),
    )  # fmt: skip
    yield Row(
        "6c", "and its peak falls", "pixels in the highest bin " + ", ".join(f"{peak:.0f}" for peak in peaks),
        "follows from the width", _grows([-peak for peak in peaks]),
    )  # fmt: skip


def _grows(values: list[float]) -> bool:
    return all(after > before for before, after in pairwise(values))


def _heights(values: list[float]) -> str:
    return ", ".join(f"{1e3 * value:.0f}" for value in values) + " mV"


def _about_range(sections: dict[str, Any], truth: dict[str, Any]) -> Iterator[Row]:
    windows = _main_histogram(sections)["windows"]
    low, high = (
        pick(one[key] for one in windows.values()) for pick, key in ((min, "minimum"), (max, "maximum"))
    )
    kept = sections["diffusion"]["kept"]
    counts = ", ".join(f"{one['ok']} of {sum(one.values())} in {name}" for name, one in kept.items())
    yield Row(
        "7", "D1 and D2 lie in around 1e-14 to 1e-12 m²/s; pixels below 15 % of the maximum are left out",
        f"{low:.2g} to {high:.2g} m²/s; fitted: {counts}",
        f"{truth['D']['D1']['grain']:.2g} (D1, grains) to {truth['D']['D2']['step']:.2g} (D2, steps) in the middle",
        low > 1e-14 and high < 2e-12,
    )  # fmt: skip


def _about_course(sections: dict[str, Any], truth: dict[str, Any]) -> Iterator[Row]:
    course, true = sections["diffusion"]["course"], truth["D"]["D2"]
    on_step = course["median_on_step"]
    yield Row(
        "7a", "D2 is around 1e-12 m²/s at the step", f"{on_step:.3g} m²/s (median of {course['n_on_step']} pixels)",
        f"{true['step']:.3g} m²/s", math.isclose(on_step, true["step"], rel_tol=0.05),
    )  # fmt: skip
    side = next(one for one in course["sides"] if one["side"] < 0)
    zones = side["zones"]
    words = ", ".join(
        f"{zone['median']:.3g} ({1e9 * zone['start']:.0f}–{1e9 * zone['stop']:.0f} nm)" for zone in zones
    )
    rise = side["rise"]
    yield Row(
        "7a", "away from it D2 falls to about 6e-13 and slightly rises again",
        f"to the upper left {words} m²/s; rise {rise['ratio']:.2f} times ({rise['ratio_low']:.2f} to "
        f"{rise['ratio_high']:.2f})",
        f"{true['beside']:.3g} beside, {true['far']:.3g} m²/s beyond 120 nm",
        side["falls"] and side["rises_again"] and math.isclose(zones[0]["median"], 6e-13, rel_tol=0.1),
    )  # fmt: skip


def _about_thickness(sections: dict[str, Any], truth: dict[str, Any]) -> Iterator[Row]:
    found = {one["step"]: one for one in sections["diffusion"]["thickness"] if one["seen_in"] == "D2"}
    for name, stated, true in zip(("7b", "7a"), ("12", "35"), truth["step_widths"], strict=True):
        one = found[f"step of {stated} nm"]
        width = one["fwhm"]
        yield Row(
            name, f"{'the' if stated == '12' else 'a second'} step is about {stated} nm wide",
            f"{1e9 * width:.1f} ± {1e9 * one['error']:.1f} nm (full width at half maximum of D2)",
            f"{1e9 * true:.0f} nm",
            math.isclose(width, true, rel_tol=0.1),
        )  # fmt: skip


def _about_modes(sections: dict[str, Any], truth: dict[str, Any]) -> Iterator[Row]:
    histogram = _main_histogram(sections)
    for name, stated in (("D1", 2e-13), ("D2", 4e-13)):
        one = histogram["windows"][name]
        low, high = one["mode_log_ci"]
        yield Row(
            "8", f"the histogram of {name} peaks near {stated:.0e} m²/s".replace("e-", "e-"),
            f"mode {one['mode_log']:.3g} m²/s (95 %: {low:.2g} to {high:.2g}, n = {one['n']})",
            f"{10 ** truth['D'][name]['mode_log10']:.3g} m²/s", math.isclose(one["mode_log"], stated, rel_tol=0.15),
        )  # fmt: skip
    ratio = histogram["ratio"]
    yield Row(
        "8", "D1 is lower than D2", f"D2/D1 = {ratio['median']:.3f} (95 %: {ratio['low']:.3f} to {ratio['high']:.3f})",
        "2", ratio["low"] > 1 and math.isclose(ratio["median"], 2, rel_tol=0.02),
    )  # fmt: skip


def _about_signal(sections: dict[str, Any], truth: dict[str, Any]) -> Iterator[Row]:
    found = sections["signal"]
    one = next(pulse for pulse in found["pulses"] if pulse["label"] == MAIN[1])
    true = math.cos(math.radians(truth["phase"])) ** 2
    yield Row(
        "S4", "X has nearly the intensity of R",
        f"{100 * found['in_x']:.1f} % of the energy in X, r = {one['correlation']:.4f}, slope {one['slope']:.3f}; "
        f"response at {found['rotation']:.1f}°",
        f"{100 * true:.1f} %, at {truth['phase']:g}°", math.isclose(found["in_x"], true, abs_tol=0.005),
    )  # fmt: skip


def _about_fits(sections: dict[str, Any], truth: dict[str, Any]) -> Iterator[Row]:
    found = [one for one in sections["fit_examples"]["examples"] if one["name"].startswith("quantile")]
    r2 = [min(fit["r2"] for fit in one["fits"].values()) for one in found]
    told = ", ".join(f"{value:.2f}" for value in r2)
    quantiles = ", ".join(one["name"].split()[1] for one in found)
    yield Row(
        "S5", "examples of fits", f"the lower R² of the two windows is {told} for fits at the quantiles {quantiles}",
        "exponentials with noise", bool(r2) and min(r2) > 0.5,
    )  # fmt: skip


def _about_cycling(sections: dict[str, Any], truth: dict[str, Any]) -> Iterator[Row]:
    for cell in sections.get("cycling", {}).get("cells", []):
        put_in = truth["cycling"][f"{cell['name']}.csv"]
        found, last = (
            [one[kind] for one in cell["cycles"] for kind in ("discharge", "charge")],
            cell["cycles"][-1],
        )
        true = [value for cycle in put_in for value in cycle]
        yield Row(
            "S1", f"cycling of the {cell['name'].removeprefix('cycling_').replace('_', ' ')} cell",
            f"{last['charge']:.0f} {cell['unit']} in cycle {last['cycle']}, {100 * last['retention']:.1f} % of the "
            "first cycle's",
            f"{put_in[-1][1]:.0f} {cell['unit']}, {100 * put_in[-1][1] / put_in[0][1]:.1f} %",
            all(math.isclose(a, b, rel_tol=1e-3) for a, b in zip(found, true, strict=True)),
        )  # fmt: skip


def _main_histogram(sections: dict[str, Any]) -> dict[str, Any]:
    return next(one for one in sections["histograms"]["settings"] if (one["scan"], one["label"]) == MAIN)


def _volts(value: float) -> str:
    return text_from_quantity(value, "V", digits=3).replace("-", "−")


def warning_from_numbers(sections: dict[str, Any]) -> str:
    """Return what the null curve says of the ratio that was put in, as a sentence."""
    null = _main_histogram(sections).get("null") or {}
    return f"The report says of that ratio: “{null['verdict']}”" if "verdict" in null else ""


def main() -> None:
    """Write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--numbers", type=Path, help="numbers.json of a report that is there already")
    parser.add_argument("--truth", type=Path, help="truth.json that goes with it")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if options.numbers is None:
            options.numbers, options.truth = _reported(Path(folder))
        sections = json.loads(options.numbers.read_text())["sections"]
        truth = json.loads(options.truth.read_text())
    size = "x".join(str(count) for count in truth["made_with"]["size"])
    rows = rows_from_numbers(sections, truth)
    PAGE.write_text(page_from_rows(rows, size=size, warning=warning_from_numbers(sections)))
    lost = [f"Fig. {row.figure}: {row.paper}" for row in rows if not row.holds]
    if lost:
        raise SystemExit("not reproduced: " + "; ".join(lost))


def _reported(folder: Path) -> tuple[Path, Path]:
    """Make the series and its report in a folder, and return the files of its numbers and of the truth."""
    paper, report = folder / "paper", folder / "report"
    _run("simulate", "--preset", "paper-series", "--size", SIZE, "-o", str(paper))
    scans = [str(path) for path in sorted(paper.glob("si_c_*.gwy"))]
    controls = [str(paper / name) for name in ("silicon_wafer.gwy", "hopg.gwy")]
    cells = [str(path) for path in sorted(paper.glob("cycling_*.csv"))]
    _run("report", *scans, "--control", *controls, "--cycling", *cells, "-o", str(report), "--quiet")
    return report / "numbers.json", paper / "truth.json"


def _run(*words: str) -> None:
    if tesm(list(words)) != 0:
        raise SystemExit(f"tesm {words[0]} failed")


if __name__ == "__main__":
    main()
