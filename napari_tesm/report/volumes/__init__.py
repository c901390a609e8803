"""The report on electrode volumes: states, what lies in them, ions in particles, and a scan on a section."""

from napari_tesm.report.volumes.states import report_from_states, reported_state

__all__ = ["report_from_states", "reported_state"]
