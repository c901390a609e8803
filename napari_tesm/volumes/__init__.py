"""What an electrode is made of in depth: volumes of X-ray nano-tomography, micrometres where a scan sees a surface.

`dataset` says what a volume is, `levels` and `surfaces` where collector, electrode and air are, `profile` and
`sections` what lies above the collector, `tiles` how that is done for more than memory holds, `simulation` what a known
electrode would give. A room with a wall: it uses files, quantities and statistics, and nothing that has to do with
traces uses it.
"""
