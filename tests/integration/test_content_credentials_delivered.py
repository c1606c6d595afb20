"""What a guest downloads says that AI made it: the provider's own word untouched, or ours on top of it."""

from __future__ import annotations

import io
import json
from collections.abc import Awaitable, Callable
from typing import Any

import c2pa
import pytest

from tests.standins import StandIn
from tests.support.camera import Camera, Reply, Shot

Change = Callable[..., Awaitable[None]]
SLOT = "slot-012"
PROMPT = {"prompt": "as a painting", "quality": "low"}
OPENAI = {
    "active": True,
    "provider": "openai",
    "operation": "image_edit",
    "model": None,
    "params": PROMPT,
    "fallbacks": [],
}


def read(reply: Reply) -> tuple[str, dict[str, Any]]:
    assert reply.status == 200, reply.body
    with c2pa.Reader(reply.headers["content-type"], io.BytesIO(reply.body)) as reader:
        return str(reader.get_validation_state()), json.loads(reader.json())


def maker(found: dict[str, Any], label: str) -> str:
    return str(found["manifests"][label]["claim_generator_info"][0]["name"])


@pytest.fixture
def openai(standins: dict[str, StandIn]) -> StandIn:
    return standins["openai"]


async def test_a_picture_that_is_not_changed_keeps_the_providers_credentials(
    camera: Camera, shot: Shot, slot: Change, openai: StandIn
) -> None:
    await slot(SLOT, **OPENAI, output={})
    verdict, found = read(await camera.post(f"/api/ingest/{SLOT}?reply=image", shot))
    assert (verdict, maker(found, found["active_manifest"])) == ("Valid", "A provider")


async def test_a_picture_that_is_changed_carries_ours_and_names_the_providers(
    camera: Camera, shot: Shot, slot: Change, openai: StandIn
) -> None:
    await slot(SLOT, **OPENAI, output={"size": "600x900", "media_type": "image/jpeg"})
    verdict, found = read(await camera.post(f"/api/ingest/{SLOT}?reply=image", shot))
    ours = found["manifests"][found["active_manifest"]]
    assert (verdict, maker(found, found["active_manifest"])) == ("Valid", "PhotoChanger")
    assert maker(found, ours["ingredients"][0]["active_manifest"]) == "A provider"


async def test_looks_of_this_machine_are_not_signed(camera: Camera, shot: Shot) -> None:
    reply = await camera.post("/api/ingest/slot-001?reply=image", shot)
    with pytest.raises(c2pa.C2paError):
        read(reply)
