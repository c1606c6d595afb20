"""The queue of pictures that wait for a tap: on a phone, one hand, in the dark."""

from __future__ import annotations

import uuid
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import RedirectResponse

from appliance.admin.headers import MOUNT
from appliance.admin.naming import number_of
from appliance.admin.render import page, part
from appliance.admin.security import PageContext, allowed
from appliance.core.errors import NotFound
from appliance.core.injection import service_of
from appliance.core.sending import stored_file
from appliance.guests.screen_sizes import ScreenSizes, type_for
from appliance.guests.service import ResultService
from appliance.staff.shared_galleries.service import SharedGalleryService

router = APIRouter(prefix="/screens/queue")

MayApprove = Annotated[PageContext, Depends(allowed("results:moderate"))]

PAGE = f"{MOUNT}/screens/queue"
DECISIONS: dict[str, bool | None] = {"approve": True, "reject": False, "undo": None}
_WIDTH = 640


@router.get("")
async def queue(request: Request, context: MayApprove, after: uuid.UUID | None = None) -> Response:
    """The page; for HTMX what came after the picture ``after``."""
    waiting = await service_of(request, SharedGalleryService).queue(after)
    values = {"waiting": waiting, "after": waiting[-1].job_id if waiting else after, **_shared()}
    if context.is_htmx:
        return part(context, "_queue_items.html", **values)
    return page(context, "queue.html", **values)


@router.get("/{job_id}/picture")
async def picture(job_id: uuid.UUID, request: Request, _: MayApprove) -> Response:
    """A picture at the size of a phone."""
    found = await service_of(request, ResultService).ready(str(job_id))
    kind = type_for(request.headers.get("accept", ""))
    key = await service_of(request, ScreenSizes).screen(found.job.job_id, found.key, _WIDTH, kind)
    return stored_file(key, kind.media_type, cache="private, max-age=3600")


@router.post("/{job_id}/{decision}")
async def decide(job_id: uuid.UUID, decision: str, request: Request, context: MayApprove) -> Response:
    """Approve or reject a picture, or take that back."""
    assert context.who is not None  # noqa: S101 - the permission saw to it
    if decision not in DECISIONS:
        raise NotFound
    await service_of(request, SharedGalleryService).decide(
        [job_id], context.who, approved=DECISIONS[decision]
    )
    if not context.is_htmx or decision == "undo":
        return Response(headers={"HX-Redirect": PAGE}) if context.is_htmx else RedirectResponse(PAGE, 303)
    return part(context, "_queue_last.html", job_id=job_id, decision=decision, **_shared())


def _shared() -> dict[str, Any]:
    return {"queue": PAGE, "number_of": number_of}
