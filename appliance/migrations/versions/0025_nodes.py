"""machines of one site, and which of them works at a photo"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "node",
        sa.Column("number", sa.SmallInteger(), primary_key=True, autoincrement=False),
        sa.Column("host", sa.String(80), nullable=False),
        sa.Column("mark", sa.String(32), nullable=False),
        sa.Column("version", sa.String(80), nullable=False),
        sa.Column("secrets", sa.String(64), nullable=False),
        sa.Column("clock_ahead", sa.Float()),
        sa.Column("database_ms", sa.Float()),
        sa.Column("problem", sa.String(40)),
        sa.Column("ended", sa.Boolean(), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
    )
    op.add_column("job_history", sa.Column("node", sa.SmallInteger(), nullable=False, server_default="1"))


def downgrade() -> None:
    op.drop_column("job_history", "node")
    op.drop_table("node")
