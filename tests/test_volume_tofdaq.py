"""Counts of a time-of-flight mass spectrometer: what TofDaq's files say, and what they do not."""

import h5py
import numpy as np
import pytest

from napari_tesm.cli import main
from napari_tesm.io.content import ContentError
from napari_tesm.io.volumes import describe_volume, open_volume, save_volume

PEAKS = [
    ("6Li+", 6.015, 5.8, 6.2),
    ("7Li+", 7.016, 6.8, 7.2),
    ("[27Al]+", 26.98, 26.7, 27.2),
    ("nominal", 59.0, 58.6, 59.4),
]
COUNTS = np.random.default_rng(3).poisson(2.5, (9, 7, 11, 4)).astype(np.float32)
VOXEL = (40e-9, 90e-9, 90e-9)


def tofdaq(path, counts=COUNTS, *, field=0.02, peaks=PEAKS, data=True, events=False):
    with h5py.File(path, "w") as file:
        file.attrs["TofDAQ Version"] = np.float32(1.99)
        file.create_group("FIBParams").attrs["ViewField"] = np.array([field])
        file.create_dataset(
            "AcquisitionLog/Log", data=np.array([(1, b"start")], [("timestamp", "<u8"), ("logtext", "S16")])
        )
        file["FIBImages/Image0000/Data"] = np.zeros((14, 22))
        table = [(label.encode(), *numbers) for label, *numbers in peaks]
        names = ("label", "mass", "lower integration limit", "upper integration limit")
        file["PeakData/PeakTable"] = np.array(
            table, [(name, "S64" if k == 0 else "<f4") for k, name in enumerate(names)]
        )
        if data:
            file.create_dataset(
                "PeakData/PeakData", data=counts, chunks=(1, *counts.shape[1:]), compression="gzip"
            )
        if events:
            file.create_dataset("FullSpectra/EventList", (9, 7, 11), dtype=h5py.vlen_dtype(np.uint32))
    return path


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ("7Li+", COUNTS[..., 1]), ("7Li", COUNTS[..., 1]), ("7.0", COUNTS[..., 1]), ("27al", COUNTS[..., 2]),
        ("6Li+, 7.016", COUNTS[..., :2].sum(-1)), ("total", COUNTS.sum(-1)), ("58.9", COUNTS[..., 3]),
    ],
)  # fmt: skip
def test_peaks_are_chosen_and_added_as_whole_counts(asked, expected, tmp_path):
    volume = open_volume(tofdaq(tmp_path / "s.h5"), voxel=VOXEL, peak=asked)["intensity"]
    assert volume.dtype == np.uint32
    assert np.array_equal(volume, expected)
    # Parts of slices, turned round.
    turned = open_volume(tmp_path / "s.h5", voxel=VOXEL, peak=asked, up="-y")["intensity"]
    assert np.array_equal(turned[2:5, 1:4, 3], expected[1:4, ::-1][:, 2:5, 3].T)


def test_a_ratio_is_nothing_where_nothing_was_counted(tmp_path):
    volume = open_volume(tofdaq(tmp_path / "s.h5"), voxel=VOXEL, peak="7Li+/6Li+,27Al+")["intensity"].values
    below = COUNTS[..., 0] + COUNTS[..., 2]
    with np.errstate(divide="ignore", invalid="ignore"):
        expected = np.where(below > 0, COUNTS[..., 1] / below, np.nan)
    np.testing.assert_allclose(volume, expected, rtol=1e-6)
    assert np.isnan(volume).any()


@pytest.mark.parametrize(
    ("field", "pixel", "said"),
    [
        (0.022, 2e-6, "in mm"),
        (2.2e-5, 2e-6, "in m:"),
        (2e-3, None, "may be in mm or in m"),
        (0.0, None, "may be"),
    ],
)
def test_the_field_of_view_is_in_mm_or_in_m_or_not_known(field, pixel, said, tmp_path):
    found = describe_volume(tofdaq(tmp_path / "s.h5", field=field), peak="7Li+")
    assert found["voxel"] == [None, *[pixel and pytest.approx(pixel)] * 2]
    assert any(said in note for note in found["notes"])
    assert any("Depth is counted in writes" in note for note in found["notes"])


def test_depth_without_a_length_is_refused_and_a_peak_is_not_guessed(tmp_path, capsys):
    path = str(tofdaq(tmp_path / "s.h5"))
    assert main(["volume", "convert", path, "-o", str(tmp_path / "v.zarr"), "--peak", "7Li+"]) == 1
    assert "says only ? × 1.81818 µm × 1.81818 µm" in capsys.readouterr().err
    assert main(["volume", "convert", path, "-o", str(tmp_path / "v.zarr"), "--voxel", "40nm"]) == 1
    assert "holds 4 peaks, 6Li+ (6.015), 7Li+ (7.016)" in capsys.readouterr().err
    assert main(["volume", "info", path]) == 0
    assert "choose with --peak 6Li+" in capsys.readouterr().out


def test_counts_are_written_as_they_are_with_their_peak(tmp_path):
    save_volume(tmp_path / "v.zarr", open_volume(tofdaq(tmp_path / "s.h5"), voxel=VOXEL, peak="7Li+"))
    volume = open_volume(tmp_path / "v.zarr", peak="7Li+")
    assert np.array_equal(volume["intensity"], COUNTS[..., 1])
    assert volume["intensity"].dtype == np.uint32
    assert (volume.attrs["peak"], volume.attrs["notes"]) == ("7Li+", [])


def test_what_is_not_whole_is_no_count(tmp_path):
    path = tofdaq(tmp_path / "s.h5", COUNTS * np.float32(0.37))
    volume = open_volume(path, voxel=VOXEL, peak="7Li+")
    np.testing.assert_allclose(volume["intensity"], COUNTS[..., 1] * 0.37, rtol=1e-5)
    assert any("they are no counts" in note for note in volume.attrs["notes"])


@pytest.mark.parametrize(
    ("settings", "asked", "said"),
    [
        ({"data": False, "events": True}, "7Li+", "events that are not integrated"),
        ({"data": False}, "7Li+", "no 'PeakData'"),
        ({"peaks": PEAKS[:2]}, "7Li+", "table of peaks"),
        ({}, "12C+", "has no peak '12C+'"),
        ({}, "65.1", "has no peak '65.1'"),
        ({"peaks": [PEAKS[0], PEAKS[1], PEAKS[1], PEAKS[3]]}, "7Li+", "2 peaks that are called '7Li+'"),
    ],
)
def test_a_refusal_says_what_is_there(settings, asked, said, tmp_path):
    with pytest.raises(ContentError, match=said.replace("+", r"\+")):
        open_volume(tofdaq(tmp_path / "s.h5", **settings), voxel=VOXEL, peak=asked)
