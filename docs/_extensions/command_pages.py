"""The reference of the command line, written from the parser that reads it: none of it can be out of date."""

import argparse

from generated import write_page
from sphinx.application import Sphinx

from napari_tesm.cli.parser import parser_for_tesm
from napari_tesm.files.sentences import sentence_begun


def page_of_commands() -> str:
    """Return the page: each command with what it does, its usage and all of its options."""
    parser = parser_for_tesm()
    lines = [
        "# All commands and options", "",
        "Every command of `tesm` with all it takes, as `tesm COMMAND --help` says it. What the files that are written "
        "hold is in [the command line](../command_line.md) and [JSON](../json.md).", "",
    ]  # fmt: skip
    for words, command, summary in _commands(parser):
        lines += [f"## tesm {words}", "", _sentence(command.description or summary), ""]
        usage = command.format_usage().removeprefix("usage: ")
        lines += ["```text", usage.rstrip(), "```", ""]
        for group in command._action_groups:
            actions = [
                action for action in group._group_actions if not isinstance(action, argparse._HelpAction)
            ]
            if not actions:
                continue
            title = {"positional arguments": "files", "options": "other options"}.get(
                group.title or "", group.title
            )
            lines += [f"**{sentence_begun(title or '')}**", ""]
            for action in actions:
                lines += [_names(action), f": {_words(action)}", ""]
    return "\n".join(lines)


def _commands(parser: argparse.ArgumentParser, before: str = ""):
    for action in parser._actions:
        if not isinstance(action, argparse._SubParsersAction):
            continue
        summaries = {choice.dest: choice.help or "" for choice in action._choices_actions}
        for name, command in action.choices.items():
            inner = [a for a in command._actions if isinstance(a, argparse._SubParsersAction)]
            if inner:
                yield from _commands(command, f"{before}{name} ")
            else:
                yield f"{before}{name}", command, summaries.get(name, "")


def _names(action: argparse.Action) -> str:
    if not action.option_strings:
        return f"`{action.metavar or action.dest}`"
    value = ""
    if action.nargs != 0:
        choices = "{" + ",".join(map(str, action.choices)) + "}" if action.choices else action.dest.upper()
        shown = action.metavar or choices
        value = f" {shown if isinstance(shown, str) else ' '.join(shown)}"
        value = f" [{value.strip()}]" if action.nargs == "?" else value
        value += " ..." if action.nargs in ("+", "*") else ""
    return ", ".join(f"`{word}{value}`" for word in action.option_strings)


def _words(action: argparse.Action) -> str:
    from napari_tesm.cli.arguments import KERNELS
    from napari_tesm.kernels.named import kernels_in_words

    text = action.help or ""
    if text == KERNELS:
        text = kernels_in_words()
    text = text.replace("%(default)s", str(action.default)).replace("%%", "%")
    if not text:
        raise ValueError(f"{_names(action)} says nothing of itself in the parser")
    parts = [_sentence(text)]
    if action.required and action.option_strings:
        parts.append("Needed.")
    return " ".join(parts).replace("|", "\\|").replace("<", "&lt;").replace("*", "\\*").replace("$", "\\$")


def _sentence(text: str) -> str:
    text = sentence_begun(" ".join(text.split()))
    return text if text.endswith((".", ":", ")")) else f"{text}."


def _write(app: Sphinx) -> None:
    write_page("commands.md", page_of_commands())


def setup(app: Sphinx) -> dict[str, bool]:
    """Register with Sphinx."""
    app.connect("builder-inited", _write)
    return {"parallel_read_safe": True}
