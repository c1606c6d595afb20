"""A whole party behind one address opens the gallery at once and is let in; a flood from there is not."""

from __future__ import annotations

import asyncio
import re
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import httpx
import pytest

from tests.support.camera import Camera, Shot
from tests.support.connections import as_many_as_there_are
from tests.support.logins import new_address
from tests.support.stack import Stack

PHONES, PICTURES = 200, 60
CONNECTIONS = 6  # that a browser opens to one place
FLOOD = 20_000
ACCEPT = "Accept: image/webp,text/html"
SLOT = "slot-008"
_COLUMNS = "select column_name from information_schema.columns where table_name = 'job_history'"


@pytest.fixture(autouse=True)
def _many_connections() -> Iterator[None]:
    with as_many_as_there_are():
        yield


@dataclass
class Phone:
    """Its line: it asks for one thing after the other."""

    port: int
    address: str

    async def ask(self, *paths: str) -> list[tuple[int, bytes]]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port, local_addr=(self.address, 0))
        answers = []
        for path in paths:
            writer.write(f"GET {path} HTTP/1.1\r\nHost: party\r\n{ACCEPT}\r\n\r\n".encode())
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(re.findall(rb"(?i)content-length: (\d+)", head)[0])
            answers.append((int(head[9:12]), await reader.readexactly(length)))
        writer.close()
        return answers


@asynccontextmanager
async def gallery_of_many(
    stack: Stack, camera: Camera, shot: Shot, admin: httpx.AsyncClient
) -> AsyncIterator[str]:
    """The path of a gallery with so many pictures, each with its small picture."""
    opened = await admin.post("/api/shared-galleries", json={"minutes": 5, "slot_id": SLOT})
    made = (await camera.post(f"/api/ingest/{SLOT}", shot)).headers["x-job-id"]
    async with stack.database() as db:
        names = [row["column_name"] for row in await db.fetch(_COLUMNS)]
        same = ", ".join(name for name in names if name not in ("job_id", "created_at"))
        jobs = [uuid.uuid4() for _ in range(PICTURES - 1)]
        await db.execute(
            f"insert into job_history (job_id, created_at, {same}) select fresh, now(), {same}"
            " from job_history, unnest($2::uuid[]) fresh where job_id = $1",
            made,
            jobs,
        )
        small = stack.media / f"previews/{made}.s320.webp"
        await admin.get(f"/public/results/{made}/preview?w=320", headers={"Accept": "image/webp"})
        for job in jobs:
            (stack.media / f"previews/{job}.s320.webp").hardlink_to(small)
        try:
            yield httpx.URL(opened.json()["url"]).path
        finally:
            await admin.delete(f"/api/shared-galleries/{opened.json()['id']}")
            await db.execute("delete from job_history where job_id = any($1)", jobs)
            for job in jobs:
                (stack.media / f"previews/{job}.s320.webp").unlink()


def small_pictures(path: str, page: bytes) -> list[str]:
    """What a gallery's page asks for."""
    return [f"{path}/p/{name}/preview?w=320" for name in re.findall(r'data-name="([^"]+)"', page.decode())]


async def test_two_hundred_phones_behind_one_address_open_a_gallery_and_a_flood_is_stopped(
    stack: Stack, camera: Camera, shot: Shot, admin: httpx.AsyncClient
) -> None:
    phone = Phone(stack.port, new_address())
    async with gallery_of_many(stack, camera, shot, admin) as path:

        async def opens() -> list[tuple[int, bytes]]:
            page = await phone.ask(path)
            small = small_pictures(path, page[0][1])
            lines = [small[number::CONNECTIONS] for number in range(CONNECTIONS)]
            answers = await asyncio.gather(*(phone.ask(*each) for each in lines))
            return page + [one for line in answers for one in line]

        seen = [one for answers in await asyncio.gather(*(opens() for _ in range(PHONES))) for one in answers]
        assert Counter(status for status, _ in seen) == {200: PHONES * (PICTURES + 1)}
        small = small_pictures(path, (await phone.ask(path))[0][1])[0]
        refused = asyncio.Event()

        async def floods() -> None:
            for _ in range(FLOOD // 1000):
                if not refused.is_set() and 429 in dict(await phone.ask(*[small] * 50)):
                    refused.set()

        await asyncio.gather(*(floods() for _ in range(20)))
        assert refused.is_set()
        others = await Phone(stack.port, new_address()).ask(path)
        assert others[0][0] == 200, "nobody else is kept out"
