"""Making a backup: the database as it is at one moment, the secret files, then the pictures.

The secret files are only in one that is sealed with a passphrase.

It is made while the appliance works. Rows are read in one snapshot, pictures after it: a picture has
its final bytes before its row says so, so every picture that a row in the backup names is there. While
it is made, the cleanup waits.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import IO, Any

import structlog

from appliance import __version__
from appliance.backups.names import NAME, PARTIAL, SEAL, STAMP, by_age
from appliance.core.clock import utcnow
from appliance.core.files import PARTIAL_PREFIX
from appliance.core.language import Message
from appliance.core.secrets import BACKUP_PASSPHRASE
from appliance.lifecycle.backup import archive, tables, unfinished
from appliance.lifecycle.backup.problem import BackupProblem
from appliance.nodes.common import MARKS
from appliance.providers.keys import FOLDER as PROVIDER_KEYS
from appliance.settings.environment import Settings

log = structlog.get_logger()

STDOUT = "-"
_DATABASE_ONLY = "-database"
# The server's own password belongs to the server; the passphrase must not lie in what it protects.
_NOT_BACKED_UP = {"database-password", "database-superuser-password", BACKUP_PASSPHRASE}
_RECENT = timedelta(days=2)  # what is older than that does not change while a door is closed
_KEEP_FREE = 256 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class BackupRequest:
    """What is asked for: where to, encrypted or not, how many to keep (0: all)."""

    to: str
    passphrase: str | None = None
    keep: int = 0
    database_only: bool = False
    recent_history: bool = False  # of the history only the last days: an upgrade's way back


@dataclass(frozen=True, slots=True)
class BackupResult:
    """What was made."""

    path: str
    size: int
    rows: int
    pictures: int
    missing: int
    seconds: float
    holds_keys: bool  # whether the providers' keys can be read on another machine


def newest(folder: Path) -> Path | None:
    """The newest whole backup in a folder; one from a time to come only where there is no other."""
    found = _backups(folder, database_only=False)
    return found[-1] if found else None


def is_due(folder: Path, hour: int, now: datetime) -> bool:
    """Whether the newest backup is older than the last time that one should have been made.

    So a machine that is switched off at night makes up for it in the morning. One from a time to come counts
    as none: the clock was ahead when it was made. ``now`` is the machine's own time: yesterday its clock may
    have been an hour behind or ahead.
    """
    planned = now.replace(tzinfo=None, hour=hour, minute=0, second=0, microsecond=0)
    if planned.timestamp() > now.timestamp():
        planned -= timedelta(days=1)
    found = newest(folder)
    return found is None or not planned.timestamp() <= found.stat().st_mtime <= now.timestamp()


def _backups(folder: Path, *, database_only: bool) -> list[Path]:
    """Oldest first."""
    found = [path for path in folder.glob(f"{NAME}*.tar*") if not path.name.endswith(PARTIAL)]
    kind = [path for path in found if (_DATABASE_ONLY in path.name) == database_only]
    return sorted(kind, key=lambda path: by_age(path.name))


async def make(settings: Settings, request: BackupRequest) -> BackupResult:
    """Make one backup and remove those that are too many; raises ``BackupProblem`` or ``OSError``."""
    since = time.monotonic()
    async with tables.connected(settings.sqlalchemy_url()) as connection:
        # Few days of the history are few rows. Else about what its rows take beside the backup and in it.
        rows_take = 0 if request.recent_history else await tables.size(connection)
        with _target(settings, request, rows_take) as (below, name):
            with archive.Writer(below, request.passphrase) as writer:
                facts = await _write(connection, settings, request, writer)
            below.flush()
            size = below.tell() if request.to != STDOUT else 0
    if request.to != STDOUT and request.keep > 0:
        _prune(Path(name), request.keep, database_only=request.database_only)
    rows = sum(facts["rows"].values())
    seconds = round(time.monotonic() - since, 1)
    made = BackupResult(
        name, size, rows, facts["pictures"], len(facts["missing"]), seconds, bool(request.passphrase)
    )
    log.info(
        "backup.done",
        size=size,
        rows=rows,
        pictures=made.pictures,
        missing=made.missing,
        ms=int(made.seconds * 1000),
    )
    return made


@contextmanager
def _target(settings: Settings, request: BackupRequest, rows_take: int) -> Iterator[tuple[IO[bytes], str]]:
    """The file to write, which has its name only when it is whole; or standard output."""
    if request.to == STDOUT:
        with os.fdopen(os.dup(sys.stdout.fileno()), "wb") as out:
            yield out, STDOUT
        return
    folder = Path(request.to)
    folder.mkdir(parents=True, exist_ok=True)
    unfinished.remove_left(folder)
    _require_space(settings.media_root, folder, request, rows_take)
    path, below = _begun(folder, request)
    partial = path.with_name(path.name + PARTIAL)
    try:
        with below:
            unfinished.hold(below)
            yield below, str(path)
            os.fsync(below.fileno())
        partial.replace(path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


def _begun(folder: Path, request: BackupRequest) -> tuple[Path, IO[bytes]]:
    """The name that it will have, and the file that is open for it. Two that begin in the same second would
    write into one file.
    """
    kind = _DATABASE_ONLY if request.database_only else ""
    while True:
        path = folder / f"{NAME}{utcnow().strftime(STAMP)}{kind}.tar{SEAL if request.passphrase else ''}"
        try:
            partial = os.open(f"{path}{PARTIAL}", os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            time.sleep(0.2)
        else:
            return path, os.fdopen(partial, "wb")


def _require_space(media_root: Path, folder: Path, request: BackupRequest, rows_take: int) -> None:
    there = [] if request.database_only else pictures(media_root)
    needed = rows_take + sum(_size(path) for path, _ in there)
    free = shutil.disk_usage(folder).free
    if needed + _KEEP_FREE > free:
        raise BackupProblem(
            Message(
                "There is not enough room for a backup in %(folder)s: it needs about %(needed)s MB, and "
                "%(free)s MB are free. Remove old backups, or choose another folder with --to.",
                folder=folder,
                needed=needed // 10**6,
                free=free // 10**6,
            )
        )


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:  # deleted while we were at it
        return 0


async def _write(
    connection: Any, settings: Settings, request: BackupRequest, writer: archive.Writer
) -> dict[str, Any]:
    async with tables.no_cleanup(connection):
        since = utcnow() - _RECENT if request.recent_history else None
        facts = await _write_tables(connection, _spool(settings.backup_dir), writer, since)
        facts["key_files_left_out"] = []
        for path, name in _secret_files(settings.secrets_dir):
            # Whoever finds an unsealed backup must be able to log in nowhere and to sign nothing.
            if request.passphrase:
                _add_file(writer, path, f"secrets/{name}")
            elif name.startswith(f"{PROVIDER_KEYS}/") and path.stat().st_size:
                facts["key_files_left_out"].append(name)
        facts |= {"pictures": 0, "missing": []}
        if not request.database_only:
            await asyncio.to_thread(_write_pictures, settings.media_root, writer, facts)
    facts |= {"kind": "database" if request.database_only else "whole"}
    facts |= {"made_at": utcnow().isoformat(), "version": os.environ.get("APPLIANCE_VERSION", __version__)}
    await asyncio.to_thread(writer.close, facts)
    return facts


def _spool(folder: Path | None) -> Path | None:
    """A container's own temporary folder is small."""
    return folder if folder and folder.is_dir() else None


async def _write_tables(
    connection: Any, folder: Path | None, writer: archive.Writer, history_since: datetime | None
) -> dict[str, Any]:
    """Every table, all of the same moment; spooled, since a tar wants a size before the first byte."""
    rows: dict[str, int] = {}
    columns: dict[str, list[str]] = {}
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        revision = await tables.revision(connection)
        for table in await tables.all_tables(connection):
            with tempfile.TemporaryFile(dir=folder) as file:
                rows[table.name] = await tables.write_rows(connection, table, file, history_since)
                columns[table.name] = table.columns
                size = file.tell()
                file.seek(0)
                writer.add(f"database/{table.name}.copy", file, size)
    server = ".".join(map(str, connection.get_server_version()[:2]))
    facts: dict[str, Any] = {"revision": revision, "server": server, "rows": rows, "columns": columns}
    return facts | ({"history_since": history_since.isoformat()} if history_since else {})


def _secret_files(folder: Path) -> Iterator[tuple[Path, str]]:
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        hidden = any(part.startswith(".") for part in Path(name).parts)
        if path.is_file() and name not in _NOT_BACKED_UP and not hidden:
            yield path, name


def pictures(media_root: Path) -> Iterator[tuple[Path, str]]:
    """Everything in the media folder but uploads, what is half-written and what can be made again."""
    for folder in sorted(media_root.iterdir()):
        if folder.name in {"temp", "previews", MARKS} or not folder.is_dir():
            continue
        for path in sorted(folder.rglob("*")):
            if path.is_file() and not path.name.startswith((PARTIAL_PREFIX, ".")):
                yield path, path.relative_to(media_root).as_posix()


def _write_pictures(media_root: Path, writer: archive.Writer, facts: dict[str, Any]) -> None:
    for path, name in pictures(media_root):
        if _add_file(writer, path, f"media/{name}"):
            facts["pictures"] += 1
        else:  # an operator deleted it while we were at it
            facts["missing"].append(name)


def _add_file(writer: archive.Writer, path: Path, name: str) -> bool:
    try:
        file = path.open("rb")
    except FileNotFoundError:
        return False
    with file:
        about = os.fstat(file.fileno())
        writer.add(name, file, about.st_size, about.st_mtime)
    return True


def _prune(made: Path, keep: int, *, database_only: bool) -> None:
    """Remove the backups beyond the newest ``keep``, never the one just made."""
    others = [path for path in _backups(made.parent, database_only=database_only) if path != made]
    for path in others[: max(0, len(others) - (keep - 1))]:
        path.unlink(missing_ok=True)
        log.info("backup.pruned", name=path.name)
