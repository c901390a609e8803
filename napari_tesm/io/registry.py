"""Opening files by their content, whatever their name says."""

from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

import xarray as xr
from gwyfile.objects import GwyContainer

from napari_tesm.data.dataset import titles_of_traces
from napari_tesm.evaluation.recipe import Recipe
from napari_tesm.files.errors import GwyFormatError
from napari_tesm.files.leftovers import put_right
from napari_tesm.files.sentences import Field, Sentence
from napari_tesm.gwy.forms import MAGICS
from napari_tesm.gwy.reading import read_container
from napari_tesm.io.content import FileContent
from napari_tesm.io.gwy.channels import channels_from_container
from napari_tesm.io.gwy.opening import datasets_from_container
from napari_tesm.io.mapping.companions import UNIT_OF_TIMES
from napari_tesm.io.mapping.entries import Mapping, MappingError
from napari_tesm.io.mapping.proposal import lines_from_content, proposal_from_content
from napari_tesm.io.mapping.text import mapping_from_file, text_from_mapping
from napari_tesm.io.mapping.traces import OpenedContent, opened_from_content

_SHORTEST = 8
_SIDECARS = (".yaml", ".yml")


class UnknownContentError(MappingError):
    """A file holds a recording, and does not say what is what in it: what is asked first stands in `question`."""

    question = ""


@dataclass
class OpenedFile(OpenedContent):
    """A file, opened as far as it and its mapping say what it is.

    Parameters
    ----------
    content : FileContent, optional
        None for .gwy files.
    mapping : Mapping, optional
        What was used to open it.
    container : GwyContainer, optional
        None for all formats but .gwy.
    refusal : ValueError, optional
        Why there are no traces.
    """

    content: FileContent | None = None
    mapping: Mapping | None = None
    container: GwyContainer | None = None
    refusal: ValueError | None = None


def is_gwy(path: str | PathLike[str]) -> bool:
    """Whether a file begins as Gwyddion's do; False where it cannot be read."""
    path = Path(path)
    if not path.is_file():  # to open a pipe is to wait for somebody who writes
        return False
    try:
        with path.open("rb") as file:
            return file.read(4) in MAGICS
    except OSError:
        return False


def says_itself_what_it_is(path: str | PathLike[str]) -> bool:
    """Whether a path is for the reader of .gwy files, which also has the sentences for what is missing or empty."""
    path = Path(path)
    try:
        return is_gwy(path) or not (path.is_dir() or (path.is_file() and path.stat().st_size >= _SHORTEST))
    except OSError:
        return True


def open_file(
    path: str | PathLike[str],
    *,
    traces: Sequence[str] | None = None,
    time_unit: str | None = None,
    lateral_unit: str | None = None,
    mapping: Mapping | None = None,
) -> OpenedFile:
    """Open a file of any format: traces as far as it is known what they are, and images.

    Parameters
    ----------
    traces : sequence of str, optional
        Titles or numbers of the trace stacks to take.
    time_unit, lateral_unit : str, optional
        Units of axes that have none in the file.
    mapping : Mapping, optional
        What is what; by default the YAML file beside it, ``scan.h5`` with ``scan.yaml`` or ``scan.h5.yaml``, or what
        can be told from the file alone.

    Raises
    ------
    OSError
        If it cannot be opened.
    ValueError
        If it is of no known format, or not sound, or the mapping does not fit it, or there are no such traces.
    """
    path = Path(path)
    if not path.exists():
        put_right(path)
    if not says_itself_what_it_is(path):
        return _opened_as_mapped(path, traces, time_unit, lateral_unit, mapping)
    if mapping is not None and is_gwy(path):
        raise MappingError(f"{path.name} is a .gwy file: it says itself what is what, a mapping is not used")
    container = read_container(path)
    return opened_from_container(
        container, path, traces=traces, time_unit=time_unit, lateral_unit=lateral_unit
    )


def opened_from_container(
    container: GwyContainer,
    path: Path,
    *,
    traces: Sequence[str] | None = None,
    time_unit: str | None = None,
    lateral_unit: str | None = None,
    fitted: Recipe | None = None,
) -> OpenedFile:
    """Return what the container of a .gwy file holds; parameters as of `open_file` and `datasets_from_container`."""
    opened = OpenedFile(channels=channels_from_container(container), container=container)
    try:
        opened.datasets = datasets_from_container(
            container, path, channels=opened.channels, traces=traces, time_unit=time_unit, lateral_unit=lateral_unit,
            fitted=fitted,
        )  # fmt: skip
    except GwyFormatError:
        raise
    except ValueError as error:
        if traces:  # somebody has chosen them
            raise
        opened.refusal = error
    return opened


def _opened_as_mapped(
    path: Path,
    traces: Sequence[str] | None,
    time_unit: str | None,
    lateral_unit: str | None,
    mapping: Mapping | None,
) -> OpenedFile:
    from napari_tesm.io.detection import content_from_file
    from napari_tesm.io.zarr_store import dataset_from_zarr, is_dataset_store

    if is_dataset_store(path):
        dataset = dataset_from_zarr(path)
        channels = [array for array in dataset.data_vars.values() if array.dims == ("y", "x")]
        content = FileContent(path, "Zarr, t-ESM dataset", [])
        return OpenedFile(_chosen([dataset], traces), channels, content=content)
    content = content_from_file(path)
    questions: tuple[str, ...] = ()
    said: list[str] = []
    given = mapping or mapping_beside(path)
    if given is None:
        proposal = proposal_from_content(content, time_unit=time_unit)
        if proposal is None:
            raise ValueError(sentence_about_nothing(content))
        questions = proposal.questions
        given = proposal.mapping if proposal.is_complete else Mapping(images=proposal.mapping.images)
        if given.time.source and given.traces:
            said = [f"the times of the traces are taken from '{given.time.source}'"]
    opened = opened_from_content(content, given, time_unit=time_unit, lateral_unit=lateral_unit)
    opened.notes += said
    text = text_from_mapping(given)
    for dataset in opened.datasets:
        dataset.attrs["mapping"] = text
        dataset.encoding["origin"] = str(path.absolute())
        own = {str(name) for name, array in dataset.data_vars.items() if array.dims == ("y", "x")}
        dataset.encoding["other_channels"] = [
            channel for channel in opened.channels if str(channel.name) not in own
        ]
    return OpenedFile(
        _chosen(opened.datasets, traces), opened.channels, opened.notes, content, given,
        refusal=None if opened.datasets else _refusal(path, questions),
    )  # fmt: skip


def _refusal(path: Path, questions: Sequence[str]) -> ValueError:
    """Return why a file without traces has none."""
    if not questions:
        return ValueError(f"{path.name} holds images only, no time traces")
    more = f" (and {len(questions) - 1} more)" if len(questions) > 1 else ""
    template = (
        "{name}: it is not known {question}. Write what is what into a mapping: {proposer} proposes one"
    )
    if len(questions) == 1 and questions[0].startswith(UNIT_OF_TIMES):
        template = "{name}: it is not known {question} in a mapping. Say it there, or give {time_unit:ms}"
    refusal = UnknownContentError(
        Sentence(template, name=path.name, question=questions[0] + more, proposer=Field("the command line"))
    )
    refusal.question = questions[0]
    return refusal


def sentence_about_nothing(content: FileContent) -> str:
    """Return why nothing of a file can be opened: what it holds instead of traces and images."""
    told = [note for note in content.notes if "no map" in note]
    held = [f"it holds {line}" for line in lines_from_content(content)[:1]] or ["it is empty"]
    return f"{content.path.name} holds neither time traces over an image nor images: {(told or held)[0]}"


def mapping_beside(path: Path) -> Mapping | None:
    """Return the mapping that lies beside a file, ``scan.yaml`` or ``scan.h5.yaml``; None where there is none.

    Raises
    ------
    MappingError
        If it cannot be understood.
    """
    for candidate in mappings_beside(path):
        if candidate.is_file():
            return mapping_from_file(candidate)
    return None


def mappings_beside(path: Path) -> list[Path]:
    """Return where a mapping of a file would lie, the first that is there counts."""
    if not path.name:  # the folder one is in, or the root: nothing lies beside it under its name
        return []
    candidates = [
        candidate
        for ending in _SIDECARS
        for candidate in (path.with_name(path.name + ending), path.with_suffix(ending))
    ]
    return [candidate for candidate in candidates if candidate != path]


def open_datasets(
    path: str | PathLike[str],
    *,
    traces: Sequence[str] | str | None = None,
    time_unit: str | None = None,
    lateral_unit: str | None = None,
    mapping: Mapping | str | PathLike[str] | None = None,
) -> list[xr.Dataset]:
    """Open every group of traces in a file, each with one time base, pulse timing and grid.

    Parameters
    ----------
    path : path-like
        A .gwy file, or one of an instrument: NI TDMS, HDF5, MATLAB, NumPy, Zarr, text, or a
        microscope's.
    traces : str or sequence of str, optional
        Titles or numbers of the trace stacks to take.
    time_unit, lateral_unit : str, optional
        Units of axes that have none in the file.
    mapping : Mapping or path-like, optional
        What is what in a file that does not say it; by default the YAML file beside it.

    Raises
    ------
    OSError
        If the file cannot be opened.
    ValueError
        If it is not of a known format, or not sound, or holds no traces.
    """
    names = [traces] if isinstance(traces, str) else traces
    if not (isinstance(mapping, Mapping) or mapping is None):
        mapping = mapping_from_file(mapping)
    opened = open_file(path, traces=names, time_unit=time_unit, lateral_unit=lateral_unit, mapping=mapping)
    if opened.refusal is not None:
        raise opened.refusal
    return opened.datasets


def _chosen(datasets: list[xr.Dataset], names: Sequence[str] | None) -> list[xr.Dataset]:
    """Return the groups that hold traces of these names or numbers, with these alone."""
    if not names or not datasets:
        return datasets
    chosen = []
    titles = [title for dataset in datasets for title in titles_of_traces(dataset)]
    for name in names:
        if name not in titles and not (name.isdecimal() and int(name) < len(titles)):
            listed = ", ".join(f"{number} '{title}'" for number, title in enumerate(titles))
            raise ValueError(f"there are no traces called '{name}'; the file holds: {listed}")
    first = 0
    for dataset in datasets:
        own = titles_of_traces(dataset)
        wanted = [n for n, title in enumerate(own) if title in names or str(first + n) in names]
        first += len(own)
        if wanted:
            part = dataset.isel(pulse=wanted) if len(wanted) < len(own) else dataset
            part.encoding |= dataset.encoding
            part.attrs["traces"] = [own[n] for n in wanted]
            chosen.append(part)
    return chosen


def open_dataset(
    path: str | PathLike[str],
    *,
    traces: Sequence[str] | str | None = None,
    time_unit: str | None = None,
    lateral_unit: str | None = None,
    mapping: Mapping | str | PathLike[str] | None = None,
) -> xr.Dataset:
    """Open a file as a dataset whose traces stay in the file until they are asked for.

    Parameters
    ----------
    path, traces, time_unit, lateral_unit, mapping
        As of `open_datasets`; where the file holds several groups, `traces` chooses one.

    Raises
    ------
    OSError, ValueError
        As `open_datasets`, and if the file holds several groups.
    """
    groups = open_datasets(
        path, traces=traces, time_unit=time_unit, lateral_unit=lateral_unit, mapping=mapping
    )
    return only_dataset(groups, path)


def only_dataset(groups: Sequence[xr.Dataset], path: str | PathLike[str]) -> xr.Dataset:
    """Return the one group of traces of a file; raises ValueError where there are several."""
    if len(groups) > 1:
        titles = "; ".join(" + ".join(f"'{title}'" for title in titles_of_traces(group)) for group in groups)
        raise ValueError(
            Sentence(
                "{path} holds traces with different time bases, protocols, units or grids: "
                "choose one group with {traces} ({titles})",
                path=path,
                titles=titles,
            )
        )
    return groups[0]
