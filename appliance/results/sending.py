"""Answers with pictures for guests."""

from __future__ import annotations

from fastapi import Response

from appliance.core.sending import stored_file

NOINDEX = {"X-Robots-Tag": "noindex, nofollow"}


def screen_file(key: str, media_type: str, seconds: int) -> Response:
    """A picture at screen size: browsers may keep it for ``seconds``, caches in between may not."""
    answer = stored_file(key, media_type, cache=f"private, max-age={seconds}")
    answer.headers.update({**NOINDEX, "Vary": "Accept"})
    return answer
