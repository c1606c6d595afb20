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
from appliance.core.files import LOW_DISK_BYTES
from appliance.guests.tokens import GuestTokens
from appliance.lifecycle.backup import tables
from appliance.lifecycle.backup import write as backup
from appliance.lifecycle.doctor import local_http
from appliance.lifecycle.doctor import network as doctor_network
from appliance.lifecycle.doctor.findings import Finding, State
from appliance.lifecycle.doctor.network import Use
from appliance.lifecycle.stack.certificates import CERTIFICATE, days_left
from appliance.media.store import MediaStore
from appliance.migrations import runner
from appliance.providers.catalogue.files import installed
from appliance.providers.keys import KeyFiles
from appliance.providers.registry import DEFAULT_URLS, ProviderRegistry
from appliance.providers.stored_keys import AllKeys, StoredKeys
from appliance.settings.environment import Settings
from appliance.settings.operator import AppSettingsRepository, OperatorSettings
from appliance.staff.issues.repository import IssueRepository
from appliance.staff.issues.sources.backups import BACKUP_AGE
from appliance.staff.issues.sources.certificate import CERTIFICATE_DAYS
from appliance.staff.issues.words import issue_words

# Of these the page has lines of its own, which say how it is now, whether or not the app runs.
_LOOKED_AT = {
    *(
        "disk.away",
        "disk.read_only",
        "disk.full",
        "disk.low",
        "database.away",
        "jobs.stuck",
        "backup.old",
        "backup.missing",
    ),
    *("certificate.ending", "clock.wrong", "address.wrong", "key.missing"),
}


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
            *await _network(settings, operator, used, await _stored(settings, database, reached)),
            *(await _issues(database) if reached.state is not State.BAD else []),
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
    settings: Settings, operator: OperatorSettings, used: dict[str, Use], stored: StoredKeys
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


async def _operator(database: Database) -> tuple[OperatorSettings, dict[str, Use]]:
    """The settings in force, and which providers active slots use."""
    async with database.session() as session:
        rows = await session.execute(
            text(
                "select provider, count(*) as slots, count(*) filter (where fallbacks = '[]') as alone "
                "from slot where active group by provider"
            )
        )
        used = {str(row.provider): Use(row.slots, row.alone) for row in rows}
        return await AppSettingsRepository(session).operator_settings(), used


def _files(settings: Settings, operator: OperatorSettings, front: Path) -> list[Finding]:
    disk = _disk(settings.media_root, operator.low_disk_bytes)
    return [disk, _backup_age(settings.backup_dir), *_certificate(front)]


async def _issues(database: Database) -> list[Finding]:
    """What the running appliance knows of, as far as no line above has looked at it just now."""
    try:
        async with database.session() as session:
            found = await IssueRepository(session).open_issues()
    except ProgrammingError:  # tables of an older version: the database's own line says so
        return []
    lines = []
    for issue in found:
        if issue.code not in _LOOKED_AT:
            words = issue_words(issue, "en")
            stops = issue.severity == "stops_photos" and not issue.is_ignored
            state = State.BAD if stops else State.WARNING
            lines.append(Finding(issue.code, state, words.title, words.meaning))
    return lines


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
    if hours > BACKUP_AGE.total_seconds() / 3600:
        return Finding("backup", State.WARNING, said, "Make one: scripts/backup. Is the cleanup running?")
    return Finding("backup", State.OK, said)


def _certificate(front: Path) -> list[Finding]:
    file = front / "tls" / CERTIFICATE
    if not file.exists():
        return []
    left = days_left(file)
    said = f"ends in {left:.0f} days" if left > 0 else f"ended {-left:.0f} days ago"
    if left < CERTIFICATE_DAYS:
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
