"""Continuous recordings: pulses found, put in their pixels, traces cut, images joined."""

from napari_tesm.recording.assembling import REPORT, STREAMS, dataset_from_recording
from napari_tesm.recording.cutting import CutTraces
from napari_tesm.recording.order import ScanOrder
from napari_tesm.recording.places import MISSING, Places, places_from_events
from napari_tesm.recording.pulses import Pulses, find_edges, find_pulses
from napari_tesm.recording.report import LineReport

__all__ = [
    "MISSING",
    "REPORT",
    "STREAMS",
    "CutTraces",
    "LineReport",
    "Places",
    "Pulses",
    "ScanOrder",
    "dataset_from_recording",
    "find_edges",
    "find_pulses",
    "places_from_events",
]
