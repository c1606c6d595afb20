"""A failed attempt holds on to nothing: answers may be of 50 MB, and the garbage collector comes late."""

from __future__ import annotations

import gc
import types
from collections.abc import Iterator
from pathlib import Path

import pytest

from appliance.core.errors import DamagedImage
from appliance.media.imaging import Imaging
from appliance.providers.http import Answer
from tests.providers.routes import engine
from tests.standins import Script, Step
from tests.support.photos import camera_jpeg_24mp


@pytest.fixture(autouse=True)
def no_collector() -> Iterator[None]:
    """What is only reachable from itself stays, as it does for minutes in a busy app."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.parametrize(
    "step", ["huge", "no_image", "broken_picture", "broken_base64", "refused", "server_error", "wrong_type"]
)
async def test_an_answer_that_is_no_picture_is_let_go_at_once(tmp_path: Path, step: str) -> None:
    before = [*answers(), *running("decode_and_check", "edit")]  # of other tests
    known = {id(one) for one in before}
    async with engine(tmp_path, Script(then=step)) as at:
        assert "delivered" not in await at.photo(at.route(), seconds=3)
        assert [one for one in answers() if id(one) not in known] == []
        assert [one for one in running("decode_and_check", "edit") if id(one) not in known] == []


async def test_an_answer_that_comes_too_late_is_let_go_at_once(tmp_path: Path) -> None:
    async with engine(tmp_path, Script(then=Step("slow", seconds=5))) as at:
        before = running("edit", "send")  # of other tests
        assert await at.photo(at.route(), seconds=1) == ["too_slow"]
        assert [frame for frame in running("edit", "send") if not any(frame is one for one in before)] == []


async def test_a_damaged_photo_is_let_go_at_once(tmp_path: Path) -> None:
    path = tmp_path / "photo.jpg"
    path.write_bytes(camera_jpeg_24mp()[:2_000_000])
    imaging = Imaging()
    with pytest.raises(DamagedImage):
        await imaging.receive(path, 60_000_000)
    imaging.close()
    assert running("clean_blocking") == []


def answers() -> list[Answer]:
    """Those that are still there."""
    return [one for one in gc.get_objects() if isinstance(one, Answer)]


def running(*names: str) -> list[types.FrameType]:
    """The frames of functions so called that are still there."""
    frames = (one for one in gc.get_objects() if isinstance(one, types.FrameType))
    return [frame for frame in frames if frame.f_code.co_name in names]
