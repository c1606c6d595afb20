"""``/api/booth-keys``: keys that single booths have, besides the ingest password of all."""

from __future__ import annotations

import uuid

from fastapi import APIRouter

from appliance.core.errors import ErrorCode
from appliance.core.injection import Injected
from appliance.core.openapi import error_responses
from appliance.staff.access import AUTH_ERRORS, MayReadSettings, MayWriteSettings
from appliance.staff.booth_keys.schemas import (
    BoothKeyChange,
    BoothKeyList,
    BoothKeyView,
    MadeBoothKey,
    NewBoothKey,
)
from appliance.staff.booth_keys.service import BoothKeyService

router = APIRouter(prefix="/api/booth-keys", tags=["booths"])

Service = Injected[BoothKeyService]

_WRONG = (*AUTH_ERRORS, ErrorCode.VALIDATION_FAILED)
_ONE = error_responses(*AUTH_ERRORS, ErrorCode.NOT_FOUND)


@router.get("", summary="The booths' keys", responses=error_responses(*AUTH_ERRORS))
async def all_keys(_: MayReadSettings, service: Service) -> BoothKeyList:
    """Every booth that has a key, where and when it was last seen; never a key itself."""
    return BoothKeyList(keys=await service.all())


@router.post("", status_code=201, summary="Make a key for a booth", responses=error_responses(*_WRONG))
async def create(who: MayWriteSettings, service: Service, body: NewBoothKey) -> MadeBoothKey:
    """The answer holds the key: nobody can look at it again."""
    return await service.create(body, who)


@router.patch("/{key_id}", summary="Rename a booth, or change its slots", responses=_ONE)
async def change(
    key_id: uuid.UUID, who: MayWriteSettings, service: Service, body: BoothKeyChange
) -> BoothKeyView:
    """The key stays the same; the booth's next photo goes by what is said here."""
    return await service.change(key_id, body, who)


@router.delete("/{key_id}", summary="Revoke a booth's key", responses=_ONE)
async def revoke(key_id: uuid.UUID, who: MayWriteSettings, service: Service) -> BoothKeyView:
    """For good, from the next photo on; no other booth is touched. Doing it twice is fine."""
    return await service.revoke(key_id, who)
