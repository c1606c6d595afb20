"""keys and routes that are left alone for a while, for several processes"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "provider_pause",
        sa.Column("name", sa.Text(), primary_key=True),
        sa.Column("set_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("forget_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reason", sa.String(200), nullable=False),
        sa.Column("spent", sa.Boolean(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True)),
    )


def downgrade() -> None:
    op.drop_table("provider_pause")
