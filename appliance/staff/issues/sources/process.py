"""The program itself: starts that follow each other, and memory that runs out."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path

import structlog

from appliance.core.db import Database
from appliance.core.tasks import Background
from appliance.jobs.tally import count_starts, forget_start, note_start
from appliance.staff.issues.findings import AT_ONCE, Finding, Source

log = structlog.get_logger()

_STARTS = 4
_WITHIN = timedelta(minutes=30)
LOW_SHARE = 0.06  # of the memory; on the smallest machine that we name 120 MB
_EVERY = 20.0  # seconds
_PATIENCE = 2.0  # seconds: nobody waits at an end for a database that is away
_GROUP = Path("/sys/fs/cgroup")
_MACHINE = Path("/proc/meminfo")


class StartNote(Background):
    """Notes a start, as soon as the database answers."""

    _note = ""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def forget(self) -> None:
        """The end was wanted: this start is no sign of trouble."""
        try:
            async with asyncio.timeout(_PATIENCE), self._database.session() as session:
                await forget_start(session, self._note)
        except Exception as error:  # noqa: BLE001 - the database is away: a start is counted too many
            log.info("start.not_forgotten", error=type(error).__name__)

    async def work(self) -> None:
        """See ``Background``."""
        while True:
            try:
                async with self._database.session() as session:
                    self._note = await note_start(session)
            except Exception as error:  # noqa: BLE001 - the database is away: it comes back
                log.info("start.not_noted", error=type(error).__name__)
                await asyncio.sleep(_EVERY)
            else:
                return


def process_source(
    database: Database, group: Path = _GROUP, machine: Path = _MACHINE, *, processes: int = 1
) -> Source:
    """Counts the starts that ``StartNote`` noted, and reads what the kernel says of memory."""

    async def look() -> list[Finding]:
        found: list[Finding] = []
        async with database.session() as session:
            starts = await count_starts(session, _WITHIN)
        if starts >= _STARTS * processes:
            parameters = {"starts": starts, "within_seconds": int(_WITHIN.total_seconds())}
            found.append(Finding("app.restarts", "will_stop", parameters, patience=AT_ONCE))
        free, total = await asyncio.to_thread(memory, group, machine)
        if total and free / total < LOW_SHARE:
            parameters = {"free_bytes": free // 10**7 * 10**7, "total_bytes": total}
            found.append(Finding("memory.low", "will_stop", parameters))
        return found

    return Source("process", ("app.restarts", "memory.low"), look, every=_EVERY)


def kernel_memory() -> tuple[int, int]:
    """What ``memory`` says of this container or machine."""
    return memory(_GROUP, _MACHINE)


def memory(group: Path, machine: Path) -> tuple[int, int]:
    """Bytes that are free and bytes there are: of the container where it has a limit, else of the machine."""
    try:
        limit = (group / "memory.max").read_text().strip()
        if limit.isdecimal():
            used = int((group / "memory.current").read_text())
            cache = _number((group / "memory.stat").read_text(), "inactive_file ")
            return int(limit) - used + cache, int(limit)
    except OSError:
        pass
    try:
        said = machine.read_text()
    except OSError:
        return 0, 0
    return _number(said, "MemAvailable:") * 1024, _number(said, "MemTotal:") * 1024


def _number(said: str, name: str) -> int:
    line = next((line for line in said.splitlines() if line.startswith(name)), "")
    digits = line.removeprefix(name).split()
    return int(digits[0]) if digits else 0
