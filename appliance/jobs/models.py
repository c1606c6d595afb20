"""The history of jobs: one row a photo, ``pending → done | timeout | failed``."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, SmallInteger, String, func, text
from sqlalchemy.orm import Mapped, mapped_column

from appliance.core.db import Base
from appliance.core.images import JPEG
from appliance.providers.attempts import delivered, stored_attempts
from appliance.providers.routes import LOCAL

TIMEOUT_REASON = "T_sync_response_exceeded"
INTERRUPTED_REASON = "interrupted"
SAYS_SOMETHING = "request_fields <> '{}'::jsonb or query_fields <> '{}'::jsonb or upload_name <> ''"
HAS_SHA1 = "upload_sha1 <> ''"
IN_FLIGHT = "ix_job_history_in_flight"
_IS_IN_FLIGHT = "in_flight is not null and status = 'pending'"
UNDO_DELETE = timedelta(minutes=10)  # how long a deleted result can be restored


class JobStatus(StrEnum):
    """Where a job stands; all but ``pending`` are final, but where one was wrongly held to be interrupted."""

    PENDING = "pending"
    DONE = "done"
    TIMEOUT = "timeout"
    FAILED = "failed"


class JobHistory(Base):
    """One job. ``job_id`` is 122 random bits; ``result_key`` is relative to the media folder.

    ``request_fields`` and ``query_fields`` hold what the camera sent, the password never. ``booth`` is
    the network address it posted from; test runs and rows of versions before 0012 have none.
    ``deadline_at`` is when the answer was due: the row is opened only once a permit was free.
    ``node`` is the machine that works at it, where a site has several.
    No two pending rows have the same ``in_flight``: a photo that comes again is not begun again, by whichever
    process, before the first row is closed.
    ``timings`` are whole milliseconds by step. A hidden result has no public link and stands in no
    guests' gallery; a deleted one can be restored until cleanup removes its file. ``source_key`` is
    the guest's own photo, where the operator has photos kept. ``short_code`` is given when a guest's
    short link is first asked for; ``approved_at`` and ``rejected_at`` are an operator's taps for
    galleries and walls. ``exported_at``: an event's archive with this picture was sent whole.
    ``primary_route`` names the slot's primary route as it was set up, where this job showed how that is:
    it made a picture, or failed as ``primary_trouble`` says, and will not make the next one either.
    """

    __tablename__ = "job_history"

    job_id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=uuid.uuid4)
    slot_id: Mapped[str] = mapped_column(ForeignKey("slot.slot_id"))
    source: Mapped[str] = mapped_column(String(16), default="ingest", server_default="ingest")
    status: Mapped[str] = mapped_column(String(16), default=JobStatus.PENDING, server_default="pending")
    failure_reason: Mapped[str | None] = mapped_column(String(120))
    error: Mapped[dict[str, Any] | None]
    provider: Mapped[str] = mapped_column(String(32))
    operation: Mapped[str] = mapped_column(String(32))
    model: Mapped[str | None] = mapped_column(String(80))
    attempts: Mapped[list[Any]] = mapped_column(default=list, server_default="[]")
    timings: Mapped[dict[str, Any]] = mapped_column(default=dict, server_default="{}")
    request_fields: Mapped[dict[str, Any]] = mapped_column(default=dict, server_default="{}")
    query_fields: Mapped[dict[str, Any]] = mapped_column(default=dict, server_default="{}")
    upload_name: Mapped[str] = mapped_column(String(255), default="", server_default="")
    upload_type: Mapped[str] = mapped_column(String(32))
    upload_size: Mapped[int]
    upload_sha256: Mapped[str] = mapped_column(String(64))
    # No longer written or read; dropped once no version that writes it can run beside this one.
    upload_sha1: Mapped[str] = mapped_column(String(40), server_default="", deferred=True)
    idempotency_key: Mapped[str | None] = mapped_column(String(200))
    booth: Mapped[str | None] = mapped_column(String(64))
    in_flight: Mapped[str | None] = mapped_column(String(300))
    node: Mapped[int] = mapped_column(SmallInteger, default=1, server_default="1")
    deadline_seconds: Mapped[float]
    deadline_at: Mapped[datetime | None]
    result_key: Mapped[str | None] = mapped_column(String(120))
    result_type: Mapped[str | None] = mapped_column(String(32))
    result_size: Mapped[int | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    finished_at: Mapped[datetime | None]
    result_expires_at: Mapped[datetime | None]
    cleaned_at: Mapped[datetime | None]
    hidden_at: Mapped[datetime | None]
    deleted_at: Mapped[datetime | None]
    source_key: Mapped[str | None] = mapped_column(String(120))
    short_code: Mapped[str | None] = mapped_column(String(12))
    approved_at: Mapped[datetime | None]
    rejected_at: Mapped[datetime | None]
    exported_at: Mapped[datetime | None]
    primary_route: Mapped[str | None] = mapped_column(String(32))
    primary_trouble: Mapped[dict[str, Any] | None]

    @property
    def media_type(self) -> str:
        """The picture's type."""
        return self.result_type or JPEG.media_type

    @property
    def by_ai(self) -> bool:
        """Whether a provider's model made the picture, and not this machine's own looks.

        What a crash left is not known to the row: such a picture counts as one of the primary route.
        """
        attempt = delivered(stored_attempts(self.attempts))
        return attempt.by_ai if attempt else self.provider != LOCAL

    __table_args__ = (
        CheckConstraint("status in ('pending', 'done', 'timeout', 'failed')", name="status"),
        CheckConstraint("source in ('ingest', 'test')", name="source"),
        CheckConstraint(
            "status <> 'done' or (result_key is not null and result_expires_at is not null)",
            name="done_has_result",
        ),
        Index("ix_job_history_slot_id_created_at", "slot_id", text("created_at desc")),
        Index("ix_job_history_created_at", text("created_at desc")),
        Index("ix_job_history_finished_at", "finished_at", postgresql_where=text("finished_at is not null")),
        Index("ix_job_history_pending", "created_at", postgresql_where=text("status = 'pending'")),
        Index(
            "ix_job_history_to_clean",
            "result_expires_at",
            postgresql_where=text("status = 'done' and cleaned_at is null"),
        ),
        Index(
            "ix_job_history_idempotency",
            "slot_id",
            "idempotency_key",
            postgresql_where=text("idempotency_key is not null"),
        ),
        Index(IN_FLIGHT, "in_flight", unique=True, postgresql_where=text(_IS_IN_FLIGHT)),
        Index("ix_job_history_same_photo", "slot_id", "upload_sha256"),
        Index(
            "ix_job_history_pictures",
            "slot_id",
            text("created_at desc"),
            postgresql_where=text("status = 'done'"),
        ),
        Index(
            "ix_job_history_trouble",
            text("created_at desc"),
            postgresql_where=text("status in ('failed', 'timeout')"),
        ),
        Index(
            "ix_job_history_shown",
            "slot_id",
            text("created_at desc"),
            postgresql_where=text(
                "status = 'done' and cleaned_at is null and deleted_at is null and hidden_at is null"
            ),
        ),
        Index(
            "ix_job_history_newest_shown",
            text("created_at desc"),
            text("job_id desc"),
            postgresql_where=text(
                "status = 'done' and cleaned_at is null and deleted_at is null and hidden_at is null"
            ),
        ),
        Index(
            "ix_job_history_failed",
            "status",
            text("created_at desc"),
            text("job_id desc"),
            postgresql_where=text("status in ('failed', 'timeout')"),
        ),
        Index(
            "ix_job_history_removed",
            text("created_at desc"),
            text("job_id desc"),
            postgresql_where=text("deleted_at is not null"),
        ),
        Index(
            "ix_job_history_deleted",
            "deleted_at",
            postgresql_where=text("deleted_at is not null and cleaned_at is null"),
        ),
        Index(
            "ix_job_history_primary",
            "slot_id",
            text("created_at desc"),
            postgresql_where=text("primary_route is not null"),
        ),
        Index("ix_job_history_sources", "created_at", postgresql_where=text("source_key is not null")),
        Index("ix_job_history_says_something", "created_at", postgresql_where=text(SAYS_SOMETHING)),
        Index("ix_job_history_sha1", "created_at", postgresql_where=text(HAS_SHA1)),
        Index(
            "ix_job_history_short_code",
            "short_code",
            unique=True,
            postgresql_where=text("short_code is not null"),
        ),
    )


# When a picture's time is over, for questions that read a few rows in another order. Written so that
# PostgreSQL does not look for them by this: it thinks that few pictures are still there, while most of those
# that are not cleaned up are, and it would sort all of them (19 ms for 9,700, 0.2 so; 2026-11-27).
EXPIRES_AT = JobHistory.result_expires_at + timedelta(0)
