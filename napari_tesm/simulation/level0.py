"""Scans of a drawn surface with known D; on level 0 every pixel relaxes exactly as the paper's recipe assumes.

There the surface moves as ``A (1 − exp(−t/tau1))`` during the pulse and falls back as ``exp(−(t − T)/tau2)``, with
tau = l²/D. What the recipe makes of real diffusion is a matter of the higher levels (`MODELS`).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import xarray as xr

from napari_tesm.data.dataset import dataset_from_traces
from napari_tesm.data.protocol import PulseProtocol
from napari_tesm.physics.diffusion import tau_from_diffusion
from napari_tesm.quantities.limits import check_count
from napari_tesm.simulation.instrument_noise import InstrumentNoise
from napari_tesm.simulation.level1 import MOST_SAMPLES, PULSE
from napari_tesm.simulation.models import MODELS, TIP_RADIUS, Work, unit_traces
from napari_tesm.simulation.scene import (
    CLASSES,
    DEAD_LINE,
    HOT_PIXEL,
    NO_RESPONSE,
    Scene,
    diffusion_of_scene,
    drawn_scene,
)

RECORD: Final = 25e-3
TIP_RADIUS_ERROR: Final = 2e-9
FEWEST_SAMPLES: Final = 25
MOST_PIXELS: Final = 100_000
MOST_VALUES: Final = 1 << 33
"""What 64 GiB hold; a memory that ends before that says so itself."""
_BEFORE_PULSE: Final = 0.02
"""Part of the record before the pulse."""
_SETTINGS: Final = ((3.0, "trace", -0.9), (-3.0, "retrace", 1.0))
"""Voltage, scan direction and relative displacement: a positive tip drives ions away, the surface contracts."""


@dataclass(frozen=True)
class Preset:
    """A kind of sample: displacement at the step and noise, in V of the lock-in's output."""

    description: str
    displacement: float
    noise: float = 0.008
    defects: bool = True


PRESETS: Final = {
    "si-c-step": Preset("aged Si/C anode with two steps across grains", 0.3),
    "silicon-wafer": Preset(
        "silicon wafer without lithium: noise only, the negative control", 0.0, defects=False
    ),
    "hopg": Preset("lithiated graphite: a response five times weaker than Si/C", 0.06),
}
"""The samples that can be simulated, by name."""


@dataclass(frozen=True)
class Simulation:
    """A simulated dataset and the truth behind it.

    Parameters
    ----------
    truth : Dataset
        ``D1``, ``D2`` (m²/s), ``tau1``, ``tau2`` (s), ``amplitude`` (V, signed, per pulse), ``distance`` (m, from
        the middle of the first step) and ``pixel_class`` with CF flags. The diffusion models have one ``D``, and
        ``tau`` = R0²/(4D), in place of the first four.
    """

    dataset: xr.Dataset
    truth: xr.Dataset


def simulate_dataset(
    preset: str = "si-c-step",
    *,
    size: tuple[int, int] = (64, 48),
    samples: int = 250,
    seed: int = 0,
    noise: str | InstrumentNoise | None = None,
) -> xr.Dataset:
    """Return a simulated dataset; `simulate` gives the truth behind it, too.

    Parameters
    ----------
    preset, size, samples, seed, noise
        As of `simulate`.
    """
    return simulate(preset, size=size, samples=samples, seed=seed, noise=noise).dataset


def simulate(
    preset: str = "si-c-step",
    *,
    size: tuple[int, int] = (64, 48),
    samples: int = 250,
    seed: int = 0,
    model: str = "exponential",
    noise: str | InstrumentNoise | None = None,
    work: Work | None = None,
) -> Simulation:
    """Simulate a scan with both polarities.

    Parameters
    ----------
    preset : str
        A key of `PRESETS`.
    size : (int, int)
        Pixels across and down, 6 nm each.
    samples : int
        Samples in the record of 25 ms, of which the first 2 % lie before the pulse.
    seed : int
        The same seed gives the same numbers.
    model : str
        A key of `MODELS`. The lateral ones take seconds for each 20 × 20 pixels.
    noise : str or InstrumentNoise, optional
        What an instrument adds, as ``"lock-in:0.1ms:4,drift:10%,mains:50Hz:0.3"``. The same seed gives the same sample
        and, without a filter, the same white noise below it.
    work : Work, optional
        Threads and progress, for the lateral models.

    Raises
    ------
    ValueError
        If the preset, the model or a kind of noise is unknown, a size is not positive, there are fewer than 25 samples,
        or more of both than a memory holds.
    """
    check_simulation(preset, size=size, samples=samples, seed=seed, model=model)
    width, height = size
    time, start = record_of_samples(samples)
    chosen = PRESETS[preset]
    rng = np.random.default_rng(int(seed))
    scene = drawn_scene(width, height, rng)
    if chosen.defects:
        mark_defects(scene, rng)
    instrument = instrument_noise_from(noise)
    times = time if instrument is None else instrument.times(time)
    # In the same state the generator draws the same surface.
    anywhere = diffusion_of_scene(width, height, np.random.default_rng(int(seed)))
    unit = unit_traces(model, scene, times, work, diffusion=anywhere)
    remark = "" if model == "exponential" else f" ({MODELS[model]})"
    dataset = dataset_of_scene(
        scene, unit, time, start, chosen, _SETTINGS, {"X": 1.0}, rng, remark=remark, instrument=instrument
    )
    truth = _truth(scene, chosen.displacement, model)
    if instrument is not None:
        truth.attrs["noise"] = str(instrument)
    return Simulation(dataset, truth)


def instrument_noise_from(noise: str | InstrumentNoise | None) -> InstrumentNoise | None:
    """Return what an instrument adds, also where it is written as text."""
    return InstrumentNoise.from_text(noise) if isinstance(noise, str) else noise


def dataset_of_scene(
    scene: Scene,
    unit: Callable[[int], np.ndarray],
    time: np.ndarray,
    start: float,
    preset: Preset,
    settings: Sequence[tuple[float, str, float]],
    signals: Mapping[str, float],
    rng: np.random.Generator,
    *,
    remark: str,
    instrument: InstrumentNoise | None = None,
) -> xr.Dataset:
    """Return the scan of a surface with its noise.

    Parameters
    ----------
    unit : callable
        From `unit_traces`, for the times of the samples, or those that the instrument needs.
    time, start
        From `record_of_samples`.
    settings : sequence of (float, str, float)
        Voltage, scan direction and relative displacement of each pulse setting.
    signals : mapping of str to float
        What part of the response each signal of the lock-in has.
    remark : str
        Ends the title.
    instrument : InstrumentNoise, optional
        What is there beside white noise.
    """
    # A generator of its own: sample and white noise stay what they are without an instrument.
    own = None if instrument is None else (instrument, rng.spawn(1)[0])
    traces = {
        signal: [
            _traces_of_scene(scene, unit, time, preset.displacement * factor * part, preset.noise, rng, own)
            for _, _, factor in settings
        ]
        for signal, part in signals.items()
    }
    protocol = PulseProtocol(
        pulse_start=start, pulse_duration=PULSE, ac_amplitude=2.0, ac_frequency=25e3,
        tip_radius=TIP_RADIUS, tip_radius_error=TIP_RADIUS_ERROR,
    )  # fmt: skip
    if instrument is not None and instrument.time_constant:
        protocol = protocol.updated(
            lock_in_time_constant=instrument.time_constant, lock_in_order=instrument.order
        )
    dataset = dataset_from_traces(
        traces,
        time=time,
        x=scene.x,
        y=scene.y,
        voltage=[voltage for voltage, _, _ in settings],
        direction=[direction for _, direction, _ in settings],
        unit="V",
        protocol=protocol,
        channels=_channels_of_scene(scene, rng),
    )
    dataset.attrs["time_origin"] = start
    told = "" if instrument is None else f"; noise {instrument}"
    dataset.attrs["title"] = f"Simulated: {preset.description}{remark}{told}"
    return dataset


def check_simulation(preset: str, *, size: tuple[int, int], samples: int, seed: int, model: str) -> None:
    """See that `simulate` can do what is asked for, before anything is done.

    Parameters
    ----------
    preset, size, samples, seed, model
        As of `simulate`.

    Raises
    ------
    ValueError
        If it cannot.
    """
    if preset not in PRESETS:
        raise ValueError(f"unknown preset '{preset}': choose one of {', '.join(PRESETS)}")
    if model not in MODELS:
        raise ValueError(f"unknown model '{model}': choose one of {', '.join(MODELS)}")
    width, height = size
    if not (width >= 1 and height >= 1):
        raise ValueError(f"the size must be at least 1x1 pixels, not {width}x{height}")
    for pixels in size:
        check_count(pixels, "size in pixels", fewest=1, most=MOST_PIXELS)
    record_of_samples(samples)
    check_count(seed, "seed", fewest=0, most=2**63)
    values = len(_SETTINGS) * width * height * samples
    if values > MOST_VALUES:
        raise ValueError(
            f"the traces would hold {values:.2g} values, more than {MOST_VALUES:.2g}: choose a smaller size or fewer "
            "samples"
        )


def record_of_samples(samples: int) -> tuple[np.ndarray, float]:
    """Return the times of a record's samples from the start of the pulse, and when that is in the record, in s.

    Raises
    ------
    ValueError
        If there are fewer than 25 samples, or more than a million.
    """
    if samples < FEWEST_SAMPLES:
        raise ValueError(f"at least {FEWEST_SAMPLES} samples are needed, not {samples}")
    check_count(samples, "number of samples", fewest=FEWEST_SAMPLES, most=MOST_SAMPLES)
    interval = RECORD / samples
    start = max(1, round(_BEFORE_PULSE * samples)) * interval
    return np.asarray(np.arange(samples) * interval - start, dtype=np.float64), start


def mark_defects(scene: Scene, rng: np.random.Generator) -> None:
    """Mark one dead line and three hot pixels in a hundred lines and thousand pixels, at least one of each."""
    height, width = scene.classes.shape
    if height < 8 or width < 8:
        return
    scene.classes[rng.choice(height, max(1, height // 100), replace=False)] = DEAD_LINE
    hot = rng.choice(scene.classes.size, max(1, 3 * scene.classes.size // 1000), replace=False)
    alive = hot[scene.classes.flat[hot] != DEAD_LINE]
    scene.classes.flat[alive] = HOT_PIXEL


def _traces_of_scene(
    scene: Scene,
    unit: Callable[[int], np.ndarray],
    time: np.ndarray,
    displacement: float,
    noise: float,
    rng: np.random.Generator,
    instrument: tuple[InstrumentNoise, np.random.Generator] | None,
) -> np.ndarray:
    """Return the traces of one pulse setting as a (y, x, time) view of a time-first array, as bricks are."""
    height, width = scene.classes.shape
    out = np.empty((time.size, height, width))
    stuck = np.clip(time, 0, PULSE) > 0.6 * PULSE
    for row in range(height):
        values = displacement * scene.amplitude[row] * unit(row)
        white = rng.standard_normal((time.size, width))
        if instrument is None:
            values += noise * white
        else:
            values = instrument[0].recording(values, white, time, noise, instrument[1])
        values[:, scene.classes[row] == DEAD_LINE] = 0.0
        hot = scene.classes[row] == HOT_PIXEL
        # A tip that sticks: the signal jumps to a huge value in the middle of the pulse and stays there.
        values[stuck, :] += 40 * max(abs(displacement), noise) * hot
        out[:, row] = values
    return out.transpose(1, 2, 0)


def _channels_of_scene(scene: Scene, rng: np.random.Generator) -> list[xr.DataArray]:
    noise = {"topography": 0.15e-9, "deflection_error": 2e-5}
    units = {"topography": "m", "deflection_error": "V"}
    titles = {"topography": "Topography", "deflection_error": "Deflection error"}
    coordinates = {"y": scene.y, "x": scene.x}
    return [
        xr.DataArray(
            getattr(scene, name) + noise[name] * rng.standard_normal(scene.classes.shape),
            dims=("y", "x"),
            coords=coordinates,
            name=name,
            attrs={"units": units[name], "long_name": titles[name]},
        )
        for name in ("topography", "deflection_error")
    ]


def _truth(scene: Scene, displacement: float, model: str) -> xr.Dataset:
    signed = np.stack([displacement * factor * scene.amplitude for _, _, factor in _SETTINGS])
    responding = (displacement != 0) & (scene.classes < NO_RESPONSE)
    d1, d2 = (np.where(responding, values, np.nan) for values in (scene.d1, scene.d2))
    grid = ("y", "x")
    if model == "exponential":
        coefficients = {
            "D1": (grid, d1, {"units": "m²/s"}),
            "D2": (grid, d2, {"units": "m²/s"}),
            "tau1": (grid, tau_from_diffusion(d1, TIP_RADIUS), {"units": "s"}),
            "tau2": (grid, tau_from_diffusion(d2, TIP_RADIUS), {"units": "s"}),
        }
    else:
        tau = tau_from_diffusion(d2, TIP_RADIUS, geometry="l2/4tau")
        coefficients = {"D": (grid, d2, {"units": "m²/s"}), "tau": (grid, tau, {"units": "s"})}
    return xr.Dataset(
        {
            **coefficients,
            "amplitude": (("pulse", *grid), signed, {"units": "V"}),
            "distance": (grid, scene.distance, {"units": "m"}),
            "pixel_class": (
                grid,
                scene.classes,
                {"flag_values": np.arange(len(CLASSES), dtype=np.int8), "flag_meanings": " ".join(CLASSES)},
            ),
        },
        coords={"x": scene.x, "y": scene.y},
    )
