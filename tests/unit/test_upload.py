"""The upload parser: one pass, any cut of the stream, nothing held in memory whole."""

from __future__ import annotations

import hashlib
import time
import tracemalloc
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from appliance.core.errors import InvalidMultipart, MissingField, PayloadTooLarge, UnsupportedMediaType
from appliance.core.multipart_headers import boundary_of
from appliance.core.texts import clean_file_name, clean_name
from appliance.core.uploads import ReceivedUpload, UploadReceiver
from tests.support.camera import BOUNDARY, Shot, body_of, file_part, text_part
from tests.support.photos import portrait_jpeg

MB = 1_000_000


async def nothing(_name: str, _value: str) -> None:
    """A hook that has no objection."""


async def receive(
    folder: Path, body: bytes, step: int = 65536, seen: list[str] | None = None
) -> ReceivedUpload:
    async def chunks() -> AsyncIterator[bytes]:
        for start in range(0, len(body), step):
            yield body[start : start + step]

    async def on_field(name: str, _value: str) -> None:
        if seen is not None:
            seen.append(name)

    receiver = UploadReceiver(
        folder, BOUNDARY, max_file_bytes=20 * MB, once=frozenset({"password"}), on_field=on_field
    )
    return await receiver.receive(chunks())


@pytest.mark.parametrize("step", [1, 2, 3, 61, 1000, 10**7])
async def test_however_the_stream_is_cut_the_upload_is_the_same(tmp_path: Path, step: int) -> None:
    photo = portrait_jpeg(60, 80)
    upload = await receive(tmp_path, Shot(photo, "secret").body(), step)
    assert upload.file.path.read_bytes() == photo
    assert upload.file.sha256 == hashlib.sha256(photo).hexdigest()
    assert upload.file.size == len(photo)
    assert upload.fields["password"] == "secret"
    assert upload.fields["profile"].endswith("setup_Serg.xml")


async def test_fields_are_reported_as_soon_as_they_are_whole(tmp_path: Path) -> None:
    seen: list[str] = []
    parts = [text_part("password", "x"), file_part(portrait_jpeg(60, 80)), text_part("last", "y")]
    await receive(tmp_path, body_of(parts), seen=seen)
    assert seen == ["password", "last"]


async def test_a_photo_of_15_mb_is_never_in_memory_whole(tmp_path: Path) -> None:
    body = Shot(portrait_jpeg(60, 80) + bytes(15 * MB), "x").body()
    tracemalloc.start()
    try:
        await receive(tmp_path, body)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 3 * MB


async def test_a_boundary_inside_the_photo_does_not_end_it(tmp_path: Path) -> None:
    photo = portrait_jpeg(60, 80) + b"\r\n--" + BOUNDARY[:-1].encode() + b"\r\n" + b"tail"
    upload = await receive(tmp_path, body_of([file_part(photo)]), 7)
    assert upload.file.path.read_bytes() == photo


async def test_a_wrong_boundary_is_noticed_before_the_whole_body_was_read(tmp_path: Path) -> None:
    read = 0

    async def chunks() -> AsyncIterator[bytes]:
        nonlocal read
        for _ in range(1000):
            read += 65536
            yield bytes(65536)

    receiver = UploadReceiver(tmp_path, BOUNDARY, max_file_bytes=20 * MB, on_field=nothing)
    with pytest.raises(InvalidMultipart, match="boundary"):
        await receiver.receive(chunks())
    assert read < MB


@pytest.mark.parametrize("content_type", [None, "", "application/json", "multipart/mixed; boundary=x"])
def test_other_content_types_are_unsupported(content_type: str | None) -> None:
    with pytest.raises(UnsupportedMediaType):
        boundary_of(content_type)


@pytest.mark.parametrize("parameters", ["", "; boundary", "; boundary=", '; boundary=""', "; x=boundary"])
def test_a_content_type_without_boundary_is_named(parameters: str) -> None:
    with pytest.raises(InvalidMultipart, match="has no boundary"):
        boundary_of(f"multipart/form-data{parameters}")


@pytest.mark.parametrize(
    ("parameters", "boundary"),
    [
        ('boundary="a b"', "a b"),
        ('boundary="a\\\\b;c=d"', "a\\b;c=d"),
        ("boundary=----=_NextPart_000_01", "----=_NextPart_000_01"),
        ("charset=utf-8; Boundary = =_a/b:c? ; x=y", "=_a/b:c?"),
        ('x="; boundary=no"; boundary=yes', "yes"),
    ],
)
def test_a_boundary_is_taken_whole(parameters: str, boundary: str) -> None:
    assert boundary_of(f"Multipart/Form-Data; {parameters}") == boundary


@pytest.mark.parametrize(
    ("raw", "clean"),
    [("a/b.jpg", "b.jpg"), ("..\\..\\x", "x"), ("a\u2028b", "a?b"), ("\x00\x01", ""), ("x" * 300, "x" * 255)],
)
def test_a_clients_file_name_is_reduced_to_something_harmless(raw: str, clean: str) -> None:
    assert clean_file_name(raw) == clean


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        ("Hair/colour", "Hair/colour"),
        ("Eye\\colour", "Eye\\colour"),
        ("a\x01b", "a b"),
        ("x" * 300, "x" * 255),
    ],
)
def test_a_fields_name_keeps_what_looks_like_a_folder(raw: str, clean: str) -> None:
    assert clean_name(raw) == clean


async def test_a_survey_question_called_like_a_field_of_the_camera_is_kept_beside_it(tmp_path: Path) -> None:
    parts = [text_part("name", "DESKTOP"), file_part(portrait_jpeg(60, 80))]
    parts += [text_part("name", "Anna"), text_part("name", "Boris")]
    upload = await receive(tmp_path, body_of(parts))
    assert upload.fields == {"name": "DESKTOP", "name_2": "Anna", "name_3": "Boris"}


async def test_a_repeated_field_does_not_take_the_name_of_another(tmp_path: Path) -> None:
    sent = [("name", "a"), ("name_2", "b"), ("name", "c")]
    parts = [*(text_part(name, value) for name, value in sent), file_part(portrait_jpeg(60, 80))]
    upload = await receive(tmp_path, body_of(parts))
    assert upload.fields == {"name": "a", "name_2": "b", "name_3": "c"}


async def test_a_long_name_that_is_repeated_stays_within_its_limit(tmp_path: Path) -> None:
    parts = [text_part("x" * 300, "a"), text_part("x" * 300, "b"), file_part(portrait_jpeg(60, 80))]
    upload = await receive(tmp_path, body_of(parts))
    assert upload.fields == {"x" * 255: "a", "x" * 253 + "_2": "b"}


async def test_many_fields_of_one_name_are_no_more_work_than_as_many_of_different_names(
    tmp_path: Path,
) -> None:
    """Strangers may send them; comparing each with all before it took three times as long."""

    async def seconds(*names: str) -> float:
        began = time.thread_time()
        with pytest.raises(MissingField):
            await receive(tmp_path, body_of([text_part(name, "") for name in names]))
        return time.thread_time() - began

    same = [await seconds(*["survey"] * 199) for _ in range(9)]
    different = [await seconds(*(f"survey{number}" for number in range(199))) for _ in range(9)]
    assert min(same) < 2 * min(different)


async def test_the_names_of_fields_count_as_text(tmp_path: Path) -> None:
    """Strangers may send them, and a name of 4 kB is as much work as a value."""
    parts = [text_part(f"{number}" + "x" * 3900, "") for number in range(100)]
    with pytest.raises(PayloadTooLarge, match="256 kB together"):
        await receive(tmp_path, body_of(parts))


async def test_repeated_fields_count_as_fields(tmp_path: Path) -> None:
    parts = [*[text_part("name", "x")] * 201, file_part(portrait_jpeg(60, 80))]
    with pytest.raises(InvalidMultipart, match="too many fields"):
        await receive(tmp_path, body_of(parts))


async def test_a_field_that_is_acted_on_is_taken_once_only(tmp_path: Path) -> None:
    parts = [text_part("password", "a"), text_part("password", "b"), file_part(portrait_jpeg(60, 80))]
    with pytest.raises(InvalidMultipart, match="'password'"):
        await receive(tmp_path, body_of(parts))


@pytest.mark.parametrize(
    ("head", "name"),
    [
        (b'name="fileToUpload"\r\nContent-Type: image/jpeg', ""),
        (b'name="fileToUpload"', ""),
        (b'name="photo"\r\nContent-Type: IMAGE/PNG', ""),
        (b'name="photo"; filename=""', ""),
        (b"name=\"photo\"; filename*=UTF-8''IMG%5F3.JPG", "IMG_3.JPG"),
        (b"name=\"photo\"; filename*=UTF-8'ru'%D0%B0%2F%D0%B1.jpg; x=y", "б.jpg"),
        (b'name="photo"; filename="a.jpg"; filename*=UTF-8\'\'b.jpg', "a.jpg"),
    ],
)
async def test_a_part_is_the_photo_by_its_file_name_its_own_name_or_its_type(
    tmp_path: Path, head: bytes, name: str
) -> None:
    photo = portrait_jpeg(60, 80)
    part = b"Content-Disposition: form-data; " + head + b"\r\n\r\n" + photo
    upload = await receive(tmp_path, body_of([text_part("survey1", "Anna"), part]))
    assert upload.file.path.read_bytes() == photo
    assert upload.file.name == name
    assert upload.fields == {"survey1": "Anna"}


async def test_a_text_field_that_declares_its_type_is_no_photo(tmp_path: Path) -> None:
    text = b'Content-Disposition: form-data; name="survey1"\r\nContent-Type: text/plain\r\n\r\nAnna'
    with pytest.raises(MissingField, match="photo is missing"):
        await receive(tmp_path, body_of([text]))
