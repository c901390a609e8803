"""Raw deflection: how fast, how exact, and what tau comes to; the numbers of docs/raw_deflection.md.

Processor time of one thread. ``python benchmarks/raw_deflection.py [FILE.h5 SECONDS]``: with a file, a recording of
that length at 2 MS/s (int16, 4 MB a second) is written there first, and fitted by ``tesm fit``; its time and memory are
shown.
"""

import resource
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from raw_recordings import RawRecording

from napari_tesm.files.lazy import LazyArray
from napari_tesm.fitting import fit_traces
from napari_tesm.recording.carrier import Carrier, LockIn, Responses
from napari_tesm.recording.cutting import CutTraces
from napari_tesm.recording.frequency import frequency_of_records

HOUR = 3600
SHAPE = (48, 64)


def wave(rate: float, frequency: float, dtype: type = np.float64) -> LazyArray:
    """Return an hour of a carrier of amplitude 1 on a deflection of 3, each sample right to the last digit."""

    def read(part: tuple[slice, ...]) -> NDArray[np.generic]:
        number = np.arange(part[0].start, part[0].stop)
        # Whole turns are taken off in numbers of 64 digits.
        turns = (number * np.longdouble(frequency) / np.longdouble(rate)) % 1
        return (3 + np.cos(2 * np.pi * turns.astype(np.float64) + 0.7)).astype(dtype)

    return LazyArray((int(HOUR * rate),), dtype, read)


def exactness() -> None:
    """Print how far the amplitude is off, at the begin and the end of an hour."""
    print("rate     frequency, off by      samples  frequency found   amplitude off by")
    for rate, stated in (
        (1e6, 25e3), (2e6, 25e3), (1e6, 27.3e3), (5e6, 61.234e3), (2e6, 269.85e3), (2e6, 333.33e3)
    ):  # fmt: skip
        for ppm in (0, 100):
            for dtype in (np.float64, np.float32):
                frequency = stated * (1 + 1e-6 * ppm)
                start = np.linspace(0.1 * rate, (HOUR - 0.1) * rate, 3072).astype(np.int64).reshape(SHAPE)
                before, after = int(1e-3 * rate), int(24e-3 * rate)
                records = CutTraces(wave(rate, frequency, dtype), start, before, after)
                carrier = Carrier.of(rate, [stated], pulse=int(0.01 * rate))
                found, _ = frequency_of_records([records], carrier)
                exact = Carrier(rate, found, carrier.size)
                traces = Responses(records, exact, (before + after) // carrier.size)
                off = max(
                    np.abs(np.abs(traces.response(row, np.array([col]))) - 1).max()
                    for row, col in ((0, 0), (47, 63))
                )
                print(
                    f"{rate:.0e}  {stated:9.0f} Hz {ppm:4d} ppm  {carrier.size:4d}  {found / frequency - 1:+.1e}  "
                    f"{dtype.__name__}: {off:.1e}"
                )


def speed() -> None:
    """Print how many times faster than it was recorded X is made of raw deflection in memory."""
    print("rate   frequency   what              times real time (float64, float32, int16)")
    for rate, frequency in ((2e6, 25e3), (1e6, 25e3), (2e6, 269.85e3), (5e6, 61.234e3)):
        for order in (0, 4):
            times = []
            for dtype in (np.float64, np.float32, np.int16):
                record = int(0.025 * rate)
                stream = (1000 * np.random.default_rng(0).normal(size=record * 260)).astype(dtype)
                start = (np.arange(256) * record + 3 * record).reshape(4, 64)
                carrier = Carrier.of(rate, [frequency], pulse=int(0.01 * rate))
                detector = LockIn(carrier, 1e-4, order) if order else carrier
                lead = detector.lead if isinstance(detector, LockIn) else 0
                windows = record // carrier.size
                records = CutTraces(stream, start, lead * carrier.size, windows * carrier.size)
                traces = Responses(records, detector, windows)
                traces.outer((0,))
                best = np.inf
                for _ in range(3):
                    begin = time.process_time()
                    traces.outer((slice(None),))
                    best = min(best, time.process_time() - begin)
                times.append(256 * 0.025 / best)
            words = f"lock-in of order {order}" if order else "least squares  "
            print(f"{rate:.0e}  {frequency:8.0f} Hz  {words}  " + "  ".join(f"{x:6.0f}" for x in times))


def precision() -> None:
    """Print tau of 1200 noisy traces at 2 MS/s, 25 kHz and 0.5 of noise in each sample, as prototypes were measured."""
    print("true tau   median tau1   scatter / claimed error   (1200 traces, noise 0.5 a sample, 10 ms)")
    for tau in (50e-6, 100e-6, 300e-6, 1e-3):
        rec = RawRecording(30, 40, 2e6, 25e3, tau, noise=0.5, pulse=10e-3, record=10.6e-3, turn=11e-3, seed=3)
        deflection = rec.channels()["deflection"].astype(np.float32)
        carrier = Carrier.of(2e6, [25e3], pulse=20000)
        traces = Responses(CutTraces(deflection, rec.starts, 0, 20000), carrier, 20000 // carrier.size)
        seconds = (np.arange(traces.windows) + 0.5) * carrier.size / 2e6
        result = fit_traces(traces.outer((slice(None),)).reshape(1200, -1), seconds, bounds=(1e-5, 0.1))
        good = np.isfinite(result.tau)
        scatter = 0.7413 * np.subtract(*np.percentile(np.log(result.tau[good]), [75, 25]))
        print(
            f"{tau:.0e}  {np.median(result.tau[good]):.4e} ({np.median(result.tau[good]) / tau - 1:+.2%})  "
            f"{scatter / np.median(result.log_tau_stderr[good]):.2f}"
        )


def whole(path: Path, seconds: int) -> None:
    """Write a recording of some seconds and fit it in another process; print its time and memory."""
    import h5py

    rate = 2_000_000
    # A line a second: what is missing of it is the carrier alone, of which a second holds whole periods.
    rec = RawRecording(1, 32, rate, 25e3, 2e-3, noise=0.2, pulse=10e-3, record=25e-3)
    block = rec.channels()
    rest = np.cos(2 * np.pi * (np.arange(rate) * 25e3 / rate % 1.0))[block["dc"].size :]
    second = np.rint(1000 * np.concatenate([block["deflection"] - 20, rest])).astype(np.int16)
    volts = np.concatenate([block["dc"], 0 * rest])[::100]
    with h5py.File(path, "w") as file:
        deflection = file.create_dataset("deflection", (seconds * rate,), "i2")
        dc = file.create_dataset("dc", (seconds * rate // 100,), "f4")
        for line in range(seconds):
            deflection[line * rate : (line + 1) * rate] = second
            dc[line * volts.size : (line + 1) * volts.size] = volts
    path.with_suffix(".yaml").write_text(
        f"""format: t-ESM mapping 1
raw: {{deflection: deflection, drive frequency: 25 kHz}}
recording: {{dc: dc, before: 0.4 ms, length: 24 ms}}
scan: {{pixels: 32, lines: {seconds}, voltages: [3 V]}}
time: {{interval: {1 / rate}, channels: {{dc: {{interval: {100 / rate}}}}}}}
""".replace("interval: 5e-07", "interval: 0.5 us").replace("interval: 5e-05", "interval: 50 us")
    )
    words = [sys.executable, "-m", "napari_tesm.cli", "fit", str(path), "-o", str(path.with_suffix(".gwy"))]
    begin = time.perf_counter()
    subprocess.run([*words, "--jobs", "1", "--maps-only", "--overwrite", "--progress", "none"], check=True)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    print(
        f"{path.stat().st_size / 1e9:.2f} GB, {seconds} s recorded: {used.ru_utime + used.ru_stime:.1f} s of processor "
        f"time ({time.perf_counter() - begin:.1f} s by the clock), at most {used.ru_maxrss / 1000:.0f} MB"
    )


if __name__ == "__main__":
    if len(sys.argv) > 1:
        whole(Path(sys.argv[1]), int(sys.argv[2]))
    else:
        exactness()
        speed()
        precision()
