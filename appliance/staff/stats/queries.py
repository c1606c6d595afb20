"""What the history of jobs says about each slot, in one question that only touches indexes' ends."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

NEWEST = 3  # guests' jobs that all failed make a slot count as failing; all by fallbacks, as on its fallback

# Photos of a time to come were taken while the clock was ahead: they say nothing of how it is now.
# The last hour comes from the index on created_at; picture and newest jobs are the first entries of
# the indexes on (slot_id, created_at desc), however long the history is. Test runs count nowhere.
# ``is true`` keeps PostgreSQL from the index on result_expires_at, which has every picture that is there.
SLOT_FIGURES = text("""
with hour as (
    select slot_id,
           count(*) as total,
           count(*) filter (where status = 'done') as done,
           count(*) filter (where created_at > now() - interval '10 minutes') as lately,
           percentile_cont(0.5) within group (order by (timings->>'total')::double precision)
               filter (where status = 'done') as median_ms
    from job_history
    where created_at between now() - interval '1 hour' and now() and source = 'ingest' and status <> 'pending'
    group by slot_id
)
select slot.slot_id, coalesce(hour.total, 0) as total, coalesce(hour.done, 0) as done,
       coalesce(hour.lately, 0) as lately, hour.median_ms,
       picture.job_id as picture, newest.jobs as newest, first.job_id as first_job,
       first.primary_route, first.primary_trouble, first.created_at as first_at
from slot
left join hour using (slot_id)
left join lateral (
    select job_id from job_history
    where slot_id = slot.slot_id and status = 'done' and source = 'ingest'
      and cleaned_at is null and deleted_at is null and hidden_at is null
      and (result_expires_at > now()) is true and created_at between now() - interval '90 days' and now()
    order by created_at desc limit 1
) picture on true
left join lateral (
    select jsonb_agg(to_jsonb(one) order by one.created_at desc) as jobs
    from (
        select job_id, status, failure_reason, error->'fields'->>'provider' as provider_reason, created_at,
               case when created_at > slot.updated_at and jsonb_path_exists(
                   attempts, '$[*] ? (@.outcome == "delivered" && @.primary == false)'
               ) then jsonb_path_query_first(
                   attempts, '$[*] ? (@.primary == true
                       && (@.outcome == "failed" || @.outcome == "too_slow" || @.outcome == "skipped"))'
               ) end as first_failure,
               jsonb_path_query_first(
                   attempts, '$[*] ? (@.reason == $reason).kind',
                   jsonb_build_object('reason', error->'fields'->'provider')
               ) #>> '{}' as provider_kind
        from job_history
        where slot_id = slot.slot_id and source = 'ingest' and status <> 'pending'
          and created_at between now() - interval '1 hour' and now()
        order by created_at desc limit :newest
    ) one
) newest on true
left join lateral (
    select job_id, primary_route, primary_trouble, created_at
    from job_history
    where slot_id = slot.slot_id and primary_route is not null and created_at <= now()
    order by created_at desc limit 1
) first on true
order by slot.slot_id
""")


@dataclass(frozen=True, slots=True)
class FailedJob:
    """A guest's job that failed."""

    job_id: uuid.UUID
    reason: str
    provider_reason: str | None
    provider_kind: str | None
    at: datetime


@dataclass(frozen=True, slots=True)
class Trouble:
    """The primary route failed at the newest job that tells of it, and will fail again.

    ``route`` is the digest of the route as it was set up then; ``key`` the end of the key it had.
    """

    job_id: uuid.UUID
    at: datetime
    route: str
    kind: str
    reason: str
    key: str | None


@dataclass(frozen=True, slots=True)
class StoodIn:
    """A fallback delivered this guest's job and the few before it: why the primary route did not."""

    job_id: uuid.UUID
    reason: str
    kind: str | None
    at: datetime


@dataclass(frozen=True, slots=True)
class SlotFigures:
    """One slot's last hour. ``picture`` is the job of the newest picture that guests can see.

    ``failure`` is the newest job if that failed; ``failing``: so did the few before it. ``trouble``: the
    primary route makes no pictures until somebody does something. ``proven``: the digest of the primary
    route that made a picture after the newest of these jobs, as in a test.
    """

    total: int = 0
    done: int = 0
    lately: int = 0
    median_ms: int | None = None
    picture: uuid.UUID | None = None
    failure: FailedJob | None = None
    failing: bool = False
    trouble: Trouble | None = None
    stood_in: StoodIn | None = None
    proven: str | None = None


async def slot_figures(session: AsyncSession) -> dict[str, SlotFigures]:
    """Every slot's figures by its id."""
    rows = await session.execute(SLOT_FIGURES, {"newest": NEWEST})
    return {row.slot_id: _figures(row) for row in rows}


def _figures(row: Any) -> SlotFigures:
    newest = row.newest or []
    failed = [job for job in newest if job["status"] != "done"]
    last = newest[0] if newest and newest[0]["status"] != "done" else None
    return SlotFigures(
        total=row.total,
        done=row.done,
        lately=row.lately,
        median_ms=None if row.median_ms is None else round(row.median_ms),
        picture=row.picture,
        failure=None if last is None else _failure(last),
        failing=len(failed) == NEWEST,
        trouble=_trouble(row) if row.primary_trouble else None,
        stood_in=_stood_in(newest),
        proven=row.primary_route if newest and _is_proven(row, newest[0]) else None,
    )


def _is_proven(row: Any, newest: dict[str, Any]) -> bool:
    since = datetime.fromisoformat(newest["created_at"])
    return row.first_at is not None and row.first_at > since and not row.primary_trouble


def _stood_in(newest: list[dict[str, Any]]) -> StoodIn | None:
    """Of the newest failures one that was not skipped says most."""
    failures = [(job, job["first_failure"]) for job in newest if job["first_failure"]]
    if len(failures) < NEWEST:
        return None
    job, failed = next((one for one in failures if one[1]["outcome"] != "skipped"), failures[0])
    reason = failed.get("detail" if failed["outcome"] == "skipped" else "reason")
    return StoodIn(
        uuid.UUID(job["job_id"]),
        reason or "too_slow",
        failed.get("kind"),
        datetime.fromisoformat(job["created_at"]),
    )


def _failure(job: dict[str, Any]) -> FailedJob:
    return FailedJob(
        uuid.UUID(job["job_id"]),
        job["failure_reason"] or "internal_error",
        job["provider_reason"],
        job["provider_kind"],
        datetime.fromisoformat(job["created_at"]),
    )


def _trouble(row: Any) -> Trouble:
    failed = row.primary_trouble
    return Trouble(
        job_id=row.first_job,
        at=row.first_at,
        route=row.primary_route,
        kind=failed["kind"],
        reason=failed["reason"],
        key=failed["key"],
    )
