"""Scans that a recorder still writes: which lines are whole, what they come to, and when there will be no more.

- Which lines of a file are whole? `lines.WholeLines`.
- What do they come to? `growing.GrowingScan`: each look opens the file anew and lets go of it.
- When is it looked at, and when has the scan ended? `waiting.Watch`.

Files are asked again and again: drives of a network tell nobody that a file on them has grown.
"""
