"""what a job showed of its slot's primary route"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("job_history", sa.Column("primary_route", sa.String(32), nullable=True))
    op.add_column("job_history", sa.Column("primary_trouble", JSONB(), nullable=True))
    op.create_index(
        "ix_job_history_primary",
        "job_history",
        ["slot_id", sa.text("created_at desc")],
        postgresql_where=sa.text("primary_route is not null"),
    )


def downgrade() -> None:
    op.drop_index("ix_job_history_primary", "job_history")
    op.drop_column("job_history", "primary_trouble")
    op.drop_column("job_history", "primary_route")
