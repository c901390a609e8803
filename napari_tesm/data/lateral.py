"""How lateral diffusion is taken out of a map: what can be asked for, and what was asked for and found in maps."""

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

import xarray as xr

from napari_tesm.quantities.text import text_from_quantity

ATTRIBUTE: Final = "lateral"
"""Of the maps: what was found for each pulse setting, as JSON."""


IMAGE: Final = "image:"
"""How the text of a prior begins that names an image."""


@dataclass(frozen=True)
class Inversion:
    """How lateral diffusion is taken out of a map.

    Parameters
    ----------
    prior : tuple of float or str, optional
        Standard deviation of ln D and correlation length in m of a Gaussian; None: found from the map, free at steps.
        A text is the title of an image at whose edges ln D is freer still, where it changes there.
    together : bool
        Pulse settings share their ln D.
    """

    prior: tuple[float, float] | str | None = None
    together: bool = False

    @property
    def prior_text(self) -> str:
        """The prior as `napari_tesm.inversion.lateral.prior_from_text` reads it.

        Examples
        --------
        >>> Inversion().prior_text, Inversion((0.5, 5e-8)).prior_text, Inversion("Topography").prior_text
        ('auto', '0.5:50nm', 'image:Topography')
        """
        if self.prior is None:
            return "auto"
        if isinstance(self.prior, str):
            return f"{IMAGE}{self.prior}"
        deviation, length = self.prior
        return f"{deviation!r}:{text_from_quantity(length, 'm')}".replace(" ", "")


def found_in_maps(maps: xr.Dataset) -> list[Any]:
    """Return what an inversion says of its maps, an entry for each pulse setting; none where somebody edited that."""
    with suppress(KeyError, ValueError):
        found = json.loads(str(maps.attrs[ATTRIBUTE]))
        if isinstance(found, list):
            return [entry if isinstance(entry, dict) else {} for entry in found]
    return []


def inversion_of_maps(maps: xr.Dataset | None) -> Inversion | None:
    """Return how lateral diffusion was taken out of maps; None where it was not."""
    if maps is None or "D_lateral" not in maps:
        return None
    found = found_in_maps(maps)
    prior: tuple[float, float] | str | None = None
    for entry in found:
        said = entry.get("prior")
        if isinstance(said, Mapping) and isinstance(said.get("image"), str):
            prior = said["image"]
        elif isinstance(said, Mapping) and said.get("given"):
            with suppress(KeyError, TypeError, ValueError):
                prior = (float(said["sd"]), float(said["length"]))
    return Inversion(prior, together=any(entry.get("together") is True for entry in found))
