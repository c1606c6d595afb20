"""Sums over all photos that ever ended, for metrics: they outlive restarts and the history's retention.

What has ended is added up into the table ``metric`` by the cleanup, before old rows leave the history;
a reader adds the rows that came since. One statement reads both, so that nothing is counted twice.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import Float, String, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from appliance.core.clock import utcnow
from appliance.core.db import Base

# Seconds. Between 10 and 60 the edges lie where deadlines are usually set, and just before.
EDGES = (1, 2, 3, 5, 8, 10, 12, 15, 20, 25, 30, 35, 40, 45, 48, 50, 55, 60)
COUNTED_UNTIL = "jobs_counted_until"  # seconds since 1970; rows created before are in the sums
LAST_SUCCESS = "task_last_success"
STARTED = "app_started"
_SETTLED = timedelta(minutes=10)  # no row that is older can still be running: the longest deadline is 60 s
_STEP = timedelta(days=1)


class Metric(Base):
    """A sum or a moment that must outlive the process, by name and labels."""

    __tablename__ = "metric"

    name: Mapped[str] = mapped_column(String(60), primary_key=True)
    labels: Mapped[dict[str, Any]] = mapped_column(JSONB, primary_key=True)
    value: Mapped[float] = mapped_column(Float)


class LabelledCount(NamedTuple):
    """One sum: of ``photos``, say, with the labels slot, outcome and reason."""

    name: str
    labels: Mapping[str, str]
    value: float


# Guests' photos only. `bucket` is the number of edges at or above the value: 0 where it is beyond the last.
_SUMS = """
with job as materialized (
    select slot_id, status, coalesce(failure_reason, '') as reason, attempts, timings,
           (timings->>'total')::float8 / 1000 as seconds,
           deadline_seconds - (timings->>'total')::float8 / 1000 as headroom
    from job_history
    where source = 'ingest' and status <> 'pending' and created_at >= {since} and created_at < {until}
), attempt as materialized (
    select job.slot_id, job.status, coalesce(one->>'provider', '') as provider,
           coalesce(one->>'model', '') as model, coalesce(one->>'outcome', '') as outcome,
           one->>'currency' as currency, coalesce((one->>'primary')::bool, false) as is_primary,
           case when one->>'price' ~ '^\\d{{1,12}}(\\.\\d{{1,30}})?$'
                then (one->>'price')::float8 end as price
    from job cross join lateral jsonb_path_query(job.attempts, '$[*]') one
)
select 'photos' as name, jsonb_build_object('slot', slot_id, 'outcome', status, 'reason', reason) as labels,
       count(*)::float8 as value
from job group by slot_id, status, reason
union all
select 'photo_bucket',
       jsonb_build_object('slot', slot_id, 'bucket', width_bucket(-seconds, {edges})::text), count(*)
from job where seconds is not null group by slot_id, width_bucket(-seconds, {edges})
union all
select 'photo_seconds', jsonb_build_object('slot', slot_id), sum(seconds)
from job where seconds is not null group by slot_id
union all
select 'headroom_bucket',
       jsonb_build_object('slot', slot_id, 'bucket', width_bucket(-headroom, {edges})::text), count(*)
from job where status = 'done' and headroom is not null
       group by slot_id, width_bucket(-headroom, {edges})
union all
select 'headroom_seconds', jsonb_build_object('slot', slot_id), sum(headroom)
from job where status = 'done' and headroom is not null group by slot_id
union all
select 'step_seconds', jsonb_build_object('step', step.key), sum(step.value::float8) / 1000
from job cross join lateral jsonb_each_text(job.timings) step where step.key <> 'total' group by step.key
union all
select 'step_count', jsonb_build_object('step', step.key), count(*)
from job cross join lateral jsonb_each_text(job.timings) step where step.key <> 'total' group by step.key
union all
select 'requests', jsonb_build_object('provider', provider, 'model', model, 'outcome', outcome), count(*)
from attempt where provider <> 'local' group by provider, model, outcome
union all
select 'fallbacks', jsonb_build_object('slot', slot_id), count(*)
from attempt where outcome = 'delivered' and not is_primary group by slot_id
union all
select 'cost', jsonb_build_object('provider', provider, 'currency', currency), sum(price)
from attempt where price is not null and currency is not null group by provider, currency
"""


def _edges() -> str:
    """The edges from right to left, as negative numbers: at an edge `width_bucket` counts up, and a value
    that equals an edge belongs below it.
    """
    return "array[" + ", ".join(f"-{edge}" for edge in reversed(EDGES)) + "]::float8[]"


def _sums(since: str, until: str) -> str:
    return _SUMS.format(since=since, until=until, edges=_edges())


# What is put into these two is our own text.
_ALL = text(
    "select name, labels, sum(value) as value from ("  # noqa: S608
    " select name, labels, value from metric union all ("
    + _sums(
        "coalesce((select to_timestamp(value) from metric where name = 'jobs_counted_until'), '-infinity')",
        "'infinity'",
    )
    + ")) one group by name, labels order by name, labels::text"
)
_ADD = text(
    "insert into metric (name, labels, value)"  # noqa: S608
    " select name, labels, cast(:times as float8) * value from ("
    + _sums("cast(:since as timestamptz)", "cast(:until as timestamptz)")
    + ") one on conflict (name, labels) do update set value = metric.value + excluded.value"
)
_SET = text(
    "insert into metric (name, labels, value) values (:name, cast(:labels as jsonb), :value)"
    " on conflict (name, labels) do update set value = excluded.value"
)
_BOUNDS = text(
    "select (select to_timestamp(value) from metric where name = :name) as since,"
    " (select min(created_at) from job_history) as oldest,"
    " (select min(created_at) from job_history where status = 'pending') as pending"
)


async def all_sums(session: AsyncSession) -> list[LabelledCount]:
    """Every sum as it is now, and the moments that are kept beside them."""
    return [LabelledCount(*row) for row in await session.execute(_ALL)]


async def count_next(session: AsyncSession) -> bool:
    """Add the next day of ended photos to the sums; whether there is more to add.

    Only one process may do this at a time.
    """
    since, oldest, pending = (await session.execute(_BOUNDS, {"name": COUNTED_UNTIL})).one()
    now = utcnow().replace(microsecond=0)
    if since is not None and since > now:
        # Somebody counted while the clock was ahead. What was counted of the time to come is taken back, or
        # it would count twice, and photos from now on would not count at all.
        await session.execute(_ADD, {"since": now, "until": since, "times": -1})
        await session.execute(_SET, {"name": COUNTED_UNTIL, "labels": "{}", "value": now.timestamp()})
        return False
    begin: datetime | None = since or oldest
    end = min(filter(None, (now - _SETTLED, pending))).replace(microsecond=0)
    if begin is None or begin >= end:
        return False
    begin = begin.replace(microsecond=0)
    until = min(begin + _STEP, end)
    await session.execute(_ADD, {"since": begin, "until": until, "times": 1})
    await session.execute(_SET, {"name": COUNTED_UNTIL, "labels": "{}", "value": until.timestamp()})
    return bool(until < end)


async def note_success(session: AsyncSession, task: str) -> None:
    """Note that ``task`` (``cleanup`` or ``backup``) ended well just now."""
    said = {"name": LAST_SUCCESS, "labels": json.dumps({"task": task}), "value": utcnow().timestamp()}
    await session.execute(_SET, said)


async def note_start(session: AsyncSession) -> str:
    """Note that the program started just now; the name of the note."""
    now = utcnow()
    await session.execute(
        text("delete from metric where name = :name and value < :before"),
        {"name": STARTED, "before": (now - timedelta(days=1)).timestamp()},
    )
    said = {"name": STARTED, "labels": json.dumps({"at": now.isoformat()}), "value": now.timestamp()}
    await session.execute(_SET, said)
    return now.isoformat()


async def forget_start(session: AsyncSession, note: str) -> None:
    """Count this start no more: it ended because somebody wanted it to."""
    await session.execute(
        text("delete from metric where name = :name and labels->>'at' = :note"),
        {"name": STARTED, "note": note},
    )


async def count_starts(session: AsyncSession, within: timedelta) -> int:
    """How many starts were noted within that time."""
    now = utcnow()
    counted = await session.scalar(
        text("select count(*) from metric where name = :name and value > :since and value <= :now"),
        {"name": STARTED, "since": (now - within).timestamp(), "now": now.timestamp()},
    )
    return int(counted or 0)
