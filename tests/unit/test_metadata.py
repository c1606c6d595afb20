"""What guests' pictures say of place and maker goes, wherever in the file somebody put it."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import pytest
import pyvips

from appliance.media.metadata import png_chunk, webp_chunk, webp_file
from tests.support.photos import portrait, portrait_jpeg, receive_blocking

PLACE = b"Exif\0\0MM\0*GPS 55.0 45.0 21.0 N 37.0 37.0 2.0 E"
HEAD = 8  # bytes of a PNG before its first chunk


def saved(kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    portrait().resize((64, 48)).save(buffer, kind, **options)
    return buffer.getvalue()


def segment(marker: int, content: bytes) -> bytes:
    return b"\xff" + bytes([marker]) + struct.pack(">H", len(content) + 2) + content


def jpeg_with(marker: int, content: bytes) -> bytes:
    plain = portrait_jpeg(64, 48)
    return plain[:2] + segment(marker, content) + plain[2:]


def jpeg_with_small_picture() -> bytes:
    plain = portrait_jpeg(64, 48)
    jfif = b"JFIF\0\x01\x01\0\0\x01\0\x01" + bytes([4, 4]) + PLACE.ljust(48, b"\0")
    return plain[:2] + segment(0xE0, jfif) + plain[20:]


def webp_with(name: bytes) -> bytes:
    return webp_file(saved("WEBP")[12:] + webp_chunk(name, PLACE))


def webp_animation_with(name: bytes) -> bytes:
    first, second = portrait().resize((64, 48)), portrait().resize((64, 48)).rotate(180)
    buffer = io.BytesIO()
    first.save(buffer, "WEBP", save_all=True, append_images=[second])
    body, at = buffer.getvalue()[12:], 0
    chunks = []
    while at < len(body):
        length = struct.unpack_from("<I", body, at + 4)[0]
        content = body[at + 8 : at + 8 + length]
        more = webp_chunk(name, PLACE) if body[at : at + 4] == b"ANMF" else b""
        chunks.append(webp_chunk(body[at : at + 4], content + more))
        at += 8 + length + length % 2
    return webp_file(b"".join(chunks))


def png_with_exif_and_no_end() -> bytes:
    plain = saved("PNG")
    header = HEAD + 25
    return plain[:header] + png_chunk(b"eXIf", PLACE) + plain[header:-12] + b"\0\0"


ODD = {
    "a JPEG's first header": jpeg_with(0xE0, PLACE),
    "behind a JPEG's JFIF header": jpeg_with_small_picture(),
    "a JPEG's Adobe header": jpeg_with(0xEE, PLACE),
    "behind a JPEG's Adobe header": jpeg_with(0xEE, b"Adobe\0\x64\0\0\0\0\x01" + PLACE),
    "a JPEG's second marker of an application": jpeg_with(0xE2, PLACE),
    "a PNG without its end": png_with_exif_and_no_end(),
    "a PNG's text": saved("PNG")[: HEAD + 25] + png_chunk(b"gpSx", PLACE) + saved("PNG")[HEAD + 25 :],
    "a WebP's exif in small letters": webp_with(b"exif"),
    "a WebP's unknown chunk": webp_with(b"GPSX"),
    "a frame of a WebP's animation": webp_animation_with(b"EXIF"),
}


@pytest.mark.parametrize("photo", ODD.values(), ids=list(ODD))
def test_a_place_in_an_odd_part_of_the_file_goes_and_the_picture_stays(tmp_path: Path, photo: bytes) -> None:
    path = tmp_path / "photo"
    path.write_bytes(photo)
    assert PLACE[8:20] in photo
    receive_blocking(path, 1_000_000)
    kept = path.read_bytes()
    assert PLACE[8:20] not in kept
    before, after = (pyvips.Image.new_from_buffer(data, "", fail_on="none") for data in (photo, kept))
    assert after.write_to_memory() == before.write_to_memory()
