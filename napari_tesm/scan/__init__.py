"""One scan, whatever the file: traces, images, and the work that was done on them.

- What is a scan? `Scan`: napari, the report and the command line add their own to it, and build no other.
- What does a file hold, and what is missing? `scans_from_file`.
- How is it written, with all the work? `save_scan`; `container_from_scan` gives the objects of the file.
"""

from napari_tesm.scan.opening import scan_with_traces, scans_from_file, scans_from_opened
from napari_tesm.scan.saving import container_from_scan, container_of, save_scan
from napari_tesm.scan.scan import Scan

__all__ = [
    "Scan", "container_from_scan", "container_of", "save_scan", "scan_with_traces", "scans_from_file",
    "scans_from_opened",
]  # fmt: skip
