"""The JSON forms of alerts. No address ever stands in an answer."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Annotated

from pydantic import (
    AfterValidator,
    Field,
    SecretStr,
    StringConstraints,
    WithJsonSchema,
)

from appliance.core.frozen import FrozenModel, StrictModel
from appliance.core.language import Message, languages
from appliance.staff.alerts.words import Kind
from appliance.staff.issues.findings import Severity

LONGEST_ADDRESS = 1000
_STAMP = "2026-11-23T18:04:11.203Z"
Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=60)]


def _known(code: str) -> str:
    known = [f"'{one}'" for one in languages("staff")]
    if code not in languages("staff"):
        raise ValueError(
            Message("must be %(choices)s or %(last)s", choices=", ".join(known[:-1]), last=known[-1])
        )
    return code


PageLanguage = Annotated[
    str, AfterValidator(_known), WithJsonSchema({"type": "string", "enum": [*languages("staff")]})
]


class ChannelOptions(StrictModel):
    """How a channel is told."""

    name: Name = Field(pattern=r"^[^\x00-\x1f\x7f]*$", examples=["Telegram of the crew"])
    language: PageLanguage = Field(default="en", description="language of the messages")
    severity: Severity = Field(default="will_stop", description="least severity that is sent")


class NewChannel(ChannelOptions):
    """A channel to add."""

    address: SecretStr = Field(
        max_length=LONGEST_ADDRESS,
        description="address in Apprise's form; never shown again",
        examples=["tgram://BOT_TOKEN/CHAT_ID"],
    )


class ChannelView(ChannelOptions):
    """A channel, without its address."""

    id: uuid.UUID
    scheme: str = Field(examples=["tgram"])
    ends_in: str = Field(examples=["…f3a9"])
    added_by: str = Field(examples=["serg"])
    added_at: datetime = Field(examples=[_STAMP])
    waiting: int = Field(description="messages that are not sent yet")


class TestAnswer(FrozenModel):
    """Result of a test message."""

    __test__ = False  # it is no test of pytest's
    ok: bool
    said: str = Field(description="answer of the service, without secrets")


class MessageView(FrozenModel):
    """A message about an issue."""

    id: int
    channel: str
    issue_id: int
    kind: Kind
    title: str
    created_at: datetime = Field(examples=[_STAMP])
    tries: int
    sent_at: datetime | None
    next_try_at: datetime | None = Field(description="null once it is sent or dropped")
    refused_at: datetime | None = Field(
        description="when it was first refused: for what is in it, or by some recipients"
    )
    dropped_at: datetime | None = Field(
        description="when it was given up: after a day, or when it was refused and a later one was not"
    )
    answer: str = Field(description="last answer of the service")


class SpanView(FrozenModel):
    """A time that somebody set."""

    since: datetime = Field(examples=[_STAMP])
    until: datetime = Field(examples=[_STAMP])
    by: str = Field(examples=["serg"])


class AlertsView(FrozenModel):
    """Channels, what was sent, silence, the event."""

    channels: list[ChannelView]
    messages: list[MessageView] = Field(description="the newest 50")
    silence: SpanView | None = Field(description="no messages until then")
    event: SpanView | None = Field(description="the event that somebody said is running")
    event_runs: bool = Field(description="an event was set, or a booth posted in the last 30 minutes")


class Minutes(StrictModel):
    """How long something shall last from now on."""

    minutes: float = Field(gt=0, le=7 * 24 * 60, examples=[60])
