"""``doctor``: one page that says what is well, what is not, and what to do about it."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from alembic.script import ScriptDirectory
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError

from appliance import __version__
from appliance.core.db import Database
from appliance.core.encryption import EncryptionKeys
from appliance.core.health import LOW_DISK_BYTES
from appliance.core.secrets import BackupPassphrase
from appliance.guests.tokens import GuestTokens
from appliance.lifecycle.backup import tables
from appliance.lifecycle.backup import write as backup
from appliance.lifecycle.doctor import local_http
from appliance.lifecycle.doctor import models as doctor_models
from appliance.lifecycle.doctor import network as doctor_network
from appliance.lifecycle.doctor.findings import Finding, State
from appliance.lifecycle.stack.certificates import CERTIFICATE, days_left
from appliance.media.store import MediaStore
from appliance.migrations import runner
from appliance.providers.catalogue.files import installed
from appliance.providers.keys import KeyFiles
from appliance.providers.operator_models import with_settings
from appliance.providers.registry import DEFAULT_URLS, ProviderRegistry
from appliance.providers.stored_keys import AllKeys, StoredKeys
from appliance.settings.environment import Settings
from appliance.settings.operator import AppSettingsRepository, OperatorSettings

_BACKUP_HOURS = 36
_CERTIFICATE_DAYS = 14


async def examine(settings: Settings, *, front: Path) -> list[Finding]:
    """Look at everything; what depends on the database is left out where it does not answer."""
    database = Database(settings.sqlalchemy_url(), pool_size=2)
    try:
        reached = await _database(database)
        operator, used = (
            (await _operator(database)) if reached.state is not State.BAD else (OperatorSettings(), {})
        )
        findings = [
            Finding("version", State.OK, os.environ.get("APPLIANCE_VERSION", __version__)),
            *await asyncio.gather(asyncio.to_thread(_app, settings.listen)),
            reached,
            *await asyncio.to_thread(_files, settings, operator, front),
            _models(settings, operator),
            *(await _ended(settings, operator, database) if reached.state is not State.BAD else []),
            *await _network(settings, operator, used, await _stored(settings, database, reached)),
        ]
    finally:
        await database.aclose()
    return findings


async def _stored(settings: Settings, database: Database, reached: Finding) -> StoredKeys:
    """The keys that lie in the database; none where it does not answer."""
    stored = StoredKeys(database, EncryptionKeys(settings.secrets_dir))
    if reached.state is not State.BAD:
        await stored.refresh()
    return stored


async def _network(
    settings: Settings, operator: OperatorSettings, used: dict[str, int], stored: StoredKeys
) -> list[Finding]:
    registry = ProviderRegistry(
        operator, settings.provider_base_urls, installed(settings.config_file, settings.site_dir)
    )
    try:
        chosen = {name: connection.base_url for name, connection in operator.providers.items()}
        addresses = {
            name: settings.provider_base_urls.get(name) or chosen.get(name) or usual
            for name, usual in DEFAULT_URLS.items()
        }
        keys = AllKeys(stored, KeyFiles(settings.secrets_dir), registry)
        asked = await doctor_network.providers(registry, addresses, keys, used)
        base = operator.public_base_url or settings.public_base() or settings.lan_base()
        public = await doctor_network.public_address(base, GuestTokens(settings.secrets_dir).identity)
        return [*asked, public]
    finally:
        await registry.aclose()


def _app(listen: str) -> Finding:
    since = time.monotonic()
    try:
        status, body = local_http.get("/readyz", 5, listen)
    except Exception as error:  # noqa: BLE001 - whatever it is, the app does not answer
        return Finding(
            "app", State.BAD, f"does not answer ({type(error).__name__})",
            "Look at its log: scripts/logs app. Start it: docker compose up -d",
        )  # fmt: skip
    if status != 200:
        checks = json.loads(body)["checks"]
        wrong = "; ".join(f"{name}: {said}" for name, said in checks.items() if said != "ok")
        return Finding("app", State.BAD, f"is not ready: {wrong}", "See the lines below.")
    return Finding("app", State.OK, f"ready, answered in {(time.monotonic() - since) * 1000:.0f} ms")


async def _database(database: Database) -> Finding:
    try:
        async with database.session() as session:
            server = str(await session.scalar(text("show server_version")))
            revision = await session.scalar(text("select version_num from alembic_version"))
            size = int(await session.scalar(text("select pg_database_size(current_database())")) or 0)
            pending = await session.scalar(
                text(
                    "select count(*) from job_history "
                    "where status = 'pending' and created_at < now() - interval '5 minutes'"
                )
            )
    except Exception as error:  # noqa: BLE001 - whatever the driver raises, the answer is "away"
        do = "Look at its log: scripts/logs db. Start it: docker compose up -d"
        return Finding("database", State.BAD, f"does not answer ({type(error).__name__})", do)
    head = ScriptDirectory.from_config(runner.config()).get_current_head()
    said = f"PostgreSQL {server.split(maxsplit=1)[0]}, {size / 1e6:.0f} MB, tables of revision {revision}"
    if revision != head and not tables.is_known(str(revision)):
        return Finding("database", State.OK, f"{said}, of a newer version: this one works with them")
    if revision != head:
        return Finding(
            "database", State.BAD, f"{said}; this version needs {head}", "Run: docker compose up -d migrate"
        )
    if pending:
        do = "Is the cleanup running? scripts/logs cleanup"
        return Finding(
            "database", State.WARNING, f"{said}; {pending} photos have been pending for too long", do
        )
    return Finding("database", State.OK, said)


async def _operator(database: Database) -> tuple[OperatorSettings, dict[str, int]]:
    """The settings in force, and how many active slots use each provider."""
    async with database.session() as session:
        rows = await session.execute(
            text("select provider, count(*) from slot where active group by provider")
        )
        used = {str(provider): int(count) for provider, count in rows}
        return await AppSettingsRepository(session).operator_settings(), used


def _files(settings: Settings, operator: OperatorSettings, front: Path) -> list[Finding]:
    disk = _disk(settings.media_root, operator.low_disk_bytes)
    sealed = _sealed(BackupPassphrase(settings.secrets_dir))
    return [disk, _backup_age(settings.backup_dir), sealed, *_certificate(front)]


def _models(settings: Settings, operator: OperatorSettings) -> Finding:
    """Whether everything that the files and the operator say of models could be used."""
    files = installed(settings.config_file, settings.site_dir)
    problems = with_settings(files, operator).problems
    if not problems:
        return Finding("models", State.OK, "every model's facts can be read")
    said = "; ".join(map(str, problems))
    return Finding("models", State.WARNING, f"left out: {said}", "Correct it; see docs/ops/models.md.")


async def _ended(settings: Settings, operator: OperatorSettings, database: Database) -> list[Finding]:
    """Models of active slots that have ended, or will soon."""
    try:
        catalogue = with_settings(installed(settings.config_file, settings.site_dir), operator)
        told = await doctor_models.troubled(database, catalogue)
    except ProgrammingError:  # tables of an older version: the database's own line says so
        return []
    return [Finding("model", State.WARNING, said, do) for said, do in told]


def _disk(root: Path, low: int) -> Finding:
    if not MediaStore(root).has_folders():
        return Finding(
            "media folder",
            State.BAD,
            f"{root} is empty: no photo is taken",
            f"Mount its disk. If its pictures are lost for good: mkdir {root / 'results'}, and start again.",
        )
    try:
        usage = shutil.disk_usage(root)
        probe = root / "temp" / f".doctor-{os.getpid()}"
        probe.touch()
        probe.unlink()
    except OSError as error:
        return Finding(
            "media folder", State.BAD, f"{error.strerror}", "Check the volume 'media' and its owner."
        )
    said = f"{usage.free / 1e9:.1f} GB of {usage.total / 1e9:.0f} GB free"
    do = "Make room on the dashboard, or: appliance free-space. Remove old backups, keep results for less."
    if usage.free < LOW_DISK_BYTES:
        return Finding("media folder", State.BAD, f"{said}: no photo is taken any more", do)
    tight = usage.free < low
    return Finding("media folder", State.WARNING if tight else State.OK, said, do if tight else "")


def _backup_age(folder: Path | None) -> Finding:
    found = backup.newest(folder) if folder and folder.is_dir() else None
    if found is None:
        return Finding("backup", State.WARNING, "there is none yet", "Make one: scripts/backup")
    hours = (time.time() - found.stat().st_mtime) / 3600
    said = f"{found.name}, {hours:.0f} hours old"
    if hours > _BACKUP_HOURS:
        return Finding("backup", State.WARNING, said, "Make one: scripts/backup. Is the cleanup running?")
    return Finding("backup", State.OK, said)


def _sealed(passphrase: BackupPassphrase) -> Finding:
    try:
        there = passphrase.read() is not None
    except OSError as error:
        return Finding(
            "passphrase", State.BAD, f"cannot be read: {error.strerror}", "Check the file's owner."
        )
    if there:
        return Finding("passphrase", State.OK, "backups are sealed")
    said = "there is none: backups are readable, and hold no passwords and keys"
    return Finding("passphrase", State.WARNING, said, "Make one: appliance make-backup-passphrase")


def _certificate(front: Path) -> list[Finding]:
    file = front / "tls" / CERTIFICATE
    if not file.exists():
        return []
    left = days_left(file)
    said = f"ends in {left:.0f} days" if left > 0 else f"ended {-left:.0f} days ago"
    if left < _CERTIFICATE_DAYS:
        do = "Make another: scripts/make-certificate; or put your own renewed one into compose/site/tls."
        return [Finding("certificate", State.BAD if left < 1 else State.WARNING, said, do)]
    return [Finding("certificate", State.OK, said)]


def page(findings: Sequence[Finding]) -> str:
    """The page, in colours on a terminal."""
    colours = {State.OK: "32", State.WARNING: "33", State.BAD: "31"} if sys.stdout.isatty() else {}
    signs = {State.OK: "ok  ", State.WARNING: "look", State.BAD: "BAD "}
    lines = []
    for each in findings:
        sign = signs[each.state]
        sign = f"\033[{colours[each.state]}m{sign}\033[0m" if colours else sign
        lines.append(f"{sign}  {each.what:<22}{each.said}")
        if each.do:
            lines.append(f"      {'':<22}→ {each.do}")
    bad = sum(each.state is State.BAD for each in findings)
    return "\n".join([*lines, "", "All is well." if not bad else f"{bad} of {len(findings)} need you now."])


def as_json(findings: Sequence[Finding]) -> str:
    """The same for programs."""
    return json.dumps([asdict(each) for each in findings], indent=2)
