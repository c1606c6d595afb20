"""The picture's way out: print sizes, overlays, file types, and no metadata."""

from __future__ import annotations

import asyncio
import io
import threading
from collections.abc import AsyncIterator

import numpy as np
import pytest
import pyvips
from PIL import Image, ImageDraw

from appliance.core.clock import Deadline
from appliance.core.images import EncodedImage
from appliance.media.finish import Finisher, OutputOptions, as_it_is, finish
from appliance.media.imaging import Imaging
from appliance.media.metadata import strip
from appliance.media.qr import png, svg
from tests.support.photos import portrait, portrait_jpeg, portrait_png, portrait_webp, with_exif


def opened(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data))


def in_display_p3(bits: int) -> bytes:
    """The portrait with the colour profile of phones and newer screens."""
    image = pyvips.Image.new_from_buffer(portrait_jpeg(), "")
    data: bytes = image.icc_transform("p3", input_profile="srgb", depth=bits).pngsave_buffer()
    return data


def shown(data: bytes) -> np.ndarray:
    """The pixels as a program shows them that minds the colour profile."""
    image = pyvips.Image.new_from_buffer(data, "")
    if image.get_typeof("icc-profile-data"):
        image = image.icc_transform("srgb", depth=8)
    pixels: np.ndarray = image.numpy().astype(int)
    return pixels


def red_bar() -> bytes:
    """An overlay with a red bar at its top, which is empty below."""
    overlay = Image.new("RGBA", (100, 100), (0, 0, 0, 0))
    ImageDraw.Draw(overlay).rectangle((0, 0, 99, 20), fill=(255, 0, 0, 255))
    buffer = io.BytesIO()
    overlay.save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture
def finisher() -> Finisher:
    return Finisher(Imaging(workers=1))


@pytest.fixture
async def busy_finisher() -> AsyncIterator[Finisher]:
    """A finisher whose only thread works on another photo until the test ends."""
    imaging, begun, ended = Imaging(workers=1), threading.Event(), threading.Event()
    other = asyncio.create_task(imaging.run(0, lambda: (begun.set(), ended.wait())))
    await asyncio.to_thread(begun.wait)
    yield Finisher(imaging)
    ended.set()
    await other
    imaging.close()


@pytest.mark.parametrize("size", ["1200x1800", "1800x1200", "1080x1350", "300x300"])
@pytest.mark.parametrize("fit", ["crop", "fit"])
def test_a_print_size_is_exact(size: str, fit: str) -> None:
    made = finish(portrait_jpeg(), "image/jpeg", OutputOptions(size=size, fit=fit), None)
    assert "{}x{}".format(*opened(made.data).size) == size


def test_fit_shows_all_of_the_picture_on_the_border_colour() -> None:
    made = finish(
        portrait_jpeg(),
        "image/jpeg",
        OutputOptions(size="1800x1200", fit="fit", border_colour="#00ff00"),
        None,
    )
    red, green, blue = opened(made.data).getpixel((5, 600))  # type: ignore[misc]
    assert green > 240
    assert max(red, blue) < 20


def test_an_overlay_lies_on_top_and_is_see_through_where_it_is_empty() -> None:
    made = opened(finish(portrait_jpeg(), "image/jpeg", OutputOptions(), red_bar()).data)
    plain = opened(portrait_jpeg())
    assert made.size == plain.size
    assert np.allclose(made.getpixel((240, 10)), (255, 0, 0), atol=12)
    assert np.allclose(made.getpixel((240, 500)), plain.getpixel((240, 500)), atol=12)


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("options", [OutputOptions(media_type="image/png"), OutputOptions(size="480x640")])
def test_a_picture_with_a_colour_profile_looks_as_it_did(bits: int, options: OutputOptions) -> None:
    made = finish(in_display_p3(bits), "image/png", options, None)
    assert np.abs(shown(made.data) - shown(portrait_jpeg())).mean() < 2


def test_a_border_has_its_colour_whatever_the_pictures_profile() -> None:
    options = OutputOptions(size="600x640", fit="fit", border_colour="#c04060")
    made = finish(in_display_p3(8), "image/png", options, None)
    assert np.allclose(shown(made.data)[320, 10], (192, 64, 96), atol=3)


def test_an_overlay_and_a_qr_code_have_their_colours_whatever_the_pictures_profile() -> None:
    options = OutputOptions(qr="bottom-left", qr_colour="#800040")
    made = shown(finish(in_display_p3(8), "image/png", options, red_bar(), "http://x/r/1").data)
    assert np.allclose(made[10, 240], (255, 0, 0), atol=3)
    corner = made[480:, :160].reshape(-1, 3)
    assert np.any(np.all(np.abs(corner - (128, 0, 64)) <= 3, axis=1))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_the_file_type_is_the_slots(kind: str) -> None:
    made = finish(portrait_png(), "image/png", OutputOptions(media_type=f"image/{kind.lower()}"), None)
    assert opened(made.data).format == kind


async def test_a_finish_that_fails_delivers_the_plain_picture(finisher: Finisher) -> None:
    picture = EncodedImage(portrait_jpeg(), "image/jpeg")
    made = await finisher.finish(picture, OutputOptions(size="1200x1800"), b"no overlay", Deadline.after(10))
    assert opened(made.data).size == opened(picture.data).size


async def test_a_finish_that_would_be_late_delivers_the_plain_picture(finisher: Finisher) -> None:
    picture = EncodedImage(portrait_jpeg(), "image/jpeg")
    made = await finisher.finish(picture, OutputOptions(size="1200x1800"), None, Deadline.after(0.15))
    assert opened(made.data).size == opened(picture.data).size


async def test_a_turned_picture_is_turned_upright(finisher: Finisher) -> None:
    made = await finisher.finish(
        EncodedImage(with_exif(6), "image/jpeg"), OutputOptions(), None, Deadline.after(10)
    )
    assert opened(made.data).size == (400, 600)


async def test_a_picture_that_stays_as_it_is_waits_for_no_other_photo(busy_finisher: Finisher) -> None:
    picture = EncodedImage(portrait_jpeg(), "image/jpeg")
    async with asyncio.timeout(5):
        made = await busy_finisher.finish(picture, OutputOptions(), None, Deadline.after(20))
    assert opened(made.data).size == opened(picture.data).size


async def test_a_picture_that_cannot_be_turned_in_time_is_delivered_as_it_came(
    busy_finisher: Finisher,
) -> None:
    deadline = Deadline.after(0.6)
    picture = EncodedImage(with_exif(6), "image/jpeg")
    made = await busy_finisher.finish(picture, OutputOptions(), None, deadline)
    assert opened(made.data).size == (600, 400)
    assert deadline.remaining() > 0


@pytest.mark.parametrize(
    ("options", "overlay", "words"),
    [
        (OutputOptions(), b"sponsors", ""),
        (OutputOptions(), None, "made by AI"),
        (OutputOptions(qr="top-left"), None, ""),
        (OutputOptions(size="1200x1800"), None, ""),
        (OutputOptions(media_type="image/png"), None, ""),
    ],
    ids=["overlay", "words", "qr", "size", "type"],
)
def test_whatever_is_put_on_or_changed_is_work_to_keep_time_for(
    options: OutputOptions, overlay: bytes | None, words: str
) -> None:
    assert as_it_is(OutputOptions(), None, "")
    assert not as_it_is(options, overlay, words)


def test_a_plain_picture_loses_its_metadata_and_not_a_pixel() -> None:
    dirty = with_exif(1)
    clean = strip(dirty, "image/jpeg")
    assert b"SERIAL-12345" in dirty
    assert b"SERIAL-12345" not in clean
    assert np.array_equal(np.asarray(opened(clean)), np.asarray(opened(dirty)))


@pytest.mark.parametrize(("kind", "media_type"), [("PNG", "image/png"), ("WEBP", "image/webp")])
def test_png_and_webp_lose_their_metadata_too(kind: str, media_type: str) -> None:
    buffer = io.BytesIO()
    exif = Image.Exif()
    exif[0xA431] = "SERIAL-12345"
    portrait().save(buffer, kind, exif=exif.tobytes(), lossless=True)
    clean = strip(buffer.getvalue(), media_type)
    assert b"SERIAL-12345" in buffer.getvalue()
    assert b"SERIAL-12345" not in clean
    assert np.array_equal(np.asarray(opened(clean).convert("RGB")), np.asarray(portrait()))


@pytest.mark.parametrize("data", [b"", b"\xff\xd8", b"\xff\xd8\xff", portrait_webp()[:30]])
def test_a_broken_file_comes_back_as_it_was(data: bytes) -> None:
    assert isinstance(strip(data, "image/jpeg"), bytes)


def test_a_code_is_black_and_white_with_its_words_below() -> None:
    """Any guest may ask for many of the largest: in colour each took a tenth of a second."""
    image = opened(png("http://photos.example.org/r/5f0c2a52", 2400, "photos.example.org"))
    assert (image.mode, image.size) == ("L", (2400, 2688))
    assert image.crop((0, 2400, 2400, 2688)).getextrema() == (0, 255)


def test_a_code_that_is_asked_for_again_is_not_worked_out_again(monkeypatch: pytest.MonkeyPatch) -> None:
    first = svg("http://photos.example.org/r/5f0c2a53", 300)
    monkeypatch.delattr("segno.make_qr")
    assert svg("http://photos.example.org/r/5f0c2a53", 300) == first


def test_a_picture_whose_colour_profile_has_spare_bytes_at_its_end_becomes_a_png() -> None:
    buffer = io.BytesIO()
    profile = pyvips.Operation.call("profile_load", "srgb") + b"\0"
    opened(portrait_jpeg()).save(buffer, "JPEG", icc_profile=profile)
    options = OutputOptions(size="600x900", media_type="image/png")
    finished = finish(buffer.getvalue(), "image/jpeg", options, None)
    assert opened(finished.data).size == (600, 900)
