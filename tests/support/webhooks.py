"""Webhooks and their sender on a database of their own."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import text

from appliance.accounts.permissions import PERMISSIONS, Principal
from appliance.core.clock import utcnow
from appliance.core.db import Database
from appliance.core.encryption import EncryptionKeys
from appliance.core.public_base import DeploymentUrls
from appliance.jobs.models import JobHistory
from appliance.settings.operator import AppSettingsRepository
from appliance.slots.models import Slot
from appliance.staff.webhooks.repository import WebhookRepository
from appliance.staff.webhooks.schemas import EVENTS, MadeWebhook, NewWebhook, WebhookEvent
from appliance.staff.webhooks.sender import WebhookSender
from appliance.staff.webhooks.service import Webhooks
from tests.support.scratch import migrated_database
from tests.support.stack import Stack

WHO = Principal("serg", "administrator", frozenset(PERMISSIONS), uuid.uuid4(), False, "127.0.0.1")


class Ground:
    """Webhooks and a sender on a database of their own; jobs and issues are rows that the test writes."""

    def __init__(self, database: Database, secrets: Path) -> None:
        self.database, self.encryption = database, EncryptionKeys(secrets)
        self.encryption.ensure()
        self.webhooks = Webhooks(database, self.encryption)
        self.senders: list[WebhookSender] = []
        self.sender = self.another()

    def another(self) -> WebhookSender:
        """A sender as it is after a restart."""
        self.senders.append(
            WebhookSender(self.database, self.encryption, DeploymentUrls("https://booth.example.com", None))
        )
        return self.senders[-1]

    async def add(self, address: str, *events: WebhookEvent) -> MadeWebhook:
        return await self.webhooks.add(
            NewWebhook(name="till", address=address, events=list(events or EVENTS)), WHO
        )

    async def job(self, status: str = "done", **values: Any) -> uuid.UUID:
        made = uuid.uuid4()
        is_done = status == "done"
        row = {
            "job_id": made,
            "slot_id": "slot-001",
            "status": status,
            "provider": "local",
            "operation": "monochrome",
            "upload_type": "image/jpeg",
            "upload_size": 1,
            "upload_sha256": "0" * 64,
            "deadline_seconds": 40.0,
            "finished_at": utcnow(),
            "timings": {"total": 2000},
            "request_fields": {"email": "guest@example.com"},
            "result_key": "results/x" if is_done else None,
            "result_expires_at": utcnow() + timedelta(hours=1) if is_done else None,
            "failure_reason": None if is_done else "provider_failed",
        }
        async with self.database.session() as session:
            if await session.get(Slot, "slot-001") is None:
                await session.execute(
                    text(
                        "insert into slot (slot_id, display_name, provider, operation, params, updated_by)"
                        " values ('slot-001', 'One', 'local', 'monochrome', '{}', 'test')"
                    )
                )
            session.add(JobHistory(**(row | values)))
        return made

    async def run(self, statement: str, **values: Any) -> None:
        async with self.database.session() as session:
            await session.execute(text(statement), values)

    async def put(self, **settings: Any) -> None:
        async with self.database.session() as session:
            for key, value in settings.items():
                await AppSettingsRepository(session).put(key, value, by="test")

    async def round(self) -> list[tuple[str, bool]]:
        """Write and send; the events of all deliveries so far, and whether they were taken."""
        await self.sender.write()
        async with self.database.session() as session:
            due = await WebhookRepository(session).due()
        for one in due:
            while await self.sender.send(one):
                pass
        found = (await self.webhooks.view()).deliveries
        return [(one.event, one.delivered_at is not None) for one in reversed(found)]


@asynccontextmanager
async def ground_of(stack: Stack, name: str, secrets: Path) -> AsyncIterator[Ground]:
    """A ground on a scratch database of the stack's server, within the block."""
    async with migrated_database(stack, name) as url:
        database = Database(url)
        made = Ground(database, secrets)
        try:
            yield made
        finally:
            for sender in made.senders:
                await sender.aclose()
            await database.aclose()
