"""Trying a slot without anybody noticing: its own settings and our sample photo, no job, no picture kept.

What this machine makes itself is really made. A route that is paid for is not asked: of it everything else
is tried, and the sample photo is finished in the place of its picture.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from appliance.accounts.permissions import Principal
from appliance.core.clock import Deadline
from appliance.core.db import Database
from appliance.core.decoding import decoded_bytes_of
from appliance.core.images import JPEG, EncodedImage
from appliance.core.photos_first import PhotoWork
from appliance.core.public_base import BaseUrls
from appliance.core.threads import finish_in_thread
from appliance.jobs.links import page_path
from appliance.jobs.models import JobHistory
from appliance.jobs.repository import JobRepository
from appliance.media.finish import Finisher
from appliance.media.imaging import Imaging, Photo
from appliance.media.store import MediaStore
from appliance.providers.attempts import Attempt, stored_attempts
from appliance.providers.base import EditRequest
from appliance.providers.local.driver import LocalDriver
from appliance.providers.routes import Route
from appliance.slots.schemas import ActiveSlot
from appliance.slots.service import SlotService
from appliance.staff.booths.programs import sample_photo
from appliance.staff.preflight.qr_reading import texts_in
from appliance.staff.trials.service import TrialRequest, Trials

_BESIDE_PHOTOS = 20.0  # seconds for which a dry run lets photos go first
_LOOK = 0.2
_BOUNDARY = "-----------------preflight"
_FOLDER = "preflight"


@dataclass(frozen=True, slots=True)
class DryRunResult:
    """What came of it; ``qr``: whether the code printed into the picture can be read, where there is one."""

    seconds: float
    qr: bool | None


@dataclass(frozen=True, slots=True)
class PaidRunResult:
    """A photo that was paid for, as its job tells."""

    job: JobHistory
    seconds: float

    @property
    def attempts(self) -> list[Attempt]:
        """What was tried for it."""
        return stored_attempts(self.job.attempts)

    @property
    def cost(self) -> dict[str, Decimal]:
        """What is known of it, by currency."""
        found: dict[str, Decimal] = {}
        for one in self.attempts:
            if one.price and one.currency:
                found[one.currency] = found.get(one.currency, Decimal(0)) + Decimal(one.price)
        return found


class DryRuns:
    """Tries slots, one at a time; the looks are made in a thread that no photo waits for."""

    def __init__(
        self,
        database: Database,
        slots: SlotService,
        imaging: Imaging,
        media: MediaStore,
        trials: Trials,
        work: PhotoWork,
    ) -> None:
        self._database = database
        self._slots = slots
        self._imaging = imaging
        self._finisher = Finisher(imaging)
        self._media = media
        self._trials = trials
        self._work = work
        self._local = LocalDriver(workers=1)

    async def slot(self, slot_id: str) -> ActiveSlot:
        """As a photo would find it; raises ``ProviderFailed`` where its settings do not fit."""
        return await self._slots.for_trial(slot_id)

    async def dry_run(self, slot: ActiveSlot, route: Route, base: str) -> DryRunResult:
        """The sample photo through ``route``, where it is ours, and through what finishes its pictures.

        Raises what a photo's job would raise.
        """
        await self._after_photos()
        since = time.monotonic()
        deadline = slot.deadline_from(since)
        job_id = uuid.uuid4()
        link = base + page_path(job_id)
        async with self._sample() as path:
            info = await self._imaging.receive(path, slot.settings.max_pixels, slot.input_max_side)
            photo = Photo(path, info, self._imaging)
            if route.provider == LocalDriver.name:
                picture: EncodedImage = await self._made(slot, route, photo, str(job_id), deadline)
            else:
                picture = await photo.encoded(route.input_max_side)
            words = slot.settings.mark_ai_words if route.by_ai else ""
            finished = await self._finisher.finish(picture, slot.output, slot.overlay, deadline, link, words)
        read = None
        if slot.output.qr != "none":
            size = await asyncio.to_thread(decoded_bytes_of, finished.data)
            read = link in await self._imaging.run_for_page(size, texts_in, finished.data)
        return DryRunResult(time.monotonic() - since, read)

    async def _made(
        self, slot: ActiveSlot, route: Route, photo: Photo, job_id: str, deadline: Deadline
    ) -> EncodedImage:
        planned = slot.plan(job_id, {}).routes[slot.routes.index(route)]
        return await self._local.edit(
            EditRequest(
                job_id=job_id,
                photo=photo,
                operation=planned.operation,
                params=planned.params,
                templates=planned.templates,
                input_max_side=planned.input_max_side,
            ),
            deadline,
        )

    @asynccontextmanager
    async def _sample(self) -> AsyncIterator[Path]:
        """Our sample photo as an upload lies there: a process that starts meanwhile leaves it alone."""
        run_id = uuid.uuid4()
        try:
            folder = await finish_in_thread(self._media.make_temp, _FOLDER, run_id)
            photo = folder / "photo"
            await finish_in_thread(photo.write_bytes, sample_photo())
            yield photo
        finally:
            await finish_in_thread(self._media.drop_temp, _FOLDER, run_id)

    async def _after_photos(self) -> None:
        """Photos that are worked at go first, for a while."""
        until = time.monotonic() + _BESIDE_PHOTOS
        while self._work.now and time.monotonic() < until:  # noqa: ASYNC110 - photos tell nobody of their end
            await asyncio.sleep(_LOOK)

    async def paid_run(self, slot_id: str, base: str, by: str) -> PaidRunResult:
        """One photo along the whole line, which is paid for: a test, as on the slot's own page.

        Raises what a test run raises.
        """
        await self._after_photos()
        since = time.monotonic()
        trial = await self._trials.try_slot(
            TrialRequest(
                slot_id=slot_id,
                started=since,
                content_type=f"multipart/form-data; boundary={_BOUNDARY}",
                body=_form(),
                way=BaseUrls(base, None, "http", None),
            ),
            Principal(by, "", frozenset(), uuid.UUID(int=0), must_change_password=False, address=""),
        )
        await trial.finished()
        async with self._database.session() as session:
            job = await JobRepository(session).get(trial.job.job_id)
        assert job is not None  # noqa: S101 - it was opened
        return PaidRunResult(job, time.monotonic() - since)

    async def aclose(self) -> None:
        """End the thread."""
        await self._local.aclose()


async def _form() -> AsyncIterator[bytes]:
    head = (
        f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="preflight.jpg"\r\n'
        f"Content-Type: {JPEG.media_type}\r\n\r\n"
    )
    yield head.encode() + sample_photo() + f"\r\n--{_BOUNDARY}--\r\n".encode()


def parameters_of(shot: PaidRunResult) -> dict[str, Any]:
    """What is said of a shot."""
    cost = [f"{amount.normalize():f} {currency}" for currency, amount in shot.cost.items()]
    return {"took_seconds": round(shot.seconds, 1), "cost": ", ".join(cost)}
