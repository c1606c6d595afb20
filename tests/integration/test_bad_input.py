"""Bad input, one by one: a clear error in the one form, and nothing left behind."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import httpx
import pytest

from tests.support import photos
from tests.support.camera import (
    BOUNDARY,
    Camera,
    Reply,
    Shot,
    body_of,
    file_part,
    read_body,
    read_head,
    text_part,
)
from tests.support.stack import Stack
from tests.support.waiting import until

SLOT = "/api/ingest/slot-006"
NoTrace = Callable[[], Awaitable[bool]]


@dataclass(frozen=True)
class Bad:
    """One bad request: the parts that are sent and what must come back."""

    parts: Callable[[str], list[bytes]]
    status: int
    code: str
    says: str = ""


def password(value: str) -> bytes:
    return text_part("password", value)


def photo_only(content: bytes, name: str = "IMG_0003.JPG") -> Callable[[str], list[bytes]]:
    return lambda word: [password(word), file_part(content, name)]


GOOD = photos.portrait_jpeg(160, 200)
TABLE = {
    "no file": Bad(lambda word: [password(word)], 400, "missing_field", "photo"),
    "no password": Bad(lambda _: [file_part(GOOD)], 400, "missing_field", "password"),
    "an empty password": Bad(lambda _: [password(""), file_part(GOOD)], 401, "invalid_ingest_password"),
    "a wrong password": Bad(
        lambda _: [password("nope"), file_part(GOOD)], 401, "invalid_ingest_password", "booth"
    ),
    "a wrong password after the photo": Bad(
        lambda _: [file_part(GOOD), password("nope")], 401, "invalid_ingest_password"
    ),
    "an empty file": Bad(photo_only(b""), 400, "missing_field", "empty"),
    "three bytes": Bad(photo_only(b"\xff\xd8\xff"), 415, "damaged"),
    "text renamed to .jpg": Bad(
        photo_only(b"this is no picture, whatever its name\n" * 50), 415, "not_an_image"
    ),
    "a truncated JPEG": Bad(photo_only(GOOD[: len(GOOD) // 2]), 415, "damaged", "cut off"),
    "a truncated PNG": Bad(photo_only(photos.portrait_png()[:9000]), 415, "damaged"),
    "a truncated WebP": Bad(photo_only(photos.portrait_webp()[:9000]), 415, "damaged"),
    "a JPEG head with noise behind it": Bad(photo_only(GOOD[:20] + bytes(range(256)) * 40), 415, "damaged"),
    "a 200 MP PNG bomb": Bad(photo_only(photos.png_bomb()), 415, "image_too_many_pixels", "200 million"),
    "a PNG that is one pixel wide": Bad(
        photo_only(photos.png_bomb(1, 20_000_000)), 415, "image_too_many_pixels", "the limit is 16,384"
    ),
    "an interlaced PNG of 16 bits": Bad(
        photo_only(photos.png_bomb(7000, 5000, 16, interlaced=True)), 415, "image_too_many_pixels", "420 MB"
    ),
    "a GIF": Bad(photo_only(photos.in_format("GIF")), 415, "unsupported_media_type", "GIF"),
    "a HEIC": Bad(photo_only(photos.heic_head()), 415, "unsupported_media_type", "HEIC"),
    "a camera's RAW": Bad(
        photo_only(photos.case("cr3.bin")), 415, "unsupported_media_type", "camera RAW file (CR3)"
    ),
    "a video": Bad(
        photo_only(photos.case("mp4.bin")), 415, "unsupported_media_type", "a video. Set the camera"
    ),
    "a JPEG XL": Bad(photo_only(photos.case("jxl.bin")), 415, "unsupported_media_type", "JPEG XL"),
    "a JPEG of 12 bits": Bad(
        photo_only(photos.case("jpeg12.jpg")), 415, "unsupported_media_type", "12-bit JPEG"
    ),
    "half a JPEG with an end marker": Bad(photo_only(photos.case("small_half_eoi.jpg")), 415, "damaged"),
    "a JPEG with a hole": Bad(photo_only(photos.case("small_hole.jpg")), 415, "damaged"),
    "half a WebP filled up with zeros": Bad(photo_only(photos.case("small_half_zeros.webp")), 415, "damaged"),
    "a TIFF": Bad(photo_only(photos.in_format("TIFF")), 415, "unsupported_media_type", "TIFF"),
    "21 MB": Bad(photo_only(GOOD + bytes(21_000_000)), 413, "payload_too_large", "20 MB"),
    "30 MB, which Nginx stops": Bad(photo_only(GOOD + bytes(30_000_000)), 413, "payload_too_large"),
    "two files": Bad(
        lambda word: [password(word), file_part(GOOD), file_part(GOOD, name="second")],
        400,
        "invalid_multipart",
    ),
    "10,000 fields": Bad(
        lambda word: [password(word), *(text_part(f"f{n}", "x") for n in range(10_000)), file_part(GOOD)],
        400,
        "invalid_multipart",
        "too many fields",
    ),
    "a text field of 5 MB": Bad(
        lambda word: [password(word), text_part("note", "x" * 5_000_000), file_part(GOOD)],
        413,
        "payload_too_large",
    ),
    "the password twice": Bad(
        lambda word: [password(word), password(word), file_part(GOOD)], 400, "invalid_multipart", "'password'"
    ),
    "the idempotency key twice": Bad(
        lambda word: [password(word), *[text_part("idempotency_key", "k")] * 2, file_part(GOOD)],
        400,
        "invalid_multipart",
        "'idempotency_key'",
    ),
    "CR and LF in the file's name": Bad(
        lambda word: [password(word), file_part(GOOD, "a\r\nX-Evil: 1\r\n\r\n.jpg")], 415, "not_an_image"
    ),
    "an idempotency key of 201 characters": Bad(
        lambda word: [password(word), text_part("idempotency_key", "k" * 201), file_part(GOOD)],
        400,
        "invalid_multipart",
        "200",
    ),
}


def in_the_one_form(reply: Reply, status: int, code: str) -> None:
    assert reply.status == status, reply.body
    error = reply.json()["error"]
    assert reply.headers["content-type"] == "application/json"
    assert error["code"] == code
    assert error["message"]
    assert set(error) <= {"code", "message", "fields", "job_id", "retry_after"}


async def good_photo_goes_through_at_once(camera: Camera, word: str) -> None:
    """With one permit in all, this fails if a bad request kept it."""
    reply = await camera.post(SLOT, Shot(GOOD, word))
    assert reply.status == 200, reply.body


@pytest.mark.parametrize("bad", TABLE.values(), ids=TABLE)
async def test_bad_input_gets_its_error_and_leaves_nothing(
    bad: Bad, camera: Camera, password: str, slot: Callable[..., Awaitable[None]], no_trace: NoTrace
) -> None:
    await slot("slot-006", permits=1)
    reply = await camera.send(SLOT, body_of(bad.parts(password)))
    in_the_one_form(reply, bad.status, bad.code)
    assert bad.says in reply.body.decode()
    await until(no_trace)
    await good_photo_goes_through_at_once(camera, password)


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("..", ".."),
        ("../../etc/passwd", "passwd"),
        (r"C:\Users\Acer\IMG_1.JPG", "IMG_1.JPG"),
        ("я" * 300 + ".jpg", "я" * 255),
        ("Свадьба.jpg", "Свадьба.jpg"),
        ("tab\there.jpg", "tab here.jpg"),
    ],
)
async def test_a_strange_file_name_is_only_a_name(
    stack: Stack, camera: Camera, password: str, name: str, kept: str
) -> None:
    parts = [text_part("password", password), file_part(GOOD, name)]
    reply = await camera.send(SLOT, body_of(parts))
    assert reply.status == 200
    row = await stack.row(reply.headers["x-job-id"])
    assert row["upload_name"] == kept
    assert row["result_key"] == f"results/{reply.headers['x-job-id']}.jpg"


async def test_nul_characters_in_fields_do_not_reach_the_database(
    stack: Stack, camera: Camera, password: str
) -> None:
    parts = [text_part("password", password), text_part("a", "x\0y"), file_part(GOOD)]
    reply = await camera.send(SLOT + "?q=1%002", body_of(parts))
    row = await stack.row(reply.headers["x-job-id"])
    assert (row["request_fields"], row["query_fields"]) == ({"a": "xy"}, {"q": "12"})


async def test_a_wrong_boundary_is_named(camera: Camera, password: str, no_trace: NoTrace) -> None:
    body = Shot(GOOD, password).body()
    reply = await camera.send(SLOT, body, boundary="somethingelse")
    in_the_one_form(reply, 400, "invalid_multipart")
    await until(no_trace)


async def test_a_body_that_ends_without_its_last_boundary_is_named(
    camera: Camera, password: str, no_trace: NoTrace
) -> None:
    body = Shot(GOOD, password).body()[: -len(BOUNDARY) - 6]
    in_the_one_form(await camera.send(SLOT, body), 400, "invalid_multipart")
    await until(no_trace)


EMPTY = file_part(b"", "", "application/octet-stream", name="second")


@pytest.mark.parametrize("first", [True, False])
async def test_a_file_input_that_was_left_empty_is_no_second_file(
    camera: Camera, password: str, first: bool
) -> None:
    files = [EMPTY, file_part(GOOD)] if first else [file_part(GOOD), EMPTY]
    reply = await camera.send(SLOT, body_of([text_part("password", password), *files]))
    assert reply.status == 200, reply.body


async def test_a_form_whose_only_file_input_was_left_empty_lacks_its_photo(
    camera: Camera, password: str
) -> None:
    reply = await camera.send(SLOT, body_of([text_part("password", password), EMPTY]))
    in_the_one_form(reply, 400, "missing_field")
    assert "missing" in reply.json()["error"]["message"]


async def test_a_compressed_body_is_named_as_such(camera: Camera, password: str, no_trace: NoTrace) -> None:
    body = gzip.compress(Shot(GOOD, password).body())
    reply = await camera.send(SLOT, body, extra="Content-Encoding: gzip\r\n")
    in_the_one_form(reply, 415, "unsupported_media_type")
    assert "compressed ('Content-Encoding: gzip')" in reply.json()["error"]["message"]
    await until(no_trace)


async def test_another_content_type_is_refused(client: httpx.AsyncClient) -> None:
    reply = await client.post(SLOT, json={"photo": "…"})
    assert (reply.status_code, reply.json()["error"]["code"]) == (415, "unsupported_media_type")


async def test_a_wrong_method_says_which_one_is_taken(client: httpx.AsyncClient) -> None:
    reply = await client.get(SLOT)
    assert (reply.status_code, reply.json()["error"]["code"]) == (405, "method_not_allowed")
    assert reply.headers["allow"] == "POST"


@pytest.mark.parametrize("slot_id", ["slot-016", "slot-1", "SLOT-001", "%2e%2e", "slot-001%20", "x" * 3000])
async def test_an_unknown_slot_is_named_as_such(camera: Camera, password: str, slot_id: str) -> None:
    reply = await camera.post(f"/api/ingest/{slot_id}", Shot(GOOD, password))
    assert reply.status == 404
    assert reply.code in {"slot_not_found", "not_found"}


async def test_a_disabled_slot_says_so(
    camera: Camera, password: str, slot: Callable[..., Awaitable[None]]
) -> None:
    await slot("slot-006", active=False)
    in_the_one_form(await camera.post(SLOT, Shot(GOOD, password)), 404, "slot_disabled")


async def test_without_an_ingest_password_ingest_is_closed(
    stack: Stack, camera: Camera, password: str
) -> None:
    async with stack.database() as db:
        row = await db.fetchrow("delete from app_settings where key = 'ingest_password' returning *")
        try:
            for word in ("", password):
                in_the_one_form(await camera.post(SLOT, Shot(GOOD, word)), 401, "invalid_ingest_password")
        finally:
            await db.execute("insert into app_settings values ($1, $2, $3, $4, $5)", *row.values())


async def test_a_client_that_hangs_up_during_its_upload_leaves_nothing(
    stack: Stack, camera: Camera, password: str, no_trace: NoTrace
) -> None:
    body = Shot(photos.camera_jpeg_24mp(), password).body()
    _, writer = await asyncio.open_connection("127.0.0.1", camera.port)
    writer.write(camera.head(SLOT, len(body)) + body[: len(body) // 2])
    await writer.drain()
    await until(stack.temp_files)
    writer.transport.abort()
    await until(no_trace)
    await good_photo_goes_through_at_once(camera, password)


async def test_a_client_that_hangs_up_during_processing_still_gets_its_picture_kept(
    stack: Stack, camera: Camera, password: str
) -> None:
    shot = Shot(photos.camera_jpeg_24mp(), password, fields={"id": "hangs-up"})
    body = shot.body()
    _, writer = await asyncio.open_connection("127.0.0.1", camera.port)
    writer.write(camera.head(SLOT, len(body)) + body)
    await writer.drain()
    found = "select status from job_history where request_fields ->> 'id' = 'hangs-up'"
    await until(lambda: stack.value(found))
    writer.transport.abort()

    async def done() -> bool:
        return bool(await stack.value(found) == "done")

    await until(done, seconds=20)
    await until(lambda: not stack.temp_files())


async def test_a_slow_body_ends_at_the_deadline(
    stack: Stack, camera: Camera, password: str, slot: Callable[..., Awaitable[None]], no_trace: NoTrace
) -> None:
    await slot("slot-006", deadline_seconds=1.5)
    body = Shot(GOOD, password).body()
    reader, writer = await asyncio.open_connection("127.0.0.1", camera.port)
    loop = asyncio.get_running_loop()
    started = loop.time()
    writer.write(camera.head(SLOT, len(body)))

    async def drip() -> None:
        for byte in body:
            writer.write(bytes([byte]))
            await asyncio.sleep(0.2)

    dripping = asyncio.create_task(drip())
    status, headers = await read_head(reader)
    if status == 100:
        status, headers = await read_head(reader)
    took = loop.time() - started
    dripping.cancel()
    reply = Reply(status, headers, await read_body(reader, headers))
    in_the_one_form(reply, 504, "deadline_exceeded")
    assert 1.4 <= took <= 2.5
    writer.close()
    await until(no_trace)
