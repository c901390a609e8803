"""Links of the pages to files beside them, which are no pages of the site, lead to the repository."""

import re
import tomllib
from pathlib import Path

from sphinx.application import Sphinx

_ROOT = Path(__file__).parents[2]
_OUTSIDE = re.compile(r"\]\(\.\./([^)\s]*)\)")
_INSIDE = {
    "README.md": "index.md",
    "CHANGELOG.md": "changelog.md",
    "README.md#five-minutes-in-napari": "index.md",
}


def _repository() -> str:
    urls = tomllib.loads((_ROOT / "pyproject.toml").read_text("utf-8"))["project"]["urls"]
    return str(urls["Source"])


def _lead_outside(app: Sphinx, name: str, source: list[str]) -> None:
    def target(match: re.Match[str]) -> str:
        path = match[1]
        if path in _INSIDE:
            return f"]({_INSIDE[path]})"
        kind = "tree" if path.endswith("/") else "blob"
        return f"]({_repository()}/{kind}/main/{path})"

    source[0] = _OUTSIDE.sub(target, source[0])


def setup(app: Sphinx) -> dict[str, bool]:
    """Register with Sphinx."""
    app.connect("source-read", _lead_outside)
    return {"parallel_read_safe": True}
