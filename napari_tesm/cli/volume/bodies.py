"""``tesm volume bodies``: gaps to the collector, agglomerates, particles and pores."""

import argparse
import math
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from napari_tesm.cli.arguments import UsageError
from napari_tesm.cli.outputs import outputs_of, paths_asked, print_outcome, refuse_inputs
from napari_tesm.cli.progress import progress_for
from napari_tesm.cli.volume.opening import length_from_option, part_of, surfaces_from_options, volume_to_read
from napari_tesm.files.texts import printable
from napari_tesm.io.gwy.saving import container_from_images
from napari_tesm.quantities.text import text_from_quantity
from napari_tesm.volumes.bodies import LEAST, Bodies
from napari_tesm.volumes.contents import Contents, contents_of, known_value, numbers_from_contents
from napari_tesm.volumes.transport import Way

_SHOWN = 20
_WIDTHS = (6, 10, 15, 11, 15)
_COLUMNS = (
    "number",
    "diameter",
    "volume",
    "z",
    "y",
    "x",
    "height",
    "clearance",
    "attenuation",
    "below",
    "cut",
)


def run_command(options: argparse.Namespace) -> int:
    """Find what lies in an electrode; see ``tesm volume bodies --help``."""
    least = length_from_option(options.least, "least")
    if least is not None and not least > 0:
        raise UsageError("--least takes a diameter, like 1um")
    for path in paths_asked(options).values():
        refuse_inputs(path, options.file)
    volume = volume_to_read(options)
    progress = progress_for(options.progress)
    with outputs_of(options) as outputs:
        levels, surfaces, notes = surfaces_from_options(options, volume, part_of(progress, 0, 0.6))
        contents = contents_of(
            volume,
            levels,
            surfaces,
            least=LEAST if least is None else least,
            tortuosity=options.tortuosity,
            progress=part_of(progress, 0.6, 1),
        )
        simulated = bool(volume.attrs.get("simulated", False))
        content = numbers_from_contents(contents) | {"simulated": simulated, "notes": notes}
        gap, bodies = contents.gap, contents.bodies
        outputs.write_container(lambda: container_from_images([gap.map, bodies.map]))
        outputs.write_json(content)
        outputs.write_text("csv", lambda: _table(bodies))
    print_outcome(options, content, map(printable, _lines(content, contents)))
    return 0


def _table(bodies: Bodies) -> str:
    lines = [",".join(_COLUMNS)]
    for number, body in enumerate(bodies.agglomerates, start=1):
        known = (
            asdict(body)
            | dict(zip("zyx", body.centroid, strict=True))
            | {"number": number, "cut": int(body.cut)}
        )
        cells = (known_value(known[name]) for name in _COLUMNS)
        lines.append(",".join("" if cell is None else repr(cell) for cell in cells))
    return "\n".join(lines) + "\n"


def _lines(content: dict[str, Any], contents: Contents) -> Iterator[str]:
    gap, bodies, material = contents.gap, contents.bodies, contents.material
    yield from (f"Note: {note}" for note in content["notes"])
    if content["simulated"]:
        yield "Simulated volume"
    yield "In brackets: with the threshold a tenth of the contrast lower and higher"
    height = f", {_length(gap.height)} ({_span(gap.height_band, _length)}) high" if gap.area_fraction else ""
    yield (
        f"Gap to the collector: {_percent(gap.area_fraction)} of the area ({_span(gap.area_band, _percent)}){height}; "
        f"the same search within the electrode finds {_percent(gap.control)}"
    )
    counts = f"{bodies.counts[1]:g} … {bodies.counts[2]:g}"
    if bodies.agglomerates:
        mean = f", mean diameter {_length(bodies.diameters[0])} ({_span(bodies.diameters[1:], _length)})"
        yield f"Agglomerates: {len(bodies.agglomerates)} ({counts}){mean if bodies.diameters[0] > 0 else ''}"
        heads = zip(
            ("number", "diameter", "above collector", "attenuation", "particles below"), _WIDTHS, strict=True
        )
        yield "".join(f"  {head:>{width}}" for head, width in heads)
        for number, body in enumerate(bodies.agglomerates[:_SHOWN], start=1):
            below = (
                "–" if not math.isfinite(body.below) else _percent(body.below) if body.below else "none seen"
            )
            cut = "  cut by the border" if body.cut else ""
            yield (
                f"  {number:6}  {_length(body.diameter):>10}  {_length(body.height):>15}  {body.attenuation:11.4f}  "
                f"{below:>15}{cut}"
            )
        if len(bodies.agglomerates) > _SHOWN:
            yield f"  … and {len(bodies.agglomerates) - _SHOWN} smaller ones"
    else:
        yield f"Agglomerates: none ({counts})"
    yield _particles(bodies)
    if math.isfinite(bodies.pores[0]):
        yield f"Pores: {_percent(bodies.pores[0])} of the electrode ({_span(bodies.pores[1:], _percent)})"
    else:
        yield "Pores: hidden by the noise"
    yield (
        f"Material: attenuates as much as {_length(material.mean)} of collector, ± {_length(material.sd)} over the "
        f"field, standard error {_length(material.mean_error)}"
    )
    if contents.with_ways:
        yield from _of_ways(contents.ways)


def _particles(bodies: Bodies) -> str:
    finest = _length(bodies.resolution)
    if not math.isfinite(bodies.particles[0]):
        return f"Particles: none stand out; those finer than {finest} are below the resolution"
    beside = f"; {_percent(bodies.beside)} where no agglomerate lies" if math.isfinite(bodies.beside) else ""
    return (
        f"Particles above the resolution ({finest}): {_percent(bodies.particles[0])} of the electrode "
        f"({_span(bodies.particles[1:], _percent)}){beside}"
    )


def _of_ways(ways: dict[str, Way] | None) -> Iterator[str]:
    if ways is None:
        yield "Tortuosity: not told; the noise hides the pores, or the electrode is too thin or uneven"
        return
    for name, way in ways.items():
        if math.isfinite(way.tortuosity):
            band = " … ".join(f"{value:.3g}" if math.isfinite(value) else "no way" for value in way.band)
            yield f"Tortuosity factor of the {name}: {way.tortuosity:.3f} ({band}), {_percent(way.share)} of the box"
        else:
            share = _percent(way.share)
            yield f"Tortuosity of the {name}: no way above the resolution leads through; {share} of the box"


def _length(value: float) -> str:
    return text_from_quantity(value, "m", digits=3) if math.isfinite(value) else "–"


def _percent(part: float) -> str:
    return f"{100 * part:.2g} %"


def _span(values: tuple[float, ...], words: Any) -> str:
    return " … ".join(words(value) for value in values)
