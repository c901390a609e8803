"""The status of a pixel: why it has a number, or none. The first that applies of the order of precedence holds.

That order is invalid, no response, below threshold, unresolved (slow, fast), inconsistent, ok.
"""

from typing import Final

OK: Final = 0
BELOW_THRESHOLD: Final = 1
NO_RESPONSE: Final = 2
UNRESOLVED_SLOW: Final = 3
UNRESOLVED_FAST: Final = 4
INVALID: Final = 5
INCONSISTENT: Final = 6
STATUS_MEANINGS: Final = (
    "ok", "below_threshold", "no_response", "unresolved_slow", "unresolved_fast", "invalid",
    "inconsistent",
)  # fmt: skip
"""Meaning of each status value, by its index (the CF attribute ``flag_meanings``)."""
