"""``/api/settings/provider-keys``."""

from __future__ import annotations

from fastapi import APIRouter

from appliance.core.errors import ErrorCode
from appliance.core.injection import Injected
from appliance.core.openapi import error_responses
from appliance.staff.access import AUTH_ERRORS, MayReadSettings, MayWriteSettings
from appliance.staff.settings.provider_keys.schemas import (
    KeyTestView,
    NewProviderKey,
    ProviderKeyList,
    ProviderKeyView,
    TypedKey,
)
from appliance.staff.settings.provider_keys.service import ProviderKeyService

router = APIRouter(prefix="/api/settings/provider-keys", tags=["settings"])

_WRONG = (*AUTH_ERRORS, ErrorCode.VALIDATION_FAILED)
_ONE = (*_WRONG, ErrorCode.NOT_FOUND)

Service = Injected[ProviderKeyService]


@router.get("", summary="The providers' keys", responses=error_responses(*AUTH_ERRORS))
async def all_keys(_: MayReadSettings, service: Service) -> ProviderKeyList:
    """Every provider that needs a key, with the keys it has: never a key itself, only how it ends."""
    return await service.all()


@router.post(
    "",
    status_code=201,
    summary="Enter a key",
    responses=error_responses(*_WRONG, ErrorCode.SERVICE_UNAVAILABLE),
)
async def add(who: MayWriteSettings, service: Service, body: NewProviderKey) -> ProviderKeyView:
    """Keeps a key, encrypted, in use for the next photo. The provider is asked first, within 10
    seconds; a key that it refuses is not kept. One that could not be tested is.
    """
    return await service.add(body, who)


@router.post("/test", summary="Test a key without keeping it", responses=error_responses(*_WRONG))
async def try_out(_: MayWriteSettings, service: Service, body: TypedKey) -> KeyTestView:
    """Asks the provider something that costs nothing, within 10 seconds."""
    return await service.try_out(body)


@router.post("/{key_id}/test", summary="Test a kept key", responses=error_responses(*_ONE))
async def test(key_id: str, who: MayWriteSettings, service: Service) -> KeyTestView:
    """The same; what came of it is remembered. A key that works is taken into use again, one that is
    refused or out of quota is set aside.
    """
    return await service.test(key_id, who)


@router.post("/{key_id}/use-again", summary="Use a key again now", responses=error_responses(*_ONE))
async def use_again(key_id: str, who: MayWriteSettings, service: Service) -> ProviderKeyView:
    """Ends the rest of a key that was set aside."""
    return await service.use_again(key_id, who)


@router.delete("/{key_id}", status_code=204, summary="Remove a key", responses=error_responses(*_ONE))
async def remove(key_id: str, who: MayWriteSettings, service: Service) -> None:
    """Forgets a key. One from a file is removed there."""
    await service.remove(key_id, who)
