"""Checks that what a provider returned is a picture: typed by its bytes and decoded to the last row."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

import pybase64
import pyvips

from appliance.core.decoding import DamagedPicture, decoded_bytes_of, header, load, must_be_whole
from appliance.core.decoding_memory import decoding_memory
from appliance.core.images import JPEG, PNG, SNIFF_BYTES, PictureType, type_of
from appliance.providers.base import EditedImage, EncodedImage, ProviderBadPicture, ProviderPermanent
from appliance.providers.route_clock import picture_is_back

MAX_PIXELS = 50_000_000  # the largest model makes 6336 x 2688 = 17 megapixels
MIN_SIDE = 32  # pixels; anything smaller is a placeholder, not a guest's picture

SENT_QUALITY = 92  # as the photo itself is sent
MAX_BYTES = 24 * 1024 * 1024  # of a picture

# As many at a time as photos are decoded.
_THREADS = ThreadPoolExecutor(min(4, os.cpu_count() or 2), thread_name_prefix="provider-picture")
_STANDARD_ALPHABET = bytes.maketrans(b"-_", b"+/")


async def checked_picture(data: bytes, *, response_id: str | None = None) -> EditedImage:
    """``data`` as a picture, decoded once in a thread; ``ProviderBadPicture`` if it is none."""
    picture_is_back()
    return await _checked(data, response_id)


async def checked_base64(
    text: str, pictures: Mapping[str, bytes], *, response_id: str | None = None
) -> EditedImage:
    """Like ``checked_picture``, for a picture that came in JSON: what stands for it in ``pictures`` of the
    answer, or base64 text in any of its spellings.
    """
    picture_is_back()
    data = pictures.get(text)
    try:
        if data is None:
            data = await asyncio.to_thread(decoded_base64, text)
    except ValueError:
        raise ProviderBadPicture("broken_base64", response_id=response_id) from None
    return await _checked(data, response_id)


def decoded_base64(text: str) -> bytes:
    """The bytes of ``text``, also where it is of the alphabet for addresses, without padding, broken
    into lines, or prefixed as a ``data:`` address; ``ValueError`` if it is anything else.
    """
    with contextlib.suppress(ValueError):
        return pybase64.b64decode(text, validate=True)
    if text[:5].lower() == "data:":
        kind, comma, text = text.partition(",")
        if not comma or not kind.lower().endswith(";base64"):
            raise ValueError("an address without base64")
    plain = text.encode("ascii").translate(_STANDARD_ALPHABET, b" \t\r\n").rstrip(b"=")
    return pybase64.b64decode(plain + b"=" * (-len(plain) % 4), validate=True)


async def as_jpeg_or_png(image: EncodedImage) -> EncodedImage:
    """``image`` for a provider that takes nothing else: a WebP becomes JPEG, or PNG if it has holes."""
    kind = type_of(image.data[:SNIFF_BYTES])
    if kind in {JPEG, PNG}:
        return EncodedImage(image.data, kind.media_type)
    return await asyncio.to_thread(_converted, image.data, kind)


def _converted(data: bytes, kind: PictureType | None) -> EncodedImage:
    try:
        if kind is None:
            raise ProviderPermanent("unreadable_template", "a picture of an unknown type")
        picture = load(data, kind, fail_on="error")
        if picture.hasalpha():
            return EncodedImage(picture.write_to_buffer(PNG.saver), PNG.media_type)
        return EncodedImage(picture.write_to_buffer(f"{JPEG.saver}[Q={SENT_QUALITY}]"), JPEG.media_type)
    except pyvips.Error:
        raise ProviderPermanent("unreadable_template", "a picture that cannot be converted") from None


async def _checked(data: bytes, response_id: str | None) -> EditedImage:
    size = await asyncio.to_thread(decoded_bytes_of, data)
    return await decoding_memory().run(_THREADS, size, _check, data, response_id)


def _check(data: bytes, response_id: str | None) -> EditedImage:
    if len(data) > MAX_BYTES:
        raise ProviderPermanent("answer_too_large", f"a picture of over {MAX_BYTES} bytes")
    kind = type_of(data[:SNIFF_BYTES])
    if kind is None:
        raise ProviderBadPicture("not_a_picture", response_id=response_id)
    try:
        head = header(data, kind)
        width, height = head.size
        if head.beyond(MAX_PIXELS):
            raise ProviderBadPicture("picture_too_large", f"{width}x{height}", response_id=response_id)
        if min(width, height) < MIN_SIDE:
            raise ProviderBadPicture("picture_too_small", f"{width}x{height}", response_id=response_id)
        must_be_whole(data, kind)
    except DamagedPicture:
        raise ProviderBadPicture("undecodable_picture", response_id=response_id) from None
    return EditedImage(data, kind.media_type, width, height, response_id)
