"""A fit that was killed goes on where it was, and ends in the same bits."""

import os
import subprocess
import sys

import numpy as np
import pytest
from examples import example_dataset

import napari_tesm.data.dataset as schema
import napari_tesm.files.journal as journal_module
from napari_tesm import save
from napari_tesm.cli import main
from napari_tesm.cli.progress import TimeToGo
from napari_tesm.evaluation import pipeline
from napari_tesm.files.journal import journal_of

SAMPLES = 80
KILLED = """
import os, signal, sys
import napari_tesm.data.dataset as schema
from napari_tesm.evaluation import pipeline
from napari_tesm.cli import main
schema.BLOCK_BYTES = {block}
blocks = pipeline.evaluate_blocks
def until_killed(evaluate, dataset, **options):
    def report(fraction, words):
        if fraction >= 0.4:
            os.kill(os.getpid(), signal.SIGKILL)
    blocks(evaluate, dataset, **options | dict(progress=report))
pipeline.evaluate_blocks = until_killed
main(sys.argv[1:])
"""


@pytest.fixture
def fit(tmp_path, monkeypatch):
    """Return what fits a scan of ten blocks, and the folder; its `fitted` counts the blocks that were fitted."""
    path = tmp_path / "scan.gwy"
    save(path, example_dataset(shape=(5, 40), samples=SAMPLES))
    monkeypatch.setattr(schema, "BLOCK_BYTES", 8 * SAMPLES * 40)
    monkeypatch.setattr(journal_module, "WORTH_KEEPING", 0.0)
    counted = pipeline.maps_from_traces

    def maps_from_traces(traces, evaluation):
        call.fitted += len(traces) > 0
        if call.fitted == call.stop_at:
            raise call.error
        return counted(traces, evaluation)

    monkeypatch.setattr(pipeline, "maps_from_traces", maps_from_traces)

    def call(name, *words, stop_at=None, error=KeyboardInterrupt, jobs="1"):
        call.fitted, call.stop_at, call.error = 0, stop_at, error
        options = ["--quiet", "--maps-only", "--jobs", jobs, "--csv", str(tmp_path / f"{name}.csv")]
        return main(["fit", str(path), "-o", str(tmp_path / f"{name}.gwy"), *options, *words])

    return call


def test_killed_and_called_again_a_fit_goes_on_and_gives_the_same_bytes(fit, tmp_path):
    assert fit("whole", jobs="2") == 0
    assert fit.fitted == 10
    code = KILLED.format(block=schema.BLOCK_BYTES)
    words = ["fit", "scan.gwy", "-o", "out.gwy", "--quiet", "--maps-only", "--jobs", "1", "--csv", "out.csv"]
    killed = subprocess.run([sys.executable, "-c", code, *words], cwd=tmp_path)
    assert killed.returncode == -9
    partial = tmp_path / "out.gwy.partial"
    assert partial.exists()
    # A kill in the midst of writing leaves a piece without its end.
    os.truncate(partial, partial.stat().st_size - 100)
    assert fit("out", stop_at=3) == 130
    assert fit.fitted == 3
    # A disk may lose what was written last, too.
    data = bytearray(partial.read_bytes())
    data[-50] ^= 1
    partial.write_bytes(data)
    assert fit("out") == 0
    # Three were finished and kept, two more of the second call; the last of these is damaged.
    assert fit.fitted == 10 - 3 - 2 + 1
    assert (tmp_path / "out.csv").read_bytes() == (tmp_path / "whole.csv").read_bytes()
    assert (tmp_path / "out.gwy").read_bytes() == (tmp_path / "whole.gwy").read_bytes()
    assert not [path.name for path in tmp_path.iterdir() if "partial" in path.name or path.name[0] == "."]


def test_an_interrupted_fit_says_where_it_goes_on_and_what_it_belongs_to(fit, tmp_path, capsys, monkeypatch):
    assert fit("out", "--intervals", stop_at=6) == 130
    assert "kept in out.gwy.partial, and the same command goes on there" in capsys.readouterr().err
    before = (tmp_path / "out.gwy.partial").read_bytes()
    assert fit("out", "--intervals", "--threshold", "20%") == 1
    said = capsys.readouterr().err
    assert "out.gwy.partial holds the beginning of a fit with another recipe" in said
    assert "(--overwrite)" in said
    assert fit.fitted == 0
    os.utime(tmp_path / "scan.gwy")
    assert fit("out", "--intervals") == 1
    assert "with another input" in capsys.readouterr().err
    assert (tmp_path / "out.gwy.partial").read_bytes() == before
    assert fit("out", "--intervals", "--overwrite") == 0
    assert fit.fitted == 10
    assert fit("whole", "--intervals") == 0
    assert (tmp_path / "out.csv").read_bytes() == (tmp_path / "whole.csv").read_bytes()
    # What would fail in the same way again leaves nothing, nor does what took no time.
    assert fit("fails", stop_at=4, error=ValueError("broken")) == 1
    monkeypatch.setattr(journal_module, "WORTH_KEEPING", 600.0)
    assert fit("short", stop_at=4) == 130
    assert capsys.readouterr().err.endswith("no half-written output is left\n")
    assert not list(tmp_path.glob("*.partial"))


def test_limits_are_kept_as_well(fit, tmp_path, monkeypatch):
    assert fit("whole", "--intervals") == 0
    calls = 0
    add_limits = pipeline.add_limits

    def stopped(*arguments):
        nonlocal calls
        calls += 1
        if calls == 4:
            raise KeyboardInterrupt
        add_limits(*arguments)

    monkeypatch.setattr(pipeline, "add_limits", stopped)
    assert fit("out", "--intervals") == 130
    assert fit("out", "--intervals") == 0
    assert (fit.fitted, calls) == (0, 4 + 7)
    assert (tmp_path / "out.csv").read_bytes() == (tmp_path / "whole.csv").read_bytes()


def test_only_one_process_keeps_a_journal_and_a_full_disk_ends_no_fit(tmp_path, monkeypatch):
    monkeypatch.setattr(journal_module, "WORTH_KEEPING", 0.0)
    content = {"recipe": "r"}
    values = {
        "tau": np.arange(6.0).reshape(2, 3),
        "status": np.array([[1], [2]], np.int8),
        "inflation": np.full((2, 3), 1.5),
        "zero": np.array([0.0, -0.0, 0.0]),
        "none": np.empty((0, 2)),
    }

    def stop():
        with journal_of(tmp_path / "o", content, anew=False) as journal:
            journal.keep("a", values)
            with journal_of(tmp_path / "o", content, anew=False) as other:
                assert other is None
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stop()
    with journal_of(tmp_path / "o", content, anew=False) as journal:
        taken = journal.taken("a")
        assert taken.keys() == values.keys()
        for name, kept in values.items():
            assert taken[name].dtype == kept.dtype
            assert taken[name].shape == kept.shape
            assert taken[name].tobytes() == kept.tobytes()
        assert journal.taken("b") is None

        def full(line):
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(journal, "_write", full)
        journal.keep("b", values)
        assert journal.taken("b") is None
    with journal_of(tmp_path / "o", content, anew=False) as journal:
        pass
    journal.keep("late", values)
    assert list(tmp_path.iterdir()) == []


def test_the_time_to_go_is_that_of_the_speed_of_late():
    now = [0.0]
    left = TimeToGo(lambda: now[0])
    said = []
    # Half is there already; then 1 % every 2 s, and later every 10 s.
    for step, fraction in [(0, 0.0), (1, 0.5), *[(2, 0.5 + 0.01 * n) for n in range(1, 21)]]:
        now[0] += step
        said.append(left.words(fraction))
    assert said[:3] == ["", "", ""]
    # The first second counts as long as it is looked back on, and then no more.
    assert said[-1] == ", 18 s to go"
    for n in range(21, 31):
        now[0] += 10
        said.append(left.words(0.5 + 0.01 * n))
    assert said[-1] == ", 3 min to go"
    assert left.words(1.0) == ""
    assert left.words(0.0) == ""
    now[0] += 100
    assert left.words(0.02) == ", 1 h 22 min to go"


def test_the_time_to_go_counts_from_when_work_begins():
    now = [0.0]
    left = TimeToGo(lambda: now[0], silent=10.0)
    for _ in range(20):  # processes start, and nothing is done
        now[0] += 1
        assert left.words(0.0) == ""
    said = []
    for n in range(1, 13):
        now[0] += 1
        said.append(left.words(0.01 * n))
    assert said[:9] == [""] * 9
    assert said[9:] == [", 2 min to go", ", 1 min to go", ", 1 min to go"]
