"""``tesm info``: what a file holds and what is missing for a fit."""

import argparse
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from napari_tesm.cli.arguments import UsageError
from napari_tesm.cli.spelling import spelled
from napari_tesm.files.texts import printable
from napari_tesm.io.gwy.description import description_from_file
from napari_tesm.io.registry import is_gwy, says_itself_what_it_is
from napari_tesm.quantities.text import prefix_for

_LONG_NUMBER: Final = re.compile(r"[+-]?(?=[\d.]{8})\d*\.\d+")


def run_command(options: argparse.Namespace) -> int:
    """Describe a file; see ``tesm info --help``."""
    if options.file is None:  # tesm info --mapping FILE proposes one
        if not isinstance(options.mapping, str):
            raise UsageError("the following arguments are required: FILE")
        options.file, options.mapping = options.mapping, True
    if isinstance(options.mapping, str) and not is_gwy(options.file):
        return _check_mapping(options)
    if not says_itself_what_it_is(options.file):
        return _describe_content(options)
    if options.mapping is not None and is_gwy(options.file):
        raise UsageError("a .gwy file says itself what is what: there is no mapping to propose or to check")
    description = description_from_file(options.file)
    _spell_missing(description)
    if options.json:
        print(json.dumps(description, indent=2, ensure_ascii=True))
    else:
        for line in _lines(description):
            print(printable(line))
    return 0


def _describe_content(options: argparse.Namespace) -> int:
    from napari_tesm.io.content_description import description_from_content
    from napari_tesm.io.detection import content_from_file
    from napari_tesm.io.mapping.proposal import lines_from_content, proposal_from_content

    content = content_from_file(options.file)
    proposal = proposal_from_content(content)
    if options.mapping is not None:
        if proposal is None:
            raise ValueError(
                f"{options.file} holds nothing that could be traces or images: there is nothing to map"
            )
        print(proposal.to_text(content), end="")
        return 0
    description = description_from_content(content, proposal)
    _spell_missing(description)
    if options.json:
        print(json.dumps(description, indent=2, ensure_ascii=True))
        return 0
    lines = [
        f"{description['name']}: {description['format']}, {_size(description['bytes'])}",
        "Arrays:",
    ]
    lines += [f"  {line}" for line in lines_from_content(content)] or ["  none"]
    lines += [f"Note: {note}" for note in description["notes"]]
    if proposal is None:
        lines.append("Traces for a fit: none")
    elif proposal.questions:
        lines.append("To be said in a mapping (tesm info --mapping proposes one):")
        lines += [f"  {question}" for question in proposal.questions]
    elif proposal.mapping.traces:
        lines += _trace_lines(description)
    else:
        lines.append("Traces for a fit: none, images only")
    for line in lines:
        print(printable(line))
    return 0


def _check_mapping(options: argparse.Namespace) -> int:
    """Say what a file gives with a mapping, and what a fit still lacks; what does not fit is refused in a sentence."""
    from napari_tesm.cli.importing import lines_from_scan
    from napari_tesm.io.content_description import description_of_traces
    from napari_tesm.io.mapping.text import mapping_from_file, text_from_mapping
    from napari_tesm.io.registry import open_file
    from napari_tesm.scan import scans_from_opened

    mapping = mapping_from_file(options.mapping)
    opened = open_file(options.file, mapping=mapping)
    if opened.refusal is not None and (mapping.traces or mapping.recording):
        raise opened.refusal
    path = Path(options.file)
    scans = scans_from_opened(path, opened)
    description: dict[str, Any] = {
        "name": path.name,
        "mapping": text_from_mapping(mapping),
        "imported": [line for scan in scans for line in lines_from_scan(scan)],
        "notes": [str(note) for note in opened.notes],
        "traces": [description_of_traces(dataset) for dataset in opened.datasets],
        "problems": [],
    }
    _spell_missing(description)
    if options.json:
        print(json.dumps(description, indent=2, ensure_ascii=True))
        return 0
    lines = [
        f"{Path(options.mapping).name} fits {path.name}:",
        *(f"  {line}" for line in description["imported"]),
    ]
    lines += [f"Note: {note}" for note in description["notes"]]
    lines += _trace_lines(description) if opened.datasets else []
    for line in lines:
        print(printable(line))
    return 0


def _lines(description: dict[str, Any]) -> Iterator[str]:
    yield f"{description['name']}: {description['format']}, {_size(description['bytes'])}"
    for key in ("channels", "volumes", "curve_maps", "graphs", "spectra"):
        entries = description[key]
        if not entries:
            continue
        yield f"{key.replace('_', ' ').capitalize()}:"
        for entry in entries:
            yield f"  {entry['id']:>3}  {_entry_line(entry)}"
            for selection in entry.get("selections", ()):
                kind, count = selection["kind"], selection["count"]
                yield f"       selection '{selection['name']}': {kind}, {count} items"
            for curve in entry.get("curves", ()):
                yield f"       curve '{curve['label']}' [{curve['unit'] or '-'}]{_samples(curve)}"
    yield from _trace_lines(description)


def _spell_missing(description: dict[str, Any]) -> None:
    for group in description["traces"]:
        group["missing"] = [spelled(sentence) for sentence in group["missing"]]


def _trace_lines(description: dict[str, Any]) -> Iterator[str]:
    for group in description["traces"]:
        yield f"Traces for a fit: {', '.join(group['titles'])}"
        for name, value in group["protocol"].items():
            yield f"  {name}: {_rounded(value)}"
        for sentence in group["missing"]:
            yield f"  missing: {sentence}"
    if not description["traces"]:
        yield "Traces for a fit: none"
    for problem in description["problems"]:
        yield f"Problem: {problem}"


def _entry_line(entry: dict[str, Any]) -> str:
    if "problem" in entry:
        return f"unreadable: {entry['problem']}"
    parts = [entry["title"] or "(untitled)"]
    if "pixels" in entry:
        width, height = entry["pixels"]
        parts.append(f"{width} × {height} px")
        parts.append(_extent(entry["size"], entry["lateral_unit"]))
    if "samples" in entry:
        start, stop = entry["time_range"]
        unit = entry["time_unit"]
        factor, shown = prefix_for([start, stop], unit)
        span = f"{start / factor:.6g} to {stop / factor:.6g} {shown or '(no unit)'}"
        parts.append(f"{entry['samples']} samples from {span}")
    if "lengths" in entry:
        low, high = entry["lengths"]
        parts.append(f"{low} samples per curve" if low == high else f"{low} to {high} samples per curve")
    if "unit" in entry:
        parts.append(f"in {entry['unit'] or 'no unit'}")
    if entry.get("mask"):
        parts.append(f"mask on {entry['mask']} px")
    if "count" in entry:
        parts.append(f"{entry['count']} curves")
    if "x_unit" in entry:
        axes = ((entry[f"{axis}_label"] or axis, entry[f"{axis}_unit"] or "-") for axis in ("x", "y"))
        parts += [f"{label} [{unit}]" for label, unit in axes]
    if entry.get("result"):
        parts.append(f"result map {entry['result']}")
    return ", ".join(parts)


def _extent(size: list[float], unit: str) -> str:
    factor, shown = prefix_for(max(size), unit)
    return f"{size[0] / factor:.5g} × {size[1] / factor:.5g} {shown or '(no unit)'}"


def _size(count: int) -> str:
    """Return a number of bytes as text: kB where MB would be 0.0."""
    return f"{count / 1e6:.1f} MB" if count >= 1e5 else f"{count / 1e3:.1f} kB"


def _rounded(value: str) -> str:
    """Return a quantity with six digits: those that it takes to read the same number back are for programs."""
    number, _, unit = value.partition(" ")
    return f"{float(number):.6g} {unit}".rstrip() if _LONG_NUMBER.fullmatch(number) else value


def _samples(curve: dict[str, Any]) -> str:
    return f", {curve['samples']} samples" if "samples" in curve else ""
