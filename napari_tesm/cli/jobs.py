"""How many threads to use."""

from napari_tesm.cli.arguments import UsageError
from napari_tesm.evaluation.pipeline import default_jobs


def jobs_from_text(text: str | None) -> int:
    """Return the number of threads asked for; by default one for each core, eight at most."""
    if text is None:
        return default_jobs()
    if not text.isdecimal() or not 1 <= int(text) <= 256:
        raise UsageError(f"--jobs takes a number of threads from 1 to 256, not '{text}'")
    return int(text)
