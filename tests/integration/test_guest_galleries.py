"""Shared galleries and the live wall."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from appliance.core.db import Database
from appliance.core.recent import Changes
from appliance.guests.shared_galleries.service import SharedGalleries
from appliance.guests.tokens import GuestTokens
from appliance.settings.recent import RecentSettings
from appliance.staff.shared_galleries.service import SharedGalleryService
from tests.conftest import Change, Noticed
from tests.integration.test_guest_pages import HTML, job
from tests.support.alerts import WHO
from tests.support.camera import Camera, Reply, Shot
from tests.support.line import line_to_database
from tests.support.stack import Stack

API = "/api/shared-galleries"
Opens = Callable[..., Awaitable[dict[str, Any]]]


@pytest.fixture
async def opens(admin: httpx.AsyncClient) -> AsyncIterator[Opens]:
    """``await opens(minutes=5)``: a gallery, closed when the test ends."""
    made = []

    async def make(**wanted: Any) -> dict[str, Any]:
        reply = await admin.post(API, json=wanted)
        assert reply.status_code == 201, reply.text
        made.append(reply.json()["id"])
        gallery: dict[str, Any] = reply.json()
        gallery["path"] = httpx.URL(gallery["url"]).path
        gallery["wall"] = httpx.URL(gallery["wall_url"]).path
        return gallery

    yield make
    for gallery_id in made:
        await admin.delete(f"{API}/{gallery_id}")


async def names(client: httpx.AsyncClient, path: str) -> list[str]:
    reply = await client.get(path, headers=HTML)
    assert reply.status_code == 200
    return re.findall(r'data-name="([^"]+)"', reply.text)


class Listener:
    """Reads a gallery's events."""

    def __init__(self, reply: httpx.Response) -> None:
        self.lines = reply.aiter_lines()

    async def event(self) -> tuple[str, Any]:
        kind = ""
        async for line in self.lines:
            if line.startswith("event: "):
                kind = line[7:]
            elif line.startswith("data: ") and kind != "beat":
                return kind, json.loads(line[6:])
        raise AssertionError("the line has ended")


@asynccontextmanager
async def listening(client: httpx.AsyncClient, path: str) -> AsyncIterator[Listener]:
    async with client.stream("GET", f"{path}/live", timeout=20) as reply:
        assert reply.headers["content-type"].startswith("text/event-stream")
        yield Listener(reply)


async def test_a_gallery_shows_the_newest_first_and_gives_no_guests_link_away(
    opens: Opens, camera: Camera, shot: Shot, client: httpx.AsyncClient
) -> None:
    gallery = await opens(minutes=5, slot_id="slot-007")
    before = await names(client, gallery["path"])
    made = [await camera.post("/api/ingest/slot-007", shot) for _ in range(2)]
    shown = await names(client, gallery["path"])
    assert shown[2:] == before
    page = (await client.get(gallery["path"], headers=HTML)).text
    assert not any(job(one) in page for one in made)
    picture = await client.get(f"{gallery['path']}/p/{shown[0]}", headers=HTML)
    assert picture.status_code == 200
    assert job(made[1]) not in picture.text
    assert "/delete" not in picture.text
    original = await client.get(f"{gallery['path']}/p/{shown[0]}/original")
    assert original.content == (await client.get(f"/public/results/{job(made[1])}")).content
    assert (await client.get(f"{gallery['path']}/p/{shown[0]}/preview?w=320")).status_code == 200


async def test_a_gallery_that_is_called_like_the_event_names_it_once(
    setting: Change, opens: Opens, client: httpx.AsyncClient
) -> None:
    await setting("event_title", "Anna and Paul")
    gallery = await opens(minutes=5, slot_id="slot-007")
    page = (await client.get(gallery["path"], headers=HTML)).text
    assert "<title>Pictures · Anna and Paul</title>" in page


async def test_hidden_deleted_and_test_pictures_are_in_no_gallery(
    opens: Opens, stack: Stack, camera: Camera, shot: Shot, client: httpx.AsyncClient, noticed: Noticed
) -> None:
    gallery = await opens(minutes=5, slot_id="slot-008")
    before = await names(client, gallery["path"])
    for change in ("hidden_at = now()", "deleted_at = now()", "source = 'test'"):
        made = await camera.post("/api/ingest/slot-008", shot)
        name = (await names(client, gallery["path"]))[0]
        async with stack.database() as db:
            await db.execute(f"update job_history set {change} where job_id = $1", job(made))
        await noticed()
        assert await names(client, gallery["path"]) == before
        for path in ("", "/preview", "/original"):
            assert (await client.get(f"{gallery['path']}/p/{name}{path}")).status_code == 404


async def test_a_closed_gallery_says_so_and_opens_again_at_the_same_address(
    opens: Opens, stack: Stack, admin: httpx.AsyncClient, client: httpx.AsyncClient, noticed: Noticed
) -> None:
    gallery = await opens(minutes=5)
    closed = await admin.delete(f"{API}/{gallery['id']}")
    assert (closed.status_code, closed.json()["state"]) == (200, "closed")
    page = await client.get(gallery["path"], headers=HTML)
    assert page.status_code == 403
    assert "gallery is closed" in page.text
    opened = await admin.post(f"{API}/{gallery['id']}/open", json={"minutes": None})
    assert opened.json()["url"] == gallery["url"]
    assert opened.json()["closes_at"] is None
    assert (await client.get(gallery["path"], headers=HTML)).status_code == 200
    async with stack.database() as db:
        await db.execute(
            "update shared_gallery set closes_at = now() - interval '1 s' where id = $1", gallery["id"]
        )
    await noticed()
    assert (await client.get(gallery["path"], headers=HTML)).status_code == 410
    assert (await client.get(gallery["wall"], headers=HTML)).status_code == 410


async def test_two_people_who_open_a_slots_gallery_at_the_same_moment_get_one(
    database: Database, stack: Stack
) -> None:
    galleries = SharedGalleryService(database)
    try:
        await asyncio.gather(*(galleries.open_for_slot("slot-015", 60, WHO) for _ in range(4)))
        assert await stack.value("select count(*) from shared_gallery where slot_id = 'slot-015'") == 1
    finally:
        async with stack.database() as db:
            await db.execute("delete from shared_gallery where slot_id = 'slot-015'")


@pytest.mark.parametrize("typed", ["４７１１", "٤٧١١", "۴۷۱۱", " 47 11\u3000"])
async def test_the_pin_may_be_typed_on_any_keyboard(
    client: httpx.AsyncClient, opens: Opens, typed: str
) -> None:
    gallery = await opens(minutes=5, pin="4711")
    assert (await client.post(gallery["path"], data={"pin": typed})).status_code == 303


async def test_the_pin_is_asked_once_and_guessing_it_is_stopped(
    opens: Opens, place: httpx.AsyncClient, client: httpx.AsyncClient
) -> None:
    gallery = await opens(minutes=5, pin="4711")
    asked = await client.get(gallery["path"], headers=HTML)
    assert asked.status_code == 401
    assert "data-name" not in asked.text
    assert (await client.get(f"{gallery['path']}/live")).status_code == 403
    right = await client.post(gallery["path"], data={"pin": "4711"})
    assert right.status_code == 303
    assert (await client.get(gallery["path"], headers=HTML)).status_code == 200
    wrong = [(await place.post(gallery["path"], data={"pin": f"{pin:04}"})).status_code for pin in range(12)]
    assert wrong == [401] * 5 + [429] * 7


async def test_new_pictures_arrive_by_themselves_and_hidden_ones_leave(
    opens: Opens, stack: Stack, camera: Camera, shot: Shot, client: httpx.AsyncClient
) -> None:
    gallery = await opens(minutes=5, slot_id="slot-006")
    async with listening(client, gallery["wall"]) as listener:
        kind, first = await listener.event()
        assert kind == "pictures"
        made = await camera.post("/api/ingest/slot-006", shot)
        _, second = await listener.event()
        assert second["pictures"][1:] == first["pictures"]
        async with stack.database() as db:
            await db.execute("update job_history set hidden_at = now() where job_id = $1", job(made))
        _, third = await listener.event()
        assert third["pictures"] == first["pictures"]


async def test_listeners_are_told_when_the_gallery_closes(
    opens: Opens, admin: httpx.AsyncClient, client: httpx.AsyncClient
) -> None:
    gallery = await opens(minutes=5)
    async with listening(client, gallery["path"]) as listener:
        await listener.event()
        await admin.delete(f"{API}/{gallery['id']}")
        assert (await listener.event())[0] == "closed"


async def test_no_phone_waits_for_another_while_the_database_hangs(opens: Opens, stack: Stack) -> None:
    gallery = await opens(minutes=5)
    async with line_to_database(stack) as (line, url):
        database = Database(url)
        settings = RecentSettings(database, Changes())
        galleries = SharedGalleries(database, GuestTokens(stack.data / "secrets"), settings)
        opened = await galleries.open("g", gallery["path"].rpartition("/")[2])
        line.silence()
        since = time.monotonic()
        phones = await asyncio.gather(*(galleries.news(opened) for _ in range(4)), return_exceptions=True)
        assert time.monotonic() - since < 7, "opening a connection is given up after 3 seconds"
        assert all(isinstance(one, Exception) for one in phones)
        await database.aclose()


async def test_moderated_pictures_wait_for_a_tap(
    opens: Opens, admin: httpx.AsyncClient, camera: Camera, shot: Shot, client: httpx.AsyncClient
) -> None:
    gallery = await opens(minutes=5, slot_id="slot-003", moderated=True)
    made = await camera.post("/api/ingest/slot-003", shot)
    before = await names(client, gallery["path"])
    waiting = (await admin.get(f"{API}/{gallery['id']}/waiting")).json()["waiting"]
    assert job(made) in [one["job_id"] for one in waiting]
    assert await decide(admin, made, approved=True) == 1
    assert len(await names(client, gallery["path"])) == len(before) + 1


async def test_a_rejected_picture_leaves_every_gallery_and_keeps_its_own_link(
    opens: Opens,
    stack: Stack,
    admin: httpx.AsyncClient,
    camera: Camera,
    shot: Shot,
    client: httpx.AsyncClient,
) -> None:
    moderated = await opens(minutes=5, slot_id="slot-003", moderated=True)
    open_to_all = await opens(minutes=5, slot_id="slot-003")
    made = await camera.post("/api/ingest/slot-003", shot)
    shown = await names(client, open_to_all["path"])
    assert await decide(admin, made, approved=False) == 1
    assert await names(client, open_to_all["path"]) == shown[1:]
    waiting = (await admin.get(f"{API}/{moderated['id']}/waiting")).json()["waiting"]
    assert job(made) not in [one["job_id"] for one in waiting]
    assert (await client.get(f"/r/{job(made)}", headers=HTML)).status_code == 200
    assert await decide(admin, made, approved=None) == 1
    assert await names(client, open_to_all["path"]) == shown
    actions = "select array_agg(action order by id) from audit_log where detail->>'job' = $1"
    assert await stack.value(actions, job(made)) == ["gallery.picture_rejected", "gallery.picture_undecided"]


async def decide(admin: httpx.AsyncClient, made: Reply, *, approved: bool | None) -> int:
    reply = await admin.post(f"{API}/approvals", json={"job_ids": [job(made)], "approved": approved})
    changed: int = reply.json()["changed"]
    return changed


async def test_listeners_are_told_of_a_hidden_picture_wherever_it_stands(
    opens: Opens, stack: Stack, camera: Camera, shot: Shot, client: httpx.AsyncClient
) -> None:
    gallery = await opens(minutes=5, slot_id="slot-003")
    made = await camera.post("/api/ingest/slot-003", shot)
    name = (await names(client, gallery["path"]))[0]
    async with listening(client, gallery["path"]) as listener:
        assert name in (await listener.event())[1]["pictures"]
        async with stack.database() as db:
            await db.execute("update job_history set hidden_at = now() where job_id = $1", job(made))
        assert name in (await listener.event())[1]["gone"]


async def test_a_gallery_without_scripts_has_pages(
    opens: Opens, stack: Stack, camera: Camera, shot: Shot, client: httpx.AsyncClient
) -> None:
    made = await camera.post("/api/ingest/slot-004", shot)
    async with stack.database() as db:
        names_of = [
            row["column_name"]
            for row in await db.fetch(
                "select column_name from information_schema.columns where table_name = 'job_history'"
            )
        ]
        rest = ", ".join(name for name in names_of if name not in ("job_id", "created_at", "short_code"))
        await db.execute(
            f"insert into job_history (job_id, created_at, {rest}) "
            f"select gen_random_uuid(), created_at - n * interval '1 s', {rest} "
            "from job_history, generate_series(1, 130) n where job_id = $1",
            job(made),
        )
    gallery = await opens(minutes=5, slot_id="slot-004")
    seen: list[str] = []
    path = gallery["path"]
    while path:
        reply = await client.get(path, headers=HTML)
        seen += re.findall(r'data-name="([^"]+)"', reply.text)
        more = re.search(r'id="more" href="([^"]+)"', reply.text)
        path = more[1] if more else ""
    async with stack.database() as db:
        await db.execute("delete from job_history where slot_id = 'slot-004' and job_id <> $1", job(made))
    assert len(seen) == len(set(seen)) >= 131


async def test_who_may_only_look_opens_no_gallery(
    viewer: httpx.AsyncClient, client: httpx.AsyncClient
) -> None:
    assert (await viewer.post(API, json={})).status_code == 403
    assert (await client.get(API)).status_code == 401
    assert (await client.get("/g/" + "A" * 22, headers=HTML)).status_code == 404
