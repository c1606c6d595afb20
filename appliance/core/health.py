"""Is the process up, and can it do its work: ``/healthz`` and ``/readyz``."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from fastapi import APIRouter, Response
from pydantic import BaseModel, Field

from appliance.core.db import Database
from appliance.core.files import LOW_DISK_BYTES, PARTIAL_PREFIX
from appliance.core.injection import Injected

READY_TIMEOUT = 2.0  # seconds a check may take


class Health(BaseModel):
    """The process answers."""

    status: Literal["ok"] = "ok"


class Readiness(BaseModel):
    """What the appliance needs to do its work; each check is ``ok`` or says what is wrong."""

    ready: bool
    checks: dict[str, str] = Field(examples=[{"database": "ok", "media": "ok", "disk": "ok"}])


def media_writable(root: Path, temp: Path | None = None) -> str:
    """``ok``, or why nothing can be written to the media folder; also where its disk is full. ``temp``: where
    uploads lie, if not in it.
    """
    apart = temp is not None and temp != root / "temp"
    try:
        for folder in (temp, root / "results") if apart else (root / "temp",):
            tempfile.TemporaryFile(dir=folder, prefix=PARTIAL_PREFIX).close()
    except OSError as error:
        return f"cannot write to the media folder: {error.strerror}"
    return "ok"


def _disk_free(root: Path) -> str:
    try:
        free = shutil.disk_usage(root).free
    except OSError as error:
        return f"cannot be measured: {error.strerror}"
    return "ok" if free >= LOW_DISK_BYTES else f"only {free // 1024**2} MB free"


async def _database(database: Database) -> str:
    try:
        async with asyncio.timeout(READY_TIMEOUT):
            await database.ping()
    except Exception as error:  # noqa: BLE001 - whatever the driver raises, the answer is "away"
        return f"the database does not answer ({type(error).__name__})"
    return "ok"


class NodeState(Protocol):
    """How a machine stands to the others of its site."""

    state: str  # ``ok``, or why it takes no photos


@dataclass(frozen=True, slots=True)
class HealthCheck:
    """Asks the database, the media folder and the disk."""

    database: Database
    media_root: Path
    temp: Path | None = None
    node: NodeState | None = None  # of a machine that is not the first

    async def readiness(self) -> Readiness:
        """What each says, asked at the same time."""
        found = await asyncio.gather(
            _database(self.database),
            asyncio.to_thread(media_writable, self.media_root, self.temp),
            asyncio.to_thread(_disk_free, self.media_root),
        )
        checks = dict(zip(("database", "media", "disk"), found, strict=True))
        if self.node:
            checks["node"] = self.node.state
        return Readiness(ready=all(state == "ok" for state in checks.values()), checks=checks)


router = APIRouter(tags=["health"])


@router.head("/healthz", include_in_schema=False)
@router.get("/healthz", summary="Is the process up?")
async def healthz() -> Health:
    """Answers as long as the process can answer anything."""
    return Health()


@router.head("/readyz", include_in_schema=False)
@router.get(
    "/readyz",
    summary="Can the appliance do its work?",
    responses={503: {"model": Readiness, "description": "Something it needs is away"}},
)
async def readyz(health: Injected[HealthCheck], response: Response) -> Readiness:
    """Asks the database, the media folder and the disk."""
    found = await health.readiness()
    if not found.ready:
        response.status_code = 503
    return found
