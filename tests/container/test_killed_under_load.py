"""``docker kill`` of each container while photos are made: what a booth was given is there afterwards."""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import dataclass, field

from tests.container.stack import SERVICES, ContainerStack, allowed, run
from tests.support.camera import CAPTURED_FIELDS, Reply, Shot
from tests.support.photos import portrait_jpeg
from tests.support.waiting import until

BOOTHS = ("slot-001", "slot-003")
AGAIN_SECONDS = 0.3  # after which a booth sends the same photo again, or the next one


@dataclass
class Post:
    """Booths that send again what was not answered with a picture."""

    box: ContainerStack
    password: str
    digests: dict[str, str] = field(default_factory=dict)  # of what was given, by job
    statuses: set[int] = field(default_factory=set)
    stopping: bool = False

    async def work(self, slot_id: str) -> None:
        number = 0
        while not self.stopping:
            number += 1
            fields = {**CAPTURED_FIELDS, "idempotency_key": f"{slot_id}-{number}"}
            shot = Shot(portrait_jpeg(), self.password, fields)
            reply = await self.answer(slot_id, shot)
            while reply is None or reply.status != 200:
                await asyncio.sleep(AGAIN_SECONDS)
                reply = await self.answer(slot_id, shot)
            self.digests[reply.headers["x-job-id"]] = hashlib.sha256(reply.body).hexdigest()
            await asyncio.sleep(AGAIN_SECONDS)

    async def answer(self, slot_id: str, shot: Shot) -> Reply | None:
        """``None``: the line was cut."""
        try:
            async with asyncio.timeout(allowed(70)):
                reply = await self.box.camera.post(f"/api/ingest/{slot_id}?reply=image", shot)
        except TimeoutError:  # an OSError too, but somebody was forgotten
            raise AssertionError("a booth had no answer at all") from None
        except (OSError, asyncio.IncompleteReadError):
            return None
        self.statuses.add(reply.status)
        return reply

    async def next_picture(self) -> None:
        before = len(self.digests)
        await until(lambda: len(self.digests) > before, seconds=allowed(60), every=0.1)


async def test_each_container_killed_under_load_loses_no_picture(box: ContainerStack) -> None:
    post = Post(box, await asyncio.to_thread(box.password))
    async with asyncio.TaskGroup() as group:
        for slot_id in BOOTHS:
            group.create_task(post.work(slot_id))
        for service in SERVICES:
            await post.next_picture()
            await asyncio.to_thread(run, "docker", "kill", box.container(service))
            # To Docker that was an operator's wish: it starts nothing by itself then, unlike after a crash.
            await asyncio.to_thread(box.compose, "start", service)
            await post.next_picture()
        post.stopping = True
    assert post.statuses <= {200, 429, 503}
    for job_id, digest in post.digests.items():
        found = await asyncio.to_thread(box.get, f"/public/results/{job_id}")
        assert found.status_code == 200, found.text
        assert hashlib.sha256(found.content).hexdigest() == digest
    await until(lambda: asyncio.to_thread(lambda: box.pending() == 0), seconds=30, every=0.5)
