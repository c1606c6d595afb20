"""Answers with pictures and archives."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

from fastapi import Response
from fastapi.responses import StreamingResponse

from appliance.core.sending import stored_file
from appliance.guests.service import attachment

# In a phone: a picture that goes must not stay in view for long.
_CACHE = "private, max-age=300, immutable"


def screen_file(key: str, media_type: str, name: str | None = None) -> Response:
    """A picture at screen size: browsers may keep it for a while, caches in between may not.

    ``name`` is what it is called where somebody saves it.
    """
    shown = attachment(name, "inline") if name else "inline"
    answer = stored_file(key, media_type, cache=_CACHE, disposition=shown)
    answer.headers["Vary"] = "Accept"
    return answer


def zip_answer(name: str, chunks: Iterator[bytes] | AsyncIterator[bytes]) -> StreamingResponse:
    """An archive that is written while it is sent.

    Nginx must pass it on as it comes: kept for a slow client, it would fill Nginx's folder for
    temporary files, and nobody would know how much of it has arrived.
    """
    return StreamingResponse(
        chunks,
        media_type="application/zip",
        headers={"Content-Disposition": attachment(name), "X-Accel-Buffering": "no"},
    )
