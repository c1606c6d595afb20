"""what needs a hand"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "issue",
        sa.Column("id", sa.BigInteger(), sa.Identity(), primary_key=True),
        sa.Column("key", sa.String(160), nullable=False),
        sa.Column("code", sa.String(40), nullable=False),
        sa.Column("severity", sa.String(16), nullable=False),
        sa.Column("parameters", postgresql.JSONB(), nullable=False, server_default="{}"),
        sa.Column("slots", postgresql.ARRAY(sa.String(16)), nullable=False, server_default="{}"),
        sa.Column("action", postgresql.JSONB()),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
        sa.Column("closed_at", sa.DateTime(timezone=True)),
        sa.Column("ignored_until", sa.DateTime(timezone=True)),
        sa.Column("ignored_by", sa.String(64)),
    )
    op.create_index(
        "ix_issue_open", "issue", ["key"], unique=True, postgresql_where=sa.text("closed_at is null")
    )
    op.create_index("ix_issue_key", "issue", ["key", sa.text("id desc")])


def downgrade() -> None:
    op.drop_table("issue")
