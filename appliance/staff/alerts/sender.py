"""Writes the messages that are due and sends them, in a task of its own: no photo waits for it."""

from __future__ import annotations

import asyncio
import time
import uuid
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any

import structlog
from sqlalchemy import func

from appliance.core.clock import utcnow
from appliance.core.db import Database
from appliance.core.encryption import EncryptionKeys, Unreadable
from appliance.core.public_base import DeploymentUrls
from appliance.core.tasks import Background, OneOfEach, wait_for_event
from appliance.settings.operator import AppSettingsRepository, OperatorSettings
from appliance.staff.alerts.base import alert_base
from appliance.staff.alerts.channels import purpose_of
from appliance.staff.alerts.delivery_process import PATIENCE, DeliveryProcess, DeliveryResult
from appliance.staff.alerts.models import AlertChannel, AlertMessage
from appliance.staff.alerts.repository import AlertRepository
from appliance.staff.alerts.rules import AlertPolicy, due_alerts
from appliance.staff.alerts.words import message_text
from appliance.staff.issues.models import Issue
from appliance.staff.issues.periods import Periods
from appliance.staff.issues.repository import IssueRepository

log = structlog.get_logger()

TICK = 5.0  # seconds between two looks where nothing wakes it
TRIED_FOR = timedelta(days=1)
_PAUSES = (10, 20, 40, 60, 120, 300, 600, 900)  # seconds before the next try, the last one ever after
_HOLD = timedelta(seconds=3 * PATIENCE)
_REFUSED = "Refused, unlike a later message: dropped."
_TOO_LATE = "Not sent within a day: dropped."


def pause_after(tries: int) -> timedelta:
    """How long a message rests after its ``tries``-th failure."""
    return timedelta(seconds=_PAUSES[min(max(tries, 1), len(_PAUSES)) - 1])


class AlertSender(Background):
    """Compares, writes, sends."""

    def __init__(
        self, database: Database, encryption: EncryptionKeys, delivery: DeliveryProcess, urls: DeploymentUrls
    ) -> None:
        self._database, self._encryption, self._delivery, self._urls = database, encryption, delivery, urls
        self._wake = asyncio.Event()
        self._sending = OneOfEach[uuid.UUID]()  # by channel: none waits for another that hangs
        self._began = time.monotonic()

    async def issues_changed(self, _: list[Issue], __: list[Issue]) -> None:
        """For the issues' watch: look now."""
        self._wake.set()

    async def work(self) -> None:
        """See ``Background``."""
        while True:
            await wait_for_event(self._wake, TICK)
            self._wake.clear()
            try:
                await self.write()
                async with self._database.session() as session:
                    due = await AlertRepository(session).due()
            except Exception as error:  # noqa: BLE001 - the database is away, say: the next look follows
                log.info("alerts.not_looked", error=type(error).__name__)
                continue
            for channel_id in due:
                self._sending.begin(channel_id, partial(self._send_due, channel_id))

    async def stop(self) -> None:
        """See ``Background``."""
        await super().stop()
        await self._sending.stop()

    async def _send_due(self, channel_id: uuid.UUID) -> None:
        try:
            while await self.send(channel_id):
                pass
        except Exception as error:  # noqa: BLE001 - likewise
            log.info("alerts.not_sent", error=type(error).__name__)

    async def write(self) -> int:
        """Write the messages that are due now; how many these are."""
        async with self._database.session() as session:
            alerts = AlertRepository(session)
            if not (channels := await alerts.channels()):
                return 0
            settings = await AppSettingsRepository(session).operator_settings()
            if time.monotonic() - self._began < settings.alert_start_quiet_seconds:
                return 0  # a restart, an upgrade: what goes by itself in this time is nobody's business
            await alerts.lock()
            told, now = await alerts.last_alerts(), utcnow()
            lasting = [one.issue_id for one in told if one.kind != "closed"]
            due = due_alerts(
                channels,
                await IssueRepository(session).open_issues(),
                await alerts.closed(lasting),
                told,
                await self._policy(Periods(session), settings),
                now,
            )
            base = alert_base(settings, self._urls)
            for one in due:
                words = message_text(one.issue, one.kind, one.channel.language, base=base, now=now)
                alerts.add(
                    AlertMessage(
                        channel_id=one.channel.id,
                        issue_id=one.issue.id,
                        kind=one.kind,
                        title=words.title,
                        body=words.body,
                    )
                )
            await alerts.forget_old()
        return len(due)

    @staticmethod
    async def _policy(state: Periods, settings: OperatorSettings) -> AlertPolicy:
        minutes = settings.alert_repeat_minutes
        return AlertPolicy(
            repeat=timedelta(minutes=minutes) if minutes else None,
            silent=await state.silence() is not None,
            quiet=settings.alert_event_only and not await state.event_runs(),
        )

    async def send(self, channel_id: uuid.UUID) -> bool:
        """Send the channel's next message, if one is due now; whether another may follow.

        What is refused for what is in it lets the others pass. Only if the channel takes one of them is the
        refusal final; else it may refuse whatever comes, for a wrong setting, and nothing is given up. What
        some recipients of a mail have and others put off is tried once more, as they do who do not know us.
        """
        async with self._delivery.seats:  # first: what is held while others hang would be held for too long
            async with self._database.session() as session:
                if await Periods(session).silence() is not None:
                    return False  # it may have begun while the channel was away
                taken = await AlertRepository(session).take(channel_id, _HOLD)
            if taken is None:
                return False
            message, channel = taken
            answer = await self._answer(message, channel)
        if answer.put_off and message.refused_at is not None:
            answer = replace(answer, ok=True)  # once more, and those who have it would get it again and again
        async with self._database.session() as session:
            alerts = AlertRepository(session)
            before = message.refused_at
            others_pass = before is not None and await alerts.took_since(channel.id, before)
            outcome = _outcome(message, answer, others_pass=others_pass)
            await alerts.change(message.id, held_until=None, **outcome)
            if answer.ok:
                await alerts.retry_now(channel.id)
        level = log.info if answer.ok else log.warning
        level("alert.sent" if answer.ok else "alert.not_sent", channel=channel.name, issue=message.issue_id)
        return answer.ok or answer.refused

    async def _answer(self, message: AlertMessage, channel: AlertChannel) -> DeliveryResult:
        try:
            address = self._encryption.decrypt(channel.encrypted, purpose_of(channel.id))
        except Unreadable:
            return DeliveryResult(ok=False, said="The address cannot be read any more: enter it again.")
        return await self._delivery.send(address, message.title, message.body)


def _outcome(message: AlertMessage, answer: DeliveryResult, *, others_pass: bool) -> dict[str, Any]:
    """The columns that say what came of a try."""
    refused_at = func.coalesce(AlertMessage.refused_at, func.now()) if answer.refused else message.refused_at
    if answer.ok:
        kept = refused_at if answer.refused else None
        return {"sent_at": func.now(), "refused_at": kept, "answer": answer.said}
    is_final = answer.refused and others_pass
    if is_final or utcnow() - message.created_at > TRIED_FOR:
        said = f"{_REFUSED if is_final else _TOO_LATE} {answer.said}"[:600]
        return {"dropped_at": func.now(), "refused_at": refused_at, "answer": said}
    pause = pause_after(len(_PAUSES) if answer.refused else message.tries + 1)
    return {"next_try_at": func.now() + pause, "refused_at": refused_at, "answer": answer.said}
