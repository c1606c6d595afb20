"""``/api/template-media`` (UC5). None of it has a public address."""

from __future__ import annotations

import uuid
from typing import Annotated, Any

from fastapi import APIRouter, Path, Request, Response
from pydantic import ValidationError, ValidatorFunctionWrapHandler, WrapValidator

from appliance.core.errors import ErrorCode, TemplateMediaNotFound
from appliance.core.injection import Injected
from appliance.core.openapi import UPLOAD_ERRORS, error_responses, picture_content
from appliance.core.sending import stored_file
from appliance.media import previews
from appliance.staff.access import AUTH_ERRORS, MayReadMedia, MayWriteMedia
from appliance.staff.template_media.service import (
    RegisteredTemplate,
    Rename,
    TemplateList,
    TemplateMediaService,
    TemplateView,
)

router = APIRouter(prefix="/api/template-media", tags=["template media"])


def _found(value: str, parse: ValidatorFunctionWrapHandler) -> Any:
    try:
        return parse(value)
    except ValidationError:
        raise TemplateMediaNotFound from None


MediaId = Annotated[uuid.UUID, WrapValidator(_found), Path(examples=["5f0c2a52-4a5e-4a0f-9d68-0d2f6a1c7b11"])]

_BODY: dict[str, Any] = {
    "required": True,
    "content": {
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "required": ["file"],
                "properties": {
                    "file": {"type": "string", "format": "binary", "description": "JPEG, PNG or WebP"},
                    "name": {"type": "string", "description": "else the file's own name"},
                },
            }
        }
    },
}
_UNKNOWN = (*AUTH_ERRORS, ErrorCode.TEMPLATE_MEDIA_NOT_FOUND)
_KNOWN: dict[int | str, dict[str, Any]] = {
    200: {"model": RegisteredTemplate, "description": "The same bytes were there already"}
}
_PREVIEW: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "A small picture",
        "content": picture_content(previews.TYPE),
    }
}

Service = Injected[TemplateMediaService]


@router.post(
    "/register",
    status_code=201,
    summary="Register a template",
    openapi_extra={"requestBody": _BODY},
    responses=_KNOWN
    | error_responses(
        *AUTH_ERRORS,
        *UPLOAD_ERRORS,
        ErrorCode.STORAGE_FULL,
    ),
)
async def register(
    request: Request, response: Response, who: MayWriteMedia, service: Service
) -> RegisteredTemplate:
    """Takes one picture of up to 20 MB and 50 million pixels, judged by its bytes, and keeps it without
    metadata. The same bytes a second time answer `200` with the first one's id.
    """
    found = await service.register(request.headers.get("content-type"), request.stream(), who)
    if found.duplicate:
        response.status_code = 200
    return found


@router.get("", summary="All templates", responses=error_responses(*AUTH_ERRORS))
async def all_templates(_: MayReadMedia, service: Service) -> TemplateList:
    """By name, each with the slots that use it."""
    return TemplateList(template_media=await service.all())


@router.get("/{media_id}", summary="One template", responses=error_responses(*_UNKNOWN))
async def template(media_id: MediaId, _: MayReadMedia, service: Service) -> TemplateView:
    """What it is and where it is used."""
    return await service.get(media_id)


@router.patch("/{media_id}", summary="Rename a template", responses=error_responses(*_UNKNOWN))
async def rename(media_id: MediaId, body: Rename, who: MayWriteMedia, service: Service) -> TemplateView:
    """The name is for people; slots know templates by their ids."""
    return await service.rename(media_id, body.name, who)


@router.delete(
    "/{media_id}",
    status_code=204,
    summary="Delete a template",
    responses=error_responses(*_UNKNOWN, ErrorCode.TEMPLATE_MEDIA_IN_USE),
)
async def remove(media_id: MediaId, who: MayWriteMedia, service: Service) -> None:
    """Refused while slots use it; `slots` names them."""
    await service.remove(media_id, who)


@router.get(
    "/{media_id}/preview",
    summary="A template's preview",
    response_class=Response,
    responses=_PREVIEW | error_responses(*_UNKNOWN, ErrorCode.STORAGE_FULL),
)
async def preview(media_id: MediaId, _: MayReadMedia, service: Service) -> Response:
    """320 pixels on the longer side; made once."""
    key = await service.preview(media_id)
    return stored_file(key, previews.TYPE.media_type, cache="private, max-age=86400")
