"""``/api/settings`` (UC0)."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Body, Query

from appliance.core.errors import ErrorCode
from appliance.core.injection import Injected
from appliance.core.openapi import error_responses
from appliance.staff.access import AUTH_ERRORS, MayReadSettings, MayWriteSettings
from appliance.staff.settings.schemas import SettingsState, SettingsUpdate, SuggestedPassword, TtlPreview
from appliance.staff.settings.service import OperatorSettingsService

router = APIRouter(prefix="/api/settings", tags=["settings"])

_EXAMPLES: dict[str, Any] = {
    "new ingest password": {
        "value": {"ingest_password": {"password": "k7mq-x3np-c8vw-r2td", "previous_valid_minutes": 10}}
    },
    "keep results for two days": {
        "value": {"result_ttl_hours": 48, "apply_to_existing": True, "version": 17}
    },
}

Service = Injected[OperatorSettingsService]


@router.get("", summary="All settings", responses=error_responses(*AUTH_ERRORS))
async def read(_: MayReadSettings, service: Service) -> SettingsState:
    """Every setting an operator may change, with who changed it last. Of the ingest password there
    is nothing to see but that.
    """
    return await service.state()


@router.put(
    "",
    summary="Change settings",
    responses=error_responses(*AUTH_ERRORS, ErrorCode.VERSION_CONFLICT, ErrorCode.VALIDATION_FAILED),
)
async def update(
    who: MayWriteSettings, service: Service, body: Annotated[SettingsUpdate, Body(openapi_examples=_EXAMPLES)]
) -> SettingsState:
    """Changes what is named, all of it or nothing, in effect at once. Answers like `GET`."""
    return await service.update(body, who)


@router.post(
    "/ingest-password/suggest", summary="Suggest a password", responses=error_responses(*AUTH_ERRORS)
)
async def suggest(_: MayWriteSettings, service: Service) -> SuggestedPassword:
    """A random password that can be read aloud and typed with gloves on. It is not put in force."""
    return SuggestedPassword(password=service.suggest_password())


@router.get(
    "/ttl-preview",
    summary="What another TTL would do",
    responses=error_responses(*AUTH_ERRORS, ErrorCode.VALIDATION_FAILED),
)
async def ttl_preview(
    _: MayReadSettings,
    service: Service,
    hours: Annotated[float, Query(gt=0, le=24 * 90, examples=[24])],
) -> TtlPreview:
    """How many results that can be fetched now would expire when: as they are, and with the new TTL."""
    return await service.ttl_preview(hours)
