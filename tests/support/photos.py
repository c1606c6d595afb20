"""Photographs: real ones from a package that ships them, and generated ones of camera size."""

from __future__ import annotations

import io
import struct
import zlib
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from skimage import data

from appliance.media.imaging import PhotoInfo, clean_blocking, header_blocking

CASES = Path(__file__).parents[1] / "cases"


def case(name: str) -> bytes:
    """A file as somebody met it; `tests/cases/README.md` says which is what."""
    return (CASES / name).read_bytes()


def _saved(image: Image.Image, kind: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


@cache
def portrait() -> Image.Image:
    """A real portrait, 512 x 512."""
    return Image.fromarray(data.astronaut())


@cache
def portrait_jpeg(width: int = 480, height: int = 640) -> bytes:
    """The portrait as a camera would send it after 'Max image size': a JPEG."""
    return _saved(portrait().resize((width, height)), "JPEG", quality=90)


@cache
def portrait_png() -> bytes:
    """The portrait with a transparent background, as after background removal."""
    image = portrait().convert("RGBA")
    mask = Image.fromarray((np.indices((512, 512)).sum(axis=0) > 300).astype(np.uint8) * 255)
    image.putalpha(mask)
    return _saved(image, "PNG")


@cache
def portrait_webp() -> bytes:
    """The portrait as WebP."""
    return _saved(portrait(), "WEBP", quality=85)


@cache
def camera_jpeg_24mp() -> bytes:
    """6000 x 4000 pixels with sensor noise: as large as a camera's own file."""
    pixels = np.asarray(portrait().resize((6000, 6000)).crop((0, 500, 6000, 4500))).astype(np.int16)
    pixels += np.random.default_rng(7).normal(0, 8, (4000, 6000, 1)).astype(np.int16)
    return _saved(Image.fromarray(pixels.clip(0, 255).astype(np.uint8)), "JPEG", quality=92)


@cache
def heavy_jpeg() -> bytes:
    """2560 x 1700 pixels with so much noise that they take 8 MB: many of these at a time are quickly read."""
    pixels = np.asarray(portrait().resize((2560, 1700))).astype(np.int16)
    pixels += np.random.default_rng(7).normal(0, 24, (1700, 2560, 3)).astype(np.int16)
    image = Image.fromarray(pixels.clip(0, 255).astype(np.uint8))
    return _saved(image, "JPEG", quality=97, subsampling=0)


def with_exif(orientation: int) -> bytes:
    """The portrait with an orientation, a GPS position and a camera serial number."""
    image = portrait().resize((600, 400))
    exif = Image.Exif()
    exif[0x0112] = orientation
    exif[0xA431] = "SERIAL-12345"
    exif[0x8825] = {1: "N", 2: (55.0, 45.0, 21.0), 3: "E", 4: (37.0, 37.0, 2.0)}
    return _saved(image, "JPEG", quality=90, exif=exif.tobytes())


def in_format(kind: str) -> bytes:
    """The portrait as ``GIF``, ``BMP``, ``TIFF``, …"""
    return _saved(portrait(), kind)


def heic_head() -> bytes:
    """How a phone's HEIC file starts."""
    return struct.pack(">I", 24) + b"ftypheic" + b"\0\0\0\0mif1heic" + bytes(2000)


def png_bomb(width: int = 20_000, height: int = 10_000, bits: int = 8, *, interlaced: bool = False) -> bytes:
    """A few hundred kilobytes that want to become ``width`` x ``height`` pixels of three colours."""

    def chunk(name: bytes, content: bytes) -> bytes:
        return (
            struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))
        )

    # All of it is zero, so what a million of them become is written as often as needed.
    size, at_once = height * (1 + width * 3 * bits // 8), 1_000_000
    packer = zlib.compressobj(9, wbits=-zlib.MAX_WBITS)
    piece = packer.compress(bytes(at_once)) + packer.flush(zlib.Z_FULL_FLUSH)
    end = packer.compress(bytes(size % at_once)) + packer.flush()
    checksum = struct.pack(">I", size % 65_521 << 16 | 1)
    packed = b"\x78\xda" + piece * (size // at_once) + end + checksum
    header = struct.pack(">IIBBBBB", width, height, bits, 2, 0, 0, interlaced)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", packed) + chunk(b"IEND", b"")


def receive_blocking(path: Path, max_pixels: int, max_side: int | None = None) -> PhotoInfo:
    """``Imaging.receive`` without its threads."""
    return clean_blocking(path, header_blocking(path, max_pixels), max_side)
