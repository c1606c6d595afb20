"""What each source sees in the tables."""

from __future__ import annotations

import uuid
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import text

from appliance.core.clock import utcnow
from appliance.core.db import Database
from appliance.core.secrets import BackupPassphrase
from appliance.core.siblings import ALONE
from appliance.ingest.booth_requests.log import BoothRequests
from appliance.ingest.booth_requests.retention import BoothRequestRetention
from appliance.jobs.tally import forget_start, note_start, note_success
from appliance.staff.booths.everywhere import AllBooths
from appliance.staff.issues.findings import Finding, Source
from appliance.staff.issues.sources.backups import backups_source
from appliance.staff.issues.sources.booths import booths_source
from appliance.staff.issues.sources.database import database_source
from appliance.staff.issues.sources.passwords import passwords_source
from appliance.staff.issues.sources.process import process_source

BOOTH = "192.168.1.31"


async def run(database: Database, sql: str, **values: Any) -> None:
    async with database.session() as session:
        await session.execute(text(sql), values)


async def photo(database: Database, minutes_ago: float, status: str = "failed") -> None:
    """A photo of slot-001 from the booth, so long ago."""
    await run(
        database,
        "insert into job_history (job_id, slot_id, provider, operation, source, status, created_at, booth, "
        "failure_reason, upload_type, upload_size, upload_sha256, deadline_seconds) values (:id, 'slot-001', "
        "'local', 'mono', 'ingest', :status, :at, :booth, :reason, 'image/jpeg', 1, repeat('a', 64), 48)",
        id=uuid.uuid4(),
        status=status,
        at=utcnow() - timedelta(minutes=minutes_ago),
        booth=BOOTH,
        reason=None if status == "pending" else "provider_refused",
    )


async def note(database: Database, action: str, minutes_ago: float, address: str = BOOTH) -> None:
    """A line of the audit log."""
    await run(
        database,
        "insert into audit_log (at, actor, action, address) values (:at, 'booth', :action, :address)",
        at=utcnow() - timedelta(minutes=minutes_ago),
        action=action,
        address=address,
    )


def no_booths(database: Database) -> AllBooths:
    """No request of any."""
    kept = BoothRequests()
    return AllBooths(kept, BoothRequestRetention(database, kept), ALONE)


async def found(source: Source) -> dict[str, Finding]:
    return {one.code: one for one in await source.look()}


async def slot_one(database: Database) -> None:
    await run(
        database,
        "insert into slot (slot_id, display_name, provider, operation, updated_by) "
        "values ('slot-001', 'One', 'local', 'mono', 'test')",
    )


async def test_backups_and_cleanup_are_missed_when_they_are_late(empty: Database, tmp_path: Path) -> None:
    passphrase = BackupPassphrase(tmp_path)
    passphrase.keep("correct horse battery staple")
    source = backups_source(empty, passphrase)
    assert await found(source) == {}  # just installed: nothing can be late
    await run(
        empty,
        "insert into account (username, password_hash, role, permissions, created_at) "
        "values ('a', '', 'r', '{}', now() - interval '40 hours')",
    )
    assert (await found(source)).keys() == {"backup.missing", "cleanup.silent"}
    async with empty.session() as session:
        await note_success(session, "backup")
        await note_success(session, "cleanup")
    assert await found(source) == {}
    await run(empty, "update metric set value = value - 37 * 3600 where labels->>'task' = 'backup'")
    late = await found(source)
    assert late.keys() == {"backup.old"}
    assert late["backup.old"].parameters == {"age_seconds": 37 * 3600}
    passphrase.path.unlink()
    assert (await found(source)).keys() == {"backup.old", "backup.unsealed"}


async def test_a_backup_and_a_cleanup_from_a_time_to_come_hide_none_that_is_missing(
    empty: Database, tmp_path: Path
) -> None:
    passphrase = BackupPassphrase(tmp_path)
    passphrase.keep("correct horse battery staple")
    async with empty.session() as session:
        await note_success(session, "backup")
        await note_success(session, "cleanup")
    await run(empty, "update metric set value = value + 60 * 86400")
    late = await found(backups_source(empty, passphrase))
    assert late.keys() == {"backup.missing", "cleanup.silent"}
    assert {one.patience for one in late.values()} == {3600}  # the clock was set right: they follow by then


async def test_a_booth_that_posted_and_is_silent_is_missed_for_two_hours(empty: Database) -> None:
    await slot_one(empty)
    source = booths_source(empty, no_booths(empty))
    for number in range(8):
        await photo(empty, 30 + number)
    silent = (await found(source))["booth.silent"]
    assert (silent.parameters, silent.slots) == ({"booth": BOOTH, "photos": 8}, ("slot-001",))
    await photo(empty, 1)
    assert await found(source) == {}
    await run(empty, "update job_history set created_at = created_at - interval '2 hours'")
    assert await found(source) == {}


async def test_a_booth_that_always_posts_seldom_is_not_missed_so_soon(empty: Database) -> None:
    await slot_one(empty)
    for number in range(9):
        await photo(empty, 25 + 10 * number)
    assert await found(booths_source(empty, no_booths(empty))) == {}


async def test_a_booth_with_a_wrong_password_is_told_of_at_its_first_one(empty: Database) -> None:
    await run(
        empty, "insert into app_settings (key, value, updated_by) values ('ingest_password', '{}', 'x')"
    )
    await slot_one(empty)
    source = passwords_source(empty)
    await note(empty, "ingest_password.refused", 3)
    assert await found(source) == {}  # of an address that never posted one may be a slip
    await photo(empty, 60)
    wrong = (await found(source))["password.ingest_wrong"]
    assert (wrong.severity, wrong.parameters) == ("stops_photos", {"address": BOOTH})
    assert (wrong.slots, wrong.action and wrong.action.href) == (("slot-001",), "/admin/booths")
    await photo(empty, 1)  # it has the right one by now
    assert await found(source) == {}
    await run(empty, "update job_history set created_at = created_at - interval '10 minutes'")
    assert (await found(source)).keys() == {"password.ingest_wrong"}
    await run(empty, "update audit_log set at = at - interval '20 minutes'")
    assert await found(source) == {}


async def test_many_refused_log_ins_and_a_missing_ingest_password_are_told(empty: Database) -> None:
    source = passwords_source(empty)
    assert (await found(source)).keys() == {"password.missing"}
    for number in range(15):
        await note(empty, "login.refused", 1, f"10.0.0.{number % 3}")
    assert (await found(source))["password.login_wrong"].parameters == {"tries": 15, "addresses": 3}


async def test_photos_that_stay_pending_are_told(empty: Database) -> None:
    await slot_one(empty)
    await photo(empty, 1, "pending")
    assert await found(database_source(empty)) == {}
    await photo(empty, 6, "pending")
    stuck = (await found(database_source(empty)))["jobs.stuck"]
    assert (stuck.parameters, stuck.slots) == ({"photos": 1}, ("slot-001",))


async def test_a_database_that_is_away_stops_photos(empty: Database) -> None:
    away = Database(empty.engine.url.set(port=1))
    try:
        assert (await found(database_source(away)))["database.away"].severity == "stops_photos"
    finally:
        await away.aclose()


async def test_the_fourth_start_within_half_an_hour_is_told(empty: Database, tmp_path: Path) -> None:
    nowhere = (tmp_path / "group", tmp_path / "meminfo")
    source = process_source(empty, *nowhere)
    async with empty.session() as session:
        for _ in range(3):
            await note_start(session)
    assert await found(source) == {}
    async with empty.session() as session:
        note = await note_start(session)
    assert (await found(source))["app.restarts"].parameters["starts"] == 4
    async with empty.session() as session:
        await forget_start(session, note)
    assert await found(source) == {}
