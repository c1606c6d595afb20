"""A camera client that writes the captured request byte for byte.

The header block and the parts are those of DSLR Remote Pro 3.30.2: ``Expect: 100-continue``, no
``Accept``, no ``User-Agent``, text fields first, then one file part.
"""

from __future__ import annotations

import asyncio
import email
import email.message
import email.policy
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

BOUNDARY = "---------------------------7d93b1a2c4e5f6"
CAPTURED_FIELDS = {
    "time": "1758217512",
    "user_id": "Acer",
    "id": "CY04N068111304S2L_00000001.",
    "profile": r"C:\Users\Acer\Documents\PhotoboothImages\setup_Serg.xml",
    "status": r"C:\Users\Acer\Documents\PhotoboothImages\screenSerg\preview.jpg",
    "hash": "7b6c683e1d3fd29c8701791c54e3c12a236f5a5b",
    "name": "DESKTOP-K968T3F",
    "model": "Windows",
    "version": "3.30.2",
}


@dataclass(frozen=True)
class Reply:
    """What came back."""

    status: int
    headers: dict[str, str]
    body: bytes
    continued: bool = False

    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def code(self) -> str:
        """The error code."""
        code: str = self.json()["error"]["code"]
        return code

    def parts(self) -> list[email.message.EmailMessage]:
        """The parts of a multipart body."""
        head = f"Content-Type: {self.headers['content-type']}\r\n\r\n".encode()
        message = email.message_from_bytes(head + self.body, policy=email.policy.HTTP)
        return list(message.iter_parts())  # type: ignore[attr-defined]


def text_part(name: str, value: str | bytes) -> bytes:
    """One text field as the camera writes it."""
    raw = value if isinstance(value, bytes) else value.encode()
    return b'Content-Disposition: form-data; name="' + name.encode() + b'"\r\n\r\n' + raw


def file_part(
    content: bytes,
    filename: str | bytes = "IMG_0003.JPG",
    media_type: str = "image/jpeg",
    name: str = "fileToUpload",
) -> bytes:
    """The file part as the camera writes it."""
    raw = filename if isinstance(filename, bytes) else filename.encode()
    head = b'Content-Disposition: form-data; name="' + name.encode() + b'"; filename="' + raw + b'"\r\n'
    return head + f"Content-Type: {media_type}\r\n\r\n".encode() + content


def body_of(parts: Iterable[bytes]) -> bytes:
    """The whole multipart body."""
    start = f"--{BOUNDARY}\r\n".encode()
    return b"".join(start + part + b"\r\n" for part in parts) + f"--{BOUNDARY}--\r\n".encode()


@dataclass
class Shot:
    """One photo as the camera posts it; change what a test is about."""

    photo: bytes
    password: str | None
    fields: dict[str, str] = field(default_factory=lambda: dict(CAPTURED_FIELDS))
    filename: str = "IMG_0003.JPG"
    password_last: bool = False

    def parts(self) -> list[bytes]:
        made = [text_part(name, value) for name, value in self.fields.items()]
        password = [] if self.password is None else [text_part("password", self.password)]
        photo = [file_part(self.photo, self.filename)]
        return [*made, *photo, *password] if self.password_last else [*made, *password, *photo]

    def body(self) -> bytes:
        return body_of(self.parts())


class Camera:
    """Posts to one appliance over a raw connection, from an address of its own if it has one.

    With ``app_socket`` it posts to the app itself.
    """

    def __init__(
        self, port: int, host: str = "127.0.0.1", address: str | None = None, app_socket: Path | None = None
    ) -> None:
        self.port, self.host, self._app_socket = port, host, app_socket
        self._own = (address, 0) if address else None

    async def connection(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._app_socket:
            return await asyncio.open_unix_connection(self._app_socket)
        return await asyncio.open_connection(self.host, self.port, local_addr=self._own)

    def head(self, target: str, length: int, boundary: str = BOUNDARY, extra: str = "") -> bytes:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return (
            f"POST {target} HTTP/1.1\r\n"
            f"Host: {host}:{self.port}\r\n"
            f"Content-Type: multipart/form-data; boundary={boundary}\r\n"
            f"Content-Length: {length}\r\n"
            f"{extra}"
            "Expect: 100-continue\r\n\r\n"
        ).encode("utf-8", "surrogateescape")

    async def post(self, target: str, shot: Shot, extra: str = "") -> Reply:
        """Post ``shot`` and read the answer."""
        return await self.send(target, shot.body(), extra=extra)

    async def send(self, target: str, body: bytes, *, boundary: str = BOUNDARY, extra: str = "") -> Reply:
        """Send the header block, wait for ``100 Continue`` as the camera does, send the body."""
        reader, writer = await self.connection()
        try:
            writer.write(self.head(target, len(body), boundary, extra))
            await writer.drain()
            first = await read_head(reader)
            continued = first[0] == 100
            if continued:
                writer.write(body)
                await writer.drain()
                first = await read_head(reader)
            return Reply(first[0], first[1], await read_body(reader, first[1]), continued)
        finally:
            writer.close()


async def read_head(reader: asyncio.StreamReader) -> tuple[int, dict[str, str]]:
    """Status and headers (lower case) of the next response."""
    lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    headers = {
        name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:] if line)
    }
    return int(lines[0].split()[1]), headers


async def read_body(reader: asyncio.StreamReader, headers: dict[str, str]) -> bytes:
    """A response's body by its own length, or chunk by chunk."""
    if "content-length" in headers:
        return await reader.readexactly(int(headers["content-length"]))
    body = b""
    while size := int(await reader.readline(), 16):
        body += await reader.readexactly(size + 2)
        body = body[:-2]
    return body
