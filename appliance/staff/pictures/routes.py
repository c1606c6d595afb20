"""``/api/gallery``: pictures for those who are logged in, and many of them as one ZIP (UC6)."""

from __future__ import annotations

import uuid
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Response

from appliance.core.errors import ErrorCode, ValidationFailed
from appliance.core.injection import Injected
from appliance.core.language import Message
from appliance.core.openapi import BINARY, error_responses
from appliance.guests.sending import zip_answer
from appliance.staff.access import AUTH_ERRORS, MayReadResults
from appliance.staff.jobs.routes import Cursor, Limit, Moment, Slot
from appliance.staff.jobs.search import JobFilter
from appliance.staff.pictures.archive import StaffArchive
from appliance.staff.pictures.search import PictureList, PictureSearch, PictureState

router = APIRouter(prefix="/api")

MOST_IDS = 400  # as many as fit into an address
State = Annotated[
    PictureState,
    Query(description="`kept`: all except deleted results; `any`: all results ever made"),
]
Source = Annotated[Literal["ingest", "test"], Query(description="guests' pictures or those of test runs")]

_ZIP: dict[int | str, dict[str, Any]] = {
    200: {"description": "The pictures", "content": {"application/zip": BINARY}}
}


@router.get(
    "/gallery",
    tags=["pictures"],
    summary="Results",
    responses=error_responses(*AUTH_ERRORS, ErrorCode.VALIDATION_FAILED),
)
async def page(
    _: MayReadResults,
    pictures: Injected[PictureSearch],
    slot: Slot = None,
    status: State = "kept",
    source: Source = "ingest",
    since: Moment = None,
    until: Moment = None,
    limit: Limit = 60,
    cursor: Cursor = None,
) -> PictureList:
    """The newest first. `since` is inclusive, `until` is not; both need a time zone."""
    wanted = JobFilter(slot=slot, source=source, since=since, until=until, result=status)
    return await pictures.page(wanted, limit=limit, cursor=cursor)


def _chosen(ids: str | None) -> frozenset[uuid.UUID] | None:
    if ids is None:
        return None
    try:
        chosen = frozenset(uuid.UUID(one) for one in ids.split(",") if one)
    except ValueError:
        raise ValidationFailed(fields={"ids": Message("must be job ids, separated by commas")}) from None
    if len(chosen) > MOST_IDS:
        raise ValidationFailed(fields={"ids": Message("%(n)s at most; use a filter for more", n=MOST_IDS)})
    return chosen


@router.get(
    "/gallery.zip",
    tags=["pictures"],
    summary="Results as a ZIP file",
    response_class=Response,
    responses=_ZIP
    | error_responses(
        *AUTH_ERRORS, ErrorCode.RESULT_NOT_FOUND, ErrorCode.VALIDATION_FAILED, ErrorCode.STORAGE_FULL
    ),
)
async def download(
    _: MayReadResults,
    archive: Injected[StaffArchive],
    ids: Annotated[
        str | None, Query(description="job ids of the results to include, separated by commas")
    ] = None,
    slot: Slot = None,
    status: Annotated[Literal["kept", "available", "hidden"], Query()] = "kept",
    source: Annotated[Literal["ingest", "test"] | None, Query()] = None,
    since: Moment = None,
    until: Moment = None,
) -> Response:
    """A selection (`ids`), or everything that a filter finds and that is still there; of guests' pictures
    unless `source` or `ids` says otherwise. Written while it is sent, so it may be of any size.
    """
    chosen = _chosen(ids)
    kind = source or ("ingest" if chosen is None else None)
    wanted = JobFilter(slot=slot, source=kind, since=since, until=until, result=status, ids=chosen)
    made = await archive.open(wanted)
    return zip_answer(made.name, made.chunks)
