"""``tesm volume report``: figures and tables of states, ions and a joined scan as a folder with one HTML page."""

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from napari_tesm.cli.arguments import UsageError
from napari_tesm.cli.outputs import figure_style
from napari_tesm.cli.progress import progress_for
from napari_tesm.cli.report import write_and_tell
from napari_tesm.cli.volume.opening import length_from_option, part_of, volume_to_read
from napari_tesm.evaluation.recipe import digest_of_maps
from napari_tesm.files.checksum import sha256_of_file
from napari_tesm.report.data import InputFile
from napari_tesm.report.section import Section
from napari_tesm.report.volumes import report_from_states, reported_state
from napari_tesm.report.volumes.counts import section_from_counts
from napari_tesm.report.volumes.joined import section_from_join
from napari_tesm.report.writing import check_folder
from napari_tesm.scan import scans_from_file
from napari_tesm.volumes.bodies import LEAST


def run_command(options: argparse.Namespace) -> int:
    """Make a report; see ``tesm volume report --help``."""
    files: list[str] = options.files
    height, least = _lengths(options)
    names = _names(options.labels, files, "volumes", "states")
    style = figure_style(options)
    check_folder(
        options.output, overwrite=options.overwrite, inputs=[*files, *options.counts, *options.joined]
    )
    progress = progress_for(options.progress)
    more, digest = _more(options)
    inputs = [InputFile(Path(path).name, sha256_of_file(path), "state") for path in files]
    inputs += [InputFile(Path(path).name, sha256_of_file(path), "counts") for path in options.counts]
    inputs += [InputFile(Path(path).name, sha256_of_file(path), "joined scan") for path in options.joined]
    states = [
        reported_state(
            name,
            volume_to_read(options, path),
            height=height,
            bodies=options.bodies,
            least=least,
            tortuosity=options.tortuosity,
            progress=part_of(progress, 0.9 * number / len(files), 0.9 * (number + 1) / len(files)),
        )
        for number, (path, name) in enumerate(zip(files, names, strict=True))
    ]
    title = options.title or (
        f"Electrode volumes: {', '.join(names)}" if names else "Ions and scans in electrode volumes"
    )
    report = report_from_states(
        states, height=height, title=title, more=more, digest=digest, files=inputs, style=style
    )
    write_and_tell(report, options, progress)
    return 0


def _lengths(options: argparse.Namespace) -> tuple[float, float]:
    """Return the height of the sections and the least diameter of agglomerates, in m, and refuse what does not fit."""
    if not (options.files or options.counts or options.joined):
        raise UsageError("there is nothing to report: give a volume, --counts or --joined")
    if not options.bodies and (options.least is not None or options.tortuosity):
        raise UsageError("--least and --tortuosity go with --bodies")
    if options.bodies and not options.files:
        raise UsageError("--bodies needs a volume to look in")
    height = length_from_option(options.section, "section")
    if height is None or height < 0:
        raise UsageError("--section takes a height above the collector, like 972nm")
    least = length_from_option(options.least, "least")
    if least is not None and not least > 0:
        raise UsageError("--least takes a diameter, like 1um")
    return height, LEAST if least is None else least


def _names(labels: list[str] | None, files: list[str], kind: str, called: str) -> list[str]:
    if labels and len(labels) != len(files):
        raise UsageError(f"there are {len(files)} {kind} and {len(labels)} --labels: give one for each")
    names = labels or [Path(path).stem for path in files]
    if len(set(names)) < len(names):
        hint = "give each another with --labels" if called == "states" else "rename one of the files"
        raise UsageError(f"two {called} have one name: {hint}")
    return names


def _more(options: argparse.Namespace) -> tuple[list[Section], str]:
    """Return the sections on what other commands wrote, and the digest of the joined scan's recipe."""
    sections = []
    if options.counts:
        names = _names(None, options.counts, "counts", "files of --counts")
        keys = {"particles": list, "blur": float, "notes": list}
        contents = [_numbers_from_file(path, keys, "counts") for path in options.counts]
        sections.append(section_from_counts(dict(zip(names, contents, strict=True))))
    if not options.joined:
        return sections, ""
    scans = [path for path in options.joined if path.lower().endswith(".gwy")]
    others = [path for path in options.joined if path not in scans]
    if len(others) != 1 or len(scans) > 1:
        raise UsageError("--joined takes the JSON of one join, and its .gwy")
    keys = {"landmarks": dict, "channels": list, "ions": list, "covered": float, "notes": list}
    numbers = _numbers_from_file(others[0], keys, "join")
    scan = scans_from_file(scans[0])[0] if scans else None
    sections.append(section_from_join(numbers, scan))
    return sections, "" if scan is None else digest_of_maps(scan.maps)


def _numbers_from_file(path: str, keys: Mapping[str, type], command: str) -> dict[str, Any]:
    """Return what a command on volumes wrote as JSON, which has to hold certain kinds of values."""
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
    except (ValueError, RecursionError):
        content = None
    if not isinstance(content, dict) or not all(
        isinstance(content.get(key), kind) for key, kind in keys.items()
    ):
        raise ValueError(f"{path} is not what 'tesm volume {command} --json' writes")
    return content
