"""NI TDMS files, as LabVIEW and the DAQ drivers of National Instruments write them."""

from napari_tesm.io.tdms.content import content_from_tdms, is_tdms

__all__ = ["content_from_tdms", "is_tdms"]
