"""why a backup could not be proven, as a message that can be said in every language"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("backup_proof", sa.Column("problem_said", JSONB()))


def downgrade() -> None:
    op.drop_column("backup_proof", "problem_said")
