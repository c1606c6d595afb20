"""JSON that carries pictures, made without ever holding a picture as text.

A photo of 7 MB is 10 MB of base64. Text of it would be looked at letter by letter and copied again and
again, and all of that in one go, while nothing else in the process runs.
"""

from __future__ import annotations

import asyncio
import binascii
import json
import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

# Bytes of a picture that are turned into base64 at once: a multiple of three, and a fraction of a
# millisecond, after which other threads may go on.
_PIECE = 3 * 65_536


@dataclass(frozen=True, slots=True)
class Base64:
    """Stands in a body for the base64 text of ``data``, with ``prefix`` before it."""

    data: bytes = field(repr=False)
    prefix: str = ""


@dataclass(frozen=True, slots=True)
class JsonBody:
    """A body in pieces that are sent one after the other."""

    pieces: tuple[bytes, ...] = field(repr=False)

    @property
    def size(self) -> int:
        """In bytes."""
        return sum(map(len, self.pieces))

    @property
    def headers(self) -> dict[str, str]:
        """What says of it."""
        return {"Content-Type": "application/json", "Content-Length": str(self.size)}

    async def stream(self) -> AsyncIterator[bytes]:
        """The pieces, for one request."""
        for piece in self.pieces:
            yield piece


async def json_body(content: Any) -> JsonBody:
    """``content`` as JSON, made in a thread; it may hold ``Base64`` anywhere."""
    return await asyncio.to_thread(json_body_blocking, content)


def json_body_blocking(content: Any) -> JsonBody:
    """The same for a caller that is in a thread."""
    mark, pictures = secrets.token_hex(16), list[Base64]()

    def stand_in(one: object) -> str:
        if not isinstance(one, Base64):
            raise TypeError(f"{type(one).__name__} cannot be JSON")
        pictures.append(one)
        return one.prefix + mark

    text = json.dumps(content, separators=(",", ":"), default=stand_in)
    first, *others = text.encode().split(mark.encode())
    pieces = [first]
    for picture, rest in zip(pictures, others, strict=True):
        view = memoryview(picture.data)
        pieces += (
            binascii.b2a_base64(view[at : at + _PIECE], newline=False) for at in range(0, len(view), _PIECE)
        )
        pieces.append(rest)
    return JsonBody(tuple(pieces))
