"""Jobs as operators see them."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from appliance.accounts.permissions import Principal
from appliance.core.clock import utcnow
from appliance.core.db import Database
from appliance.core.errors import JobNotFound
from appliance.core.language import languages
from appliance.core.validation import as_far_as_known
from appliance.jobs import links
from appliance.jobs.models import JobHistory
from appliance.jobs.repository import JobRepository
from appliance.providers.attempts import Outcome
from appliance.providers.routes import LOCAL
from appliance.staff.jobs.advice import advice
from appliance.staff.jobs.progress import JobProgress
from appliance.staff.jobs.schemas import (
    AdviceText,
    AdviceView,
    AttemptView,
    CostView,
    JobList,
    JobSummary,
    JobView,
    ProgressView,
    ResultView,
    UploadView,
)
from appliance.staff.jobs.search import JobFilter, find_jobs, result_state


class JobService:
    """Reads the history of jobs."""

    def __init__(self, database: Database, progress: JobProgress) -> None:
        self._database = database
        self._progress = progress

    async def page(self, wanted: JobFilter, *, limit: int = 50, cursor: str | None = None) -> JobList:
        """The jobs that fit, the newest first; raises ``ValidationFailed`` for a broken filter or cursor."""
        async with self._database.session() as session:
            page = await find_jobs(session, wanted, limit=limit, cursor=cursor)
        now = utcnow()
        return JobList(
            jobs=[JobSummary.from_object(job, **_summary_of(job, now)) for job in page.jobs],
            next_cursor=page.next_cursor,
        )

    async def get(self, job_id: str, who: Principal) -> JobView:
        """One job; what the guest typed is only for those who may see results.

        Raises ``JobNotFound``.
        """
        async with self._database.session() as session:
            job = await known_job(JobRepository(session), job_id)
        progress = await self._progress.get(job.job_id) if job.status == "pending" else []
        return view_of(job, utcnow(), with_fields=who.may("results:read"), progress=progress)


async def known_job(jobs: JobRepository, job_id: str) -> JobHistory:
    """The job with this id; raises ``JobNotFound``, also for what is no id at all."""
    try:
        wanted = uuid.UUID(job_id)
    except ValueError:
        raise JobNotFound from None
    job = await jobs.get(wanted)
    if job is None:
        raise JobNotFound
    return job


def result_view(job: JobHistory, now: datetime) -> ResultView | None:
    """A job's picture; ``None`` where there never was one."""
    state = result_state(job, now)
    if state is None:
        return None
    return ResultView(
        state=state,
        type=job.result_type or "",
        size=job.result_size or 0,
        expires_at=job.result_expires_at or now,
        deleted_at=job.deleted_at,
        public_url=links.public_path(job.job_id),
        preview_url=links.preview_path(job.job_id),
        download_url=links.download_path(job.job_id),
    )


def advice_view(
    reason: str | None, provider_reason: str | None, kind: str | None = None
) -> AdviceView | None:
    """The reason in plain words, in every language of the admin pages."""
    told = {code: advice(reason, provider_reason, code, kind) for code in languages("staff")}
    texts = {code: AdviceText(what=one.what, do=one.do) for code, one in told.items() if one}
    place = next((one.place for one in told.values() if one), None)
    return AdviceView.model_validate({**texts, "place": place}) if texts else None


def provider_reason(job: JobHistory) -> str | None:
    """What the provider itself gave as its reason."""
    fields = (job.error or {}).get("fields") or {}
    return str(fields["provider"]) if "provider" in fields else None


def attempts_of(kept: Any) -> list[AttemptView]:
    """The attempts as a job's row keeps them, also of a row that another version or a hand wrote: one row
    must not spoil a list or an export. What cannot be read of an attempt is left out.
    """
    return [_attempt(one) for one in kept] if isinstance(kept, list) else []


def _attempt(kept: Any) -> AttemptView:
    try:
        return as_far_as_known(AttemptView, kept)[0]
    except (TypeError, ValueError):
        return AttemptView(provider="unknown", started_ms=0, outcome=Outcome.FAILED)


def cost_of(attempts: Iterable[AttemptView]) -> CostView:
    """What attempts cost together."""
    known: list[tuple[str, Decimal]] = []
    unknown = 0
    for one in attempts:
        if one.cost is not None:
            known.append((one.cost.currency, one.cost.amount))
        elif one.billed is not False:
            unknown += one.provider != LOCAL
    return CostView.of(known, unknown)


def _summary_of(job: JobHistory, now: datetime) -> dict[str, Any]:
    """The values of a ``JobSummary`` that do not stand in the job's row."""
    attempts = attempts_of(job.attempts)
    route = next((one for one in attempts if one.outcome == Outcome.DELIVERED), job)
    reason = provider_reason(job)
    kind = next((one.kind for one in attempts if one.reason == reason), None)
    return {
        "provider_reason": reason,
        "advice": advice_view(job.failure_reason, reason, kind),
        "provider": route.provider,
        "operation": route.operation,
        "model": route.model,
        "elapsed_ms": elapsed_ms(job, now),
        "result": result_view(job, now),
        "cost": cost_of(attempts),
        "source_kept": job.source_key is not None,
    }


def elapsed_ms(job: JobHistory, now: datetime) -> int:
    """How long the job took, or has been running, since the request's first byte."""
    if "total" in job.timings:
        return int(job.timings["total"])
    running = (job.finished_at or now) - job.created_at
    return max(0, round(running.total_seconds() * 1000)) + int(job.timings.get("receive", 0))


def view_of(
    job: JobHistory, now: datetime, *, with_fields: bool, progress: Sequence[ProgressView]
) -> JobView:
    """One job with all that is known of it."""
    kept = links.source_path(job.job_id) if job.source_key else None
    return JobView.from_object(
        job,
        **_summary_of(job, now),
        upload=UploadView(
            name=job.upload_name if with_fields else None,
            type=job.upload_type,
            size=job.upload_size,
            source_url=kept,
        ),
        attempts=attempts_of(job.attempts),
        progress=list(progress),
        request_fields=job.request_fields if with_fields else None,
        query_fields=job.query_fields if with_fields else None,
    )
