"""The documentation site: builds without a warning, its tutorials run, and what people look for is found."""

import inspect
import os
import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

pytest.importorskip("sphinx")
from site_search import SiteSearch

ROOT = Path(__file__).parents[1]
TUTORIALS = "generated/tutorials/"
FOUND = {
    "install": ["install"],
    "napari plugin": ["install", "napari"],
    "open TDMS": ["from_the_instrument", f"{TUTORIALS}02_own_recording"],
    "import HDF5": ["from_the_instrument"],
    "MATLAB": ["from_the_instrument"],
    "mapping": ["from_the_instrument"],
    "format not known": ["faq"],
    "start of the pulse": ["faq", "from_the_instrument"],
    "tip radius": ["kernels"],
    "only tau and no D": ["faq"],
    "empty map": ["faq"],
    "why has a pixel no number": ["computed"],
    "status": ["computed"],
    "threshold": ["computed", "kernels"],
    "which kernel": ["kernels", "faq"],
    "D1 D2 ratio": ["null_curve"],
    "migration": ["null_curve", "faq"],
    "drift": ["instrument"],
    "mains 50 Hz": ["instrument"],
    "standard error": ["kernels", "validation"],
    "step too narrow": ["lateral", f"{TUTORIALS}05_lateral_diffusion"],
    "grain boundaries": ["grains"],
    "voltage series": [f"{TUTORIALS}04_voltage_series"],
    "batch many files": ["batch"],
    "cluster Slurm": ["batch"],
    "Gwyddion menu": ["gwyddion"],
    "repeat a fit recipe": ["faq", "command_line"],
    "cite": ["faq"],
    "publication figure": ["gallery", "report"],
    "custom kernel": ["extending"],
    "add a file format": ["extending"],
    "JSON keys": ["json"],
    "electrode thickness": ["volumes", f"{TUTORIALS}06_volumes"],
    "larger than memory": ["faq"],
    "python fit_traces": ["generated/api/napari_tesm.fitting"],
}
"""What people type, and the pages of which one has to be among the first three."""


@pytest.fixture(scope="session")
def site(tmp_path_factory):
    """Folder of the site, built as `make docs` does: a warning is an error."""
    out = tmp_path_factory.mktemp("site")
    words = [
        sys.executable,
        "-m",
        "sphinx",
        "-W",
        "--keep-going",
        "-q",
        "-d",
        str(out / "trees"),
        "docs",
        str(out / "html"),
    ]
    built = subprocess.run(
        words,
        cwd=ROOT,
        capture_output=True,
        text=True,
        env=os.environ | {"MPLBACKEND": "Agg", "QT_QPA_PLATFORM": "offscreen"},
    )
    assert built.returncode == 0, built.stderr[-4000:]
    return out / "html"


@pytest.mark.slow
def test_what_people_look_for_is_among_the_first_three(site):
    search = SiteSearch(site)
    missed = {
        query: found
        for query, pages in FOUND.items()
        if not set(found := search.pages(query)[:3]) & set(pages)
    }
    assert missed == {}
    assert len(FOUND) >= 30
    assert search.pages("a-word-nobody-wrote") == []


@pytest.mark.slow
def test_every_public_name_is_in_the_reference_with_what_it_takes_and_gives(site):
    missing, silent = [], []
    for page in sorted((site / "generated" / "api").glob("napari_tesm*.html")):
        module = import_module(page.stem)
        text = page.read_text("utf-8")
        for name in module.__all__:
            item = getattr(module, name)
            if not callable(item) or name.startswith("__"):
                continue
            if not re.search(rf'id="[\w.]*\b{name}"', text):
                missing.append(f"{page.stem}.{name}")
            words = inspect.getdoc(item) or ""
            takes = [key for key in _parameters(item) if key not in ("self", "args", "kwargs")]
            if not words or (len(takes) > 2 and "Parameters\n" not in words):
                silent.append(f"{page.stem}.{name}")
    assert missing == []
    assert silent == []


def _parameters(item):
    try:
        return list(inspect.signature(item).parameters)
    except (TypeError, ValueError):
        return []


@pytest.mark.slow
def test_every_command_and_option_is_on_its_page(site):
    text = (site / "generated" / "commands.html").read_text("utf-8")
    text = re.sub(r"<[^>]+>", "", text)
    for words in (["fit"], ["volume", "compare"], ["gwyddion"]):
        helped = subprocess.run(
            [sys.executable, "-m", "napari_tesm.cli", *words, "--help"],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        options = set(re.findall(r"(?<![\w-])--[a-z][\w-]+", helped)) - {"--help"}
        assert not [option for option in options if option not in text]
        assert f"tesm {' '.join(words)}" in text


def test_what_the_questions_quote_is_what_the_program_says():
    source = " ".join(path.read_text("utf-8") for path in (ROOT / "napari_tesm").rglob("*.py"))
    said = re.sub(r"\{[^{}]*\}", "…", re.sub(r'"\s+f?"', "", source))
    quoted = re.findall(r'^### "(.+)"$', (ROOT / "docs" / "faq.md").read_text("utf-8"), re.MULTILINE)
    assert len(quoted) >= 4
    for sentence in quoted:
        for part in sentence.split("…"):
            assert part.strip() in said, sentence


@pytest.mark.slow
def test_no_page_says_to_install_from_where_it_is_not(site):
    for page in site.rglob("*.html"):
        assert "pip install napari-tesm" not in re.sub(r"<[^>]+>", "", page.read_text("utf-8")), page.name
