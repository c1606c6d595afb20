"""``/api/webhooks``."""

from __future__ import annotations

import uuid

from fastapi import APIRouter

from appliance.core.errors import ErrorCode
from appliance.core.injection import Injected
from appliance.core.openapi import error_responses
from appliance.staff.access import AUTH_ERRORS, MayReadSettings, MayWriteSettings
from appliance.staff.webhooks.schemas import MadeWebhook, NewWebhook, WebhookList
from appliance.staff.webhooks.service import Webhooks

router = APIRouter(prefix="/api/webhooks", tags=["webhooks"])

_WRONG = (*AUTH_ERRORS, ErrorCode.VALIDATION_FAILED)

Service = Injected[Webhooks]


@router.get("", summary="Webhooks and deliveries", responses=error_responses(*AUTH_ERRORS))
async def all_webhooks(_: MayReadSettings, webhooks: Service) -> WebhookList:
    """The webhooks without paths and secrets, and the newest deliveries with their answers."""
    return await webhooks.view()


@router.post(
    "",
    status_code=201,
    summary="Add a webhook",
    responses=error_responses(*_WRONG, ErrorCode.SERVICE_UNAVAILABLE),
)
async def add(who: MayWriteSettings, webhooks: Service, body: NewWebhook) -> MadeWebhook:
    """Sends what happens from now on. The secret is in this answer only."""
    return await webhooks.add(body, who)


@router.delete(
    "/{webhook_id}",
    status_code=204,
    summary="Remove a webhook",
    responses=error_responses(*AUTH_ERRORS, ErrorCode.NOT_FOUND),
)
async def remove(webhook_id: uuid.UUID, who: MayWriteSettings, webhooks: Service) -> None:
    """Deliveries that wait for it are dropped."""
    await webhooks.remove(webhook_id, who)
