"""The code of docs/extending.md, chapter by chapter."""

import re
from pathlib import Path
from types import ModuleType

PAGE = (Path(__file__).parents[1] / "docs" / "extending.md").read_text(encoding="utf-8")


def blocks(title: str, language: str = "python") -> list[str]:
    """Return the code of a chapter of the page."""
    chapter = PAGE.split(f"\n## {title}\n")[1].split("\n## ")[0]
    return re.findall(rf"```{language}\n(.*?)```", chapter, re.DOTALL)


def module_from_block(code: str, name: str) -> ModuleType:
    """Return a module made of a block, under the name that the page gives it."""
    module = ModuleType(name)
    exec(compile(code, name, "exec"), module.__dict__)
    return module
