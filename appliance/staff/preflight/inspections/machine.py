"""The machine itself: version, database, disk, memory, certificate; and at the end its clock."""

from __future__ import annotations

import asyncio
import os
import shutil
import time

from sqlalchemy import text

from appliance import __version__
from appliance.core.clock import utcnow
from appliance.core.files import LOW_DISK_BYTES
from appliance.core.health import media_writable
from appliance.media.store import MediaStore
from appliance.settings.operator import AppSettingsRepository
from appliance.slots.repository import SlotRepository
from appliance.staff.issues.findings import Action, Finding
from appliance.staff.issues.sources.certificate import certificate_source, ends_at
from appliance.staff.issues.sources.clock import MOST_SECONDS, clock_source
from appliance.staff.issues.sources.database import database_source
from appliance.staff.issues.sources.process import LOW_SHARE, kernel_memory
from appliance.staff.preflight.checks import Check, of_issue
from appliance.staff.preflight.tools import RunState, Tools

_FREE_SPACE = Action("free_space", href="/admin/")


async def version(_: Tools, __: RunState) -> list[Check]:
    """Which one this is."""
    return [
        Check("machine", "version", parameters={"version": os.environ.get("APPLIANCE_VERSION", __version__)})
    ]


async def database(tools: Tools, run: RunState) -> list[Check]:
    """Whether it answers, and its tables are ours; what the other looks need of it is read here."""
    found = await database_source(tools.database).look()
    if any(one.code == "database.away" for one in found):
        return [of_issue("machine", one) for one in found]
    since = time.monotonic()
    async with tools.database.session() as session:
        server = str(await session.scalar(text("show server_version"))).split(maxsplit=1)[0]
        revision = str(await session.scalar(text("select version_num from alembic_version")))
        size = int(await session.scalar(text("select pg_database_size(current_database())")) or 0)
        said = {"server": server, "size_bytes": size, "revision": revision}
        said["ms"] = round((time.monotonic() - since) * 1000)
        age = tools.tables_age(revision)
        if age == "older":
            return [Check("machine", "tables.older", "bad", said)]
        run.settings = await AppSettingsRepository(session).operator_settings()
        run.slots = [one for one in await SlotRepository(session).all() if one.active]
    run.reached = True
    tools.runner.registry.configure(run.settings)
    line = Check("machine", "tables.newer" if age == "newer" else "database", parameters=said)
    return [line, *(of_issue("machine", one) for one in found)]


async def disk(tools: Tools, run: RunState) -> list[Check]:
    """The disk of the pictures: there, to be written to, and large enough."""
    root = tools.deployment.media_root
    where = {"folder": str(root)}
    if not await asyncio.to_thread(MediaStore(root).has_folders):
        return [of_issue("machine", Finding("disk.away", "stops_photos", where))]
    usage = await asyncio.to_thread(shutil.disk_usage, root)
    said = {"free_bytes": usage.free, "total_bytes": usage.total, "low_bytes": run.settings.low_disk_bytes}
    if usage.free < LOW_DISK_BYTES:
        return [of_issue("machine", Finding("disk.full", "stops_photos", said, (), _FREE_SPACE))]
    if await asyncio.to_thread(media_writable, root, tools.deployment.temp_dir) != "ok":
        return [of_issue("machine", Finding("disk.read_only", "stops_photos", where))]
    if usage.free < run.settings.low_disk_bytes:
        return [of_issue("machine", Finding("disk.low", "will_stop", said, (), _FREE_SPACE))]
    return [Check("machine", "disk", parameters=said)]


async def memory(tools: Tools, _: RunState) -> list[Check]:
    """Of the app's container or machine; from outside it would be that of another container."""
    if tools.dry_runs is None:
        return []
    free, total = await asyncio.to_thread(kernel_memory)
    said = {"free_bytes": free // 10**7 * 10**7, "total_bytes": total}
    if not total:
        return []
    if free / total < LOW_SHARE:
        return [of_issue("machine", Finding("memory.low", "will_stop", said))]
    return [Check("machine", "memory", parameters=said)]


async def certificate(tools: Tools, _: RunState) -> list[Check]:
    """That of the front door, where it has one."""
    found = await certificate_source(tools.certificate).look()
    if found:
        return [of_issue("machine", one) for one in found]
    end = await asyncio.to_thread(ends_at, tools.certificate)
    return [Check("machine", "certificate", parameters={"ends_on": end.date().isoformat()})] if end else []


async def clock(_: Tools, run: RunState) -> list[Check]:
    """Beside those of the providers that were asked before."""
    ahead = run.skew.seconds()
    if ahead is None:
        return [Check("machine", "clock.unknown", "warning", {"now": f"{utcnow():%Y-%m-%d %H:%M} UTC"})]
    if abs(ahead) < MOST_SECONDS:
        return [Check("machine", "clock", parameters={"off_seconds": abs(round(ahead))})]
    return [of_issue("machine", one, "bad") for one in await clock_source(run.skew).look()]
