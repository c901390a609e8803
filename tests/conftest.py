"""Fixtures that several rooms share: real instrument files, and Gwyddion as the judge of written files."""

import os
from collections.abc import Callable
from pathlib import Path

import gwyddion
import pytest


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of real instrument files, which are not part of the repository."""
    folder = Path(__file__).parents[2] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"the instrument files are not here ({folder})")
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
    """Call with a path to get the complaints of ``gwyddion --check``, empty if there are none."""
    home = tmp_path_factory.mktemp("home")
    return lambda path: gwyddion.check(path, home=home)
