"""A very large photo is opened in a process of its own, and looks as it would otherwise."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
import pyvips

from appliance.providers.local.photo import open_large_photo, open_photo
from appliance.providers.local.work import Work
from tests.support.photos import portrait_jpeg


@pytest.mark.parametrize("side", [300, 3000])
def test_it_has_the_same_pixels(tmp_path: Path, side: int) -> None:
    photo = tmp_path / "photo"
    photo.write_bytes(portrait_jpeg())
    work = Work("job", datetime.now(UTC))
    apart: pyvips.Image = open_large_photo(photo, side, work)
    here: pyvips.Image = open_photo(photo, side, work)
    assert (apart.width, apart.height, apart.interpretation) == (here.width, here.height, here.interpretation)
    assert (apart - here).abs().max() == 0
