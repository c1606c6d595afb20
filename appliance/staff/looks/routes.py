"""``/api/looks``."""

from __future__ import annotations

from fastapi import APIRouter

from appliance.core.openapi import error_responses
from appliance.staff.access import AUTH_ERRORS, MayReadSlots
from appliance.staff.looks.schemas import LookList
from appliance.staff.looks.service import ready_made

router = APIRouter(prefix="/api/looks", tags=["looks"])


@router.get("", summary="Ready-made looks for AI providers", responses=error_responses(*AUTH_ERRORS))
async def looks(_: MayReadSlots) -> LookList:
    """Prompts that work for photo booths, in several languages: put one into a slot's
    `params.prompt` and change it as you like.
    """
    return ready_made()
