"""permits of several processes, and which photo is in flight"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "permit",
        sa.Column("name", sa.String(80), primary_key=True),
        sa.Column("seat", sa.Integer(), primary_key=True),
        sa.Column("process", sa.Integer(), nullable=False),
        sa.Column("holder", sa.Uuid(), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
    )
    op.add_column("job_history", sa.Column("in_flight", sa.String(300)))
    op.create_index(
        "ix_job_history_in_flight",
        "job_history",
        ["in_flight"],
        unique=True,
        postgresql_where=sa.text("in_flight is not null and status = 'pending'"),
    )


def downgrade() -> None:
    op.drop_index("ix_job_history_in_flight", table_name="job_history")
    op.drop_column("job_history", "in_flight")
    op.drop_table("permit")
