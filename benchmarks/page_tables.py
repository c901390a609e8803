"""Tables of the docs that scripts write: what stands between two markers, so that no number in a page is typed."""

from collections.abc import Sequence
from pathlib import Path

DOCS = Path(__file__).parents[1] / "docs"


def table_from_rows(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def write_table(page: str, name: str, text: str, *, docs: Path = DOCS) -> None:
    """Put a text between ``<!-- NAME -->`` and ``<!-- end of NAME -->`` in a page, in place of what is there.

    Raises
    ------
    ValueError
        If the page does not have both markers, once each.
    """
    path = docs / page
    before, start, rest = path.read_text(encoding="utf-8").partition(f"<!-- {name} -->\n")
    _, end, after = rest.partition(f"<!-- end of {name} -->")
    if not start or not end or start in after:
        raise ValueError(
            f"{path.name} needs the markers <!-- {name} --> and <!-- end of {name} -->, once each"
        )
    path.write_text(f"{before}{start}\n{text.strip()}\n\n{end}{after}", encoding="utf-8")
