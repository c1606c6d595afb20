"""short codes and approvals of results; shared galleries"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("job_history", sa.Column("short_code", sa.String(length=12), nullable=True))
    op.add_column("job_history", sa.Column("approved_at", sa.DateTime(timezone=True), nullable=True))
    op.create_index(
        "ix_job_history_short_code",
        "job_history",
        ["short_code"],
        unique=True,
        postgresql_where=sa.text("short_code is not null"),
    )
    stamp = sa.DateTime(timezone=True)
    op.create_table(
        "shared_gallery",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("token", sa.String(length=32), nullable=False),
        sa.Column("wall_token", sa.String(length=32), nullable=False),
        sa.Column("title", sa.String(length=120), nullable=False),
        sa.Column("slot_id", sa.String(length=16), nullable=True),
        sa.Column("pin", sa.String(length=12), nullable=True),
        sa.Column("moderated", sa.Boolean(), nullable=False),
        sa.Column("pictures_from", stamp, nullable=False),
        sa.Column("opened_at", stamp, nullable=False),
        sa.Column("opened_by", sa.String(length=64), nullable=False),
        sa.Column("closes_at", stamp, nullable=True),
        sa.Column("closed_at", stamp, nullable=True),
        sa.Column("closed_by", sa.String(length=64), nullable=True),
        sa.ForeignKeyConstraint(["slot_id"], ["slot.slot_id"], name=op.f("fk_shared_gallery_slot_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_shared_gallery")),
        sa.UniqueConstraint("token", name=op.f("uq_shared_gallery_token")),
        sa.UniqueConstraint("wall_token", name=op.f("uq_shared_gallery_wall_token")),
    )


def downgrade() -> None:
    op.drop_table("shared_gallery")
    op.drop_index("ix_job_history_short_code", table_name="job_history")
    for column in ("approved_at", "short_code"):
        op.drop_column("job_history", column)
