"""The sidecar: cleans up every quarter of an hour, backs up every night, shows that it is alive."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from pathlib import Path

import structlog

from appliance.core.db import Database
from appliance.jobs.cleanup import Cleanup
from appliance.lifecycle import backup
from appliance.media.store import MediaStore
from appliance.settings import Settings

log = structlog.get_logger()

BEAT = Path("/tmp/cleanup.beat")  # noqa: S108 - the container's own tmpfs; the health check looks at it
_BEAT_EVERY = 10.0
_CLEANUP_EVERY = 900.0
_LOOK_FOR_BACKUP_EVERY = 60.0
_BACKUP_AFTER = 300.0  # seconds of uptime before a backup that was missed is made up for


async def run(settings: Settings) -> int:
    """Until SIGTERM or SIGINT. What fails is logged; the next turn follows."""
    stop = asyncio.Event()
    for sign in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(sign, stop.set)
    media = MediaStore(settings.media_root)
    media.make_folders()
    database = Database(settings.sqlalchemy_url(), pool_size=2)
    clean = Cleanup(database, media)
    turns = [
        _every(_BEAT_EVERY, "beat", _beat),
        _every(_CLEANUP_EVERY, "cleanup", clean.run),
    ]
    if settings.backup_dir:
        turns.append(_nightly(settings))
    tasks = [asyncio.create_task(turn) for turn in turns]
    try:
        await stop.wait()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await database.aclose()
    return 0


async def _every(seconds: float, name: str, work: Callable[[], Awaitable[object]]) -> None:
    while True:
        try:
            await work()
        except Exception:
            log.exception("sidecar.failed", turn=name)
        await asyncio.sleep(seconds)


async def _beat() -> None:
    with contextlib.suppress(OSError):
        BEAT.touch()  # noqa: ASYNC240 - a tmpfs


async def _nightly(settings: Settings) -> None:
    await asyncio.sleep(_BACKUP_AFTER)

    async def look() -> None:
        folder = settings.backup_dir
        now = datetime.now().astimezone()
        if folder is None:
            return
        is_due = await asyncio.to_thread(due, folder, settings.backup_hour, now)
        if is_due:
            passphrase = backup.usual_passphrase(settings.secrets_dir)
            await backup.make(settings, backup.Wish(str(folder), passphrase, settings.backup_keep))

    await _every(_LOOK_FOR_BACKUP_EVERY, "backup", look)


def due(folder: Path, hour: int, now: datetime) -> bool:
    """Whether the newest backup is older than the last time that one should have been made.

    So a machine that is switched off at night makes up for it in the morning.
    """
    planned = now.replace(hour=hour, minute=0, second=0, microsecond=0)
    if planned > now:
        planned -= timedelta(days=1)
    newest = backup.newest(folder)
    return newest is None or newest.stat().st_mtime < planned.timestamp()
