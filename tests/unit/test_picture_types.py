"""What a file is, whether it is whole, and what is sent of it."""

from __future__ import annotations

import base64
import io
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import skimage
from PIL import Image

from appliance.core import jpeg
from appliance.core.decoding import DamagedPicture, must_be_whole
from appliance.core.errors import DamagedImage, NotAnImage, UnsupportedMediaType
from appliance.core.images import JPEG, EncodedImage, sniff
from appliance.media.finish import OutputOptions, finish, not_shown_as_it_is
from appliance.media.imaging import PhotoInfo, for_sending
from appliance.media.metadata import strip
from appliance.providers.base import ProviderBadPicture
from appliance.providers.pictures import checked_picture
from tests.support.photos import (
    camera_jpeg_24mp,
    case,
    portrait,
    portrait_jpeg,
    portrait_png,
    portrait_webp,
    receive_blocking,
    with_exif,
)

LOSSLESS = (  # 16 pixels wide and high, by libjpeg-turbo 3
    "/9j/7gAOQWRvYmUAZAAAAAAA/8MAEQgAEAAQA1IRAEcRAEIRAP/EABYAAQEBAAAAAAAAAAAAAAAAAAAHCP/aAAwDUgBHAEIAAQAA"
    "pFIpAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAxvjfG4AAAAAAAAAAAAAAAAAAAAAAAAAA"
    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA//Z"
)
ARITHMETIC = (  # 16 pixels wide and high, by libjpeg-turbo 2
    "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDABsSFBcUERsXFhceHBsgKEIrKCUlKFE6PTBCYFVlZF9VXVtqeJmBanGQc1tdhbWGkJ6jq62r"
    "Z4C8ybqmx5moq6T/yQALCAAQABABAREA/8wABgAQEAX/2gAIAQEAAD8A9eE1JPsxUKxb4I/L6mmWcHhauw3qEzrW/wDtVUlEFxeKnJ/+"
    "ltbfAqnyHK5U9lILIWm5YAXV8HOYipkYVLYw/9k="
)
DAMAGED = ["small_half_eoi.jpg", "small_hole.jpg", "small_half_zeros.webp"]
WHOLE = [
    "animated.webp",
    "cmyk_adobe.jpg",
    "grey.jpg",
    "la.png",
    "mpo.jpg",
    "no_eoi.jpg",
    "orient6.jpg",
    "orient6_gps.jpg",
    "png_exif6.png",
    "rgba16.png",
    "trailing_video.jpg",
    "ultrahdr.jpg",
]
PHOTOGRAPHS = sorted((Path(skimage.__file__).parent / "data").glob("*.jp*g"))
MAX = 60_000_000


def opened(data: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


def sent(name: str) -> EncodedImage:
    data = case(name)
    return for_sending(EncodedImage(data, sniff(data).media_type))


def received(photo: Path, data: bytes) -> PhotoInfo:
    photo.write_bytes(data)
    return receive_blocking(photo, MAX)


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    return tmp_path / "photo"


@pytest.mark.parametrize("name", DAMAGED)
def test_a_damaged_photo_is_refused(name: str, photo: Path) -> None:
    photo.write_bytes(case(name))
    with pytest.raises(DamagedImage):
        receive_blocking(photo, MAX)


@pytest.mark.parametrize("name", DAMAGED)
async def test_a_damaged_answer_is_no_picture(name: str) -> None:
    with pytest.raises(ProviderBadPicture, match="undecodable_picture"):
        await checked_picture(case(name))


@pytest.mark.parametrize("name", WHOLE)
async def test_a_whole_picture_is_taken_as_a_photo_and_as_an_answer(name: str, photo: Path) -> None:
    info = received(photo, case(name))
    answer = await checked_picture(case(name))
    assert (info.width, info.height) == (answer.width, answer.height)


def test_damage_is_found_in_two_pictures_at_the_same_time() -> None:
    def is_found(_: int) -> bool:
        try:
            must_be_whole(case("small_hole.jpg"), JPEG)
        except DamagedPicture:
            return True
        return False

    with ThreadPoolExecutor(4) as threads:
        assert all(threads.map(is_found, range(60)))


def with_between(extra: bytes, before: bytes = b"\xff\xdb") -> bytes:
    """The portrait as a JPEG with ``extra`` between two segments of its head."""
    whole = portrait_jpeg()
    at = whole.index(before)
    return whole[:at] + extra + whole[at:]


BETWEEN = {
    "zeros": b"\0" * 3000,
    "fill": b"\xff" * 300,
    "tem": b"\xff\x01",
    "restart": b"\xff\xd3",
    "metadata longer than they say": b"\xff\0Secret",
}


@pytest.mark.parametrize("extra", BETWEEN.values(), ids=BETWEEN)
def test_a_photo_with_padding_in_its_head_is_taken_and_kept_without_it(extra: bytes, photo: Path) -> None:
    received(photo, with_between(extra))
    assert photo.read_bytes() == strip(portrait_jpeg(), "image/jpeg")


@pytest.mark.parametrize("extra", BETWEEN.values(), ids=BETWEEN)
async def test_an_answer_with_padding_in_its_head_is_a_picture(extra: bytes) -> None:
    answer = await checked_picture(with_between(extra))
    assert (answer.width, answer.height) == opened(portrait_jpeg()).size


@pytest.mark.parametrize("extra", [b"\0\0secret", b"\0" * 100_000], ids=["others", "endless"])
def test_a_jpeg_with_anything_else_behind_its_tables_is_damaged(extra: bytes, photo: Path) -> None:
    with pytest.raises(DamagedImage):
        received(photo, with_between(extra, before=b"\xff\xc0"))


async def test_padding_in_its_head_hides_no_hole_in_an_answer() -> None:
    padded = with_between(b"\0\0")
    middle = len(padded) // 2
    with pytest.raises(ProviderBadPicture, match="undecodable_picture"):
        await checked_picture(padded[:middle] + b"\0" * 3000 + padded[middle + 3000 :])


@pytest.mark.parametrize(
    "data",
    [
        *(path.read_bytes() for path in PHOTOGRAPHS),
        portrait_jpeg(),
        portrait_png(),
        portrait_webp(),
        with_exif(6),
    ],
    ids=[*(path.name for path in PHOTOGRAPHS), "jpeg", "png", "webp", "exif"],
)
def test_real_pictures_are_whole(data: bytes) -> None:
    must_be_whole(data, sniff(data))


@pytest.mark.parametrize("at", [0.15, 0.3, 0.5, 0.7, 0.9])
@pytest.mark.parametrize("hole", [b"\0" * 3000, bytes(range(250)) * 12], ids=["zeros", "noise"])
@pytest.mark.parametrize("options", [{}, {"subsampling": 0}, {"restart_marker_rows": 1}], ids=str)
@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_a_hole_anywhere_in_a_jpeg_is_found(
    at: float, hole: bytes, options: dict[str, int], mode: str
) -> None:
    buffer = io.BytesIO()
    portrait().convert(mode).save(buffer, "JPEG", quality=92, **options)
    whole = buffer.getvalue()
    start = 700 + int((len(whole) - 700) * at)
    damaged = whole[:start] + hole + whole[start + len(hole) :]
    must_be_whole(whole, sniff(whole))
    with pytest.raises(DamagedPicture):
        must_be_whole(damaged, sniff(damaged))


def test_zeros_before_the_end_marker_of_a_whole_jpeg_are_no_damage() -> None:
    padded = portrait_jpeg()[:-2] + bytes(2000) + b"\xff\xd9"
    must_be_whole(padded, sniff(padded))


def test_a_flat_webp_is_not_mistaken_for_one_with_a_hole() -> None:
    buffer = io.BytesIO()
    Image.new("RGB", (4000, 3000), (255, 255, 255)).save(buffer, "WEBP", quality=80)
    must_be_whole(buffer.getvalue(), sniff(buffer.getvalue()))


@pytest.mark.parametrize(
    ("head", "named"),
    [
        (case("cr3.bin"), "camera RAW file (CR3)"),
        (b"II*\0\x10\0\0\0CR\2\0" + bytes(300), "camera RAW file (CR2)"),
        (b"FUJIFILMCCD-RAW 0201" + bytes(300), "RAF"),
        (b"II*\0\x08\0\0\0" + bytes(300), "RAW file (NEF, ARW, DNG)"),
        (case("mp4.bin"), "video"),
        (b"\0\0\0\x14ftypqt  " + bytes(300), "video"),
        (b"RIFF\0\0\0\0AVI LIST" + bytes(300), "video"),
        (b"\0\0\0\0G" + bytes(191) + b"G" + bytes(100), "video"),
        (case("heic_msf.bin"), "an AVIF"),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(300), "HEIC"),
        (b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic" + bytes(300), "HEIC"),
        (case("jxl.bin"), "JPEG XL"),
        (b"8BPS\0\1" + bytes(300), "Photoshop"),
        (b"BM" + bytes(300), "BMP"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_not_taken_is_named(head: bytes, named: str) -> None:
    with pytest.raises(UnsupportedMediaType) as refused:
        sniff(head[:256])
    assert named in refused.value.message


def test_what_is_no_picture_is_not_given_a_name() -> None:
    with pytest.raises(NotAnImage):
        sniff(b"once upon a time" * 20)


def test_a_lossless_jpeg_which_browsers_do_not_show_says_what_to_set(photo: Path) -> None:
    photo.write_bytes(base64.b64decode(LOSSLESS))
    with pytest.raises(UnsupportedMediaType, match="lossless JPEG"):
        receive_blocking(photo, MAX)


def test_an_arithmetic_jpeg_which_browsers_do_not_show_is_encoded_anew(photo: Path) -> None:
    data = base64.b64decode(ARITHMETIC)
    info = received(photo, data)
    picture = EncodedImage(data, "image/jpeg")
    for made in (for_sending(picture), finish(data, "image/jpeg", OutputOptions(), None)):
        assert jpeg.is_arithmetic(data)
        assert not jpeg.is_arithmetic(made.data)
    assert not info.plain
    assert not_shown_as_it_is(data)


def test_a_jpeg_with_12_bits_says_what_to_set(photo: Path) -> None:
    photo.write_bytes(case("jpeg12.jpg"))
    with pytest.raises(UnsupportedMediaType, match="12-bit JPEG"):
        receive_blocking(photo, MAX)


@pytest.mark.parametrize("name", ["orient6_gps.jpg", "trailing_video.jpg", "png_exif6.png", "ultrahdr.jpg"])
def test_what_is_kept_of_a_photo_is_the_picture_and_how_it_is_turned(name: str, photo: Path) -> None:
    photo.write_bytes(case(name))
    before = opened(case(name))
    receive_blocking(photo, MAX)
    kept = photo.read_bytes()
    exif = opened(kept).getexif()
    assert exif.get(0x0112, 1) == before.getexif().get(0x0112, 1)
    assert set(exif) <= {0x0112}
    assert b"ftyp" not in kept
    assert b"http://ns.adobe.com" not in kept
    assert np.array_equal(np.asarray(opened(kept)), np.asarray(before))


def test_a_kept_photo_that_is_used_again_is_not_changed_under_its_other_name(tmp_path: Path) -> None:
    kept, photo = tmp_path / "kept", tmp_path / "photo"
    kept.write_bytes(with_exif(6))
    photo.hardlink_to(kept)
    receive_blocking(photo, MAX)
    assert kept.read_bytes() == with_exif(6)
    assert b"SERIAL-12345" not in photo.read_bytes()


@pytest.mark.parametrize("name", ["cmyk_adobe.jpg", "animated.webp", "rgba16.png", "la.png", "orient6.jpg"])
def test_providers_get_upright_rgb_of_8_bits_as_jpeg_or_png(name: str) -> None:
    made = sent(name)
    picture = opened(made.data)
    assert made.media_type in {"image/jpeg", "image/png"}
    assert picture.mode in {"RGB", "RGBA"}
    assert picture.getexif().get(0x0112, 1) == 1
    assert getattr(picture, "n_frames", 1) == 1
    assert picture.size == ((400, 600) if name == "orient6.jpg" else (600, 400))


def test_a_photo_that_is_ready_to_be_sent_is_not_encoded_again() -> None:
    made = sent("trailing_video.jpg")
    assert case("trailing_video.jpg").startswith(made.data[:20])
    assert len(made.data) < len(case("trailing_video.jpg"))
    assert np.array_equal(np.asarray(opened(made.data)), np.asarray(opened(case("trailing_video.jpg"))))
    assert made.data == strip(made.data, "image/jpeg")


def test_transparency_survives_on_the_way_to_a_provider() -> None:
    made = sent("rgba16.png")
    assert np.asarray(opened(made.data))[..., 3].min() < 250


@pytest.mark.parametrize("name", ["grey.jpg", "la.png", "rgba16.png"])
def test_the_border_has_its_colour_whatever_the_picture_is(name: str) -> None:
    options = OutputOptions(size="800x1200", fit="fit", border_colour="#00c800", media_type="image/png")
    data = case(name)
    made = opened(finish(data, sniff(data).media_type, options, None).data).convert("RGB")
    assert np.allclose(made.getpixel((400, 10)), (0, 200, 0), atol=3)


@pytest.mark.parametrize("name", ["la.png", "rgba16.png"])
def test_a_transparent_picture_saved_as_jpeg_lies_on_the_borders_colour(name: str) -> None:
    options = OutputOptions(border_colour="#00c800", media_type="image/jpeg")
    data = case(name)
    clear = np.asarray(Image.open(io.BytesIO(data)).convert("RGBA"))[..., 3] == 0
    made = np.asarray(opened(finish(data, "image/png", options, None).data).convert("RGB"))
    if clear.any():
        assert np.allclose(np.median(made[clear], axis=0), (0, 200, 0), atol=6)
    assert made.mean() > 20


def test_a_cameras_whole_file_is_looked_at_in_the_time_of_one_decoding(photo: Path) -> None:
    photo.write_bytes(camera_jpeg_24mp())
    assert receive_blocking(photo, MAX).width == 6000
