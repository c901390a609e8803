"""One drawn area scanned with six voltages, as in the t-ESM paper's Fig. 6, with controls and the truth behind it all.

What the paper states of its maps is put into the surface by hand: which D where, and how the displacement of each place
goes with the voltage. Every pixel relaxes as the exponential recipe assumes. Such a series shows whether an evaluation
finds what is there; it shows nothing of how ions move (`napari_tesm.simulation.voltage_series` does).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from napari_tesm.data.displacement import displacement_from_traces
from napari_tesm.data.protocol import Window
from napari_tesm.physics.diffusion import tau_from_diffusion
from napari_tesm.regions.shapes import PinnedPoint, Region, mask_from_region
from napari_tesm.simulation.drawn_regions import regions_of_steps
from napari_tesm.simulation.instrument_noise import InstrumentNoise
from napari_tesm.simulation.level0 import (
    PRESETS,
    dataset_of_scene,
    instrument_noise_from,
    mark_defects,
    record_of_samples,
    simulate_dataset,
)
from napari_tesm.simulation.level1 import PULSE
from napari_tesm.simulation.models import TIP_RADIUS, unit_traces
from napari_tesm.simulation.scene import (
    CLASSES,
    DEAD_LINE,
    FEEDBACK_LAG,
    GRAIN,
    HOT_PIXEL,
    NO_RESPONSE,
    PIXEL_SIZE,
    SECOND_STEP_DISTANCE,
    SECOND_STEP_WIDTH,
    STEP,
    STEP_DIFFUSION,
    STEP_WIDTH,
    Scene,
    band,
    drawn_scene,
)
from napari_tesm.statistics.description import mode_from_values, quartiles

Array = NDArray[np.float64]

SERIES_PRESET: Final = "paper-series"
SMALLEST: Final = (48, 36)
"""Pixels across and down in which two steps and three points find room."""
PHASE: Final = np.deg2rad(8.0)
"""Of the lock-in: the response is R·cos in X and R·sin in Y, so that X is nearly R, as the paper's Fig. S4 says."""
_DRIFTS: Final = {
    3.0: (0.0, 0.0), 5.0: (0.4, -0.3), 6.0: (1.3, 0.8), 7.0: (2.25, 1.1), 8.0: (-0.7, 1.85), 10.0: (3.1, 2.4),
}  # fmt: skip
"""By how many pixels the surface has moved to the right and down when each voltage, in V, is its turn."""
VOLTAGES: Final = tuple(_DRIFTS)
_POINT_REACH: Final = 20e-9
_POINT_HEIGHT: Final = 0.55
"""Displacement at the named points after a pulse of 3 V, of that at the step."""
_RISE: Final = 0.22
"""Relative growth of the displacement at the named points, per V above 3 V."""
_SECOND_RISE: Final = 0.3
_VARIATION: Final = 0.12
_PARTS: Final = 4
_GRIT, _GRIT_SIZE = 3e-9, (30e-9, 120e-9)
_GAIN, _GAIN_POWER, _GAIN_SPREAD = 0.25, 0.8, 0.3
_ROUGHNESS: Final = 0.08
_WAVES: Final = 48
_TEXTURE_SIZE: Final = (40e-9, 160e-9)


@dataclass(frozen=True)
class NamedPoint:
    """A place whose displacement follows the voltage in a way of its own, linear to `peak` and falling from there.

    Parameters
    ----------
    across, down : float
        Where it is, as parts of the width and the height of the area.
    peak : float
        In V.
    fall : float
        Part of the largest displacement that is lost with each V above the peak.
    """

    number: int
    across: float
    down: float
    peak: float
    fall: float
    colour: str

    @property
    def verdict(self) -> str:
        """What the displacement does with the voltage: it saturates, or has a peak."""
        return "saturating" if self.fall == 0 else "peaked"

    def gain(self, voltage: float) -> float:
        """Return the displacement with a voltage, in V, in units of that with 3 V."""
        largest = 1 + _RISE * (min(voltage, self.peak) - VOLTAGES[0])
        return largest * (1 - self.fall * max(voltage - self.peak, 0.0))


POINTS: Final = (
    NamedPoint(1, 0.15, 0.35, 5.0, 0.0, "#d62728"),
    NamedPoint(2, 0.90, 0.75, 6.0, 0.03, "#000000"),
    NamedPoint(3, 0.15, 0.80, 5.0, 0.09, "#1f77b4"),
)
"""The points of the paper's Fig. 6b: the first saturates, the second drops slightly after 6 V, the third falls from
5 V on; with 3 V all have the same displacement."""


@dataclass(frozen=True)
class SimulatedSeries:
    """Scans of one area with six voltages; each is made when it is asked for.

    Parameters
    ----------
    size : (int, int)
        Pixels across and down, 6 nm each.
    samples : int
        In the record of 25 ms.
    seed : int
        The same seed gives the same numbers.
    noise : InstrumentNoise, optional
        What an instrument adds to each scan.

    Raises
    ------
    ValueError
        If the area is too small for what is drawn on it, or there are too few samples.
    """

    size: tuple[int, int] = (64, 48)
    samples: int = 250
    seed: int = 0
    noise: InstrumentNoise | None = None

    def __post_init__(self) -> None:
        if self.size[0] < SMALLEST[0] or self.size[1] < SMALLEST[1]:
            raise ValueError(
                f"two steps and three points need {SMALLEST[0]}x{SMALLEST[1]} pixels or more, "
                f"not {self.size[0]}x{self.size[1]}"
            )
        record_of_samples(self.samples)

    def scan(self, voltage: float) -> xr.Dataset:
        """Return the scan of a voltage of `VOLTAGES`, in V: pulses of −voltage on the way back.

        That of 3 V has the pulses of +3 V of the way forth, too, and X and Y; the others have X alone.
        """
        marked, rng = self._with_defects(voltage)
        time, start = record_of_samples(self.samples)
        unit = unit_traces("exponential", marked, time if self.noise is None else self.noise.times(time))
        first = voltage == VOLTAGES[0]
        settings = (
            [(voltage, "trace", -0.9), (-voltage, "retrace", 1.0)] if first else [(-voltage, "retrace", 1.0)]
        )
        signals = {"X": 1.0, "Y": float(np.tan(PHASE))} if first else {"X": 1.0}
        return dataset_of_scene(
            marked, unit, time, start, PRESETS["si-c-step"], settings, signals, rng,
            remark=f", pulses of {voltage:g} V", instrument=self.noise,
        )  # fmt: skip

    def _with_defects(self, voltage: float) -> tuple[Scene, np.random.Generator]:
        """Return the surface of a scan with its dead lines and hot pixels, and what draws the rest of its chance."""
        scene = self.scene(voltage)
        rng = np.random.default_rng([self.seed, 1, int(voltage)])
        marked = replace(scene, classes=scene.classes.copy())
        mark_defects(marked, rng)
        # The named points are read from three pixels each, the steps along one line: they shall be good ones.
        dx, dy = (PIXEL_SIZE * pixels for pixels in _DRIFTS[voltage])
        across, down = np.meshgrid(scene.x - dx, scene.y - dy)
        near = self._nearness(across, down).max(axis=0) > 0.01
        for line in (region for region in self.regions if region.region_class == "other"):
            near |= mask_from_region(replace(line, width=line.width + 2 * PIXEL_SIZE), across[0], down[:, 0])
        marked.classes[near] = scene.classes[near]
        dead = (marked.classes == DEAD_LINE).any(axis=1) & near.any(axis=1)
        marked.classes[dead] = scene.classes[dead]
        return marked, rng

    def control(self, preset: str) -> xr.Dataset:
        """Return a scan without response, or with a weak one: "silicon-wafer", "hopg"."""
        return simulate_dataset(
            preset, size=self.size, samples=self.samples, seed=self.seed + 1, noise=self.noise
        )

    def scene(self, voltage: float, *, drifted: bool = True) -> Scene:
        """Return the surface as it responds to a voltage, where it lies by then or where it lay first."""
        dx, dy = (PIXEL_SIZE * pixels if drifted else 0.0 for pixels in _DRIFTS[voltage])
        scene = drawn_scene(*self.size, np.random.default_rng(self.seed), drift=(dx, dy))
        across, down = np.meshgrid(scene.x - dx, scene.y - dy)
        scene = _with_plain_steps(scene)
        # Beside the first step, to its upper left, D falls to 6e-13 m²/s and rises again.
        away = (1 + _SECOND_RISE * np.clip((-scene.distance - 40e-9) / 120e-9, 0, 1)) / (
            1 + 0.15 * np.clip(-scene.distance / 200e-9, 0, 1)
        )
        away = away * np.exp(
            _VARIATION * _texture(across, down, [self.seed, 5]) * np.clip(-scene.distance / 20e-9 - 1, 0, 1)
        )
        scene = replace(scene, d1=scene.d1 * away, d2=scene.d2 * away)
        topography = self._topography(dx, dy) + _GRIT * _texture(across, down, [self.seed, 4], _GRIT_SIZE)
        slope = np.gradient(topography, PIXEL_SIZE, axis=1)
        scene = replace(scene, topography=topography, deflection_error=FEEDBACK_LAG * slope)
        responding = scene.amplitude > 0
        height = np.where(
            responding, scene.amplitude * np.exp(_ROUGHNESS * _texture(across, down, [self.seed, 2])), 0.0
        )
        growth = _GAIN * np.exp(_GAIN_SPREAD * _texture(across, down, [self.seed, 3]))
        gain = 1 + growth * (voltage - VOLTAGES[0]) ** _GAIN_POWER
        # After 10 ms the slower pixels have not arrived; the named points shall be equally high all the same.
        arrived = -np.expm1(-PULSE / tau_from_diffusion(scene.d1, TIP_RADIUS))
        for point, near in zip(POINTS, self._nearness(across, down), strict=True):
            height = height * (1 - near) + _POINT_HEIGHT / arrived * near
            gain = gain * (1 - near) + point.gain(voltage) * near
        return replace(scene, amplitude=height * gain)

    @property
    def points(self) -> tuple[PinnedPoint, ...]:
        """The named points, where they lie in the first scan."""
        return tuple(PinnedPoint(point.number, *self._place(point), colour=point.colour) for point in POINTS)

    @property
    def regions(self) -> tuple[Region, ...]:
        """Both steps, lines across them, and the grains beside and beyond them, where they lie in the first scan."""
        return regions_of_steps(*self.size)

    def truth(self) -> dict[str, Any]:
        """Return what was put in, in SI units, as JSON holds it."""
        scene = self.scene(VOLTAGES[0])
        responding = scene.classes < NO_RESPONSE
        heights = {voltage: self._heights(voltage) for voltage in VOLTAGES}
        distance = scene.distance
        parts = {
            "step": scene.classes == STEP,
            "beside": (distance < -15e-9) & (distance > -30e-9),
            "far": distance < -120e-9,
            "grain": scene.classes == GRAIN,
        }
        return {
            "simulated": True,
            "made_with": {
                "preset": SERIES_PRESET,
                "size": list(self.size),
                "samples": self.samples,
                "seed": self.seed,
                **({} if self.noise is None else {"noise": str(self.noise)}),
            },
            "tip_radius": TIP_RADIUS,
            "pixel_size": PIXEL_SIZE,
            "phase": float(np.rad2deg(PHASE)),
            "scans": [
                {"voltage": -voltage, "drift_pixels": list(_DRIFTS[voltage])}
                | _of_heights(heights[voltage])
                | self._defects(voltage)
                for voltage in VOLTAGES
            ],
            "D": {
                name: {
                    "mode_log10": _mode(np.log10(values[responding])),
                    **{
                        part: float(np.median(values[responding & inside]))
                        for part, inside in parts.items()
                        if (responding & inside).any()
                    },
                }
                for name, values in (("D1", scene.d1), ("D2", scene.d2))
            },
            # Dead lines and hot pixels are no part of the surface: each scan has its own.
            "pixels": {
                name: int((scene.classes == number).sum())
                for number, name in enumerate(CLASSES)
                if number <= NO_RESPONSE
            },
            "step_widths": [STEP_WIDTH, SECOND_STEP_WIDTH],
            "step_against_grain": float(
                np.median(heights[3.0][parts["step"]]) / np.median(heights[3.0][parts["grain"]])
            ),
            "points": [
                {
                    "number": point.number,
                    "x": self._place(point)[0],
                    "y": self._place(point)[1],
                    "verdict": point.verdict,
                    "H": [self._height_at(point, heights[voltage]) for voltage in VOLTAGES],
                }
                for point in POINTS
            ],
            "weak_control": PRESETS["hopg"].displacement / PRESETS["si-c-step"].displacement,
        }

    def _defects(self, voltage: float) -> dict[str, int]:
        """Return how many pixels of a scan are dead or hot, by their class."""
        classes = self._with_defects(voltage)[0].classes
        return {CLASSES[number]: int((classes == number).sum()) for number in (DEAD_LINE, HOT_PIXEL)}

    def _topography(self, dx: float, dy: float) -> Array:
        """Return the height of the drawn surface, averaged over each pixel.

        Borders of grains that jump from pixel to pixel would move by whole pixels only.
        """
        parts = ((np.arange(_PARTS) + 0.5) / _PARTS - 0.5) * PIXEL_SIZE
        drawn = [
            drawn_scene(
                *self.size, np.random.default_rng(self.seed), drift=(dx + right, dy + down)
            ).topography
            for down in parts
            for right in parts
        ]
        return np.asarray(np.mean(drawn, axis=0))

    def _heights(self, voltage: float) -> Array:
        """Return H of a scan of −voltage without noise and drift, shape (y, x), NaN where nothing responds."""
        scene = self.scene(voltage, drifted=False)
        time, _ = record_of_samples(self.samples)
        unit = unit_traces("exponential", scene, time)
        pulse = Window(0.0, PULSE)
        rows = [displacement_from_traces(unit(row).T, time, pulse) for row in range(self.size[1])]
        heights = PRESETS["si-c-step"].displacement * scene.amplitude * np.stack(rows)
        return np.where(scene.classes < NO_RESPONSE, heights, np.nan)

    def _height_at(self, point: NamedPoint, heights: Array) -> float:
        x, y = self._place(point)
        return float(heights[int(y / PIXEL_SIZE), int(x / PIXEL_SIZE)])

    def _place(self, point: NamedPoint) -> tuple[float, float]:
        """Return the centre of the pixel of a named point in the first scan, in m."""
        column, row = (
            int(part * count) for part, count in zip((point.across, point.down), self.size, strict=True)
        )
        return (column + 0.5) * PIXEL_SIZE, (row + 0.5) * PIXEL_SIZE

    def _nearness(self, across: Array, down: Array) -> Array:
        """Return 1 around each named point and 0 elsewhere, shape (point, y, x)."""
        places = [self._place(point) for point in POINTS]
        return np.stack([1 / (1 + (np.hypot(across - x, down - y) / _POINT_REACH) ** 12) for x, y in places])


def simulate_series(
    *,
    size: tuple[int, int] = (64, 48),
    samples: int = 250,
    seed: int = 0,
    noise: str | InstrumentNoise | None = None,
) -> SimulatedSeries:
    """Return scans of one drawn area with six voltages.

    Parameters
    ----------
    size, samples, seed, noise
        As of `simulate`; see `SimulatedSeries`, too.
    """
    return SimulatedSeries(size, samples, seed, instrument_noise_from(noise))


def _with_plain_steps(scene: Scene) -> Scene:
    """Return the surface with D in proportion to the step's share of a place, so that D falls by half at its border.

    Between logarithms, as the surface is drawn, half of D lies a few per cent further inside.
    """
    share = np.maximum(
        band(scene.distance, STEP_WIDTH), band(scene.distance - SECOND_STEP_DISTANCE, SECOND_STEP_WIDTH)
    )
    apart = np.maximum(1 - share, 1e-6)
    in_grains = np.exp((np.log(scene.d2) - share * np.log(STEP_DIFFUSION)) / apart)
    d2 = np.where(share < 0.999, in_grains * (1 - share) + STEP_DIFFUSION * share, scene.d2)
    return replace(scene, d1=d2 / 2, d2=d2)


def _texture(
    across: Array, down: Array, seed: Sequence[int], size: tuple[float, float] = _TEXTURE_SIZE
) -> Array:
    """Return a smooth random surface of mean 0 and variance 1, the same at the same place wherever the pixels lie."""
    rng = np.random.default_rng(seed)
    length = np.exp(rng.uniform(np.log(size[0]), np.log(size[1]), _WAVES))
    direction, phase = rng.uniform(0, 2 * np.pi, (2, _WAVES))
    total = np.zeros(across.shape)
    for wave_number, angle, shift in zip(2 * np.pi / length, direction, phase, strict=True):
        total += np.cos(wave_number * (across * np.cos(angle) + down * np.sin(angle)) + shift)
    return np.asarray(np.sqrt(2 / _WAVES) * total)


def _of_heights(heights: Array) -> dict[str, float | None]:
    low, median, high = quartiles(heights)
    return {"H_median": median, "H_q25": low, "H_q75": high, "H_mode": _mode(heights)}


def _mode(values: Array) -> float | None:
    mode = mode_from_values(values)
    return None if mode is None else mode.value
