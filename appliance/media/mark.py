"""The mark that AI made a picture: IPTC's digital source type in XMP, where photo programs look for it,
and words printed small into a corner, where people do.
"""

from __future__ import annotations

import struct

import pyvips

from appliance.core.images import JPEG, PNG, WEBP, EncodedImage
from appliance.media.fonts import line
from appliance.media.metadata import WEBP_HAS_XMP, png_chunk, webp_chunk, webp_file, webp_flagged

SOURCE_TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia"
_XMP = (
    '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>'
    '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    '<rdf:Description rdf:about="" xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/" '
    f'Iptc4xmpExt:DigitalSourceType="{SOURCE_TYPE}"/></rdf:RDF></x:xmpmeta><?xpacket end="r"?>'
).encode()
_JPEG_HEAD = b"http://ns.adobe.com/xap/1.0/\0"
_PNG_HEAD = b"XML:com.adobe.xmp\0\0\0\0\0"


_INK_SHARE, _GROUND = 0.026, 0.6  # the letters' height of the shorter side; how dark it is behind them


def printed(image: pyvips.Image, words: str, *, right: bool = False) -> pyvips.Image:
    """``image`` with ``words`` in its lower left corner, or in the lower right one. Blocking."""
    shorter = min(image.width, image.height)
    ink = line(words, max(11, round(shorter * _INK_SHARE)))
    space = round(ink.height * 0.6)
    if ink.width + 4 * space > image.width:
        ink = ink.resize((image.width - 4 * space) / ink.width)
    ink = ink.embed(space, space, ink.width + 2 * space, ink.height + 2 * space)
    white = ink.new_from_image([255, 255, 255]).copy(interpretation="srgb")
    sign = white.new_from_image([0, 0, 0, 255 * _GROUND]).cast("uchar").copy(interpretation="srgb")
    sign = sign.composite2(white.bandjoin(ink.cast("uchar")), "over").cast("uchar")
    margin = round(shorter * 0.02)
    left = image.width - sign.width - margin if right else margin
    both = image.colourspace("srgb").composite2(sign, "over", x=left, y=image.height - sign.height - margin)
    both = both.cast("uchar")
    return both if image.hasalpha() else both.flatten()


def marked(picture: EncodedImage) -> EncodedImage:
    """``picture`` with the mark, its pixels untouched; for pictures that carry no XMP yet."""
    add = {JPEG.media_type: _jpeg, PNG.media_type: _png, WEBP.media_type: _webp}[picture.media_type]
    return EncodedImage(add(picture.data), picture.media_type)


def _jpeg(data: bytes) -> bytes:
    content = _JPEG_HEAD + _XMP
    segment = b"\xff\xe1" + struct.pack(">H", len(content) + 2) + content
    at = 2
    if data[2:4] == b"\xff\xe0":  # JFIF wants to be first
        at += 2 + int.from_bytes(data[4:6], "big")
    return data[:at] + segment + data[at:]


def _png(data: bytes) -> bytes:
    content = _PNG_HEAD + _XMP
    at = 8 + 12 + int.from_bytes(data[8:12], "big")  # after IHDR
    return data[:at] + png_chunk(b"iTXt", content) + data[at:]


def _webp(data: bytes) -> bytes:
    return webp_file(webp_flagged(data[12:], WEBP_HAS_XMP) + webp_chunk(b"XMP ", _XMP))
