"""The tables of docs/kernels.md: D that joint kernels recover, what a wrong kernel makes of it, and the null curve.

Run ``python benchmarks/kernel_validation.py``; half a minute. Traces are those of the closed forms, which
tests/test_joint_fits.py compares with finite volumes; pulse 10 ms, relaxation 15 ms, 500 samples, tip radius 25 nm.
"""

import numpy as np

from napari_tesm.fitting import fit_traces
from napari_tesm.fitting.fit import OK
from napari_tesm.kernels import kernel_from_name
from napari_tesm.null_curve import null_curve
from napari_tesm.protocol import PulseProtocol

TIME, PULSE, RADIUS = np.arange(500) * 5e-5, 10e-3, 25e-9
TRACES = 2000


def main() -> None:
    """Calculate and print."""
    rng = np.random.default_rng(0)
    for made, fitted in (
        ("flux-pulse", "flux-pulse"), ("clamped", "clamped"), ("clamped", "flux-pulse"), ("flux-pulse", "clamped"),
    ):  # fmt: skip
        print(
            f"\n{made} traces fitted with {fitted}: median D/D true (half width of the middle 68 % of ln D; ok)"
        )
        for diffusion in (1e-15, 1e-14, 1e-13, 1e-12, 1e-11):
            kernel = kernel_from_name(made, pulse=PULSE)
            curve = kernel.curves(TIME, np.log([RADIUS**2 / (4 * diffusion)]))[0]
            cells = []
            for snr in (3, 10, 30, 100):
                noise = rng.standard_normal((TRACES, TIME.size)) / snr
                result = fit_traces(curve / curve.max() + noise, TIME, kernel=fitted, pulse=PULSE)
                ok = result.status == OK
                if ok.mean() < 0.05:
                    cells.append(f"– ({100 * ok.mean():.0f} %)")
                    continue
                ratio = np.log(RADIUS**2 / (4 * result.tau[ok]) / diffusion)
                low, middle, high = np.percentile(ratio, [16, 50, 84])
                cells.append(f"{np.exp(middle):.3g} ({(high - low) / 2:.2f}; {100 * ok.mean():.0f} %)")
            print(f"| {diffusion:g} | " + " | ".join(cells) + " |")
    for source in ("flux-pulse", "clamped"):
        for samples in (250, 500, 2500):
            time = np.arange(samples) * (25e-3 / samples)
            true = np.array([1e-14, 1e-13, 4e-13, 1e-12, 3e-12])
            curve = null_curve(time, PulseProtocol(0.0, PULSE), RADIUS, kernel=source, diffusion=true)
            pairs = zip(curve.apparent[1] / true, curve.apparent[2] / true, strict=True)
            print(f"{source}, {samples} samples: " + ", ".join(f"{a:.3g}/{b:.3g}" for a, b in pairs))


if __name__ == "__main__":
    main()
