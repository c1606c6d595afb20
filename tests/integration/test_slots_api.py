"""Slots as operators see and change them (UC1, UC6)."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from tests.support.camera import Camera, Shot
from tests.support.cleaning import clean
from tests.support.logins import code
from tests.support.stack import Stack

SLOT, OTHER = "slot-014", "slot-015"


@pytest.fixture(autouse=True)
async def as_it_was(stack: Stack) -> AsyncIterator[None]:
    """Both slots with a history of their own, put back afterwards."""
    async with stack.database() as db:
        before = await db.fetch("select * from slot where slot_id = any($1)", [SLOT, OTHER])
        try:
            yield
        finally:
            for row in before:
                names = [name for name in row.keys() if name != "slot_id"]  # noqa: SIM118 - a record
                marks = ", ".join(f"${number}" for number in range(2, len(names) + 2))
                await db.execute(
                    f"update slot set ({', '.join(names)}) = row({marks}) where slot_id = $1",
                    row["slot_id"],
                    *(row[name] for name in names),
                )
                await db.execute("delete from slot_template_media where slot_id = $1", row["slot_id"])
                await db.execute("delete from slot_version where slot_id = $1", row["slot_id"])


async def put(client: httpx.AsyncClient, slot_id: str = SLOT, **values: Any) -> httpx.Response:
    return await client.put(f"/api/slots/{slot_id}", json=values)


async def newest_audit(stack: Stack, action: str) -> dict[str, Any]:
    async with stack.database() as db:
        newest = "select * from audit_log where action = $1 order by id desc limit 1"
        found = await db.fetchrow(newest, action)
    return dict(found)


async def test_there_are_fifteen_slots_in_order(viewer: httpx.AsyncClient) -> None:
    slots = (await viewer.get("/api/slots")).json()["slots"]
    assert [slot["slot_id"] for slot in slots] == [f"slot-{number:03d}" for number in range(1, 16)]
    assert slots[0]["provider"] == "local"
    assert slots[0]["problems"] == {}


async def test_nobody_sees_slots_without_logging_in(client: httpx.AsyncClient) -> None:
    for path in ("/api/slots", f"/api/slots/{SLOT}", f"/api/slots/{SLOT}/history"):
        assert code(await client.get(path)) == (401, "not_authenticated")


async def test_what_get_answered_can_be_put_back_changed(admin: httpx.AsyncClient) -> None:
    shown = (await admin.get(f"/api/slots/{SLOT}")).json()
    shown |= {"display_name": "Comic", "operation": "comic", "params": {"levels": "7"}, "active": True}
    saved = await admin.put(f"/api/slots/{SLOT}", json=shown)
    assert saved.status_code == 200, saved.text
    assert saved.headers["etag"] == f'"{shown["version"] + 1}"'
    body = saved.json()
    assert (body["version"], body["updated_by"]) == (shown["version"] + 1, "serg")
    assert body["params"] == {"levels": 7}
    again = (await admin.get(f"/api/slots/{SLOT}")).json()
    assert {name: again[name] for name in body} == body


async def test_the_next_photo_is_made_with_what_was_saved(
    stack: Stack, admin: httpx.AsyncClient, camera: Camera, shot: Shot
) -> None:
    await put(admin, operation="monochrome", params={}, active=True)
    reply = await camera.post(f"/api/ingest/{SLOT}", shot)
    assert (await stack.row(reply.headers["x-job-id"]))["operation"] == "monochrome"


async def test_what_is_left_out_stays_as_it_is(admin: httpx.AsyncClient) -> None:
    before = (await put(admin, permits=6)).json()
    after = (await put(admin, permits=7)).json()
    changed = {name for name in after if before.get(name) != after[name]}
    assert changed == {"permits", "version", "updated_at"}


async def test_saving_what_is_there_already_makes_no_new_version(admin: httpx.AsyncClient) -> None:
    before = (await admin.get(f"/api/slots/{SLOT}")).json()
    assert (await put(admin, **before)).json()["version"] == before["version"]


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"provider": "none"}, "provider"),
        ({"operation": "paint"}, "operation"),
        ({"operation": "comic", "params": {"levels": 900}}, "params.levels"),
        ({"params": {"nonsense": 1}}, "params.nonsense"),
        ({"model": "gpt"}, "model"),
        ({"display_name": ""}, "display_name"),
        ({"deadline_seconds": 5}, "deadline_seconds"),
        ({"reply": "fax"}, "reply"),
        ({"output": {"size": "huge"}}, "output.size"),
        ({"fallbacks": [{"provider": "local", "operation": "x"}]}, "fallbacks.0.operation"),
        ({"fallbacks": [{"provider": "local", "operation": "glow"}] * 4}, "fallbacks"),
        ({"template_media": {"style": str(uuid.uuid4())}}, "template_media.style"),
        ({"misspelt": 1}, "misspelt"),
        (
            {"provider": "turbotext", "operation": "style_transfer", "params": {}},
            "template_media.style",
        ),
        (
            {"provider": "gemini", "operation": "image_edit", "params": {"prompt": "{unknown}"}},
            "params.prompt",
        ),
    ],
)
async def test_what_does_not_fit_is_named_by_field(
    admin: httpx.AsyncClient, values: dict[str, Any], field: str
) -> None:
    before = (await admin.get(f"/api/slots/{SLOT}")).json()
    refused = await put(admin, **values)
    assert code(refused) == (422, "validation_failed")
    assert field in refused.json()["error"]["fields"]
    assert (await admin.get(f"/api/slots/{SLOT}")).json()["version"] == before["version"]


@pytest.mark.parametrize("slot_id", ["slot-016", "slot-000", "x", "slot-001'--"])
async def test_an_unknown_slot_is_not_found(admin: httpx.AsyncClient, slot_id: str) -> None:
    assert code(await admin.get(f"/api/slots/{slot_id}")) == (404, "slot_not_found")
    assert code(await put(admin, slot_id, hedge=True)) == (404, "slot_not_found")
    assert code(await admin.post(f"/api/slots/{slot_id}/pause")) == (404, "slot_not_found")
    assert code(await admin.get(f"/api/slots/{slot_id}/history")) == (404, "slot_not_found")


async def test_somebody_elses_change_is_shown_instead_of_overwritten(admin: httpx.AsyncClient) -> None:
    seen = (await admin.get(f"/api/slots/{SLOT}")).json()
    await put(admin, display_name="Theirs", version=seen["version"])
    refused = await put(admin, display_name="Mine", version=seen["version"])
    assert code(refused) == (409, "version_conflict")
    error = refused.json()["error"]
    assert set(error["fields"]) == {"display_name"}
    assert error["current"]["changes"] == {"display_name": [seen["display_name"], "Theirs"]}
    assert (error["current"]["version"], error["current"]["updated_by"]) == (seen["version"] + 1, "serg")
    assert (await admin.get(f"/api/slots/{SLOT}")).json()["display_name"] == "Theirs"


async def test_if_match_says_what_a_change_is_based_on(admin: httpx.AsyncClient) -> None:
    etag = (await admin.get(f"/api/slots/{SLOT}")).headers["etag"]
    first = await admin.put(f"/api/slots/{SLOT}", json={"hedge": True}, headers={"If-Match": etag})
    second = await admin.put(f"/api/slots/{SLOT}", json={"hedge": False}, headers={"If-Match": etag})
    broken = await admin.put(f"/api/slots/{SLOT}", json={"hedge": False}, headers={"If-Match": "yes"})
    assert first.status_code == 200
    assert code(second) == (409, "version_conflict")
    assert broken.json()["error"]["fields"].keys() == {"If-Match"}


async def test_who_may_only_look_changes_nothing(viewer: httpx.AsyncClient) -> None:
    for refused in (
        await put(viewer, hedge=True),
        await viewer.post(f"/api/slots/{SLOT}/pause"),
        await viewer.post(f"/api/slots/{SLOT}/duplicate", json={"to": OTHER}),
        await viewer.post(f"/api/slots/{SLOT}/history/1/restore"),
    ):
        assert code(refused) == (403, "permission_denied")


async def test_a_paused_slot_takes_no_photo_until_it_is_resumed(
    admin: httpx.AsyncClient, camera: Camera, shot: Shot
) -> None:
    assert (await admin.post(f"/api/slots/{SLOT}/resume")).json()["active"] is True
    assert (await camera.post(f"/api/ingest/{SLOT}", shot)).status == 200
    assert (await admin.post(f"/api/slots/{SLOT}/pause")).json()["active"] is False
    assert (await camera.post(f"/api/ingest/{SLOT}", shot)).code == "slot_disabled"


async def test_every_saved_version_can_be_looked_at_and_restored(admin: httpx.AsyncClient) -> None:
    first = (await admin.get(f"/api/slots/{SLOT}")).json()
    await put(admin, operation="comic", params={"levels": 5})
    await put(admin, params={"levels": 8}, permits=3)
    versions = (await admin.get(f"/api/slots/{SLOT}/history")).json()["versions"]
    assert [one["version"] - first["version"] for one in versions] == [2, 1, 0]
    assert versions[2]["saved_by"] == first["updated_by"]
    middle = (await admin.get(f"/api/slots/{SLOT}/history/{versions[1]['version']}")).json()
    assert middle["changes"] == {"params.levels": [5, 8], "permits": [None, 3]}
    restored = (await admin.post(f"/api/slots/{SLOT}/history/{first['version']}/restore")).json()
    assert restored["version"] == first["version"] + 3
    assert (restored["operation"], restored["params"]) == (first["operation"], first["params"])
    assert code(await admin.get(f"/api/slots/{SLOT}/history/99999")) == (404, "not_found")


async def test_a_slot_that_was_never_saved_has_its_first_version_in_the_history(
    viewer: httpx.AsyncClient,
) -> None:
    shown = (await viewer.get(f"/api/slots/{OTHER}")).json()
    (only,) = (await viewer.get(f"/api/slots/{OTHER}/history")).json()["versions"]
    assert only["version"] == shown["version"]
    version = (await viewer.get(f"/api/slots/{OTHER}/history/{only['version']}")).json()
    assert version["config"]["display_name"] == shown["display_name"]
    assert version["changes"] == {}


async def test_a_configuration_can_be_given_to_another_slot(admin: httpx.AsyncClient) -> None:
    await put(admin, operation="comic", params={"levels": 5}, active=True)
    copied = await admin.post(f"/api/slots/{SLOT}/duplicate", json={"to": OTHER})
    assert copied.status_code == 200
    body = copied.json()
    assert (body["slot_id"], body["operation"], body["params"]) == (OTHER, "comic", {"levels": 5})
    assert body["active"] is False
    for wrong in (SLOT, "slot-099"):
        refused = await admin.post(f"/api/slots/{SLOT}/duplicate", json={"to": wrong})
        assert code(refused) == (422, "validation_failed")


async def test_every_change_is_in_the_audit_log(stack: Stack, admin: httpx.AsyncClient) -> None:
    await put(admin, operation="comic", params={"levels": 5})
    saved = await newest_audit(stack, "slot.saved")
    assert (saved["actor"], saved["subject"], saved["address"]) == ("serg", SLOT, "127.0.0.1")
    assert saved["detail"]["changes"]["params.levels"] == {"from": None, "to": 5}
    await admin.post(f"/api/slots/{SLOT}/resume")
    resumed = await newest_audit(stack, "slot.resumed")
    assert resumed["detail"]["changes"] == {"active": {"from": False, "to": True}}


async def test_a_slot_shows_its_newest_results(
    stack: Stack, admin: httpx.AsyncClient, camera: Camera, shot: Shot, client: httpx.AsyncClient
) -> None:
    await put(admin, active=True)
    made = [(await camera.post(f"/api/ingest/{SLOT}?reply=json", shot)).json() for _ in range(3)]
    async with stack.database() as db:
        await db.execute(
            "update job_history set result_expires_at = now() - interval '1 s' where job_id = $1",
            made[2]["job_id"],
        )
    page = (await admin.get(f"/api/slots/{SLOT}?results=2")).json()
    newest, second = page["recent_results"]
    assert (newest["job_id"], newest["state"]) == (made[2]["job_id"], "expired")
    assert second["public_url"] == made[1]["public_url"]
    assert (second["status"], second["state"], second["type"]) == ("done", "available", "image/jpeg")
    assert second["size"] == made[1]["size"]
    assert (await client.get(second["public_url"])).status_code == 200
    assert (await client.get(newest["public_url"])).status_code == 410
    await clean(stack)
    assert (await admin.get(f"/api/slots/{SLOT}?results=0")).json()["recent_results"] == []
    assert code(await admin.get(f"/api/slots/{SLOT}?results=101"))[0] == 422


async def test_a_row_that_no_longer_fits_is_shown_with_what_is_wrong(
    stack: Stack, admin: httpx.AsyncClient
) -> None:
    async with stack.database() as db:
        await db.execute("update slot set params = '{\"old\": 1}', permits = 900 where slot_id = $1", SLOT)
    shown = (await admin.get(f"/api/slots/{SLOT}")).json()
    assert set(shown["problems"]) == {"params.old", "permits"}
    assert (await admin.post(f"/api/slots/{SLOT}/resume")).status_code == 200
    assert (await put(admin, params={}, permits=None)).json()["problems"] == {}
