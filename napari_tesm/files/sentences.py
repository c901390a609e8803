"""Sentences that name fields, for whoever shows them to spell: as a keyword, an option, an entry of a form.

What refuses or advises says which field it means, and leaves open what that is called where the sentence is read. Each
edge (command line, napari, Gwyddion) has a `Spelling`, and puts through it what it shows.
"""

from collections.abc import Callable, Mapping
from string import Formatter
from typing import Any, Final, Self

_FLAGS: Final = ("overwrite", "maps_only")
_OPTIONS: Final = {"phase_rotation": "rotate-phase", "controls": "control", "source": "from"}
"""Options that are not called as their field is."""


class Field(str):
    """The name of a field among the values of a sentence, which then says its name and not how it is given."""


class Spelling:
    """What an edge calls the fields.

    Parameters
    ----------
    entry : callable
        Returns how a field is given; its second argument is what to give, or empty.
    names : mapping of str to str
        What a field is called where that is not its own name.
    """

    def __init__(self, entry: Callable[[str, str], str], names: Mapping[str, str] | None = None) -> None:
        self.entry, self.names = entry, names or {}

    def __call__(self, message: object) -> str:
        """Return a sentence, or what an exception says, with its fields as they are spelled here."""
        if isinstance(message, Field):
            return self.names.get(message, message.replace("_", " "))
        if isinstance(message, Sentence):
            return _spelled(message.template, message.values, self)
        only = message.args[0] if isinstance(message, BaseException) and len(message.args) == 1 else None
        return self(only) if isinstance(only, Sentence | BaseException) else str(message)


def keyword_from_field(name: str, value: str = "") -> str:
    """Return how Python gives a field."""
    return f"{name}={value!r}" if value else f"{name}={'True' if name in _FLAGS else ''}"


def option_from_field(name: str, value: str = "") -> str:
    """Return how the command line gives a field."""
    import shlex  # sentences are part of `tesm --help`, which is quick

    option = "--" + _OPTIONS.get(name, name).replace("_", "-")
    return f"{option} {value if value.isalnum() else shlex.quote(value)}" if value else option


KEYWORDS: Final = Spelling(keyword_from_field)
OPTIONS: Final = Spelling(option_from_field)


class Sentence(str):
    """A sentence that names fields; as a text it spells them as the keywords of Python.

    Parameters
    ----------
    template : str
        The sentence, with each field in braces and what to give it after a colon: ``{time_unit}``, ``{kernel:erfc}``.
    **values
        What else stands in braces, with formats. Sentences and exceptions among them keep their fields.

    Examples
    --------
    >>> sentence = Sentence("{title} has no unit: give {time_unit:{unit}}", title="Traces {1}", unit="ms")
    >>> print(sentence)
    Traces {1} has no unit: give time_unit='ms'
    >>> sentence.fields
    ('time_unit',)
    """

    template: str
    values: dict[str, Any]

    def __new__(cls, template: str, **values: Any) -> Self:
        """Spell the sentence for Python, and keep what it was made of."""
        sentence = super().__new__(cls, _spelled(template, values, KEYWORDS))
        sentence.template, sentence.values = template, values
        return sentence

    def __getnewargs_ex__(self) -> tuple[tuple[str], dict[str, Any]]:
        return (self.template,), self.values

    @property
    def fields(self) -> tuple[str, ...]:
        """The fields that are to be given or left out, in the order of the sentence."""
        return tuple(Spelling(lambda name, _: f"\0{name}\0")(self).split("\0")[1::2])


def sentence_begun(text: str, *, capital: bool = True) -> str:
    """Return a sentence with its first letter as a capital, or not; a name at its start keeps its own.

    Examples
    --------
    >>> sentence_begun("no region is drawn"), sentence_begun("Draw a region first", capital=False)
    ('No region is drawn', 'draw a region first')
    >>> sentence_begun("my_scan.gwy holds no traces"), sentence_begun("Si.gwy holds no traces", capital=False)
    ('my_scan.gwy holds no traces', 'Si.gwy holds no traces')
    """
    word = text.split(maxsplit=1)[0].rstrip(".,:;!?") if text.strip() else ""
    if not (word.islower() or word.istitle()) or not word.isalpha() or word == "H":
        return text
    return (text[0].upper() if capital else text[0].lower()) + text[1:]


def _spelled(template: str, values: Mapping[str, Any], spelling: Spelling) -> str:
    parts = []
    for text, name, spec, _ in Formatter().parse(template):
        parts.append(text)
        if name is not None and name in values:
            parts.append(format(values[name], spec) if spec else spelling(values[name]))
        elif name is not None:
            parts.append(spelling.entry(name, (spec or "").format_map(values)))
    return "".join(parts)
