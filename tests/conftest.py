"""Fixtures that several rooms share: real instrument files, and Gwyddion as the judge of written files."""

import os
import signal
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import gwyddion
import numpy as np
import pytest
from hypothesis import settings

# The first example of a property pays for imports; no test may depend on the speed of a machine.
settings.register_profile("tests", deadline=None)
settings.load_profile("tests")

# A shell that starts the tests in its background has SIGINT ignored by all of them and by every command they start.
signal.signal(signal.SIGINT, signal.default_int_handler)

_approx = pytest.approx


def _approx_of_any_size(expected: Any, rel: Any = None, abs: Any = None, nan_ok: bool = False) -> Any:  # noqa: A002
    """Compare as `pytest.approx`, whose 1e-12 "beside zero" would let any D, some 1e-13 m²/s, pass for any other."""
    if abs is None:
        values = list(expected.values()) if isinstance(expected, Mapping) else expected
        try:
            sizes = np.abs(np.asarray(values, dtype=np.float64))
        except (TypeError, ValueError):
            return _approx(expected, rel=rel, nan_ok=nan_ok)
        size = np.max(sizes, initial=0.0, where=np.isfinite(sizes))
        # Given alone, an absolute tolerance would be the only one.
        rel, abs = 1e-6 if rel is None else rel, 1e-12 * (size or 1.0)  # noqa: A001
    return _approx(expected, rel=rel, abs=abs, nan_ok=nan_ok)


pytest.approx = _approx_of_any_size

_NOT_HERE = "the instrument files are not here"
_NO_GWYDDION_3 = "there is no Gwyddion 3 here"
_FIXTURES_OF = {
    "gwyddion": {"gwyoracle", "gwyddion_check"},
    "display": {"make_viewer", "make_napari_viewer", "qapp", "qtbot"},
}
"""Fixtures that need what a marker says, so that no test can forget to say so."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests that ask for Gwyddion or a window by their fixtures, before any are chosen by their marks."""
    for item in items:
        for marker, names in _FIXTURES_OF.items():
            if names & set(getattr(item, "fixturenames", ())):
                item.add_marker(marker)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """In CI, where everything is installed, a skipped test fails: a skip could hide what is missing."""
    report = yield
    reason = str(report.longrepr)
    if (
        os.environ.get("CI")
        and report.skipped
        and not hasattr(report, "wasxfail")
        and not any(allowed in reason for allowed in (_NOT_HERE, _NO_GWYDDION_3))
    ):
        report.outcome = "failed"
        report.longrepr = f"skipped, which is not allowed in CI: {reason}"
    return report


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of real instrument files, which are not part of the repository."""
    folder = Path(__file__).parents[2] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"{_NOT_HERE} ({folder})")
    return folder


@pytest.fixture(scope="session")
def gwyoracle(tmp_path_factory: pytest.TempPathFactory) -> gwyddion.Oracle:
    """Call with a path to get what Gwyddion's libraries see in the file."""
    if reason := gwyddion.missing():
        if os.environ.get("CI"):
            pytest.fail(f"{reason}; in CI its judgement is not optional")
        pytest.skip(reason)
    return gwyddion.Oracle(gwyddion.compile_oracle(tmp_path_factory.mktemp("gwyoracle")))


@pytest.fixture(scope="session")
def gwyddion_check(
    gwyoracle: gwyddion.Oracle, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[Path], str]:
    """Call with a path to get what ``gwyddion --check`` complains about."""
    home = tmp_path_factory.mktemp("home")
    return lambda path: gwyddion.check(path, home=home)


@pytest.fixture
def without_privileges(tmp_path: Path) -> Callable[[], AbstractContextManager[None]]:
    """Context in which permissions mean something: not to root, so tests run as somebody else for a moment."""

    @contextmanager
    def as_somebody_else() -> Iterator[None]:
        if os.geteuid() != 0:
            yield
            return
        for folder in [tmp_path, *tmp_path.parents]:
            if "pytest" in str(folder):
                folder.chmod(0o755)
        os.seteuid(65534)
        try:
            yield
        finally:
            os.seteuid(0)

    return as_somebody_else
