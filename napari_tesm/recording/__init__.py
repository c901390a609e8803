"""Continuous recordings: pulses found, put in their pixels, traces cut, images joined."""

from napari_tesm.recording.assembling import REPORT, dataset_from_recording
from napari_tesm.recording.cutting import CutTraces
from napari_tesm.recording.order import ScanOrder
from napari_tesm.recording.places import MISSING, places_from_events
from napari_tesm.recording.pulses import find_pulses
from napari_tesm.recording.raw import RawSignal

__all__ = [
    "MISSING",
    "REPORT",
    "CutTraces",
    "RawSignal",
    "ScanOrder",
    "dataset_from_recording",
    "find_pulses",
    "places_from_events",
]
