"""The ordinary channels of a container: images with their axes, without results and regions of this program."""

import numpy as np
import xarray as xr
from gwyfile.objects import GwyContainer

from napari_tesm.data.dataset import slug_from_title
from napari_tesm.gwy import contents
from napari_tesm.gwy.objects import Field
from napari_tesm.gwy.si_units import unit_from_stored
from napari_tesm.io.gwy.annotations import is_annotation
from napari_tesm.io.gwy.grains import is_grain_channel
from napari_tesm.io.gwy.kernel_channels import kernel_map_attributes
from napari_tesm.io.gwy.results import axes_from_field, is_result


def channels_from_container(container: GwyContainer) -> list[xr.DataArray]:
    """Return the ordinary channels, each on its own grid; results of an earlier fit are left out.

    A channel's mask follows it as a boolean channel of the same name with ``_mask`` at its end; maps of a comparison of
    kernels are NaN there, and say in their attributes which of them they are.
    """
    channels: list[xr.DataArray] = []
    names: list[str] = []
    for number in contents.ids(container, contents.CHANNEL):
        metadata = contents.texts_of_channel(container, number)
        if is_result(metadata) or is_annotation(metadata) or is_grain_channel(metadata):
            continue
        title = contents.title(container, contents.CHANNEL, number).strip() or f"Channel {number}"
        names.append(slug_from_title(title, names))
        field = contents.image(container, number)
        channel = _channel(field.values, field, names[-1], title, unit_from_stored(field.unit_z, metadata))
        of_comparison = kernel_map_attributes(metadata)
        channel.attrs |= of_comparison
        marked = contents.mask(container, number)
        if marked is None or marked.shape != field.values.shape:
            channels.append(channel)
        elif of_comparison:
            channels.append(channel.where(~marked))
        else:
            channels += [channel, _channel(marked, field, f"{names[-1]}_mask", f"Mask of {title}", "")]
    return channels


def _channel(values: np.ndarray, field: Field, name: str, title: str, unit: str) -> xr.DataArray:
    axes = axes_from_field(field)
    for _, _, attributes in axes.values():
        del attributes["long_name"]
    return xr.DataArray(
        values, dims=("y", "x"), coords=axes, name=name, attrs={"units": unit, "long_name": title}
    )
