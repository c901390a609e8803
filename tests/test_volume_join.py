"""A fitted scan on an oblique section through a volume: where it lies, and how its D goes with lithium."""

import csv
import json

import numpy as np
import pytest
import xarray as xr
from lithium_volumes import lithium_pair, through

from napari_tesm import fit, save
from napari_tesm.cli import main
from napari_tesm.data.dataset import dataset_from_traces
from napari_tesm.data.protocol import PulseProtocol
from napari_tesm.gwy import contents, read_container
from napari_tesm.io.volumes import save_volume
from napari_tesm.scan import scans_from_file
from napari_tesm.volumes.dataset import volume_from_array
from napari_tesm.volumes.matching import Image
from napari_tesm.volumes.scan_place import place_of_scan, scan_landmarks

PIXEL, SHAPE, CORNER = (52e-9, 44e-9), (62, 70), (-1.3e-6, 2.1e-6)
PICKED = 150e-9


@pytest.fixture(scope="module")
def joined(tmp_path_factory):
    """A pair of volumes, and a scan whose D is a line of lithium with scatter; the section is turned and tilted."""
    folder = tmp_path_factory.mktemp("join")
    rng = np.random.default_rng(77)
    pair = lithium_pair(
        seed=62, size=(4.4e-6, 5.6e-6, 5.8e-6), n=5, radii=(0.9e-6, 1.4e-6), counts=4.0, spread=0.24
    )
    turn, _ = np.linalg.qr([[0.3, 1.0, 0.2], [1.0, -0.2, 0.4], [0.1, 0.3, -1.0]])
    turn *= np.sign(np.linalg.det(turn))
    matrix = np.eye(4)
    matrix[:3, :3] = turn
    middle = np.array([0.0, *(c + n * p / 2 for c, n, p in zip(CORNER, SHAPE, PIXEL, strict=True))])
    matrix[:3, 3] = pair.cathode.particles[0].middle * 0.6 + 0.4 * pair.size / 2 - turn @ middle
    y, x = (c + (np.arange(n) + 0.5) * p for c, n, p in zip(CORNER, SHAPE, PIXEL, strict=True))
    pixels = np.stack([np.zeros(SHAPE), *np.broadcast_arrays(y[:, None], x[None, :])], -1)
    there = through(matrix, pixels)
    number, crack, _ = pair.cathode.parts(there)
    lithium = pair.cathode.lithium(there, spread=0.24)
    solid = (number > 0) & ~crack & ((there > 0) & (there < pair.size)).all(-1)
    log_d = -13.3 + 0.8 * (lithium - 0.8) + 0.1 * rng.standard_normal(SHAPE)
    time = np.arange(80) * 25e-3 / 80
    tau = np.clip((25e-9) ** 2 / 10**log_d, 2e-3, 9e-3)[..., None]
    traces = np.exp(-np.clip(time - 10e-3, 0, None) / tau) * (1 - np.exp(-np.clip(time, 0, 10e-3) / 3e-3))
    traces = np.where(solid[..., None], traces, 0) + 0.003 * rng.standard_normal(traces.shape)
    surface = np.where(number > 0, 12e-9, 0.0)
    surface[crack] = -9e-9
    surface = surface + 1.5e-9 * rng.standard_normal(SHAPE) + 2e-9 * np.arange(SHAPE[1])
    topography = xr.DataArray(
        surface, {"y": y, "x": x}, ("y", "x"), "topography", {"units": "m", "long_name": "Topography"}
    )
    dataset = dataset_from_traces(
        [traces], time=time, y=y, x=x, voltage=[-3.0], unit="V", channels=[topography],
        protocol=PulseProtocol(pulse_start=0.0, pulse_duration=10e-3),
    )  # fmt: skip
    save(folder / "scan.gwy", dataset, fit(dataset, tip_radius="25 nm"))
    save_volume(folder / "e.zarr", volume_from_array(pair.image, pair.electron_voxel))
    save_volume(folder / "i.zarr", volume_from_array(pair.counts, pair.ion_voxel))
    (folder / "p.json").write_text(json.dumps({"matrix": pair.matrix.tolist()}))
    picked = pixels.reshape(-1, 3)[rng.choice(solid.size, 5, replace=False)]
    wrong = through(matrix, picked) + rng.normal(0, PICKED, (5, 3))
    lines = [",".join(map(repr, row)) for row in np.hstack([picked[:, 1:], wrong]).tolist()]
    (folder / "l.csv").write_text("y,x,z,y,x\n" + "\n".join(lines) + "\n")
    true = np.corrcoef(np.log10((25e-9) ** 2 / tau[..., 0])[solid], lithium[solid])[0, 1]
    return folder, matrix, pixels, number, true


def command(folder, *more):
    return [
        "volume",
        "join",
        str(folder / "scan.gwy"),
        str(folder / "e.zarr"),
        "--landmarks",
        str(folder / "l.csv"),
        *more,
    ]


def test_d_is_read_against_lithium_on_the_pixels_of_the_scan(joined, capsys):
    folder, matrix, pixels, number, true = joined
    ions = ["--ions", str(folder / "i.zarr"), "--placed", str(folder / "p.json"), "--fixed-peak", "7Li+"]
    assert main(command(folder, *ions, "-o", str(folder / "j.gwy"), "--json", str(folder / "j.json"))) == 0
    assert "Correlation with the ions" in capsys.readouterr().out
    found = json.loads((folder / "j.json").read_text())
    apart = np.linalg.norm(
        through(np.array(found["matrix"]), pixels) - through(matrix, pixels), axis=-1
    ).mean()
    assert apart < 80e-9
    row = next(row for row in found["ions"] if row["map"] == "log10 D2 (-3 V)")
    assert row["low"] <= true <= row["high"]
    # The noise of the fits is in the scatter of D, and part of the correlation of single pixels.
    assert row["low"] > 0
    # What the scan held is still there, and what the volume shows lies beside it, on its grid.
    before, after = (read_container(folder / name) for name in ("scan.gwy", "j.gwy"))
    for key, value in before.items():
        assert key in after
        if key.endswith("/data") and not key.startswith("/brick"):
            assert np.array_equal(value["data"], after[key]["data"])
    titles = [contents.title(after, contents.CHANNEL, n) for n in contents.ids(after, contents.CHANNEL)]
    assert set(found["channels"]) <= set(titles)
    images = scans_from_file(folder / "j.gwy")[0].images
    inside = images["Particle"].values > 0
    assert np.mean(inside == (number > 0)) > 0.93
    assert np.nanmean(images["Counts 7Li+"].values[inside]) > 5 * np.nanmean(
        images["Counts 7Li+"].values[~inside]
    )
    # The report has the same numbers, and D beside ions and cracks on the pixels of the .gwy.
    out = folder / "report"
    words = ["volume", "report", "--joined", str(folder / "j.json"), str(folder / "j.gwy"), "-o", str(out)]
    assert main(words) == 0
    assert json.loads((out / "numbers.json").read_text())["sections"]["joined_scan"] == found
    with (out / "tables" / "joined_courses.csv").open() as file:
        rows = [row for row in csv.reader(file) if row[0] == "D2 (-3 V)"]
    diffusion = scans_from_file(folder / "j.gwy")[0].maps["D2"].values[0]
    away = images["Distance from a crack"].values
    solid = inside & (away > 0) & np.isfinite(diffusion)
    for number, part in (
        ("3.0", images["Counts 7Li+"].values == 3),
        ("2.0", images["Counts 7Li+"].values == 2),
    ):
        row = next(row for row in rows if row[1] == "ions" and row[2] == number)
        assert int(row[3]) == (solid & part).sum()
        assert float(row[5]) == np.median(diffusion[solid & part])
    beside = [row for row in rows if row[1] == "crack"]
    assert sum(int(row[3]) for row in beside) == solid.sum()
    nearest = np.sort(away[solid])[int(beside[0][3]) - 1]
    assert float(beside[0][2]) == np.median(away[solid & (away <= nearest)])
    assert float(beside[0][6]) == np.quantile(diffusion[solid & (away <= nearest)], 0.75)
    assert (out / "figures" / "joined_courses.png").stat().st_size > 10_000


def test_landmarks_alone_are_worse_and_a_strange_image_is_refused(joined, capsys):
    folder, matrix, pixels, *_ = joined
    assert main(command(folder, "--landmarks-only", "--json", "-")) == 0
    found = json.loads(capsys.readouterr().out)
    apart = np.linalg.norm(
        through(np.array(found["matrix"]), pixels) - through(matrix, pixels), axis=-1
    ).mean()
    assert 50e-9 < apart < found["landmarks"]["error"] * 1.5
    assert main(command(folder, "--image", "Height")) == 1
    assert "there is no channel 'Height' on the scan's grid, but 'Topography'" in capsys.readouterr().err
    assert main(command(folder, "--placed", str(folder / "p.json"))) == 2


def test_landmarks_say_what_a_straight_border_leaves_open():
    """A border says how far it is and how it is turned; along it and in depth the scan stays where it was picked."""
    rng = np.random.default_rng(3)
    z, y, x = (np.arange(40) + 0.5) * 60e-9, (np.arange(44) + 0.5) * 60e-9, (np.arange(48) + 0.5) * 60e-9
    edge = 1.4e-6
    soft = 1 / (1 + np.exp(-(np.broadcast_to(x, (z.size, y.size, x.size)) - edge) / 30e-9))
    volume = Image((90 + 60 * soft + 4 * rng.standard_normal(soft.shape)).astype(np.float32), (60e-9,) * 3)
    true = np.eye(4)
    true[:3, 3] = 1.2e-6, 0.5e-6, 0.5e-6
    columns = true[2, 3] + (np.arange(70) + 0.5) * 25e-9
    image = np.broadcast_to(columns > edge, (64, 70)) + 0.1 * rng.standard_normal((64, 70))
    scan = np.array([[0.2, 0.2], [1.4, 0.3], [0.8, 0.9], [0.2, 1.5], [1.4, 1.5]]) * 1e-6
    flat = np.column_stack([np.zeros(5), scan])
    wrong = np.array([40e-9, -50e-9, 70e-9]) + rng.normal(0, 60e-9, (5, 3))
    marks = scan_landmarks(scan, through(true, flat) + wrong)
    place = place_of_scan(image, (25e-9, 25e-9), volume, marks)
    middle = np.array([0.0, 0.8e-6, 0.875e-6])
    off = through(place.matrix, middle) - through(true, middle)
    picked = through(marks.matrix, middle) - through(true, middle)
    assert abs(off[2]) < 12e-9 < abs(picked[2])
    assert np.abs(off[:2] - picked[:2]).max() < 30e-9
    assert place.error > 20e-9
