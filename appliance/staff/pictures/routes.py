"""Results for those who are logged in: gallery, ZIP, previews, hiding and deleting (UC6)."""

from __future__ import annotations

import uuid
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query, Response

from appliance.accounts.permissions import Principal
from appliance.core.errors import ErrorCode, ValidationFailed
from appliance.core.injection import Injected
from appliance.core.language import Message
from appliance.core.openapi import error_responses
from appliance.core.sending import stored_file
from appliance.guests.sending import zip_answer
from appliance.guests.service import attachment
from appliance.media.previews import MEDIA_TYPE
from appliance.staff.access import AUTH_ERRORS, requires
from appliance.staff.jobs.routes import Cursor, JobId, Limit, Moment, Slot
from appliance.staff.jobs.schemas import ResultView
from appliance.staff.jobs.search import JobFilter
from appliance.staff.pictures.archive import StaffArchive
from appliance.staff.pictures.gallery import Gallery, GalleryPage, GalleryState
from appliance.staff.pictures.moderation import Moderation
from appliance.staff.pictures.service import StaffPictures

router = APIRouter(prefix="/api")

MOST_IDS = 400  # as many as fit into an address
MayRead = Annotated[Principal, Depends(requires("results:read"))]
MayWrite = Annotated[Principal, Depends(requires("results:write"))]
State = Annotated[
    GalleryState,
    Query(description="`kept`: all but the deleted ones; `any`: all that was ever made"),
]
Source = Annotated[Literal["ingest", "test"], Query(description="guests' pictures, or those of test runs")]

_BINARY = {"schema": {"type": "string", "format": "binary"}}
_PICTURE: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The picture",
        "content": dict.fromkeys(("image/jpeg", "image/png", "image/webp"), _BINARY),
    }
}
_PREVIEW: dict[int | str, dict[str, Any]] = {
    200: {"description": "A square of 320 pixels", "content": {MEDIA_TYPE: _BINARY}}
}
_ZIP: dict[int | str, dict[str, Any]] = {
    200: {"description": "The pictures", "content": {"application/zip": _BINARY}}
}
_ERRORS = (*AUTH_ERRORS, ErrorCode.JOB_NOT_FOUND, ErrorCode.RESULT_NOT_FOUND, ErrorCode.RESULT_EXPIRED)


Pictures = Injected[StaffPictures]
Moderator = Injected[Moderation]


@router.get(
    "/gallery",
    tags=["gallery"],
    summary="Results",
    responses=error_responses(*AUTH_ERRORS, ErrorCode.VALIDATION_FAILED),
)
async def page(
    _: MayRead,
    gallery: Injected[Gallery],
    slot: Slot = None,
    status: State = "kept",
    source: Source = "ingest",
    since: Moment = None,
    until: Moment = None,
    limit: Limit = 60,
    cursor: Cursor = None,
) -> GalleryPage:
    """The newest first. `since` is inclusive, `until` is not; both need a time zone."""
    wanted = JobFilter(slot=slot, source=source, since=since, until=until, result=status)
    return await gallery.page(wanted, limit=limit, cursor=cursor)


def _chosen(ids: str | None) -> frozenset[uuid.UUID] | None:
    if ids is None:
        return None
    try:
        chosen = frozenset(uuid.UUID(one) for one in ids.split(",") if one)
    except ValueError:
        raise ValidationFailed(fields={"ids": Message("must be job ids, separated by commas")}) from None
    if len(chosen) > MOST_IDS:
        raise ValidationFailed(fields={"ids": Message("%(n)s at most; use a filter for more", n=MOST_IDS)})
    return chosen


@router.get(
    "/gallery.zip",
    tags=["gallery"],
    summary="Results as a ZIP file",
    response_class=Response,
    responses=_ZIP | error_responses(*AUTH_ERRORS, ErrorCode.RESULT_NOT_FOUND, ErrorCode.VALIDATION_FAILED),
)
async def download(
    _: MayRead,
    archive: Injected[StaffArchive],
    ids: Annotated[str | None, Query(description="a selection: job ids, separated by commas")] = None,
    slot: Slot = None,
    status: Annotated[Literal["kept", "available", "hidden"], Query()] = "kept",
    source: Annotated[Literal["ingest", "test"] | None, Query()] = None,
    since: Moment = None,
    until: Moment = None,
) -> Response:
    """A selection (`ids`), or everything that a filter finds and that is still there; of guests' pictures
    unless `source` or `ids` says otherwise. Written while it is sent, so it may be of any size.
    """
    chosen = _chosen(ids)
    kind = source or ("ingest" if chosen is None else None)
    wanted = JobFilter(slot=slot, source=kind, since=since, until=until, result=status, ids=chosen)
    made = await archive.open(wanted)
    return zip_answer(made.name, made.chunks)


@router.get(
    "/jobs/{job_id}/preview",
    tags=["gallery"],
    summary="A result's preview",
    response_class=Response,
    responses=_PREVIEW | error_responses(*_ERRORS, ErrorCode.STORAGE_FULL),
)
async def preview(job_id: JobId, _: MayRead, pictures: Pictures) -> Response:
    """Made once, when it is first asked for."""
    found = await pictures.preview(job_id)
    return stored_file(found.key, found.media_type, cache="private, max-age=3600")


@router.get(
    "/jobs/{job_id}/result",
    tags=["gallery"],
    summary="Download a result",
    response_class=Response,
    responses=_PICTURE | error_responses(*_ERRORS),
)
async def result(job_id: JobId, _: MayRead, pictures: Pictures) -> Response:
    """The picture as guests get it, hidden ones too."""
    found = await pictures.result(job_id)
    return stored_file(
        found.key, found.media_type, cache="private, no-cache", disposition=attachment(found.name)
    )


@router.get(
    "/jobs/{job_id}/source",
    tags=["gallery"],
    summary="The guest's own photo",
    response_class=Response,
    responses=_PICTURE | error_responses(*AUTH_ERRORS, ErrorCode.JOB_NOT_FOUND, ErrorCode.SOURCE_NOT_KEPT),
)
async def source(job_id: JobId, _: MayRead, pictures: Pictures) -> Response:
    """As the booth sent it, where photos are kept (`keep_sources_hours`)."""
    found = await pictures.source(job_id)
    return stored_file(found.key, found.media_type, cache="private, no-cache")


@router.post(
    "/jobs/{job_id}/hide", tags=["gallery"], summary="Hide from guests", responses=error_responses(*_ERRORS)
)
async def hide(job_id: JobId, who: MayWrite, moderation: Moderator) -> ResultView:
    """Its public link answers 404 and no guests' gallery shows it, until it is unhidden."""
    return await moderation.hide(job_id, who)


@router.post(
    "/jobs/{job_id}/unhide",
    tags=["gallery"],
    summary="Show to guests again",
    responses=error_responses(*_ERRORS),
)
async def unhide(job_id: JobId, who: MayWrite, moderation: Moderator) -> ResultView:
    """Its public link works again."""
    return await moderation.unhide(job_id, who)


@router.delete(
    "/jobs/{job_id}/result", tags=["gallery"], summary="Delete a result", responses=error_responses(*_ERRORS)
)
async def delete(job_id: JobId, who: MayWrite, moderation: Moderator) -> ResultView:
    """Its public link answers 410 at once. It can be had back for ten minutes; then its files go."""
    return await moderation.delete(job_id, who)


@router.post(
    "/jobs/{job_id}/undelete",
    tags=["gallery"],
    summary="Have a deleted result back",
    responses=error_responses(*_ERRORS),
)
async def undelete(job_id: JobId, who: MayWrite, moderation: Moderator) -> ResultView:
    """Within ten minutes."""
    return await moderation.undelete(job_id, who)
