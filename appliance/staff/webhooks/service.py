"""Webhooks: added with a secret that is shown once, listed with their deliveries, removed."""

from __future__ import annotations

import secrets
import uuid

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from appliance.accounts.permissions import Principal
from appliance.accounts.repository import AccountRepository
from appliance.core.clock import utcnow
from appliance.core.db import Database
from appliance.core.encryption import EncryptionKeys, Unreadable
from appliance.core.errors import NotFound, ValidationFailed
from appliance.core.language import Message
from appliance.core.web_address import parse_address
from appliance.staff.webhooks.models import Webhook, WebhookDelivery
from appliance.staff.webhooks.repository import WebhookRepository
from appliance.staff.webhooks.schemas import DeliveryView, MadeWebhook, NewWebhook, WebhookList, WebhookView

log = structlog.get_logger()

MOST = 10
_SHOWN = 50


def purpose_of(webhook_id: uuid.UUID) -> str:
    """What an address and its secret are encrypted for: in another row they cannot be read."""
    return f"webhook {webhook_id}"


class Webhooks:
    """What an administrator does with webhooks."""

    def __init__(self, database: Database, encryption: EncryptionKeys) -> None:
        self._database, self._encryption = database, encryption

    async def view(self) -> WebhookList:
        """Every webhook, and the newest deliveries with their answers."""
        async with self._database.session() as session:
            webhooks = WebhookRepository(session)
            waiting = await webhooks.waiting()
            return WebhookList(
                webhooks=[
                    WebhookView.from_object(row, waiting=waiting.get(row.id, 0))
                    for row in await webhooks.all()
                ],
                deliveries=[_delivery(row, name) for row, name in await webhooks.recent(_SHOWN)],
            )

    async def add(self, new: NewWebhook, who: Principal) -> MadeWebhook:
        """Send what happens from now on; raises ``ValidationFailed`` where there are too many."""
        made, secret = uuid.uuid4(), f"whsec_{secrets.token_urlsafe(32)}"
        async with self._database.session() as session:
            webhooks = WebhookRepository(session)
            await webhooks.lock()  # encrypted while no rotation of the encryption key is under way
            row = Webhook(
                id=made,
                name=new.name,
                encrypted=self._encryption.encrypt(new.address, purpose_of(made)),
                encrypted_secret=self._encryption.encrypt(secret, purpose_of(made)),
                origin=parse_address(new.address).origin,
                ends_in="…" + new.address[-4:],
                events=sorted(set(new.events)),
                added_by=who.username,
                added_at=utcnow(),
                read_until=utcnow(),
            )
            if len(await webhooks.all()) >= MOST:
                raise ValidationFailed(
                    fields={"address": Message("there are %(n)s webhooks already: remove one first", n=MOST)}
                )
            webhooks.add(row)
            AccountRepository(session).record_by(
                who, "webhook.added", row.name, origin=row.origin, ends_in=row.ends_in
            )
        log.info("webhook.added", origin=row.origin, account=who.username)
        return MadeWebhook.from_object(row, waiting=0, secret=secret)

    async def remove(self, webhook_id: uuid.UUID, who: Principal) -> None:
        """Forget a webhook and its deliveries; raises ``NotFound``."""
        async with self._database.session() as session:
            webhooks = WebhookRepository(session)
            row = await webhooks.get(webhook_id)
            if row is None or not await webhooks.remove(webhook_id):
                raise NotFound(Message("There is no such webhook. It may have been removed in the meantime."))
            AccountRepository(session).record_by(who, "webhook.removed", row.name, origin=row.origin)


async def encrypt_webhooks_again(session: AsyncSession, encryption: EncryptionKeys) -> tuple[int, int]:
    """Encrypt every address and secret that can be read with the newest encryption key.

    Returns how many webhooks these were, and how many cannot be read.
    """
    webhooks = WebhookRepository(session)
    await webhooks.lock()
    count = lost = 0
    for row in await webhooks.all():
        purpose = purpose_of(row.id)
        try:
            address = encryption.decrypt(row.encrypted, purpose)
            secret = encryption.decrypt(row.encrypted_secret, purpose)
        except Unreadable:
            lost += 1
        else:
            row.encrypted = encryption.encrypt(address, purpose)
            row.encrypted_secret = encryption.encrypt(secret, purpose)
            count += 1
    return count, lost


def _delivery(row: WebhookDelivery, webhook: str) -> DeliveryView:
    ended = row.delivered_at or row.dropped_at
    return DeliveryView.from_object(row, webhook=webhook, next_try_at=None if ended else row.next_try_at)
