"""When the disk runs low: which results could go before their time, and making room when somebody says so.

Three marks. Below the operator's own (``low_disk_mb``) results past half their time are offered for removal,
and removed without asking only where ``free_space_when_low`` says so. Below the store's own mark no photo is
taken any more (``MediaStore.refuses_below``), so that the database, which may lie on the same disk, can
always write.
"""

from __future__ import annotations

import asyncio
import shutil
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal, NamedTuple

import structlog
from pydantic import Field
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from appliance.accounts.permissions import Principal
from appliance.accounts.repository import AccountRepository
from appliance.core.clock import utcnow
from appliance.core.db import Database
from appliance.core.frozen import FrozenModel
from appliance.core.tasks import Background, again_and_again
from appliance.housekeeping.cleanup import Cleanup
from appliance.jobs.repository import JobRepository
from appliance.media.store import MediaStore
from appliance.settings.operator import AppSettingsRepository, OperatorSettings

log = structlog.get_logger()

ITSELF = "disk-guard"  # who removed, where nobody was asked
_LOOK_EVERY = 30.0
_ROOM = 1.5  # times the mark: so much is made free, so that the next photo does not raise the same question
_BATCH = 2000  # results that one transaction ends
_PATIENCE = 10.0  # seconds to wait for another cleanup or a backup to end
_LOCK_KEY = 0x50_43_44_47  # "PCDG": of two who make room at once, the second sees what the first has ended

State = Literal["ok", "low", "full"]


class DiskUsage(NamedTuple):
    """Bytes of a disk."""

    total: int
    used: int
    free: int


class Offer(FrozenModel):
    """Results past half their time: those that would end first, and no more than need be beside what the
    next cleanup removes.
    """

    pictures: int
    bytes: int
    enough: bool = Field(description="whether there is enough space once they are removed")


class DiskState(FrozenModel):
    """The disk of the pictures."""

    state: State = Field(description="`low`: below `low_bytes`; `full`: below `full_bytes`")
    free_bytes: int
    total_bytes: int
    low_bytes: int = Field(description="the setting `low_disk_mb`, in bytes")
    full_bytes: int = Field(
        description="below this, photos are refused; grows with every photo being processed"
    )
    automatic: bool = Field(
        description="the setting `free_space_when_low`: results are removed without asking"
    )
    offer: Offer | None = Field(description="what could be removed; `null` while there is enough space")


class FreedReport(FrozenModel):
    """What was done to make room."""

    pictures: int = Field(description="results that were expired early")
    freed_bytes: int = Field(
        description="size of all removed files, including previews and results that had expired anyway"
    )
    waiting: bool = Field(description="a backup or cleanup is running; the files are removed when it ends")
    disk: DiskState


@dataclass(frozen=True, slots=True)
class _Measured:
    """The disk beside its marks, in bytes; ``due``: of files that the next cleanup removes."""

    usage: DiskUsage
    due: int
    full: int
    settings: OperatorSettings

    @property
    def low(self) -> int:
        return self.settings.low_disk_bytes

    @property
    def state(self) -> State:
        if self.usage.free < self.full:
            return "full"
        return "ok" if self.usage.free >= self.low else "low"

    @property
    def wanted(self) -> int:
        """So much should be made free beside what is due."""
        return 0 if self.state == "ok" else int(self.low * _ROOM) - self.usage.free - self.due


class DiskGuard(Background):
    """Looks at the disk; makes room when told to, or by itself where the settings say so."""

    def __init__(self, database: Database, media: MediaStore, cleanup: Cleanup) -> None:
        self._database, self._media, self._cleanup = database, media, cleanup
        self._told = "ok"

    async def look(self) -> DiskState:
        """The disk as it is."""
        return (await self._look())[0]

    async def free(self, who: Principal | None, *, by: str = ITSELF) -> FreedReport:
        """Have results past half their time end now, as few as make room again, and remove their files.

        Does nothing while there is room; and where files have to stay for now, a second tap finds nothing
        more to end. ``by`` is what stands in the audit log where no account did it.
        """
        actor, address = (who.username, who.address) if who else (by, "")
        disk = await self.look()
        if disk.state == "ok":
            return FreedReport(pictures=0, freed_bytes=0, waiting=False, disk=disk)
        ended = await self._end(actor, address)
        freed, waiting = await self._remove()
        if ended or freed:
            log.warning("disk.freed", pictures=ended, freed_bytes=freed, by=actor)
        return FreedReport(pictures=ended, freed_bytes=freed, waiting=waiting, disk=await self.look())

    async def _end(self, actor: str, address: str) -> int:
        """End the results of the offer, in short transactions, and say so in the audit log; how many."""
        pictures = size = 0
        while True:
            async with self._database.session() as session:
                await session.execute(text("select pg_advisory_xact_lock(:key)"), {"key": _LOCK_KEY})
                wanted = (await self._measure(session, now := utcnow())).wanted
                found = await JobRepository(session).end_past_half_their_time(now, wanted, _BATCH)
            if not found[0]:
                break
            pictures, size = pictures + found[0], size + found[1]
        if pictures:
            async with self._database.session() as session:
                AccountRepository(session).record(
                    actor, "disk.freed", address=address, pictures=pictures, freed_bytes=size
                )
        return pictures

    async def _look(self) -> tuple[DiskState, int]:
        """The state, and how many bytes the next cleanup will free."""
        async with self._database.session() as session:
            found, offer = await self._measure(session, now := utcnow()), None
            if found.state != "ok":
                pictures, size = await JobRepository(session).past_half_their_time(now, found.wanted)
                enough = found.usage.free + found.due + size >= found.low
                offer = Offer(pictures=pictures, bytes=size, enough=enough)
        disk = DiskState(
            state=found.state, free_bytes=found.usage.free, total_bytes=found.usage.total,
            low_bytes=found.low, full_bytes=found.full, automatic=found.settings.free_space_when_low,
            offer=offer,
        )  # fmt: skip
        return disk, found.due

    async def _measure(self, session: AsyncSession, now: datetime) -> _Measured:
        """What is due is asked first: a file that goes meanwhile is counted twice, and not forgotten."""
        due = await JobRepository(session).bytes_due(now)
        settings = await AppSettingsRepository(session).operator_settings()
        usage = await asyncio.to_thread(_usage, self._media.root)
        full = await asyncio.to_thread(self._media.refuses_below, usage.free)
        return _Measured(usage, due, full, settings)

    async def _remove(self) -> tuple[int, bool]:
        """What the cleanup could free, and whether it has to wait for another one."""
        until = asyncio.get_running_loop().time() + _PATIENCE
        while True:
            report = await self._cleanup.run()
            if not report.already_running:
                return report.freed_bytes, False
            if asyncio.get_running_loop().time() > until:
                return 0, True
            await asyncio.sleep(0.5)

    async def work(self) -> None:
        """See ``Background``."""
        await again_and_again(self._watch_once, _LOOK_EVERY, "disk.not_looked")

    async def _watch_once(self) -> None:
        disk, due = await self._look()
        if disk.state != self._told:
            self._told = disk.state
            log.warning("disk.state", state=disk.state, free_mb=disk.free_bytes // 10**6)
        if disk.automatic and disk.offer and (disk.offer.pictures or due):
            await self.free(None)


def _usage(folder: Path) -> DiskUsage:
    """Of a disk that cannot be asked nothing is free: it is as full to whoever wants to write."""
    try:
        return DiskUsage(*shutil.disk_usage(folder))
    except OSError:
        return DiskUsage(0, 0, 0)
