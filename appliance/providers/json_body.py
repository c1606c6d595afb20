"""JSON that carries pictures, made without ever holding a picture as text.

A photo of 7 MB is 10 MB of base64. Text of it would be looked at letter by letter and copied again and
again, and all of that in one go, while nothing else in the process runs. Its base64 is made while it is
sent: what waits for an answer holds none of it.
"""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import pybase64

from appliance.core.files import storage_errors

# Bytes of a picture that are turned into base64 at once: a multiple of three, and a fraction of a
# millisecond, after which other threads may go on.
_PIECE = 3 * 65_536
_AT_ONCE = 4  # pieces that are made before the first of them is sent


@dataclass(frozen=True, slots=True)
class Base64:
    """Stands in a body for the base64 text of ``data``, or of a file's bytes, with ``prefix`` before it."""

    data: bytes | Path = field(repr=False)
    prefix: str = ""

    @property
    def size(self) -> int:
        """Of the text without its prefix."""
        size = self.data.stat().st_size if isinstance(self.data, Path) else len(self.data)
        return (size + 2) // 3 * 4

    def pieces(self) -> Iterator[bytes]:
        """The text. Blocking."""
        if isinstance(self.data, Path):
            with storage_errors(), self.data.open("rb") as file:
                while piece := file.read(_PIECE):
                    yield pybase64.b64encode(piece)
            return
        view = memoryview(self.data)
        for at in range(0, len(view), _PIECE):
            yield pybase64.b64encode(view[at : at + _PIECE])


@dataclass(frozen=True, slots=True)
class JsonBody:
    """A body whose parts are sent one after the other."""

    parts: tuple[bytes | Base64, ...] = field(repr=False)
    size: int  # in bytes

    @property
    def headers(self) -> dict[str, str]:
        """What says of it."""
        return {"Content-Type": "application/json", "Content-Length": str(self.size)}

    def pieces(self) -> Iterator[bytes]:
        """All of it. Blocking."""
        for part in self.parts:
            if isinstance(part, Base64):
                yield from part.pieces()
            else:
                yield part

    async def stream(self) -> AsyncIterator[bytes]:
        """The same for one request, made in threads."""
        pieces = self.pieces()
        while some := await asyncio.to_thread(lambda: list(islice(pieces, _AT_ONCE))):
            for piece in some:
                yield piece


async def json_body(content: Any) -> JsonBody:
    """``content`` as JSON; it may hold ``Base64`` anywhere."""
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
    parts: list[bytes | Base64] = [first]
    for picture, rest in zip(pictures, others, strict=True):
        parts += (picture, rest)
    with storage_errors():
        size = sum(one.size if isinstance(one, Base64) else len(one) for one in parts)
    return JsonBody(tuple(parts), size)
