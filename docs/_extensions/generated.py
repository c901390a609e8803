"""Pages that are written when the site is built."""

from pathlib import Path
from typing import Final

_PLACE: Final = Path(__file__).parents[1] / "generated"


def write_page(name: str, content: str) -> None:
    """Write a page below ``docs/generated``; one that says the same already is left, so that it is not read again."""
    path = _PLACE / name
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists() or path.read_text("utf-8") != content:
        path.write_text(content, "utf-8")
