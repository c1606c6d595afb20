"""The program itself: starts that follow each other, and memory that runs out."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path

from appliance.core.db import Database
from appliance.jobs.tally import note_start
from appliance.staff.issues.findings import AT_ONCE, Finding, Source

_STARTS = 4
_WITHIN = timedelta(minutes=30)
LOW_SHARE = 0.06  # of the memory; on the smallest machine that we name 120 MB
_GROUP = Path("/sys/fs/cgroup")
_MACHINE = Path("/proc/meminfo")


def process_source(database: Database, group: Path = _GROUP, machine: Path = _MACHINE) -> Source:
    """Counts the starts, this one too, and reads what the kernel says of memory."""
    starts: list[int] = []

    async def look() -> list[Finding]:
        found: list[Finding] = []
        if not starts:
            async with database.session() as session:
                starts.append(await note_start(session, _WITHIN))
        if starts[0] >= _STARTS:
            parameters = {"starts": starts[0], "within_seconds": int(_WITHIN.total_seconds())}
            found.append(Finding("app.restarts", "app.restarts", "will_stop", parameters, patience=AT_ONCE))
        free, total = await asyncio.to_thread(memory, group, machine)
        if total and free / total < LOW_SHARE:
            parameters = {"free_bytes": free // 10**7 * 10**7, "total_bytes": total}
            found.append(Finding("memory.low", "memory.low", "will_stop", parameters))
        if starts[0] >= _STARTS and _up_for() > _WITHIN.total_seconds():
            starts[0] = 1
        return found

    began = asyncio.get_running_loop().time()

    def _up_for() -> float:
        return asyncio.get_running_loop().time() - began

    return Source("process", ("app.restarts", "memory.low"), look, every=20.0)


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
