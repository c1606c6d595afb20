"""Booths that used to post tonight and are silent, and those whose photos are refused at the door."""

from __future__ import annotations

from datetime import timedelta
from itertools import takewhile

from sqlalchemy import text

from appliance.core.clock import utcnow
from appliance.core.db import Database
from appliance.ingest.booth_requests.log import Booth
from appliance.ingest.booth_requests.records import BoothRequest
from appliance.slots.schemas import SLOT_IDS
from appliance.staff.booths.everywhere import AllBooths
from appliance.staff.booths.findings import findings
from appliance.staff.issues.findings import AT_ONCE, Action, Finding, Source

_LATELY = timedelta(minutes=20)  # after which a booth counts as silent
# The next photo may be another: a few in a row are no accident. What is wrong with an address or a key is
# wrong with the next photo, too. Of a wrong password another issue tells.
_OF_THE_PHOTO = {"damaged", "not_an_image", "payload_too_large", "image_too_many_pixels"} | {
    "unsupported_media_type",
    "invalid_multipart",
}
_OF_THE_BOOTH = {"slot_not_found", "not_found", "slot_disabled", "invalid_booth_key", "missing_field"} | {
    "validation_failed",
    "method_not_allowed",
}
_FEW = 3

# Silent: for twenty minutes, and six times as long as its photos were apart. After two hours it is gone.
_SILENT = text("""
with posted as (
    select booth, count(*) as photos, min(created_at) as first, max(created_at) as last,
           array_agg(distinct slot_id) as slots
    from job_history
    where created_at between now() - interval '5 hours' and now() and source = 'ingest' and booth is not null
    group by booth having count(*) >= 8
)
select booth, photos, last, slots from posted
where last < now() - greatest(interval '20 minutes', 6 * (last - first) / (photos - 1))
  and last > now() - interval '2 hours'
order by booth limit 20
""")


def booths_source(database: Database, booths: AllBooths) -> Source:
    """Looks at the photos of the last hours, and at the last requests."""

    async def look() -> list[Finding]:
        async with database.session() as session:
            rows = (await session.execute(_SILENT)).all()
        refused = [one for booth in await booths.booths() if (one := _refused(booth)) is not None]
        return refused + [
            Finding(
                "booth.silent",
                "should_know",
                {"booth": row.booth, "photos": row.photos},
                tuple(row.slots),
                Action("open_jobs", href="/admin/jobs"),
                row.last,
                AT_ONCE,
                own_key=f"booth.silent.{row.booth}",
            )
            for row in rows
        ]

    return Source("booths", ("booth.silent", "booth.refused"), look, every=5.0)


def _refused(booth: Booth) -> Finding | None:
    """That a booth which is one of ours gets no pictures, and why; ``None`` for strangers."""
    newest = booth.requests[0]
    in_a_row = list(takewhile(_was_refused, booth.requests))
    enough = newest.code in _OF_THE_BOOTH or len(in_a_row) >= _FEW
    if not (booth.known and in_a_row and enough) or newest.is_test or utcnow() - newest.at > _LATELY:
        return None
    why = findings(newest)[0]
    used = (one.slot_id for one in booth.requests if one.slot_id in SLOT_IDS)
    said = {
        "booth": booth.name or booth.address,  # what it calls itself may be what a guest typed
        "finding": why.name,
        "values": dict(why.values),
    }
    return Finding(
        "booth.refused",
        "stops_photos",
        said,
        tuple(used)[:1],
        Action("open_booths", href="/admin/booths"),
        in_a_row[-1].at,
        AT_ONCE,
        own_key=f"booth.refused.{booth.id}",
    )


def _was_refused(one: BoothRequest) -> bool:
    return one.code in _OF_THE_PHOTO | _OF_THE_BOOTH
