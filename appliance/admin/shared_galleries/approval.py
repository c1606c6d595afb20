"""The queue of pictures that wait for a tap: on a phone, one hand, in the dark."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

from fastapi import APIRouter, Response

from appliance.admin.headers import MOUNT
from appliance.admin.render import page, part
from appliance.admin.security import MayModerateResults
from appliance.core.errors import NotFound, VersionConflict
from appliance.core.sending import stored_file
from appliance.guests.screen_sizes import ScreenSizes, type_for
from appliance.guests.service import ResultService
from appliance.slots.schemas import number_of
from appliance.staff.shared_galleries.service import SharedGalleryService

router = APIRouter(prefix="/screens/queue")

PAGE = f"{MOUNT}/screens/queue"
DECISIONS: dict[str, bool | None] = {"approve": True, "reject": False, "undo": None}
_WIDTH = 640


@router.get("")
async def queue(context: MayModerateResults) -> Response:
    """The page."""
    waiting = await context.service(SharedGalleryService).queue()
    after = waiting[-1].job_id if waiting else None
    return page(context, "queue.html", waiting=waiting, after=after, gone=[], **_shared())


@router.post("/poll")
async def poll(context: MayModerateResults) -> Response:
    """What came after the picture ``after``, and which of those that are ``shown`` wait no longer."""
    form = await context.form()
    after = next(_ids(form.text("after")), None)
    galleries = context.service(SharedGalleryService)
    gone = await galleries.no_longer_waiting(list(_ids(form.text("shown"))))
    waiting = await galleries.queue(after)
    after = waiting[-1].job_id if waiting else after
    return part(context, "_queue_items.html", waiting=waiting, after=after, gone=gone, **_shared())


def _ids(text: str) -> Iterator[uuid.UUID]:
    """The ids in ``text``, with commas between them."""
    for one in text.split(","):
        try:
            yield uuid.UUID(one)
        except ValueError:
            continue


@router.get("/{job_id}/picture")
async def picture(job_id: uuid.UUID, context: MayModerateResults) -> Response:
    """A picture at the size of a phone."""
    found = await context.service(ResultService).ready(str(job_id))
    kind = type_for(context.request.headers.get("accept", ""))
    key = await context.service(ScreenSizes).screen(found.job.job_id, found.key, _WIDTH, kind)
    return stored_file(key, kind.media_type, cache="private, max-age=3600")


@router.post("/{job_id}/{decision}")
async def decide(job_id: uuid.UUID, decision: str, context: MayModerateResults) -> Response:
    """Approve or reject a picture of which nobody has decided, or take a decision back."""
    if decision not in DECISIONS:
        raise NotFound
    galleries, approved, faster = context.service(SharedGalleryService), DECISIONS[decision], None
    try:
        if approved is None:
            await galleries.decide([job_id], context.person, approved=None)
        else:
            await galleries.decide_first(job_id, context.person, approved=approved)
    except VersionConflict as error:
        if not context.is_htmx:
            raise
        faster = error
    if not context.is_htmx or decision == "undo":
        return Response(headers={"HX-Redirect": PAGE}) if context.is_htmx else context.redirect(PAGE)
    values = {"job_id": job_id, "decision": decision, "faster": faster, **_shared()}
    return part(context, "_queue_last.html", status=faster.status_code if faster else 200, **values)


def _shared() -> dict[str, Any]:
    return {"queue": PAGE, "number_of": number_of}
