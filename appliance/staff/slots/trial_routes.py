"""``POST /api/slots/{slot_id}/test-run``: a photo along the same line as a booth's."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from appliance.core.errors import ErrorCode
from appliance.core.injection import Injected
from appliance.core.openapi import UPLOAD_ERRORS, error_responses
from appliance.core.public_base import base_urls_of
from appliance.core.texts import query_values
from appliance.staff.access import MayTestSlots
from appliance.staff.jobs.schemas import JobView
from appliance.staff.jobs.service import JobService
from appliance.staff.slots.routes import SlotId
from appliance.staff.trials.answers import TRIAL_ERRORS, WAITED, JobStarted, Wait, answer
from appliance.staff.trials.service import TrialRequest, Trials

router = APIRouter(prefix="/api/slots")

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


@router.post(
    "/{slot_id}/test-run",
    tags=["slots"],
    status_code=202,
    summary="Try a slot",
    response_model=JobStarted | JobView,
    openapi_extra={"requestBody": _BODY},
    responses=WAITED
    | error_responses(
        *TRIAL_ERRORS,
        ErrorCode.SLOT_NOT_FOUND,
        *UPLOAD_ERRORS,
    ),
)
async def try_slot(
    request: Request,
    response: Response,
    slot_id: SlotId,
    who: MayTestSlots,
    trials: Injected[Trials],
    jobs: Injected[JobService],
    wait: Wait = False,
    last: Annotated[bool, Query(description="use the last guest's photo, if photos are kept")] = False,
) -> JobStarted | JobView:
    """Sends a photo along the same line as a booth's: same permits, deadline and finishing. The job has
    `source: test`: guests do not see it and it is in no statistics. The slot may be paused, its
    settings unsaved.
    """
    values = query_values(request.scope["query_string"])
    trial = await trials.try_slot(
        TrialRequest(
            slot_id=slot_id,
            started=request.state.arrived,
            content_type=request.headers.get("content-type"),
            body=request.stream(),
            way=base_urls_of(request),
            last=last,
            query={name: value for name, value in values.items() if name not in _OURS},
        ),
        who,
    )
    return await answer(trial, wait=wait, jobs=jobs, who=who, response=response)
