"""``/api/jobs/{job_id}/run-again``: the same photo once more."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from appliance.core.errors import ErrorCode
from appliance.core.injection import Injected
from appliance.core.openapi import error_responses
from appliance.core.public_base import base_urls_of
from appliance.staff.access import MayTestSlots
from appliance.staff.jobs.routes import JobId
from appliance.staff.jobs.schemas import JobView
from appliance.staff.jobs.service import JobService
from appliance.staff.trials.answers import TRIAL_ERRORS, WAITED, JobStarted, Wait, answer
from appliance.staff.trials.service import Trials

router = APIRouter(prefix="/api/jobs", tags=["jobs"])


@router.post(
    "/{job_id}/run-again",
    status_code=202,
    summary="Run a job again",
    response_model=JobStarted | JobView,
    responses=WAITED | error_responses(*TRIAL_ERRORS, ErrorCode.JOB_NOT_FOUND),
)
async def run_again(
    request: Request,
    response: Response,
    job_id: JobId,
    who: MayTestSlots,
    trials: Injected[Trials],
    jobs: Injected[JobService],
    wait: Wait = False,
) -> JobStarted | JobView:
    """A new job with the same photo and what the camera sent with it, while the photo is kept
    (`keep_sources_hours`), and with the slot as it is now. A guest's job gives a guest's picture.
    """
    trial = await trials.run_again(job_id, request.state.arrived, base_urls_of(request), who)
    return await answer(trial, wait=wait, jobs=jobs, who=who, response=response)
