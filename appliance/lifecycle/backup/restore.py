"""Using a backup: read and checked whole, then the pictures, the database in one transaction, the secrets.

The tables are made by the migrations of the backup's own time, filled, and brought to this version by
those that came after: so a backup of an older version, or of another PostgreSQL, goes into this one.
Doing it twice does no harm; where it breaks off, the database is as it was.
"""

from __future__ import annotations

import asyncio
import http.client
import math
import os
import shutil
import tarfile
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO, Any

import structlog
from alembic import command
from sqlalchemy import Connection, text
from sqlalchemy.engine import URL
from sqlalchemy.ext.asyncio import create_async_engine

from appliance.accounts.repository import AccountRepository
from appliance.core import local_http
from appliance.core.encryption import ENCRYPTION_KEYS, EncryptionKeys
from appliance.core.files import LOW_DISK_BYTES, PARTIAL_PREFIX
from appliance.core.language import Message
from appliance.core.passwords import PasswordChecker
from appliance.core.processes import listen_of, numbers
from appliance.core.secrets import FirstPasswordFile, write_secret
from appliance.lifecycle import bare_run
from appliance.lifecycle.backup import archive, revoked, tables
from appliance.lifecycle.backup.problem import BackupProblem
from appliance.lifecycle.backup.room import keeping_free
from appliance.lifecycle.database import opened_database
from appliance.media.store import MediaStore
from appliance.migrations import runner
from appliance.migrations.revisions import tables_age
from appliance.providers.stored_keys import StoredKeys
from appliance.settings.environment import Settings
from appliance.settings.operator import INGEST_PASSWORD, AppSettingsRepository

log = structlog.get_logger()

_END_SESSIONS = "update login_session set ended_at = now(), end_reason = 'restored' where ended_at is null"
_FOR_THE_SERVER = 64 * 1024 * 1024  # it stops on a full disk, and does not start again


@dataclass(frozen=True, slots=True)
class RestoreReport:
    """What was put back."""

    made_at: str
    version: str
    rows: int
    pictures: int
    keys_to_enter: tuple[str, ...] = ()  # providers' keys that cannot be read here, in words


@contextmanager
def opened(source: str, stdin: IO[bytes], spool: Path | None) -> Iterator[IO[bytes]]:
    """The backup as a file that can be read twice: standard input is kept in one first.

    Raises ``BackupProblem`` where there is no such file.
    """
    if source != "-":
        try:
            found = Path(source).open("rb")  # noqa: SIM115 - closed below; what its user raises is not ours
        except FileNotFoundError:
            raise BackupProblem(Message("There is no backup called %(name)s here.", name=source)) from None
        with found:
            yield found
        return
    with tempfile.TemporaryFile(dir=spool if spool and spool.is_dir() else None) as file:
        shutil.copyfileobj(stdin, file, 1024 * 1024)
        yield file


def refuse_while_the_app_runs(settings: Settings, front: Path) -> None:
    """An app that works on while its tables are exchanged would write into both."""
    listening = [listen_of(settings.listen, one) for one in numbers(settings.processes)]
    if not any(map(_answers, listening)):
        return
    raise BackupProblem(
        Message("The app is running. %(do)s Nothing was changed.", do=_what_to_do(settings, front))
    )


def _answers(listen: str) -> bool:
    try:
        local_http.get("/healthz", 2, listen)
    except (OSError, http.client.HTTPException):
        return False
    return True


def _what_to_do(settings: Settings, front: Path) -> Message:
    """The command that stops it, restores and starts it again, by where we are."""
    if front.exists():
        return Message(
            "Use scripts/restore, or stop the app first (docker compose stop app cleanup) and start it again "
            "afterwards (docker compose up -d)."
        )
    data, media = settings.secrets_dir.absolute().parent, settings.media_root.absolute()
    if bare_run.ports_file(data).exists():
        return Message("Use: %(command)s restore FILE.", command=bare_run.command("appliance", data, media))
    return Message("Stop the app and its cleanup first, and start them again afterwards.")


def check(file: IO[bytes], passphrase: str | None, media_root: Path) -> str:
    """Read all of it and change nothing; what it is.

    Raises ``BackupProblem`` if it could not be used, also where ``media_root`` has no room for its pictures.
    """
    facts = checked(file, passphrase)
    _require_room(media_root, facts)
    return f"version {facts['version']} backed it up at {facts['made_at']}"


def checked(file: IO[bytes], passphrase: str | None) -> dict[str, Any]:
    """The manifest, when every byte is as it was written and this version knows the tables."""
    facts = archive.verify(file, passphrase)
    _require_known(str(facts["revision"]), str(facts["version"]))
    return facts


async def restore(settings: Settings, file: IO[bytes], passphrase: str | None) -> RestoreReport:
    """All of it; raises ``BackupProblem`` before anything is touched if the file is not right."""
    facts = checked(file, passphrase)
    for folder in (settings.secrets_dir, settings.media_root):
        _require_writable(folder)
    _require_room(settings.media_root, facts)
    async with tables.connected(settings.sqlalchemy_url()) as connection, tables.no_cleanup(connection):
        await asyncio.to_thread(_restore_pictures, settings.media_root, file, passphrase)
        await asyncio.to_thread(os.sync)  # rows that survive a power cut must not lack their pictures
        filling = restore_database(settings.sqlalchemy_url(), file, passphrase, facts, settings.backup_dir)
        await keeping_free(_FOR_THE_SERVER, (settings.secrets_dir,), filling)
        _restore_secrets(settings.secrets_dir, file, passphrase)
        await _forget_wrong_passwords(settings)
    rows, to_enter = sum(facts["rows"].values()), await _keys_to_enter(settings, facts)
    done = RestoreReport(facts["made_at"], facts["version"], rows, facts["pictures"], to_enter)
    log.info(
        "restore.done", made_at=done.made_at, version=done.version, rows=done.rows, pictures=done.pictures
    )
    return done


def _require_known(revision: str, version: str) -> None:
    if tables_age(revision) == "newer":
        raise BackupProblem(
            Message(
                "The tables in this backup, which version %(version)s made, are newer than this version. "
                "Upgrade first, then restore. Nothing was changed.",
                version=version,
            )
        )


def _require_writable(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise BackupProblem(
            Message(
                "Cannot write to %(folder)s: %(error)s. Nothing was changed.",
                folder=folder,
                error=error.strerror,
            )
        ) from None


def _require_room(media_root: Path, facts: dict[str, Any]) -> None:
    """Room for the pictures that are not there yet, and with them no less than the app wants free."""
    pictures = [name for name in facts["files"] if name.startswith("media/")]
    absent = [name for name in pictures if not (media_root / name.removeprefix("media/")).exists()]
    needed = sum(facts["files"][name]["size"] for name in absent)
    there = next(folder for folder in (media_root, *media_root.absolute().parents) if folder.exists())
    missing = needed + LOW_DISK_BYTES - shutil.disk_usage(there).free
    if needed and missing > 0:
        raise BackupProblem(
            Message(
                "There is not enough room in %(folder)s for the pictures of this backup: %(missing)s MB more "
                "must be free. Nothing was changed.",
                folder=media_root,
                missing=math.ceil(missing / 10**6),
            )
        )


def _restore_pictures(media_root: Path, file: IO[bytes], passphrase: str | None) -> None:
    MediaStore(
        media_root
    ).make_folders()  # also where no picture is in it: the app makes none beside old rows
    for info, name, content in _of("media", file, passphrase):
        target = media_root / name
        target.parent.mkdir(parents=True, exist_ok=True)
        partial = target.with_name(PARTIAL_PREFIX + uuid.uuid4().hex)
        try:
            with partial.open("xb") as out:
                shutil.copyfileobj(content, out, 1024 * 1024)
            os.utime(partial, (info.mtime, info.mtime))  # a browser that has the picture knows it again
            partial.replace(target)
        finally:
            partial.unlink(missing_ok=True)


def _restore_secrets(folder: Path, file: IO[bytes], passphrase: str | None) -> None:
    for _, name, content in _of("secrets", file, passphrase):
        if name == ENCRYPTION_KEYS:  # this machine's own stay: another backup of it may need them
            EncryptionKeys(folder).take_over(content.read().decode())
        else:
            write_secret(folder / name, content.read())


async def _forget_wrong_passwords(settings: Settings) -> None:
    """What this machine says of first passwords, without those that the accounts put back do not have."""
    file = FirstPasswordFile(settings.secrets_dir)
    kept = file.read()
    async with opened_database(settings) as database, database.session() as session:
        accounts = [await AccountRepository(session).get(name) for name in kept["accounts"]]
        row = await AppSettingsRepository(session).get(INGEST_PASSWORD)
    checker = PasswordChecker()
    for (name, password), account in zip(kept["accounts"].items(), accounts, strict=True):
        if account is None or not await checker.matches(password, account.password_hash):
            file.forget_account(name)
    if kept["ingest"] and not (row and await checker.matches(kept["ingest"], str(row.value["hash"]))):
        file.forget_ingest()


async def _keys_to_enter(settings: Settings, facts: dict[str, Any]) -> tuple[str, ...]:
    """The providers' keys that an unencrypted backup named but did not bring."""
    async with opened_database(settings) as database:
        stored = StoredKeys(database, EncryptionKeys(settings.secrets_dir))
        await stored.refresh_now()
    entered = [
        f"{one.provider} {one.row.ends_in}, entered by {one.row.added_by}"
        for one in stored.all()
        if one.key is None
    ]
    files = [
        name for name in facts.get("key_files_left_out", []) if not (settings.secrets_dir / name).exists()
    ]
    return (*entered, *(f"the secret file {name}" for name in files))


def _of(
    kind: str, file: IO[bytes], passphrase: str | None
) -> Iterator[tuple[tarfile.TarInfo, str, IO[bytes]]]:
    for info, content in archive.members(file, passphrase):
        if info.name.startswith(f"{kind}/"):
            yield info, info.name.removeprefix(f"{kind}/"), content


async def restore_database(
    url: URL, file: IO[bytes], passphrase: str | None, facts: dict[str, Any], spool: Path | None
) -> None:
    """Make the tables anew and fill them, in one transaction."""
    engine = create_async_engine(url)
    try:
        async with engine.begin() as connection:
            await connection.execute(text("set local lock_timeout = '15s'"))
            raw: Any = (await connection.get_raw_connection()).driver_connection
            target_here = await tables.backup_target(raw)
            kept = await revoked.set_aside(raw)
            if since := facts.get("history_since"):
                columns = facts["columns"][tables.HISTORY]
                await tables.set_history_aside(raw, columns, datetime.fromisoformat(since))
            await tables.drop_all(raw)
            await connection.run_sync(_migrate, str(facts["revision"]))
            await tables.empty_all(raw)
            await _fill(raw, file, passphrase, facts, spool)
            if since:
                await tables.put_history_back(raw)
            await tables.advance_counters(raw)
            if facts["kind"] == "whole" and await raw.fetchval("select to_regclass('login_session')"):
                # Who was logged out since must not be logged in again.
                await raw.execute(_END_SESSIONS)
            await connection.run_sync(_migrate, "head")
            await revoked.revoke_again(raw, kept)
            await tables.hold_target_of_another(raw, target_here)
    finally:
        await engine.dispose()


def _migrate(connection: Connection, revision: str) -> None:
    command.upgrade(runner.config(connection), revision)


async def _fill(
    raw: Any, file: IO[bytes], passphrase: str | None, facts: dict[str, Any], spool: Path | None
) -> None:
    """Fill the tables, each after those that it refers to."""
    with tempfile.TemporaryDirectory(dir=_spool_folder(file) or spool) as folder:
        for _, name, content in _of("database", file, passphrase):
            with (Path(folder) / name).open("wb") as spooled:
                shutil.copyfileobj(content, spooled, 1024 * 1024)
        for name in await tables.in_order(raw, list(facts["columns"])):
            with (Path(folder) / f"{name}.copy").open("rb") as rows:
                count = await tables.read_rows(raw, tables.Table(name, facts["columns"][name]), rows)
            if count != facts["rows"][name]:
                raise BackupProblem(
                    Message(
                        "%(count)s rows went into %(name)s, but the backup holds %(held)s.",
                        count=count,
                        name=name,
                        held=facts["rows"][name],
                    )
                )


def _spool_folder(file: IO[bytes]) -> Path | None:
    """Beside the backup if that can be written: the temporary folder of a container is small."""
    name = getattr(file, "name", None)
    folder = Path(name).parent if isinstance(name, str) else None
    try:
        if folder:
            with tempfile.TemporaryFile(dir=folder):
                return folder
    except OSError:
        pass
    return None
