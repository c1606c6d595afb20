"""keys of single booths"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "booth_key",
        sa.Column("id", sa.Uuid(), primary_key=True),
        sa.Column("name", sa.String(80), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False, unique=True),
        sa.Column("ends_in", sa.String(8), nullable=False),
        sa.Column("slots", postgresql.ARRAY(sa.String(16)), nullable=False, server_default="{}"),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
        sa.Column("created_by", sa.String(64), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True)),
        sa.Column("revoked_by", sa.String(64)),
        sa.Column("seen_at", sa.DateTime(timezone=True)),
        sa.Column("seen_from", sa.String(64)),
        sa.Column("seen_slot", sa.String(16)),
    )


def downgrade() -> None:
    op.drop_table("booth_key")
