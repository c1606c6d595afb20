"""to whom a provider's key was entered"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Only the program knows the addresses in force; it fills the column in when it starts.
    op.add_column("provider_key", sa.Column("origin", sa.String(320), nullable=True))


def downgrade() -> None:
    op.drop_column("provider_key", "origin")
