"""``/api/alerts``."""

from __future__ import annotations

import uuid

from fastapi import APIRouter

from appliance.core.errors import ErrorCode
from appliance.core.injection import Injected
from appliance.core.openapi import error_responses
from appliance.staff.access import AUTH_ERRORS, MayPauseSlots, MayReadSettings, MayWriteSettings
from appliance.staff.alerts.channels import AlertChannels
from appliance.staff.alerts.schemas import (
    AlertsView,
    ChannelOptions,
    ChannelView,
    Minutes,
    NewChannel,
    TestAnswer,
)

router = APIRouter(prefix="/api/alerts", tags=["alerts"])

_WRONG = (*AUTH_ERRORS, ErrorCode.VALIDATION_FAILED)
_ONE = (*AUTH_ERRORS, ErrorCode.NOT_FOUND)

Channels = Injected[AlertChannels]


@router.get("", summary="Channels and messages", responses=error_responses(*AUTH_ERRORS))
async def alerts(_: MayReadSettings, channels: Channels) -> AlertsView:
    """The channels without their addresses, the newest messages, silence and event."""
    return await channels.view()


@router.post(
    "/channels",
    status_code=201,
    summary="Add a channel",
    responses=error_responses(*_WRONG, ErrorCode.SERVICE_UNAVAILABLE),
)
async def add(who: MayWriteSettings, channels: Channels, body: NewChannel) -> ChannelView:
    """Messages go to it from now on, also about what is open already."""
    return await channels.add(body, who)


@router.put("/channels/{channel_id}", summary="Change a channel", responses=error_responses(*_ONE))
async def change(
    channel_id: uuid.UUID, who: MayWriteSettings, channels: Channels, body: ChannelOptions
) -> ChannelView:
    """Its name, language or least severity. For another address, add another channel."""
    return await channels.change(channel_id, body, who)


@router.delete(
    "/channels/{channel_id}", status_code=204, summary="Remove a channel", responses=error_responses(*_ONE)
)
async def remove(channel_id: uuid.UUID, who: MayWriteSettings, channels: Channels) -> None:
    """Messages that wait for it are dropped."""
    await channels.remove(channel_id, who)


@router.post("/channels/{channel_id}/test", summary="Send a test message", responses=error_responses(*_ONE))
async def test(channel_id: uuid.UUID, _: MayWriteSettings, channels: Channels) -> TestAnswer:
    """Answers with what the service said, within 40 seconds."""
    return await channels.test(channel_id)


# Whoever keeps the slots running at night may have quiet while doing so.
@router.put("/silence", status_code=204, summary="Silence all channels", responses=error_responses(*_WRONG))
async def silence(who: MayPauseSlots, channels: Channels, body: Minutes) -> None:
    """No messages for so many minutes. What is still open then is sent."""
    await channels.silence(body.minutes, who)


@router.delete(
    "/silence", status_code=204, summary="End the silence", responses=error_responses(*AUTH_ERRORS)
)
async def end_silence(who: MayPauseSlots, channels: Channels) -> None:
    """Messages are sent again."""
    await channels.silence(0, who)


@router.put("/event", status_code=204, summary="Say that an event runs", responses=error_responses(*_WRONG))
async def event(who: MayPauseSlots, channels: Channels, body: Minutes) -> None:
    """For so many minutes the dead man's switch is pinged, and silent booths are an issue."""
    await channels.event(body.minutes, who)


@router.delete("/event", status_code=204, summary="End the event", responses=error_responses(*AUTH_ERRORS))
async def end_event(who: MayPauseSlots, channels: Channels) -> None:
    """The pings stop."""
    await channels.event(0, who)
