"""A booth's request as it arrived, without its secrets and its photo: what is kept and shown of it."""

from __future__ import annotations

import json
import re
import time
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal

from appliance.core.key_texts import MASKED, looks_like_key, without_keys
from appliance.core.texts import query_values
from appliance.ingest.booth_requests.arrival import Arrival
from appliance.ingest.proof import KEY_FIELD

_SECRET = re.compile(r"(?i)pass|pwd|key|token|secret|auth|cookie|парол|ключ")
_OPEN = frozenset({"idempotency_key", "idempotency-key"})  # named alike, and no secrets
# What our own front door adds, or what says nothing of the booth.
_OURS = frozenset(
    {"x-forwarded-for", "x-forwarded-proto", "x-real-ip", "x-request-id", "connection"}
    | {"x-client-expect", "x-client-protocol"}
)
_LONGEST = 80  # characters of a name or a value
_MOST = 40  # values, fields and headers


@dataclass(frozen=True, slots=True)
class Value:
    """A value of the address, a header, or a text field: what is shown of it, and how many bytes it has.

    ``text`` is ``None`` once it is forgotten.
    """

    name: str
    text: str | None
    size: int

    @classmethod
    def of(cls, name: str, text: str, size: int | None = None) -> Value:
        """Masked where it is a secret, and cut."""
        length = len(text.encode("utf-8", "replace")) if size is None else size
        hidden = name.lower() not in _OPEN and _SECRET.search(name) and text
        shown = MASKED if hidden else without_keys(text)
        cut = shown if len(shown) <= _LONGEST else shown[: _LONGEST - 1] + "…"
        return cls(without_keys(name)[:_LONGEST], cut, length)

    @property
    def says_something(self) -> bool:
        """Whether there is anything to forget."""
        return self.text not in (None, MASKED)


@dataclass(frozen=True, slots=True)
class SentFile:
    """A file part: ``width`` and ``height`` where it was a picture that could be read.

    ``name`` is ``None`` once it is forgotten.
    """

    field: str
    name: str | None
    media_type: str
    size: int
    real_type: str | None = None
    width: int | None = None
    height: int | None = None


@dataclass(frozen=True, slots=True)
class BoothRequest:
    """One request and its outcome."""

    number: int
    at: datetime
    address: str
    method: str
    path: str
    slot_id: str
    protocol: str
    query: tuple[Value, ...]
    headers: tuple[Value, ...]
    fields: tuple[Value, ...]
    files: tuple[SentFile, ...]
    charsets: tuple[str, ...]
    password_last: bool
    key_in_address: Literal["absent", "empty", "odd", "key"]
    shown_by: Literal["address", "field", "password"] | None
    booth: str
    is_test: bool
    reply: str | None
    reply_from: Literal["address", "accept", "slot"] | None
    status: int
    code: str
    message: str
    error_fields: tuple[str, ...]
    job_id: str | None
    answer: dict[str, str]
    hung_up: bool
    ms: int
    timings: dict[str, int]

    def header(self, name: str) -> str | None:
        """What a header said."""
        return next((one.text for one in self.headers if one.name == name), None)

    @property
    def machine(self) -> str:
        """How the booth's computer calls itself, as DSLR Remote Pro says it."""
        return next((one.text or "" for one in self.fields if one.name == "name"), "")

    @property
    def says_something(self) -> bool:
        """Whether something is kept that a guest may have typed."""
        values = (*self.query, *self.fields)
        return any(one.says_something for one in values) or any(file.name is not None for file in self.files)

    def without_values(self) -> BoothRequest:
        """The same without what a guest may have typed: values of the address and fields, names of files."""
        return replace(
            self,
            query=tuple(replace(one, text=None) if one.says_something else one for one in self.query),
            fields=tuple(replace(one, text=None) if one.says_something else one for one in self.fields),
            files=tuple(replace(file, name=None) for file in self.files),
        )


def record_of(arrival: Arrival, number: int) -> BoothRequest:
    """What is kept of a request that was answered."""
    query, headers = query_values(arrival.query), arrival.headers
    error = _error(bytes(arrival.body))
    proof, texts = arrival.proof, [part for part in arrival.parts if part.file_name is None]
    names = [part.name for part in arrival.parts if part.name == "password" or part.file_name is not None]
    said = [Value.of(name, text) for name, text in headers.items() if name not in _OURS]
    if expected := headers.get("x-client-expect"):
        said.append(Value.of("expect", expected))
    return BoothRequest(
        number=number,
        at=arrival.at,
        address=arrival.address[:64],
        method=arrival.method,
        path=without_keys(arrival.path)[:200],
        slot_id=without_keys(arrival.path.rstrip("/").rpartition("ingest")[2].strip("/"))[:_LONGEST],
        protocol=headers.get("x-client-protocol", "")[:12],
        query=tuple(Value.of(name, text) for name, text in query.items())[:_MOST],
        headers=tuple(said)[:_MOST],
        fields=tuple(Value.of(part.name, part.text or "", part.size) for part in texts)[:_MOST],
        files=_files(arrival),
        charsets=tuple(sorted({part.media_type for part in texts if "charset" in part.media_type.lower()}))[
            :3
        ],
        password_last="password" in names and names[-1] == "password" and len(names) > 1,
        key_in_address=_key_state(query),
        shown_by=proof.by if proof else None,
        booth=proof.booth.name if proof and proof.booth else "",
        is_test=bool(proof and proof.booth and proof.booth.is_test),
        reply=arrival.reply,
        reply_from=_reply_from(arrival, query),
        status=arrival.status,
        code=str(error.get("code", ""))[:60],
        message=without_keys(str(error.get("message", "")))[:400],
        error_fields=tuple(str(name)[:_LONGEST] for name in error.get("fields") or ())[:_MOST],
        job_id=arrival.answer.get("x-job-id"),
        answer=arrival.answer,
        hung_up=arrival.hung_up,
        ms=round((time.monotonic() - arrival.began) * 1000),
        timings=dict(arrival.timings),
    )


def _error(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body)["error"]
    except (ValueError, KeyError, TypeError):
        return {}
    return found if isinstance(found, dict) else {}


def _files(arrival: Arrival) -> tuple[SentFile, ...]:
    found = [
        SentFile(
            part.name[:_LONGEST],
            without_keys(part.file_name)[:_LONGEST],
            part.media_type[:_LONGEST],
            part.size,
        )
        for part in arrival.parts
        if part.file_name is not None
    ][:5]
    info = arrival.info
    if info is None:
        return tuple(found)
    photo = next((at for at, one in enumerate(found) if one.size), None)
    if photo is not None:
        found[photo] = replace(found[photo], real_type=info.media_type, width=info.width, height=info.height)
    return tuple(found)


def _key_state(query: dict[str, str]) -> Literal["absent", "empty", "odd", "key"]:
    key = query.get(KEY_FIELD)
    if key is None:
        return "absent"
    if not key.strip():
        return "empty"
    return "key" if looks_like_key(key) else "odd"


def _reply_from(arrival: Arrival, query: dict[str, str]) -> Literal["address", "accept", "slot"] | None:
    if arrival.reply is None:
        return None
    if "reply" in query:
        return "address"
    accept = arrival.headers.get("accept", "").lower()
    return (
        "accept" if any(kind in accept for kind in ("application/json", "image/", "multipart/")) else "slot"
    )
