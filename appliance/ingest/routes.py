"""``POST /api/ingest/{slot_id}``: what the camera talks to."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Request, Response

from appliance.core.clients import client_address
from appliance.core.errors import ErrorCode
from appliance.core.injection import Injected
from appliance.core.openapi import UPLOAD_ERRORS, error_responses, picture_content
from appliance.core.public_base import base_urls_of
from appliance.core.texts import query_values
from appliance.ingest.booth_requests.arrival import Arrival
from appliance.ingest.replies import Bases, asked_form, build_reply
from appliance.ingest.schemas import IngestReply
from appliance.ingest.service import IngestService, PhotoRequest
from appliance.slots.schemas import ActiveSlot

router = APIRouter(tags=["ingest"])

_REQUEST_BODY: dict[str, Any] = {
    "required": True,
    "content": {
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "required": ["fileToUpload"],
                "properties": {
                    "password": {
                        "type": "string",
                        "description": "the ingest password, or a booth's own key; not needed with `key`",
                    },
                    "key": {"type": "string", "description": "a booth's own key"},
                    "fileToUpload": {
                        "type": "string",
                        "format": "binary",
                        "description": "the photo: JPEG, PNG or WebP; the part may have any name",
                    },
                    "idempotency_key": {"type": "string", "maxLength": 200},
                    "hash": {
                        "type": "string",
                        "description": "the camera's own digest; kept with the job, never compared",
                    },
                },
                "additionalProperties": {"type": "string", "description": "kept with the job"},
            }
        }
    },
}
_HEADERS = {
    "X-Job-Id": {"schema": {"type": "string", "format": "uuid"}},
    "X-Public-Url": {
        "schema": {"type": "string", "format": "uri"},
        "description": "the guest's link, absolute",
    },
    "X-QR-Url": {
        "schema": {"type": "string", "format": "uri"},
        "description": "a PNG with the QR code of the guest's page, for layouts to print",
    },
    "Idempotency-Replayed": {
        "schema": {"type": "string"},
        "description": "`true` on an earlier job's outcome",
    },
}
_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {
        "model": IngestReply,
        "description": "The picture is ready; the form is the one asked for",
        "headers": _HEADERS,
        "content": {
            **picture_content(),
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "properties": {
                        "metadata": {"$ref": "#/components/schemas/IngestReply"},
                        "image": {"type": "string", "format": "binary"},
                    },
                }
            },
        },
    },
    **error_responses(
        *UPLOAD_ERRORS,
        ErrorCode.INVALID_INGEST_PASSWORD,
        ErrorCode.INVALID_BOOTH_KEY,
        ErrorCode.SLOT_NOT_FOUND,
        ErrorCode.SLOT_DISABLED,
        ErrorCode.METHOD_NOT_ALLOWED,
        ErrorCode.IDEMPOTENCY_KEY_REUSED,
        ErrorCode.VALIDATION_FAILED,
        ErrorCode.SLOT_BUSY,
        ErrorCode.RATE_LIMITED,
        ErrorCode.INTERNAL_ERROR,
        ErrorCode.PROVIDER_FAILED,
        ErrorCode.PROVIDER_REFUSED,
        ErrorCode.PROVIDER_NO_IMAGE,
        ErrorCode.PROVIDER_UNAVAILABLE,
        ErrorCode.STORAGE_FULL,
        ErrorCode.DATABASE_UNAVAILABLE,
        ErrorCode.SERVICE_UNAVAILABLE,
        ErrorCode.DEADLINE_EXCEEDED,
    ),
}


def _bases(request: Request, slot: ActiveSlot) -> Bases:
    way, chosen = base_urls_of(request), slot.settings.public_base_url
    return Bases(way.own(chosen), way.guests(chosen))


@router.post(
    "/api/ingest/{slot_id}",
    summary="Send a photo, get its picture",
    response_model=None,
    responses=_RESPONSES,
    openapi_extra={
        "requestBody": _REQUEST_BODY,
        "parameters": [
            {
                "name": "reply",
                "in": "query",
                "schema": {"type": "string", "enum": ["json", "image", "multipart"]},
                "description": "form of the answer; else a specific Accept, else the slot's own, else json",
            },
            {
                "name": "key",
                "in": "query",
                "schema": {"type": "string"},
                "description": "a booth's own key, looked at before the body is read",
            },
            {"name": "Idempotency-Key", "in": "header", "schema": {"type": "string", "maxLength": 200}},
        ],
    },
)
@router.post("/api/ingest/{slot_id}/", include_in_schema=False, response_model=None)
@router.post("/ingest/{slot_id}", include_in_schema=False, response_model=None)
@router.post("/ingest/{slot_id}/", include_in_schema=False, response_model=None)
async def ingest(
    request: Request,
    slot_id: Annotated[str, Path(examples=["slot-001"])],
    service: Injected[IngestService],
) -> Response:
    """Takes one photo as multipart form data and answers, before the slot's deadline, with the
    picture that the slot's provider made of it. Further fields and query values are kept with the job.
    """
    arrival: Arrival = request.state.arrival
    slot = await service.slot(slot_id)
    query = query_values(request.scope["query_string"])
    asked = asked_form(query, request.headers.get("accept"))
    form = arrival.reply = asked or slot.reply
    bases = _bases(request, slot)
    upload = PhotoRequest(
        started=request.state.arrived,
        content_type=request.headers.get("content-type"),
        idempotency_key=request.headers.get("idempotency-key"),
        query=query,
        body=request.stream(),
        guest_base=bases.guests,
        address=client_address(request),
        arrival=arrival,
    )
    delivered = await service.ingest(slot, upload)
    picture = None if form == "json" else await service.read_result(delivered)
    arrival.hung_up = await request.is_disconnected()
    return build_reply(form, delivered, picture, bases)
