"""What providers are sent of a guest's photo: upright sRGB without GPS or video, also at its full size."""

from __future__ import annotations

import base64
import io
from typing import Any

import pytest
from PIL import Image

from tests.conftest import Change
from tests.standins import StandIn
from tests.standins.base import Call
from tests.support.camera import Camera, Shot
from tests.support.photos import case
from tests.support.slots import WORKFLOW

SLOT = "slot-008"
MODELS = {
    "bfl": "flux-2-pro",
    "comfyui": None,
    "fal": "google/nano-banana-2.1/edit",
    "gemini": "gemini-nano-banana-2.1",
    "openai": "gpt-image-2",
    "turbotext": None,
}
CASES = ("orient6_gps.jpg", "trailing_video.jpg", "ultrahdr.jpg", "mpo.jpg", "png_exif6.png", "rgba16.png")


def photo_sent(provider: str, call: Call) -> bytes:
    """The guest's photo as it arrived at the stand-in."""
    match provider:
        case "gemini":
            parts = call.json["contents"][0]["parts"]
            return base64.b64decode(parts[0]["inlineData"]["data"])
        case "bfl":
            return base64.b64decode(call.json["input_image"])
        case "fal":
            return base64.b64decode(call.json["image_urls"][0].partition(",")[2])
        case _:
            data: bytes = call.files[0].data
            return data


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("provider", MODELS)
async def test_a_photo_goes_upright_and_without_anything_of_its_camera(
    camera: Camera, shot: Shot, slot: Change, standins: dict[str, StandIn], provider: str, name: str
) -> None:
    asks: dict[str, Any] = {"operation": "image_edit", "params": {"prompt": "a painting"}}
    if provider == "comfyui":
        asks = {"operation": "workflow", "params": {"workflow": WORKFLOW}}
    await slot(
        SLOT, active=True, provider=provider, model=MODELS[provider], **asks,
        fallbacks=[], input_max_side=0, output={},
    )  # fmt: skip
    shot.photo, shot.filename = case(name), name
    reply = await camera.post(f"/api/ingest/{SLOT}?reply=image", shot)
    assert reply.status == 200, reply.body[:300]
    [call] = [one for one in standins[provider].calls if (one.files if provider == "comfyui" else one.step)]
    sent = photo_sent(provider, call)
    with Image.open(io.BytesIO(sent)) as there, Image.open(io.BytesIO(case(name))) as ours:
        assert there.format in ("JPEG", "PNG"), "one picture, no further ones and no gain map"
        assert not there.getexif()
        turned = ours.getexif().get(0x0112, 1) in (5, 6, 7, 8)
        assert there.size == (ours.size[::-1] if turned else ours.size)
        assert there.mode in ("RGB", "RGBA", "L", "LA")
    assert not {b"ftyp", b"GPS", b"MotionPhoto", b"hdrgm"} & set(words_in(sent))


def words_in(data: bytes) -> list[Any]:
    """Which words of metadata or of a video's beginning there are."""
    return [word for word in (b"ftyp", b"GPS", b"MotionPhoto", b"hdrgm") if word in data]
