"""Results as operators browse, hide, delete and download them (UC6)."""

from __future__ import annotations

import io
import uuid
import zipfile
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest
from PIL import Image

from tests.support.camera import Camera, Shot
from tests.support.cleaning import clean
from tests.support.logins import code
from tests.support.stack import Stack

Change = Callable[..., Awaitable[None]]
SLOT = "slot-006"


@pytest.fixture
async def made(camera: Camera, shot: Shot) -> str:
    """A guest's picture."""
    return (await camera.post(f"/api/ingest/{SLOT}", shot)).headers["x-job-id"]


async def gallery(client: httpx.AsyncClient, **query: Any) -> list[dict[str, Any]]:
    reply = await client.get("/api/gallery", params={"slot": SLOT, **query})
    assert reply.status_code == 200, reply.text
    found: list[dict[str, Any]] = reply.json()["results"]
    return found


async def states(client: httpx.AsyncClient, job_id: str) -> set[str]:
    """Under which filters a result is found."""
    wanted = ("available", "hidden", "expired", "deleted", "kept", "any")
    found = {status: await gallery(client, status=status) for status in wanted}
    return {status for status, items in found.items() if job_id in [item["job_id"] for item in items]}


async def set_times(stack: Stack, job_id: str, **times: str) -> None:
    values = ", ".join(f"{name} = now() - interval '{ago}'" for name, ago in times.items())
    async with stack.database() as db:
        await db.execute(f"update job_history set {values} where job_id = $1", job_id)


async def test_a_result_in_the_gallery_says_all_a_card_needs(
    viewer: httpx.AsyncClient, client: httpx.AsyncClient, made: str
) -> None:
    card = (await gallery(viewer))[0]
    assert (card["job_id"], card["slot_id"], card["state"]) == (made, SLOT, "available")
    assert (await client.get(card["public_url"])).status_code == 200
    assert (await viewer.get(card["download_url"])).content == (await client.get(card["public_url"])).content


async def test_a_preview_is_a_sharp_square_made_once(
    stack: Stack, viewer: httpx.AsyncClient, client: httpx.AsyncClient, made: str
) -> None:
    stored = stack.media / f"previews/{made}.webp"
    assert not stored.exists()
    first = await viewer.get(f"/api/jobs/{made}/preview")
    assert first.headers["content-type"] == "image/webp"
    assert Image.open(io.BytesIO(first.content)).size == (320, 320)
    assert "private" in first.headers["cache-control"]
    changed = stored.stat().st_mtime_ns
    again = await viewer.get(f"/api/jobs/{made}/preview", headers={"If-None-Match": first.headers["etag"]})
    assert again.status_code == 304
    assert stored.stat().st_mtime_ns == changed
    assert code(await client.get(f"/api/jobs/{made}/preview")) == (401, "not_authenticated")
    assert (await client.get(f"/_media/previews/{made}.webp")).status_code == 404


async def test_pages_of_the_gallery_go_on_where_they_stopped(
    viewer: httpx.AsyncClient, camera: Camera, shot: Shot
) -> None:
    ids = [(await camera.post(f"/api/ingest/{SLOT}", shot)).headers["x-job-id"] for _ in range(3)]
    first = (await viewer.get(f"/api/gallery?slot={SLOT}&limit=2")).json()
    second = (await viewer.get(f"/api/gallery?slot={SLOT}&limit=2&cursor={first['next_cursor']}")).json()
    found = [item["job_id"] for item in (*first["results"], *second["results"])]
    assert found[:3] == ids[::-1]


async def test_a_hidden_result_is_for_operators_alone_until_it_is_shown_again(
    stack: Stack, admin: httpx.AsyncClient, client: httpx.AsyncClient, made: str
) -> None:
    hidden = await admin.post(f"/api/jobs/{made}/hide")
    assert (hidden.status_code, hidden.json()["state"]) == (200, "hidden")
    assert code(await client.get(f"/public/results/{made}")) == (404, "result_not_found")
    assert (await admin.get(f"/api/jobs/{made}/result")).status_code == 200
    assert (await admin.get(f"/api/jobs/{made}/preview")).status_code == 200
    assert await states(admin, made) == {"hidden", "kept", "any"}
    assert (await admin.post(f"/api/jobs/{made}/hide")).status_code == 200
    assert (await admin.post(f"/api/jobs/{made}/unhide")).json()["state"] == "available"
    assert (await client.get(f"/public/results/{made}")).status_code == 200
    async with stack.database() as db:
        actions = await db.fetch("select action from audit_log where subject = $1 order by id", made)
    assert [row["action"] for row in actions] == ["result.hidden", "result.unhidden"]


async def test_a_deleted_result_is_gone_at_once_and_can_be_had_back(
    admin: httpx.AsyncClient, client: httpx.AsyncClient, made: str
) -> None:
    deleted = await admin.delete(f"/api/jobs/{made}/result")
    assert (deleted.status_code, deleted.json()["state"]) == (200, "deleted")
    assert deleted.json()["deleted_at"]
    assert code(await client.get(f"/public/results/{made}")) == (410, "result_expired")
    assert await states(admin, made) == {"deleted", "any"}
    assert (await admin.post(f"/api/jobs/{made}/undelete")).json()["state"] == "available"
    assert (await client.get(f"/public/results/{made}")).status_code == 200


async def test_after_ten_minutes_a_deleted_result_and_all_its_files_are_gone_for_good(
    stack: Stack, admin: httpx.AsyncClient, camera: Camera, shot: Shot, setting: Change
) -> None:
    await setting("keep_sources_hours", 5)
    made = (await camera.post(f"/api/ingest/{SLOT}", shot)).headers["x-job-id"]
    await admin.get(f"/api/jobs/{made}/preview")
    await admin.delete(f"/api/jobs/{made}/result")
    files = [
        stack.media / f"{name}"
        for name in (f"results/{made}.jpg", f"previews/{made}.webp", f"sources/{made}.jpg")
    ]
    assert (await clean(stack))["deleted_results"] == 0
    assert [path.exists() for path in files] == [True] * 3
    await set_times(stack, made, deleted_at="11 min")
    assert code(await admin.post(f"/api/jobs/{made}/undelete")) == (410, "result_expired")
    assert (await clean(stack))["deleted_results"] == 1
    assert [path.exists() for path in files] == [False] * 3
    assert code(await admin.post(f"/api/jobs/{made}/undelete")) == (410, "result_expired")
    assert (await stack.row(made))["cleaned_at"] is not None


async def test_an_expired_result_takes_its_preview_along(
    stack: Stack, admin: httpx.AsyncClient, made: str
) -> None:
    await admin.get(f"/api/jobs/{made}/preview")
    await set_times(stack, made, result_expires_at="1 min")
    assert code(await admin.get(f"/api/jobs/{made}/preview")) == (410, "result_expired")
    assert await states(admin, made) == {"expired", "kept", "any"}
    await clean(stack)
    assert not (stack.media / f"previews/{made}.webp").exists()
    for refused in (
        await admin.post(f"/api/jobs/{made}/hide"),
        await admin.delete(f"/api/jobs/{made}/result"),
        await admin.get(f"/api/jobs/{made}/result"),
    ):
        assert code(refused) == (410, "result_expired")


async def test_a_job_without_a_picture_has_nothing_to_hide(
    stack: Stack, admin: httpx.AsyncClient, made: str
) -> None:
    async with stack.database() as db:
        await db.execute("update job_history set status = 'failed' where job_id = $1", made)
    assert code(await admin.post(f"/api/jobs/{made}/hide")) == (404, "result_not_found")
    assert code(await admin.get(f"/api/jobs/{made}/preview")) == (404, "result_not_found")
    assert code(await admin.post(f"/api/jobs/{uuid.uuid4()}/hide")) == (404, "job_not_found")


async def test_who_may_only_look_hides_and_deletes_nothing(viewer: httpx.AsyncClient, made: str) -> None:
    for refused in (
        await viewer.post(f"/api/jobs/{made}/hide"),
        await viewer.delete(f"/api/jobs/{made}/result"),
        await viewer.post(f"/api/jobs/{made}/undelete"),
    ):
        assert code(refused) == (403, "permission_denied")


async def test_a_selection_is_one_zip_with_the_very_pictures(
    viewer: httpx.AsyncClient, client: httpx.AsyncClient, camera: Camera, shot: Shot, setting: Change
) -> None:
    await setting("event_title", "Анна & Paul")
    ids = [(await camera.post(f"/api/ingest/{SLOT}", shot)).headers["x-job-id"] for _ in range(3)]
    reply = await viewer.get("/api/gallery.zip", params={"ids": ",".join(ids[:2])})
    assert reply.status_code == 200, reply.text
    assert reply.headers["content-type"] == "application/zip"
    assert "filename*=UTF-8''%D0%90%D0%BD%D0%BD%D0%B0-Paul-20" in reply.headers["content-disposition"]
    with zipfile.ZipFile(io.BytesIO(reply.content)) as archive:
        assert archive.testzip() is None
        names = archive.namelist()
        contents = {archive.read(name) for name in names}
        assert all(info.compress_size < info.file_size * 1.01 for info in archive.infolist())
    assert len(set(names)) == 2
    assert all(name.startswith("Анна-Paul-20") and name.endswith(".jpg") for name in names)
    assert contents == {(await client.get(f"/public/results/{job_id}")).content for job_id in ids[:2]}


async def test_everything_that_a_filter_finds_is_in_the_zip_but_what_is_gone(
    stack: Stack, admin: httpx.AsyncClient, camera: Camera, shot: Shot
) -> None:
    since = (await stack.value("select now()")).isoformat()
    ids = [(await camera.post(f"/api/ingest/{SLOT}", shot)).headers["x-job-id"] for _ in range(5)]
    await admin.delete(f"/api/jobs/{ids[0]}/result")
    await set_times(stack, ids[1], result_expires_at="1 min")
    (stack.media / f"results/{ids[2]}.jpg").unlink()
    await admin.post(f"/api/jobs/{ids[3]}/hide")
    reply = await admin.get("/api/gallery.zip", params={"slot": SLOT, "since": since})
    with zipfile.ZipFile(io.BytesIO(reply.content)) as archive:
        assert archive.testzip() is None
        assert len(archive.namelist()) == 2
    visible = await admin.get(
        "/api/gallery.zip", params={"slot": SLOT, "since": since, "status": "available"}
    )
    with zipfile.ZipFile(io.BytesIO(visible.content)) as archive:
        assert len(archive.namelist()) == 1
    await clean(stack)


async def test_a_zip_of_nothing_and_a_broken_selection_are_refused(
    viewer: httpx.AsyncClient, client: httpx.AsyncClient
) -> None:
    assert code(await viewer.get(f"/api/gallery.zip?ids={uuid.uuid4()}")) == (404, "result_not_found")
    assert code(await viewer.get("/api/gallery.zip?ids=1,2")) == (422, "validation_failed")
    many = ",".join(str(uuid.uuid4()) for _ in range(401))
    assert (await viewer.get(f"/api/gallery.zip?ids={many}")).status_code in (414, 422)
    assert code(await client.get("/api/gallery.zip")) == (401, "not_authenticated")
