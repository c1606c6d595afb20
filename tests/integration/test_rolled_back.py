"""After a rollback: what a newer version stored does not stop photos, nor the settings' page."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable

import httpx
import pytest

from tests.support.camera import Camera, Shot
from tests.support.stack import Stack

Change = Callable[..., Awaitable[None]]
SLOT = "slot-012"


@pytest.fixture
async def newer_settings(stack: Stack) -> AsyncIterator[None]:
    """Rows that a later version may have written."""
    rows = {"ai_rules": "mars", "providers": {"gemini": {"later": 1}}, "visit_pause_seconds": 99999}
    async with stack.database() as db:
        before = await db.fetch("select * from app_settings where key = any($1)", list(rows))
        await db.execute("delete from app_settings where key = any($1)", list(rows))
        for key, value in rows.items():
            await db.execute("insert into app_settings values ($1, $2, 1, 'serg')", key, value)
        try:
            yield
        finally:
            await db.execute("delete from app_settings where key = any($1)", list(rows))
            for row in before:
                await db.execute("insert into app_settings values ($1, $2, $3, $4, $5)", *row.values())


@pytest.mark.usefixtures("newer_settings")
async def test_settings_of_a_newer_version_stop_no_photo(camera: Camera, shot: Shot, slot: Change) -> None:
    await slot(SLOT, active=True, provider="local", operation="glow", params={}, fallbacks=[])
    assert (await camera.post(f"/api/ingest/{SLOT}", shot)).status == 200


@pytest.mark.usefixtures("newer_settings")
async def test_settings_of_a_newer_version_can_be_seen_and_changed(admin: httpx.AsyncClient) -> None:
    shown = (await admin.get("/api/settings")).json()["settings"]
    assert shown["ai_rules"]["value"] == "eu"
    saved = await admin.put("/api/settings", json={"visit_pause_seconds": 0, "ai_rules": "eu"})
    assert saved.status_code == 200, saved.text
    refused = await admin.put("/api/settings", json={"ai_rules": "mars"})
    assert refused.status_code == 422


async def test_a_slot_of_a_newer_version_still_makes_pictures(
    camera: Camera, shot: Shot, slot: Change
) -> None:
    later = {"later": 1}
    await slot(
        SLOT,
        active=True,
        provider="local",
        operation="glow",
        params=later,
        fallbacks=[{"provider": "local", "operation": "glow", "params": {}, **later}],
        output={"media_type": "image/hologram", **later},
        prompt=later,
    )
    assert (await camera.post(f"/api/ingest/{SLOT}", shot)).status == 200
