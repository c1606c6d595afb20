"""alerts: channels, and messages to them"""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

_NOW = sa.func.now()


def _moment(name: str, *, nullable: bool = False) -> sa.Column[datetime]:
    return sa.Column(
        name,
        sa.DateTime(timezone=True),
        nullable=nullable,
        server_default=None if nullable else _NOW,
    )


def upgrade() -> None:
    op.create_table(
        "alert_channel",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(60), nullable=False),
        sa.Column("scheme", sa.String(16), nullable=False),
        sa.Column("encrypted", sa.LargeBinary(), nullable=False),
        sa.Column("ends_in", sa.String(8), nullable=False),
        sa.Column("language", sa.String(8), nullable=False),
        sa.Column("severity", sa.String(16), nullable=False),
        sa.Column("added_by", sa.String(64), nullable=False),
        _moment("added_at"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alert_channel")),
    )
    op.create_table(
        "alert_message",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("channel_id", sa.Uuid(), nullable=False),
        sa.Column("issue_id", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(8), nullable=False),
        sa.Column("title", sa.String(250), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        _moment("created_at"),
        _moment("next_try_at"),
        sa.Column("tries", sa.Integer(), server_default="0", nullable=False),
        _moment("sent_at", nullable=True),
        _moment("dropped_at", nullable=True),
        sa.Column("answer", sa.String(600), server_default="", nullable=False),
        sa.ForeignKeyConstraint(
            ["channel_id"], ["alert_channel.id"], name=op.f("fk_alert_message_channel_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alert_message")),
    )
    op.create_index("ix_alert_message_of", "alert_message", ["channel_id", "issue_id", sa.text("id desc")])
    op.create_index(
        "ix_alert_message_due",
        "alert_message",
        ["next_try_at"],
        postgresql_where=sa.text("sent_at is null and dropped_at is null"),
    )


def downgrade() -> None:
    op.drop_table("alert_message")
    op.drop_table("alert_channel")
