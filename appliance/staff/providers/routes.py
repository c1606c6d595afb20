"""``/api/providers``: what the admin form is made from, and the warm-up.

They stand here because providers know neither accounts nor slots.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends

from appliance.accounts.permissions import Principal
from appliance.core.injection import Injected
from appliance.core.openapi import error_responses
from appliance.staff.access import AUTH_ERRORS, requires
from appliance.staff.providers.catalog import ProviderCatalog, ProviderList
from appliance.staff.providers.warm_up import WarmUp, WarmUpReport

router = APIRouter(prefix="/api/providers", tags=["providers"])


@router.get("", summary="What slots can be made of", responses=error_responses(*AUTH_ERRORS))
async def providers(
    _: Annotated[Principal, Depends(requires("slots:read"))],
    catalog: Injected[ProviderCatalog],
) -> ProviderList:
    """Every provider with its operations, their parameters as JSON Schema, the template roles they
    take and their models; and how its keys and routes are doing.
    """
    return await catalog.all()


@router.post("/warm-up", summary="Touch every active route", responses=error_responses(*AUTH_ERRORS))
async def warm_up(
    _: Annotated[Principal, Depends(requires("slots:test"))],
    service: Injected[WarmUp],
) -> WarmUpReport:
    """Touches, without paying for a picture, each provider and model that an active slot may use,
    with each of its keys, all at once and for 15 seconds at most. A refused key is set aside.
    """
    return await service.run()
