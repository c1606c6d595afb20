"""Multipart uploads of pictures by a logged-in client."""

from __future__ import annotations

from typing import Any

import httpx


async def upload(
    client: httpx.AsyncClient,
    path: str,
    photo: bytes | None,
    *,
    filename: str = "beach.jpg",
    **fields: str,
) -> httpx.Response:
    """``POST path`` with the photo as ``file`` and further text fields."""
    files: dict[str, Any] = {name: (None, value) for name, value in fields.items()}
    if photo is not None:
        files["file"] = (filename, photo)
    return await client.post(path, files=files or None)
