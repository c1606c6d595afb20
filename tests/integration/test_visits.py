"""A guest's visit: which pictures are shown together, and which never."""

from __future__ import annotations

import io
import re
import uuid
import zipfile
from collections.abc import Sequence

import httpx
import pytest

from tests.conftest import Change, Noticed
from tests.support.camera import Camera, Reply, Shot
from tests.support.logins import new_address
from tests.support.stack import Stack

HTML = {"Accept": "text/html"}


@pytest.fixture
def other_camera(stack: Stack) -> Camera:
    """A second booth."""
    return Camera(stack.port, address=new_address())


def job(reply: Reply) -> str:
    return reply.headers["x-job-id"]


async def visit_of(client: httpx.AsyncClient, job_id: str) -> str | None:
    found = re.search(r'href="(/e/[^"]+)"', (await client.get(f"/r/{job_id}", headers=HTML)).text)
    return found[1] if found else None


async def shown(client: httpx.AsyncClient, link: str | None, jobs: Sequence[str]) -> list[bool]:
    """Which of ``jobs`` a visit's page shows."""
    assert link is not None
    page = (await client.get(link, headers=HTML)).text
    return [f"/r/{one}" in page for one in jobs]


async def test_a_visits_pictures_are_together_and_come_as_one_file(
    camera: Camera, shot: Shot, client: httpx.AsyncClient
) -> None:
    visit = shot.fields["eventkitesessionid"] = uuid.uuid4().hex
    first = job(await camera.post("/api/ingest/slot-001", shot))
    assert await visit_of(client, first) is None
    second = job(await camera.post("/api/ingest/slot-002", shot))
    link = await visit_of(client, second)
    assert await shown(client, link, [first, second]) == [True, True]
    assert link is not None
    assert visit not in (await client.get(f"/r/{second}", headers=HTML)).text
    archive = zipfile.ZipFile(io.BytesIO((await client.get(f"{link}/pictures.zip")).content))
    assert archive.testzip() is None
    assert len(archive.namelist()) == 2
    forged = link[:-2] + ("AA" if link[-2:] != "AA" else "BB")
    assert (await client.get(forged, headers=HTML)).status_code == 404


async def test_an_empty_field_hides_no_mark_that_came_in_the_address(
    camera: Camera, shot: Shot, client: httpx.AsyncClient
) -> None:
    shot.fields["eventkitesessionid"] = ""
    url = f"/api/ingest/slot-001?reply=json&eventkitesessionid={uuid.uuid4().hex}"
    jobs = [job(await camera.post(url, shot)) for _ in range(2)]
    assert await shown(client, await visit_of(client, jobs[0]), jobs) == [True, True]


@pytest.mark.parametrize(("characters", "has_link"), [(1000, True), (10_000, False)])
async def test_a_visit_with_a_long_mark_has_a_link_that_works_or_none(
    camera: Camera, shot: Shot, client: httpx.AsyncClient, characters: int, has_link: bool
) -> None:
    shot.fields["eventkitesessionid"] = uuid.uuid4().hex.ljust(characters, "x")
    jobs = [job(await camera.post("/api/ingest/slot-001", shot)) for _ in range(2)]
    link = await visit_of(client, jobs[0])
    assert (link is not None) == has_link
    if has_link:
        assert await shown(client, link, jobs) == [True, True]


async def test_two_booths_that_count_alike_make_two_visits(
    stack: Stack, camera: Camera, other_camera: Camera, shot: Shot, client: httpx.AsyncClient
) -> None:
    shot.fields["eventkitesessionid"] = uuid.uuid4().hex
    one = [job(await camera.post(f"/api/ingest/slot-00{slot}", shot)) for slot in (1, 2)]
    other = [job(await other_camera.post("/api/ingest/slot-001", shot))]
    assert (await stack.row(one[0]))["booth"] == "127.0.0.1"
    assert await visit_of(client, other[0]) is None, "the only picture of its visit"
    other.append(job(await other_camera.post("/api/ingest/slot-002", shot)))
    links = [await visit_of(client, made) for made in (one[0], other[0])]
    assert await shown(client, links[0], one + other) == [True, True, False, False]
    assert await shown(client, links[1], one + other) == [False, False, True, True]
    archives = [
        zipfile.ZipFile(io.BytesIO((await client.get(f"{link}/pictures.zip")).content)) for link in links
    ]
    assert [len(archive.namelist()) for archive in archives] == [2, 2]


async def test_two_booths_in_one_slot_at_the_same_time_make_two_visits(
    camera: Camera, other_camera: Camera, shot: Shot, client: httpx.AsyncClient, setting: Change
) -> None:
    await setting("visit_pause_seconds", 60)
    booths = [Camera(camera.port, address=new_address()), other_camera]
    jobs = [job(await booth.post("/api/ingest/slot-003", shot)) for booth in (*booths, *booths)]
    links = [await visit_of(client, one) for one in jobs]
    assert links[:2] == links[2:]
    assert await shown(client, links[0], jobs) == [True, False, True, False]
    assert await shown(client, links[1], jobs) == [False, True, False, True]


async def test_pictures_from_before_booths_were_told_apart_stay_one_visit(
    stack: Stack, camera: Camera, other_camera: Camera, shot: Shot, client: httpx.AsyncClient
) -> None:
    shot.fields["eventkitesessionid"] = uuid.uuid4().hex
    jobs = [job(await booth.post("/api/ingest/slot-001", shot)) for booth in (camera, other_camera) * 2]
    async with stack.database() as db:
        await db.execute("update job_history set booth = null where job_id = any($1)", jobs[:3])
    assert await shown(client, await visit_of(client, jobs[1]), jobs) == [True, True, True, False]


async def test_where_no_field_marks_a_visit_a_pause_may_end_it(
    stack: Stack,
    other_camera: Camera,
    shot: Shot,
    client: httpx.AsyncClient,
    setting: Change,
    noticed: Noticed,
) -> None:
    made = [job(await other_camera.post("/api/ingest/slot-004", shot)) for _ in range(5)]
    moved = "update job_history set created_at = now() - make_interval(secs => $2) where job_id = $1"
    async with stack.database() as db:
        # Two guests: three pictures within a minute, and two more after three minutes.
        for one, ago in zip(made, (300, 270, 240, 60, 30), strict=True):
            await db.execute(moved, one, ago)
    assert await visit_of(client, made[0]) is None, "only where a rule is set"
    await setting("visit_pause_seconds", 60)
    links = {await visit_of(client, one) for one in made[:3]}
    assert len(links) == 1, "whichever picture of it is looked at, the visit is the same"
    (link,) = links
    assert await shown(client, link, made) == [True, True, True, False, False]
    async with stack.database() as db:
        await db.execute("update job_history set hidden_at = now() where job_id = $1", made[0])
    await noticed()
    assert await shown(client, link, made) == [False, True, True, False, False]
    await setting("visit_pause_seconds", 0)
    assert (await client.get(str(link), headers=HTML)).status_code == 404
