"""``/public/results/{job_id}``: what a guest's browser fetches."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response

from appliance.core.errors import ErrorCode
from appliance.core.injection import Injected
from appliance.core.kept_answers import keep
from appliance.core.openapi import error_responses, picture_content
from appliance.core.sending import stored_file
from appliance.guests.picture_routes import JobId, Results
from appliance.guests.service import attachment
from appliance.media.temporary_media import PATH, TemporaryMedia

router = APIRouter(tags=["results"])

_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The picture, as an attachment",
        "content": picture_content(),
        "headers": {
            name: {"schema": {"type": "string"}}
            for name in ("Content-Disposition", "ETag", "Last-Modified", "Accept-Ranges")
        },
    },
    206: {"description": "The part of the picture that `Range` asked for"},
    304: {"description": "The browser's copy is still the right one"},
    412: {"description": "The picture is another one than the client's copy"},
    416: {"description": "The picture has no such range"},
    **error_responses(
        ErrorCode.RESULT_NOT_FOUND,
        ErrorCode.RESULT_EXPIRED,
        ErrorCode.RATE_LIMITED,
        ErrorCode.STORAGE_FULL,
        ErrorCode.DATABASE_UNAVAILABLE,
    ),
}


@router.head("/public/results/{job_id}", include_in_schema=False, response_model=None)
@router.get(
    "/public/results/{job_id}", summary="Download a result", response_class=Response, responses=_RESPONSES
)
async def download(request: Request, job_id: JobId, results: Results) -> Response:
    """The finished picture under a friendly name. The app decides, Nginx sends the bytes:
    ranges, conditional requests and `HEAD` are its work.
    """
    found = await results.ready(job_id)
    keep(request)
    return stored_file(
        found.key, found.media_type, cache="private, no-cache", disposition=attachment(found.name)
    )


@router.get(PATH + "{token}", include_in_schema=False)
async def provider_media(token: str, temporary_media: Injected[TemporaryMedia]) -> Response:
    """A picture for a provider to fetch, for as long as its job runs."""
    image = await temporary_media.find(token)
    return Response(image.data, media_type=image.media_type)
