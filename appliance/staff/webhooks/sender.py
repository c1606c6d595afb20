"""Writes what happened for each webhook, and sends it: beside the photos, which are long answered then."""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import httpx
import structlog
from sqlalchemy import func
from sqlalchemy.ext.asyncio import AsyncSession

from appliance.core.clock import stamp, utcnow
from appliance.core.db import Database
from appliance.core.encryption import EncryptionKeys, Unreadable
from appliance.core.public_base import DeploymentUrls
from appliance.core.tasks import Background, OneOfEach
from appliance.jobs.models import JobHistory
from appliance.settings.operator import AppSettingsRepository
from appliance.staff.alerts.base import alert_base
from appliance.staff.alerts.outgoing import ask, new_client
from appliance.staff.alerts.sender import TRIED_FOR, pause_after
from appliance.staff.issues.models import Issue
from appliance.staff.issues.words import issue_words
from appliance.staff.webhooks.models import Webhook, WebhookDelivery
from appliance.staff.webhooks.repository import WebhookRepository
from appliance.staff.webhooks.service import purpose_of
from appliance.staff.webhooks.signing import DELIVERY, EVENT, SIGNATURE, signature

log = structlog.get_logger()

TICK = 2.0  # seconds between two looks
# A row may be committed so much after its time of ending: each look reaches back, and writes nothing twice.
_OVERLAP = timedelta(minutes=2)
_AT_A_TIME = 4  # of each webhook
_HOLD = timedelta(minutes=2)
_GONE = 410
_BUSY = (408, 425, 429)


class WebhookSender(Background):
    """Reads, writes, sends."""

    def __init__(self, database: Database, encryption: EncryptionKeys, urls: DeploymentUrls) -> None:
        self._database, self._encryption, self._urls = database, encryption, urls
        self._client: httpx.AsyncClient | None = None  # made for the first message: it reads certificates
        self._sending = OneOfEach[uuid.UUID]()  # by webhook: none waits for another that hangs

    async def aclose(self) -> None:
        """Work no more; what is written stays."""
        await super().aclose()
        if self._client:
            await self._client.aclose()

    async def stop(self) -> None:
        """See ``Background``."""
        await super().stop()
        await self._sending.stop()

    async def work(self) -> None:
        """See ``Background``."""
        while True:
            await asyncio.sleep(TICK)
            try:
                await self.write()
                async with self._database.session() as session:
                    due = await WebhookRepository(session).due()
            except Exception as error:  # noqa: BLE001 - the database is away, say: the next look follows
                log.info("webhooks.not_looked", error=type(error).__name__)
                continue
            for webhook_id in due:
                self._sending.begin(webhook_id, partial(self._send_due, webhook_id))

    async def _send_due(self, webhook_id: uuid.UUID) -> None:
        try:
            while await self.send(webhook_id):
                pass
        except Exception as error:  # noqa: BLE001 - likewise
            log.info("webhooks.not_sent", error=type(error).__name__)

    async def write(self) -> None:
        """Write the deliveries of what has happened since the last look."""
        async with self._database.session() as session:
            webhooks = WebhookRepository(session)
            if not (there := await webhooks.all()):
                return
            await webhooks.lock()
            settings = await AppSettingsRepository(session).operator_settings()
            base = alert_base(settings, self._urls)
            for webhook in there:
                await self._write_for(session, webhook, base)
            await webhooks.forget_old()

    async def _write_for(self, session: AsyncSession, webhook: Webhook, base: str) -> None:
        webhooks, now = WebhookRepository(session), utcnow()
        since = max(webhook.read_until - _OVERLAP, webhook.added_at)
        if since > now:  # the clock was ahead
            since = now - _OVERLAP

        async def write(told: Iterator[dict[str, Any]]) -> None:
            wanted = [{"webhook_id": webhook.id, **one} for one in told if one["event"] in webhook.events]
            await webhooks.write(wanted)

        async for jobs in webhooks.finished(since):
            await write(_job_events(jobs, base))
        await write(_issue_events(await webhooks.changed_issues(since), since))
        await webhooks.bound(webhook.id)
        webhook.read_until = now

    async def send(self, webhook_id: uuid.UUID) -> int:
        """Send what is due now to one webhook, a few at a time; how many it took or refused."""
        async with self._database.session() as session:
            taken = await WebhookRepository(session).take(webhook_id, _AT_A_TIME, _HOLD)
        return sum(await asyncio.gather(*(self._send(one, webhook) for one, webhook in taken)))

    async def _send(self, one: WebhookDelivery, webhook: Webhook) -> bool:
        status, answer = await self._post(one, webhook)
        values: dict[str, Any] = {"status": status, "answer": answer[:300].replace("\0", "")}
        is_taken = status is not None and 200 <= status < 300
        if is_taken:
            values["delivered_at"] = func.now()
        elif status == _GONE or utcnow() - one.created_at > TRIED_FOR:
            values["dropped_at"] = func.now()
        else:
            values["next_try_at"] = func.now() + pause_after(one.tries + 1)
        async with self._database.session() as session:
            await WebhookRepository(session).change(one.id, **values)
        log.info("webhook.sent" if is_taken else "webhook.not_sent", webhook=webhook.name, status=status)
        # Where it is away or busy, the rest waits; what it refuses says nothing of the rest.
        return is_taken or (status is not None and 400 <= status < 500 and status not in _BUSY)

    async def _post(self, one: WebhookDelivery, webhook: Webhook) -> tuple[int | None, str]:
        """Status and the beginning of the answer; ``None`` and why there is none."""
        try:
            address = self._encryption.decrypt(webhook.encrypted, purpose_of(webhook.id))
            secret = self._encryption.decrypt(webhook.encrypted_secret, purpose_of(webhook.id))
        except Unreadable:
            return None, "The address cannot be read any more: enter it again."
        body = json.dumps({"id": one.id, **one.payload}, ensure_ascii=False).encode()
        headers = {
            "Content-Type": "application/json",
            EVENT: one.event,
            DELIVERY: str(one.id),
            SIGNATURE: signature(secret, int(time.time()), body),
        }
        self._client = self._client or new_client()
        return await ask(self._client, "POST", address, headers=headers, content=body)


def _job_events(jobs: Sequence[JobHistory], base: str) -> Iterator[dict[str, Any]]:
    for job in jobs:
        event = "photo.done" if job.status == "done" else "photo.failed"
        total = (job.timings or {}).get("total")
        payload = {
            "event": event,
            "at": stamp(job.finished_at) if job.finished_at else None,
            "job_id": str(job.job_id),
            "slot_id": job.slot_id,
            "status": job.status,
            "reason": job.failure_reason,
            "provider": job.provider,
            "model": job.model,
            "seconds": total / 1000 if isinstance(total, int | float) else None,
            "link": f"{base}/r/{job.job_id}" if event == "photo.done" else None,
        }
        yield {"event": event, "subject": str(job.job_id), "payload": payload}


def _issue_events(issues: Sequence[Issue], since: datetime) -> Iterator[dict[str, Any]]:
    for issue in issues:
        for event, at in (("issue.opened", issue.opened_at), ("issue.closed", issue.closed_at)):
            if at is None or max(at, issue.written_at or at) <= since:
                continue
            payload = {
                "event": event,
                "at": stamp(at),
                "issue_id": issue.id,
                "code": issue.code,
                "severity": issue.severity,
                "slots": list(issue.slots),
                "title": issue_words(issue, "en").title,
            }
            yield {"event": event, "subject": str(issue.id), "payload": payload}
