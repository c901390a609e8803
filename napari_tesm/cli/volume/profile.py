"""``tesm volume profile``: attenuation against the distance from the collector, and sections that follow it."""

import argparse
from collections.abc import Iterator
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from napari_tesm.cli.arguments import UsageError
from napari_tesm.cli.outputs import outputs_of, paths_asked, print_outcome, refuse_inputs
from napari_tesm.cli.progress import progress_for
from napari_tesm.cli.volume.opening import length_from_option, part_of, surfaces_from_options, volume_to_read
from napari_tesm.files.texts import printable
from napari_tesm.io.gwy.saving import container_from_images
from napari_tesm.quantities.text import text_from_quantity
from napari_tesm.volumes.profile import COLUMNS, Profile, csv_from_profile, profile_of
from napari_tesm.volumes.sections import section_at, upright_section


def run_command(options: argparse.Namespace) -> int:
    """Measure the profile; see ``tesm volume profile --help``."""
    heights = [length_from_option(text, "section") for text in options.section]
    width, reach, mixed = (
        length_from_option(getattr(options, name), name) for name in ("bin", "reach", "mixed")
    )
    if heights and any(height is None or height < 0 for height in heights):
        raise UsageError("--section takes a height above the collector, like 972nm")
    upright = [_upright(text) for text in options.upright]
    if bool(heights or upright) != bool(options.output):
        raise UsageError("sections are written to a file: --section or --upright and -o go together")
    for path in paths_asked(options).values():
        refuse_inputs(path, options.file)
    volume = volume_to_read(options)
    progress = progress_for(options.progress)
    with outputs_of(options) as outputs:
        levels, surfaces, notes = surfaces_from_options(options, volume, part_of(progress, 0, 0.6))
        sections = [section_at(volume, levels, surfaces, height) for height in heights if height is not None]
        sections += [upright_section(volume, levels, axis, place) for axis, place in upright]
        profile = profile_of(
            volume,
            levels,
            surfaces,
            bin_width=width,
            reach=reach,
            mixed_below=mixed,
            progress=part_of(progress, 0.6, 1),
        )
        content = _content(volume, profile, notes)
        outputs.write_container(lambda: container_from_images(sections))
        outputs.write_json(content)
        outputs.write_text("csv", lambda: csv_from_profile(profile))
    print_outcome(options, content, _lines(volume, profile, notes))
    return 0


def _upright(text: str) -> tuple[str, float]:
    """Return the axis that an upright section cuts, and where."""
    axis, equals, length = text.partition("=")
    place = length_from_option(length, "upright") if equals and axis in ("y", "x") else None
    if place is None:
        raise UsageError(f"--upright takes where a section cuts an axis, like y=3um or x=3um, not '{text}'")
    return axis, place


def _content(volume: xr.Dataset, profile: Profile, notes: list[str]) -> dict[str, Any]:
    columns = {name: _numbers(getattr(profile, name)) for name in COLUMNS}
    return {
        **columns,
        "mixed_below": profile.mixed_below,
        "simulated": bool(volume.attrs.get("simulated", False)),
        "notes": notes,
    }


def _numbers(values: NDArray[np.float64]) -> list[float | None]:
    return [float(value) if np.isfinite(value) else None for value in values]


def _lines(volume: xr.Dataset, profile: Profile, notes: list[str]) -> Iterator[str]:
    for note in notes:
        yield printable(f"Note: {note}")
    if volume.attrs.get("simulated"):
        yield "Simulated volume"
    yield "Attenuation (air 0, collector 1) against the distance from the collector's surface"
    yield f"  {'distance':>10}  {'all voxels':>10}  {'error':>8}  {'± sd':>7}  {'electrode':>9}  {'of it':>6}"
    for place, mean, error, sd, within, share in zip(
        profile.distance,
        profile.attenuation,
        profile.mean_error,
        profile.sd,
        profile.within,
        profile.share,
        strict=True,
    ):
        electrode = f"{within:9.4f}" if np.isfinite(within) else f"{'–':>9}"
        mixed = "  mixed with the collector" if place < profile.mixed_below else ""
        length = text_from_quantity(float(place), "m", digits=4)
        yield f"  {length:>10}  {mean:10.4f}  {error:8.4f}  {sd:7.3f}  {electrode}  {100 * share:4.0f} %{mixed}"
