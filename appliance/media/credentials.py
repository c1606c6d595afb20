"""Content credentials (C2PA) that a provider signed: whether a picture carries some.

They hold for the very bytes that were signed: such a picture is delivered untouched or without them.
"""

from __future__ import annotations

import struct

from appliance.core import jpeg
from appliance.core.images import JPEG, PNG, EncodedImage

_APP11 = 0xEB
_JUMBF, _C2PA = b"jumb", b"c2pa"


def has_manifest(picture: EncodedImage) -> bool:
    """Whether there is a manifest in the file where its type keeps one."""
    try:
        if picture.kind is JPEG:
            return _in_jpeg(picture.data)
        return _in_chunks(picture.data, png=picture.kind is PNG)
    except (ValueError, struct.error):
        return False


def _in_jpeg(data: bytes) -> bool:
    blocks = (data[one.start : one.end] for one in jpeg.segments(data) if one.marker == _APP11)
    return any(_JUMBF in block and _C2PA in block for block in blocks)


def _in_chunks(data: bytes, *, png: bool) -> bool:
    name = b"caBX" if png else b"C2PA"
    at = 8 if png else 12
    while at + 8 <= len(data):
        length_at, name_at = (at, at + 4) if png else (at + 4, at)
        if data[name_at : name_at + 4] == name:
            return True
        (length,) = struct.unpack_from(">I" if png else "<I", data, length_at)
        at += 12 + length if png else 8 + length + length % 2
    return False
