"""Trying a slot beside another process of the app."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from appliance.media.retention import old_uploads
from appliance.media.store import MediaStore
from appliance.staff.preflight.dry_run import DryRuns


async def test_a_process_that_starts_does_not_take_the_sample_for_what_a_crash_left(tmp_path: Path) -> None:
    media = MediaStore(tmp_path)
    media.make_folders()
    unused: Any = None
    runs = DryRuns(unused, unused, unused, media, unused, unused)
    async with runs._sample() as photo:
        assert photo.stat().st_size
        assert list(old_uploads(media, 0)) == []
    assert not photo.exists()
    await runs.aclose()
