"""What was revoked since a backup stays so after its restore: API tokens and booth keys."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from appliance.accounts.api_tokens import ApiTokens
from appliance.accounts.permissions import Principal
from appliance.core.clock import utcnow
from appliance.core.db import Database
from appliance.settings.environment import Settings
from tests.support.backups import another_machine, made, put_in
from tests.support.stack import Stack

SERG = Principal("serg", "admin", frozenset(), uuid.uuid4(), must_change_password=False, address="::1")


@pytest.fixture
async def elsewhere(stack: Stack, tmp_path: Path) -> AsyncIterator[Settings]:
    """Another machine: an empty database, empty folders."""
    async with another_machine(stack, tmp_path / "elsewhere", "revoking") as settings:
        yield settings


@asynccontextmanager
async def database_of(settings: Settings) -> AsyncIterator[Database]:
    database = Database(settings.sqlalchemy_url(), pool_size=1)
    try:
        yield database
    finally:
        await database.aclose()


async def test_a_token_that_was_revoked_stays_so_however_often_the_backup_is_restored(
    stack: Stack, admin: httpx.AsyncClient, elsewhere: Settings, tmp_path: Path
) -> None:
    until = (utcnow() + timedelta(days=7)).isoformat()
    names = ("leaked", "good")
    asked = [{"name": name, "scopes": ["jobs:read"], "expires_at": until} for name in names]
    leaked, good = [(await admin.post("/api/tokens", json=one)).json()["id"] for one in asked]
    try:
        file = await made(stack, tmp_path)
    finally:
        for token in (leaked, good):
            await admin.delete(f"/api/tokens/{token}")
    await put_in(elsewhere, file)
    async with database_of(elsewhere) as database:
        assert {str(one.id) for one in await ApiTokens(database).all()} >= {leaked, good}
        await ApiTokens(database).revoke(uuid.UUID(leaked), SERG)
    for _ in range(2):
        await put_in(elsewhere, file)
        async with database_of(elsewhere) as database:
            there = {str(one.id) for one in await ApiTokens(database).all()}
        assert there & {leaked, good} == {good}


async def test_a_booth_key_that_was_revoked_stays_so(
    stack: Stack, admin: httpx.AsyncClient, elsewhere: Settings, tmp_path: Path
) -> None:
    stolen, good = [
        (await admin.post("/api/booth-keys", json={"name": name})).json()["id"] for name in ("Stolen", "Good")
    ]
    try:
        file = await made(stack, tmp_path)
    finally:
        async with stack.database() as db:
            await db.execute("delete from booth_key where id = any($1::uuid[])", [stolen, good])
    await put_in(elsewhere, file)
    async with stack.database("revoking") as db:
        revoked = "update booth_key set revoked_at = now(), revoked_by = 'serg' where id = $1::uuid"
        await db.execute(revoked, stolen)
    await put_in(elsewhere, file)
    async with stack.database("revoking") as db:
        rows = await db.fetch("select id::text, revoked_by from booth_key")
    found = {row["id"]: row["revoked_by"] for row in rows}
    assert (found[stolen], found[good]) == ("serg", None)
