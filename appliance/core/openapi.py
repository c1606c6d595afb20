"""Errors as OpenAPI describes them: one schema, one example for each code."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field

from appliance.core.errors import ErrorCode, error_classes


class ErrorDetail(BaseModel):
    """What is wrong and what to do; absent keys are omitted."""

    code: ErrorCode
    message: str
    fields: dict[str, str] | None = Field(default=None, description="one message for each field at fault")
    job_id: str | None = None
    retry_after: int | None = Field(default=None, description="whole seconds to wait, as in Retry-After")


class ErrorBody(BaseModel):
    """The one form of every error."""

    error: ErrorDetail


def error_responses(*codes: ErrorCode) -> dict[int | str, dict[str, Any]]:
    """OpenAPI ``responses`` for the given codes, grouped by status, each with an example."""
    classes = error_classes()
    by_status: dict[int | str, dict[str, Any]] = {}
    for code in codes:
        cls = classes[code]
        entry = by_status.setdefault(
            cls.status_code,
            {"model": ErrorBody, "description": "", "content": {"application/json": {"examples": {}}}},
        )
        entry["description"] = ", ".join(filter(None, (entry["description"], f"`{code}`")))
        retry = 5 if cls.status_code in (429, 503) else None
        if retry:
            entry["headers"] = {"Retry-After": {"schema": {"type": "integer"}}}
        entry["content"]["application/json"]["examples"][str(code)] = {"value": cls(retry_after=retry).body()}
    return by_status
