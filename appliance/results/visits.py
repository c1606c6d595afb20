"""A visit: the pictures that one guest, or one group, took in a row, as the booth marks them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from appliance.core.app_settings import AppSettingsRepository, OperatorSettings
from appliance.core.clock import utcnow
from appliance.core.db import Database
from appliance.core.errors import ResultNotFound
from appliance.jobs.models import JobHistory
from appliance.results.repository import ResultRepository
from appliance.results.tokens import GuestTokens, Visit

SPAN = timedelta(hours=12)  # booths count anew: the same mark on another day is another visit


@dataclass(frozen=True, slots=True)
class VisitPictures:
    """The pictures of a visit that are there now, the first one first."""

    jobs: Sequence[JobHistory]
    settings: OperatorSettings


class Visits:
    """Finds the pictures of a visit."""

    def __init__(self, database: Database, tokens: GuestTokens) -> None:
        self._database = database
        self._tokens = tokens

    async def of_job(self, job: JobHistory, field: str) -> tuple[str, int] | None:
        """The token of a job's visit and how many pictures it has; ``None`` if it is the only one."""
        value = str(job.request_fields.get(field) or job.query_fields.get(field) or "") if field else ""
        if not value:
            return None
        async with self._database.session() as session:
            jobs = await ResultRepository(session).of_visit(field, value, job.created_at, SPAN, utcnow())
        if len(jobs) < 2:
            return None
        return self._tokens.visit(Visit(field, value, jobs[0].created_at)), len(jobs)

    async def pictures(self, token: str) -> VisitPictures:
        """The pictures of a visit; raises ``ResultNotFound`` for an unknown token or when all have gone."""
        visit = self._tokens.read_visit(token)
        if visit is None:
            raise ResultNotFound
        async with self._database.session() as session:
            jobs = await ResultRepository(session).of_visit(
                visit.field, visit.value, visit.since, SPAN, utcnow()
            )
            settings = await AppSettingsRepository(session).operator_settings()
        if not jobs:
            raise ResultNotFound
        return VisitPictures(jobs, settings)
