"""API keys of providers, encrypted"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    stamp = sa.DateTime(timezone=True)
    op.create_table(
        "provider_key",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("provider", sa.String(length=32), nullable=False),
        sa.Column("encrypted", sa.LargeBinary(), nullable=False),
        sa.Column("ends_in", sa.String(length=8), nullable=False),
        sa.Column("added_by", sa.String(length=64), nullable=False),
        sa.Column("added_at", stamp, server_default=sa.text("now()"), nullable=False),
        sa.Column("tested_at", stamp, nullable=True),
        sa.Column("test_outcome", sa.String(length=16), nullable=True),
        sa.Column("test_reason", sa.String(length=80), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_provider_key")),
    )


def downgrade() -> None:
    op.drop_table("provider_key")
