"""``/api/slots`` (UC1, UC6)."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Body, Header, Path, Query, Response

from appliance.core.errors import ErrorCode, ValidationFailed
from appliance.core.injection import Injected
from appliance.core.language import Message
from appliance.core.openapi import error_responses
from appliance.staff.access import AUTH_ERRORS, MayPauseSlots, MayReadSlots, MayWriteSlots
from appliance.staff.slots.editor import SlotEditor
from appliance.staff.slots.results import RECENT, SlotPage, SlotPages
from appliance.staff.slots.views import Duplicate, SavedConfig, SlotHistory, SlotList, SlotUpdate, SlotView

router = APIRouter(prefix="/api/slots", tags=["slots"])

SlotId = Annotated[str, Path(examples=["slot-005"])]
IfMatch = Annotated[
    str | None,
    Header(description='version on which this change is based, as in `ETag`: `"7"`', examples=['"7"']),
]

_ETAG = {"ETag": {"schema": {"type": "string"}, "description": "the slot's version"}}
_SHOWN: dict[int | str, dict[str, Any]] = {200: {"headers": _ETAG}}
_UNKNOWN = (*AUTH_ERRORS, ErrorCode.SLOT_NOT_FOUND)
_REFUSED = (*_UNKNOWN, ErrorCode.VERSION_CONFLICT, ErrorCode.VALIDATION_FAILED)
_EXAMPLES: dict[str, Any] = {
    "another look": {
        "value": {"provider": "local", "operation": "vintage", "params": {"warmth": 60}, "version": 7}
    }
}

Editor = Injected[SlotEditor]


def version_of(if_match: str | None) -> int | None:
    """The version that ``If-Match`` names; ``None`` for none or any."""
    if if_match is None or if_match.strip() == "*":
        return None
    text = if_match.strip().removeprefix("W/").strip('"')
    if not text.isdecimal() or len(text) > 9:
        raise ValidationFailed(fields={"If-Match": Message('must be a version such as "7"')})
    return int(text)


def _with_etag(response: Response, slot: SlotView) -> SlotView:
    response.headers["ETag"] = f'"{slot.version}"'
    return slot


@router.get("", summary="All slots", responses=error_responses(*AUTH_ERRORS))
async def all_slots(_: MayReadSlots, editor: Editor) -> SlotList:
    """The fifteen slots in order, as they are configured."""
    return SlotList(slots=await editor.all())


@router.get(
    "/{slot_id}",
    summary="One slot with its newest results",
    responses=_SHOWN | error_responses(*AUTH_ERRORS, ErrorCode.SLOT_NOT_FOUND, ErrorCode.VALIDATION_FAILED),
)
async def slot(
    slot_id: SlotId,
    _: MayReadSlots,
    pages: Injected[SlotPages],
    response: Response,
    results: Annotated[int, Query(ge=0, le=100, description="number of results")] = RECENT,
) -> SlotPage:
    """The configuration, as `PUT` takes it, and the newest pictures of guests."""
    page = await pages.page(slot_id, results)
    response.headers["ETag"] = f'"{page.version}"'
    return page


@router.put("/{slot_id}", summary="Change a slot", responses=_SHOWN | error_responses(*_REFUSED))
async def save(
    slot_id: SlotId,
    who: MayWriteSlots,
    editor: Editor,
    response: Response,
    body: Annotated[SlotUpdate, Body(openapi_examples=_EXAMPLES)],
    if_match: IfMatch = None,
) -> SlotView:
    """Changes what is named, all of it or nothing, in force for the next photo. Takes what `GET`
    answered. With `version` or `If-Match`, somebody else's change in between is a `409` that shows it.
    """
    return _with_etag(response, await editor.save(slot_id, body, who, version=version_of(if_match)))


@router.post("/{slot_id}/pause", summary="Pause a slot", responses=_SHOWN | error_responses(*_UNKNOWN))
async def pause(slot_id: SlotId, who: MayPauseSlots, editor: Editor, response: Response) -> SlotView:
    """Booths that post to it are told that it is switched off. Photos on their way are finished."""
    return _with_etag(response, await editor.set_active(slot_id, False, who))


@router.post("/{slot_id}/resume", summary="Resume a slot", responses=_SHOWN | error_responses(*_UNKNOWN))
async def resume(slot_id: SlotId, who: MayPauseSlots, editor: Editor, response: Response) -> SlotView:
    """It takes photos again."""
    return _with_etag(response, await editor.set_active(slot_id, True, who))


@router.post(
    "/{slot_id}/duplicate",
    summary="Give another slot this configuration",
    responses=_SHOWN | error_responses(*_REFUSED),
)
async def duplicate(
    slot_id: SlotId, who: MayWriteSlots, editor: Editor, response: Response, body: Duplicate
) -> SlotView:
    """Copies all but whether it is active. Answers with the slot that got it."""
    return _with_etag(response, await editor.duplicate(slot_id, body.to, who, version=body.version))


@router.get("/{slot_id}/history", summary="A slot's versions", responses=error_responses(*_UNKNOWN))
async def history(slot_id: SlotId, _: MayReadSlots, editor: Editor) -> SlotHistory:
    """Every version that was saved, the newest first."""
    return await editor.history(slot_id)


Version = Annotated[int, Path(ge=1, le=2**31 - 1, examples=[6])]
_NO_VERSION = (*_UNKNOWN, ErrorCode.NOT_FOUND)


@router.get("/{slot_id}/history/{version}", summary="One version", responses=error_responses(*_NO_VERSION))
async def version(slot_id: SlotId, version: Version, _: MayReadSlots, editor: Editor) -> SavedConfig:
    """What was saved then, and what is different now."""
    return await editor.version(slot_id, version)


@router.post(
    "/{slot_id}/history/{version}/restore",
    summary="Restore a version",
    responses=_SHOWN | error_responses(*_NO_VERSION, ErrorCode.VALIDATION_FAILED),
)
async def restore(
    slot_id: SlotId, version: Version, who: MayWriteSlots, editor: Editor, response: Response
) -> SlotView:
    """Makes it the newest version again; nothing of the history is lost."""
    return _with_etag(response, await editor.restore(slot_id, version, who))
