"""``POST /api/slots/{slot_id}/test-run`` and ``POST /api/jobs/{job_id}/run-again``.

They stand here because they send a photo along the same line as a booth does.
"""

from __future__ import annotations

import uuid
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from appliance.accounts.permissions import Principal
from appliance.core.errors import ErrorCode
from appliance.core.injection import Injected
from appliance.core.openapi import error_responses
from appliance.core.public_base import base_urls_of
from appliance.core.uploads import clean_text
from appliance.staff.access import AUTH_ERRORS, requires
from appliance.staff.jobs.routes import JobId
from appliance.staff.jobs.schemas import JobView
from appliance.staff.jobs.service import JobService
from appliance.staff.slots.routes import SlotId
from appliance.staff.trials.service import StartedTrial, TrialRequest, Trials

router = APIRouter(prefix="/api")

_OURS = frozenset({"wait", "last"})
_BODY: dict[str, Any] = {
    "content": {
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "properties": {
                    "file": {"type": "string", "format": "binary", "description": "the photo to try"},
                    "config": {
                        "type": "string",
                        "description": "unsaved settings as JSON, in the form of `PUT /api/slots/{slot_id}`",
                    },
                },
                "additionalProperties": {"type": "string", "description": "as a camera would send it"},
            }
        }
    }
}
_WAITED: dict[int | str, dict[str, Any]] = {
    200: {"model": JobView, "description": "With `wait=1`: the job has ended, well or not"}
}
_ERRORS = (
    *AUTH_ERRORS,
    ErrorCode.SOURCE_NOT_KEPT,
    ErrorCode.SLOT_BUSY,
    ErrorCode.PROVIDER_FAILED,
    ErrorCode.STORAGE_FULL,
    ErrorCode.VALIDATION_FAILED,
)


class JobStarted(BaseModel):
    """A job is on its way."""

    model_config = ConfigDict(frozen=True)

    job_id: uuid.UUID = Field(examples=["5f0c2a52-4a5e-4a0f-9d68-0d2f6a1c7b11"])
    slot_id: str = Field(examples=["slot-005"])
    source: Literal["ingest", "test"]
    status: Literal["pending"] = "pending"
    status_url: str = Field(
        description="ask here how far it is", examples=["/api/jobs/5f0c2a52-4a5e-4a0f-9d68-0d2f6a1c7b11"]
    )
    deadline_seconds: float = Field(examples=[48])


MayTest = Annotated[Principal, Depends(requires("slots:test"))]
Service = Injected[Trials]
Jobs = Injected[JobService]
Wait = Annotated[bool, Query(description="answer when the job has ended")]


async def _answer(
    trial: StartedTrial, *, wait: bool, jobs: JobService, who: Principal, response: Response
) -> JobStarted | JobView:
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


@router.post(
    "/slots/{slot_id}/test-run",
    tags=["slots"],
    status_code=202,
    summary="Try a slot",
    response_model=JobStarted | JobView,
    openapi_extra={"requestBody": _BODY},
    responses=_WAITED
    | error_responses(
        *_ERRORS,
        ErrorCode.SLOT_NOT_FOUND,
        ErrorCode.INVALID_MULTIPART,
        ErrorCode.MISSING_FIELD,
        ErrorCode.PAYLOAD_TOO_LARGE,
        ErrorCode.UNSUPPORTED_MEDIA_TYPE,
        ErrorCode.NOT_AN_IMAGE,
        ErrorCode.IMAGE_TOO_MANY_PIXELS,
    ),
)
async def try_slot(
    request: Request,
    response: Response,
    slot_id: SlotId,
    who: MayTest,
    trials: Service,
    jobs: Jobs,
    wait: Wait = False,
    last: Annotated[bool, Query(description="the last guest's photo, where photos are kept")] = False,
) -> JobStarted | JobView:
    """Sends a photo along the same line as a booth's: same permits, deadline and finishing. The job has
    `source: test`: guests do not see it and it is in no statistics. The slot may be paused, its
    settings unsaved.
    """
    query = {
        clean_text(name): clean_text(value)
        for name, value in request.query_params.items()
        if name not in _OURS
    }
    trial = await trials.try_slot(
        TrialRequest(
            slot_id=slot_id,
            started=request.state.arrived,
            content_type=request.headers.get("content-type"),
            body=request.stream(),
            way=base_urls_of(request),
            last=last,
            query=query,
        ),
        who,
    )
    return await _answer(trial, wait=wait, jobs=jobs, who=who, response=response)


@router.post(
    "/jobs/{job_id}/run-again",
    tags=["jobs"],
    status_code=202,
    summary="Run a job again",
    response_model=JobStarted | JobView,
    responses=_WAITED | error_responses(*_ERRORS, ErrorCode.JOB_NOT_FOUND),
)
async def run_again(
    request: Request,
    response: Response,
    job_id: JobId,
    who: MayTest,
    trials: Service,
    jobs: Jobs,
    wait: Wait = False,
) -> JobStarted | JobView:
    """A new job with the same photo and what the camera sent with it, while the photo is kept
    (`keep_sources_hours`), and with the slot as it is now. A guest's job gives a guest's picture.
    """
    trial = await trials.run_again(job_id, request.state.arrived, base_urls_of(request), who)
    return await _answer(trial, wait=wait, jobs=jobs, who=who, response=response)
