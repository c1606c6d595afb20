"""``/api/jobs/{job_id}/…``: a job's picture for those who are logged in; hiding and deleting it (UC6)."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Response

from appliance.core.errors import ErrorCode
from appliance.core.injection import Injected
from appliance.core.openapi import error_responses, picture_content
from appliance.core.sending import stored_file
from appliance.guests.service import attachment
from appliance.media import previews
from appliance.staff.access import AUTH_ERRORS, MayReadResults, MayWriteResults
from appliance.staff.jobs.hiding import PictureHiding
from appliance.staff.jobs.pictures import StaffPictures
from appliance.staff.jobs.routes import JobId
from appliance.staff.jobs.schemas import ResultView

router = APIRouter(prefix="/api/jobs", tags=["pictures"])

Pictures = Injected[StaffPictures]
Hiding = Injected[PictureHiding]

_PICTURE: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The picture",
        "content": picture_content(),
    }
}
_PREVIEW: dict[int | str, dict[str, Any]] = {
    200: {"description": "A square of 320 pixels", "content": picture_content(previews.TYPE)}
}
_ERRORS = (*AUTH_ERRORS, ErrorCode.JOB_NOT_FOUND, ErrorCode.RESULT_NOT_FOUND, ErrorCode.RESULT_EXPIRED)


@router.get(
    "/{job_id}/preview",
    summary="A result's preview",
    response_class=Response,
    responses=_PREVIEW | error_responses(*_ERRORS, ErrorCode.STORAGE_FULL),
)
async def preview(job_id: JobId, _: MayReadResults, pictures: Pictures) -> Response:
    """Made once, when it is first asked for."""
    found = await pictures.preview(job_id)
    return stored_file(found.key, found.media_type, cache="private, max-age=3600")


@router.get(
    "/{job_id}/result",
    summary="Download a result",
    response_class=Response,
    responses=_PICTURE | error_responses(*_ERRORS, ErrorCode.STORAGE_FULL),
)
async def result(job_id: JobId, _: MayReadResults, pictures: Pictures) -> Response:
    """The picture as guests get it, hidden ones too."""
    found = await pictures.result(job_id)
    return stored_file(
        found.key, found.media_type, cache="private, no-cache", disposition=attachment(found.name)
    )


@router.get(
    "/{job_id}/source",
    summary="The guest's own photo",
    response_class=Response,
    responses=_PICTURE
    | error_responses(
        *AUTH_ERRORS, ErrorCode.JOB_NOT_FOUND, ErrorCode.SOURCE_NOT_KEPT, ErrorCode.STORAGE_FULL
    ),
)
async def source(job_id: JobId, _: MayReadResults, pictures: Pictures) -> Response:
    """As the booth sent it, where photos are kept (`keep_sources_hours`)."""
    found = await pictures.source(job_id)
    return stored_file(found.key, found.media_type, cache="private, no-cache")


@router.post("/{job_id}/hide", summary="Hide from guests", responses=error_responses(*_ERRORS))
async def hide(job_id: JobId, who: MayWriteResults, hiding: Hiding) -> ResultView:
    """Its public link answers 404 and no guests' gallery shows it, until it is unhidden."""
    return await hiding.hide(job_id, who)


@router.post(
    "/{job_id}/unhide",
    summary="Show to guests again",
    responses=error_responses(*_ERRORS),
)
async def unhide(job_id: JobId, who: MayWriteResults, hiding: Hiding) -> ResultView:
    """Its public link works again."""
    return await hiding.unhide(job_id, who)


@router.delete("/{job_id}/result", summary="Delete a result", responses=error_responses(*_ERRORS))
async def delete(job_id: JobId, who: MayWriteResults, hiding: Hiding) -> ResultView:
    """Its public link answers 410 at once. It can be restored for ten minutes; then its files are removed."""
    return await hiding.delete(job_id, who)


@router.post(
    "/{job_id}/undelete",
    summary="Restore a deleted result",
    responses=error_responses(*_ERRORS),
)
async def undelete(job_id: JobId, who: MayWriteResults, hiding: Hiding) -> ResultView:
    """Within ten minutes."""
    return await hiding.undelete(job_id, who)
