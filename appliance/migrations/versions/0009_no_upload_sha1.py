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
    op.execute("update job_history set upload_sha1 = '' where upload_sha1 <> ''")


def downgrade() -> None:
    op.alter_column("job_history", "upload_sha1", server_default=None)
