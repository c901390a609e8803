"""D found against D put in, for every kernel, and what a wrong kernel makes of it: docs/validation.md.

Run: python benchmarks/validation.py; two minutes on one core. Seeded: the same numbers every time. Writes the figures
docs/images/validation_*.png, the table docs/validation.csv, and the tables between the markers of docs/validation.md
and docs/kernels.md.
"""

import csv
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import validation_traces as made
from page_tables import DOCS, table_from_rows, write_table
from validation_figures import draw_misfits, draw_pulls, draw_recovery, draw_status
from validation_fits import NO_D, Recovered, choice, noisy, recovered

from napari_tesm.data.protocol import PulseProtocol
from napari_tesm.kernels.low_pass import LowPass
from napari_tesm.model_choice.evidence import WHITE_LEVEL
from napari_tesm.model_choice.null_curve import null_curve
from napari_tesm.quantities.status import STATUS_MEANINGS

SEED, COPIES, FEW = 7, 1500, 300
SNRS = (3, 10, 30, 100)
ALL_D = np.geomspace(1e-15, 1e-11, 9)
SHOWN = ALL_D[::2]
Trace = Callable[[float], np.ndarray]


RIGHT = {
    "exponential": (lambda D: np.exp(-made.AFTER / made.time_from_diffusion(D)), "its formula"),
    "stretched": (made.stretched_trace, "its formula, β = 0.6"),
    "biexponential": (made.two_exponentials_trace, "its formula, 60 % fast, times 1 : 8"),
    "power": (made.power_trace, "its formula, m = 2"),
    "erfc": (lambda D: made.erfc(np.sqrt(made.AFTER / made.time_from_diffusion(D))), "its formula"),
    "gaussian-source": (made.thin_source_trace, "finite volumes"),
    "flux-pulse": (made.flux_trace, "finite volumes"),
    "clamped": (made.clamped_trace, "finite volumes"),
}
"""Data of the right kind for every kernel, and where they come from."""


@dataclass(frozen=True)
class Wrong:
    """Traces of one kind, fitted with a kernel for another."""

    words: str
    trace: Trace
    kernel: str
    low_pass: LowPass | None = None


WRONG = [
    Wrong("flux, pulse", made.pulse_of(made.flux_trace), "exponential"),
    Wrong("flux, relaxation", made.relaxation_of(made.flux_trace), "exponential"),
    Wrong("clamped, pulse", made.pulse_of(made.clamped_trace), "exponential"),
    Wrong("clamped, relaxation", made.relaxation_of(made.clamped_trace), "exponential"),
    Wrong("flux, relaxation", made.relaxation_of(made.flux_trace), "stretched"),
    Wrong("flux, relaxation", made.relaxation_of(made.flux_trace), "gaussian-source"),
    Wrong("flux, relaxation", made.relaxation_of(made.flux_trace), "erfc"),
    Wrong("clamped", made.clamped_trace, "flux-pulse"),
    Wrong("flux", made.flux_trace, "clamped"),
    Wrong("flux of a tip 20 % larger", lambda D: made.flux_trace(D, radius=1.2 * made.RADIUS), "flux-pulse"),
    Wrong("flux of a point charge", made.point_charge_trace, "flux-pulse"),
    Wrong("flux behind a lock-in of 0.3 ms", made.lock_in_trace, "flux-pulse"),
    Wrong("the same, lock-in given to the fit", made.lock_in_trace, "flux-pulse", LowPass(made.LOCK_IN)),
    Wrong("drift at −3 V, limited sites", made.drift_pulse_trace, "flux-pulse"),
]  # fmt: skip
CHOICES = {
    "flux": made.flux_trace,
    "clamped": made.clamped_trace,
    "flux of a point charge": made.point_charge_trace,
    "flux behind a lock-in of 0.3 ms": made.lock_in_trace,
    "drift at −3 V, limited sites": made.drift_pulse_trace,
}
COMPARED = ("exponential", "stretched", "flux-pulse", "clamped")


def all_recovered(seed: int) -> dict[tuple[str, float, float], Recovered]:
    """Return what every kernel makes of its own traces, by kernel, D and SNR."""
    rng = np.random.default_rng(seed)
    found = {}
    for name, (right, _) in RIGHT.items():
        for D in ALL_D:
            trace = right(D)
            for snr in SNRS:
                found[name, D, snr] = recovered(noisy(trace, snr, COPIES, rng), name, D)
        print("recovered:", name, flush=True)
    return found


def all_misfits(seed: int) -> dict[tuple[int, float, float], Recovered]:
    """Return what wrong kernels make of traces, by the number of the case, D and SNR."""
    rng = np.random.default_rng(seed)
    found = {}
    for number, wrong in enumerate(WRONG):
        for D in ALL_D:
            trace = wrong.trace(D)
            for snr in (10, 100):
                copies = noisy(trace, snr, FEW, rng)
                found[number, D, snr] = recovered(copies, wrong.kernel, D, low_pass=wrong.low_pass)
        print("misfit:", wrong.words, "with", wrong.kernel, flush=True)
    return found


def cell(one: Recovered, *, pulls: bool = False) -> str:
    """Return median D/D, its spread and the share accepted, in one cell."""
    share = f"{100 * one.ok:.0f} %"
    if one.ok < 0.05:
        return f"– ({share})"
    pull = f"; {one.pull:.2f}" if pulls else ""
    return f"{one.median:.3g} ± {one.spread:.2g} ({share}{pull})"


def recovery_tables(found: dict[tuple[str, float, float], Recovered]) -> str:
    """Return one table for each kernel."""
    parts = []
    for name, (_, source) in RIGHT.items():
        rows = [
            [f"{D:.0e}", *(cell(found[name, D, snr], pulls=True) for snr in SNRS)] for D in SHOWN
        ]  # fmt: skip
        header = ["D (m²/s)", *(f"SNR {snr}" for snr in SNRS)]
        parts.append(f"`{name}`, traces from {source}:\n\n{table_from_rows(header, rows)}")
    return "\n\n".join(parts)


def status_table(found: dict[tuple[str, float, float], Recovered]) -> str:
    """Return the shares of the statuses at SNR 10."""
    words = [name for name in (*STATUS_MEANINGS, NO_D) if name not in ("below_threshold", "invalid")]
    rows = []
    for name in RIGHT:
        cells = []
        for D in SHOWN:
            shares = found[name, D, 10].shares
            seen = [
                f"{100 * shares[one]:.0f} % {one.replace('_', ' ')}" for one in words if shares[one] > 0.005
            ]
            cells.append(", ".join(seen))
        rows.append([f"`{name}`", *cells])
    return table_from_rows(["kernel", *(f"{D:.0e}" for D in SHOWN)], rows)


def misfit_table(found: dict[tuple[int, float, float], Recovered], snr: float) -> str:
    """Return apparent over true D of the wrong kernels, and the share that is ok."""
    rows = []
    for number, wrong in enumerate(WRONG):
        cells = []
        for D in SHOWN:
            one = found[number, D, snr]
            cells.append("rejected" if one.ok < 0.05 else f"{one.median:.3g} ({100 * one.ok:.0f} %)")
        rows.append([wrong.words, f"`{wrong.kernel}`", *cells])
    return table_from_rows(["traces", "fitted with", *(f"{D:.0e}" for D in SHOWN)], rows)


def choice_table(seed: int) -> str:
    """Return what model choice says, with and without the right kernel among those compared."""
    rng = np.random.default_rng(seed)
    rows = []
    for words, trace in CHOICES.items():
        own = {"flux": "flux-pulse", "clamped": "clamped"}.get(words)
        for left_out in (None, own) if own else (None,):
            compared = tuple(name for name in COMPARED if name != left_out)
            cells = []
            for D in (1e-14, 1e-13, 1e-12):
                for snr in (10, 30, 100):
                    found = choice(noisy(trace(D), snr, FEW, rng), compared)
                    best = found.votes().recommended() or "none"
                    white = float((found.whiteness[compared.index(best)] >= WHITE_LEVEL).mean())
                    cells.append((best, f"{100 * white:.0f}"))
            groups = [cells[at : at + 3] for at in (0, 3, 6)]
            rows.append([words, "all" if left_out is None else f"without `{left_out}`", *map(_three, groups)])
        print("choice:", words, flush=True)
    return table_from_rows(["traces", "compared", "D = 1e-14", "1e-13", "1e-12"], rows)


def _three(cells: list[tuple[str, str]]) -> str:
    """Return the kernels recommended at three SNR, and the shares of white residuals."""
    names = [name for name, _ in cells]
    told = f"`{names[0]}`" if len(set(names)) == 1 else ", ".join(f"`{name}`" for name in names)
    return f"{told}: {', '.join(share for _, share in cells)} %"


def null_table() -> str:
    """Return what one exponential per window makes of diffusion, D1/D and D2/D."""
    true = np.array([1e-14, 1e-13, 4e-13, 1e-12, 3e-12])
    rows = []
    for source, kernel in (("flux", "flux-pulse"), ("clamped", "clamped")):
        for samples in (250, 500, 2500):
            time = np.arange(samples) * (made.RECORD / samples)
            curve = null_curve(
                time, PulseProtocol(0.0, made.PULSE), made.RADIUS, kernel=kernel, diffusion=true
            )
            pairs = zip(curve.apparent[1] / true, curve.apparent[2] / true, strict=True)
            cells = [f"{one:.3g}, {two:.3g}" if np.isfinite(one + two) else "rejected" for one, two in pairs]
            rows.append([source, str(samples), *cells])
    return table_from_rows(["source", "samples", *(f"{D:.0e}" for D in true)], rows)


def write_csv(
    found: dict[tuple[str, float, float], Recovered], wrong: dict[tuple[int, float, float], Recovered]
) -> None:
    """Write every number behind tables and figures."""
    with (DOCS / "validation.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        names = ["median_ratio", "spread_ln", "pull_sd", *STATUS_MEANINGS, NO_D]
        writer.writerow(["traces", "kernel", "D", "snr", *names])
        cases = [(RIGHT[name][1], name, D, snr, one) for (name, D, snr), one in found.items()]
        cases += [(WRONG[n].words, WRONG[n].kernel, D, snr, one) for (n, D, snr), one in wrong.items()]
        for words, kernel, D, snr, one in cases:
            numbers = [one.median, one.spread, one.pull, *one.shares.values()]
            writer.writerow(
                [words, kernel, f"{D:.4g}", snr, *("" if np.isnan(v) else f"{v:.4g}" for v in numbers)]
            )


def main() -> None:
    """Calculate, draw and write everything."""
    found, wrong = all_recovered(SEED), all_misfits(SEED + 1)
    write_csv(found, wrong)
    tables = {
        "recovery": recovery_tables(found),
        "statuses": status_table(found),
        "misfit, SNR 100": misfit_table(wrong, 100),
        "misfit, SNR 10": misfit_table(wrong, 10),
        "model choice": choice_table(SEED + 2),
    }
    for name, text in tables.items():
        write_table("validation.md", name, text)
    write_table("kernels.md", "null curve", null_table())
    images = DOCS / "images"
    draw_recovery(found, tuple(RIGHT), ALL_D, SNRS, images / "validation_recovery.png")
    draw_pulls(found, tuple(RIGHT), ALL_D, SNRS, images / "validation_pulls.png")
    draw_status(found, tuple(RIGHT), ALL_D, SNRS, images / "validation_status.png")
    draw_misfits(wrong, [(one.words, one.kernel) for one in WRONG], ALL_D, images / "validation_misfit.png")


if __name__ == "__main__":
    main()
