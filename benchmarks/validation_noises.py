"""D, its error, the gate and the choice of the kernel in the noise of instruments: the tables of docs/validation.md.

Run: python benchmarks/validation_noises.py; some five minutes of one core (``--quick``: a small one that is printed and
writes nothing; ``--choice``: which kernel is recommended, printed). Seeded: the same numbers every time. Traces and
noise come from `napari_tesm.simulation`, which shares nothing with the fit and with what measures the noise.
"""

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import validation_traces as made
import xarray as xr
from page_tables import table_from_rows, write_table

from napari_tesm import fit, kernel_choice
from napari_tesm.data.dataset import dataset_from_traces
from napari_tesm.data.protocol import PulseProtocol
from napari_tesm.findings.instrument import instrument_summary
from napari_tesm.simulation import traces_from_diffusion
from napari_tesm.simulation.instrument_noise import InstrumentNoise

SEED = 11
SNR = 10.0
BEFORE = 20
"""Samples before the pulse."""
TIME = (np.arange(made.SAMPLES + BEFORE) - BEFORE) * made.TIME[1]
WIDTH = 64
FLUX = np.geomspace(1e-13, 2e-12, 16)
"""True D of the traces of a flux, in m²/s."""
TAUS = np.geomspace(0.8e-3, 6e-3, 16)
"""Of the traces of two exponentials, in s."""
FITS = (("exponential", "1"), ("exponential", "2"), ("flux-pulse", ""))
"""Kernels and their windows."""


@dataclass(frozen=True)
class Case:
    """What the instrument adds, as `tesm simulate --noise` takes it, and how much of the white noise there is."""

    words: str
    text: str = ""
    white: float = 1.0

    @property
    def noise(self) -> InstrumentNoise:
        """The noise itself."""
        return InstrumentNoise.from_text(self.text) if self.text else InstrumentNoise()


NOISES = (
    Case("white"),
    Case("lock-in 0.05 ms × 1", "lock-in:50us:1"),
    Case("lock-in 0.1 ms × 1", "lock-in:0.1ms:1"),
    Case("lock-in 0.1 ms × 2", "lock-in:0.1ms:2"),
    Case("lock-in 0.1 ms × 3", "lock-in:0.1ms:3"),
    Case("lock-in 0.1 ms × 4", "lock-in:0.1ms:4"),
    Case("lock-in 0.3 ms × 4", "lock-in:0.3ms:4"),
    Case("lock-in 1 ms × 1", "lock-in:1ms:1"),
    Case("1/f", "pink:1", white=0.0),
    Case("white + 1/f, 1 : 1", "pink:1"),
    Case("white + 50 Hz of 0.3 σ", "mains:50Hz:0.3"),
    Case("white + 50 Hz of 1 σ", "mains:50Hz:1"),
    Case("white + random drift of 2 σ", "drift:2"),
    Case("0.1 ms × 4, 1/f of 0.5 σ, 50 Hz of 0.3 σ, drift of 1 σ", "lock-in:0.1ms:4,pink:0.5,mains:50Hz:0.3,drift:1"),
    Case("white, converter steps of 0.3 σ", "steps:0.3"),
    Case("white, 0.2 % glitches of 20 σ", "glitches:0.2%"),
)  # fmt: skip
DISTURBED = (
    Case("nothing"),
    Case("drift of 0.1 H", "drift:10%"),
    Case("step of 0.3 H", "step:30%"),
    Case("50 Hz of 0.1 H", "mains:50Hz:1.41"),
    Case("all three", "drift:10%,step:30%,mains:50Hz:1.41"),
    Case("all three, lock-in 0.1 ms × 4", "lock-in:0.1ms:4,drift:10%,step:30%,mains:50Hz:1.41"),
    Case("pulse late by 0.05 ms", "delay:50us"),
    Case("pulse late by 0.2 ms", "delay:200us"),
)
"""At twice the SNR of the others: mains of 1.41 σ have an amplitude of a tenth of H."""
EACH = ("white", "lock-in 0.1 ms × 4", "1/f", "white + 50 Hz of 1 σ", "white + random drift of 2 σ")
COMPARED = tuple(case for case in NOISES if case.words in EACH or "," in case.text)
"""For what takes longer: one of each kind, and the mixture."""


@lru_cache(maxsize=2)
def curves_of(kind: str) -> tuple[np.ndarray, np.ndarray]:
    """Return times and curves, shape (times, curve), of every true D or tau, 1 at the end of the pulse."""
    time = np.arange(10 * made.SAMPLES + 1) * (made.RECORD / made.SAMPLES / 10)
    if kind == "flux-pulse":
        curves = [traces_from_diffusion(D, time=time, pulse=made.PULSE, tip_radius=made.RADIUS) for D in FLUX]
        stacked = np.stack(curves, axis=1)
        return time, stacked / stacked[np.searchsorted(time, made.PULSE * (1 - 1e-9))]
    rise = (1 - np.exp(-time[:, None] / TAUS)) / (1 - np.exp(-made.PULSE / TAUS))
    fall = np.exp(-np.maximum(time[:, None] - made.PULSE, 0) / TAUS)
    return time, np.where(time[:, None] < made.PULSE * (1 - 1e-9), rise, fall)


def scan_of(
    case: Case, kind: str, count: int, *, seed: int, snr: float = SNR, spread: float = 0.0
) -> tuple[xr.Dataset, np.ndarray]:
    """Return a scan of noisy traces, and the true D (tau of exponentials) of every pixel, shape (y, x).

    Parameters
    ----------
    kind : {"flux-pulse", "exponential", ""}
        Of the traces; noise alone if empty.
    spread : float
        Standard deviation of ln of the heights.
    """
    rng, noise = np.random.default_rng(seed), case.noise
    times = noise.times(TIME)
    order = np.sort(np.arange(count) % TAUS.size)
    if kind:
        fine, curves = curves_of(kind)
        ideal = np.stack([np.interp(times, fine, curve, left=0.0) for curve in curves.T], axis=1)[:, order]
        ideal *= np.exp(spread * rng.standard_normal(count))
    else:
        ideal = np.zeros((times.size, count))
    white = case.white * rng.standard_normal((TIME.size, count))
    traces = noise.recording(ideal, white, TIME, 1 / snr, rng).T
    protocol = PulseProtocol(
        0.0, made.PULSE, tip_radius=made.RADIUS, lock_in_time_constant=noise.time_constant or None,
        lock_in_order=noise.order if noise.time_constant else None,
    )  # fmt: skip
    width = min(WIDTH, count // 4)
    dataset = dataset_from_traces(
        [traces.reshape(-1, width, TIME.size)], time=TIME, x=np.arange(width) * 20e-9,
        y=np.arange(count // width) * 30e-9, voltage=[made.VOLTAGE], direction=["retrace"], unit="V", protocol=protocol,
    )  # fmt: skip
    return dataset, (TAUS if kind == "exponential" else FLUX)[order].reshape(-1, width)


@dataclass(frozen=True)
class Found:
    """What fits come to: median of D over the truth, size of the errors over the stated ones, coverage, share *ok*."""

    ratio: float
    pull: float
    coverage: float
    ok: float
    error: float

    def cell(self) -> str:
        """Return all in one cell of a table."""
        if not np.isfinite(self.ratio):
            return f"– ({100 * self.ok:.0f} % ok)"
        share = f" ({100 * self.ok:.0f} % ok)" if self.ok < 0.95 else ""
        return f"{self.ratio:.3f}, {self.pull:.2f}, {100 * self.coverage:.0f} %{share}"


def found_in(maps: xr.Dataset, number: str, tau: np.ndarray) -> Found:
    """Return how tau of a fit, and D = l²/tau with it, lies to the truth."""
    names = (f"tau{number}", f"tau{number}_stderr") if number else ("tau", "tau_stderr")
    values, errors = (maps[name].values[0] for name in names)
    ok = (maps[f"status{number}"].values[0] == 0) & np.isfinite(values) & np.isfinite(errors)
    if ok.sum() < 20:
        return Found(np.nan, np.nan, np.nan, float(ok.mean()), np.nan)
    misses, stated = np.log(values[ok] / tau[ok]), errors[ok] / values[ok]
    pulls = misses / stated
    low, high = np.percentile(pulls, [15.87, 84.13])
    return Found(
        float(np.exp(-np.median(misses))), float(high - low) / 2, float((np.abs(pulls) < 1.96).mean()),
        float(ok.mean()), float(np.median(stated)),
    )  # fmt: skip


def tau_of(kind: str, true: np.ndarray) -> np.ndarray:
    """Return the tau that the kernels fit: R0²/4D of `flux-pulse`."""
    return true if kind == "exponential" else made.RADIUS**2 / (4 * true)


def recovered_in(case: Case, count: int, seed: int, *, snr: float = SNR) -> list[Found]:
    """Return what the right kernels find in both windows and in the whole record."""
    results = []
    for kind in ("exponential", "flux-pulse"):
        dataset, true = scan_of(case, kind, count, seed=seed, snr=snr)
        maps = fit(dataset, kernel=kind)
        numbers = ("1", "2") if kind == "exponential" else ("",)
        results += [found_in(maps, number, tau_of(kind, true)) for number in numbers]
    return results


def gate_table(count: int) -> str:
    """Return how much of noise alone gets a D."""
    rows = []
    for number, case in enumerate(NOISES):
        dataset, _ = scan_of(case, "", count, seed=SEED + number)
        maps = {kernel: fit(dataset, kernel=kernel) for kernel in ("exponential", "flux-pulse")}
        statuses = [maps[kernel][f"status{window}"].values for kernel, window in FITS]
        rows.append([case.words, *(_share(float((status == 0).mean())) for status in statuses)])
        print("noise alone:", *rows[-1], flush=True)
    return table_from_rows(["noise alone, % ok", "window 1", "window 2", "`flux-pulse`"], rows)


def _share(part: float) -> str:
    return f"{100 * part:.2g}" if part else "0"


def error_table(count: int, snr: float) -> str:
    """Return D over the truth, pulls and coverages with the right kernels."""
    rows = []
    for number, case in enumerate(NOISES):
        found = recovered_in(case, count, SEED + 100 + number, snr=snr)
        rows.append([case.words, *(one.cell() for one in found)])
        print(f"SNR {snr:g}:", *rows[-1], flush=True)
    header = ["noise", "window 1", "window 2", "`flux-pulse`"]
    return table_from_rows(header, rows)


def wrong_table(count: int) -> str:
    """Return what kernels make of traces of the other kind: D over the truth and the stated error."""
    rows = []
    for number, case in enumerate(COMPARED):
        cells = []
        for kind, kernel, window in (
            ("flux-pulse", "exponential", "2"),
            ("flux-pulse", "clamped", ""),
        ):
            dataset, true = scan_of(case, kind, count, seed=SEED + 200 + number, snr=3 * SNR)
            maps = fit(dataset, kernel=kernel)
            name, status = f"D{window}", f"status{window}"
            ok = (maps[status].values[0] == 0) & np.isfinite(maps[name].values[0])
            if ok.mean() < 0.05:
                cells.append(f"rejected ({100 * ok.mean():.0f} %)")
                continue
            ratio = float(np.median(maps[name].values[0][ok] / true[ok]))
            error = float(np.median((maps[f"{name}_stderr"].values[0] / maps[name].values[0])[ok]))
            cells.append(f"{ratio:.2g} ± {100 * error:.2g} % ({100 * ok.mean():.0f} %)")
        rows.append([case.words, *cells])
        print("wrong:", *rows[-1], flush=True)
    header = ["noise", "flux with `exponential`, window 2", "flux with `clamped`"]
    return table_from_rows(header, rows)


def nuisance_table(count: int) -> str:
    """Return D of a flux with what disturbs it: without nuisances, and as the fit decides."""
    rows = []
    for number, case in enumerate(DISTURBED):
        dataset, true = scan_of(case, "flux-pulse", count, seed=SEED + 300 + number, snr=2 * SNR)
        tau = tau_of("flux-pulse", true)
        plain = found_in(fit(dataset, kernel="flux-pulse", nuisance="none"), "", tau)
        maps = fit(dataset, kernel="flux-pulse")
        fitted = found_in(maps, "", tau)
        named = str((instrument_summary(maps) or {}).get("fitted", "none")).replace("none", "nothing")
        cells = [_with_error(one) for one in (plain, fitted)]
        rows.append([case.words, *cells, named])
        print("disturbed:", *rows[-1], flush=True)
    return table_from_rows(
        ["disturbed by", "`--nuisance none`", "by itself", "fitted beside the curve"], rows
    )


def _with_error(one: Found) -> str:
    return f"{one.cell()}; ± {100 * one.error:.2g} %" if np.isfinite(one.error) else one.cell()


def choice_table(maps: int) -> str:
    """Return in how many maps the right kernel is recommended and said to describe the data."""
    rows = []
    for number, case in enumerate(COMPARED):
        cells = []
        for kind in ("exponential", "flux-pulse"):
            right = described = 0
            for seed in range(maps):
                options = {"seed": SEED + 1000 * number + seed, "spread": 0.3}
                votes = kernel_choice(scan_of(case, kind, 64, **options)[0]).together
                right += votes.recommended() == kind
                described += votes.describes
            cells += [f"{right} of {maps}", f"{maps - described} of {maps}"]
        wrong = 0
        for seed in range(maps):
            dataset, _ = scan_of(
                case, "flux-pulse", 64, seed=SEED + 1000 * number + seed, snr=6 * SNR, spread=0.3
            )
            wrong += not kernel_choice(dataset, kernels=("exponential", "clamped")).together.describes
        rows.append([case.words, *cells, f"{wrong} of {maps}"])
        print("choice:", *rows[-1], flush=True)
    header = ["noise", "exponentials: right", "none describes", "flux: right", "none describes",
              "flux at SNR 60 without `flux-pulse`: none describes"]  # fmt: skip
    return table_from_rows(header, rows)


def main() -> None:
    """Measure and write, one table after another."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a small one, printed only")
    parser.add_argument(
        "--choice", action="store_true", help="the choice of the kernel instead, printed only"
    )
    given = parser.parse_args()
    quick = given.quick
    if given.choice:
        print(choice_table(1 if quick else 4))
        return
    many, some = (256, 128) if quick else (2048, 768)
    tables: dict[str, Callable[[], str]] = {
        "noise alone": lambda: gate_table(many),
        "errors, SNR 10": lambda: error_table(some, SNR),
        "disturbed": lambda: nuisance_table(some),
        "errors, SNR 30": lambda: error_table(some, 3 * SNR),
        "wrong kernels": lambda: wrong_table(some // 2),
    }
    for name, table in tables.items():
        text = table()
        if quick:
            print(f"\n{name}\n{text}")
        else:
            write_table("validation.md", name, text)


if __name__ == "__main__":
    main()
