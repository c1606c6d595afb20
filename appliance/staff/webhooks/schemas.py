"""The JSON forms of webhooks. The secret stands in the answer that made it, and nowhere else."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Annotated, Literal, get_args

from pydantic import Field, StringConstraints

from appliance.core.frozen import FrozenModel, StrictModel
from appliance.core.web_address import LONGEST, SecretPlace

WebhookEvent = Literal["photo.done", "photo.failed", "issue.opened", "issue.closed"]
EVENTS: tuple[WebhookEvent, ...] = get_args(WebhookEvent)
_STAMP = "2026-11-23T18:04:11.203Z"
Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=60)]


class NewWebhook(StrictModel):
    """A webhook to add."""

    name: Name = Field(pattern=r"^[^\x00-\x1f\x7f]*$", examples=["Till of the shop"])
    address: SecretPlace = Field(
        max_length=LONGEST,
        description="address to POST to; https outside the local network",
        examples=["https://example.com/hooks/booth"],
    )
    events: list[WebhookEvent] = Field(min_length=1, description="events to send")


class WebhookView(FrozenModel):
    """A webhook, without its path and secret."""

    id: uuid.UUID
    name: str = Field(examples=["Till of the shop"])
    origin: str = Field(examples=["https://example.com"])
    ends_in: str = Field(examples=["…ooth"])
    events: list[str] = Field(examples=[["photo.done"]])
    added_by: str = Field(examples=["serg"])
    added_at: datetime = Field(examples=[_STAMP])
    waiting: int = Field(description="deliveries that are not taken yet")


class MadeWebhook(WebhookView):
    """A webhook that was just added."""

    secret: str = Field(description="signs every delivery; never shown again", examples=["whsec_…"])


class DeliveryView(FrozenModel):
    """One event for one webhook."""

    id: int
    webhook: str = Field(description="name of the webhook")
    event: str = Field(examples=["photo.done"])
    subject: str = Field(description="id of the job or issue")
    created_at: datetime = Field(examples=[_STAMP])
    tries: int
    delivered_at: datetime | None
    next_try_at: datetime | None = Field(description="null once it is delivered or dropped")
    dropped_at: datetime | None = Field(description="when it was given up")
    status: int | None = Field(description="status of the last answer", examples=[200])
    answer: str = Field(description="beginning of the last answer, or why there was none")


class WebhookList(FrozenModel):
    """Every webhook, and the newest 50 deliveries."""

    webhooks: list[WebhookView]
    deliveries: list[DeliveryView]
