"""What DSLR Remote Pro 3.30.2 sends, and what it must get."""

from __future__ import annotations

import asyncio
import io
import re

import httpx
import pytest
from PIL import Image

from tests.support.camera import (
    BOUNDARY,
    CAPTURED_FIELDS,
    Camera,
    Shot,
    body_of,
    file_part,
    read_body,
    read_head,
    text_part,
)
from tests.support.photos import portrait_jpeg, portrait_png, portrait_webp
from tests.support.stack import Stack

UUID4 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


def test_the_client_writes_the_captured_request_byte_for_byte() -> None:
    shot = Shot(b"JPEG-BYTES", "123456")
    body = shot.body()
    head = Camera(8080, "192.168.1.20").head("/api/ingest/slot-001", len(body))
    assert head == (
        b"POST /api/ingest/slot-001 HTTP/1.1\r\nHost: 192.168.1.20:8080\r\n"
        b"Content-Type: multipart/form-data; boundary=---------------------------7d93b1a2c4e5f6\r\n"
        b"Content-Length: " + str(len(body)).encode() + b"\r\nExpect: 100-continue\r\n\r\n"
    )
    edge = b"--" + BOUNDARY.encode()
    assert body.startswith(
        edge + b'\r\nContent-Disposition: form-data; name="time"\r\n\r\n1758217512\r\n' + edge
    )
    assert body.endswith(
        b'Content-Disposition: form-data; name="password"\r\n\r\n123456\r\n' + edge + b"\r\n"
        b'Content-Disposition: form-data; name="fileToUpload"; filename="IMG_0003.JPG"\r\n'
        b"Content-Type: image/jpeg\r\n\r\nJPEG-BYTES\r\n" + edge + b"--\r\n"
    )


async def test_the_captured_request_is_continued_and_answered_with_the_processed_photo(
    camera: Camera, shot: Shot
) -> None:
    reply = await camera.post("/api/ingest/slot-001?reply=image", shot)
    assert reply.continued
    assert reply.status == 200
    assert reply.headers["content-type"] == "image/jpeg"
    assert reply.headers["cache-control"] == "no-store"
    assert int(reply.headers["content-length"]) == len(reply.body)
    assert UUID4.fullmatch(reply.headers["x-job-id"])
    assert reply.headers["x-public-url"] == (
        f"http://127.0.0.1:{camera.port}/public/results/{reply.headers['x-job-id']}"
    )
    picture = Image.open(io.BytesIO(reply.body))
    assert picture.size == (480, 640)
    assert reply.body != shot.photo


async def test_json_names_the_public_link_as_the_use_case_does(camera: Camera, shot: Shot) -> None:
    reply = await camera.post("/ingest/slot-001?reply=json", shot)
    body = reply.json()
    assert reply.headers["content-type"] == "application/json"
    assert body["public_url"] == f"/public/results/{body['job_id']}"
    assert body["job_id"] == reply.headers["x-job-id"]
    assert body["absolute_public_url"] == reply.headers["x-public-url"]


async def test_a_multipart_reply_holds_the_facts_and_the_picture(camera: Camera, shot: Shot) -> None:
    reply = await camera.post("/api/ingest/slot-001?reply=multipart", shot)
    assert reply.headers["content-type"].startswith("multipart/form-data; boundary=")
    facts, picture = reply.parts()
    assert facts.get_content_type() == "application/json"
    assert reply.headers["x-job-id"] in facts.get_payload()
    assert picture.get_content_type() == "image/jpeg"
    payload = picture.get_payload(decode=True)
    assert isinstance(payload, bytes)
    assert Image.open(io.BytesIO(payload)).size == (480, 640)


@pytest.mark.parametrize(
    ("query", "accept", "slot_reply", "expected"),
    [
        ("?reply=json", "Accept: image/jpeg\r\n", "image", "application/json"),
        ("", "Accept: image/jpeg\r\n", "json", "image/jpeg"),
        ("", "Accept: application/json\r\n", "image", "application/json"),
        ("", "Accept: multipart/form-data\r\n", "json", "multipart/form-data"),
        ("", "Accept: image/*\r\n", "json", "image/jpeg"),
        ("", "Accept: image/*;q=0, application/json\r\n", "image", "application/json"),
        ("", "Accept: application/json; q=0.0, */*;q=0, image/*; q=0.2\r\n", "json", "image/jpeg"),
        ("", "Accept: */*\r\n", "image", "image/jpeg"),
        ("", "Accept: text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2\r\n", "json", "application/json"),
        ("", "Accept: application/json, text/plain, */*\r\n", "image", "application/json"),
        ("", "", "image", "image/jpeg"),
        ("", "", "json", "application/json"),
    ],
)
async def test_the_url_decides_the_form_then_accept_then_the_slot(
    camera: Camera, shot: Shot, slot: object, query: str, accept: str, slot_reply: str, expected: str
) -> None:
    await slot("slot-001", reply=slot_reply)  # type: ignore[operator]
    reply = await camera.post(f"/api/ingest/slot-001{query}", shot, extra=accept)
    assert reply.status == 200
    assert reply.headers["content-type"].startswith(expected)


async def test_the_bare_address_of_a_new_installation_answers_as_the_use_case_says(
    stack: Stack, camera: Camera, shot: Shot
) -> None:
    assert await stack.value("select array_agg(distinct reply) from slot") == ["json"]
    reply = await camera.post("/api/ingest/slot-001", shot)
    assert (reply.status, reply.headers["content-type"]) == (200, "application/json")
    assert reply.json()["public_url"] == f"/public/results/{reply.headers['x-job-id']}"


async def test_a_client_that_names_no_host_gets_links_with_the_port_it_used(stack: Stack, shot: Shot) -> None:
    body = shot.body()
    head = (
        f"POST /api/ingest/slot-001?reply=json HTTP/1.0\r\nContent-Length: {len(body)}\r\n"
        f"Content-Type: multipart/form-data; boundary={BOUNDARY}\r\n\r\n"
    )
    reader, writer = await asyncio.open_connection("127.0.0.1", stack.port)
    writer.write(head.encode() + body)
    status, headers = await read_head(reader)
    writer.close()
    assert status == 200
    assert httpx.URL(headers["x-qr-url"]).port == stack.port
    assert httpx.URL(headers["x-public-url"]).port == stack.port


async def test_an_unknown_form_is_refused_by_name(camera: Camera, shot: Shot) -> None:
    reply = await camera.post("/api/ingest/slot-001?reply=xml", shot)
    assert (reply.status, reply.code) == (422, "validation_failed")
    assert "json, image, multipart" in reply.json()["error"]["fields"]["reply"]


async def test_errors_are_json_whatever_form_was_asked_for(camera: Camera, shot: Shot) -> None:
    shot.password = "wrong"
    reply = await camera.post("/api/ingest/slot-001?reply=image", shot, extra="Accept: image/jpeg\r\n")
    assert reply.status == 401
    assert reply.headers["content-type"] == "application/json"
    assert reply.code == "invalid_ingest_password"


async def test_the_password_may_come_after_the_photo(camera: Camera, shot: Shot) -> None:
    shot.password_last = True
    assert (await camera.post("/api/ingest/slot-001", shot)).status == 200


async def test_fields_and_query_values_are_kept_with_the_job_but_never_the_password(
    stack: Stack, camera: Camera, shot: Shot
) -> None:
    shot.fields["survey1_name"] = "Анна"
    reply = await camera.post("/api/ingest/slot-001?style=pirate&qr1=A%26B&password=leak", shot)
    row = await stack.row(reply.headers["x-job-id"])
    assert row["request_fields"] == {**CAPTURED_FIELDS, "survey1_name": "Анна"}
    assert row["query_fields"] == {"style": "pirate", "qr1": "A&B"}


async def test_survey_answers_may_be_called_like_the_cameras_own_fields(
    stack: Stack, camera: Camera, shot: Shot
) -> None:
    answers = {"name": "Анна", "id": "7", "Hair/colour": "red", "Eye/colour": "green"}
    parts = [*shot.parts(), *(text_part(name, value) for name, value in answers.items())]
    reply = await camera.send("/api/ingest/slot-001", body_of(parts))
    assert reply.status == 200
    row = await stack.row(reply.headers["x-job-id"])
    kept = {"name_2": "Анна", "id_2": "7", "Hair/colour": "red", "Eye/colour": "green"}
    assert row["request_fields"] == {**CAPTURED_FIELDS, **kept}


async def test_a_photo_without_a_file_name_is_a_photo(camera: Camera, shot: Shot) -> None:
    head = b'Content-Disposition: form-data; name="fileToUpload"\r\nContent-Type: image/jpeg\r\n\r\n'
    parts = [*shot.parts()[:-1], head + shot.photo]
    reply = await camera.send("/api/ingest/slot-001?reply=image", body_of(parts))
    assert (reply.status, reply.headers["content-type"]) == (200, "image/jpeg")


async def test_the_unpublished_hash_is_kept_with_the_job_and_never_rejects(
    stack: Stack, camera: Camera, shot: Shot
) -> None:
    reply = await camera.post("/api/ingest/slot-001", shot)
    assert reply.status == 200
    assert (await stack.row(reply.headers["x-job-id"]))["request_fields"]["hash"] == CAPTURED_FIELDS["hash"]


async def test_text_in_the_windows_code_page_is_understood(stack: Stack, camera: Camera, shot: Shot) -> None:
    parts = [*shot.parts()[:-1], text_part("survey1", "Привет".encode("cp1251")), shot.parts()[-1]]
    reply = await camera.send("/api/ingest/slot-001", body_of(parts))
    assert (await stack.row(reply.headers["x-job-id"]))["request_fields"]["survey1"] == "Привет"


@pytest.mark.parametrize("make", [portrait_jpeg, portrait_png, portrait_webp])
async def test_jpeg_png_and_webp_are_taken_by_their_bytes_whatever_the_part_says(
    camera: Camera, shot: Shot, make: object
) -> None:
    photo = make()  # type: ignore[operator]
    parts = [*shot.parts()[:-1], file_part(photo, "x.bin", "application/octet-stream", name="file")]
    assert (await camera.send("/api/ingest/slot-001", body_of(parts))).status == 200


async def test_an_unknown_slot_is_refused_before_the_photo_is_sent(stack: Stack, password: str) -> None:
    """Straight at the app, which then never says ``100 Continue``."""
    camera = Camera(stack.port, app_socket=stack.app_socket)
    reply = await camera.post("/api/ingest/slot-099", Shot(portrait_jpeg(), password))
    assert (reply.status, reply.code, reply.continued) == (404, "slot_not_found", False)


async def test_a_wrong_password_ends_the_upload_before_the_photo_has_arrived(stack: Stack) -> None:
    camera = Camera(stack.port, app_socket=stack.app_socket)
    body = Shot(portrait_jpeg(), "wrong").body()
    reader, writer = await camera.connection()
    writer.write(camera.head("/api/ingest/slot-001", len(body)) + body[: body.index(b"JFIF")])
    status, headers = await read_head(reader)
    if status == 100:
        status, headers = await read_head(reader)
    assert status == 401
    assert b"invalid_ingest_password" in await read_body(reader, headers)
    writer.close()
