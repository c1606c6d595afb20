"""Reads and writes webhooks and deliveries inside the caller's session."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Select, delete, func, literal, or_, select, text, tuple_, update
from sqlalchemy.dialects.postgresql import insert

from appliance.core.db import Repository
from appliance.jobs.models import JobHistory
from appliance.staff.alerts.repository import is_due
from appliance.staff.issues.models import Issue
from appliance.staff.webhooks.models import Webhook, WebhookDelivery

MOST_WAITING = 1000  # of one webhook: an evening's photos
KEPT_FOR = timedelta(days=7)
PAGE = 500  # photos that are read at once
_LOCK_KEY = 0x50_43_57_48  # "PCWH": one change of the webhooks after the other
_TOO_MANY = f"Dropped: more than {MOST_WAITING} were waiting."
_WAITS = (WebhookDelivery.delivered_at.is_(None), WebhookDelivery.dropped_at.is_(None))


def finished_after(ended: datetime, job_id: uuid.UUID) -> Select[JobHistory]:
    """The next photos of booths, by when they ended: many may have ended in the same moment."""
    place = tuple_(JobHistory.finished_at, JobHistory.job_id)
    return (
        select(JobHistory)
        .where(
            JobHistory.finished_at >= ended,  # places alone do not tell PostgreSQL of the index
            place > tuple_(literal(ended), literal(job_id)),
            JobHistory.source == "ingest",
        )
        .order_by(JobHistory.finished_at, JobHistory.job_id)
        .limit(PAGE)
    )


class WebhookRepository(Repository):
    """The tables ``webhook`` and ``webhook_delivery``."""

    async def lock(self) -> None:
        """Let other changes, and other processes' looks, wait until this transaction ends."""
        await self._session.execute(text("select pg_advisory_xact_lock(:key)"), {"key": _LOCK_KEY})

    async def all(self) -> Sequence[Webhook]:
        """Every webhook, the oldest first."""
        return (await self._session.scalars(select(Webhook).order_by(Webhook.added_at, Webhook.id))).all()

    async def get(self, webhook_id: uuid.UUID) -> Webhook | None:
        """One webhook, or ``None``."""
        return await self._session.get(Webhook, webhook_id)

    async def remove(self, webhook_id: uuid.UUID) -> bool:
        """Delete a webhook with its deliveries; ``False`` if it was gone already."""
        changed = await self._changed(delete(Webhook).where(Webhook.id == webhook_id))
        return changed == 1

    async def finished(self, since: datetime) -> AsyncIterator[Sequence[JobHistory]]:
        """Booths' photos that ended since then, in that order, so many at a time."""
        place = since, uuid.UUID(int=0)
        while True:
            jobs = (await self._session.scalars(finished_after(*place))).all()
            yield jobs
            if len(jobs) < PAGE:
                return
            assert jobs[-1].finished_at  # noqa: S101 - it was found by that
            place = jobs[-1].finished_at, jobs[-1].job_id

    async def changed_issues(self, since: datetime) -> Sequence[Issue]:
        """Issues that were written or closed since then: they may have begun, or ended, long before."""
        changed = or_(Issue.written_at > since, Issue.closed_at > since)
        return (await self._session.scalars(select(Issue).where(changed).order_by(Issue.id))).all()

    async def write(self, values: Sequence[dict[str, Any]]) -> None:
        """Insert deliveries; those that are there already stay as they are."""
        if values:
            await self._session.execute(insert(WebhookDelivery).values(list(values)).on_conflict_do_nothing())

    async def bound(self, webhook_id: uuid.UUID) -> None:
        """Drop the oldest that wait beyond ``MOST_WAITING``."""
        beyond = (
            select(WebhookDelivery.id)
            .where(WebhookDelivery.webhook_id == webhook_id, *_WAITS)
            .order_by(WebhookDelivery.id.desc())
            .offset(MOST_WAITING)
        )
        await self._session.execute(
            update(WebhookDelivery)
            .where(WebhookDelivery.id.in_(beyond))
            .values(dropped_at=func.now(), answer=_TOO_MANY)
        )

    async def due(self) -> Sequence[uuid.UUID]:
        """The webhooks for which something is to be sent now."""
        query = select(WebhookDelivery.webhook_id).where(*_WAITS, is_due(WebhookDelivery.next_try_at))
        return (await self._session.scalars(query.distinct())).all()

    async def take(
        self, webhook_id: uuid.UUID, limit: int, hold: timedelta
    ) -> list[tuple[WebhookDelivery, Webhook]]:
        """Deliveries of one webhook to send now. For ``hold`` nobody else takes them."""
        query = (
            select(WebhookDelivery, Webhook)
            .join(Webhook, Webhook.id == WebhookDelivery.webhook_id)
            .where(WebhookDelivery.webhook_id == webhook_id, *_WAITS, is_due(WebhookDelivery.next_try_at))
            .order_by(WebhookDelivery.next_try_at, WebhookDelivery.id)
            .limit(limit)
            .with_for_update(of=WebhookDelivery, skip_locked=True)
        )
        found = [(row[0], row[1]) for row in await self._session.execute(query)]
        for one, _ in found:
            await self.change(one.id, next_try_at=func.now() + hold, tries=one.tries + 1)
        return found

    async def change(self, delivery_id: int, **values: Any) -> None:
        """Change columns of a delivery; one that is gone is left alone."""
        await self._session.execute(
            update(WebhookDelivery)
            .where(WebhookDelivery.id == delivery_id)
            .values(**values)
            .execution_options(synchronize_session=False)  # what was taken stays as it was read
        )

    async def recent(self, limit: int) -> list[tuple[WebhookDelivery, str]]:
        """The newest deliveries, with the names of their webhooks."""
        query = (
            select(WebhookDelivery, Webhook.name)
            .join(Webhook, Webhook.id == WebhookDelivery.webhook_id)
            .order_by(WebhookDelivery.id.desc())
            .limit(limit)
        )
        return [(row[0], row[1]) for row in await self._session.execute(query)]

    async def waiting(self) -> dict[uuid.UUID, int]:
        """How many deliveries wait, by webhook."""
        query = (
            select(WebhookDelivery.webhook_id, func.count())
            .where(*_WAITS)
            .group_by(WebhookDelivery.webhook_id)
        )
        return {row[0]: int(row[1]) for row in await self._session.execute(query)}

    async def forget_old(self) -> None:
        """Remove what was delivered or dropped long ago."""
        await self._session.execute(
            delete(WebhookDelivery).where(
                WebhookDelivery.created_at < func.now() - KEPT_FOR,
                or_(WebhookDelivery.delivered_at.is_not(None), WebhookDelivery.dropped_at.is_not(None)),
            )
        )
