"""What a release writes: one version and one date in all files in which they stand, or nothing."""

import datetime
import importlib.util
import shutil
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
FILES = ("pyproject.toml", "napari_tesm/version.py", "CITATION.cff", "CHANGELOG.md")
DAY = datetime.date(2031, 2, 28)


@pytest.fixture(scope="module")
def release():
    spec = importlib.util.spec_from_file_location("release", ROOT / ".ci" / "release.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def copy(tmp_path):
    for name in FILES:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    changelog = tmp_path / "CHANGELOG.md"
    changelog.write_text(
        "# Changelog\n\n## 0.9.0 (unreleased)\n\n- New.\n\n## 0.8.0 (2030-01-02)\n\n- Old.\n"
    )
    return tmp_path


def test_one_version_stands_everywhere(release, copy):
    release.write_version(copy, "1.0.0rc1", DAY)
    assert tomllib.loads((copy / "pyproject.toml").read_text("utf-8"))["project"]["version"] == "1.0.0rc1"
    citation = yaml.safe_load((copy / "CITATION.cff").read_text("utf-8"))
    assert (citation["version"], citation["date-released"]) == ("1.0.0rc1", DAY)
    names = {}
    exec((copy / "napari_tesm/version.py").read_text("utf-8"), names)
    assert names["__version__"] == "1.0.0rc1"
    assert "## 1.0.0rc1 (2031-02-28)\n\n- New.\n\n## 0.8.0 (2030-01-02)" in (copy / "CHANGELOG.md").read_text(
        "utf-8"
    )


def test_nothing_is_written_where_nothing_is_unreleased(release, copy):
    release.write_version(copy, "1.0.0rc1", DAY)
    before = [(copy / name).read_bytes() for name in FILES]
    with pytest.raises(ValueError, match=r"CHANGELOG\.md has 0 lines"):
        release.write_version(copy, "1.0.0rc2", DAY)
    assert [(copy / name).read_bytes() for name in FILES] == before


@pytest.mark.parametrize("version", ["1.0", "v1.0.0", "1.0.0-rc1", "1.0.0rc1; rm -r", ""])
def test_what_is_no_version_is_refused(release, version, capsys):
    assert release.main(version) == 1
    assert "is no version like" in capsys.readouterr().err
