"""``/api/jobs``: every job with its outcome, why, and what to do."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query

from appliance.core import clock
from appliance.core.errors import ErrorCode
from appliance.core.injection import Injected
from appliance.core.openapi import error_responses
from appliance.jobs.models import JobStatus
from appliance.staff.access import AUTH_ERRORS, MayReadJobs
from appliance.staff.jobs.schemas import JobList, JobView
from appliance.staff.jobs.search import JobFilter
from appliance.staff.jobs.service import JobService

router = APIRouter(prefix="/api/jobs", tags=["jobs"])

LONGEST_PAGE = 200
JobId = Annotated[str, Path(examples=["5f0c2a52-4a5e-4a0f-9d68-0d2f6a1c7b11"])]
Slot = Annotated[str | None, Query(max_length=16, pattern=r"^[a-z0-9-]*$", examples=["slot-005"])]
Moment = Annotated[clock.Moment | None, Query(examples=["2026-11-23T18:00:00Z"])]
Cursor = Annotated[
    str | None,
    Query(max_length=120, pattern=r"^[A-Za-z0-9_=-]*$", description="`next_cursor` of the previous page"),
]
Limit = Annotated[int, Query(ge=1, le=LONGEST_PAGE)]

Service = Injected[JobService]


@router.get("", summary="All jobs", responses=error_responses(*AUTH_ERRORS, ErrorCode.VALIDATION_FAILED))
async def page(
    _: MayReadJobs,
    service: Service,
    slot: Slot = None,
    status: JobStatus | None = None,
    source: Literal["ingest", "test"] | None = None,
    since: Moment = None,
    until: Moment = None,
    q: Annotated[
        str | None,
        Query(max_length=36, description="the first characters of a job's id", examples=["5f0c2a52"]),
    ] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> JobList:
    """The newest first. `since` is inclusive, `until` is not; both need a time zone. New jobs do not
    shift the pages.
    """
    wanted = JobFilter(slot, status, source, since, until, q)
    return await service.page(wanted, limit=limit, cursor=cursor)


@router.get(
    "/{job_id}",
    summary="One job",
    responses=error_responses(*AUTH_ERRORS, ErrorCode.JOB_NOT_FOUND),
)
async def job(job_id: JobId, who: MayReadJobs, service: Service) -> JobView:
    """Its outcome, the reason in plain words, each attempt and each step's time. What the camera sent
    beside the photo is shown to those who may see results.
    """
    return await service.get(job_id, who)
