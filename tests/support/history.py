"""A database with a long history of jobs, for questions of speed."""

from __future__ import annotations

import asyncio

import asyncpg
from sqlalchemy.engine import URL

from appliance.migrations.runner import upgrade

_SLOTS = """
insert into slot (slot_id, display_name, provider, operation, updated_by)
select 'slot-' || lpad(n::text, 3, '0'), 'Slot ' || n, 'local', 'glow', 'test' from generate_series(1, 15) n
on conflict do nothing
"""
# A month at one job every 26 seconds, the newest now; 3 % fail, 1 % are test runs.
_JOBS = """
insert into job_history (job_id, slot_id, source, status, failure_reason, provider, operation, timings,
    upload_type, upload_size, upload_sha256, deadline_seconds, result_key, result_type,
    result_size, created_at, finished_at, result_expires_at, primary_route)
select id, 'slot-' || lpad((n % 15 + 1)::text, 3, '0'),
    case when n % 100 = 7 then 'test' else 'ingest' end,
    case when n % 33 = 0 then 'failed' else 'done' end,
    case when n % 33 = 0 then 'provider_refused' end,
    'local', 'glow', jsonb_build_object('receive', 20, 'total', 800 + n % 4000),
    'image/jpeg', 500000, md5(n::text) || md5(n::text), 48,
    case when n % 33 <> 0 then 'results/' || id || '.jpg' end,
    case when n % 33 <> 0 then 'image/jpeg' end,
    case when n % 33 <> 0 then 600000 end,
    at, at + interval '3 s', case when n % 33 <> 0 then at + interval '72 h' end,
    case when n % 33 <> 0 then 'a route' end
from (select n, gen_random_uuid() as id, now() - n * interval '26 s' as at
      from generate_series(1, $1::int) n) made
"""


async def fill_history(url: URL, *, jobs: int, seconds: float = 120) -> None:
    """Make the tables of an empty database by the migrations, and fill them."""
    await asyncio.to_thread(upgrade, url)
    db = await asyncpg.connect(url.set(drivername="postgresql").render_as_string(hide_password=False))
    try:
        await db.execute(_SLOTS)
        await db.execute(_JOBS, jobs, timeout=seconds)
        await db.execute("analyze", timeout=seconds)
    finally:
        await db.close()
