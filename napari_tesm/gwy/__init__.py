"""The codec of Gwyddion's ``.gwy`` files, free of t-ESM: bytes (read piece by piece, streamed out) and objects."""

from napari_tesm.gwy.graphs import Curve, Graph, Spectra
from napari_tesm.gwy.lawns import Lawn
from napari_tesm.gwy.objects import (
    Brick,
    DataLine,
    Field,
    mask_field,
    metadata_container,
    metadata_entries,
)
from napari_tesm.gwy.parts import new_object, put
from napari_tesm.gwy.reading import read_container
from napari_tesm.gwy.si_units import checked_unit, si_unit, unit_text
from napari_tesm.gwy.values import LazyArray
from napari_tesm.gwy.writing import (
    size_of,
    write_container,
    write_container_to,
)

__all__ = [
    "Brick", "Curve", "DataLine", "Field", "Graph", "Lawn", "LazyArray", "Spectra",
    "checked_unit", "mask_field", "metadata_container", "metadata_entries", "new_object", "put",
    "read_container", "si_unit", "size_of", "unit_text",
    "write_container", "write_container_to",
]  # fmt: skip
