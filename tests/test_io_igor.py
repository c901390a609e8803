"""Stacks of images as traces: Igor waves, read where they are, and many images that are called alike."""

import struct

import numpy as np
import pytest

from napari_tesm import open_dataset
from napari_tesm.io.content import ContentError
from napari_tesm.io.detection import content_from_file, format_of_file
from napari_tesm.io.mapping.text import mapping_from_text

STEPS, UNITS = (0.2e-6, 0.3e-6, 0.5e-3), ("m", "m", "s")


def traces():
    """Return values by Igor's dimensions, shape (x, y, time), as no two pixels have them."""
    x, y, k = np.meshgrid(np.arange(5), np.arange(3), np.arange(40), indexing="ij")
    return (1e-9 * (x + 10 * y) * (1 - np.exp(-k / 9))).astype("f4")


def wave(values, steps=STEPS, units=UNITS, *, order="<", note=b"", labels=0, start=-2e-3, code=2):
    """Return a wave of version 5 as WaveMetrics' Technical Note PTN003 describes it."""

    def four(of, filler):
        return [*of, *[filler] * (4 - len(of))]

    raw = values.astype(order + values.dtype.str[1:]).tobytes(order="F")
    starts = four([0.0, 0.0, start][: values.ndim], 0.0)
    dimension_units = b"".join(unit.encode().ljust(4, b"\0") for unit in four(units, ""))
    head = struct.pack(
        f"{order}hhiiii4i4iiii", 5, 0, 320 + len(raw), 0, len(note), 0, 0, 0, 0, 0, 0, 0, labels, 0, 0, 0, 0
    ) + struct.pack(
        f"{order}IIIihh6sh32sii4i4d4d4s16s", 0, 0, 0, values.size, code, 0, b"", 1, b"piezo", 0, 0,
        *four(values.shape, 0), *four(steps, 1.0), *starts, b"m", dimension_units,
    )  # fmt: skip
    head = bytearray(head.ljust(384, b"\0"))
    total = sum(struct.unpack(f"{order}192h", head))
    struct.pack_into(f"{order}h", head, 2, (-total + 2**15) % 2**16 - 2**15)
    return bytes(head) + raw + note


@pytest.mark.parametrize("order", ["<", ">"])
def test_a_wave_of_images_is_traces_with_its_own_times_and_places(tmp_path, order):
    path = tmp_path / "scan.ibw"
    path.write_bytes(wave(traces(), order=order, note=b"Pulse duration: 10 ms\rOperator: me"))
    assert format_of_file(path) == "Igor"
    dataset = open_dataset(path)
    values = dataset["displacement"]
    assert values.dtype.kind == "f"
    # Igor's lines run upwards.
    np.testing.assert_array_equal(values.values[0], traces().transpose(1, 0, 2)[::-1])
    np.testing.assert_array_equal(
        values[0, 1:, 2, 3:9:2].values, traces().transpose(1, 0, 2)[::-1][1:, 2, 3:9:2]
    )
    np.testing.assert_allclose(dataset["time"].values, np.arange(40) * 0.5e-3, atol=1e-12)
    np.testing.assert_allclose(dataset["x"].values, (np.arange(5) + 0.5) * 0.2e-6)
    np.testing.assert_allclose(dataset["y"].values, (np.arange(3) + 0.5) * 0.3e-6)
    assert dataset.attrs["pulse_duration"] == pytest.approx(10e-3)


def test_lines_lie_as_the_converter_lays_those_of_images(tmp_path):
    pytest.importorskip("gwyddionpy_converter")
    from napari_tesm.io.vendor import content_from_vendor

    path = tmp_path / "scan.ibw"
    path.write_bytes(wave(traces()))
    (own,) = content_from_file(path).sources
    (converted,) = content_from_vendor(path).sources  # forty images, called alike
    assert [axis.name for axis in converted.axes] == ["time", "y", "x"]
    assert not converted.axes[0].known
    np.testing.assert_array_equal(converted.array, np.asarray(own.array))
    for ours, theirs in zip(own.axes[1:], converted.axes[1:], strict=True):
        np.testing.assert_allclose(ours.positions(), theirs.positions(), rtol=1e-6)


def test_times_that_a_wave_does_not_say_are_asked_for(tmp_path):
    path = tmp_path / "scan.ibw"
    path.write_bytes(wave(traces(), steps=(1.0, 1.0, 1.0), units=(), start=0.0))
    with pytest.raises(ValueError, match="the time between two samples of 'piezo'"):
        open_dataset(path)
    mapping = "traces:\n- {source: piezo}\nscan: {width: 1 µm, height: 0.9 µm}\ntime: {interval: 0.5 ms}\n"
    dataset = open_dataset(path, mapping=mapping_from_text(mapping))
    np.testing.assert_array_equal(dataset["displacement"].values[0], traces().transpose(1, 0, 2)[::-1])
    # Time first, and in whole numbers.
    counts = (traces() * 1e11).astype("i2").transpose(2, 0, 1)
    path.write_bytes(wave(counts, steps=(0.5e-3, 0.2e-6, 0.3e-6), units=("s", "m", "m"), start=0.0, code=16))
    np.testing.assert_array_equal(
        open_dataset(path)["displacement"].values[0], counts.transpose(2, 1, 0)[::-1]
    )


def test_other_waves_are_the_converters_and_cut_ones_are_used_as_far_as_images_are_whole(tmp_path):
    path = tmp_path / "scan.ibw"
    for other in (
        wave(traces()[:, :, :5]),
        wave(traces(), labels=32),
        wave(traces()[:, :, 0]),
        wave(traces(), code=3),
    ):
        path.write_bytes(other)
        assert format_of_file(path) == "microscope"
    whole = wave(traces())
    path.write_bytes(whole[: 384 + 33 * 15 * 4 + 7])
    np.testing.assert_array_equal(
        open_dataset(path)["displacement"].values[0], traces()[..., :33].transpose(1, 0, 2)[::-1]
    )
    assert any("7 of its 40 images are missing" in note for note in content_from_file(path).notes)
    path.write_bytes(whole[:390])
    with pytest.raises(ContentError, match="not one of its 40 images is whole"):
        content_from_file(path)
