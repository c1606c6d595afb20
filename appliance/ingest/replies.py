"""How a booth is answered: JSON, the picture itself, or both in one multipart body."""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, get_args

from fastapi import Response
from fastapi.responses import JSONResponse

from appliance.core.errors import ValidationFailed
from appliance.core.images import EXTENSIONS
from appliance.core.language import Message
from appliance.ingest.idempotency import Delivered
from appliance.jobs.links import public_path, qr_path
from appliance.slots.schemas import ReplyForm

_EVERYTHING = frozenset({"*/*", "*"})  # Java's own Accept has both
_EXCLUDED = re.compile(r"q=0(\.0*)?")
_FORMS: tuple[ReplyForm, ...] = get_args(ReplyForm)


def asked_form(query: Mapping[str, str], accept: str | None) -> ReplyForm | None:
    """The form that the request itself asks for: ``?reply=`` first, then what ``Accept`` names. Pictures
    that it names beside everything else are what a program takes, not what it asks for.

    Raises ``ValidationFailed`` for a ``reply`` that is none of the three.
    """
    wanted = query.get("reply")
    if wanted is not None:
        for form in _FORMS:
            if form == wanted:
                return form
        raise ValidationFailed(
            fields={
                "reply": Message(
                    "must be one of %(names)s, not %(given)s",
                    names=", ".join(_FORMS),
                    given=repr(wanted[:40]),
                )
            }
        )
    offered = _offered(accept or "")
    takes_everything = not _EVERYTHING.isdisjoint(offered)
    for kind in offered:
        if kind == "application/json":
            return "json"
        if kind.startswith("image/") and not takes_everything:
            return "image"
        if kind.startswith("multipart/"):
            return "multipart"
    return None


def _offered(accept: str) -> list[str]:
    """The media types that an ``Accept`` names, in its order, without those that it excludes (``q=0``)."""
    items = ["".join(item.lower().split()).split(";") for item in accept.split(",")]
    return [kind for kind, *options in items if not any(_EXCLUDED.fullmatch(one) for one in options)]


@dataclass(frozen=True, slots=True)
class Bases:
    """What addresses begin with: for the booth itself, and for guests' phones."""

    booth: str
    guests: str


def json_body(delivered: Delivered, base: str) -> dict[str, Any]:
    """What the JSON form says of a delivered job."""
    path = public_path(delivered.job_id)
    return {
        "job_id": str(delivered.job_id),
        "status": "done",
        "public_url": path,
        "absolute_public_url": base + path,
        "media_type": delivered.result.media_type,
        "size": delivered.result.size,
    }


def build_reply(form: ReplyForm, delivered: Delivered, picture: bytes | None, bases: Bases) -> Response:
    """The answer to the booth; ``picture`` is needed for the forms that carry it."""
    headers = {
        "X-Job-Id": str(delivered.job_id),
        "X-Public-Url": bases.booth + public_path(delivered.job_id),
        "X-QR-Url": bases.guests + qr_path(delivered.job_id),
    }
    if delivered.replayed:
        headers["Idempotency-Replayed"] = "true"
    body = json_body(delivered, bases.booth)
    if form == "json" or picture is None:
        return JSONResponse(body, headers=headers)
    if form == "image":
        return Response(picture, media_type=delivered.result.media_type, headers=headers)
    return _multipart(body, delivered, picture, headers)


def _multipart(
    body: dict[str, Any], delivered: Delivered, picture: bytes, headers: dict[str, str]
) -> Response:
    boundary = f"photochanger-{secrets.token_hex(12)}"
    name = f"{delivered.job_id}.{EXTENSIONS[delivered.result.media_type]}"
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="metadata"\r\n'
        "Content-Type: application/json\r\n\r\n".encode(),
        json.dumps(body).encode(),
        f'\r\n--{boundary}\r\nContent-Disposition: form-data; name="image"; filename="{name}"\r\n'
        f"Content-Type: {delivered.result.media_type}\r\n\r\n".encode(),
        picture,
        f"\r\n--{boundary}--\r\n".encode(),
    ]
    return Response(b"".join(parts), media_type=f"multipart/form-data; boundary={boundary}", headers=headers)
