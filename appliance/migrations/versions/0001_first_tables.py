"""first tables"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "account",
        sa.Column("username", sa.String(length=64), nullable=False),
        sa.Column("password_hash", sa.String(length=100), nullable=False),
        sa.Column("role", sa.String(length=32), nullable=False),
        sa.Column("permissions", postgresql.ARRAY(sa.String(length=64)), nullable=False),
        sa.Column("must_change_password", sa.Boolean(), server_default="true", nullable=False),
        sa.Column("token_version", sa.Integer(), server_default="1", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("username", name=op.f("pk_account")),
    )
    op.create_table(
        "app_settings",
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("value", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.Column("updated_by", sa.String(length=64), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_app_settings")),
    )
    op.create_table(
        "audit_log",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("actor", sa.String(length=64), nullable=False),
        sa.Column("action", sa.String(length=64), nullable=False),
        sa.Column("subject", sa.String(length=120), server_default="", nullable=False),
        sa.Column(
            "detail",
            postgresql.JSONB(none_as_null=True, astext_type=sa.Text()),
            server_default="{}",
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_log")),
    )
    op.create_index("ix_audit_log_at", "audit_log", ["at"], unique=False)
    op.create_table(
        "rate_bucket",
        sa.Column("key", sa.String(length=200), nullable=False),
        sa.Column("tokens", sa.Double(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_rate_bucket")),
    )
    op.create_table(
        "route_timing",
        sa.Column("route", sa.String(length=160), nullable=False),
        sa.Column("seconds", postgresql.ARRAY(sa.Double()), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("route", name=op.f("pk_route_timing")),
    )
    op.create_table(
        "slot",
        sa.Column("slot_id", sa.String(length=16), nullable=False),
        sa.Column("display_name", sa.String(length=80), nullable=False),
        sa.Column("provider", sa.String(length=32), nullable=False),
        sa.Column("operation", sa.String(length=32), nullable=False),
        sa.Column("model", sa.String(length=80), nullable=True),
        sa.Column(
            "params",
            postgresql.JSONB(none_as_null=True, astext_type=sa.Text()),
            server_default="{}",
            nullable=False,
        ),
        sa.Column("fallbacks", postgresql.JSONB(astext_type=sa.Text()), server_default="[]", nullable=False),
        sa.Column("hedge", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("input_max_side", sa.Integer(), server_default="2048", nullable=False),
        sa.Column("output", postgresql.JSONB(astext_type=sa.Text()), server_default="{}", nullable=False),
        sa.Column("prompt", postgresql.JSONB(astext_type=sa.Text()), server_default="{}", nullable=False),
        sa.Column("reply", sa.String(length=16), server_default="json", nullable=False),
        sa.Column("active", sa.Boolean(), server_default="true", nullable=False),
        sa.Column("deadline_seconds", sa.Double(), nullable=True),
        sa.Column("permits", sa.Integer(), nullable=True),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.Column("updated_by", sa.String(length=64), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("reply in ('json', 'image', 'multipart')", name=op.f("ck_slot_reply")),
        sa.PrimaryKeyConstraint("slot_id", name=op.f("pk_slot")),
    )
    op.create_table(
        "template_media",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("media_type", sa.String(length=32), nullable=False),
        sa.Column("size_bytes", sa.Integer(), nullable=False),
        sa.Column("width", sa.Integer(), nullable=False),
        sa.Column("height", sa.Integer(), nullable=False),
        sa.Column("storage_key", sa.String(length=120), nullable=False),
        sa.Column("created_by", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_template_media")),
        sa.UniqueConstraint("sha256", name=op.f("uq_template_media_sha256")),
    )
    op.create_table(
        "job_history",
        sa.Column("job_id", sa.Uuid(), nullable=False),
        sa.Column("slot_id", sa.String(length=16), nullable=False),
        sa.Column("source", sa.String(length=16), server_default="ingest", nullable=False),
        sa.Column("status", sa.String(length=16), server_default="pending", nullable=False),
        sa.Column("failure_reason", sa.String(length=120), nullable=True),
        sa.Column("error", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
        sa.Column("provider", sa.String(length=32), nullable=False),
        sa.Column("operation", sa.String(length=32), nullable=False),
        sa.Column("model", sa.String(length=80), nullable=True),
        sa.Column("attempts", postgresql.JSONB(astext_type=sa.Text()), server_default="[]", nullable=False),
        sa.Column(
            "timings",
            postgresql.JSONB(none_as_null=True, astext_type=sa.Text()),
            server_default="{}",
            nullable=False,
        ),
        sa.Column(
            "request_fields",
            postgresql.JSONB(none_as_null=True, astext_type=sa.Text()),
            server_default="{}",
            nullable=False,
        ),
        sa.Column(
            "query_fields",
            postgresql.JSONB(none_as_null=True, astext_type=sa.Text()),
            server_default="{}",
            nullable=False,
        ),
        sa.Column("upload_name", sa.String(length=255), server_default="", nullable=False),
        sa.Column("upload_type", sa.String(length=32), nullable=False),
        sa.Column("upload_size", sa.Integer(), nullable=False),
        sa.Column("upload_sha256", sa.String(length=64), nullable=False),
        sa.Column("upload_sha1", sa.String(length=40), nullable=False),
        sa.Column("idempotency_key", sa.String(length=200), nullable=True),
        sa.Column("deadline_seconds", sa.Double(), nullable=False),
        sa.Column("result_key", sa.String(length=120), nullable=True),
        sa.Column("result_type", sa.String(length=32), nullable=True),
        sa.Column("result_size", sa.Integer(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("result_expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("cleaned_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("source in ('ingest', 'test')", name=op.f("ck_job_history_source")),
        sa.CheckConstraint(
            "status <> 'done' or (result_key is not null and result_expires_at is not null)",
            name=op.f("ck_job_history_done_has_result"),
        ),
        sa.CheckConstraint(
            "status in ('pending', 'done', 'timeout', 'failed')", name=op.f("ck_job_history_status")
        ),
        sa.ForeignKeyConstraint(["slot_id"], ["slot.slot_id"], name=op.f("fk_job_history_slot_id")),
        sa.PrimaryKeyConstraint("job_id", name=op.f("pk_job_history")),
    )
    op.create_index(
        "ix_job_history_created_at", "job_history", [sa.literal_column("created_at desc")], unique=False
    )
    op.create_index(
        "ix_job_history_idempotency",
        "job_history",
        ["slot_id", "idempotency_key"],
        unique=False,
        postgresql_where=sa.text("idempotency_key is not null"),
    )
    op.create_index(
        "ix_job_history_pending",
        "job_history",
        ["created_at"],
        unique=False,
        postgresql_where=sa.text("status = 'pending'"),
    )
    op.create_index("ix_job_history_same_photo", "job_history", ["slot_id", "upload_sha256"], unique=False)
    op.create_index(
        "ix_job_history_slot_id_created_at",
        "job_history",
        ["slot_id", sa.literal_column("created_at desc")],
        unique=False,
    )
    op.create_index(
        "ix_job_history_to_clean",
        "job_history",
        ["result_expires_at"],
        unique=False,
        postgresql_where=sa.text("status = 'done' and cleaned_at is null"),
    )
    op.create_table(
        "slot_template_media",
        sa.Column("slot_id", sa.String(length=16), nullable=False),
        sa.Column("role", sa.String(length=32), nullable=False),
        sa.Column("media_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["media_id"],
            ["template_media.id"],
            name=op.f("fk_slot_template_media_media_id"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["slot_id"], ["slot.slot_id"], name=op.f("fk_slot_template_media_slot_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("slot_id", "role", name=op.f("pk_slot_template_media")),
    )
    op.create_index(
        op.f("ix_slot_template_media_media_id"), "slot_template_media", ["media_id"], unique=False
    )


def downgrade() -> None:
    op.drop_index(op.f("ix_slot_template_media_media_id"), table_name="slot_template_media")
    op.drop_table("slot_template_media")
    op.drop_index(
        "ix_job_history_to_clean",
        table_name="job_history",
        postgresql_where=sa.text("status = 'done' and cleaned_at is null"),
    )
    op.drop_index("ix_job_history_slot_id_created_at", table_name="job_history")
    op.drop_index("ix_job_history_same_photo", table_name="job_history")
    op.drop_index(
        "ix_job_history_pending", table_name="job_history", postgresql_where=sa.text("status = 'pending'")
    )
    op.drop_index(
        "ix_job_history_idempotency",
        table_name="job_history",
        postgresql_where=sa.text("idempotency_key is not null"),
    )
    op.drop_index("ix_job_history_created_at", table_name="job_history")
    op.drop_table("job_history")
    op.drop_table("template_media")
    op.drop_table("slot")
    op.drop_table("route_timing")
    op.drop_table("rate_bucket")
    op.drop_index("ix_audit_log_at", table_name="audit_log")
    op.drop_table("audit_log")
    op.drop_table("app_settings")
    op.drop_table("account")
