"""The jobs page: every photo's outcome, why, and what to do."""

from __future__ import annotations

import uuid
from typing import Any

from fastapi import APIRouter, Response

from appliance.admin.dashboard.cards import Dashboard
from appliance.admin.headers import MOUNT
from appliance.admin.jobs.view import WIDTH, advice_text, attempts_chart, timings_chart
from appliance.admin.listing import Listing, instant
from appliance.admin.naming import named
from appliance.admin.render import page, part
from appliance.admin.security import MayReadJobs, MayTestSlots, PageContext
from appliance.core.errors import ValidationFailed
from appliance.core.public_base import base_urls_of
from appliance.jobs.models import JobStatus
from appliance.slots.schemas import SLOT_IDS, number_of
from appliance.staff.jobs.search import JobFilter
from appliance.staff.jobs.service import JobService
from appliance.staff.trials.service import Trials

router = APIRouter(prefix="/jobs")

PAGE = f"{MOUNT}/jobs"
LISTING = Listing(PAGE, "jobs.html", "_job_list.html", "_job_rows.html")
A_PAGE = 40
STATUSES = tuple(str(status) for status in JobStatus)
SOURCES = ("ingest", "test")


@router.get("")
async def jobs_page(
    context: MayReadJobs,
    slot: str = "",
    status: str = "",
    source: str = "",
    since: str = "",
    until: str = "",
    q: str = "",
    cursor: str = "",
) -> Response:
    """The page; for HTMX the list alone, or the next jobs behind ``cursor``."""
    wanted = JobFilter(
        slot=slot if slot in SLOT_IDS else None,
        status=JobStatus(status) if status in STATUSES else None,
        source=source if source in SOURCES else None,
        since=instant(since),
        until=instant(until),
        job_id=q.strip()[:36] or None,
    )
    given = {"slot": slot, "status": status, "source": source, "since": since, "until": until, "q": q.strip()}
    chosen = {name: value for name, value in given.items() if value}
    try:
        found = await context.service(JobService).page(wanted, limit=A_PAGE, cursor=cursor or None)
        jobs, next_cursor, wrong = found.jobs, found.next_cursor, None
    except ValidationFailed:
        jobs, next_cursor, wrong = [], None, "q"
    choices = {"slots": SLOT_IDS, "statuses": STATUSES, "sources": SOURCES}
    shown = {"jobs": jobs, "wrong": wrong, **choices, **await _shared(context)}
    return LISTING.answer(context, chosen, cursor, next_cursor, **shown)


@router.get("/{job_id}")
async def job_page(job_id: str, context: MayReadJobs) -> Response:
    """One job; for HTMX its facts alone, as they are now."""
    job = await context.service(JobService).get(job_id, context.person)
    values: dict[str, Any] = {
        "job": job,
        "chart": attempts_chart(job),
        "steps": timings_chart(job),
        "width": WIDTH,
        "may_test": context.may("slots:test"),
        "may_see": context.may("results:read"),
        **await _shared(context),
    }
    if context.is_htmx:
        return part(context, "_job.html", **values)
    return page(context, "job.html", **values)


@router.post("/{job_id}/run-again")
async def run_again(job_id: uuid.UUID, context: MayTestSlots) -> Response:
    """A new job with the same photo and the slot as it is now; then its page."""
    trials, way = context.service(Trials), base_urls_of(context.request)
    trial = await trials.run_again(str(job_id), context.request.state.arrived, way, context.person)
    return context.redirect(f"{PAGE}/{trial.job.job_id}", "job_runs_again")


async def _shared(context: PageContext) -> dict[str, Any]:
    return {
        "names": await context.service(Dashboard).names(),
        "advice_text": lambda job: advice_text(context.language, job),
        "number_of": number_of,
        "named": lambda kind, name: named(context.language, kind, name),
    }
