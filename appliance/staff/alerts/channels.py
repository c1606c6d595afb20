"""Channels: added, changed, tested, removed; silence and the event."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from appliance.accounts.actions import AuditAction
from appliance.accounts.permissions import Principal
from appliance.accounts.repository import AccountRepository
from appliance.core.clock import stamp, utcnow
from appliance.core.db import Database
from appliance.core.encryption import EncryptionKeys, Unreadable
from appliance.core.errors import NotFound, ValidationFailed
from appliance.core.language import Message
from appliance.core.public_base import DeploymentUrls
from appliance.settings.operator import AppSettingsRepository
from appliance.staff.alerts.base import alert_base
from appliance.staff.alerts.delivery_process import DeliveryProcess
from appliance.staff.alerts.models import AlertChannel, AlertMessage
from appliance.staff.alerts.repository import AlertRepository
from appliance.staff.alerts.schemas import (
    AlertsView,
    ChannelOptions,
    ChannelView,
    MessageView,
    NewChannel,
    SpanView,
    TestAnswer,
)
from appliance.staff.alerts.words import test_text
from appliance.staff.issues.periods import EVENT, SILENCE, Periods

log = structlog.get_logger()

MOST = 20
_SHOWN = 50


def purpose_of(channel_id: uuid.UUID) -> str:
    """What an address is encrypted for: in another row it cannot be read."""
    return f"alert_channel {channel_id}"


class AlertChannels:
    """What an administrator does with channels."""

    def __init__(
        self, database: Database, encryption: EncryptionKeys, delivery: DeliveryProcess, urls: DeploymentUrls
    ) -> None:
        self._database, self._encryption, self._delivery, self._urls = database, encryption, delivery, urls

    async def view(self) -> AlertsView:
        """Everything that is to be seen."""
        async with self._database.session() as session:
            alerts, state = AlertRepository(session), Periods(session)
            waiting = await alerts.waiting()
            silence, event = await state.silence(), await state.event()
            return AlertsView(
                channels=[
                    ChannelView.from_object(row, waiting=waiting.get(row.id, 0))
                    for row in await alerts.channels()
                ],
                messages=[_message(row, name) for row, name in await alerts.recent(_SHOWN)],
                silence=SpanView.model_validate(silence) if silence else None,
                event=SpanView.model_validate(event) if event else None,
                event_runs=await state.event_runs(),
            )

    async def add(self, new: NewChannel, who: Principal) -> ChannelView:
        """Keep a channel; raises ``ValidationFailed`` for an address that is not taken."""
        address = new.address.get_secret_value().strip()
        await self._delivery.check(address)
        made = uuid.uuid4()
        async with self._database.session() as session:
            alerts = AlertRepository(session)
            await alerts.lock()  # encrypted while no rotation of the encryption key is under way
            row = AlertChannel(
                id=made,
                name=new.name,
                scheme=address.partition("://")[0].lower(),
                encrypted=self._encryption.encrypt(address, purpose_of(made)),
                ends_in="…" + address[-4:] if len(address) >= 24 else "…",
                language=new.language,
                severity=new.severity,
                added_by=who.username,
                added_at=utcnow(),
            )
            if len(await alerts.channels()) >= MOST:
                raise ValidationFailed(
                    fields={"address": Message("there are %(n)s channels already: remove one first", n=MOST)}
                )
            alerts.add(row)
            _record(session, who, "alert_channel.added", row)
        log.info("alert_channel.added", scheme=row.scheme, account=who.username)
        return ChannelView.from_object(row, waiting=0)

    async def change(self, channel_id: uuid.UUID, new: ChannelOptions, who: Principal) -> ChannelView:
        """Change how a channel is told; raises ``NotFound``."""
        async with self._database.session() as session:
            alerts = AlertRepository(session)
            row = await self._row(alerts, channel_id)
            old = {"name": row.name, "language": row.language, "severity": row.severity}
            row.name, row.language, row.severity = new.name, new.language, new.severity
            changes = {
                key: {"from": old[key], "to": value}
                for key, value in new.model_dump(include=set(old)).items()
                if old[key] != value
            }
            if changes:
                _record(session, who, "alert_channel.changed", row, changes=changes)
            waiting = await alerts.waiting()
            return ChannelView.from_object(row, waiting=waiting.get(row.id, 0))

    async def remove(self, channel_id: uuid.UUID, who: Principal) -> None:
        """Forget a channel, and what waits for it; raises ``NotFound``."""
        async with self._database.session() as session:
            alerts = AlertRepository(session)
            row = await self._row(alerts, channel_id)
            _record(session, who, "alert_channel.removed", row)
            await alerts.remove(channel_id)

    async def test(self, channel_id: uuid.UUID) -> TestAnswer:
        """Send a message that says it is a test; raises ``NotFound``. What waits follows if it arrives."""
        async with self._database.session() as session:
            row = await self._row(AlertRepository(session), channel_id)
            settings = await AppSettingsRepository(session).operator_settings()
        try:
            address = self._encryption.decrypt(row.encrypted, purpose_of(row.id))
        except Unreadable:
            return TestAnswer(ok=False, said="The address cannot be read any more: enter it again.")
        words = test_text(row.name, row.language, alert_base(settings, self._urls))
        async with self._delivery.seats:
            answer = await self._delivery.send(address, words.title, words.body)
        if answer.ok:
            async with self._database.session() as session:
                await AlertRepository(session).retry_now(channel_id)
        log.info("alert_channel.tested", channel=row.name, ok=answer.ok)
        return TestAnswer(ok=answer.ok, said=answer.said)

    async def silence(self, minutes: float, who: Principal) -> None:
        """Tell nobody of anything for so long; 0: tell again."""
        await self._put(SILENCE, minutes, "alerts.silenced" if minutes else "alerts.resumed", who)

    async def event(self, minutes: float, who: Principal) -> None:
        """An event runs from now on for so long; 0: it is over."""
        await self._put(EVENT, minutes, "event.begun" if minutes else "event.ended", who)

    async def _put(self, key: str, minutes: float, action: AuditAction, who: Principal) -> None:
        async with self._database.session() as session:
            period = await Periods(session).put(key, timedelta(minutes=minutes), who.username)
            until = stamp(period.until) if period else None
            AccountRepository(session).record_by(who, action, until=until)
        log.info(action, account=who.username)

    @staticmethod
    async def _row(alerts: AlertRepository, channel_id: uuid.UUID) -> AlertChannel:
        row = await alerts.channel(channel_id)
        if row is None:
            raise NotFound(Message("There is no such channel. It may have been removed in the meantime."))
        return row


async def encrypt_addresses_again(session: AsyncSession, encryption: EncryptionKeys) -> tuple[int, int]:
    """Encrypt every address that can be read with the newest encryption key.

    Returns how many these were, and how many cannot be read.
    """
    alerts = AlertRepository(session)
    await alerts.lock()
    count = lost = 0
    for row in await alerts.channels():
        try:
            address = encryption.decrypt(row.encrypted, purpose_of(row.id))
        except Unreadable:
            lost += 1
        else:
            row.encrypted = encryption.encrypt(address, purpose_of(row.id))
            count += 1
    return count, lost


def _record(
    session: AsyncSession, who: Principal, action: AuditAction, row: AlertChannel, **more: Any
) -> None:
    detail = {"scheme": row.scheme, "ends_in": row.ends_in, **more}
    AccountRepository(session).record_by(who, action, row.name, **detail)


def _message(row: AlertMessage, channel: str) -> MessageView:
    ended = row.sent_at or row.dropped_at
    return MessageView.from_object(row, channel=channel, next_try_at=None if ended else row.next_try_at)
