"""Importing a recording without the widgets: which channel is what, the scan, and the mapping that follows."""

from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import yaml

from napari_tesm.gui.models.protocol import Question
from napari_tesm.gui.models.scan import Scan, live_scans
from napari_tesm.io.content import FileContent
from napari_tesm.io.mapping.entries import Mapping, MappingError
from napari_tesm.io.mapping.pieces import patterns_among
from napari_tesm.io.mapping.proposal import UNKNOWN, lines_from_content, proposal_from_content
from napari_tesm.io.mapping.text import mapping_from_file, mapping_from_text, text_from_mapping
from napari_tesm.scan import scans_from_opened

CHANNELS: Final = {
    "X": "X, the displacement", "dc": "dc voltage", "pixel trigger": "Pixel trigger", "line trigger": "Line trigger",
    "Y": "Y, out of phase",
}  # fmt: skip
"""Channels of a recording, with what they are called on the screen."""
WAYS: Final = {"trace": ["trace"], "trace + retrace": ["trace", "retrace"], "retrace": ["retrace"]}


ENTRIES: Final = (
    Question("scan.pixels", "Pixels in a line", "64"),
    Question("scan.lines", "Lines", "48"),
    Question("scan.width", "Width", "384 nm"),
    Question("scan.height", "Height", "288 nm"),
    Question("scan.voltages", "Voltages", "+3 V, -3 V"),
    Question("time.interval", "Sampling interval", "0.1 ms"),
    Question("recording.before", "Record before pulse", "1 ms"),
    Question("recording.length", "Record length", "26 ms"),
    Question("protocol.pulse start", "Pulse starts at", "0 ms"),
    Question("protocol.pulse duration", "Pulse lasts", "10 ms"),
    Question("protocol.tip radius", "Tip radius", "25 nm"),
    Question("protocol.contact radius", "Contact radius", "5 nm"),
)
"""The lines of the form, named by the part of the mapping and the entry in it."""
_WHOLE: Final = ("scan.pixels", "scan.lines")


class ImportModel:
    """What is known of a file of a recorder, and what was entered."""

    def __init__(self) -> None:
        self.path: Path | None = None
        self.scan_path: Path | None = None
        self.content: FileContent | None = None
        self.channels: dict[str, str] = {}
        """Name of the array for each of `CHANNELS`; empty where there is none."""
        self.texts: dict[str, str] = {}
        """What is entered, by the name of its entry."""
        self.ways, self.serpentine, self.per_way = "trace", False, False
        self._base = Mapping()

    @property
    def is_recording(self) -> bool:
        """Whether the file is a continuous recording, to be cut; else it holds arrays of traces."""
        return self._base.recording is not None

    @property
    def entries(self) -> list[Question]:
        """The lines of the form that make sense for this file."""
        kinds = (
            ("scan", "time", "recording", "protocol") if self.is_recording else ("scan", "time", "protocol")
        )
        return [
            entry
            for entry in ENTRIES
            if entry.name.split(".")[0] in kinds
            and not (self.is_recording and entry.name.startswith("protocol.pulse"))
        ]

    @property
    def arrays(self) -> list[str]:
        """Names of the arrays of the file, and of those that are in pieces what stands for all of them."""
        names = [] if self.content is None else [source.name for source in self.content.sources]
        named = [name for name in self.channels.values() if name]
        return list(dict.fromkeys([*patterns_among(names).values(), *names, *named]))

    def open(self, path: Path) -> None:
        """Look into a file and propose what is what; the mapping beside it is taken where there is one.

        Raises
        ------
        OSError, ValueError
            If it cannot be read, or holds nothing that could be traces.
        """
        from napari_tesm.io.detection import content_from_file
        from napari_tesm.io.registry import is_gwy, mapping_beside, sentence_about_nothing

        if is_gwy(path):
            raise ValueError(
                f"{path.name} is a .gwy file: open it with File → Open, there is nothing to import"
            )
        content = content_from_file(path)
        beside = mapping_beside(path)
        proposal = None if beside is not None else proposal_from_content(content)
        mapping = beside if proposal is None else proposal.mapping
        if mapping is None:
            raise ValueError(sentence_about_nothing(content))
        self.path, self.content = path, content
        self._take(mapping)

    def load_mapping(self, path: Path) -> None:
        """Take what a mapping file says.

        Raises
        ------
        OSError, ValueError
            If it cannot be read; what was entered stays.
        """
        self._take(mapping_from_file(path))

    def lines(self) -> list[str]:
        """Return what the file holds, a line for each array."""
        return [] if self.content is None else lines_from_content(self.content)

    def mapping(self) -> Mapping:
        """Return the mapping that follows from what is entered.

        Raises
        ------
        MappingError
            Saying which entry is missing or cannot be understood.
        """
        if self.content is None:
            raise MappingError("choose a recording first")
        entries: dict[str, Any] = yaml.safe_load(text_from_mapping(self._base))
        for part in ("scan", "time", "protocol"):
            entries.setdefault(part, {})
        for name, text in self.texts.items():
            part, key = name.split(".")
            if part == "recording" and not self.is_recording:
                continue
            if key in entries[part] and text.strip() == _text(entries[part][key]):
                continue  # nobody changed it; what stands in the file is no text that could be read back
            entries[part].pop(key, None)
            if text.strip():
                entries[part][key] = _value(name, text.strip())
        entries["scan"] |= {
            "ways": WAYS[self.ways], "serpentine": self.serpentine, "voltages per": "way" if self.per_way else "pixel",
        }  # fmt: skip
        if self.is_recording:
            for role in CHANNELS:
                entries["recording"].pop(role, None)
                if self.channels.get(role):
                    entries["recording"][role] = self.channels[role]
            for needed in ("pixels", "lines"):
                if needed not in entries["scan"]:
                    raise MappingError(f"how many {needed} has the image? Nothing in the recording says it")
        return mapping_from_text(yaml.safe_dump(entries, allow_unicode=True))

    def scans(self) -> list[Scan]:
        """Return what was recorded, opened as the form says; with the images of the AFM's file where one is named.

        Raises
        ------
        OSError, ValueError
            If it cannot be; the sentence says what is wrong.
        """
        from napari_tesm.io.registry import open_file

        mapping = self.mapping()
        assert self.path is not None
        opened = open_file(self.path, mapping=mapping)
        if self.scan_path is not None:
            from napari_tesm.io.joining import dataset_with_scan

            joined = [dataset_with_scan(dataset, self.scan_path, mapping.afm) for dataset in opened.datasets]
            opened = replace(
                opened,
                datasets=[dataset for dataset, _ in joined],
                notes=[*opened.notes, *(note for _, said in joined for note in said)],
            )
        return live_scans(scans_from_opened(self.path, opened))

    def _take(self, mapping: Mapping) -> None:
        self._base = mapping
        entries: dict[str, Any] = yaml.safe_load(text_from_mapping(mapping))
        self.texts = {}
        for entry in ENTRIES:
            part, key = entry.name.split(".")
            self.texts[entry.name] = _text(entries.get(part, {}).get(key, ""))
        recording = entries.get("recording", {})
        self.channels = {
            role: "" if recording.get(role, "") == UNKNOWN else str(recording.get(role, ""))
            for role in CHANNELS
        }
        self.ways = next((name for name, ways in WAYS.items() if tuple(ways) == mapping.scan.ways), "trace")
        self.serpentine, self.per_way = mapping.scan.serpentine, mapping.scan.voltages_per == "way"


def _text(value: Any) -> str:
    """Return a value of a mapping as the form shows it."""
    if isinstance(value, dict):
        return f"from '{value.get('source', '')}'"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _value(name: str, text: str) -> Any:
    if name == "scan.voltages":
        return [part.strip() for part in text.split(",") if part.strip()]
    if name in _WHOLE:
        return int(text) if text.isdecimal() else text
    return text
