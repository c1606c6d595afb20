"""Reads and writes channels and messages inside the caller's session."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Select, delete, exists, func, or_, select, text, update
from sqlalchemy.orm import InstrumentedAttribute

from appliance.core.db import Repository
from appliance.staff.alerts.models import AlertChannel, AlertMessage
from appliance.staff.issues.models import Issue

KEPT_FOR = timedelta(days=14)
_WAITS = (AlertMessage.sent_at.is_(None), AlertMessage.dropped_at.is_(None))
_LOCK_KEY = 0x50_43_41_4C  # "PCAL": one change of the channels after the other

# No pause is so long: whatever is to wait for longer was written while the clock was ahead.
_LONGEST_REST = timedelta(minutes=20)


def is_due(moment: InstrumentedAttribute[Any]) -> ColumnElement[bool]:
    """Whether it has come: the time for the next try, or the end of a hold."""
    return or_(moment <= func.now(), moment > func.now() + _LONGEST_REST)


def _first_waiting() -> Select[int]:
    return (
        select(func.min(AlertMessage.id))
        .where(*_WAITS, AlertMessage.refused_at.is_(None))
        .group_by(AlertMessage.channel_id)
    )


def _to_send() -> tuple[ColumnElement[bool], ...]:
    """None overtakes another, except one that was refused for what is in it."""
    next_one = or_(AlertMessage.refused_at.is_not(None), AlertMessage.id.in_(_first_waiting()))
    return (*_WAITS, next_one, is_due(AlertMessage.next_try_at))


class LastAlert(NamedTuple):
    """What a channel was told last of an issue, and when."""

    channel_id: uuid.UUID
    issue_id: int
    key: str
    kind: str
    at: datetime
    sent_at: datetime | None


class AlertRepository(Repository):
    """The tables ``alert_channel`` and ``alert_message``."""

    async def lock(self) -> None:
        """Let other changes of channels, and other processes' looks, wait until this transaction ends."""
        await self._session.execute(text("select pg_advisory_xact_lock(:key)"), {"key": _LOCK_KEY})

    async def channels(self) -> Sequence[AlertChannel]:
        """Every channel, the oldest first."""
        query = select(AlertChannel).order_by(AlertChannel.added_at, AlertChannel.id)
        return (await self._session.scalars(query)).all()

    async def channel(self, channel_id: uuid.UUID) -> AlertChannel | None:
        """One channel, kept from other changes until the commit; ``None`` if there is none."""
        return await self._session.get(AlertChannel, channel_id, with_for_update=True)

    async def remove(self, channel_id: uuid.UUID) -> bool:
        """Delete a channel with its messages; ``False`` if it was gone already."""
        changed = await self._changed(delete(AlertChannel).where(AlertChannel.id == channel_id))
        return changed == 1

    async def last_alerts(self) -> list[LastAlert]:
        """The last message of each channel about each issue, as far as they are kept."""
        message = AlertMessage
        last = select(func.max(message.id)).group_by(message.channel_id, message.issue_id)
        query = (
            select(
                *(message.channel_id, message.issue_id, Issue.key),
                *(message.kind, message.created_at, message.sent_at),
            )
            .join(Issue, Issue.id == message.issue_id)
            .where(message.id.in_(last))
        )
        return [LastAlert(*row) for row in await self._session.execute(query)]

    async def closed(self, issue_ids: Sequence[int]) -> Sequence[Issue]:
        """Those of the issues that are over."""
        query = select(Issue).where(Issue.id.in_(issue_ids), Issue.closed_at.is_not(None))
        return (await self._session.scalars(query)).all()

    async def due(self) -> Sequence[uuid.UUID]:
        """The channels that have something to be sent now."""
        query = select(AlertMessage.channel_id).where(*_to_send()).distinct()
        return (await self._session.scalars(query)).all()

    async def take(self, channel_id: uuid.UUID, hold: timedelta) -> tuple[AlertMessage, AlertChannel] | None:
        """The channel's first message that is to be sent now. For ``hold`` nobody else takes it: if we die
        meanwhile, it is sent again after it.
        """
        query = (
            select(AlertMessage, AlertChannel)
            .join(AlertChannel, AlertChannel.id == AlertMessage.channel_id)
            .where(AlertMessage.channel_id == channel_id, *_to_send())
            .order_by(AlertMessage.id)
            .limit(1)
            .with_for_update(of=AlertMessage, skip_locked=True)
        )
        found = (await self._session.execute(query)).one_or_none()
        if found is None:
            return None
        message, channel = found
        until = func.now() + hold
        await self.change(message.id, next_try_at=until, held_until=until, tries=message.tries + 1)
        return message, channel

    async def change(self, message_id: int, **values: Any) -> None:
        """Change columns of a message; one that is gone is left alone."""
        await self._session.execute(
            update(AlertMessage)
            .where(AlertMessage.id == message_id)
            .values(**values)
            .execution_options(synchronize_session=False)  # what was taken stays as it was read
        )

    async def retry_now(self, channel_id: uuid.UUID) -> None:
        """What waits for the channel is tried again at once: it was just reached. What a process is sending
        stays with it.
        """
        free = or_(AlertMessage.held_until.is_(None), is_due(AlertMessage.held_until))
        await self._session.execute(
            update(AlertMessage)
            .where(AlertMessage.channel_id == channel_id, *_WAITS, free)
            .values(next_try_at=func.now())
        )

    async def took_since(self, channel_id: uuid.UUID, moment: datetime) -> bool:
        """Whether the channel has taken a message since then."""
        taken = exists().where(AlertMessage.channel_id == channel_id, AlertMessage.sent_at >= moment)
        return bool(await self._session.scalar(select(taken)))

    async def recent(self, limit: int) -> Sequence[tuple[AlertMessage, str]]:
        """The newest messages, with the names of their channels."""
        query = (
            select(AlertMessage, AlertChannel.name)
            .join(AlertChannel, AlertChannel.id == AlertMessage.channel_id)
            .order_by(AlertMessage.id.desc())
            .limit(limit)
        )
        return [(row[0], row[1]) for row in await self._session.execute(query)]

    async def waiting(self) -> dict[uuid.UUID, int]:
        """How many messages wait, by channel."""
        query = select(AlertMessage.channel_id, func.count()).where(*_WAITS).group_by(AlertMessage.channel_id)
        return {row[0]: int(row[1]) for row in await self._session.execute(query)}

    async def forget_old(self) -> None:
        """Remove what was said long ago about issues that are over."""
        still = select(Issue.id).where(Issue.closed_at.is_(None))
        await self._session.execute(
            delete(AlertMessage).where(
                AlertMessage.created_at < func.now() - KEPT_FOR, AlertMessage.issue_id.not_in(still)
            )
        )
