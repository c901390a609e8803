"""The YAML of a mapping read as plain entries, within bounds: nothing in it may grow when it is read or shown."""

from typing import Any, Final

import yaml

from napari_tesm.io.mapping.entries import MappingError

_SHOWN: Final = 40


class _PlainLoader(yaml.SafeLoader):
    """A safe loader that knows no aliases and lets no entry be said twice.

    Ten lines of aliases of aliases stand for more text than any memory holds; and of two entries of one name YAML would
    silently take the second.
    """

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            line = self.peek_event().start_mark.line + 1  # type: ignore[no-untyped-call]
            raise MappingError(
                f"line {line} of the mapping repeats another entry with '*': write it out, mappings have no references"
            )
        return super().compose_node(parent, index)

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        names: set[str] = set()
        for key, _ in node.value:
            name = str(key.value) if isinstance(key, yaml.ScalarNode) else ""
            if name and name in names:
                line = key.start_mark.line + 1
                raise MappingError(f"the mapping says {shown(name)} twice, again in line {line}")
            names.add(name)
        return super().construct_mapping(node, deep)


def entries_from_yaml(text: str) -> Any:
    """Return what a YAML text holds: dictionaries, lists, texts, numbers.

    Raises
    ------
    MappingError
        If it is no YAML, or refers to itself, or says an entry twice.
    """
    try:
        return yaml.load(text, Loader=_PlainLoader)
    except MappingError:
        raise
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f" in line {mark.line + 1}" if mark is not None else ""
        raise MappingError(f"the mapping is no YAML{where}") from None


def shown(value: Any) -> str:
    """Return a value of a mapping as a message shows it: in quotes, on one line, not too long."""
    if isinstance(value, list | tuple | set):
        return "a list"
    if isinstance(value, dict):
        return "a group of entries"
    if isinstance(value, int) and abs(value) >= 10**_SHOWN:  # Python does not write out the longest ones
        return "a number of more than 40 digits"
    text = " ".join(str(value).split())
    return f"'{text}'" if len(text) <= _SHOWN else f"'{text[: _SHOWN - 1]}…'"
