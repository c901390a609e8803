"""The examples in docstrings, in the README and in the documents: what stands there runs, and gives what it says."""

import doctest
import importlib
import re
from pathlib import Path

import numpy as np
import pytest
from examples import SPACING, example_dataset

ROOT = Path(__file__).parents[1]
MODULES = sorted(
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
    for path in (ROOT / "napari_tesm").rglob("*.py")
    if ">>>" in path.read_text(encoding="utf-8")
)
NOT_RUN = {"extending.md", "CONTRIBUTING.md"}
"""Their code is parts of files, which are told how to be put together."""


def blocks_of(document):
    text = (ROOT / document).read_text(encoding="utf-8")
    return re.findall(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


SLOW = {"docs/theory.md"}
DOCUMENTS = [
    str(path.relative_to(ROOT))
    for path in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
    if path.name not in NOT_RUN and blocks_of(path)
]


def test_there_are_examples():
    assert len(MODULES) > 20
    assert len(DOCUMENTS) >= 4


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_of_a_module_give_what_they_say(name):
    if ".gui." in name:
        pytest.importorskip("napari")
    found = doctest.testmod(importlib.import_module(name), report=False)
    assert found.attempted > 0
    assert found.failed == 0


@pytest.mark.parametrize(
    "document", [pytest.param(name, marks=pytest.mark.slow) if name in SLOW else name for name in DOCUMENTS]
)
def test_the_python_of_a_document_runs(document, tmp_path, monkeypatch):
    from napari_tesm import fit, save

    dataset = example_dataset(shape=(9, 12))
    (tmp_path / "sample_data").mkdir()
    for name in ("scan.gwy", "sample_data/si_c_step.gwy"):
        save(tmp_path / name, dataset)
    monkeypatch.chdir(tmp_path)
    # What a reader is taken to have at hand.
    names = {
        "traces": dataset["displacement"].values[0],
        "time": dataset["time"].values,
        "dataset": dataset,
        "maps": fit(dataset),
        "topography": dataset["topography"].values,
        "dy": SPACING[0],
        "dx": SPACING[1],
        "np": np,
    }
    for number, block in enumerate(blocks_of(document), start=1):
        exec(compile(block, f"{document}, block {number}", "exec"), names)
