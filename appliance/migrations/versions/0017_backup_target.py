"""where backups go beside this machine, and the proofs that they can be restored"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

_AWARE = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "backup_target",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("address", postgresql.JSONB(), nullable=False),
        sa.Column("encrypted", sa.LargeBinary()),
        sa.Column("host_key", sa.Text()),
        sa.Column("marker", sa.String(64), nullable=False),
        sa.Column("held", sa.Boolean(), nullable=False),
        sa.Column("same_disk", sa.Boolean(), nullable=False),
        sa.Column("keep", sa.Integer(), nullable=False),
        sa.Column("most_kilobytes", sa.Integer()),
        sa.Column("set_by", sa.String(64), nullable=False),
        sa.Column("set_at", _AWARE, nullable=False, server_default=sa.func.now()),
        sa.Column("tested_at", _AWARE),
        sa.Column("sent_at", _AWARE),
        sa.Column("sent_name", sa.String(80)),
        sa.Column("sent_size", sa.BigInteger()),
        sa.Column("tried_at", _AWARE),
        sa.Column("failure", sa.String(32)),
        sa.Column("failure_detail", sa.String(300)),
        sa.Column("failing_since", _AWARE),
        sa.Column("step", sa.String(16)),
        sa.Column("step_done", sa.BigInteger()),
        sa.Column("step_total", sa.BigInteger()),
        sa.Column("step_at", _AWARE),
    )
    op.create_table(
        "backup_proof",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("at", _AWARE, nullable=False, server_default=sa.func.now()),
        sa.Column("ok", sa.Boolean(), nullable=False),
        sa.Column("name", sa.String(80), nullable=False),
        sa.Column("from_target", sa.Boolean(), nullable=False),
        sa.Column("made_at", _AWARE),
        sa.Column("made_by_version", sa.String(40)),
        sa.Column("rows", sa.Integer(), nullable=False),
        sa.Column("pictures", sa.Integer(), nullable=False),
        sa.Column("compared", sa.Integer(), nullable=False),
        sa.Column("seconds", sa.Float(), nullable=False),
        sa.Column("problem", sa.String(300)),
    )
    op.create_index("ix_backup_proof_at", "backup_proof", ["at"])


def downgrade() -> None:
    op.drop_table("backup_proof")
    op.drop_table("backup_target")
