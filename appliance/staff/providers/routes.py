"""``/api/providers``: what the admin form is made from, and another model for all slots.

They stand here because providers know neither accounts nor slots.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from appliance.core.errors import ErrorCode
from appliance.core.injection import Injected
from appliance.core.openapi import error_responses
from appliance.staff.access import AUTH_ERRORS, MayReadSlots, MayWriteSlots
from appliance.staff.providers.catalogue import ProviderCatalogue, ProviderList
from appliance.staff.slots.model_change import ModelChange, ModelChangeRequest, ModelChanges

router = APIRouter(prefix="/api/providers", tags=["providers"])


@router.get("", summary="What a slot can be built from", responses=error_responses(*AUTH_ERRORS))
async def providers(
    _: MayReadSlots,
    catalogue: Injected[ProviderCatalogue],
) -> ProviderList:
    """Every provider with its operations, their parameters as JSON Schema, the template roles they
    take and their models; and how its keys and routes are doing.
    """
    return await catalogue.all()


_UNFIT = (*AUTH_ERRORS, ErrorCode.VALIDATION_FAILED)


@router.get(
    "/model-change",
    summary="What another model in all slots would change",
    responses=error_responses(*_UNFIT),
)
async def look_at_change(
    _: MayReadSlots,
    changes: Injected[ModelChanges],
    wanted: Annotated[ModelChangeRequest, Query()],
) -> ModelChange:
    """The slots that use `model`, as a first choice or a fallback, and what `by` does not take of their
    parameters. Nothing is saved.
    """
    return await changes.look(wanted)


@router.post("/model-change", summary="Use another model in all slots", responses=error_responses(*_UNFIT))
async def change_model(
    who: MayWriteSlots,
    changes: Injected[ModelChanges],
    wanted: ModelChangeRequest,
) -> ModelChange:
    """All slots at once; each gets a version that its history can undo. What cannot be carried over is
    named in a `422`, unless `accept` says that it may be lost.
    """
    return await changes.make(wanted, who)
