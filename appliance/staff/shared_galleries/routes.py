"""``/api/shared-galleries``: open, close and moderate what everybody at the event may see."""

from __future__ import annotations

import uuid
from typing import Annotated

from fastapi import APIRouter, Body, Depends

from appliance.core.errors import ErrorCode
from appliance.core.injection import Injected
from appliance.core.openapi import error_responses
from appliance.guests.links import guest_base
from appliance.staff.access import AUTH_ERRORS, MayModerateResults, MayReadResults, MayWriteResults
from appliance.staff.shared_galleries.schemas import (
    Approval,
    Approved,
    GalleryDuration,
    GalleryList,
    GalleryView,
    NewGallery,
    WaitingList,
)
from appliance.staff.shared_galleries.service import SharedGalleryService

router = APIRouter(prefix="/api/shared-galleries", tags=["galleries"])

_KNOWN = error_responses(*AUTH_ERRORS, ErrorCode.NOT_FOUND)

Service = Injected[SharedGalleryService]
Base = Annotated[str, Depends(guest_base)]


@router.post(
    "",
    status_code=201,
    summary="Open a gallery",
    responses=error_responses(*AUTH_ERRORS, ErrorCode.VALIDATION_FAILED),
)
async def open_gallery(
    who: MayWriteResults, service: Service, base: Base, body: Annotated[NewGallery, Body()]
) -> GalleryView:
    """Guests see the newest pictures of the event, or of one slot, for as long as said. The address is
    fixed: opening the gallery again later does not change it.
    """
    return await service.open(body, who, base)


@router.get("", summary="All galleries", responses=error_responses(*AUTH_ERRORS))
async def galleries(_: MayReadResults, service: Service, base: Base) -> GalleryList:
    """The newest first, closed ones too."""
    return GalleryList(galleries=await service.all(base))


@router.post("/approvals", summary="Approve or reject pictures", responses=_KNOWN)
async def decide(who: MayModerateResults, service: Service, body: Approval) -> Approved:
    """For galleries and walls. Approved pictures appear at once, rejected ones are gone at once."""
    return Approved(changed=await service.decide(body.job_ids, who, approved=body.approved))


@router.get("/{gallery_id}", summary="One gallery", responses=_KNOWN)
async def gallery(gallery_id: uuid.UUID, _: MayReadResults, service: Service, base: Base) -> GalleryView:
    """Its state, its addresses, how many pictures it shows."""
    return await service.get(gallery_id, base)


@router.post("/{gallery_id}/open", summary="Open a gallery again, or for longer", responses=_KNOWN)
async def open_again(
    gallery_id: uuid.UUID, who: MayWriteResults, service: Service, base: Base, body: GalleryDuration
) -> GalleryView:
    """From now on for as long as said, at its own address."""
    return await service.open_again(gallery_id, body.minutes, who, base)


@router.delete("/{gallery_id}", summary="Close a gallery", responses=_KNOWN)
async def close(gallery_id: uuid.UUID, who: MayWriteResults, service: Service, base: Base) -> GalleryView:
    """Guests get a friendly page from now on. Their own links are not touched."""
    return await service.close(gallery_id, who, base)


@router.get("/{gallery_id}/waiting", summary="Pictures that wait for approval", responses=_KNOWN)
async def waiting(gallery_id: uuid.UUID, _: MayReadResults, service: Service) -> WaitingList:
    """The oldest first, 200 at most."""
    return WaitingList(waiting=await service.waiting(gallery_id))
