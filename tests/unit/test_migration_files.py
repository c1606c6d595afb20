"""What a migration does can be read from its file: whether a version goes on working while it is made."""

from __future__ import annotations

from pathlib import Path

import pytest

from appliance.migrations import revisions
from appliance.migrations.revisions import beyond_adding, known


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Migrations of the test's own."""
    monkeypatch.setattr(revisions, "_FILES", tmp_path)
    monkeypatch.setattr(revisions, "known", known.__wrapped__)  # which remembers
    return tmp_path


def migration(folder: Path, name: str, *steps: str) -> None:
    body = "".join(f"    {step}\n" for step in steps)
    down = "def downgrade():\n    op.drop_table('made')\n"
    (folder / f"{name}.py").write_text(f"from alembic import op\n\n\ndef upgrade():\n{body}\n\n{down}")


def test_tables_columns_and_indexes_that_are_added_are_no_more_than_that(files: Path) -> None:
    migration(files, "0001_first", "op.create_table('made')", "op.add_column('made', None)")
    migration(files, "0002_second", "op.create_index('ix', 'made', [])")
    assert beyond_adding(None) == []


@pytest.mark.parametrize(
    "step",
    [
        "op.execute('update slot set active = false')",
        "op.drop_column('slot', 'active')",
        "op.alter_column('slot', 'active', nullable=False)",
        "op.get_bind()",
    ],
)
def test_whatever_else_a_migration_does_is_more(files: Path, step: str) -> None:
    migration(files, "0001_first", "op.create_table('made')")
    migration(files, "0002_second", "op.create_table('made')", step)
    assert beyond_adding("0001") == ["0002_second"]


def test_only_those_that_are_still_to_come_count(files: Path) -> None:
    migration(files, "0001_first", "op.execute('update slot set active = false')")
    migration(files, "0002_second", "op.create_table('made')")
    assert beyond_adding("0001") == []
    assert beyond_adding("0002") == []
    assert beyond_adding("9999") == [], "of a newer version"


def test_those_of_this_version_are_read() -> None:
    assert "0016_api_tokens" in beyond_adding("0015")
    assert "0024_pauses" not in beyond_adding("0022")
