"""Release a version: ``make release VERSION=1.0.0rc1``.

Writes the version and today's date where they stand, builds the source distribution and the wheels into ``dist/``,
tries each of them with every Python of 3.11 and later on the PATH, in an environment and a folder of its own, and only
then commits and tags. Whatever fails leaves the repository as it was; nothing is uploaded.
"""

from __future__ import annotations

import datetime
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[1]
PYTHONS: Final = ("python3.11", "python3.12", "python3.13", "python3.14")
_VERSION: Final = re.compile(r"\d+\.\d+\.\d+((a|b|rc)\d+)?")
_PLACES: Final = (
    ("pyproject.toml", r'^version = "[^"]*"$', 'version = "{version}"'),
    ("napari_tesm/version.py", r'^__version__: Final = "[^"]*"$', '__version__: Final = "{version}"'),
    ("CITATION.cff", r"^version: .*$(\ndate-released: .*$)?", "version: {version}\ndate-released: {date}"),
    ("CHANGELOG.md", r"^## \S+ \(unreleased\)$", "## {version} ({date})"),
)
"""Files in which the version stands, once in each."""


def write_version(root: Path, version: str, date: datetime.date) -> None:
    """Write a version and its date into all files in which they stand.

    Raises
    ------
    ValueError
        If a file does not have exactly one place for it: of the changelog, nothing that is unreleased.
    """
    written = {}
    for name, pattern, line in _PLACES:
        text, count = re.subn(
            pattern,
            line.format(version=version, date=date),
            (root / name).read_text("utf-8"),
            flags=re.MULTILINE,
        )
        if count != 1:
            raise ValueError(f"{name} has {count} lines for the version, where one is to be replaced")
        written[name] = text
    for name, text in written.items():
        (root / name).write_text(text, "utf-8")


def build(folder: Path) -> None:
    """Make the source distribution and the wheels in a folder."""
    shutil.rmtree(folder, ignore_errors=True)
    _run(sys.executable, "-m", "build", "--sdist", "--outdir", folder, ROOT)
    _run(sys.executable, ROOT / "gwyddion_plugin" / "make_wheels.py", folder)


def try_all(folder: Path) -> None:
    """Install what was built, each with every Python there is, and fit a scan with it."""
    machine = subprocess.run(["uname", "-m"], capture_output=True, text=True, check=True).stdout.strip()
    built = [
        path
        for path in sorted(folder.iterdir())
        if path.name.endswith(("-any.whl", f"{machine}.whl", ".tar.gz"))
    ]
    for python in filter(_runs, PYTHONS):
        for path in built:
            print(f"trying {path.name} with {python}")
            with tempfile.TemporaryDirectory() as place:
                for words in _trial(Path(place), python, path):
                    _run(*words, cwd=place)


def _runs(python: str) -> bool:
    # Some names on a PATH stand for a Python that is not chosen, and end in an error.
    return (
        shutil.which(python) is not None
        and not subprocess.run([python, "-c", ""], capture_output=True).returncode
    )


def _trial(place: Path, python: str, path: Path) -> Iterator[tuple[object, ...]]:
    programs = place / "env" / "bin"
    yield python, "-m", "venv", place / "env"
    yield programs / "pip", "install", "--quiet", path
    yield programs / "tesm", "--version"
    yield programs / "tesm", "simulate", "-o", "scan.gwy", "--size", "16x12", "--progress", "none"
    yield programs / "tesm", "fit", "scan.gwy", "-o", "scan_D.gwy", "--tip-radius", "25nm", "--quiet"


def _run(*words: object, cwd: str | Path = ROOT) -> str:
    done = subprocess.run(list(map(str, words)), cwd=cwd, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(
            f"{' '.join(map(str, words))} ended with {done.returncode}:\n{done.stdout}{done.stderr}"
        )
    return done.stdout


def main(version: str) -> int:
    """Release a version; return the exit code."""
    if not _VERSION.fullmatch(version):
        return _refused(f"'{version}' is no version like 1.0.0 or 1.0.0rc1")
    if _run("git", "status", "--porcelain"):
        return _refused("there are changes that are not committed: a release is of what is in the repository")
    if _run("git", "tag", "--list", f"v{version}"):
        return _refused(f"v{version} is there already")
    try:
        write_version(ROOT, version, datetime.datetime.now(datetime.UTC).date())
        build(ROOT / "dist")
        try_all(ROOT / "dist")
        _run("git", "commit", "--all", "--message", f"Version {version}")
        _run("git", "tag", "--annotate", f"v{version}", "--message", f"Version {version}")
    except (ValueError, RuntimeError) as error:
        _run("git", "checkout", "--", *(name for name, *_ in _PLACES))
        return _refused(str(error))
    print(f"v{version} is committed and tagged, its files are in dist/: push both, then upload them.")
    return 0


def _refused(reason: str) -> int:
    print(f"not released: {reason}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: make release VERSION=1.0.0rc1")
    sys.exit(main(sys.argv[1]))
