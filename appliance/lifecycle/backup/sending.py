"""Sending the newest backup to the target beside this machine, and making room there for it.

A backup counts at the target when its digest lies beside it, which is written last. Nobody sends twice at
once: whoever sends holds a lock of the database.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import structlog

from appliance.backups.models import BackupTarget
from appliance.backups.names import DIGEST, PARTIAL, is_ours
from appliance.backups.repository import BackupRepository, config_of
from appliance.core.clock import utcnow
from appliance.core.db import Database
from appliance.core.encryption import EncryptionKeys, Unreadable
from appliance.core.language import Message
from appliance.core.tasks import begin, end
from appliance.jobs.tally import note_success
from appliance.lifecycle.backup import sealing, tables
from appliance.lifecycle.backup import write as local
from appliance.lifecycle.backup.problem import BackupProblem
from appliance.lifecycle.backup.targets.base import Target, TargetProblem, Upload
from appliance.lifecycle.backup.targets.opening import opened
from appliance.lifecycle.backup.targets.trying import require_ours, whole
from appliance.settings.environment import Settings

log = structlog.get_logger()

OFF_THE_BOX = "backup_off_the_box"  # the task's name in the metrics
AGAIN_AFTER = timedelta(minutes=55)  # the sidecar asks every quarter of an hour: so it is every hour
_SEND_LOCK = 0x50_43_53_4E
_NOTE_EVERY = 2.0


@dataclass(frozen=True, slots=True)
class Sent:
    """What was sent, and how many older ones went for it."""

    name: str
    size: int
    removed: int


class NothingToSend(BackupProblem):
    """There is no target, no backup, or the newest one is there already."""


async def send(settings: Settings, database: Database, *, if_due: bool) -> Sent:
    """Send the newest backup; raises ``NothingToSend``, or ``TargetProblem``, which is noted.

    Where another target was set meanwhile nothing is noted, and ``BackupProblem`` says so.
    """
    async with database.session() as session:
        row = await BackupRepository(session).target()
    if row is None:
        raise NothingToSend(Message("There is no target for backups yet."))
    path = local.newest(settings.backup_dir) if settings.backup_dir else None
    _require_something(row, path, if_due=if_due)
    assert path is not None  # noqa: S101 - the line above saw to it
    async with _alone(settings):
        try:
            sent = await _send(settings, database, row, path)
        except FileNotFoundError:
            problem = TargetProblem("missing")
        except TargetProblem as found:
            problem = found
        else:
            await _note_sent(database, row, sent)
            return sent
        await _note_failed(database, row, problem)
        raise problem


def _require_something(row: BackupTarget, path: Path | None, *, if_due: bool) -> None:
    if row.held:
        raise NothingToSend(Message("The target belongs to another machine until this one takes it over."))
    if path is None:
        raise NothingToSend(Message("There is no backup yet."))
    if row.sent_name == path.name and not row.failure:
        raise NothingToSend(Message("%(name)s is already at the target.", name=path.name))
    # From a time to come: the clock was ahead, and who knows how long ago that was.
    tried_just_now = row.tried_at and timedelta(0) <= utcnow() - row.tried_at < AGAIN_AFTER
    if if_due and row.failure and tried_just_now:
        raise NothingToSend(Message("It failed recently and will be retried within the hour."))


@asynccontextmanager
async def _alone(settings: Settings) -> AsyncIterator[None]:
    async with tables.connected(settings.sqlalchemy_url()) as connection:
        if not await connection.fetchval("select pg_try_advisory_lock($1)", _SEND_LOCK):
            raise NothingToSend(Message("A backup is already being sent."))
        yield


async def _send(settings: Settings, database: Database, row: BackupTarget, path: Path) -> Sent:
    with path.open("rb") as file:
        if not sealing.is_sealed(file.read(64)):
            raise TargetProblem("not_sealed")
    try:
        config = config_of(row, EncryptionKeys(settings.secrets_dir))
    except Unreadable:
        raise TargetProblem("unreadable") from None
    async with _progress(database, row, path.name) as progress, opened(config) as target:
        await require_ours(target, row.marker)
        most = row.most_kilobytes * 1000 if row.most_kilobytes else None
        upload = await asyncio.to_thread(Upload.of_file, path, progress.passed, most)
        progress.total = upload.size
        if path.name not in await whole(target):
            await target.put(path.name, upload)
            await require_ours(target, row.marker)  # hours have passed: somebody may have taken it over
            line = f"{upload.sha256}  {path.name}\n".encode()  # as sha256sum checks it
            await target.put(path.name + DIGEST, Upload.of_bytes(line))
        removed = await _prune(target, row.keep, path.name)
    return Sent(path.name, upload.size, removed)


async def _prune(target: Target, keep: int, just_sent: str) -> int:
    """Remove the whole backups beyond the newest ``keep``, never the one just sent, and broken uploads."""
    found = await whole(target)
    others = [name for name in found if name != just_sent]
    spare = others[: max(0, len(others) - (max(1, keep) - 1))]
    kept = {just_sent, *(name for name in others if name not in spare)}
    for name in spare:
        await target.remove(name + DIGEST)  # first: without it the backup counts no more
        await target.remove(name)
        log.info("backup.pruned_at_target", name=name)
    for one in await target.files():
        whose = one.name.removesuffix(PARTIAL).removesuffix(DIGEST)
        if is_ours(one.name) and whose not in kept:
            await target.remove(one.name)  # nobody else sends meanwhile: it was broken off
    return len(spare)


class _Progress:
    """How many bytes of which step have gone."""

    def __init__(self) -> None:
        self.total, self.step, self.done = 0, "sending", 0

    def passed(self, step: str, count: int) -> None:
        if step != self.step:
            self.step, self.done = step, 0
        self.done += count


@asynccontextmanager
async def _progress(database: Database, row: BackupTarget, name: str) -> AsyncIterator[_Progress]:
    """Noted every other second, for whoever watches. Nothing more is sent to a target that was forgotten."""
    progress = _Progress()
    try:
        async with asyncio.timeout(None) as while_it_is_set:
            task = begin(_noting(database, row, progress, while_it_is_set))
            try:
                yield progress
            finally:
                await end({task})
                async with database.session() as session:
                    await BackupRepository(session).note(
                        row, step=None, step_done=None, step_total=None, step_at=None
                    )
    except TimeoutError:
        if while_it_is_set.expired():
            raise _changed(name) from None
        raise


async def _noting(
    database: Database, row: BackupTarget, progress: _Progress, while_it_is_set: asyncio.Timeout
) -> None:
    is_set = True
    while is_set:
        with contextlib.suppress(Exception):  # the database is away: that is no failure of the sending
            async with database.session() as session:
                is_set = await BackupRepository(session).note(
                    row,
                    step=progress.step,
                    step_done=progress.done,
                    step_total=progress.total,
                    step_at=utcnow(),
                )
        await asyncio.sleep(_NOTE_EVERY if is_set else 0)
    while_it_is_set.reschedule(0)


def _changed(name: str) -> BackupProblem:
    return BackupProblem(
        Message("The target was changed while %(name)s was being sent to the old one.", name=name)
    )


async def _note_sent(database: Database, row: BackupTarget, sent: Sent) -> None:
    async with database.session() as session:
        noted = await BackupRepository(session).note(
            row,
            sent_at=utcnow(),
            sent_name=sent.name,
            sent_size=sent.size,
            tried_at=utcnow(),
            failure=None,
            failure_detail=None,
            failing_since=None,
        )
        if not noted:
            raise _changed(sent.name)
        await note_success(session, OFF_THE_BOX)
    log.info("backup.sent", name=sent.name, size=sent.size, removed=sent.removed)


async def _note_failed(database: Database, row: BackupTarget, problem: TargetProblem) -> None:
    async with database.session() as session:
        await BackupRepository(session).note(
            row,
            tried_at=utcnow(),
            failure=problem.reason,
            failure_detail=problem.detail,
            failing_since=row.failing_since or utcnow(),
        )
    log.warning("backup.not_sent", reason=problem.reason)
