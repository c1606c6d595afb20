"""no SHA-1 of uploads"""

from __future__ import annotations

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # The version before goes on writing it while this one starts; the column goes in a later version.
    op.alter_column("job_history", "upload_sha1", server_default="")
    # What it wrote is blanked by the cleanup: here the door would be closed for as long as that takes.


def downgrade() -> None:
    op.alter_column("job_history", "upload_sha1", server_default=None)
