"""Files of volumes: every format opened by its content, the voxel from the file or refused, and nothing else."""

import gzip
import itertools
import json
import struct
import zlib
from types import SimpleNamespace

import h5py
import numpy as np
import pytest
import tifffile
import zarr

from napari_tesm.cli import main
from napari_tesm.io.volumes import open_volume, save_volume
from napari_tesm.io.volumes.projections import projections_from_file
from napari_tesm.io.volumes.zeiss import ZeissFile
from napari_tesm.volumes.dataset import volume_from_array, voxel_of

VOXEL = (80e-9, 60e-9, 50e-9)
GREY = np.random.default_rng(5).integers(0, 60000, (7, 9, 11)).astype(np.uint16)


def write_tiff(path, values=GREY, **settings):
    tifffile.imwrite(path, values, **settings)
    return path


def imagej(folder, **settings):
    return write_tiff(
        folder / "i.tif", imagej=True, resolution=(1 / 0.05, 1 / 0.06),
        metadata={"spacing": 0.08, "unit": "micron", "axes": "ZYX"}, **settings,
    )  # fmt: skip


def ome(folder):
    size = {f"PhysicalSize{a}": value for a, value in zip("ZYX", (80, 60, 50), strict=True)}
    units = {f"PhysicalSize{a}Unit": "nm" for a in "ZYX"}
    return write_tiff(folder / "o.ome.tif", compression="zlib", metadata={"axes": "ZYX", **size, **units})


def mrc(folder, order="<", axes=(1, 2, 3)):
    head = bytearray(1024)
    struct.pack_into(f"{order}4i", head, 0, 11, 9, 7, 6)
    edges = dict(zip(axes, ((11, 500), (9, 600), (7, 800)), strict=True))  # intervals, Å
    struct.pack_into(f"{order}3i", head, 28, *(edges[axis][0] for axis in (1, 2, 3)))
    struct.pack_into(f"{order}3f", head, 40, *(edges[axis][0] * edges[axis][1] for axis in (1, 2, 3)))
    struct.pack_into(f"{order}3i", head, 64, *axes)
    struct.pack_into(f"{order}i", head, 92, 160)
    head[208:212] = b"MAP "
    path = folder / "m.mrc"
    path.write_bytes(bytes(head) + bytes(160) + GREY.astype(f"{order}u2").tobytes())
    return path


def nrrd(folder, encoding="raw", *, values=GREY, beside=None, **fields):
    """An NRRD of the Slicer's kind; `beside` is the name of the file for the numbers."""
    fields = {
        "type": "unsigned short", "dimension": "3", "space": "left-posterior-superior", "sizes": "11 9 7",
        "space directions": "(0,0.05,0) (0.06,0,0) (0,0,-0.08)", "endian": "little", "encoding": encoding,
        "space units": '"um" "microns" "µm"',
    } | {name.replace("_", " "): text for name, text in fields.items()}  # fmt: skip
    numbers = values.tobytes()
    if encoding == "gzip":
        numbers = gzip.compress(numbers)
    if beside:
        (folder / beside).write_bytes(numbers)
        fields["data file"] = beside
    lines = ["NRRD0004", "# a comment", *(f"{name}: {text}" for name, text in fields.items()), "key:=value"]
    path = folder / ("n.nhdr" if beside else "n.nrrd")
    head = "\n".join(lines).encode()
    path.write_bytes(head + b"\n" if beside else head + b"\n\n" + numbers)
    return path


def in_runs(content):
    """Bytes in Amira's runs: a count and what it repeats, or 128 and a count and bytes as they are."""
    out, plain = bytearray(), bytearray()

    def put_plain():
        for start in range(0, len(plain), 127):
            part = plain[start : start + 127]
            out.extend(bytes([128 + len(part)]) + part)
        plain.clear()

    for byte, group in itertools.groupby(content):
        count = len(list(group))
        if count < 3:
            plain.extend([byte] * count)
            continue
        put_plain()
        for start in range(0, count, 127):
            out.extend([min(127, count - start), byte])
    put_plain()
    return bytes(out)


def amira(
    folder, codec="", *, order="<", kind="ushort", values=GREY, unit='Units { Coordinates "µm" }', **words
):
    """An Amira mesh; its box runs from the middle of the first voxel to that of the last one."""
    numbers = values.astype(values.dtype.newbyteorder(order)).tobytes()
    packed = {"HxZip": zlib.compress, "HxByteRLE": in_runs}.get(codec, bytes)(numbers)
    words = {"size": "11 9 7", "places": "uniform", "claimed": len(packed)} | words
    packing = f"({codec},{words['claimed']})" if codec else ""
    mark = "BINARY-LITTLE-ENDIAN 2.1" if order == "<" else "BINARY 2.1"
    head = f"""# AmiraMesh {mark}
define Lattice {words["size"]}
Parameters {{
    Materials {{ Exterior {{ Id 0 }} Inside {{ Color 0.6 0.7 0.8, Id 1 }} }}
    {unit}
    BoundingBox 3 3.5 -1.2 -0.72 0.04 0.52,
    CoordType "{words["places"]}"
}}
Lattice {{ {kind} Data }} @1{packing}

# Data section follows
@1
"""
    path = folder / "a.am"
    path.write_bytes(head.encode() + packed + b"\n")
    return path


LABELS = np.repeat(np.random.default_rng(2).integers(0, 3, (7, 9, 1)), 11, axis=2).astype(np.uint8)
LABELS[3, 4] = np.arange(11)


def nxdata(folder):
    path = folder / "n.nxs"
    with h5py.File(path, "w") as file:
        entry = file.create_group("entry")
        data = entry.create_group("data")
        data.attrs.update({"NX_class": "NXdata", "signal": "attenuation", "axes": ["z", "y", "x"]})
        data["attenuation"] = GREY
        for name, size, step in zip("zyx", GREY.shape, (80, 60, 50), strict=True):
            data[name] = np.arange(size) * float(step)
            data[name].attrs["units"] = "nm"
    return path


def ome_zarr(folder, version="0.4", unit="nanometer"):
    path = folder / f"v{version}.zarr"
    root = zarr.create_group(str(path), zarr_format=2 if version == "0.4" else 3)
    root.create_array("s0", data=GREY.transpose(2, 1, 0)[None], chunks=(1, 4, 4, 4))
    scale = {"type": "scale", "scale": [1, 50, 60, 80]}
    image = {
        "axes": [
            {"name": "c", "type": "channel"},
            *({"name": a, "type": "space", "unit": unit} for a in "xyz"),
        ],
        "datasets": [{"path": "s0", "coordinateTransformations": [scale]}],
    }
    root.attrs.update({"multiscales": [image]} if version == "0.4" else {"ome": {"multiscales": [image]}})
    return path


def folder_of_slices(folder):
    path = folder / "slices"
    path.mkdir()
    for number, plane in enumerate(GREY):
        write_tiff(path / f"s_{number + 5}.tif", plane, compression="zlib" if number % 2 else None)
    (path / "._s_1.tif").write_bytes(b"junk")
    return path


def bare(folder, **entries):
    path = folder / "b.raw"
    path.write_bytes(bytes(13) + GREY.astype(">u2").tobytes())
    said = {
        "shape": list(GREY.shape),
        "type": "uint16",
        "byte order": "big",
        "offset": 13,
        "voxel": "80nm,60nm,50nm",
    }
    mapping = folder / "b.yaml"
    mapping.write_text(
        json.dumps({"volume": {key: value for key, value in (said | entries).items() if value is not None}})
    )
    return path, mapping


@pytest.mark.parametrize(
    "make",
    [imagej, lambda folder: imagej(folder, byteorder=">"), ome, mrc, lambda f: mrc(f, ">"),
     lambda f: mrc(f, axes=(3, 1, 2)), nrrd, lambda f: nrrd(f, "gzip"),
     lambda f: nrrd(f, values=GREY.astype(">u2"), endian="big", beside="n.raw", byte_skip="-1"), nxdata,
     amira, lambda f: amira(f, "HxZip"), lambda f: amira(f, "HxZip", order=">"),
     ome_zarr, lambda f: ome_zarr(f, "0.5")],
    ids=["imagej", "imagej-big-endian", "ome-tiff", "mrc", "mrc-big-endian", "mrc-turned", "nrrd", "nrrd-gzip",
         "nrrd-beside", "nxdata", "amira", "amira-zip", "amira-big-endian", "ome-zarr",
         "ome-zarr-0.5"],
)  # fmt: skip
def test_a_file_that_says_its_voxel_is_opened(make, tmp_path):
    volume = open_volume(make(tmp_path))
    np.testing.assert_array_equal(volume["intensity"].values, GREY)
    assert voxel_of(volume) == pytest.approx(VOXEL, rel=1e-9)
    assert float(volume["z"][1] - volume["z"][0]) == pytest.approx(80e-9)
    # From the middle of the first voxel on, and a part is read alone.
    assert float(volume["x"][0]) == pytest.approx(25e-9)
    np.testing.assert_array_equal(volume["intensity"][2:5, 3, ::-2].values, GREY[2:5, 3, ::-2])


def test_labels_of_amira_are_unpacked_from_their_runs(tmp_path):
    path = amira(tmp_path, "HxByteRLE", kind="byte", values=LABELS)
    assert len(in_runs(LABELS.tobytes())) < LABELS.size
    np.testing.assert_array_equal(open_volume(path)["intensity"].values, LABELS)


def test_real_files_of_amira_are_opened(shared_data):
    labels = open_volume(shared_data / "volumes" / "amira_labels_test9.am", voxel=VOXEL)["intensity"]
    assert labels.shape == (284, 284, 284)
    assert not labels.values.any()
    assert open_volume(shared_data / "volumes" / "amira_testscalar.am", voxel=VOXEL)["intensity"].shape == (
        8,
        6,
        4,
    )


@pytest.fixture
def zeiss(shared_data, tmp_path):
    """Copies the file of a real microscope with other images, and with other angles."""
    olefile = pytest.importorskip("olefile")
    grey = np.random.default_rng(9).integers(0, 60000, (7, 256, 256)).astype("<u2")

    def copy(angles=None):
        path = tmp_path / "z.txrm"
        path.write_bytes((shared_data / "volumes" / "zeiss_chip_tomo.txrm").read_bytes())
        with olefile.OleFileIO(str(path), write_mode=True) as file:
            for number, image in enumerate(grey, start=1):
                file.write_stream(f"ImageData1/Image{number}", image.tobytes())
            if angles is not None:
                file.write_stream("ImageInfo/Angles", np.asarray(angles, "<f4").tobytes())
        return path

    return copy, grey


def test_images_at_one_angle_are_a_reconstruction_of_zeiss(zeiss):
    copy, grey = zeiss
    volume = open_volume(copy(np.zeros(7)))
    np.testing.assert_array_equal(volume["intensity"].values, grey)
    np.testing.assert_array_equal(volume["intensity"][5:1:-2, 7:9, 3].values, grey[5:1:-2, 7:9, 3])
    assert voxel_of(volume) == pytest.approx((155.789e-9,) * 3, rel=1e-5)


def test_images_at_angles_are_projections_of_zeiss(zeiss, shared_data, tmp_path, capsys):
    copy, grey = zeiss
    path = copy()
    with pytest.raises(ValueError, match=r"raw projections at 7 angles.*reconstruct"):
        open_volume(path)
    found = projections_from_file(path, white=60000.0)
    np.testing.assert_array_equal(found.counts[2:4], grey[2:4])
    assert np.degrees(found.angles) == pytest.approx(np.arange(-45, 46, 15), abs=0.05)
    assert found.pixel == pytest.approx((155.789e-9,) * 2, rel=1e-5)
    # One image with the reference of its microscope.
    single = ZeissFile(shared_data / "volumes" / "zeiss_chip00.xrm")
    assert single.reference.shape == (512, 512) == single.shape[1:]
    assert 0.05 < np.median(single.images[0] / single.reference) < 1  # a transmission
    content = path.read_bytes()
    out = tmp_path / "out.zarr"
    for damaged in (content[:40000], content[:600], content[:512] + bytes(2048) + content[2560:]):
        path.write_bytes(damaged)
        assert main(["volume", "convert", str(path), "--voxel", "60nm", "-o", str(out)]) == 1
        (line,) = capsys.readouterr().err.strip().splitlines()
        assert "z.txrm" in line
        assert "unexpected" not in line
        assert not out.exists()


def plain_tiff(folder):
    # 96 dots per inch of a screen are no voxel.
    return write_tiff(folder / "p.tif", resolution=(96, 96), resolutionunit="INCH", compression="zlib")


def exchange(folder):
    path = folder / "e.h5"
    with h5py.File(path, "w") as file:
        file["exchange/data"] = GREY
        file["other/data"] = GREY[::-1]
    return path


@pytest.mark.parametrize("make", [plain_tiff, folder_of_slices, exchange])
def test_a_voxel_that_is_not_said_is_refused_and_never_guessed(make, tmp_path, capsys):
    path = make(tmp_path)
    with pytest.raises(ValueError, match=r"size of a voxel is not known.*voxel="):
        open_volume(path)
    assert main(["volume", "convert", str(path), "-o", str(tmp_path / "out.zarr")]) == 1
    assert "give --voxel 60nm" in capsys.readouterr().err
    assert not (tmp_path / "out.zarr").exists()
    assert main(["volume", "info", str(path), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["voxel"] == [None] * 3
    assert len(said["missing"]) == 1
    volume = open_volume(path, voxel=VOXEL)
    np.testing.assert_array_equal(volume["intensity"].values, GREY)
    assert voxel_of(volume) == VOXEL


@pytest.mark.parametrize(
    ("up", "turned"),
    [("-z", GREY[::-1]), ("y", GREY.transpose(1, 0, 2)), ("-y", GREY.transpose(1, 0, 2)[::-1]),
     ("x", GREY.transpose(2, 1, 0)), ("-x", GREY.transpose(2, 1, 0)[::-1])],
)  # fmt: skip
def test_z_leads_away_from_the_collector(up, turned, tmp_path):
    volume = open_volume(mrc(tmp_path), up=up)
    np.testing.assert_array_equal(volume["intensity"].values, turned)
    np.testing.assert_array_equal(volume["intensity"][1:4, 2].values, turned[1:4, 2])
    sizes = dict(zip(GREY.shape, VOXEL, strict=True))
    assert voxel_of(volume) == pytest.approx(tuple(sizes[count] for count in turned.shape), rel=1e-6)


def test_a_given_voxel_goes_before_the_files_and_that_is_said(tmp_path, capsys):
    path = str(imagej(tmp_path))
    assert main(["volume", "info", path, "--voxel", "100nm,60nm,50nm"]) == 0
    assert (
        "The file says voxels of 80 nm × 60 nm × 50 nm; 100 nm × 60 nm × 50 nm were given"
        in capsys.readouterr().out
    )
    assert main(["volume", "info", path, "--voxel", "80nm,60nm,50nm"]) == 0
    assert "note" not in capsys.readouterr().out


def test_bare_numbers_need_a_mapping(tmp_path, capsys):
    path, mapping = bare(tmp_path)
    assert main(["volume", "info", str(path)]) == 1
    assert "--mapping" in capsys.readouterr().err
    volume = open_volume(path, mapping=mapping)
    np.testing.assert_array_equal(volume["intensity"].values, GREY)
    assert voxel_of(volume) == VOXEL
    for entries, word in (
        ({"shape": [7, 9, 12]}, "bytes"), ({"shape": [7, -9, 11]}, "'shape'"), ({"type": "object"}, "'type'"),
        ({"byte order": "pdp"}, "'byte order'"), ({"offset": "x"}, "'offset'"), ({"voxel": "60"}, "'voxel'"),
        ({"colour": 1}, "'colour'"), ({"type": None}, "'type'"),
    ):  # fmt: skip
        path, mapping = bare(tmp_path, **entries)
        with pytest.raises(ValueError, match=word):
            open_volume(path, mapping=mapping)


def test_ome_zarr_gives_back_what_was_written_with_coarser_levels(tmp_path):
    rng = np.random.default_rng(2)
    values = rng.normal(300, 20, (70, 150, 266)).astype(np.float32)
    volume = volume_from_array(values, VOXEL)
    save_volume(tmp_path / "v.zarr", volume)
    again = open_volume(tmp_path / "v.zarr")
    np.testing.assert_array_equal(again["intensity"].values, values)
    assert voxel_of(again) == VOXEL
    # As another program reads it: by its metadata, without this package.
    root = zarr.open_group(str(tmp_path / "v.zarr"), mode="r")
    (image,) = root.attrs["multiscales"]
    levels = [root[level["path"]] for level in image["datasets"]]
    assert [level.shape for level in levels] == [(70, 150, 266), (35, 75, 133), (17, 37, 66)]
    np.testing.assert_allclose(
        levels[1][4, 5, 6], values[8:10, 10:12, 12:14].mean(dtype=np.float64), rtol=1e-6
    )
    scale, shift = image["datasets"][1]["coordinateTransformations"]
    assert scale["scale"] == pytest.approx([0.16, 0.12, 0.1])
    assert shift["translation"] == pytest.approx([0.04, 0.03, 0.025])
    with pytest.raises(FileExistsError):
        save_volume(tmp_path / "v.zarr", volume)
    with pytest.raises(ValueError, match="input file itself"):
        save_volume(tmp_path / "v.zarr", again, overwrite=True)
    (tmp_path / "mine").mkdir()
    with pytest.raises(FileExistsError, match="no volume written here"):
        save_volume(tmp_path / "mine", volume, overwrite=True)


def cut(path, to):
    path.write_bytes(path.read_bytes()[:to])
    return path


def damaged_zarr(folder):
    path = ome_zarr(folder)
    chunk = next(file for file in (path / "s0").rglob("*") if file.is_file() and file.name[0].isdecimal())
    chunk.write_bytes(b"no chunk")
    return path


def huge_zarr(folder):
    path = ome_zarr(folder)
    about = json.loads((path / "s0" / ".zarray").read_text())
    (path / "s0" / ".zarray").write_text(json.dumps(about | {"shape": [1, 10**6, 10**6, 10**6]}))
    return path


def huge_mrc(folder):
    path = mrc(folder)
    head = bytearray(path.read_bytes())
    struct.pack_into("<3i", head, 0, 2**31 - 1, 2**31 - 1, 2**31 - 1)
    path.write_bytes(head)
    return path


def huge_tiff(folder):
    path = folder / "h.tif"
    write_tiff(path, GREY[:2], compression="zlib")
    with tifffile.TiffFile(path, mode="r+b") as tiff:
        for name in ("ImageWidth", "ImageLength"):
            tiff.pages[0].tags[name].overwrite(2**31 - 1, dtype="I")
    return path


def unequal_slices(folder):
    path = folder_of_slices(folder)
    write_tiff(path / "s_7.tif", GREY[0, :5])
    return path


def text(folder):
    path = folder / "t.txt"
    path.write_text("1 2 3")
    return path


def projections(folder):
    path = exchange(folder)
    with h5py.File(path, "a") as file:
        file["exchange/theta"] = np.arange(7.0)
    return path


def several(folder):
    path = folder / "s.h5"
    with h5py.File(path, "w") as file:
        file["a"], file["b"] = GREY, GREY
    return path


def colours(folder):
    return write_tiff(folder / "c.tif", np.zeros((5, 6, 7, 3), np.uint8), photometric="rgb")


HOSTILE = [
    damaged_zarr, huge_zarr, huge_mrc, huge_tiff, unequal_slices, text, projections, several, colours,
    lambda f: cut(nrrd(f), 700), lambda f: cut(nrrd(f, "gzip"), 700), lambda f: cut(nrrd(f), 20),
    lambda f: nrrd(f, sizes="11 9 700000000"), lambda f: nrrd(f, "gzip", sizes="90000 90000 90000"),
    lambda f: nrrd(f, "bzip2"), lambda f: nrrd(f, sizes="11 9"), lambda f: nrrd(f, data_file="../n.raw"),
    lambda f: nrrd(f, data_file="gone.raw"), lambda f: nrrd(f, type="block"), lambda f: nrrd(f, byte_skip="9999"),
    lambda f: cut(amira(f), 900), lambda f: cut(amira(f, "HxZip"), 900), lambda f: cut(amira(f), 300),
    lambda f: amira(f, "HxZip", claimed=10**12), lambda f: amira(f, "HxByteRLE"),
    lambda f: amira(f, places="curvilinear"),
    lambda f: amira(f, size="11 9 700000000"), lambda f: amira(f, "HxZip", size="1100 900 700"),
    lambda f: amira(f, kind="complex"), lambda f: amira(f, "HxMotion"), lambda f: amira(f, size="0 9 7"),
    lambda f: amira(f, "HxByteRLE", kind="byte", values=LABELS, size="21 9 7"),
    lambda f: cut(mrc(f), 1300), lambda f: cut(mrc(f), 900), lambda f: cut(imagej(f), 900),
    lambda f: cut(imagej(f), 60), lambda f: cut(ome(f), 700), lambda f: cut(exchange(f), 2500),
    lambda f: cut(text(f), 0), lambda f: f,
    lambda f: write_tiff(f / "one.tif", GREY[0]), lambda f: f / "nothing.tif",
]  # fmt: skip


@pytest.mark.parametrize("make", HOSTILE)
def test_a_hostile_file_is_one_sentence(make, tmp_path, capsys):
    inside = tmp_path / "in"
    inside.mkdir()
    path, out = make(inside), tmp_path / "out.zarr"
    assert main(["volume", "convert", str(path), "--voxel", "60nm", "-o", str(out)]) == 1
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert inside.name in line
    assert len(line) < 500
    assert "Traceback" not in line
    assert "unexpected" not in line
    assert not out.exists()


def test_the_wrong_words_are_usage_errors(tmp_path, capsys):
    path = str(mrc(tmp_path))
    for words in (
        ["info", path, "--voxel", "60"], ["info", path, "--voxel", "60nm,60nm"], ["info", path, "--up", "w"], [],
        ["simulate", "-o", str(tmp_path / "v.zarr"), "--shape", "10x10x10"],
        ["simulate", "-o", str(tmp_path / "v.zarr"), "--shape", "40x40x40"],
        ["simulate", "-o", str(tmp_path / "v.zarr"), "--preset", "gold"],
    ):  # fmt: skip
        assert main(["volume", *words]) == 2
        assert 0 < len(capsys.readouterr().err.splitlines()) <= 3
    assert not (tmp_path / "v.zarr").exists()


def _counted(read, times):
    def counted(page):
        times.append(page.index)
        return read(page)

    return counted


@pytest.mark.parametrize("dtype", ["<f4", ">u2", "u1"])
def test_slices_of_a_packed_stack_are_unpacked_once_for_all_tiles(tmp_path, monkeypatch, dtype):
    values = (GREY - GREY.min()).astype(dtype)
    path = write_tiff(
        tmp_path / "p.tif", values, compression="zlib", byteorder=">" if dtype[0] == ">" else "<"
    )
    unpacked = []
    monkeypatch.setattr(tifffile.TiffPage, "asarray", _counted(tifffile.TiffPage.asarray, unpacked))
    volume = open_volume(path, voxel=VOXEL)["intensity"]
    for rows in (slice(0, 3), slice(2, 5), slice(1, None, 2)):
        for columns in (slice(0, 2), slice(1, None), slice(None, None, 2)):
            np.testing.assert_array_equal(volume[:, rows, columns].values, values[:, rows, columns])
    assert len(unpacked) == len(values)
    # Where disk is short they are unpacked anew.
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=10))
    again = open_volume(path, voxel=VOXEL)["intensity"]
    for _ in range(2):
        np.testing.assert_array_equal(again[:, 1:3].values, values[:, 1:3])
    assert len(unpacked) == 3 * len(values)


@pytest.mark.parametrize(
    ("numbers", "between"),
    [
        ([*range(5), *range(6, 12)], "s0004.tif and s0006.tif"),
        ([*range(0, 10, 2), *range(12, 30, 2)], "s0008.tif and s0012.tif"),
        ([0, 1, 2, 4, 5, 6, 8, 9, 10, 11], "s0002.tif and s0004.tif, and in 1 more place"),
        (range(7, 18), ""),
        (range(0, 40, 4), ""),
    ],
)
def test_a_slice_that_is_missing_in_a_folder_is_named(tmp_path, numbers, between):
    folder = tmp_path / "slices"
    folder.mkdir()
    for number in numbers:
        tifffile.imwrite(folder / f"s{number:04}.tif", np.full((5, 7), number, dtype=np.uint16))
    if between:
        with pytest.raises(ValueError, match=between):
            open_volume(folder, voxel=(60e-9, 60e-9, 60e-9))
    else:
        volume = open_volume(folder, voxel=(60e-9, 60e-9, 60e-9))
        np.testing.assert_array_equal(volume["intensity"].values[:, 0, 0], list(numbers))
