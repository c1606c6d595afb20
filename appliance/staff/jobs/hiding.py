"""Results that guests are not to see: hidden, or deleted with ten minutes to think again."""

from __future__ import annotations

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from appliance.accounts.actions import AuditAction
from appliance.accounts.permissions import Principal
from appliance.accounts.repository import AccountRepository
from appliance.core.clock import utcnow
from appliance.core.db import Database
from appliance.core.errors import JobNotFound, ResultExpired, ResultNotFound
from appliance.core.language import Message
from appliance.jobs.models import UNDO_DELETE, JobHistory
from appliance.jobs.repository import JobRepository
from appliance.staff.jobs.schemas import ResultView
from appliance.staff.jobs.search import result_state
from appliance.staff.jobs.service import known_job, result_view

log = structlog.get_logger()


class PictureHiding:
    """Hides and deletes results; each step is one transaction and one line in the audit log.

    All of it can be repeated: what is hidden already stays hidden. Every method raises
    ``JobNotFound``, ``ResultNotFound`` for a job without a picture, and ``ResultExpired`` for a
    picture that is gone for good.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def hide(self, job_id: str, who: Principal) -> ResultView:
        """No public link and no guests' gallery shows it any more; operators still do."""
        async with self._database.session() as session:
            job = await _there(session, job_id)
            if job.hidden_at is None:
                job.hidden_at = utcnow()
                _note(session, job, who, "result.hidden")
            return _shown(job)

    async def unhide(self, job_id: str, who: Principal) -> ResultView:
        """Guests see it again."""
        async with self._database.session() as session:
            job = await _there(session, job_id)
            if job.hidden_at is not None:
                job.hidden_at = None
                _note(session, job, who, "result.unhidden")
            return _shown(job)

    async def delete(self, job_id: str, who: Principal) -> ResultView:
        """Its public link is dead at once; cleanup removes the files after ten minutes."""
        async with self._database.session() as session:
            job = await _there(session, job_id)
            if job.deleted_at is None:
                job.deleted_at = utcnow()
                _note(session, job, who, "result.deleted")
            return _shown(job)

    async def undelete(self, job_id: str, who: Principal) -> ResultView:
        """Have it back; ``ResultExpired`` also when the ten minutes are over."""
        async with self._database.session() as session:
            job = await _there(session, job_id)
            if job.deleted_at is not None:
                if utcnow() > job.deleted_at + UNDO_DELETE:
                    raise ResultExpired(Message("This picture was deleted too long ago to be restored."))
                job.deleted_at = None
                _note(session, job, who, "result.undeleted")
            return _shown(job)


async def _there(session: AsyncSession, job_id: str) -> JobHistory:
    """The locked row of a job whose picture is there, deleted or not."""
    jobs = JobRepository(session)
    job = await jobs.lock((await known_job(jobs, job_id)).job_id)
    if job is None:
        raise JobNotFound
    state = result_state(job, utcnow())
    if state is None:
        raise ResultNotFound(Message("This job has no picture."))
    if state == "expired" or job.cleaned_at is not None:
        raise ResultExpired
    return job


def _shown(job: JobHistory) -> ResultView:
    shown = result_view(job, utcnow())
    assert shown is not None  # noqa: S101 - it has a picture
    return shown


def _note(session: AsyncSession, job: JobHistory, who: Principal, action: AuditAction) -> None:
    AccountRepository(session).record_by(who, action, str(job.job_id), slot=job.slot_id)
    log.info(action, job=str(job.job_id), account=who.username)
