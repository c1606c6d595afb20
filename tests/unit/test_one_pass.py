"""A photo is decoded once: damage is found all the same, and what is sent looks as it did."""

from __future__ import annotations

import io
import math
import os
import threading
from pathlib import Path

import pytest
import pyvips
from PIL import ImageCms

from appliance.core import jpeg
from appliance.core.colours import is_srgb
from appliance.core.images import EncodedImage
from appliance.core.one_pass import SPARE_BYTES, in_one_pass
from appliance.media.finish import OutputOptions, finish
from appliance.media.imaging import Imaging, Photo, encode_blocking, for_sending
from appliance.media.previews import square, whole
from tests.support.photos import camera_jpeg_24mp, case, portrait, portrait_png, receive_blocking, with_exif

MAX = 60_000_000
SHRINKS = [1, 2, 4, 8]


def once(data: bytes, shrink: int) -> float | None:
    whole = data if jpeg.end_of(data) is not None else data + jpeg.END
    return in_one_pass(whole, jpeg.end_of(whole) or 0, shrink, lambda image: float(image.avg()))


def made(**options: object) -> bytes:
    buffer = io.BytesIO()
    portrait().save(buffer, "JPEG", quality=92, **options)  # type: ignore[arg-type]
    return buffer.getvalue()


def image_of(data: bytes) -> pyvips.Image:
    return pyvips.Image.new_from_buffer(data, "")


def pixels(data: bytes) -> bytes:
    return bytes(image_of(data).write_to_memory())


def loss(one: pyvips.Image, other: pyvips.Image) -> float:
    """How alike two pictures are, in decibels; 40 and more: nobody sees a difference."""
    difference = one.cast("float") - other.cast("float")
    squares = (difference * difference).avg()
    return 10 * math.log10(255**2 / squares) if squares else math.inf


def exact(path: Path, max_side: int) -> pyvips.Image:
    """The slow way: every pixel decoded, and colours converted whether or not they need it."""
    return pyvips.Image.thumbnail(
        str(path), max_side, height=max_side, size="down", export_profile="srgb"
    ).copy_memory()


def tagged(profile: str) -> bytes:
    """Strong colours that say which colours they are."""
    image = pyvips.Image.new_from_buffer(portrait_png(), "").copy_memory()
    bands = image[0].linear(1.2, 0).cast("uchar").bandjoin([image[1], image[2].linear(0.4, 0).cast("uchar")])
    converted = bands.copy(interpretation="srgb").icc_transform(profile)
    data: bytes = converted.jpegsave_buffer(Q=97, keep="icc", subsample_mode="off")
    return data


def test_a_broken_colour_profile_is_not_heeded(tmp_path: Path) -> None:
    broken = tagged("p3").replace(b"XYZ \0\0\0\0", b"XYZ?\0\0\0\0")
    path = tmp_path / "photo"
    path.write_bytes(broken)
    info = receive_blocking(path, MAX, 256)
    assert info.sent
    sent = for_sending(EncodedImage(broken, "image/jpeg"))
    assert finish(broken, "image/jpeg", OutputOptions(size="400x600"), None).data
    for made in (sent.data, info.sent.picture.data):
        plain = pyvips.Image.thumbnail_buffer(broken, 256, height=256)
        assert loss(pyvips.Image.thumbnail_buffer(made, 256, height=256), plain) > 35


@pytest.mark.parametrize("shrink", SHRINKS)
@pytest.mark.parametrize("name", ["small_half_eoi.jpg", "small_hole.jpg"])
def test_a_damaged_jpeg_is_never_taken_for_whole(name: str, shrink: int) -> None:
    assert once(case(name), shrink) is None


@pytest.mark.parametrize("shrink", SHRINKS)
@pytest.mark.parametrize(
    "options",
    [{}, {"subsampling": 0}, {"subsampling": 1}, {"restart_marker_rows": 1}, {"progressive": True}],
    ids=str,
)
def test_a_whole_jpeg_needs_no_second_look(options: dict[str, int], shrink: int) -> None:
    assert once(made(**options), shrink) is not None


@pytest.mark.parametrize("name", ["mpo.jpg", "no_eoi.jpg", "orient6_gps.jpg", "trailing_video.jpg"])
def test_an_odd_but_whole_jpeg_needs_none_either(name: str) -> None:
    assert once(case(name), 8) is not None


@pytest.mark.parametrize("missing", [1, 2, 3, 5, 9, 20, 60])
def test_a_picture_that_lacks_its_last_few_bytes_gets_a_second_look(missing: int) -> None:
    whole = made()
    assert once(whole[: -2 - missing] + jpeg.END, 2) is None


@pytest.mark.parametrize(("spare", "taken"), [(8, True), (SPARE_BYTES + 8, False), (5000, False)])
def test_what_is_left_over_behind_the_picture_is_noticed(spare: int, taken: bool) -> None:
    padded = made()[:-2] + b"\0" * spare + jpeg.END
    assert (once(padded, 8) is not None) is taken


def test_a_damaged_jpeg_leaves_no_thread_and_no_open_pipe() -> None:
    large = camera_jpeg_24mp()
    damaged = large[:2_000_000] + os.urandom(4000).replace(b"\xff", b"\0") + large[2_004_000:]
    files, threads = len(list(Path("/proc/self/fd").iterdir())), set(threading.enumerate())
    for _ in range(3):
        assert once(damaged, 8) is None
    begun = set(threading.enumerate()) - threads  # may be about to end
    for thread in begun:
        thread.join(5)
    assert not [thread.name for thread in begun if thread.is_alive()]
    assert len(list(Path("/proc/self/fd").iterdir())) <= files


def test_a_photo_of_24_million_pixels_is_sent_as_it_would_be_by_the_slow_way(tmp_path: Path) -> None:
    path = tmp_path / "photo"
    path.write_bytes(camera_jpeg_24mp())
    sent = receive_blocking(path, MAX, 2048).sent
    assert sent is not None
    picture, wanted = image_of(sent.picture.data), exact(path, 2048)
    assert (picture.width, picture.height) == (wanted.width, wanted.height)
    assert loss(picture, wanted) > 38


@pytest.mark.parametrize("side", [500, 330], ids=["a little smaller", "half as large"])
@pytest.mark.parametrize("orientation", [1, 6])
def test_a_photo_without_a_profile_has_the_very_pixels_of_the_slow_way(
    tmp_path: Path, side: int, orientation: int
) -> None:
    path = tmp_path / "photo"
    path.write_bytes(with_exif(orientation))
    sent = receive_blocking(path, MAX, side).sent
    assert sent is not None
    expected = exact(path, side).jpegsave_buffer(Q=92, keep="none")
    assert pixels(sent.picture.data) == pixels(expected)


def test_a_photo_in_display_p3_is_sent_in_the_srgb_of_the_slow_way(tmp_path: Path) -> None:
    path = tmp_path / "photo"
    path.write_bytes(tagged("p3"))
    sent = receive_blocking(path, MAX, 400).sent
    assert sent is not None
    picture, untouched = image_of(sent.picture.data), pyvips.Image.thumbnail(str(path), 400, height=400)
    assert loss(picture, exact(path, 400)) > 38
    assert loss(picture, untouched) < 32  # it was converted, and that is seen


def test_a_photo_that_says_srgb_looks_as_if_it_had_been_converted(tmp_path: Path) -> None:
    path = tmp_path / "photo"
    path.write_bytes(tagged("srgb"))
    sent = receive_blocking(path, MAX, 400).sent
    assert sent is not None
    assert loss(image_of(sent.picture.data), exact(path, 400)) > 38


def test_a_profile_is_judged_by_its_figures_and_not_by_its_name() -> None:
    by_others = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    p3 = bytes(image_of(tagged("p3")).get("icc-profile-data"))
    assert is_srgb(by_others)
    assert is_srgb(bytes(image_of(tagged("srgb")).get("icc-profile-data")))
    assert not is_srgb(p3 + b"sRGB")
    assert not is_srgb(by_others[:200])
    assert not is_srgb(b"")


async def test_what_was_made_while_the_photo_was_checked_is_what_is_sent(tmp_path: Path) -> None:
    path, imaging = tmp_path / "photo", Imaging(workers=1)
    path.write_bytes(with_exif(6))
    info = await imaging.receive(path, MAX, 400)
    photo = Photo(path, info, imaging)
    assert info.sent is not None
    assert await photo.encoded(400) is info.sent.picture
    smaller = await photo.encoded(200)
    assert max(image_of(smaller.data).width, image_of(smaller.data).height) == 200
    assert (await photo.encoded(400, 80)).data == encode_blocking(path, 400, 80)
    imaging.close()


async def test_a_photo_that_needs_no_change_is_sent_from_its_file(tmp_path: Path) -> None:
    path, imaging = tmp_path / "photo", Imaging(workers=1)
    path.write_bytes(with_exif(1))
    sent = await Photo(path, await imaging.receive(path, MAX), imaging).encoded(None)
    imaging.close()
    assert sent.content == path
    assert b"SERIAL-12345" not in sent.data
    assert (await sent.loaded()).data == sent.data == path.read_bytes()


@pytest.mark.parametrize("name", ["orient6.jpg", "cmyk_adobe.jpg", "la.png"])
async def test_a_photo_that_must_be_changed_is_not_sent_from_its_file(tmp_path: Path, name: str) -> None:
    path, imaging = tmp_path / "photo", Imaging(workers=1)
    path.write_bytes(case(name))
    sent = await Photo(path, await imaging.receive(path, MAX), imaging).encoded(None)
    imaging.close()
    assert sent.content == sent.data
    assert image_of(sent.data).interpretation == "srgb"


@pytest.mark.parametrize("name", ["cmyk_adobe.jpg", "la.png", "grey.jpg", "orient6.jpg", "png_exif6.png"])
def test_previews_are_byte_for_byte_what_they_were(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(case(name))
    for make, options in ((square, {"crop": "attention"}), (whole, {"size": "down"})):
        before = pyvips.Image.thumbnail(str(path), 320, height=320, export_profile="srgb", **options)
        assert make(path) == before.webpsave_buffer(Q=80, keep="none")
