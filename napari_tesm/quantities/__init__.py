"""Quantities as people write them: text with unit to SI and back, prefixes, limits of a double; a pixel's status."""
