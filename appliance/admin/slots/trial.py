"""Trying a slot from its editor: a photo in, the picture and every attempt out."""

from __future__ import annotations

import uuid
from typing import Any

from fastapi import APIRouter, Response

from appliance.admin.errors import explained
from appliance.admin.jobs.view import advice_text, attempts_chart
from appliance.admin.render import part
from appliance.admin.security import MayTestSlots, PageContext
from appliance.core.errors import ApplianceError
from appliance.core.public_base import base_urls_of
from appliance.jobs.models import JobStatus
from appliance.staff.jobs.schemas import JobView
from appliance.staff.jobs.service import JobService
from appliance.staff.trials.service import TrialRequest, Trials

router = APIRouter(prefix="/slots")


@router.post("/{slot_id}/test")
async def start(slot_id: str, context: MayTestSlots, last: str = "") -> Response:
    """Send a photo along the line, with the settings on the form if they came with it."""
    try:
        trial = await context.service(Trials).try_slot(
            TrialRequest(
                slot_id=slot_id,
                started=context.request.state.arrived,
                content_type=context.request.headers.get("content-type"),
                body=context.request.stream(),
                way=base_urls_of(context.request),
                last=bool(last),
            ),
            context.person,
        )
    except ApplianceError as error:
        said: dict[str, Any] = explained(context, error)
        return part(context, "_slot_test_refused.html", status=422, error=error, **said)
    return await _progress(context, slot_id, trial.job.job_id)


@router.get("/{slot_id}/test/{job_id}")
async def progress(slot_id: str, job_id: uuid.UUID, context: MayTestSlots) -> Response:
    """How far it is; at its end what came of it."""
    return await _progress(context, slot_id, job_id)


async def _progress(context: PageContext, slot_id: str, job_id: uuid.UUID) -> Response:
    job = await context.service(JobService).get(str(job_id), context.person)
    template = "_slot_test_running.html" if job.status is JobStatus.PENDING else "_slot_test_done.html"
    return part(context, template, slot_id=slot_id, **outcome(context, job))


def outcome(context: PageContext, job: JobView) -> dict[str, Any]:
    """What the templates show of a job that was tried."""
    return {"job": job, "advice_text": advice_text(context.language, job), "chart": attempts_chart(job)}
