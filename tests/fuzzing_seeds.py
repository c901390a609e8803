"""Sound files of each format, as small as they can be, for `fuzzing` to put mistakes into."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import xarray as xr


def seeds(folder: Path) -> dict[str, list[Path]]:
    """Write sound files of each format, and return them."""
    from scipy.io import savemat

    from napari_tesm import fit, save, simulate_dataset
    from napari_tesm.gwy import read_container, write_container
    from napari_tesm.io.zarr_store import save_zarr

    dataset = simulate_dataset(size=(5, 4), samples=40)
    whole, small = folder / "whole.gwy", dataset.isel(pulse=[0], x=slice(0, 3))
    save(whole, dataset, fit(dataset, tip_radius="25 nm", threshold=0.05))
    # Most of what an input takes goes into the number of objects: few maps of each kind do for most of them.
    plain, fitted, drawn = (folder / f"{name}.gwy" for name in ("plain", "fitted", "drawn"))
    save(plain, small)
    maps = fit(small, tip_radius="25 nm", threshold=0.05)[["H", "tau1", "D1", "D1_stderr", "status1"]]
    save(fitted, small, maps)
    _save_drawn(drawn, small)
    traces = dataset["displacement"].values[0]
    npy, npz = folder / "a.npy", folder / "a.npz"
    np.save(npy, traces)
    beside = {
        "X": traces[0, 0],
        "t_X": np.arange(40) * 0.1,
        "dc": traces[0, 1],
        "dc_dt": 1e-4,
        "dc_t0": "2 ms",
    }
    np.savez(npz, traces=traces, z=traces[0] + 1j, **beside)
    savemat(
        folder / "a.mat",
        {**beside, "traces": traces, "s": {"x": [1.0, 2.0], "t": "text"}, "c": np.array([1, "b"], object)},
    )
    savemat(folder / "packed.mat", {"traces": traces}, do_compression=True)
    save_zarr(folder / "a.zarr", dataset)
    of_3 = [path.with_suffix(".gwy3") for path in (plain, fitted, drawn, whole)]
    for path in of_3:
        write_container(path, read_container(path.with_suffix(".gwy")))
    made = {
        "gwy": [plain, fitted, drawn, whole],
        "gwy3": of_3,
        "layers": [drawn, fitted, folder / "columns.csv", folder / "stack.ibw"],
        "numpy": [npy, npz],
        "matlab": [folder / "a.mat", folder / "packed.mat"],
        "matlab-7.3": [folder / "a73.mat"],
        "tdms": [folder / "a.tdms"],
        "hdf5": [folder / "a.h5"],
        "zarr": [folder / "a.zarr"],
        "text": [folder / "columns.csv", folder / "rows.txt", folder / "a.lvm"],
        "igor": [folder / "stack.ibw"],
        "vendor": [folder / f"a{ending}" for ending in (".ibw", ".gsf", ".bcr", ".sdf")],
    }
    _write_text(made["text"], traces)
    _write_tdms(made["tdms"][0], traces)
    _write_hdf5(made["hdf5"][0], traces)
    _write_matlab_7_3(made["matlab-7.3"][0], traces)
    made["igor"][0].write_bytes(igor_wave(traces.transpose(1, 0, 2)))
    for path, whole in zip(made["vendor"], microscopes_files(traces[..., -1] * 1e9), strict=True):
        path.write_bytes(whole)
    return made


def _save_drawn(path: Path, dataset: xr.Dataset) -> None:
    """Save regions, points and grains beside traces."""
    from napari_tesm import save
    from napari_tesm.grains import Grains
    from napari_tesm.grains.boundaries import boundaries_from_grains
    from napari_tesm.regions.shapes import PinnedPoint, Region

    x, y = dataset["x"].values, dataset["y"].values
    corners = tuple((float(a), float(b)) for a, b in ((x[0], y[0]), (x[-1], y[0]), (x[-1], y[-1])))
    regions = [
        Region("polygon", corners, "A", "step"),
        Region("line", corners[:2], "B", width=float(x[1] - x[0])),
    ]
    points = [PinnedPoint(1, *corners[0]), PinnedPoint(2, *corners[2], size=3)]
    labels = np.ones((y.size, x.size), dtype=np.int32)
    labels[:, 1:] = 2
    grains = Grains(labels, (float(y[1] - y[0]), float(x[1] - x[0])), "Topography")
    save(
        path, dataset, regions=regions, points=points, grains=(grains, boundaries_from_grains(grains, 20e-9))
    )


def _write_text(paths: list[Path], traces: np.ndarray) -> None:
    columns, rows, lvm = paths
    pixels, times = traces.reshape(-1, traces.shape[-1])[:9], np.arange(traces.shape[-1]) * 0.1
    names = ";".join(["Time (ms)", *(f"row {n // 3} col {n % 3} (nm)" for n in range(len(pixels)))])
    lines = [
        ";".join(f"{v:.3f}".replace(".", ",") for v in row) for row in np.column_stack([times, pixels.T])
    ]
    columns.write_text("\n".join(["# pulse duration: 1 ms", names, *lines]), encoding="latin-1")
    heading = "\t".join(["x (nm)", "y (nm)", *(f"{time:g} ms" for time in times)])
    places = [[100.0 * (n % 3), 50.0 * (n // 3)] for n in range(len(pixels))]
    lines = ["\t".join(map(str, row)) for row in np.column_stack([places, pixels]).tolist()]
    rows.write_text("\n".join([heading, *lines]), encoding="utf-16")
    lines = ["LabVIEW Measurement\t", "Separator\tTab", "Decimal_Separator\t.", "***End_of_Header***\t"]
    for trace in pixels:
        lines += [
            "Channels\t1",
            f"Samples\t{trace.size}",
            "Date\t2026/01/31",
            "Time\t08:00:00.5",
            "Y_Unit_Label\tnm",
        ]
        lines += [
            "X_Dimension\tTime",
            "X0\t0.0",
            "Delta_X\t0.0001",
            "***End_of_Header***\t",
            "X_Value\tX\tComment",
        ]
        lines += [f"{n * 1e-4}\t{value}" for n, value in enumerate(trace.tolist())]
    lvm.write_text("\n".join(lines))


def _write_tdms(path: Path, traces: np.ndarray) -> None:
    from nptdms import ChannelObject, RootObject, TdmsWriter

    with TdmsWriter(path) as file:
        # Five lines of four pulses, and a pause after each.
        on = np.where(np.arange(40) < 15, -3.0, 0.0)
        dc = np.tile(np.concatenate([np.tile(on, 4), np.zeros(90)]), 5)
        x = np.tile(np.concatenate([traces[0, :4].reshape(-1), np.zeros(90)]), 5)
        for number in range(3):
            part = slice(number * dc.size // 3, (number + 1) * dc.size // 3)
            channels = [
                ChannelObject("Rec", name, values[part], {"wf_increment": 1e-4, "unit_string": "V"})
                for name, values in (("X", x), ("dc", dc))
            ]
            file.write_segment([RootObject({"tip_radius": "25 nm"}), *channels])


def _write_hdf5(path: Path, traces: np.ndarray) -> None:
    import h5py

    with h5py.File(path, "w") as file:
        stored = file.create_dataset("traces", data=traces, chunks=(2, 5, 40), compression=1)
        stored.attrs["units"] = "V"
        file["t"] = np.arange(40) * 1e-4
        file["t"].make_scale("time")
        stored.dims[2].attach_scale(file["t"])


def _write_matlab_7_3(path: Path, traces: np.ndarray) -> None:
    """Write what MATLAB's -v7.3 does: HDF5 behind 512 bytes of text, axes reversed, classes in attributes."""
    import h5py

    with h5py.File(path, "w", userblock_size=512) as file:

        def put(name: str, values: np.ndarray, kind: str, **attributes: int) -> None:
            file[name] = values.T
            file[name].attrs["MATLAB_class"] = np.bytes_(kind)
            for key, value in attributes.items():
                file[name].attrs[key] = np.int32(value)

        put("traces", traces, "double")
        put("unit", np.array([[ord(sign)] for sign in "nm"], "u2"), "char", MATLAB_int_decode=2)
        put("is_pulse", np.arange(traces.shape[-1])[None] < 9, "logical", MATLAB_int_decode=1)
        put("s/dt", np.array([[1e-4]]), "double")
        put("#refs#/b", traces[:, :, 0], "single")
        put("cell", np.array([[file["#refs#/b"].ref]], h5py.ref_dtype), "cell")
        file["s"].attrs["MATLAB_class"] = np.bytes_("struct")
    head = b"MATLAB 7.3 MAT-file, Platform: GLNXA64, HDF5 schema 1.00 .".ljust(124) + b"\x00\x02IM"
    with path.open("r+b") as file:
        file.write(head)


def igor_wave(values: np.ndarray, labels: bytes = b"") -> bytes:
    """Return a wave of version 5 as WaveMetrics' Technical Note PTN003 describes it.

    Parameters
    ----------
    values : ndarray
        By Igor's dimensions, the fastest first.
    labels : bytes
        Of the last dimension, 32 bytes for the dimension and for each of its layers; with them it is the converter's.
    """
    sizes = [*values.shape, 0, 0][:4]
    last = [0, 0, len(labels), 0]
    raw = values.astype("<f4").tobytes(order="F")
    units = b"".join(unit.ljust(4, b"\0") for unit in (b"m", b"m", b"" if labels else b"s", b""))
    head = struct.pack("<hhiiii4i4iiii", 5, 0, 320 + len(raw), 0, 0, 0, 0, 0, 0, 0, *last, 0, 0, 0)
    head += struct.pack(
        "<IIIihh6sh32sii4i4d4d4s16s", 0, 0, 0, values.size, 2, 0, b"", 1, b"piezo", 0, 0,
        *sizes, 2e-7, 3e-7, 1.0 if labels else 5e-4, 1.0, 0.0, 0.0, 0.0, 0.0, b"m", units,
    )  # fmt: skip
    summed = bytearray(head.ljust(384, b"\0"))
    struct.pack_into("<h", summed, 2, (-sum(struct.unpack("<192h", summed)) + 2**15) % 2**16 - 2**15)
    return bytes(summed) + raw + labels


def microscopes_files(image: np.ndarray) -> list[bytes]:
    """Return an image, in nm, as several makers of microscopes write it.

    They are an Igor wave with a name for each image, Gwyddion's .gsf, SPIP's .bcr and ISO 25178's .sdf.
    """
    rows, columns = image.shape
    head = f"Gwyddion Simple Field 1.0\nXRes = {columns}\nYRes = {rows}\nXReal = 1e-6\nYReal = 6e-7\nZUnits = m\n"
    gsf = head.encode() + b"\0" * (4 - len(head) % 4) + (image * 1e-9).astype("<f4").tobytes()
    named = b"".join(name.ljust(32, b"\0") for name in (b"", b"HeightTrace", b"PhaseTrace"))
    wave = igor_wave(np.stack([image.T, image.T], axis=-1), named)
    lines = {
        "fileformat": "bcrstm", "headersize": 2048, "xpixels": columns, "ypixels": rows, "xlength": 1000,
        "ylength": 600, "xunit": "nm", "yunit": "nm", "zunit": "nm", "bit2nm": 0.01, "intelmode": 1,
    }  # fmt: skip
    text = "\n".join(f"{key} = {value}" for key, value in lines.items())
    counts = np.clip(image * 100, -3e4, 3e4).astype("<i2")
    bcr = text.encode().ljust(2048, b"%") + counts.tobytes()
    sdf = (
        f"aBCR-1.0\nManufacID = maker\nCreateDate = 010120260000\nModDate = 010120260000\nNumPoints = {columns}\n"
        f"NumProfiles = {rows}\nXscale = 2e-7\nYscale = 2e-7\nZscale = 1e-9\nZresolution = 0\nCompression = 0\n"
        "DataType = 7\nCheckType = 0\n*\n" + "\n".join(f"{value:.4f}" for value in image.ravel()) + "\n*\n"
    )
    return [wave, gsf, bcr, sdf.encode()]
