"""versions of slots; hidden and deleted results, kept photos"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "slot_version",
        sa.Column("slot_id", sa.String(length=16), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("config", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=False),
        sa.Column("saved_by", sa.String(length=64), nullable=False),
        sa.Column("saved_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["slot_id"], ["slot.slot_id"], name=op.f("fk_slot_version_slot_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("slot_id", "version", name=op.f("pk_slot_version")),
    )
    op.add_column("job_history", sa.Column("hidden_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("job_history", sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("job_history", sa.Column("source_key", sa.String(length=120), nullable=True))
    newest_first = sa.text("created_at desc")
    op.create_index(
        "ix_job_history_pictures",
        "job_history",
        ["slot_id", newest_first],
        postgresql_where=sa.text("status = 'done'"),
    )
    op.create_index(
        "ix_job_history_trouble",
        "job_history",
        [newest_first],
        postgresql_where=sa.text("status in ('failed', 'timeout')"),
    )
    op.create_index(
        "ix_job_history_deleted",
        "job_history",
        ["deleted_at"],
        postgresql_where=sa.text("deleted_at is not null and cleaned_at is null"),
    )
    op.create_index(
        "ix_job_history_sources",
        "job_history",
        ["created_at"],
        postgresql_where=sa.text("source_key is not null"),
    )


def downgrade() -> None:
    for name in ("sources", "deleted", "trouble", "pictures"):
        op.drop_index(f"ix_job_history_{name}", table_name="job_history")
    for column in ("source_key", "deleted_at", "hidden_at"):
        op.drop_column("job_history", column)
    op.drop_table("slot_version")
