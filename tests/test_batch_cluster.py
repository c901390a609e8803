"""A batch on the workers of a dask scheduler: the same bytes, whatever becomes of a worker or of the scheduler."""

import csv
import os
import signal

import pytest
from examples import example_dataset

from napari_tesm import save
from napari_tesm.cli import main

distributed = pytest.importorskip("distributed", reason="dask.distributed is not installed")


def tesm(*words):
    return main([str(word) for word in words])


def test_files_are_fitted_by_workers_of_which_one_is_killed(tmp_path, capsys, monkeypatch):
    folder = tmp_path / "week"
    folder.mkdir()
    for number in range(4):
        save(folder / f"{number}.gwy", example_dataset(shape=(6, 5), samples=60, seed=number))
    (folder / "cut.gwy").write_bytes((folder / "0.gwy").read_bytes()[:900])
    monkeypatch.chdir(tmp_path)
    options = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": None}
    with distributed.LocalCluster(**options) as cluster:
        with distributed.Client(cluster) as client:
            os.kill(next(iter(client.run(os.getpid).values())), signal.SIGKILL)
        assert tesm("batch", "week", "-o", "out", "--executor", cluster.scheduler_address, "--quiet") == 1
    rows = list(csv.DictReader((tmp_path / "out" / "batch.csv").read_text("utf-8").splitlines()))
    assert {row["file"]: row["state"] for row in rows} == {
        "cut.gwy": "failed", "0.gwy": "ok", "1.gwy": "ok", "2.gwy": "ok", "3.gwy": "ok"
    }  # fmt: skip
    assert tesm("fit", folder / "2.gwy", "-o", tmp_path / "2.gwy", "--quiet") == 0
    assert (tmp_path / "out" / "2_D.gwy").read_bytes() == (tmp_path / "2.gwy").read_bytes()
    capsys.readouterr()
    monkeypatch.setattr("napari_tesm.batch.cluster._CONNECTING", 1.0)
    assert tesm("batch", "week", "-o", "out", "--executor", "tcp://127.0.0.1:9", "--quiet") == 1
    assert "there is no scheduler at tcp://127.0.0.1:9" in capsys.readouterr().err
