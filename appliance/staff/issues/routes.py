"""``/api/issues``: what needs attention."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Request

from appliance.core.errors import ErrorCode
from appliance.core.injection import Injected
from appliance.core.openapi import error_responses
from appliance.staff.access import AUTH_ERRORS, MayPauseSlots, MayReadSlots, language_of
from appliance.staff.issues.schemas import IgnoreRequest, IssueList, IssueView
from appliance.staff.issues.service import Issues
from appliance.staff.issues.views import issue_view

router = APIRouter(prefix="/api/issues", tags=["issues"])

_Id = Annotated[int, Path(ge=1, le=2**63 - 1)]


@router.get("", summary="What needs attention", responses=error_responses(*AUTH_ERRORS))
async def issues(request: Request, _: MayReadSlots, service: Injected[Issues]) -> IssueList:
    """Everything that is not over, the worst first, with what to press."""
    lang = language_of(request)
    return IssueList(issues=[issue_view(one, lang) for one in await service.open_issues()])


@router.post(
    "/{issue_id}/ignore",
    summary="Have an issue ignored for a time",
    responses=error_responses(*AUTH_ERRORS, ErrorCode.NOT_FOUND, ErrorCode.VALIDATION_FAILED),
)
async def ignore(
    issue_id: _Id,
    asked: IgnoreRequest,
    request: Request,
    who: MayPauseSlots,
    service: Injected[Issues],
) -> IssueView:
    """Nobody is told of it until then, even if it ends and comes back; it stays in the list."""
    return issue_view(await service.ignore(issue_id, asked.until, who), language_of(request))
