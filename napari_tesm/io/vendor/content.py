"""What a microscope's file holds: images, volumes, curve maps, curves at points, and single curves."""

from __future__ import annotations

import re
import tempfile
from os import PathLike
from pathlib import Path
from typing import Any, Final

import numpy as np
from gwyfile.objects import GwyContainer
from numpy.typing import NDArray

from napari_tesm.files.disk import DiskFile
from napari_tesm.files.errors import GwyFormatError
from napari_tesm.gwy import contents
from napari_tesm.gwy.forms import MAGICS
from napari_tesm.gwy.graphs import Graph, Spectra
from napari_tesm.gwy.lawns import Lawn
from napari_tesm.gwy.objects import Brick, Field
from napari_tesm.gwy.reading import read_container
from napari_tesm.io.content import (
    Axis,
    Collection,
    ContentError,
    FileContent,
    Source,
    axis_from_positions,
    disk_content,
    one_line,
)
from napari_tesm.io.point_grid import grid_of_points
from napari_tesm.io.vendor.converter import convert

# Pictures and documents, which say nothing of units; of .gwy files there is a reader of their own.
_OTHERS: Final = (
    *MAGICS, b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"%PDF", b"%!PS", b"<svg", b"\x7fELF", b"#!", b"\x1f\x8b",
    b"\xd0\xcf\x11\xe0",
)  # fmt: skip
_JPK: Final = b"header.properties"
_MOST_CURVES: Final = 10_000
_LEAST_STACK: Final = 16
"""Fewer images with one title are channels, ways of the scan, or repetitions."""
_NUMBER: Final = re.compile(r"[\s_#\-]*\d+$")


def is_vendor(path: str | PathLike[str], head: bytes) -> bool:
    """Return whether a file starting with the bytes `head` may be a microscope's own.

    Only the converter knows all of them, so this tells what is certainly none; other formats are to be asked first.
    """
    return bool(head) and not head.startswith(_OTHERS)


def content_from_vendor(path: str | PathLike[str]) -> FileContent:
    """Return what a microscope's file holds, as Gwyddion understands it.

    The file is converted in a temporary folder by another process. Images have the axes y and x, at the centres of
    pixels; volumes and curve maps have y, x and that of the curves; curves at points have y and x, too, where the
    points are a grid, and else one axis of points. Titles, units and metadata are the file's.

    Parameters
    ----------
    path : path-like

    Raises
    ------
    ContentError
        If the file is of no known format, damaged, or needs too much time or memory.
    OSError
        If it cannot be opened.
    MissingPackageError
        If the converter is not installed.
    """
    path = Path(path)
    disk = disk_content(path)
    if disk[:4] == b"PK\x03\x04" and _JPK in disk[:200]:
        raise ContentError(
            f"{path} is a force file of JPK, whose curves are not read here: export them as text or HDF5."
        )
    # Converted files disappear at once: what is found in them is copied.
    with tempfile.TemporaryDirectory(prefix="tesm-", ignore_cleanup_errors=True) as folder:
        output = Path(folder) / "converted.gwy"
        kind = convert(path, output)
        try:
            container = read_container(output)
            collected = _Conversion(disk)
            collected.read(container)
        except GwyFormatError as error:
            reason = one_line(str(error).replace(str(output), "its conversion"))
            raise ContentError(f"{path} cannot be read as a microscope's file: {reason}") from None
        finally:
            container = None
    if not collected.sources:
        raise ContentError(f"{path} holds neither images nor curves.")
    return FileContent(
        path, f"microscope file ({kind})", collected.sources, notes=collected.notes, check=disk.check
    )


class _Conversion(Collection):
    """Collects what is in a converted file, as copies."""

    def __init__(self, disk: DiskFile) -> None:
        super().__init__()
        self.disk = disk

    def read(self, container: GwyContainer) -> None:
        for kind, reading in (
            (contents.CHANNEL, self.image),
            (contents.BRICK, self.volume),
            (contents.LAWN, self.curve_map),
            (contents.SPECTRA, self.spectra),
            (contents.GRAPH, self.graph),
        ):
            for number in contents.ids(container, kind):
                title = contents.title(container, kind, number).strip() or f"{kind.capitalize()} {number}"
                metadata = contents.texts_of(container, kind, number)
                reading(container[contents.object_key(kind, number)], title, metadata)
        self.stack_images()
        if self.sources and all(len(source.axes) == 1 for source in self.sources):
            self.note("It holds single curves and no map.")

    def stack_images(self) -> None:
        """Make one array of many images that are called alike: samples in time, at moments that have to be said."""
        kinds: dict[tuple[Any, ...], list[Source]] = {}
        for source in self.sources:
            if [axis.name for axis in source.axes] == ["y", "x"]:
                places = [(axis.size, axis.start, axis.step, axis.unit) for axis in source.axes]
                kinds.setdefault((_NUMBER.sub("", source.title), source.unit, *places), []).append(source)
        for (title, unit, *_), layers in kinds.items():
            if len(layers) < _LEAST_STACK:
                continue
            first = self.sources.index(layers[0])
            own = set(layers)
            self.sources = [source for source in self.sources if source not in own]
            axes = [Axis(len(layers), "time", known=False), *layers[0].axes]
            stack = Source(
                one_line(title or layers[0].name), np.stack([layer.array for layer in layers]), axes, unit
            )
            self.sources.insert(first, stack)
            self.note(
                f"{len(layers)} images called '{stack.title}' are taken for samples in time, in the order of the file."
            )

    def image(self, item: Any, title: str, metadata: dict[str, Any]) -> None:
        field = Field.from_object(item, title)
        axes = _lateral_axes(field, field.values.shape, field.unit_xy)
        self.add(one_line(title), np.array(field.values), axes, field.unit_z, title, metadata)

    def volume(self, item: Any, title: str, metadata: dict[str, Any]) -> None:
        brick = Brick.from_object(item, title)
        values = np.asarray(brick.values)
        name = "time" if brick.z_unit == "s" else ""
        axes = [
            *_lateral_axes(brick, (values.shape[1], values.shape[2]), brick.unit_x),
            axis_from_positions(np.asarray(brick.z), name, brick.z_unit),
        ]
        self.add(one_line(title), np.array(values).transpose(1, 2, 0), axes, brick.unit_w, title, metadata)

    def curve_map(self, item: Any, title: str, metadata: dict[str, Any]) -> None:
        lawn = Lawn.from_object(item, title)
        regular = lawn.regular_curves()
        if regular is None:
            lengths = f"{int(lawn.lengths.min())} to {int(lawn.lengths.max())}"
            self.leave_out(title, f"its curves have {lengths} samples, and only one length makes a map.")
            return
        curves = np.asarray(regular)
        axes = _lateral_axes(lawn, lawn.lengths.shape, lawn.unit_xy)
        attributes = dict(metadata)
        if lawn.segments is not None:
            attributes["segments"] = list(lawn.segment_labels)
        # The curve that is the same in every pixel is what the others were recorded over.
        common = [
            index
            for index in range(lawn.n_curves)
            if curves.shape[-1] and bool((curves[..., index, :] == curves[:1, :1, index]).all())
        ]
        along = Axis(curves.shape[-1], known=False)
        if len(common) == 1:
            label, unit = lawn.labels[common[0]], lawn.units[common[0]]
            along = axis_from_positions(np.array(curves[0, 0, common[0]]), label, unit)
        for index in range(lawn.n_curves):
            if [index] == common and lawn.n_curves > 1:
                continue
            name = f"{title}/{lawn.labels[index]}" if lawn.labels[index] and lawn.n_curves > 1 else title
            self.add(
                one_line(name),
                np.array(curves[:, :, index]),
                [*axes, along],
                lawn.units[index],
                name,
                attributes,
            )

    def spectra(self, item: Any, title: str, metadata: dict[str, Any]) -> None:
        spectra = Spectra.from_object(item, title)
        if not spectra.curves:
            return
        first = spectra.curves[0]
        kinds = {
            (line.values.size, line.real, line.offset, line.unit_x, line.unit_y) for line in spectra.curves
        }
        if len(kinds) > 1:
            self.leave_out(title, f"its {len(spectra.curves)} curves have not the same samples.")
            return
        size = first.values.size
        along = Axis(
            size,
            spectra.x_label or ("time" if first.unit_x == "s" else ""),
            first.unit_x,
            first.offset,
            first.real / size,
        )
        values = np.array([line.values for line in spectra.curves])
        positions = np.array(spectra.positions)
        grid = grid_of_points(positions)
        unit = spectra.unit_xy
        if grid is None:
            self.note(
                f"'{title}' is a list of {len(values)} curves: their points are no grid (attributes x, y)."
            )
            attributes = {**metadata, "x": positions[:, 0], "y": positions[:, 1], "unit of x and y": unit}
            axes = [Axis(len(values), "point", known=False), along]
            self.add(one_line(title), values, axes, first.unit_y, title, attributes)
            return
        y, x, order = grid
        axes = [axis_from_positions(y, "y", unit), axis_from_positions(x, "x", unit)]
        if order.shape[2] == 1:
            order = order[:, :, 0]
        else:
            self.note(f"'{title}' has {order.shape[2]} curves at each of its {y.size} × {x.size} points.")
            axes.append(Axis(order.shape[2], "curve", known=False))
        self.add(one_line(title), values[order], [*axes, along], first.unit_y, title, metadata)

    def graph(self, item: Any, title: str, metadata: dict[str, Any]) -> None:
        graph = Graph.from_object(item, title)
        for number, curve in enumerate(graph.curves[:_MOST_CURVES]):
            if not curve.y.size:
                continue
            called = curve.description.strip() or f"curve {number + 1}"
            name = title if len(graph.curves) == 1 else f"{title}/{called}"
            along = axis_from_positions(
                np.array(curve.x), "time" if graph.x_unit == "s" else graph.x_label, graph.x_unit
            )
            values = np.array(curve.y)
            if _is_backwards(values, self.disk):
                values = values[::-1].copy()
                self.note(f"'{name}' is in the order of the file, in which Gwyddion shows it backwards.")
            self.add(
                one_line(name), values, [along], graph.y_unit, name, {**metadata, "y_label": graph.y_label}
            )


def _lateral_axes(item: Any, shape: tuple[int, ...], unit: str) -> list[Axis]:
    """Return the axes y and x of an image or map: its pixels' centres."""
    axes = []
    for name, size in zip("yx", shape, strict=True):
        step = getattr(item, f"{name}_real") / size
        axes.append(Axis(size, name, unit, getattr(item, f"{name}_offset") + step / 2, step))
    return axes


def _is_backwards(values: NDArray[np.float64], disk: DiskFile) -> bool:
    """Return whether the samples of a curve stand in the file as they are, but in the opposite order.

    Gwyddion takes the curves of an Igor file for lines of an image, which are turned upside down.
    """
    for code in ("<f4", ">f4", "<f8", ">f8"):
        with np.errstate(over="ignore"):
            forwards = values.astype(code)
        if not np.array_equal(forwards, values):
            continue
        if disk.find(forwards.tobytes()) < 0 <= disk.find(forwards[::-1].tobytes()):
            return True
    return False
