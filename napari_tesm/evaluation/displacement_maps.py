"""Maps of H alone: of every trace only the samples that H is the difference of are read.

The numbers are those of `napari_tesm.evaluation.pipeline.run` to the last bit.
"""

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from napari_tesm.data.dataset import Block
from napari_tesm.data.displacement import displacement_from_samples, samples_for_displacement
from napari_tesm.data.protocol import PulseProtocol, Window, windows_from_protocol
from napari_tesm.evaluation.evaluation import Evaluation
from napari_tesm.evaluation.levels import has_samples_before, height_from_traces
from napari_tesm.evaluation.pipeline import Progress, dataset_from_maps, evaluate_blocks
from napari_tesm.evaluation.settings import Settings

Array = NDArray[np.float64]


def displacement_maps(evaluation: Evaluation, *, progress: Progress | None = None) -> xr.Dataset:
    """Return H of every pixel and pulse setting, in the unit of the traces.

    Parameters
    ----------
    evaluation : Evaluation
        Its pulse and the rotation of its phase count; its traces are read block by block.
    progress : callable, optional
        Called with the fraction done and a few words.

    Returns
    -------
    Dataset
        ``H`` of dims (pulse, y, x), bit-equal to that of `napari_tesm.evaluation.pipeline.run`; without a threshold.

    Raises
    ------
    ValueError
        If it is not known when the pulse was on, or no pixel has an H.
    """
    pulse, protocol = evaluation.pulse, evaluation.protocol
    height = displacement_of_pulses(evaluation.dataset, pulse, progress=progress)
    if not np.isfinite(height).any():
        raise ValueError("no pixel holds a finite sample both before the pulse and at its end: there is no H")
    # A pulse that the protocol does not tell is a window of the recipe, and has to be named as such.
    windows = {1: pulse} if windows_from_protocol(protocol)[0] is None else {}
    settings = Settings(protocol.without_radii(), pulse, windows)
    return dataset_from_maps(evaluation.dataset, {"H": height}, None, settings, evaluation.recipe)


def displacement_of_pulses(dataset: xr.Dataset, pulse: Window, *, progress: Progress | None = None) -> Array:
    """Return H of every pulse setting, shape (pulse, y, x), in the unit of the traces.

    Raises
    ------
    ValueError
        If no sample lies inside the pulse.
    """
    time = dataset["time"].values
    parts = samples_to_read(time, pulse)
    counts = [part.stop - part.start for part in parts]
    height = np.full([dataset.sizes[name] for name in ("pulse", "y", "x")], np.nan)
    low_pass = PulseProtocol.from_attributes(dataset.attrs).low_pass

    def measure(traces: xr.DataArray, block: Block) -> None:
        samples = [
            # The order in memory decides how a sum is rounded: here it is that of the fit, pixel after pixel.
            np.require(traces.isel(time=part).values.reshape(-1, count), np.float64, ["C", "A"])
            for part, count in zip(parts, counts, strict=True)
        ]
        if len(samples) == 1:
            rows = height_from_traces(samples[0], time[parts[0]], pulse, low_pass=low_pass)
        else:
            rows = displacement_from_samples(*samples)
        height[block] = rows.reshape(traces.shape[:-1])

    # A fit of few traces is rounded in another way than one of many: the blocks are those of a run, then.
    held = sum(counts) if len(parts) > 1 else time.size
    evaluate_blocks(measure, dataset, samples=held, progress=progress, words="measuring H")
    return height


def samples_to_read(time: Array, pulse: Window) -> list[slice]:
    """Return the samples that H is made of: before the pulse and at its end, or all of it where nothing is before.

    Raises
    ------
    ValueError
        If no sample lies inside the pulse.
    """
    parts = samples_for_displacement(time, pulse)
    return list(parts) if has_samples_before(time, pulse) else [pulse.samples(time)]
