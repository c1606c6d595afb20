"""Channels and a sender of alerts on a database of their own."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal

from sqlalchemy import text

from appliance.accounts.permissions import PERMISSIONS, Principal
from appliance.core.db import Database
from appliance.core.encryption import EncryptionKeys
from appliance.core.public_base import DeploymentUrls
from appliance.settings.operator import AppSettingsRepository
from appliance.staff.alerts.channels import AlertChannels
from appliance.staff.alerts.delivery_process import DeliveryProcess
from appliance.staff.alerts.repository import AlertRepository
from appliance.staff.alerts.schemas import NewChannel
from appliance.staff.alerts.sender import AlertSender
from appliance.staff.issues.models import Issue
from tests.support.scratch import migrated_database
from tests.support.stack import Stack

WHO = Principal("serg", "administrator", frozenset(PERMISSIONS), uuid.uuid4(), False, "127.0.0.1")
BASE = "https://booth.example.com"
Severity = Literal["stops_photos", "will_stop", "should_know"]


class Ground:
    """Channels and a sender on a database of their own; issues are rows that the test writes."""

    def __init__(self, database: Database, secrets: Path) -> None:
        self.database = database
        self.encryption = EncryptionKeys(secrets)
        self.encryption.ensure()
        self.delivery, self.urls = DeliveryProcess(), DeploymentUrls(BASE, None)
        self.channels = AlertChannels(database, self.encryption, self.delivery, self.urls)
        self.sender = AlertSender(database, self.encryption, self.delivery, self.urls)

    def another(self) -> AlertSender:
        """A sender of another process, or as it is after a restart."""
        return AlertSender(self.database, self.encryption, DeliveryProcess(), self.urls)

    async def add(self, address: str, severity: Severity = "should_know", lang: Any = "en") -> uuid.UUID:
        new = NewChannel(name="crew", address=address, severity=severity, language=lang)  # type: ignore[arg-type]
        return (await self.channels.add(new, WHO)).id

    async def issue(self, code: str = "slot.failing", severity: Severity = "stops_photos") -> int:
        async with self.database.session() as session:
            row = Issue(key=f"{code}.{uuid.uuid4()}", code=code, severity=severity, slots=["slot-007"])
            row.parameters = {"reason": "internal_error", "free_bytes": 10**9, "low_bytes": 2 * 10**9}
            row.parameters["pictures"] = 3
            row.action = {"kind": "open_slot", "href": "/admin/slots/slot-007", "method": "", "path": ""}
            session.add(row)
            await session.flush()
            return row.id

    async def over(self, issue_id: int) -> None:
        await self.run("update issue set closed_at = now() where id = :id", id=issue_id)

    async def run(self, statement: str, **values: Any) -> None:
        async with self.database.session() as session:
            await session.execute(text(statement), values)

    async def put(self, **settings: Any) -> None:
        async with self.database.session() as session:
            for key, value in settings.items():
                await AppSettingsRepository(session).put(key, value, by="test")

    async def pass_time(self, minutes: float) -> None:
        """All that was written and sent was so much earlier."""
        await self.run(
            "update alert_message set created_at = created_at - cast(:by as interval),"
            " sent_at = sent_at - cast(:by as interval), next_try_at = next_try_at - cast(:by as interval),"
            " held_until = held_until - cast(:by as interval)",
            by=timedelta(minutes=minutes),
        )

    async def round(self) -> list[tuple[str, bool]]:
        """Write and send; the kinds of all messages so far, and whether they arrived."""
        await self.sender.write()
        async with self.database.session() as session:
            due = await AlertRepository(session).due()
        for one in due:
            while await self.sender.send(one):
                pass
        async with self.database.session() as session:
            query = "select kind, sent_at is not null from alert_message order by id"
            return [(row[0], row[1]) for row in await session.execute(text(query))]


@asynccontextmanager
async def ground_of(stack: Stack, name: str, secrets: Path) -> AsyncIterator[Ground]:
    """A ground on a scratch database of the stack's server, within the block."""
    async with migrated_database(stack, name) as url:
        database = Database(url)
        try:
            made = Ground(database, secrets)
            await made.put(alert_start_quiet_seconds=0)
            yield made
        finally:
            await database.aclose()
