"""Public links (UC4): what a guest's browser gets."""

from __future__ import annotations

import uuid
from datetime import timedelta

import httpx
import pytest

from tests.support.camera import Camera, Reply, Shot
from tests.support.stack import Stack


@pytest.fixture
async def made(camera: Camera, shot: Shot) -> Reply:
    """A processed photo."""
    return await camera.post("/api/ingest/slot-002?reply=image", shot)


def link(reply: Reply) -> str:
    return f"/public/results/{reply.headers['x-job-id']}"


async def test_a_result_is_an_attachment_with_a_friendly_name(made: Reply, client: httpx.AsyncClient) -> None:
    reply = await client.get(link(made))
    assert reply.status_code == 200
    assert reply.content == made.body
    assert reply.headers["content-type"] == "image/jpeg"
    assert reply.headers["content-disposition"].startswith('attachment; filename="photo-20')
    assert reply.headers["accept-ranges"] == "bytes"
    assert reply.headers["etag"]
    assert reply.headers["last-modified"]
    assert reply.headers["x-content-type-options"] == "nosniff"
    assert "x-accel-redirect" not in reply.headers


async def test_search_engines_are_told_to_keep_no_picture_and_no_code(
    made: Reply, client: httpx.AsyncClient
) -> None:
    for path in (link(made), f"{link(made)}/preview", f"{link(made)}/qr.svg", f"{link(made)}/none"):
        assert (await client.get(path)).headers.get_list("x-robots-tag") == ["noindex, nofollow"], path


async def test_the_event_title_names_the_file_in_any_alphabet(
    made: Reply, client: httpx.AsyncClient, setting: object
) -> None:
    await setting("event_title", "Анна & Paul")  # type: ignore[operator]
    disposition = (await client.get(link(made))).headers["content-disposition"]
    assert "filename*=UTF-8''%D0%90%D0%BD%D0%BD%D0%B0-Paul-20" in disposition
    assert 'filename="Paul-20' in disposition


async def test_a_broken_download_goes_on_where_it_stopped(made: Reply, client: httpx.AsyncClient) -> None:
    etag = (await client.head(link(made))).headers["etag"]
    reply = await client.get(link(made), headers={"Range": "bytes=1000-", "If-Range": etag})
    assert reply.status_code == 206
    assert reply.content == made.body[1000:]
    assert reply.headers["content-range"] == f"bytes 1000-{len(made.body) - 1}/{len(made.body)}"


async def test_a_download_that_broke_off_goes_on_where_it_was(made: Reply, client: httpx.AsyncClient) -> None:
    begun = b""
    async with client.stream("GET", link(made)) as reply:
        etag = reply.headers["etag"]
        async for piece in reply.aiter_raw(700):
            begun += piece
            if len(begun) > 2000:
                break
    assert len(begun) < len(made.body)
    going_on = {"Range": f"bytes={len(begun)}-", "If-Range": etag}
    rest = await client.get(link(made), headers=going_on)
    assert rest.status_code == 206
    assert begun + rest.content == made.body
    other = await client.get(link(made), headers=going_on | {"If-Range": '"another-picture"'})
    assert (other.status_code, other.content) == (200, made.body)


async def test_a_range_past_the_end_is_refused(made: Reply, client: httpx.AsyncClient) -> None:
    reply = await client.get(link(made), headers={"Range": "bytes=99999999-"})
    assert reply.status_code == 416
    assert len(reply.headers.get_list("cache-control")) == 1


async def test_head_says_what_get_would_send(made: Reply, client: httpx.AsyncClient) -> None:
    reply = await client.head(link(made))
    assert reply.status_code == 200
    assert int(reply.headers["content-length"]) == len(made.body)
    assert reply.content == b""


async def test_an_unchanged_picture_is_not_sent_again(made: Reply, client: httpx.AsyncClient) -> None:
    etag = (await client.get(link(made))).headers["etag"]
    reply = await client.get(link(made), headers={"If-None-Match": etag})
    assert reply.status_code == 304


async def test_past_its_ttl_a_result_is_gone_even_before_cleanup(
    stack: Stack, made: Reply, client: httpx.AsyncClient
) -> None:
    async with stack.database() as db:
        await db.execute(
            "update job_history set result_expires_at = now() - interval '1 s' where job_id = $1",
            made.headers["x-job-id"],
        )
    assert (stack.media / f"results/{made.headers['x-job-id']}.jpg").exists()
    reply = await client.get(link(made))
    assert (reply.status_code, reply.json()["error"]["code"]) == (410, "result_expired")


async def test_the_ttl_is_the_operators_setting(
    stack: Stack, camera: Camera, shot: Shot, setting: object
) -> None:
    await setting("result_ttl_hours", 1)  # type: ignore[operator]
    reply = await camera.post("/api/ingest/slot-001", shot)
    row = await stack.row(reply.headers["x-job-id"])
    assert timedelta(minutes=59) < row["result_expires_at"] - row["created_at"] < timedelta(minutes=61)


@pytest.mark.parametrize(
    "job_id",
    [
        "72dcc106-a6ed-42a4-9543-97c1342a8b54",
        "1",
        "..",
        "00000000-0000-0000-0000-000000000000",
        "x' or 1=1",
        "ABAD3B43-C913-4A01-AEAA-83E1507AAFE7",
    ],
)
async def test_an_unknown_result_is_not_found(client: httpx.AsyncClient, job_id: str) -> None:
    reply = await client.get(f"/public/results/{job_id}")
    assert reply.status_code == 404
    assert reply.json()["error"]["code"] in {"result_not_found", "not_found"}


@pytest.mark.parametrize("status", ["pending", "failed", "timeout"])
async def test_a_job_without_a_picture_is_not_found(
    stack: Stack, made: Reply, client: httpx.AsyncClient, status: str
) -> None:
    async with stack.database() as db:
        await db.execute(
            "update job_history set status = $1 where job_id = $2", status, made.headers["x-job-id"]
        )
        reply = await client.get(link(made))
        await db.execute("update job_history set status = 'done' where job_id = $1", made.headers["x-job-id"])
    assert (reply.status_code, reply.json()["error"]["code"]) == (404, "result_not_found")


@pytest.mark.parametrize("folder", ["results", "temp", "templates"])
async def test_files_have_no_address_of_their_own(
    made: Reply, client: httpx.AsyncClient, folder: str
) -> None:
    for path in (
        f"/_media/{folder}/{made.headers['x-job-id']}.jpg",
        f"/media/{folder}/{made.headers['x-job-id']}.jpg",
    ):
        assert (await client.get(path)).status_code == 404


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("ru-RU,ru;q=0.9,en;q=0.8", "Здесь нет снимка"),
        ("en", "No picture here"),
        ("xx", "No picture here"),
    ],
)
async def test_a_guests_browser_gets_a_page_in_its_language(
    client: httpx.AsyncClient, language: str, words: str
) -> None:
    reply = await client.get(
        f"/public/results/{uuid.uuid4()}", headers={"Accept": "text/html", "Accept-Language": language}
    )
    assert reply.status_code == 404
    assert reply.headers["content-type"].startswith("text/html")
    assert "default-src 'none'" in reply.headers["content-security-policy"]
    assert words in reply.text
