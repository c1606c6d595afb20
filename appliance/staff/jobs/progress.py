"""How far pictures have got that are being made, where their provider tells."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from appliance.core.siblings import ALONE, Siblings
from appliance.jobs.ledger import JobLedger, JobRecord
from appliance.staff.jobs.schemas import ProgressView

_QUESTION = "job_progress"


@dataclass(frozen=True, slots=True)
class PhotoInProgress:
    """A photo that is being worked at: for how long, and how long it may take."""

    job_id: uuid.UUID
    elapsed: float
    deadline: float


class JobProgress:
    """Looks at the jobs that are being worked at, by this process and by the others."""

    def __init__(self, ledger: JobLedger, siblings: Siblings = ALONE) -> None:
        self._ledger, self._siblings = ledger, siblings
        siblings.on(_QUESTION, self._tell)

    async def get(self, job_id: uuid.UUID) -> list[ProgressView]:
        """Of each attempt of a job that is under way and was told of, whichever process works at it."""
        record = self._ledger.open_jobs().get(job_id)
        if record:
            return list(_told(record))
        others = await self._siblings.ask(_QUESTION, job=str(job_id))
        return [ProgressView.model_validate(one) for told in others for one in told]

    async def _tell(self, facts: dict[str, Any]) -> Any:
        record = self._ledger.open_jobs().get(uuid.UUID(facts["job"]))
        return [one.model_dump(mode="json") for one in _told(record)] if record else []

    def by_slot(self) -> dict[str, list[ProgressView]]:
        """Of all jobs of this process, the older first."""
        found: dict[str, list[ProgressView]] = {}
        for record in self._ledger.open_jobs().values():
            found.setdefault(record.slot_id, []).extend(_told(record))
        return found

    def oldest_by_slot(self) -> dict[str, PhotoInProgress]:
        """Of each slot the photo that has been on its way for longest, in this process."""
        found: dict[str, PhotoInProgress] = {}
        for record in self._ledger.open_jobs().values():
            one = PhotoInProgress(record.job_id, record.deadline.elapsed(), record.deadline.seconds)
            known = found.get(record.slot_id)
            if known is None or one.elapsed > known.elapsed:
                found[record.slot_id] = one
        return found


def _told(record: JobRecord) -> Iterator[ProgressView]:
    for attempt in record.attempts:
        if attempt.under_way and (attempt.queue_position is not None or attempt.steps):
            yield ProgressView(
                provider=attempt.provider,
                queue_position=0 if attempt.steps else attempt.queue_position,
                step=attempt.step,
                steps=attempt.steps,
            )
