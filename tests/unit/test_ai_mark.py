"""The mark that AI made a picture: read back from the file, seen on the picture."""

from __future__ import annotations

import io
import xml.etree.ElementTree as ET
from typing import Any, Literal

import numpy as np
import pytest
from PIL import Image, ImageChops

from appliance.core.clock import Deadline
from appliance.core.images import EncodedImage
from appliance.media.credentials import has_manifest
from appliance.media.finish import Finisher, OutputOptions, finish
from appliance.media.imaging import Imaging
from appliance.media.mark import SOURCE_TYPE, marked
from appliance.media.metadata import png_chunk, strip, webp_chunk, webp_file
from appliance.settings.operator import OperatorSettings
from tests.support.photos import portrait_jpeg, portrait_png, portrait_webp, with_exif

PHOTOS = {"image/jpeg": portrait_jpeg(), "image/png": portrait_png(), "image/webp": portrait_webp()}
_SAVED_AS = {"image/jpeg": "JPEG", "image/png": "PNG", "image/webp": "WEBP"}
_EXTENSION = "{http://iptc.org/std/Iptc4xmpExt/2008-02-29/}DigitalSourceType"


def opened(data: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


def source_type(data: bytes) -> str | None:
    """What a program that reads XMP finds."""
    info: dict[str, Any] = opened(data).info
    found = info.get("xmp") or info.get("XML:com.adobe.xmp")
    if not found:
        return None
    text = found if isinstance(found, str) else found.decode()
    (about,) = ET.fromstring(text[text.index("<x:") : text.index("<?xpacket end")]).iter(
        "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}Description"
    )
    return about.get(_EXTENSION)


@pytest.mark.parametrize("kind", sorted(PHOTOS))
def test_the_mark_is_read_back_and_the_pixels_are_the_same(kind: str) -> None:
    plain = PHOTOS[kind]
    made = marked(EncodedImage(plain, kind)).data
    assert source_type(plain) is None
    assert source_type(made) == SOURCE_TYPE
    assert not ImageChops.difference(opened(plain), opened(made)).getbbox()


@pytest.mark.parametrize("options", [{"lossless": True}, {"quality": 80}])
@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_every_kind_of_webp_takes_the_mark(options: dict[str, Any], mode: str) -> None:
    buffer = io.BytesIO()
    Image.new(mode, (321, 123), (10, 200, 30)).save(buffer, "WEBP", **options)
    made = marked(EncodedImage(buffer.getvalue(), "image/webp")).data
    assert source_type(made) == SOURCE_TYPE
    assert opened(made).size == (321, 123)


@pytest.mark.parametrize("kind", sorted(PHOTOS))
def test_nothing_of_the_cameras_own_metadata_stays_beside_the_mark(kind: str) -> None:
    buffer = io.BytesIO()
    exif = opened(with_exif(1)).getexif()
    opened(PHOTOS[kind]).save(buffer, _SAVED_AS[kind], exif=exif)
    assert opened(buffer.getvalue()).getexif()
    made = marked(EncodedImage(strip(buffer.getvalue(), kind), kind)).data
    assert not opened(made).getexif()
    assert source_type(made) == SOURCE_TYPE


@pytest.mark.parametrize("kind", sorted(PHOTOS))
def test_words_are_printed_into_a_corner_and_nowhere_else(kind: str) -> None:
    plain = finish(PHOTOS[kind], kind, OutputOptions(media_type="image/png"), None)
    made = finish(PHOTOS[kind], kind, OutputOptions(media_type="image/png"), None, words="Сделано ИИ")
    before, after = (np.asarray(opened(one.data).convert("RGB")).astype(int) for one in (plain, made))
    rows, columns = np.nonzero(np.abs(before - after).max(axis=2) > 8)
    height, width = before.shape[:2]
    assert rows.min() > height * 0.88
    assert columns.min() > width * 0.4, "the guest's page shows the sign on the left"
    assert after[rows.min() :, columns.min() :].max() > 220, "white letters"


@pytest.mark.parametrize("corner", ["bottom-left", "bottom-right"])
def test_the_words_keep_away_from_the_qr_code(corner: Literal["bottom-left", "bottom-right"]) -> None:
    options = OutputOptions(qr=corner, media_type="image/png")
    plain = finish(portrait_jpeg(), "image/jpeg", options, None, "http://192.0.2.1/r/x")
    made = finish(portrait_jpeg(), "image/jpeg", options, None, "http://192.0.2.1/r/x", "AI")
    box = ImageChops.difference(opened(plain.data), opened(made.data)).getbbox()
    assert box
    middle = opened(plain.data).width / 2
    assert box[0] > middle if corner == "bottom-left" else box[2] < middle


def test_words_that_are_too_long_become_smaller() -> None:
    made = finish(portrait_jpeg(200, 300), "image/jpeg", OutputOptions(), None, words="W" * 40)
    assert opened(made.data).size == (200, 300)


def with_manifest(kind: str) -> bytes:
    """A picture with the block in which its type keeps content credentials."""
    box, plain = b"\0\0\0\x20jumb\0\0\0\x18jumdc2pa" + bytes(16), PHOTOS[kind]
    if kind == "image/jpeg":
        content = b"JP\0\1\0\0\0\1" + box
        return plain[:2] + b"\xff\xeb" + (len(content) + 2).to_bytes(2, "big") + content + plain[2:]
    if kind == "image/png":
        return plain[:33] + png_chunk(b"caBX", box) + plain[33:]
    return webp_file(plain[12:] + webp_chunk(b"C2PA", box))


@pytest.mark.parametrize("kind", sorted(PHOTOS))
async def test_what_a_provider_signed_is_delivered_byte_for_byte_where_nothing_is_changed(kind: str) -> None:
    signed, imaging = EncodedImage(with_manifest(kind), kind), Imaging(workers=1)
    made = await Finisher(imaging).finish(signed, OutputOptions(), None, Deadline.after(20))
    imaging.close()
    assert has_manifest(signed)
    assert made.data == signed.data
    assert not has_manifest(EncodedImage(PHOTOS[kind], kind))


@pytest.mark.parametrize("kind", sorted(PHOTOS))
def test_a_signature_that_holds_no_longer_goes_with_the_change(kind: str) -> None:
    made = finish(with_manifest(kind), kind, OutputOptions(size="300x300"), None)
    assert not has_manifest(made)


@pytest.mark.parametrize(
    ("rules", "marked_there"), [("eu", True), ("kazakhstan", True), ("elsewhere", False)]
)
def test_the_law_of_the_place_comes_before_the_switches(rules: str, marked_there: bool) -> None:
    settings = OperatorSettings.model_validate(
        {"ai_rules": rules, "mark_ai_made": False, "show_ai_sign": False}
    )
    assert (settings.marks_ai_files, settings.shows_ai_sign) == (marked_there, marked_there)


def test_a_new_install_marks_pictures_that_ai_made() -> None:
    assert OperatorSettings().marks_ai_files
    assert OperatorSettings().shows_ai_sign
    assert not OperatorSettings().mark_ai_words, "printing it into the picture is a choice"
