"""``GET /api/audit``: who changed what."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from appliance.accounts.audit import AuditFilter, AuditTrail
from appliance.core.clock import Moment
from appliance.core.errors import ErrorCode
from appliance.core.injection import Injected
from appliance.core.openapi import error_responses
from appliance.staff.access import AUTH_ERRORS, MayReadAudit
from appliance.staff.audit.schemas import AuditList

router = APIRouter(prefix="/api", tags=["audit"])

LONGEST_PAGE = 200
# NUL is the one character that no database text takes.
_Word = Annotated[str | None, Query(max_length=64, pattern=r"^[^\x00]*$")]
_Moment = Annotated[Moment | None, Query(examples=["2026-11-23T18:00:00Z"])]


@router.get(
    "/audit",
    summary="Who changed what",
    responses=error_responses(*AUTH_ERRORS, ErrorCode.VALIDATION_FAILED),
)
async def audit(
    _: MayReadAudit,
    trail: Injected[AuditTrail],
    actor: _Word = None,
    action: _Word = None,
    since: _Moment = None,
    until: _Moment = None,
    limit: Annotated[int, Query(ge=1, le=LONGEST_PAGE)] = 50,
    cursor: Annotated[int | None, Query(ge=1, le=2**63 - 1)] = None,
) -> AuditList:
    """Logins and changes, the newest first. `action` finds an action and those beneath it: `login`
    finds `login.refused`. `since` is inclusive, `until` is not; both need a time zone.
    """
    page = await trail.page(AuditFilter(actor, action, since, until), limit=limit, cursor=cursor)
    return AuditList.model_validate(page)
