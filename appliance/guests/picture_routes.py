"""A result at screen size, the photo before it, and the QR code of its link."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request, Response

from appliance.core.errors import ErrorCode, ResultNotFound
from appliance.core.images import JPEG, PNG, WEBP
from appliance.core.injection import Injected
from appliance.core.kept_answers import keep
from appliance.core.openapi import error_responses, picture_content
from appliance.guests.links import LARGEST_QR, MEDIA_TYPES, GuestLinks, Kind, qr_code
from appliance.guests.pages.render import base_for
from appliance.guests.screen_sizes import ScreenSizes, type_for
from appliance.guests.sending import screen_file
from appliance.guests.service import ResultService, friendly_name
from appliance.media.store import OWN_PHOTO

router = APIRouter(prefix="/public/results", tags=["results"])

_ERRORS = (
    ErrorCode.RESULT_NOT_FOUND,
    ErrorCode.RESULT_EXPIRED,
    ErrorCode.VALIDATION_FAILED,
    ErrorCode.RATE_LIMITED,
    ErrorCode.STORAGE_FULL,
    ErrorCode.DATABASE_UNAVAILABLE,
)
_SCREEN: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The picture, WebP where `Accept` names it, else JPEG",
        "content": picture_content(WEBP, JPEG),
    },
    **error_responses(*_ERRORS),
}
_QR: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The code",
        "content": {MEDIA_TYPES["svg"]: {"schema": {"type": "string"}}} | picture_content(PNG),
    },
    **error_responses(*_ERRORS, ErrorCode.NOT_FOUND),
}


Results = Injected[ResultService]
Sizes = Injected[ScreenSizes]
JobId = Annotated[str, Path(examples=["5f0c2a52-4a5e-4a0f-9d68-0d2f6a1c7b11"])]
Width = Annotated[
    int, Query(alias="w", ge=1, le=4096, description="width in pixels, rounded up to the next available size")
]
Size = Annotated[int, Query(ge=64, le=LARGEST_QR, description="width in pixels")]
Label = Annotated[
    bool, Query(description="whether to print the short link, or the event's title, below the code")
]


@router.head("/{job_id}/preview", include_in_schema=False, response_model=None)
@router.get(
    "/{job_id}/preview", summary="A result at screen size", response_class=Response, responses=_SCREEN
)
async def preview(
    request: Request, job_id: JobId, results: Results, screens: Sizes, width: Width = 960
) -> Response:
    """96, 320, 640, 960, 1440 or 2048 pixels wide, made once; never larger than the picture itself."""
    found = await results.ready(job_id)
    kind = type_for(request.headers.get("accept", ""))
    key = await screens.screen(found.job.job_id, found.key, width, kind)
    name = friendly_name(found.settings.event_title, found.job.created_at, kind.media_type)
    keep(request)
    return screen_file(key, kind.media_type, name)


@router.head("/{job_id}/before", include_in_schema=False, response_model=None)
@router.get("/{job_id}/before", include_in_schema=False)
async def before(
    request: Request, job_id: JobId, results: Results, screens: Sizes, width: Width = 960
) -> Response:
    """The guest's own photo at screen size, where it is kept."""
    found = await results.ready(job_id)
    if found.job.source_key is None:
        raise ResultNotFound
    kind = type_for(request.headers.get("accept", ""))
    key = await screens.screen(found.job.job_id, found.job.source_key, width, kind, part=OWN_PHOTO)
    keep(request)
    return screen_file(key, kind.media_type)


@router.head("/{job_id}/qr.{kind}", include_in_schema=False, response_model=None)
@router.get(
    "/{job_id}/qr.{kind}", summary="The QR code of a guest's link", response_class=Response, responses=_QR
)
async def qr(
    request: Request,
    job_id: JobId,
    kind: Kind,
    results: Results,
    links: Injected[GuestLinks],
    size: Size = 600,
    label: Label = False,
) -> Response:
    """For the picture's page. It is there while the picture is still being made."""
    found = await results.ready_or_pending(job_id)
    link = await links.link(found.job.job_id, base_for(request, found.settings), found.settings)
    code = await qr_code(link, kind, size, label=label)
    return Response(code, media_type=MEDIA_TYPES[kind], headers={"Cache-Control": "private, max-age=300"})
