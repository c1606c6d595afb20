"""Template media (UC5): registered, bound, protected while in use, and never public."""

from __future__ import annotations

import asyncio
import io
import uuid
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image

from tests.standins import StandIn
from tests.support.camera import BOUNDARY, Camera, Shot, body_of, text_part
from tests.support.logins import code
from tests.support.photos import case, heic_head, in_format, png_bomb, portrait_jpeg, portrait_png, with_exif
from tests.support.stack import Stack
from tests.support.uploads import upload

SLOT = "slot-013"
REGISTER = "/api/template-media/register"
_seed = iter(range(1000))


def picture(width: int = 400, height: int = 300, kind: str = "JPEG") -> bytes:
    """A picture that nobody registered before."""
    pixels = np.random.default_rng(next(_seed)).integers(0, 255, (6, 8, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).resize((width, height)).save(buffer, kind)
    return buffer.getvalue()


@pytest.fixture(autouse=True)
async def clean(stack: Stack) -> AsyncIterator[None]:
    """No template and no binding stays behind."""
    async with stack.database() as db:
        before = await db.fetchrow("select * from slot where slot_id = $1", SLOT)
        yield
        await db.execute("delete from slot_template_media")
        await db.execute("delete from slot_version where slot_id = $1", SLOT)
        await db.execute("delete from template_media")
        for path in (*(stack.media / "templates").iterdir(), *(stack.media / "previews").glob("template-*")):
            path.unlink()
        names = "provider, operation, model, params, active, version, updated_by"
        values = [before[name] for name in names.split(", ")]
        await db.execute(
            f"update slot set ({names}) = row($2, $3, $4, $5, $6, $7, $8) where slot_id = $1", SLOT, *values
        )


async def register(client: httpx.AsyncClient, photo: bytes, **more: Any) -> dict[str, Any]:
    reply = await upload(client, REGISTER, photo, **more)
    assert reply.status_code == 201, reply.text
    body: dict[str, Any] = reply.json()
    return body


async def test_a_registered_file_is_typed_by_its_bytes_and_stored(
    stack: Stack, admin: httpx.AsyncClient
) -> None:
    made = await register(admin, picture(kind="PNG"), filename="C:\\fake\\logo.jpg")
    assert (made["name"], made["media_type"]) == ("logo.jpg", "image/png")
    assert (made["width"], made["height"], made["duplicate"]) == (400, 300, False)
    assert (made["created_by"], made["used_by"]) == ("serg", [])
    stored = stack.media / f"templates/{made['id']}.png"
    assert stored.stat().st_size == made["size"]
    assert stack.temp_files() == []
    listed = (await admin.get("/api/template-media")).json()["template_media"]
    assert [one["id"] for one in listed] == [made["id"]]


async def test_the_same_bytes_again_are_the_same_template(admin: httpx.AsyncClient) -> None:
    photo = picture()
    first = await register(admin, photo)
    again = await upload(admin, REGISTER, photo, filename="other.jpg")
    assert again.status_code == 200
    assert (again.json()["id"], again.json()["duplicate"]) == (first["id"], True)
    assert again.json()["name"] == first["name"]


async def test_two_at_once_with_the_same_bytes_end_as_one_template(
    stack: Stack, admin: httpx.AsyncClient
) -> None:
    photo = picture()
    replies = await asyncio.gather(*(upload(admin, REGISTER, photo) for _ in range(4)))
    assert sorted(reply.status_code for reply in replies) == [200, 200, 200, 201]
    assert len({reply.json()["id"] for reply in replies}) == 1
    assert len(list((stack.media / "templates").iterdir())) == 1


async def test_metadata_does_not_stay_and_the_picture_stands_upright(
    stack: Stack, admin: httpx.AsyncClient
) -> None:
    made = await register(admin, with_exif(6))
    assert (made["width"], made["height"]) == (400, 600)
    with Image.open(stack.media / f"templates/{made['id']}.jpg") as stored:
        assert stored.size == (400, 600)
        assert not stored.getexif()


@pytest.mark.parametrize(
    ("photo", "status", "error"),
    [
        (lambda: b"no picture at all, only text", 415, "not_an_image"),
        (lambda: in_format("GIF"), 415, "unsupported_media_type"),
        (heic_head, 415, "unsupported_media_type"),
        (lambda: portrait_jpeg()[:9000], 415, "damaged"),
        (lambda: case("small_hole.jpg"), 415, "damaged"),
        (lambda: png_bomb(10_000, 6_000), 415, "image_too_many_pixels"),
        (lambda: portrait_jpeg() + bytes(20_000_000), 413, "payload_too_large"),
        (lambda: b"", 400, "missing_field"),
    ],
)
async def test_what_is_no_usable_picture_is_refused_and_leaves_nothing(
    stack: Stack, admin: httpx.AsyncClient, photo: Callable[[], bytes], status: int, error: str
) -> None:
    assert code(await upload(admin, REGISTER, photo())) == (status, error)
    assert stack.temp_files() == []
    assert list((stack.media / "templates").iterdir()) == []


async def test_an_upload_without_a_file_says_which_field_is_missing(admin: httpx.AsyncClient) -> None:
    refused = await admin.post(
        REGISTER,
        content=body_of([text_part("name", "x")]),
        headers={"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"},
    )
    assert code(refused) == (400, "missing_field")
    assert refused.json()["error"]["fields"] == {"file": "send one file part"}
    assert code(await admin.post(REGISTER, json={})) == (415, "unsupported_media_type")


async def test_a_template_can_be_renamed(admin: httpx.AsyncClient) -> None:
    made = await register(admin, picture())
    renamed = await admin.patch(f"/api/template-media/{made['id']}", json={"name": " Beach at dusk "})
    assert renamed.json()["name"] == "Beach at dusk"
    assert code(await admin.patch(f"/api/template-media/{made['id']}", json={"name": ""}))[0] == 422


async def test_a_template_in_use_cannot_be_deleted_until_the_slot_lets_go(
    stack: Stack, admin: httpx.AsyncClient
) -> None:
    made = await register(admin, picture())
    bound = await admin.put(f"/api/slots/{SLOT}", json={"template_media": {"overlay": made["id"]}})
    assert bound.json()["template_media"] == {"overlay": made["id"]}
    (listed,) = (await admin.get("/api/template-media")).json()["template_media"]
    assert listed["used_by"] == [{"slot_id": SLOT, "role": "overlay"}]
    refused = await admin.delete(f"/api/template-media/{made['id']}")
    assert code(refused) == (409, "template_media_in_use")
    assert refused.json()["error"]["slots"] == [SLOT]
    await admin.put(f"/api/slots/{SLOT}", json={"template_media": {}})
    assert (await admin.delete(f"/api/template-media/{made['id']}")).status_code == 204
    assert not list((stack.media / "templates").iterdir())
    assert code(await admin.delete(f"/api/template-media/{made['id']}")) == (404, "template_media_not_found")
    again = await admin.put(f"/api/slots/{SLOT}", json={"template_media": {"overlay": made["id"]}})
    assert "template_media.overlay" in again.json()["error"]["fields"]


async def test_a_version_whose_template_is_gone_cannot_be_restored(admin: httpx.AsyncClient) -> None:
    made = await register(admin, picture())
    bound = await admin.put(f"/api/slots/{SLOT}", json={"template_media": {"overlay": made["id"]}})
    await admin.put(f"/api/slots/{SLOT}", json={"template_media": {}})
    await admin.delete(f"/api/template-media/{made['id']}")
    refused = await admin.post(f"/api/slots/{SLOT}/history/{bound.json()['version']}/restore")
    assert code(refused) == (422, "validation_failed")
    assert "template_media.overlay" in refused.json()["error"]["fields"]


async def test_a_bound_template_reaches_the_provider(
    admin: httpx.AsyncClient, camera: Camera, shot: Shot, gemini: StandIn
) -> None:
    photo = portrait_png()
    made = await register(admin, photo, filename="style.png")
    config = {
        "provider": "gemini",
        "operation": "style_transfer",
        "model": "gemini-2.5-flash-image",
        "params": {},
        "template_media": {"style": made["id"]},
        "active": True,
    }
    saved = await admin.put(f"/api/slots/{SLOT}", json=config)
    assert saved.status_code == 200, saved.text
    reply = await camera.post(f"/api/ingest/{SLOT}", shot)
    assert reply.status == 200, reply.body
    images = [part for part in gemini.calls[-1].json["contents"][0]["parts"] if "inlineData" in part]
    assert len(images) == 2


async def test_a_preview_is_small_and_only_for_those_who_may_see_templates(
    admin: httpx.AsyncClient, viewer: httpx.AsyncClient, client: httpx.AsyncClient
) -> None:
    made = await register(admin, picture(1600, 800))
    preview = await admin.get(made["preview_url"])
    assert preview.headers["content-type"] == "image/webp"
    assert Image.open(io.BytesIO(preview.content)).size == (320, 160)
    assert "private" in preview.headers["cache-control"]
    assert code(await viewer.get(made["preview_url"])) == (403, "permission_denied")
    assert code(await client.get(made["preview_url"])) == (401, "not_authenticated")


async def test_no_template_has_a_public_address(
    stack: Stack, admin: httpx.AsyncClient, client: httpx.AsyncClient
) -> None:
    made = await register(admin, picture())
    await admin.get(made["preview_url"])
    name = f"{made['id']}.jpg"
    for path in (
        f"/_media/templates/{name}",
        f"/media/templates/{name}",
        f"/templates/{name}",
        f"/public/results/{made['id']}",
        f"/r/{made['id']}",
        f"/_media/previews/template-{made['id']}.webp",
        f"/public/../_media/templates/{name}",
        f"/%5fmedia/templates/{name}",
    ):
        assert (await client.get(path)).status_code == 404, path


async def test_who_may_only_look_registers_nothing(viewer: httpx.AsyncClient) -> None:
    assert code(await upload(viewer, REGISTER, picture())) == (403, "permission_denied")
    assert code(await viewer.delete(f"/api/template-media/{uuid.uuid4()}")) == (403, "permission_denied")


async def test_the_events_logo_must_exist_and_cannot_be_deleted(admin: httpx.AsyncClient) -> None:
    refused = await admin.put("/api/settings", json={"event_logo": str(uuid.uuid4())})
    assert code(refused) == (422, "validation_failed")
    assert refused.json()["error"]["fields"] == {"event_logo": "there is no such template"}
    made = await register(admin, picture())
    assert (await admin.put("/api/settings", json={"event_logo": made["id"]})).status_code == 200
    assert (await admin.get(f"/api/template-media/{made['id']}")).json()["event_logo"] is True
    assert code(await admin.delete(f"/api/template-media/{made['id']}")) == (409, "template_media_in_use")
    assert (await admin.put("/api/settings", json={"event_logo": None})).status_code == 200
    assert (await admin.delete(f"/api/template-media/{made['id']}")).status_code == 204
