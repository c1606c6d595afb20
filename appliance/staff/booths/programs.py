"""Requests as booths' programs make them, byte by byte, from the facts in ``programs.toml``."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Literal, get_args

from appliance.core.images import JPEG

Program = Literal["dslr_remote_pro", "breeze_booth"]
PROGRAMS: tuple[Program, ...] = get_args(Program)
_FOLDER = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class BoothPost:
    """A whole request: head and body are sent one after the other."""

    address: str = field(repr=False)
    head: bytes = field(repr=False)
    body: bytes = field(repr=False)
    waits: bool  # for ``100 Continue`` before the body


@cache
def _facts() -> dict[str, Any]:
    return tomllib.loads((_FOLDER / "programs.toml").read_text(encoding="utf-8"))


@cache
def sample_photo() -> bytes:
    """Our own sample photo, as large as one from a booth."""
    return (_FOLDER / "sample.jpg").read_bytes()


def post_of(program: Program, slot_id: str, host: str, key: str) -> BoothPost:
    """The request of ``program`` to a slot; ``key`` stands where the program has its place for one."""
    facts = _facts()[program]
    address = facts["address"].format(slot=slot_id, password=key)
    boundary = facts["boundary"]
    body = _body(facts, boundary, key)
    values = {
        "Host": host,
        "Content-Type": f"multipart/form-data; boundary={boundary}",
        "Content-Length": str(len(body)),
        "Expect": "100-continue",
    }
    lines = [f"POST {address} HTTP/1.1", *(f"{name}: {values[name]}" for name in facts["headers"])]
    return BoothPost(address, "\r\n".join([*lines, "", ""]).encode(), body, "Expect" in facts["headers"])


def _body(facts: dict[str, Any], boundary: str, key: str) -> bytes:
    start = f"--{boundary}\r\nContent-Disposition: form-data; name="
    texts = (
        f'{start}"{name}"\r\n\r\n{key if value == "{password}" else value}\r\n'
        for name, value in facts["fields"].items()
    )
    photo = (
        f'{start}"{facts["file_field"]}"; filename="{facts["file_name"]}"\r\n'
        f"Content-Type: {JPEG.media_type}\r\n\r\n"
    )
    return "".join([*texts, photo]).encode() + sample_photo() + f"\r\n--{boundary}--\r\n".encode()
