"""Addresses asked for in the ways that phones, messengers and booth software do."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import httpx
import pytest

from tests.integration.test_guest_pages import HTML, job
from tests.support.camera import Camera, Reply, Shot
from tests.support.stack import Stack


@pytest.fixture
async def made(camera: Camera, shot: Shot) -> Reply:
    return await camera.post("/api/ingest/slot-002?reply=image", shot)


@pytest.mark.parametrize("path", ["/qr.svg", "/qr.png", "/preview", ""])
async def test_what_belongs_to_a_picture_can_be_asked_after_without_being_fetched(
    made: Reply, client: httpx.AsyncClient, path: str
) -> None:
    address = f"/public/results/{job(made)}{path}"
    client.headers["Accept-Encoding"] = "identity"  # what is packed on its way has no length before
    asked, fetched = await client.head(address), await client.get(address)
    assert (asked.status_code, asked.content) == (200, b"")
    for name in ("content-type", "content-length", "cache-control"):
        assert asked.headers[name] == fetched.headers[name]


async def test_the_pages_of_guests_can_be_asked_after(
    made: Reply, admin: httpx.AsyncClient, client: httpx.AsyncClient
) -> None:
    gallery: dict[str, Any] = (await admin.post("/api/shared-galleries", json={"minutes": 5})).json()
    try:
        shared, wall = (httpx.URL(gallery[name]).path for name in ("url", "wall_url"))
        for path in (f"/r/{job(made)}", "/", shared, f"{shared}/qr.svg", wall):
            asked = await client.head(path, headers=HTML)
            assert (path, asked.status_code, asked.content) == (path, 200, b"")
    finally:
        await admin.delete(f"/api/shared-galleries/{gallery['id']}")


@pytest.mark.parametrize("path", ["/api/ingest/slot-001/", "/ingest/slot-001/"])
async def test_a_slash_at_the_end_of_a_booths_address_makes_no_difference(
    camera: Camera, shot: Shot, path: str
) -> None:
    reply = await camera.post(f"{path}?reply=image", shot)
    assert (reply.status, reply.headers["content-type"]) == (200, "image/jpeg")


async def test_booths_and_phones_may_come_by_ipv6(stack: Stack, shot: Shot) -> None:
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        pytest.skip("!! this machine has no IPv6: whether Nginx listens on it is not tested")
    reply = await Camera(stack.port, "::1").post("/api/ingest/slot-001?reply=json", shot)
    assert reply.status == 200
    _, writer = await asyncio.open_connection("127.0.0.1", stack.port)  # and by the other as before
    writer.close()


async def test_a_screen_size_that_is_saved_bears_the_pictures_name(
    made: Reply, client: httpx.AsyncClient
) -> None:
    address = f"/public/results/{job(made)}"
    whole = (await client.get(address)).headers["content-disposition"]
    screen = (await client.get(f"{address}/preview?w=1440")).headers["content-disposition"]
    assert screen == whole.replace("attachment;", "inline;", 1)
