"""The ingest password: none, or wrong ones from a booth; and guesses at log-in."""

from __future__ import annotations

from sqlalchemy import text

from appliance.core.db import Database
from appliance.settings.operator import INGEST_PASSWORD
from appliance.staff.issues.findings import AT_ONCE, Action, Finding, Source

_IS_SET = text("select exists(select 1 from app_settings where key = :key)")
# A wrong one is written down at most every ten minutes an address: of a booth that is known one is enough.
# Its next photo shows that it has the right one by now.
_INGEST = text("""
select note.address, known.slot_id
from (
    select address, count(*) as notes, max(at) as at from audit_log
    where at > now() - interval '25 minutes' and action = 'ingest_password.refused' group by address
) note
left join lateral (
    select slot_id, created_at from job_history
    where created_at > now() - interval '1 day' and booth = note.address and source = 'ingest'
    order by created_at desc limit 1
) known on true
where (note.notes > 1 or (known.slot_id is not null and note.at > now() - interval '12 minutes'))
  and (known.created_at > note.at) is not true
order by note.at desc limit 5
""")
_LOGIN = text("""
select count(*) as tries, count(distinct address) as addresses
from audit_log where at > now() - interval '10 minutes' and action in ('login.refused', 'login.throttled')
""")
_MANY = 15


def passwords_source(database: Database) -> Source:
    """Looks into the audit log."""

    async def look() -> list[Finding]:
        async with database.session() as session:
            is_set = await session.scalar(_IS_SET, {"key": INGEST_PASSWORD})
            wrong = (await session.execute(_INGEST)).all()
            logins = (await session.execute(_LOGIN)).one()
        found = []
        settings = Action("open_password", href="/admin/settings#password")
        if not is_set:
            found.append(Finding("password.missing", "stops_photos", {}, (), settings, None, AT_ONCE))
        found += [
            Finding(
                "password.ingest_wrong",
                "stops_photos" if one.slot_id else "should_know",
                {"address": one.address},
                (one.slot_id,) if one.slot_id else (),
                Action("open_booths", href="/admin/booths"),
                patience=AT_ONCE,
                own_key=f"password.ingest_wrong.{one.address}",
            )
            for one in wrong
        ]
        if logins.tries >= _MANY:
            parameters = {"tries": logins.tries, "addresses": logins.addresses}
            action = Action("open_audit", href="/admin/audit?action=login")
            found.append(Finding("password.login_wrong", "should_know", parameters, (), action))
        return found

    return Source(
        "passwords", ("password.missing", "password.ingest_wrong", "password.login_wrong"), look, every=5.0
    )
