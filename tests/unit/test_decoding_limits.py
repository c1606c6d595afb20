"""Shapes that no camera makes are refused by their header; what is decoded at once has a bound."""

from __future__ import annotations

import asyncio
import io
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
import pyvips
from PIL import Image

from appliance.core.clock import Deadline
from appliance.core.decoding import LONGEST_SIDE, PictureHeader, header
from appliance.core.decoding_memory import (
    MOST,
    ORDINARY,
    DecodingMemory,
    decoding_memory,
    memory_for_decoding,
)
from appliance.core.errors import DamagedImage, ImageTooManyPixels
from appliance.core.images import JPEG, PNG, EncodedImage, sniff
from appliance.media.finish import Finisher, OutputOptions
from appliance.media.imaging import Imaging
from appliance.media.previews import Previews, square
from appliance.media.store import MediaStore
from appliance.providers.pictures import checked_picture
from tests.support.photos import camera_jpeg_24mp, case, png_bomb, portrait, portrait_jpeg, receive_blocking
from tests.support.waiting import until

MAX = 60_000_000
Work = Callable[[bytes, Imaging, MediaStore], Awaitable[None]]


def head(width: int, height: int, bytes_of_pixel: int = 3) -> PictureHeader:
    return PictureHeader(width, height, 1, decoded_bytes=width * height * bytes_of_pixel)


def jpeg(*, progressive: bool) -> bytes:
    buffer = io.BytesIO()
    portrait().save(buffer, "JPEG", progressive=progressive)
    return buffer.getvalue()


def test_a_header_says_how_much_memory_its_picture_takes() -> None:
    pixels = 512 * 512
    assert header(jpeg(progressive=False), JPEG).decoded_bytes == pixels * 3
    assert header(jpeg(progressive=True), JPEG).decoded_bytes == pixels * 3 * 2
    grey = pyvips.Image.black(100, 50)
    assert header(grey.pngsave_buffer(), PNG).decoded_bytes == 5000
    assert (
        header(
            (grey.cast("ushort").copy(interpretation="grey16")).pngsave_buffer(interlace=True), PNG
        ).decoded_bytes
        == 5000 * 2 * 2
    )


def test_an_animation_counts_as_one_frame() -> None:
    animated = case("animated.webp")
    with Image.open(io.BytesIO(animated)) as opened:
        assert opened.n_frames > 1
        frame = opened.width * opened.height
    assert header(animated, sniff(animated)).decoded_bytes in (frame * 3, frame * 4)


@pytest.mark.parametrize(
    ("asked", "named"),
    [
        (head(1, 60_000_000), "60,000,000 pixels long on one side, the limit is 16,384"),
        (head(LONGEST_SIDE + 1, 100), "16,385 pixels long"),
        (head(10_000, 6_001), "60 million pixels, the limit is 60"),
        (head(7_000, 5_000, 12), "420 MB of memory, the limit is 360"),
    ],
)
def test_what_is_too_much_is_named_with_its_limit(asked: PictureHeader, named: str) -> None:
    assert named in (asked.beyond(MAX) or "")


@pytest.mark.parametrize(
    "asked", [head(LONGEST_SIDE, 3_000), head(10_000, 6_000, 6), head(8_256, 5_504, 6), head(4_000, 4_000, 4)]
)
def test_what_cameras_make_is_taken(asked: PictureHeader) -> None:
    assert asked.beyond(MAX) is None


def test_a_small_limit_of_pixels_does_not_refuse_what_has_few_of_them() -> None:
    assert head(1_000, 1_000, 16).beyond(1_000_000) is None


@pytest.mark.parametrize("bomb", [(1, 20_000_000, 8, False), (6_000, 6_000, 16, True)])
def test_a_bomb_is_refused_without_being_decoded(bomb: tuple[int, int, int, bool], tmp_path: Path) -> None:
    width, height, bits, interlaced = bomb
    photo = tmp_path / "photo"
    photo.write_bytes(png_bomb(width, height, bits, interlaced=interlaced)[:20_000])  # the rest is not there
    with pytest.raises(ImageTooManyPixels, match="limit is"):
        receive_blocking(photo, MAX)


async def test_pictures_wait_until_there_is_memory_for_them() -> None:
    memory = DecodingMemory(100)
    first = await memory.take(70)
    second = asyncio.create_task(memory.take(40))
    third = asyncio.create_task(memory.take(20))  # would fit, and does not overtake
    await asyncio.wait({second, third}, timeout=0.01)
    assert not second.done()
    assert not third.done()
    memory.give_back(first)
    assert (await second, await third) == (40, 20)


async def test_one_that_is_larger_than_all_there_is_is_decoded_alone() -> None:
    memory = DecodingMemory(100)
    assert await memory.take(500) == 100


async def test_ordinary_photos_come_before_monsters() -> None:
    memory = DecodingMemory(4 * ORDINARY)
    held = await memory.take(4 * ORDINARY)
    monsters = [asyncio.create_task(memory.take(2 * ORDINARY)) for _ in range(4)]
    await asyncio.wait(monsters, timeout=0.01)
    photo = asyncio.create_task(memory.take(ORDINARY // 2))
    await asyncio.wait({photo}, timeout=0.01)
    memory.give_back(held)
    done, _ = await asyncio.wait([photo, *monsters], timeout=0.1)
    assert photo in done
    assert len(done) == 2
    for monster in monsters:
        monster.cancel()


async def test_who_does_not_wait_any_longer_leaves_the_queue() -> None:
    memory = DecodingMemory(100)
    held = await memory.take(100)
    dead = [asyncio.create_task(memory.take(100)) for _ in range(20)]
    await asyncio.wait(dead, timeout=0.01)
    living = asyncio.create_task(memory.take(100))
    for task in dead:
        task.cancel()
    await asyncio.wait(dead)
    memory.give_back(held)
    assert await asyncio.wait_for(living, 1) == 100


async def test_work_whose_caller_is_gone_is_not_begun_and_begun_work_holds_its_memory() -> None:
    imaging, go, begun = Imaging(workers=1, memory=100), threading.Event(), []

    def work(name: str) -> None:
        begun.append(name)
        go.wait(5)

    first = asyncio.create_task(imaging.run(60, work, "first"))
    await until(lambda: begun)
    second = asyncio.create_task(imaging.run(40, work, "second"))
    third = asyncio.create_task(imaging.run(100, work, "third"))
    await asyncio.wait({second, third}, timeout=0.01)
    first.cancel()
    second.cancel()
    await asyncio.wait({first, second})
    assert not third.done()
    assert begun == ["first"]
    go.set()
    await third
    assert begun == ["first", "third"]
    imaging.close()


async def test_photos_of_a_camera_are_received_as_before(tmp_path: Path) -> None:
    imaging = Imaging(workers=2, memory=100_000_000)
    photos = [tmp_path / f"photo{number}" for number in range(3)]
    for photo in photos:
        photo.write_bytes(camera_jpeg_24mp())
    infos = await asyncio.gather(*(imaging.receive(photo, MAX) for photo in photos))
    assert {(info.width, info.height, info.decoded_bytes) for info in infos} == {(6000, 4000, 72_000_000)}
    imaging.close()


async def test_large_photos_take_no_thread_from_others(tmp_path: Path) -> None:
    """However many there are: they are decoded one after the other, in processes that step back."""
    imaging, go = Imaging(workers=1), threading.Event()
    large = [asyncio.create_task(imaging.run(ORDINARY + 1, go.wait, 10)) for _ in range(2)]
    assert await asyncio.wait_for(imaging.run(ORDINARY, lambda: "ordinary"), 5) == "ordinary"
    go.set()
    await asyncio.gather(*large)
    photo = tmp_path / "photo"
    photo.write_bytes(png_bomb(8_000, 5_000))
    info = await imaging.receive(photo, MAX, 640)
    assert (info.width, info.height) == (8_000, 5_000)
    assert info.sent
    assert max(sizes_of(info.sent.picture.data)) == 640
    photo.write_bytes(png_bomb(8_000, 5_000)[:-2_000])
    with pytest.raises(DamagedImage):
        await imaging.receive(photo, MAX)
    imaging.close()


def sizes_of(data: bytes) -> tuple[int, int]:
    with Image.open(io.BytesIO(data)) as opened:
        return opened.size


def test_there_is_memory_for_a_photo_on_every_machine() -> None:
    assert 72_000_000 < memory_for_decoding() <= MOST


async def checked(picture: bytes, _: Imaging, __: MediaStore) -> None:
    await checked_picture(picture)


async def finished(picture: bytes, imaging: Imaging, _: MediaStore) -> None:
    small = OutputOptions(size="300x300")
    await Finisher(imaging).finish(EncodedImage(picture, "image/jpeg"), small, None, Deadline.after(30))


async def previewed(picture: bytes, imaging: Imaging, media: MediaStore) -> None:
    await asyncio.to_thread(media.make_folders)
    await media.put("results/a.jpg", picture)
    await Previews(media, imaging).ready("previews/a.webp", "results/a.jpg", square)


@pytest.mark.parametrize("work", [checked, finished, previewed])
async def test_whatever_decodes_a_picture_waits_for_memory(work: Work, tmp_path: Path) -> None:
    memory, imaging = decoding_memory(), Imaging()
    held = await memory.take(memory_for_decoding())
    working = asyncio.create_task(work(portrait_jpeg(), imaging, MediaStore(tmp_path)))
    await until(lambda: memory.waiting)
    assert not working.done()
    memory.give_back(held)
    await working
    imaging.close()
