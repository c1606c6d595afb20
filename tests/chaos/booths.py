"""Booths that post photos without a pause, send again what was not answered, and remember everything."""

from __future__ import annotations

import asyncio
import hashlib
import time
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from tests.container.stack import allowed
from tests.support.camera import CAPTURED_FIELDS, Camera, Reply, Shot
from tests.support.photos import portrait_jpeg
from tests.support.stack import Stack

AGAIN_SECONDS = 0.2  # a booth that was not answered tries again
LONGEST = 70.0  # the longest deadline of a slot, and some more: who waits longer was forgotten
LAST_SECONDS = 120.0  # for the last photo of each, after all that was done to the appliance


@dataclass
class Sent:
    """One photo, under one idempotency key, until it was answered with a picture."""

    slot_id: str
    key: str = field(default_factory=lambda: uuid.uuid4().hex)
    statuses: list[int] = field(default_factory=list)  # 0: no answer at all
    codes: list[str] = field(default_factory=list)
    job_id: str | None = None
    digest: str | None = None
    spans: list[tuple[float, float]] = field(default_factory=list)  # of each try, in monotonic seconds
    address: str | None = None

    @property
    def longest(self) -> float:
        """Seconds that the longest try took."""
        return max((end - began for began, end in self.spans), default=0.0)


@dataclass
class Booths:
    """``sent`` holds every photo of every booth."""

    stack: Stack
    photo: bytes
    sent: list[Sent] = field(default_factory=list)
    stopping: asyncio.Event = field(default_factory=asyncio.Event)

    async def post(self, slot_id: str, sent: Sent | None = None, address: str | None = None) -> Sent:
        """One try of one photo."""
        mine = sent or Sent(slot_id, address=address)
        if sent is None:
            self.sent.append(mine)
        shot = Shot(self.photo, self.password, {**CAPTURED_FIELDS, "idempotency_key": mine.key})
        began = time.monotonic()
        try:
            async with asyncio.timeout(allowed(LONGEST)):
                camera = Camera(self.stack.port, address=mine.address)
                reply = await camera.post(f"/api/ingest/{slot_id}?reply=image", shot)
        except TimeoutError:  # an OSError too
            raise AssertionError(f"no answer at all to {mine}") from None
        except (OSError, asyncio.IncompleteReadError):
            mine.statuses.append(0)
        else:
            self._note(mine, reply)
        mine.spans.append((began, time.monotonic()))
        return mine

    def _note(self, mine: Sent, reply: Reply) -> None:
        mine.statuses.append(reply.status)
        if reply.status == 200:
            mine.job_id, mine.digest = reply.headers["x-job-id"], hashlib.sha256(reply.body).hexdigest()
        else:
            mine.codes.append(reply.code)

    @property
    def password(self) -> str:
        return str(self.stack.first_passwords["ingest"])

    async def work(self, slot_id: str, address: str | None = None) -> None:
        """Photo after photo; the last one is sent until it has its picture."""
        while not self.stopping.is_set():
            mine = await self.post(slot_id, address=address)
            while mine.digest is None:
                await asyncio.sleep(AGAIN_SECONDS)
                await self.post(slot_id, mine)

    def statuses(self) -> Counter[int]:
        return Counter(status for one in self.sent for status in one.statuses)

    def codes(self) -> Counter[str]:
        return Counter(code for one in self.sent for code in one.codes)


@asynccontextmanager
async def booths_at_work(
    stack: Stack, slots: Sequence[str], photo: bytes = b"", addresses: Sequence[str | None] = ()
) -> AsyncIterator[Booths]:
    """A booth a slot, at work during the block; afterwards every photo has its picture."""
    booths = Booths(stack, photo or portrait_jpeg())
    async with asyncio.TaskGroup() as group:
        working = [
            group.create_task(booths.work(slot_id, address))
            for slot_id, address in zip(slots, addresses or [None] * len(slots), strict=True)
        ]
        try:
            yield booths
        finally:
            booths.stopping.set()
            _, waiting = await asyncio.wait(working, timeout=LAST_SECONDS)
            for task in waiting:
                task.cancel()
            assert not waiting, f"{len(waiting)} booths got no picture of their last photo: {booths.codes()}"
