"""Errors as OpenAPI describes them: one schema, one example for each code."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field

from appliance.core.errors import ErrorCode, error_classes
from appliance.core.images import PICTURE_TYPES, PictureType

NEXT_CURSOR = "pass it as `cursor` to get the next page; `null`: this is the last page"


def without_defaults(schema: dict[str, Any]) -> None:
    """Of an update: what is left out stays as it is, and what a new thing would have says nothing here."""
    for described in schema["properties"].values():
        described.pop("default", None)


class ErrorDetail(BaseModel):
    """What is wrong and what to do; absent keys are omitted."""

    code: ErrorCode
    message: str
    fields: dict[str, str] | None = Field(default=None, description="one message for each invalid field")
    job_id: str | None = None
    retry_after: int | None = Field(default=None, description="whole seconds to wait, as in `Retry-After`")
    current: dict[str, Any] | None = Field(
        default=None,
        description="for `version_conflict` of a slot: its current configuration, and what changed",
    )
    slots: list[str] | None = Field(
        default=None, description="for `template_media_in_use`: the slots that use it"
    )


class ErrorBody(BaseModel):
    """The one form of every error."""

    error: ErrorDetail


# Named and not given as a model: the framework makes a validator of its own for each that a route names.
_SCHEMA = {"$ref": "#/components/schemas/ErrorBody"}

BINARY = {"schema": {"type": "string", "format": "binary"}}

# What can be wrong with a photo or template that is sent.
UPLOAD_ERRORS = (
    ErrorCode.INVALID_MULTIPART,
    ErrorCode.MISSING_FIELD,
    ErrorCode.PAYLOAD_TOO_LARGE,
    ErrorCode.UNSUPPORTED_MEDIA_TYPE,
    ErrorCode.NOT_AN_IMAGE,
    ErrorCode.DAMAGED,
    ErrorCode.IMAGE_TOO_MANY_PIXELS,
)


def picture_content(*kinds: PictureType) -> dict[str, Any]:
    """OpenAPI ``content`` of an answer that is a picture, of ``kinds`` or of any type that there is."""
    return {kind.media_type: BINARY for kind in kinds or PICTURE_TYPES.values()}


def error_responses(*codes: ErrorCode) -> dict[int | str, dict[str, Any]]:
    """OpenAPI ``responses`` for the given codes, grouped by status, each with an example."""
    classes = error_classes()
    by_status: dict[int | str, dict[str, Any]] = {}
    for code in codes:
        cls = classes[code]
        entry = by_status.setdefault(
            cls.status_code,
            {"description": "", "content": {"application/json": {"schema": _SCHEMA, "examples": {}}}},
        )
        entry["description"] = ", ".join(filter(None, (entry["description"], f"`{code}`")))
        retry = 5 if cls.status_code in (429, 503) else None
        if retry:
            entry["headers"] = {"Retry-After": {"schema": {"type": "integer"}}}
        entry["content"]["application/json"]["examples"][str(code)] = {"value": cls(retry_after=retry).body()}
    return by_status


def in_our_form(description: dict[str, Any]) -> dict[str, Any]:
    """``description`` with the framework's own 422 answers replaced by the form they really have."""
    ours = error_responses(ErrorCode.VALIDATION_FAILED)[422]["content"]["application/json"]["examples"]
    for methods in description["paths"].values():
        for operation in methods.values():
            found = operation["responses"].get("422", {}).get("content", {}).get("application/json", {})
            if found.get("schema") != {"$ref": "#/components/schemas/HTTPValidationError"}:
                continue
            asked = [one for one in operation.get("parameters", ()) if one["in"] != "path"]
            if not asked and "requestBody" not in operation:  # only an address can be wrong: 404
                del operation["responses"]["422"]
            else:
                operation["responses"]["422"] = {
                    "description": f"`{ErrorCode.VALIDATION_FAILED}`",
                    "content": {
                        "application/json": {
                            "schema": _SCHEMA,
                            "examples": ours,
                        }
                    },
                }
    schema = ErrorBody.model_json_schema(ref_template="#/components/schemas/{model}")
    description["components"]["schemas"] |= {**schema.pop("$defs"), "ErrorBody": schema}
    for unused in ("HTTPValidationError", "ValidationError"):
        description["components"]["schemas"].pop(unused, None)
    return description
