"""How a test run and a job that runs again are answered."""

from __future__ import annotations

import uuid
from typing import Annotated, Any, Literal

from fastapi import Query, Response
from pydantic import Field

from appliance.accounts.permissions import Principal
from appliance.core.errors import ErrorCode
from appliance.core.frozen import FrozenModel
from appliance.staff.access import AUTH_ERRORS
from appliance.staff.jobs.schemas import JobView
from appliance.staff.jobs.service import JobService
from appliance.staff.trials.service import StartedTrial

WAITED: dict[int | str, dict[str, Any]] = {
    200: {"model": JobView, "description": "With `wait=1`: the job has ended, well or not"}
}
TRIAL_ERRORS = (
    *AUTH_ERRORS,
    ErrorCode.SOURCE_NOT_KEPT,
    ErrorCode.SLOT_BUSY,
    ErrorCode.PROVIDER_FAILED,
    ErrorCode.STORAGE_FULL,
    ErrorCode.VALIDATION_FAILED,
)


class JobStarted(FrozenModel):
    """A job is on its way."""

    job_id: uuid.UUID = Field(examples=["5f0c2a52-4a5e-4a0f-9d68-0d2f6a1c7b11"])
    slot_id: str = Field(examples=["slot-005"])
    source: Literal["ingest", "test"]
    status: Literal["pending"] = "pending"
    status_url: str = Field(
        description="where to ask for its progress",
        examples=["/api/jobs/5f0c2a52-4a5e-4a0f-9d68-0d2f6a1c7b11"],
    )
    deadline_seconds: float = Field(examples=[48])


Wait = Annotated[bool, Query(description="answer only when the job has ended")]


async def answer(
    trial: StartedTrial, *, wait: bool, jobs: JobService, who: Principal, response: Response
) -> JobStarted | JobView:
    """The job at its end, or where to ask for it."""
    job = trial.job
    if wait:
        await trial.finished()
        response.status_code = 200
        return await jobs.get(str(job.job_id), who)
    return JobStarted(
        job_id=job.job_id,
        slot_id=job.slot.slot_id,
        source=job.source,
        status_url=f"/api/jobs/{job.job_id}",
        deadline_seconds=job.deadline.seconds,
    )
