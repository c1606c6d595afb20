"""Guests' links are answered from memory for less than a second: what is hidden or changed counts at once."""

from __future__ import annotations

import re
import time

import httpx

from tests.support.camera import Camera, Reply, Shot
from tests.support.metrics import scraped
from tests.support.stack import Stack
from tests.support.waiting import until

HTML = {"Accept": "text/html"}


async def made_by(camera: Camera, shot: Shot) -> str:
    reply: Reply = await camera.post("/api/ingest/slot-002", shot)
    return reply.headers["x-job-id"]


def links(job: str) -> list[str]:
    return [f"/public/results/{job}", f"/public/results/{job}/preview", f"/r/{job}"]


async def test_hiding_and_deleting_count_with_the_next_request(
    camera: Camera, shot: Shot, client: httpx.AsyncClient, admin: httpx.AsyncClient
) -> None:
    job = await made_by(camera, shot)
    steps = [("post", "hide", 404), ("post", "unhide", 200), ("delete", "result", 410)]
    for method, step, status in [*steps, ("post", "undelete", 200)]:
        for link in links(job):
            await client.get(link)
        assert (await admin.request(method, f"/api/jobs/{job}/{step}")).status_code == 200
        assert [(await client.get(link)).status_code for link in links(job)] == [status] * 3, step


async def test_what_another_process_hides_is_gone_within_a_second(
    stack: Stack, camera: Camera, shot: Shot, client: httpx.AsyncClient
) -> None:
    job = await made_by(camera, shot)
    async with stack.database() as db:
        for link in links(job):
            await db.execute("update job_history set hidden_at = null where job_id = $1", job)

            async def shown(link: str = link) -> bool:
                return (await client.get(link)).status_code == 200

            await until(shown)
            await db.execute("update job_history set hidden_at = now() where job_id = $1", job)
            hidden = time.monotonic()
            asked = [hidden]

            async def gone() -> bool:
                begun = time.monotonic()
                if await shown():
                    asked.append(begun)  # noqa: B023
                    return False
                return True

            await until(gone)
            assert asked[-1] - hidden < 1, link


async def test_a_download_from_memory_is_a_download(
    camera: Camera, shot: Shot, client: httpx.AsyncClient
) -> None:
    job = await made_by(camera, shot)
    link = f"/public/results/{job}"
    first = await client.get(link)
    again = await client.get(link)
    for name in ("content-disposition", "cache-control", "content-type", "etag", "x-content-type-options"):
        assert again.headers[name] == first.headers[name], name
    assert (again.content, again.headers["x-request-id"] != first.headers["x-request-id"]) == (
        first.content,
        True,
    )
    part = await client.get(link, headers={"Range": "bytes=100-199"})
    assert (part.status_code, part.content) == (206, first.content[100:200])
    same = await client.get(link, headers={"If-None-Match": first.headers["etag"]})
    assert (same.status_code, same.content) == (304, b"")
    head = await client.head(link)
    assert (head.status_code, head.headers["content-length"]) == (200, str(len(first.content)))


async def test_pages_from_memory_are_in_the_guests_own_language(
    camera: Camera, shot: Shot, client: httpx.AsyncClient
) -> None:
    page = links(await made_by(camera, shot))[2]
    for language in ("de", "ru", "de", "ru"):
        reply = await client.get(page, headers=HTML | {"Accept-Language": language})
        assert (reply.headers["content-language"], f'lang="{language}"' in reply.text) == (language, True)
    chosen = await client.get(f"{page}?lang=fr", headers=HTML)
    assert "guest_language=fr" in chosen.headers["set-cookie"]
    assert (await client.get(page, headers=HTML)).headers["content-language"] == "fr"


async def test_a_page_from_memory_has_all_headers_and_a_nonce_of_its_own(
    camera: Camera, shot: Shot, client: httpx.AsyncClient
) -> None:
    page = links(await made_by(camera, shot))[2]
    first, again = await client.get(page, headers=HTML), await client.get(page, headers=HTML)
    own = {"x-request-id", "date", "content-security-policy"}
    kept = [{name: value for name, value in one.headers.items() if name not in own} for one in (first, again)]
    assert kept[0] == kept[1]
    assert (kept[1]["x-frame-options"], kept[1]["referrer-policy"]) == ("DENY", "no-referrer")
    nonces = [
        re.findall(r"'nonce-([^']+)'", one.headers["content-security-policy"]) for one in (first, again)
    ]
    assert nonces[0][0] != nonces[1][0]
    assert f'nonce="{nonces[1][0]}"' in again.text
    assert nonces[0][0] not in again.text


async def test_downloads_previews_and_pages_from_memory_are_counted(
    stack: Stack, camera: Camera, shot: Shot, client: httpx.AsyncClient
) -> None:
    job = await made_by(camera, shot)
    token = (stack.data / "secrets/metrics-token").read_text().strip()
    headers = {"Authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(base_url=stack.url, headers=headers, trust_env=False) as scraper:
        before = await scraped(scraper)
        for link in links(job) * 5:
            assert (await client.get(link)).status_code == 200
        after = await scraped(scraper)
    for room in ("guest_download", "guest_preview", "guest_pages"):
        sample = ("photochanger_requests_total", (("room", room), ("status", "200")))
        assert after[sample] - before.get(sample, 0) == 5, room
