"""``/api/backups``."""

from __future__ import annotations

from fastapi import APIRouter

from appliance.backups.target import TargetTest
from appliance.core.errors import ErrorCode
from appliance.core.injection import Injected
from appliance.core.openapi import error_responses
from appliance.staff.access import AUTH_ERRORS, MayReadSettings, MayWriteSettings
from appliance.staff.backups.schemas import BackupsState, NewTarget, RemoteBackups
from appliance.staff.backups.service import Backups

router = APIRouter(prefix="/api/backups", tags=["backups"])

Service = Injected[Backups]

_WRONG = (*AUTH_ERRORS, ErrorCode.VALIDATION_FAILED)
_KEPT = (*_WRONG, ErrorCode.SERVICE_UNAVAILABLE)
_ONE = (*_KEPT, ErrorCode.NOT_FOUND)


@router.get("", summary="Backups", responses=error_responses(*AUTH_ERRORS))
async def state(_: MayReadSettings, service: Service) -> BackupsState:
    """Those of this machine, the target beside it, what was sent and proven last, what is at work."""
    return await service.state()


@router.put("/target", summary="Set the target", responses=error_responses(*_KEPT))
async def set_target(who: MayWriteSettings, service: Service, body: NewTarget) -> TargetTest:
    """Tries the target first, within 90 seconds; one that does not work is not kept."""
    return await service.set_target(body, who)


@router.post("/target/test", summary="Try a target without keeping it", responses=error_responses(*_WRONG))
async def try_out(_: MayWriteSettings, service: Service, body: NewTarget) -> TargetTest:
    """Connects, writes a small file, reads it back, removes it, and says what came of it."""
    return await service.try_out(body)


@router.post("/target/take-over", summary="Take the target over", responses=error_responses(*_ONE))
async def take_over(who: MayWriteSettings, service: Service) -> TargetTest:
    """After a restore on a new machine: this one sends from now on, the one before stops."""
    return await service.take_over(who)


@router.delete(
    "/target",
    status_code=204,
    summary="Forget the target",
    responses=error_responses(*AUTH_ERRORS, ErrorCode.NOT_FOUND),
)
async def forget_target(who: MayWriteSettings, service: Service) -> None:
    """Sends nothing any more. What is there stays."""
    await service.forget_target(who)


@router.get("/target/files", summary="Backups at the target", responses=error_responses(*_ONE))
async def at_target(_: MayWriteSettings, service: Service) -> RemoteBackups:
    """Asks the target, within 90 seconds, which whole backups it has."""
    return RemoteBackups(backups=await service.at_target())


@router.post("/make", status_code=202, summary="Back up now", responses=error_responses(*AUTH_ERRORS))
async def make(who: MayWriteSettings, service: Service) -> BackupsState:
    """Begins a backup, which is sent to the target too. `GET` says whether it still is at work."""
    await service.begin("backup", who)
    return await service.state()


@router.post("/send", status_code=202, summary="Send the newest now", responses=error_responses(*AUTH_ERRORS))
async def send(who: MayWriteSettings, service: Service) -> BackupsState:
    """Begins to send the newest backup to the target."""
    await service.begin("send", who)
    return await service.state()


@router.post("/prove", status_code=202, summary="Prove a backup now", responses=error_responses(*AUTH_ERRORS))
async def prove(who: MayWriteSettings, service: Service) -> BackupsState:
    """Begins to restore the newest backup into a database that is thrown away."""
    await service.begin("prove", who)
    return await service.state()
