"""Raw projections: recognised, and made volumes whose attenuation, axis and rings are known from ellipses on paper."""

import json

import h5py
import numpy as np
import pytest
import tifffile
import zarr
from scipy.ndimage import binary_erosion

from napari_tesm.cli import main
from napari_tesm.files.lazy import LazyArray
from napari_tesm.io.volumes import open_volume
from napari_tesm.io.volumes.projections import projections_from_file
from napari_tesm.volumes.projections import Projections, ring_width, without_rings
from napari_tesm.volumes.reconstruction import centre_of, reconstructed, weights_of_angles

COLUMNS, ROWS, COUNT = 126, 3, 181
ANGLES = np.radians(np.linspace(0, 180, COUNT))
PIXEL = 65e-9
SHIFT = 3.4
ELLIPSES = ((0, 3, 44, 33, 0.2, 0.011), (-14, 8, 10, 17, 0.5, 0.02), (18, -8, 9, 7, -0.3, -0.006))
"""x and y of the middle, half axes, turn, attenuation for each pixel of length that is added."""


def line_integrals(angles, centre, *, columns=COLUMNS):
    """The integrals along rays through ellipses, a mean over each pixel of the detector; (projection, column)."""
    across = (np.arange(5 * columns) - 2) / 5 - centre
    total = np.zeros((len(angles), 5 * columns))
    for x, y, a, b, turn, attenuation in ELLIPSES:
        reach2 = ((a * np.cos(angles - turn)) ** 2 + (b * np.sin(angles - turn)) ** 2)[:, None]
        off = across - (x * np.cos(angles) + y * np.sin(angles))[:, None]
        total += attenuation * 2 * a * b * np.sqrt(np.clip(reach2 - off**2, 0, None)) / reach2
    return total.reshape(len(angles), columns, 5).mean(axis=2)


def within(number=None, *, columns=COLUMNS):
    """What an ellipse covers of a slice with the axis in its middle, three pixels from all borders; None: the air."""
    y, x = np.mgrid[:columns, :columns] - (columns - 1) / 2
    covered = []
    for x0, y0, a, b, turn, _ in ELLIPSES:
        u = (x - x0) * np.cos(turn) + (y - y0) * np.sin(turn)
        v = (y - y0) * np.cos(turn) - (x - x0) * np.sin(turn)
        covered.append((u / a) ** 2 + (v / b) ** 2 <= 1)
    if number is None:
        here = ~np.any(covered, axis=0)
    else:
        here = covered[number] & ~np.any([c for k, c in enumerate(covered) if k not in (0, number)], axis=0)
        here = here if number else covered[0] & ~covered[1] & ~covered[2]
    return binary_erosion(here, iterations=3)


def projections_of(values, angles=ANGLES):
    values = np.asarray(values, np.float32)
    return Projections(LazyArray(values.shape, values.dtype, values.__getitem__), np.asarray(angles))


def noisy(shift, seed, *, rings=False, angles=ANGLES, noise=0.01):
    """Line integrals of three rows with noise, and with another sensitivity of a tenth of the pixels."""
    rng = np.random.default_rng(seed)
    ideal = line_integrals(angles, (COLUMNS - 1) / 2 + shift)
    values = ideal[:, None] * np.array([0.4, 1, 1.2])[:, None]
    values = values + noise * rng.standard_normal(values.shape)
    wrong = 0.05 * rng.standard_normal((ROWS, COLUMNS)) * (rng.random((ROWS, COLUMNS)) < 0.1)
    return values - wrong if rings else values


def exchange(path, *, counts=True, shift=SHIFT, **datasets):
    """A Data Exchange file with counts of photons, an uneven beam, a dark field and dead pixels."""
    rng = np.random.default_rng(3)
    beam = 20000 + 6000 * np.cos(np.arange(COLUMNS) / 20) + 1000 * np.arange(ROWS)[:, None]
    dark = 400 + 30 * rng.standard_normal((ROWS, COLUMNS))
    seen = beam * np.exp(-noisy(shift, 4, noise=0)) if counts else np.zeros((COUNT, ROWS, COLUMNS))
    data = rng.poisson(seen) + dark
    white = rng.poisson(np.broadcast_to(beam, (20, ROWS, COLUMNS))) + dark
    for frames in (data, white):
        frames[:, 1, 40] = dark[1, 40]
    with h5py.File(path, "w") as file:
        file["exchange/data"] = data.round().astype(np.uint16)
        file["exchange/data_white"] = white.round().astype(np.uint16)
        file["exchange/data_dark"] = np.broadcast_to(dark, (5, ROWS, COLUMNS)).round().astype(np.uint16)
        file["exchange/theta"] = np.degrees(ANGLES)
        size = file.create_dataset("measurement/instrument/detector/actual_pixel_size_x", data=[PIXEL * 1e6])
        size.attrs["units"] = "microns"
        for name, values in datasets.items():
            del file[f"exchange/{name}"]
            file[f"exchange/{name}"] = values
    return path


# Numbers


@pytest.mark.parametrize(("shift", "rings"), [(0.0, False), (SHIFT, False), (SHIFT, True), (-6.73, True)])
def test_the_axis_is_found_and_attenuation_is_right(shift, rings):
    projections = projections_of(noisy(shift, 7, rings=rings))
    centre = centre_of(projections)
    assert centre == pytest.approx((COLUMNS - 1) / 2 + shift, abs=0.2)
    values = reconstructed(projections, (80e-9, PIXEL, PIXEL), centre)["intensity"].values * PIXEL
    first, second, third = (attenuation for *_, attenuation in ELLIPSES)
    for number, truth in enumerate((first, first + second)):
        assert values[1][within(number)].mean() == pytest.approx(truth, rel=0.02)
        assert values[0][within(number)].mean() == pytest.approx(0.4 * truth, rel=0.02)
    # Small and faint: to two per cent of what is around it.
    assert values[1][within(2)].mean() == pytest.approx(first + third, abs=0.02 * first)
    air = values[1][within()]
    assert np.isnan(air).any()  # the corners were not seen from everywhere
    assert abs(np.nanmean(air)) < 0.02 * first


@pytest.mark.parametrize(
    "angles",
    [
        np.linspace(0, 2 * np.pi, 2 * COUNT),
        np.radians(np.arange(20, 200, 1.0)),
        -ANGLES,
        np.sort(np.random.default_rng(2).uniform(0, np.pi, 260)),
    ],
    ids=["a whole turn", "no pair half a turn apart but for 1°", "the other way", "uneven steps"],
)
def test_angles_as_they_come(angles):
    projections = projections_of(noisy(SHIFT, 8, angles=angles), angles)
    assert weights_of_angles(angles).sum() == pytest.approx(np.pi)
    centre = centre_of(projections)
    assert centre == pytest.approx((COLUMNS - 1) / 2 + SHIFT, abs=0.2)
    values = reconstructed(projections, (PIXEL, PIXEL, PIXEL), centre)["intensity"][1].values * PIXEL
    assert values[within(1)].mean() == pytest.approx(ELLIPSES[0][-1] + ELLIPSES[1][-1], rel=0.02)


@pytest.mark.parametrize("seed", [0, 1])
def test_noise_does_not_move_the_axis(seed):
    # Full of noise, a sum of absolute values is least anywhere within a pixel.
    values = noisy(5.11, seed, rings=True, noise=0.04)
    assert centre_of(projections_of(values)) == pytest.approx((COLUMNS - 1) / 2 + 5.11, abs=0.12)


def test_an_axis_has_to_be_given_where_nothing_was_seen_from_the_other_side():
    angles = np.radians(np.linspace(0, 150, 151))
    with pytest.raises(ValueError, match="give centre="):
        centre_of(projections_of(noisy(SHIFT, 9, angles=angles), angles))


def test_rings_become_weak_and_what_is_no_ring_stays():
    clean = noisy(SHIFT, 10, noise=0)
    rings = noisy(SHIFT, 10, noise=0, rings=True)
    centre = (COLUMNS - 1) / 2 + SHIFT
    inside = within(0)

    def slice_of(values, width):
        volume = reconstructed(projections_of(values), (PIXEL, PIXEL, PIXEL), centre, rings=width)
        return volume["intensity"][1].values[inside]

    left_in = slice_of(rings, 0) - slice_of(clean, 0)
    taken_out = slice_of(rings, None) - slice_of(clean, None)
    assert left_in.std() > 6 * taken_out.std()
    changed = slice_of(clean, None) - slice_of(clean, 0)
    assert changed.std() < 0.3 * left_in.std()
    stripes = rings[:, 1].astype(np.float32)
    assert without_rings(stripes, 0) is stripes
    assert [ring_width(columns) for columns in (100, 700, 2048)] == [5, 7, 21]


# Files


def reconstruct(*words):
    return main(["volume", "reconstruct", *map(str, words)])


def test_data_exchange_by_the_command(tmp_path, capsys):
    path, out = exchange(tmp_path / "raw.h5"), tmp_path / "v.zarr"
    assert main(["volume", "info", str(path)]) == 0
    said = capsys.readouterr().out
    assert "raw projections, not a volume" in said
    assert "181 frames of 3 × 126" in said
    for command in ("surfaces", "convert"):
        assert main(["volume", command, str(path), "--voxel", "60nm", "-o", str(tmp_path / "no")]) == 1
        assert "'tesm volume reconstruct'" in capsys.readouterr().err
    assert reconstruct(path, "-o", out, "--json", tmp_path / "r.json") == 0
    said = capsys.readouterr().out
    assert "181 projections from 0° to 180°" in said
    assert "Axis of rotation (found): column 65.9" in said
    content = json.loads((tmp_path / "r.json").read_text())
    assert content["centre"] == pytest.approx((COLUMNS - 1) / 2 + SHIFT, abs=0.2)
    assert content["voxel"] == pytest.approx([PIXEL] * 3)
    volume = open_volume(out)
    assert volume["intensity"].shape == (ROWS, COLUMNS, COLUMNS)
    assert volume.attrs["reconstruction"]["centre"] == content["centre"]
    for number, factor in ((0, 1.0), (1, 1.0)):
        truth = ELLIPSES[0][-1] + (ELLIPSES[1][-1] if number else 0)
        values = volume["intensity"][1].values[within(number)]
        assert values.mean() * PIXEL == pytest.approx(factor * truth, rel=0.02)


def test_a_stack_of_images_with_what_it_does_not_say(tmp_path, capsys):
    exchange(tmp_path / "raw.h5")
    with h5py.File(tmp_path / "raw.h5") as file:
        tifffile.imwrite(tmp_path / "raw.tif", file["exchange/data"][...], compression="zlib")
        tifffile.imwrite(tmp_path / "white.tif", file["exchange/data_white"][...])
        tifffile.imwrite(tmp_path / "dark.tif", file["exchange/data_dark"][0])
    words = [tmp_path / "raw.tif", "-o", tmp_path / "v.zarr", "--voxel", "65nm"]
    assert reconstruct(*words) == 1
    assert "--angles 0:180" in capsys.readouterr().err
    assert reconstruct(*words, "--angles", "0:180") == 1
    assert "--white" in capsys.readouterr().err
    words += ["--angles", "0:180", "--white", tmp_path / "white.tif", "--dark", tmp_path / "dark.tif"]
    assert reconstruct(*words, "--centre", "65.9", "--up=-y") == 0
    assert "Axis of rotation (given)" in capsys.readouterr().out
    assert reconstruct(tmp_path / "raw.h5", "-o", tmp_path / "w.zarr", "--centre", "65.9") == 0
    turned, plain = (open_volume(tmp_path / name)["intensity"].values for name in ("v.zarr", "w.zarr"))
    assert turned.shape == (COLUMNS, ROWS, COLUMNS)
    np.testing.assert_array_equal(turned, plain.transpose(1, 0, 2)[::-1])


def test_nxtomo_says_by_a_key_which_frames_are_which(tmp_path):
    exchange(tmp_path / "raw.h5")
    with h5py.File(tmp_path / "raw.h5") as file, h5py.File(tmp_path / "n.nxs", "w") as other:
        parts = [file[f"exchange/data{name}"][...] for name in ("_white", "", "_dark")]
        keys = np.repeat([1, 0, 2], [len(part) for part in parts])
        other["entry/instrument/detector/data"] = np.concatenate(parts)
        other["entry/instrument/detector/image_key"] = keys
        turned = np.zeros(len(keys))
        turned[keys == 0] = np.degrees(ANGLES)
        other["entry/sample/rotation_angle"] = turned
    one, two = (projections_from_file(tmp_path / name) for name in ("raw.h5", "n.nxs"))
    np.testing.assert_allclose(two.angles, ANGLES)
    np.testing.assert_array_equal(two.line_integrals(slice(1, 3)), one.line_integrals(slice(1, 3)))
    assert two.pixel == (None, None)


def test_a_volume_is_no_larger_in_memory_than_a_few_slices(tmp_path, monkeypatch):
    from napari_tesm.volumes import reconstruction

    path = exchange(tmp_path / "raw.h5")
    read = []
    whole = Projections.line_integrals
    monkeypatch.setattr(Projections, "line_integrals", lambda s, rows: read.append(rows) or whole(s, rows))
    monkeypatch.setattr(reconstruction, "_BLOCK_BYTES", 2 * 4 * COUNT * COLUMNS)
    values = reconstructed(projections_from_file(path), (PIXEL,) * 3, 65.9)["intensity"]
    assert values[0, 5, 7].shape == ()
    assert values.shape == (ROWS, COLUMNS, COLUMNS)
    assert values.values.shape == values.shape
    assert {rows.stop - rows.start for rows in read} == {2, 1}


def no_sample(folder):
    path = exchange(folder / "raw.h5", counts=False)
    with h5py.File(path, "a") as file:
        file["exchange/data"][...] = 7
    return path


HOSTILE = {
    "other dark": lambda f: exchange(f / "raw.h5", data_dark=np.ones((2, ROWS, 9))),
    "other white": lambda f: exchange(f / "raw.h5", data_white=np.ones((2, ROWS, COLUMNS + 1))),
    "angles": lambda f: exchange(f / "raw.h5", theta=np.arange(9.0)),
    "no numbers": lambda f: exchange(f / "raw.h5", theta=np.full(COUNT, np.nan)),
    "degrees or not": lambda f: exchange(f / "raw.h5", theta=ANGLES),
    "no sample": no_sample,
    "few": lambda f: exchange(f / "raw.h5", data=np.ones((3, ROWS, COLUMNS)), theta=np.arange(3.0) * 60),
    "cut": lambda f: (f / "raw.h5").write_bytes(exchange(f / "raw.h5").read_bytes()[:3000]) and f / "raw.h5",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_is_one_sentence(name, tmp_path, capsys):
    path = HOSTILE[name](tmp_path)
    assert reconstruct(path, "-o", tmp_path / "v.zarr", "--voxel", "60nm") == 1
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert path.name in line
    assert "Traceback" not in line
    assert "unexpected" not in line
    assert len(line) < 400
    assert not (tmp_path / "v.zarr").exists()


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["--angles", "180"], 2), (["--angles", "0:nan"], 2), (["--rings", "-1"], 2), (["--centre", "x"], 2),
        (["--centre", "400"], 1), (["--white", "0"], 1), (["--white", "gone.tif"], 1),
        (["--voxel", "60nm,50nm,40nm"], 1), (["--array", "exchange/theta"], 1),
    ],
)  # fmt: skip
def test_wrong_words_are_refused(words, code, tmp_path, capsys):
    path = exchange(tmp_path / "raw.h5")
    assert reconstruct(path, "-o", tmp_path / "v.zarr", *words) == code
    assert len(capsys.readouterr().err.strip().splitlines()) <= 2
    assert not (tmp_path / "v.zarr").exists()


def test_a_missing_wedge_is_said(tmp_path, capsys):
    path = exchange(tmp_path / "raw.h5")
    words = [path, "-o", tmp_path / "v.zarr", "--angles", "-60:60", "--centre", "65.9"]
    assert reconstruct(*words) == 0
    said = capsys.readouterr().out
    assert "wedge of 60°" in said
    assert "those that were given are taken" in said
    assert zarr.open_group(str(tmp_path / "v.zarr"), mode="r")["0"].shape == (ROWS, COLUMNS, COLUMNS)
