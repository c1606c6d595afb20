"""Pictures of one job on their way into the store: a fallback's is stored while a better one is awaited."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

import structlog

from appliance.core.tasks import begin
from appliance.core.threads import finish_in_thread
from appliance.media.store import MediaStore, StoredFile
from appliance.providers.attempts import Delivery, Outcome

log = structlog.get_logger()

Store = Callable[[Delivery], Awaitable[StoredFile]]


@dataclass(frozen=True, slots=True)
class _Stored:
    delivery: Delivery
    file: StoredFile


class PictureStoring:
    """Finishes and stores a job's pictures one after the other; the newest takes the place of the others."""

    def __init__(self, job_id: uuid.UUID, media: MediaStore, store: Store) -> None:
        self._job_id = job_id
        self._media = media
        self._store = store
        self._given = False  # to the job, as its result
        self._newest: tuple[Delivery, asyncio.Task[_Stored]] | None = None
        self._begun: set[asyncio.Task[_Stored]] = set()

    def begin(self, delivery: Delivery) -> None:
        """Finish and store this picture beside whatever the caller does."""
        before = self._newest[1] if self._newest else None
        task = begin(self._instead(before, delivery))
        self._begun.add(task)
        self._newest = delivery, task

    async def stored(self, delivery: Delivery) -> StoredFile:
        """The file of this picture; an earlier one's where this one comes too late to be stored."""
        if self._newest is None or self._newest[0] is not delivery:
            self.begin(delivery)
        assert self._newest is not None  # noqa: S101 - it was begun
        done = await self._newest[1]
        if done.delivery is not delivery:
            delivery.attempt.outcome = Outcome.PICTURE
            done.delivery.attempt.outcome = Outcome.DELIVERED
        self._given = True
        return done.file

    async def _instead(self, before: asyncio.Task[_Stored] | None, delivery: Delivery) -> _Stored:
        earlier = await _ended(before) if before else None  # never two at once into the same place
        try:
            file = await self._store(delivery)
        except Exception as error:
            if earlier is None:
                raise
            log.warning("picture.not_stored", route=delivery.route.name, error=type(error).__name__)
            size = await finish_in_thread(self._media.size, earlier.file.key)
            came_through = size != earlier.file.size  # its writing ended although time was up
            return _Stored(delivery, replace(earlier.file, size=size)) if came_through else earlier
        if earlier and earlier.file.key != file.key:
            await finish_in_thread(self._media.remove, earlier.file.key)
        return _Stored(delivery, file)

    async def aclose(self) -> None:
        """Break off what is still under way: the job has ended without it. Where it has ended without any
        picture, one that was stored all the same would be nobody's file, so it is removed.
        """
        for task in self._begun:
            task.cancel()
        for task in self._begun:
            await _ended(task)
        if self._begun and not self._given:
            await finish_in_thread(self._media.remove_results, self._job_id)


async def _ended(task: asyncio.Task[_Stored]) -> _Stored | None:
    """What came of ``task``, once it has ended."""
    await asyncio.wait({task})
    return None if task.cancelled() or task.exception() else task.result()
