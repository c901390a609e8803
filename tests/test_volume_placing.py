"""Placing one volume in another: the truth is a formula that neither volume was interpolated from."""

import json

import numpy as np
import pytest
from lithium_volumes import lithium_pair, places, through

from napari_tesm.cli import main
from napari_tesm.io.volumes import open_volume, save_volume
from napari_tesm.volumes.dataset import volume_from_array
from napari_tesm.volumes.landmarks import landmarks_matched
from napari_tesm.volumes.placing import placement_of
from napari_tesm.volumes.transforms import turns_of_axes

SMALL = {"size": (4.2e-6, 5.4e-6, 6.6e-6), "n": 5, "radii": (0.8e-6, 1.2e-6), "counts": 2.0}


def saved(path, values, voxel):
    save_volume(path, volume_from_array(values, voxel))
    return str(path)


def distance_on_particles(pair, matrix):
    points = places(np.array(pair.counts.shape) // 4, np.multiply(pair.ion_voxel, 4)).reshape(-1, 3)
    points = points[pair.cathode.parts(through(pair.matrix, points))[0] > 0]
    return np.linalg.norm(through(matrix, points) - through(pair.matrix, points), axis=1).mean()


@pytest.fixture(scope="module")
def pair():
    return lithium_pair(seed=5, **SMALL, angles=(4.0, -3.0, 5.0), scale=(1.0, 1.04, 0.97))


def test_a_turned_and_mirrored_volume_is_placed_with_an_error_that_is_right(pair, tmp_path, capsys):
    # Slices become columns, rows are counted from the other end.
    counts, voxel = pair.counts.transpose(2, 1, 0)[:, ::-1], pair.ion_voxel[::-1]
    ions = saved(tmp_path / "ions.zarr", np.ascontiguousarray(counts), voxel)
    electrons = saved(tmp_path / "electrons.zarr", pair.image, pair.electron_voxel)
    out, json_file = tmp_path / "placed.zarr", tmp_path / "p.json"
    command = ["volume", "place", ions, electrons, "-o", str(out), "--json", str(json_file)]
    assert main(command) == 0
    assert "Along z, y, x of the second volume lie the axes x -y z of the first" in capsys.readouterr().out
    found = json.loads(json_file.read_text())
    back = np.eye(4)[:, [2, 1, 0, 3]]
    flip = np.diag([1.0, -1.0, 1.0, 1.0])
    flip[1, 3] = counts.shape[1] * voxel[1]
    true = distance_on_particles(pair, np.array(found["matrix"]) @ np.linalg.inv(back @ flip))
    assert true < 30e-9
    assert 0.5 < true / found["error"] < 2
    # What is written lies on the electron image: lithium is in its particles and not in the binder.
    placed = open_volume(out)["intensity"].values
    assert placed.shape == pair.image.shape
    inside, binder = placed[(pair.number > 0) & ~pair.crack], placed[pair.number == 0]
    assert np.nanmean(inside) > 5 * np.nanmean(binder)


def test_lithium_that_is_the_same_across_the_boundary_places_nothing():
    same = lithium_pair(seed=6, **SMALL, same=True)
    with pytest.raises(ValueError, match=r"does not determine how they lie.*give landmarks="):
        placement_of(
            volume_from_array(same.counts, same.ion_voxel),
            volume_from_array(same.image, same.electron_voxel),
            turns=False,
        )


def test_landmarks_are_judged_by_the_pairs_that_are_left_out(tmp_path, capsys):
    rng = np.random.default_rng(8)
    turn = turns_of_axes((3, 4, 5), (1e-6,) * 3)[7]
    wrong, said = [], []
    for _ in range(300):
        first = rng.uniform(0, 8e-6, (8, 3))
        second = through(turn, first) + rng.normal(0, 150e-9, first.shape)
        marks = landmarks_matched(first, second)
        elsewhere = rng.uniform(0, 8e-6, (50, 3))
        wrong.append(
            np.mean(np.sum((through(marks.matrix, elsewhere) - through(turn, elsewhere)) ** 2, axis=1))
        )
        said.append([marks.error**2, np.mean(marks.residuals**2)])
    assert marks.kind == "affine"
    left_out, residual = np.sqrt(np.median(said, axis=0))
    # A pair that is left out has errors of picking of its own.
    true = np.sqrt(np.median(wrong) + 3 * 150e-9**2)
    assert 0.7 < left_out / true < 1.5
    assert residual < 0.7 * true

    rows = np.hstack([first, second])
    text = "z,y,x,z,y,x\n" + "\n".join(",".join(f"{1e9 * value:.3f} nm" for value in row) for row in rows)
    (tmp_path / "l.csv").write_text(text)
    volume = saved(tmp_path / "v.zarr", rng.integers(0, 9, (8, 9, 7)).astype(np.uint8), (1e-6,) * 3)
    other = saved(tmp_path / "w.zarr", rng.integers(0, 9, (8, 9, 7)).astype(np.uint8), (1e-6,) * 3)
    command = ["volume", "place", volume, other, "--landmarks", str(tmp_path / "l.csv")]
    assert main([*command, "--landmarks-only", "--json", "-"]) == 0
    found = json.loads(capsys.readouterr().out)
    np.testing.assert_allclose(found["matrix"], marks.matrix, rtol=1e-3, atol=1e-6)
    assert found["error"] == pytest.approx(marks.error, rel=1e-3)
    assert found["correlation"] is None
    (tmp_path / "l.csv").write_text(text + "\n1,2,3")
    assert main([*command, "--landmarks-only"]) == 1
    assert "line 10: 6 lengths are needed" in capsys.readouterr().err


def test_a_simulated_pair_is_placed_as_its_truth_says(tmp_path, capsys):
    names = [str(tmp_path / name) for name in ("e.zarr", "i.zarr", "t.json")]
    command = ["volume", "simulate", "--preset", "cathode", "-o", names[0], "--seed", "3"]
    assert main([*command, "--ions", names[1], "--placed", names[2]]) == 0
    assert "(simulated, preset cathode)" in capsys.readouterr().out
    assert main(["volume", "place", names[1], names[0], "--no-turns", "--json", "-"]) == 0
    found, true = json.loads(capsys.readouterr().out), json.loads((tmp_path / "t.json").read_text())
    middle = np.array([[2.4e-6, 3.3e-6, 3.6e-6]])
    apart = through(np.array(found["matrix"]), middle) - through(np.array(true["matrix"]), middle)
    assert np.linalg.norm(apart) < 30e-9
    assert found["simulated"]
    assert main(command) == 2
