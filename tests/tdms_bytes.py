"""TDMS written down a second time, byte by byte, so that reader and writer cannot agree on a mistake."""

import struct

import numpy as np

NEW, METADATA, RAW, INTERLEAVED, BIG, DAQMX = 4, 2, 8, 32, 64, 128
CODES = {
    "i1": 1,
    "i2": 2,
    "i4": 3,
    "i8": 4,
    "u1": 5,
    "u2": 6,
    "u4": 7,
    "u8": 8,
    "f4": 9,
    "f8": 10,
    "c8": 0x08000C,
}
SCALER_CODES = {"u1": 0, "i1": 1, "u2": 2, "i2": 3, "u4": 4, "i4": 5, "f4": 8, "f8": 9}
NO_DATA, AS_BEFORE = 0xFFFFFFFF, 0


def text(value, order="<"):
    raw = value.encode()
    return struct.pack(order + "I", len(raw)) + raw


def prop(name, value, order="<"):
    if isinstance(value, str):
        return text(name, order) + struct.pack(order + "I", 0x20) + text(value, order)
    if isinstance(value, int):
        return text(name, order) + struct.pack(order + "Iq", 4, value)
    return text(name, order) + struct.pack(order + "Id", 10, value)


def samples_of(code, count, order="<"):
    """Index of plain samples."""
    return struct.pack(order + "IIIQ", 20, CODES[code], 1, count)


def daqmx(count, scalers, widths, *, digital=False, code=0xFFFFFFFF, order="<"):
    """Index of a device's raw data; scalers are (type, buffer, offset, number)."""
    out = struct.pack(order + "IIIQI", 0x126A if digital else 0x1269, code, 1, count, len(scalers))
    for kind, buffer, offset, number in scalers:
        form = "IIIBI" if digital else "IIIII"
        out += struct.pack(order + form, SCALER_CODES[kind], buffer, offset, 0, number)
    return out + struct.pack(f"{order}I{len(widths)}I", len(widths), *widths)


def described(path, index, properties=None, order="<"):
    """One object of a segment's header; `index` are bytes, NO_DATA or AS_BEFORE."""
    raw = index if isinstance(index, bytes) else struct.pack(order + "I", index)
    properties = properties or {}
    listed = b"".join(prop(name, value, order) for name, value in properties.items())
    return text(path, order) + raw + struct.pack(order + "I", len(properties)) + listed


def segment(objects, raw=b"", flags=METADATA | NEW | RAW, *, length=None):
    """A segment of described objects and raw bytes; `length` lies about where the next one starts."""
    order = ">" if flags & BIG else "<"
    header = b"" if objects is None else struct.pack(order + "I", len(objects)) + b"".join(objects)
    following = len(header) + len(raw) if length is None else length
    lead_in = b"TDSm" + struct.pack("<I", flags) + struct.pack(order + "IQQ", 4713, following, len(header))
    return lead_in + header + raw


def channel(name, group="stream"):
    return f"/'{group}'/'{name}'"


def interleaved(*columns):
    """Rows of one sample of each column."""
    rows = np.rec.fromarrays(columns)
    return rows.tobytes()
