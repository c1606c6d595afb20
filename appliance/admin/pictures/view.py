"""Pictures for the pages: the app decides who may see them, Nginx sends the bytes."""

from __future__ import annotations

from fastapi import APIRouter, Response

from appliance.admin.security import MayReadResults
from appliance.core.sending import stored_file
from appliance.staff.jobs.pictures import StaffPictures

router = APIRouter()


@router.get("/pictures/{job_id}")
async def preview(job_id: str, context: MayReadResults) -> Response:
    """A result's preview, made when it is first asked for."""
    found = await context.service(StaffPictures).preview(job_id)
    return stored_file(found.key, found.media_type, cache="private, max-age=3600")
