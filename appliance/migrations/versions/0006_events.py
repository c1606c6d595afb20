"""results that were rejected for screens, and results that were exported"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_COLUMNS = ("rejected_at", "exported_at")


def upgrade() -> None:
    for column in _COLUMNS:
        op.add_column("job_history", sa.Column(column, sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    for column in reversed(_COLUMNS):
        op.drop_column("job_history", column)
