"""Proving that the newest backup can be restored: into a database that is made for it and dropped again.

The file comes from the target where there is one. Every byte of it is checked, the rows go through the same
restore as on the day that it is needed, up to this version's tables, and some pictures are compared with
those that guests have here.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import random
import secrets
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import IO, Any

import asyncpg
import structlog
from sqlalchemy.engine import URL

from appliance.accounts.repository import AccountRepository
from appliance.backups.repository import BackupRepository
from appliance.core.db import Database
from appliance.core.files import LOW_DISK_BYTES
from appliance.core.language import Message
from appliance.jobs.tally import note_success
from appliance.lifecycle.backup import fetching, restore, tables
from appliance.lifecycle.backup import write as local
from appliance.lifecycle.backup.problem import BackupProblem
from appliance.lifecycle.backup.room import keeping_free
from appliance.settings.environment import Settings

log = structlog.get_logger()

PROOF = "backup_proof"  # the task's name in the metrics
_PROVE_LOCK = 0x50_43_50_52
_SCRATCH = "photochanger_proof_"
_KEEP_FREE = LOW_DISK_BYTES + 128 * 1024 * 1024  # photos are taken meanwhile
_COMPARED = 50  # pictures whose bytes here are compared with those in the backup
_EVERY = timedelta(days=30)
_AT_THE_LATEST = timedelta(days=33)  # then by day too: the machine is off at night
_FIRST = timedelta(days=3)  # after the first backup
_AFTER_FAILURE = timedelta(days=1)
_NIGHT_HOURS = 3


@dataclass(frozen=True, slots=True)
class ProofOutcome:
    """What came of it; ``problem`` says why it failed."""

    name: str
    from_target: bool
    made_at: str | None = None
    version: str | None = None
    rows: int = 0
    pictures: int = 0
    compared: int = 0
    seconds: float = 0.0
    problem: Message | None = None

    @property
    def ok(self) -> bool:
        """Whether the backup can be restored."""
        return self.problem is None


async def is_due(settings: Settings, database: Database, now: datetime) -> bool:
    """Once a month, at night where the machine is on then; the day after one that failed."""
    newest = local.newest(settings.backup_dir) if settings.backup_dir else None
    if newest is None:
        return False
    async with database.session() as session:
        last = await BackupRepository(session).last_proof()
    if last is not None and last.at > now:  # made while the clock was ahead
        last = None
    by_night = (now.hour - settings.backup_hour) % 24 < _NIGHT_HOURS
    if last is not None and not last.ok:
        return now - last.at > _AFTER_FAILURE and by_night
    if last is not None:
        return now - last.at > (_EVERY if by_night else _AT_THE_LATEST)
    oldest = min(path.stat().st_mtime for path in newest.parent.glob("photochanger-*.tar*"))
    return by_night or now.timestamp() - oldest > _FIRST.total_seconds()


async def prove(settings: Settings, database: Database, passphrase: str | None, *, by: str) -> ProofOutcome:
    """Prove the newest backup and note what came of it; raises ``BackupProblem`` if there is none."""
    began = time.monotonic()
    async with _alone(settings):
        name, from_target, problem = "", False, None
        try:
            async with _newest(settings, database) as (name, from_target, file):
                proof = await _proven(settings, name, from_target, file, passphrase)
        except BackupProblem as found:
            problem = found.said
        except (OSError, asyncpg.PostgresError) as error:
            problem = Message(f"{type(error).__name__}: {error}")
        if problem is not None:
            proof = ProofOutcome(name, from_target, problem=problem)
    await _note(database, proof, round(time.monotonic() - began, 1), by)
    return proof


async def drop_left(settings: Settings) -> None:
    """Remove the database of a proof that was killed: the next one may be a month away."""
    with contextlib.suppress(BackupProblem):  # one runs right now
        async with _alone(settings):
            pass


@asynccontextmanager
async def _alone(settings: Settings) -> AsyncIterator[None]:
    async with tables.connected(settings.sqlalchemy_url()) as connection:
        if not await connection.fetchval("select pg_try_advisory_lock($1)", _PROVE_LOCK):
            raise BackupProblem(Message("A trial restore is already running."))
        await _drop_left_over(connection)
        yield


async def _drop_left_over(connection: Any) -> None:
    """Databases of proofs that were broken off: we alone prove."""
    for row in await connection.fetch(
        "select datname from pg_database where datname like $1", f"{_SCRATCH}%"
    ):
        await connection.execute(f'drop database if exists "{row["datname"]}" with (force)')


@asynccontextmanager
async def _newest(settings: Settings, database: Database) -> AsyncIterator[tuple[str, bool, IO[bytes]]]:
    """The newest backup: at the target where there is one, else of this machine."""
    folder = settings.backup_dir or Path(tempfile.gettempdir())
    async with database.session() as session:
        row = await BackupRepository(session).target()
    if row is not None and row.sent_name:
        name, file = await fetching.fetch_newest_into(await fetching.target_set(settings, database), folder)
        with file:
            yield name, True, file
        return
    path = local.newest(settings.backup_dir) if settings.backup_dir else None
    if path is None:
        raise BackupProblem(Message("There is no backup yet."))
    with path.open("rb") as file:
        yield path.name, False, file


async def _proven(
    settings: Settings, name: str, from_target: bool, file: IO[bytes], passphrase: str | None
) -> ProofOutcome:
    facts = await asyncio.to_thread(restore.checked, file, passphrase)
    async with _scratch(settings) as url:
        filling = restore.restore_database(url, file, passphrase, facts, settings.backup_dir)
        await keeping_free(_KEEP_FREE, (settings.secrets_dir, settings.media_root), filling)
        rows = await _count(url, facts)
    compared = await asyncio.to_thread(_compare, settings.media_root, facts["files"])
    return ProofOutcome(
        name, from_target, facts["made_at"], str(facts["version"]), rows, facts["pictures"], compared
    )


@asynccontextmanager
async def _scratch(settings: Settings) -> AsyncIterator[URL]:
    """An empty database on the same server, dropped again whatever comes of it."""
    url = settings.sqlalchemy_url()
    name = _SCRATCH + secrets.token_hex(6)
    async with tables.connected(url) as connection:
        try:
            await connection.execute(f'create database "{name}" template template0')
        except asyncpg.InsufficientPrivilegeError:
            raise BackupProblem(
                Message(
                    "The database user may not create databases, which a trial restore requires. On a "
                    "server of "
                    'your own: alter role "%(user)s" createdb.',
                    user=url.username,
                )
            ) from None
        try:
            yield url.set(database=name)
        finally:
            await connection.execute(f'drop database if exists "{name}" with (force)')


async def _count(url: URL, facts: dict[str, Any]) -> int:
    """The rows that are there now, after the migrations; raises unless none of the pictures' went."""
    async with tables.connected(url) as connection:
        here = {table.name for table in await tables.all_tables(connection)}
        counts = {
            name: await connection.fetchval(f'select count(*) from "{name}"')  # noqa: S608 - our own names
            for name in facts["rows"]
            if name in here
        }
    if counts.get(tables.HISTORY, 0) < facts["rows"].get(tables.HISTORY, 0):
        raise BackupProblem(
            Message("Rows of the history went missing between the backup's tables and this version's.")
        )
    return sum(counts.values())


def _compare(media_root: Path, files: dict[str, dict[str, Any]]) -> int:
    """How many pictures of a sample are byte for byte those that are here; raises where one is another."""
    names = [name for name in files if name.startswith("media/results/")]
    compared = 0
    for name in random.sample(names, len(names)):
        digest = _sha256(media_root / name.removeprefix("media/"))
        if digest is None:
            continue  # it has gone since, as pictures do
        if digest != files[name]["sha256"]:
            raise BackupProblem(Message("%(name)s in the backup is not the picture that is here.", name=name))
        compared += 1
        if compared == _COMPARED:
            break
    return compared


def _sha256(path: Path) -> str | None:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        return None


async def _note(database: Database, proof: ProofOutcome, seconds: float, by: str) -> None:
    async with database.session() as session:
        await BackupRepository(session).add_proof(
            ok=proof.ok,
            name=proof.name,
            from_target=proof.from_target,
            made_at=datetime.fromisoformat(proof.made_at) if proof.made_at else None,
            made_by_version=proof.version and proof.version[:40],
            rows=proof.rows,
            pictures=proof.pictures,
            compared=proof.compared,
            seconds=seconds,
            problem=proof.problem and proof.problem[:300],
            problem_said=proof.problem and proof.problem.as_json(),
        )
        if proof.ok:
            await note_success(session, PROOF)
        AccountRepository(session).record(
            by, "backup.proven" if proof.ok else "backup.not_proven", proof.name, rows=proof.rows
        )
    log.info("backup.proven" if proof.ok else "backup.not_proven", name=proof.name, ms=int(seconds * 1000))
