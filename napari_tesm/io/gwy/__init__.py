"""The ``.gwy`` format of Gwyddion: its bytes (mapped reading, streaming writing) and its objects."""

from napari_tesm.io.gwy.errors import FileChangedError, GwyFormatError, GwySizeError
from napari_tesm.io.gwy.graphs import Curve, Graph, Spectra
from napari_tesm.io.gwy.lawns import Lawn
from napari_tesm.io.gwy.mapping import MappedFile, mapped_file_of
from napari_tesm.io.gwy.objects import (
    Brick,
    DataLine,
    Field,
    mask_field,
    metadata_container,
    metadata_entries,
    string_list,
    strings_of,
)
from napari_tesm.io.gwy.parts import new_object, put
from napari_tesm.io.gwy.reading import read_container
from napari_tesm.io.gwy.selections import Selection
from napari_tesm.io.gwy.si_units import checked_unit, si_unit, unit_text
from napari_tesm.io.gwy.values import LazyArray
from napari_tesm.io.gwy.writing import (
    check_size,
    size_of,
    source_files,
    write_container,
    write_container_to,
)

__all__ = [
    "Brick",
    "Curve",
    "DataLine",
    "Field",
    "FileChangedError",
    "Graph",
    "GwyFormatError",
    "GwySizeError",
    "Lawn",
    "LazyArray",
    "MappedFile",
    "Selection",
    "Spectra",
    "check_size",
    "checked_unit",
    "mapped_file_of",
    "mask_field",
    "metadata_container",
    "metadata_entries",
    "new_object",
    "put",
    "read_container",
    "si_unit",
    "size_of",
    "source_files",
    "string_list",
    "strings_of",
    "unit_text",
    "write_container",
    "write_container_to",
]
