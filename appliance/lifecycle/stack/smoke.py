"""Is somebody being served, and does a photo become a picture: what an upgrade asks before and after.

The smoke test goes the way that a booth's photo goes: over HTTP, with a password, through a slot whose looks
are made on this machine. The password is the first one, while it is in force, or one that is valid beside it
for a minute, the way a rotation with overlap does it.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pyvips
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from appliance.core import local_http
from appliance.core.clock import utcnow
from appliance.core.db import Database
from appliance.core.images import JPEG
from appliance.core.passwords import hash_password
from appliance.core.secrets import FirstPasswordFile
from appliance.ingest.credentials import previous_valid_until
from appliance.lifecycle.stack import watch
from appliance.settings.environment import Settings
from appliance.settings.operator import INGEST_PASSWORD, AppSettingsRepository

_BOUNDARY = "------------------------smoke"
_TIMEOUT = 70


@dataclass(frozen=True, slots=True)
class SmokeResult:
    """What came of the smoke test."""

    ok: bool
    said: str


async def busy(settings: Settings, database: Database) -> int:
    """How many photos are in flight: jobs that are pending, or an upload that has only begun."""
    async with database.session() as session:
        pending = int(
            await session.scalar(text("select count(*) from job_history where status = 'pending'")) or 0
        )
    return pending or int(watch.photos_in_flight(settings.media_root))


async def try_one_photo(settings: Settings, database: Database) -> SmokeResult:
    """Post a photo to the running app and look at the answer."""
    slot_id = await _local_slot(database)
    if slot_id is None:
        return SmokeResult(
            ok=True, said="no slot with a look made on this machine is switched on; no photo was tried"
        )
    async with _password(settings, database) as password:
        if password is None:
            return SmokeResult(
                ok=True, said="the ingest password is being changed right now; no photo was tried"
            )
        status, body = local_http.post(
            f"/api/ingest/{slot_id}?reply=json",
            _form(password),
            f"multipart/form-data; boundary={_BOUNDARY}",
            timeout=_TIMEOUT,
            listen=settings.listen,
        )
    answer: dict[str, Any] = json.loads(body) if body.startswith(b"{") else {}
    if status != 200 or answer.get("status") != "done":
        return SmokeResult(
            ok=False, said=f"{slot_id} answered {status}: {body[:300].decode(errors='replace')}"
        )
    await _put_away(database, str(answer["job_id"]))
    return SmokeResult(ok=True, said=f"{slot_id} made a picture of {answer['size']} bytes")


async def _local_slot(database: Database) -> str | None:
    statement = text("select slot_id from slot where active and provider = 'local' order by slot_id limit 1")
    async with database.session() as session:
        found: str | None = await session.scalar(statement)
    return found


@asynccontextmanager
async def _password(settings: Settings, database: Database) -> AsyncIterator[str | None]:
    first = FirstPasswordFile(settings.secrets_dir).read()["ingest"]
    if first:
        yield first
        return
    made = secrets.token_urlsafe(24)
    async with database.session() as session:
        before = await _stored(session)
        if previous_valid_until(before):  # booths may still be sending the password before this one
            yield None
            return
        until = (utcnow() + timedelta(minutes=2)).isoformat()
        beside = {**before, "previous_hash": await hash_password(made), "previous_valid_until": until}
        await _exchange(session, before, beside)
    try:
        yield made
    finally:
        async with database.session() as session:
            await _exchange(session, beside, before)


async def _stored(session: AsyncSession) -> dict[str, Any]:
    row = await AppSettingsRepository(session).get(INGEST_PASSWORD)
    return dict(row.value) if row else {}


async def _exchange(session: AsyncSession, old: dict[str, Any], new: dict[str, Any]) -> None:
    """Unless somebody changed the password in between: then theirs stays."""
    statement = text(
        "update app_settings set value = cast(:new as jsonb) where key = :key and value = cast(:old as jsonb)"
    )
    await session.execute(statement, {"key": INGEST_PASSWORD, "old": json.dumps(old), "new": json.dumps(new)})


async def _put_away(database: Database, job_id: str) -> None:
    """It was no guest's picture: it is in no gallery, and the next cleanup removes it."""
    statement = text(
        "update job_history set source = 'test', result_expires_at = now() where job_id = cast(:job as uuid)"
    )
    async with database.session() as session:
        await session.execute(statement, {"job": job_id})


def _form(password: str) -> bytes:
    photo: bytes = pyvips.Image.gaussnoise(640, 480, mean=128, sigma=30).cast("uchar").jpegsave_buffer()
    head = (
        f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="password"\r\n\r\n{password}\r\n'
        f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="fileToUpload"; filename="smoke.jpg"\r\n'
        f"Content-Type: {JPEG.media_type}\r\n\r\n"
    )
    return head.encode() + photo + f"\r\n--{_BOUNDARY}--\r\n".encode()
