"""The search of the documentation site as the browser does it: Sphinx's searchtools.js, for pages, in Python."""

import json
import re
from collections import defaultdict
from pathlib import Path

from sphinx.search.en import SearchEnglish

_TITLE, _PARTIAL_TITLE, _TERM, _PARTIAL_TERM = 15, 7, 5, 2
_LISTED = 4
_OBJECT, _PARTIAL_OBJECT, _PRIORITY = 18, 6, {0: 15, 1: 5, 2: -5}


class SiteSearch:
    """The index that a built site carries for its search."""

    def __init__(self, site: Path) -> None:
        text = (site / "searchindex.js").read_text("utf-8")
        self.index = json.loads(text.removeprefix("Search.setIndex(").rstrip().removesuffix(")"))
        self.language = SearchEnglish({})
        scorer = (site / "_static" / "language_data.js").read_text("utf-8")
        lists = re.search(r"const LISTS = (\[.*?\]);", scorer, re.DOTALL)
        assert lists is not None, "the site is searched without its own scores"
        self.lists = json.loads(re.sub(r",\s*\]", "]", lists[1]))

    def pages(self, query: str) -> list[str]:
        """Return the pages that are found, the best first."""
        scores: dict[str, float] = defaultdict(lambda: -9.0)
        for page, score in [*self._titles(query), *self._objects(query), *self._words(query)]:
            is_list = any(
                page == name or (name.endswith("/") and page.startswith(name)) for name in self.lists
            )
            scores[page] = max(scores[page], score + (page == "faq") - _LISTED * is_list)
        titles = dict(zip(self.index["docnames"], self.index["titles"], strict=True))
        return sorted(scores, key=lambda page: (-scores[page], titles[page].lower()))

    def _titles(self, query):
        asked = query.lower().strip()
        for title, places in self.index["alltitles"].items():
            if asked in title.lower() and len(asked) >= len(title) / 2:
                for number, _ in places:
                    own = self.index["titles"][number] == title
                    yield self.index["docnames"][number], round(_TITLE * len(asked) / len(title)) + own

    def _objects(self, query):
        words = set(re.findall(r"\w+", query.lower()))
        for word in words:
            for prefix, entries in self.index["objects"].items():
                for number, kind, priority, _, name in entries:
                    full = f"{prefix}.{name}".strip(".").lower()
                    what = self.index["objnames"][str(kind)][2]
                    said = f"{prefix} {name} {what} {self.index['titles'][number]}".lower()
                    if word not in full or any(other not in said for other in words - {word}):
                        continue
                    last = full.rpartition(".")[2]
                    score = _OBJECT if word in (full, last) else _PARTIAL_OBJECT * (word in last)
                    yield self.index["docnames"][number], score + _PRIORITY.get(priority, 0)

    def _words(self, query):
        words = {
            self.language.stem(word)
            for word in re.findall(r"\w+", query.lower())
            if word not in self.language.stopwords and not word.isdigit()
        }
        found = defaultdict(dict)
        for word in words:
            parts = (
                (self.index["terms"], _TERM, _PARTIAL_TERM),
                (self.index["titleterms"], _TITLE, _PARTIAL_TITLE),
            )
            for terms, whole, partial in parts:
                matches = [(terms[word], whole)] if word in terms else []
                if not matches and len(word) > 2:
                    matches = [(numbers, partial) for term, numbers in terms.items() if word in term]
                for numbers, score in matches:
                    for number in numbers if isinstance(numbers, list) else [numbers]:
                        found[number][word] = score
        for number, scores in found.items():
            if len(scores) in (len(words), sum(len(word) > 2 for word in words)):
                yield self.index["docnames"][number], max(scores.values())
