"""the address of the booth that sent a photo

Rows from before have none: they are told apart by field and pause alone, as they were.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("job_history", sa.Column("booth", sa.String(64), nullable=True))


def downgrade() -> None:
    op.drop_column("job_history", "booth")
