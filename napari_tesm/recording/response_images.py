"""Images of amplitude and phase of the response at each carrier, made of raw deflection when somebody looks at them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from napari_tesm.data.dataset import pulse_labels, slug_from_title
from napari_tesm.files.lazy import LazyArray, UnpackedOnce
from napari_tesm.files.variables import stored_variable
from napari_tesm.quantities.text import text_from_quantity
from napari_tesm.recording.carrier import Carrier, Complex, Responses


def add_response_images(dataset: xr.Dataset, responses: Sequence[Responses], carrier: Carrier) -> None:
    """Add images of amplitude and phase at each frequency, for each pulse setting, to a dataset, in place.

    Each is that of the mean response of the record. The recording is read once for both, when the first is looked at.

    Parameters
    ----------
    dataset : Dataset
        Of these responses.
    responses : sequence of Responses
        Of each pulse setting.
    carrier : Carrier
        Of the first frequency, with all others.
    """
    unit = str(dataset["displacement"].attrs["units"])
    frequencies = (carrier.frequency, *carrier.others)
    labels = pulse_labels(dataset["voltage"].values, [str(way) for way in dataset["direction"].values])
    for number, frequency in enumerate(frequencies):
        others = frequencies[:number] + frequencies[number + 1 :]
        own = Carrier(carrier.rate, frequency, carrier.size, others)
        for of_setting, label in zip(responses, labels, strict=True):
            shape = of_setting.shape[:2]
            means = LazyArray(shape, np.complex128, UnpackedOnce(_Means(replace(of_setting, detector=own))))
            for kind, convert, units in (("Amplitude", np.abs, unit), ("Phase", _degrees, "deg")):
                title = f"{kind} at {text_from_quantity(frequency, 'Hz', digits=6)} {label}".strip()
                attributes = {"units": units, "long_name": title}
                name = slug_from_title(title, [str(taken) for taken in dataset.data_vars])
                dataset[name] = stored_variable(("y", "x"), means.converted(convert), attributes)


@dataclass(frozen=True)
class _Means:
    """Makes the mean response of every pixel; an object that can be pickled."""

    responses: Responses

    def __call__(self) -> Complex:
        rows, columns, _ = self.responses.shape
        means = np.empty((rows, columns), dtype=np.complex128)
        for row in range(rows):
            for some in np.array_split(np.arange(columns), -(-columns // self.responses.at_once)):
                means[row, some] = self.responses.response(row, some).mean(axis=1)
        return means


def _degrees(values: NDArray[Any]) -> NDArray[np.float64]:
    return np.asarray(np.degrees(np.angle(values)))
