"""Texts as booth software writes them: unencoded in the address, in code pages, with marks and braces."""

from __future__ import annotations

import asyncio

import pytest

from appliance.core.passwords import hash_password_blocking
from tests.conftest import Change
from tests.support.camera import Camera, Reply, Shot, body_of, read_body, read_head, text_part
from tests.support.photos import case
from tests.support.stack import Stack

SLOT = "/api/ingest/slot-001?reply=json"


async def sent(stack: Stack, query: bytes, password: str) -> Reply:
    """The two requests that were met, put together: an address as it is, and the fields."""
    body = case("charset_part.multipart").replace(b"PASSWORD", password.encode())
    head = case("raw_utf8_query.http")
    head = head.replace("name=Анна".encode(), query)
    head = head.replace(b"Content-Length: 0", f"Content-Length: {len(body)}".encode())
    reader, writer = await asyncio.open_connection("127.0.0.1", stack.port)
    try:
        writer.write(head + body)
        status, headers = await read_head(reader)
        return Reply(status, headers, await read_body(reader, headers))
    finally:
        writer.close()


@pytest.mark.parametrize(
    "query",
    [
        "name=Анна".encode(),
        "name=Анна".encode("cp1251"),
        b"name=%C0%ED%ED%E0",
        b"name=%D0%90%D0%BD%D0%BD%D0%B0",
        b"{name}=%C0%ED%ED%E0",
        b"%7Bname%7D=" + "Анна".encode(),
    ],
)
async def test_letters_in_the_address_are_kept_as_they_were_meant(
    stack: Stack, password: str, query: bytes
) -> None:
    reply = await sent(stack, query, password)
    assert reply.status == 200, reply.body
    row = await stack.row(reply.headers["x-job-id"])
    assert row["query_fields"] == {"reply": "json", "name": "Анна"}
    assert row["request_fields"] == {"name": "Müller"}


async def test_an_address_with_letters_may_come_after_another_on_the_same_connection(stack: Stack) -> None:
    reader, writer = await stack.connection_to_app()
    statuses = []
    for path in ("/healthz", "/healthz?name=Анна", "/Анна", "/healthz"):
        writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        status, headers = await read_head(reader)
        await read_body(reader, headers)
        statuses.append(status)
    writer.close()
    assert statuses == [200, 200, 404, 200]


async def test_a_space_in_the_address_is_named(stack: Stack, password: str) -> None:
    reply = await sent(stack, b"name=A B", password)
    assert (reply.status, reply.code) == (400, "invalid_request")
    assert "%20" in reply.json()["error"]["message"]


def declared(name: str, value: bytes, charset: str) -> bytes:
    head = f'Content-Disposition: form-data; name="{name}"\r\nContent-Type: text/plain; charset={charset}'
    return head.encode() + b"\r\n\r\n" + value


@pytest.mark.parametrize(
    ("charset", "code_page", "text"),
    [
        ("windows-1252", "cp1252", "Müller"),
        ("ISO-8859-1", "cp1252", "Müller €"),
        ('"iso-8859-15"', "iso8859-15", "Müller €"),
        ("koi8-r", "koi8-r", "Анна"),
        ("utf-16", "utf-16", "Анна"),
        ("UTF-16LE", "utf-16-le", "Анна"),
        ("utf-8", "cp1251", "Анна"),
        ("no-such-thing", "cp1251", "Анна"),
        ("unicode_escape", "ascii", r"C:\new"),
        ("windows-1251", "utf-8-sig", "Анна"),
    ],
)
async def test_the_declared_character_set_of_a_field_counts_before_any_guess(
    stack: Stack, camera: Camera, shot: Shot, charset: str, code_page: str, text: str
) -> None:
    shot.fields = {}
    parts = [declared("survey1", text.encode(code_page), charset), *shot.parts()]
    reply = await camera.send(SLOT, body_of(parts))
    assert (await stack.row(reply.headers["x-job-id"]))["request_fields"] == {"survey1": text}


@pytest.mark.parametrize("code_page", ["utf-8-sig", "utf-16", "cp1251"])
async def test_a_field_that_declares_nothing_is_known_by_its_mark_or_guessed(
    stack: Stack, camera: Camera, shot: Shot, code_page: str
) -> None:
    shot.fields = {}
    reply = await camera.send(SLOT, body_of([text_part("survey1", "Анна".encode(code_page)), *shot.parts()]))
    assert (await stack.row(reply.headers["x-job-id"]))["request_fields"] == {"survey1": "Анна"}


async def test_a_forms_own_word_about_its_fields_counts_for_those_before_it_too(
    stack: Stack, camera: Camera, shot: Shot
) -> None:
    shot.fields = {}
    parts = [
        text_part("before", "Müller".encode("cp1252")),
        text_part("_charset_", "windows-1252"),
        text_part("after", "Jörg".encode("cp1252")),
        declared("own", "Анна".encode("koi8-r"), "koi8-r"),
        *shot.parts(),
    ]
    row = await stack.row((await camera.send(SLOT, body_of(parts))).headers["x-job-id"])
    kept = {"before": "Müller", "after": "Jörg", "own": "Анна", "_charset_": "windows-1252"}
    assert row["request_fields"] == kept


async def test_values_named_in_braces_can_be_used_in_prompts(
    stack: Stack, camera: Camera, shot: Shot
) -> None:
    shot.fields = {"{qr1}": "table 7", "{qr2}": "Anna"}
    reply = await camera.post(SLOT + "&{qr3}=left", shot)
    row = await stack.row(reply.headers["x-job-id"])
    assert row["request_fields"] == {"qr1": "table 7", "qr2": "Anna"}
    assert row["query_fields"] == {"reply": "json", "qr3": "left"}


@pytest.mark.parametrize("typed", ["{} ", "{}\r\n", "{}\n", "\ufeff{}", " {}\t", "{}\u00a0"])
async def test_what_stands_around_the_password_is_forgiven(camera: Camera, shot: Shot, typed: str) -> None:
    shot.password = typed.format(shot.password)
    assert (await camera.post(SLOT, shot)).status == 200


async def test_a_space_inside_the_password_is_not_forgiven(camera: Camera, shot: Shot) -> None:
    assert shot.password
    shot.password = f"{shot.password[:3]} {shot.password[3:]}"
    reply = await camera.post(SLOT, shot)
    assert (reply.status, reply.code) == (401, "invalid_ingest_password")


async def test_a_password_that_ends_with_a_space_is_taken_as_it_is(
    camera: Camera, shot: Shot, setting: Change
) -> None:
    shot.password = "secret of the booth "
    await setting("ingest_password", {"hash": hash_password_blocking(shot.password)})
    assert (await camera.post(SLOT, shot)).status == 200
