"""``tesm theory``: what a tip and the bulk methods record of one material, and the D that each gives back."""

import argparse
import math
from typing import Any, Final

from napari_tesm.cli.arguments import UsageError
from napari_tesm.cli.outputs import figure_style, outputs_of, paths_asked, print_outcome
from napari_tesm.files.texts import printable
from napari_tesm.findings.table import AS_IT_IS, Column, Joined, Table
from napari_tesm.physics.bulk_methods import GITT_PULSE, Film, MethodResult, compared_methods
from napari_tesm.physics.tip import TipContact, regimes_of_response, resolution_from_frequency
from napari_tesm.quantities.text import (
    fraction_from_text,
    quantity_from_text,
    text_from_quantity,
    text_with_error,
)
from napari_tesm.version import __version__

_POWERS: Final = {0.0: "constant", -0.5: "as f^(−1/2)", -1.0: "as 1/f"}


def run_command(options: argparse.Namespace) -> int:
    """Compare the methods as the options say; see ``tesm theory --help``."""
    if options.figure_width:
        figure_style(options)  # refused before anything is computed
    try:
        diffusion = quantity_from_text(options.diffusion, "m²/s")
        rate = quantity_from_text(options.surface_rate, "m/s") if options.surface_rate else math.inf
        contact = TipContact(
            diffusion,
            quantity_from_text(options.tip_radius, "m"),
            surface_rate=rate,
            poisson_ratio=_number(options.poisson_ratio, "--poisson-ratio"),
        )
        film = Film(diffusion, quantity_from_text(options.thickness, "m"))
        pulse = quantity_from_text(options.pulse_duration, "s")
        if not options.seed.isdecimal() or len(options.seed) > 9:
            raise UsageError(f"--seed takes a whole number, not '{options.seed}'")
        results = compared_methods(
            film, contact, pulse=pulse, noise=fraction_from_text(options.noise), seed=int(options.seed),
            frequencies=_frequencies(options.frequencies),
        )  # fmt: skip
    except ValueError as error:
        raise UsageError(error) from None
    content = _content(options, results, contact)

    def figure() -> Any:
        from napari_tesm.plotting.theory import theory_figure

        gitt_pulse = GITT_PULSE * film.diffusion_time
        return theory_figure(results, film, contact, pulse=pulse, gitt_pulse=gitt_pulse)

    with outputs_of(options) as outputs:
        outputs.write_json(content)
        outputs.write_text("csv", lambda: _csv(results))
        outputs.write_figure(figure)
    written = [f"Written: {printable(name)}" for name in paths_asked(options).values()]
    print_outcome(options, content, [*_lines(results, film, contact), *written], ())
    return 0


def _frequencies(text: str | None) -> tuple[float, float] | None:
    if text is None:
        return None
    parts = text.split(":")
    if len(parts) != 2:
        raise UsageError(f"--frequencies takes where they begin and end, 10mHz:1MHz, not '{text}'")
    start, stop = (quantity_from_text(part, "Hz") for part in parts)
    return start, stop


def _number(text: str, option: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise UsageError(f"{option} takes a number, not '{text}'") from None


def _lines(results: list[MethodResult], film: Film, contact: TipContact) -> list[str]:
    header = f"D = {text_from_quantity(film.diffusion, 'm²/s')}, tip {text_from_quantity(contact.tip_radius, 'm')}, "
    header += f"film {text_from_quantity(film.thickness, 'm')}"
    if math.isfinite(contact.surface_rate):
        header += f", D/(k_s R0) = {contact.kinetic_length:.3g}"
    shown = (
        "name", Joined(
            "D", ("D", "D_stderr"), lambda _, value, error: text_with_error(value, error).strip()
        ),
        Joined("off by", ("off",), lambda _, off: f"{off:+.2f}%"),
        Joined("takes", ("seconds",), lambda _, value: text_from_quantity(value, "s", digits=3)),
        Joined("ions move", ("length",), lambda _, value: text_from_quantity(value, "m", digits=3)),
    )  # fmt: skip
    lines = [header, "", *_table(results, film.diffusion).lines(shown, least=(16, 14, 7, 8, 10))]
    slow, fast = (
        text_from_quantity(resolution_from_frequency(frequency, contact), "m", digits=3)
        for frequency in (0.0, 1e3 / contact.diffusion_time)
    )
    lines += [
        "",
        f"ESM resolves half-periods of {slow} (slow drive) to {fast} (fast drive) at half contrast.",
        _sentence_about_regimes(results, contact),
    ]
    return lines


def _sentence_about_regimes(results: list[MethodResult], contact: TipContact) -> str:
    """Return over which of the frequencies the amplitude is constant, and where it falls as which power."""
    where = _frequencies_of_esm(results)
    told = [
        f"{_POWERS[regime.exponent]} from {_hertz(regime.start)} to {_hertz(regime.stop)}"
        for regime in regimes_of_response(*where, contact)
    ]
    range_ = f"between {_hertz(where[0])} and {_hertz(where[1])}"
    return (
        f"ESM's amplitude {range_}: {', '.join(told)}."
        if told
        else f"ESM's amplitude {range_} follows no one power."
    )


def _frequencies_of_esm(results: list[MethodResult]) -> tuple[float, float]:
    where = next(result.where for result in results if result.name == "ESM, frequency")
    return float(where[0]), float(where[-1])


def _hertz(value: float) -> str:
    return text_from_quantity(value, "Hz", digits=2)


def _table(results: list[MethodResult], true: float) -> Table:
    columns: list[Column | str] = [
        Column("method", key="name"), Column("D", "m²/s", digits=4, scale=AS_IT_IS), Column("D_stderr", "m²/s"), "off",
        "seconds", "length",
    ]  # fmt: skip
    rows = [
        [
            result.name, result.diffusion, result.error, 100 * (result.diffusion / true - 1), result.seconds,
            result.length,
        ]
        for result in results
    ]  # fmt: skip
    return Table("", "", columns, rows)


def _content(options: argparse.Namespace, results: list[MethodResult], contact: TipContact) -> dict[str, Any]:
    return {
        "version": __version__,
        "D": contact.diffusion,
        "tip_radius": contact.tip_radius,
        "surface_rate": contact.surface_rate if math.isfinite(contact.surface_rate) else None,
        "noise": fraction_from_text(options.noise),
        "seed": int(options.seed),
        "resolution_slow": resolution_from_frequency(0.0, contact),
        "regimes": [
            regime._asdict() for regime in regimes_of_response(*_frequencies_of_esm(results), contact)
        ],
        "methods": _table(results, contact.diffusion)
        .select(["name", "D", "D_stderr", "seconds", "length"])
        .entries(),
    }


def _csv(results: list[MethodResult]) -> str:
    """Return every record: time in s or frequency in Hz, and its real and imaginary part in SI units."""
    rows = [
        [result.name, where, value.real, value.imag]
        for result in results
        for where, value in zip(result.where.tolist(), result.signal.tolist(), strict=True)
    ]
    return Table("", "", ("method", "time_or_frequency", "real", "imaginary"), rows).csv()
