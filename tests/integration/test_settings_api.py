"""The settings API (UC0): the ingest password is rotated, never shown; every change is recorded."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from appliance.core.secrets import FirstPasswordFile
from appliance.settings.operator import OperatorSettings
from tests.support.camera import Camera, Shot
from tests.support.logins import PASSWORD, MakeAccount, bearer, code, log_in
from tests.support.photos import portrait_jpeg
from tests.support.stack import Stack

NEW = "k7mq-x3np-new-one"


@pytest.fixture(autouse=True)
async def _restored(stack: Stack, password: str) -> AsyncIterator[None]:
    """The suite shares the stack: what a test set is taken back."""
    first_passwords = FirstPasswordFile(stack.data / "secrets")
    first = first_passwords.read()["ingest"]
    async with stack.database() as db:
        await db.execute("create temporary table kept as select * from app_settings")
        yield
        async with db.transaction():
            await db.execute("delete from app_settings")
            await db.execute("insert into app_settings select * from kept")
    if first:
        first_passwords.add(ingest=first, accounts={})


async def posted(camera: Camera, password: str) -> int:
    """How a photo with this password is answered."""
    return (await camera.post("/api/ingest/slot-001", Shot(portrait_jpeg(), password))).status


async def put(client: httpx.AsyncClient, **body: Any) -> dict[str, Any]:
    reply = await client.put("/api/settings", json=body)
    assert reply.status_code == 200, reply.text
    found: dict[str, Any] = reply.json()
    return found


async def fields(client: httpx.AsyncClient, **body: Any) -> dict[str, str]:
    """What is wrong with each field of a refused update; nothing was changed."""
    before = (await client.get("/api/settings")).json()
    reply = await client.put("/api/settings", json=body)
    assert code(reply) == (422, "validation_failed")
    assert (await client.get("/api/settings")).json() == before
    found: dict[str, str] = reply.json()["error"]["fields"]
    return found


async def newest_entry(client: httpx.AsyncClient, action: str) -> dict[str, Any]:
    found: dict[str, Any] = (await client.get("/api/audit", params={"action": action})).json()["entries"][0]
    return found


async def test_a_new_ingest_password_is_in_force_at_once_and_never_shown(
    stack: Stack, admin: httpx.AsyncClient, camera: Camera, password: str
) -> None:
    before = (await admin.get("/api/settings")).json()
    reply = await admin.put("/api/settings", json={"ingest_password": NEW})
    assert reply.status_code == 200
    assert (await admin.get("/api/settings")).json() == reply.json()
    state = reply.json()["ingest_password"]
    assert state["updated_by"] == "serg"
    assert state["updated_at"] > (before["ingest_password"]["updated_at"] or "")
    assert state["previous_valid_until"] is None
    assert reply.json()["updated_by"] == "serg"
    assert NEW not in reply.text
    assert "$2b$" not in reply.text
    assert [await posted(camera, word) for word in (NEW, password)] == [200, 401]
    row = await stack.value("select value from app_settings where key = 'ingest_password'")
    assert row["hash"].startswith("$2b$12$")
    assert "ingest" not in stack.first_passwords


@pytest.mark.parametrize(
    "body",
    [
        {"ingest_password": {"password": NEW, "previous_valid_minutes": 10}},
        {"ingest_password": NEW, "previous_valid_minutes": 10},
    ],
)
async def test_the_old_ingest_password_stays_valid_while_booths_are_changed(
    stack: Stack, admin: httpx.AsyncClient, camera: Camera, password: str, body: dict[str, Any]
) -> None:
    state = (await put(admin, **body))["ingest_password"]
    until = datetime.fromisoformat(state["previous_valid_until"])
    assert timedelta(minutes=9) < until - datetime.now(UTC) <= timedelta(minutes=10)
    assert [await posted(camera, word) for word in (NEW, password, "neither")] == [200, 200, 401]
    async with stack.database() as db:
        await db.execute(
            "update app_settings set value = value || $1 where key = 'ingest_password'",
            {"previous_valid_until": datetime.now(UTC).isoformat()},
        )
    assert [await posted(camera, word) for word in (NEW, password)] == [200, 401]
    assert (await admin.get("/api/settings")).json()["ingest_password"]["previous_valid_until"] is None


@pytest.mark.parametrize(
    ("body", "field", "words"),
    [
        ({"ingest_password": "short"}, "ingest_password.password", "10 characters"),
        ({"ingest_password": "я" * 37}, "ingest_password.password", "72 bytes"),
        ({"ingest_password": " padded-word "}, "ingest_password.password", "spaces"),
        ({"ingest_password": "nul\0-in-it"}, "ingest_password.password", "only visible characters"),
        ({"ingest_password": {}}, "ingest_password.password", "missing"),
        ({"ingest_password": 12345678}, "ingest_password", "object"),
        ({"ingest_password": NEW, "previous_valid_minutes": -1}, "previous_valid_minutes", "0 or more"),
        ({"previous_valid_minutes": 5}, "previous_valid_minutes", "ingest_password"),
        ({"apply_to_existing": True}, "apply_to_existing", "result_ttl_hours"),
        ({"sync_response_seconds": 61}, "sync_response_seconds", "60"),
        ({"sync_response_seconds": None}, "sync_response_seconds", "number"),
        ({"result_ttl_hours": 0}, "result_ttl_hours", "more than 0"),
        ({"event_title": "x" * 121}, "event_title", "120"),
        ({"provider_permits_by_name": {"local": "many"}}, "provider_permits_by_name.local", "whole number"),
        ({"no_such_setting": 1}, "no_such_setting", "not known"),
    ],
)
async def test_a_wrong_value_is_named_and_nothing_is_changed(
    admin: httpx.AsyncClient, body: dict[str, Any], field: str, words: str
) -> None:
    found = await fields(admin, **{"max_pixels_mp": 59, **body})
    assert list(found) == [field]
    assert words in found[field]


async def test_settings_that_the_providers_cannot_work_with_are_refused(admin: httpx.AsyncClient) -> None:
    found = await fields(admin, providers={"gemini": {"models": {"future": {"no_such_capability": 1}}}})
    assert all(name.startswith("providers.gemini.models") for name in found)


async def test_every_operator_setting_is_there_with_who_changed_it(admin: httpx.AsyncClient) -> None:
    reply = await admin.get("/api/settings")
    assert reply.headers["cache-control"] == "no-store"
    before = reply.json()
    assert set(before["settings"]) == set(OperatorSettings.model_fields)
    after = await put(admin, event_title="Анна & Paul", slot_permits=3, result_ttl_hours=72)
    title, ttl = after["settings"]["event_title"], after["settings"]["result_ttl_hours"]
    assert (title["value"], title["updated_by"]) == ("Анна & Paul", "serg")
    assert title["version"] == before["settings"]["event_title"]["version"] + 1
    assert title["description"]
    assert ttl == before["settings"]["result_ttl_hours"]  # it had that value
    assert after["version"] == before["version"] + 2


async def test_a_change_is_in_effect_for_the_next_photo(
    stack: Stack, admin: httpx.AsyncClient, camera: Camera, shot: Shot
) -> None:
    await put(admin, result_ttl_hours=1)
    reply = await camera.post("/api/ingest/slot-001", shot)
    row = await stack.row(reply.headers["x-job-id"])
    assert timedelta(minutes=59) < row["result_expires_at"] - row["created_at"] < timedelta(minutes=61)


async def test_a_change_based_on_an_older_state_is_refused(admin: httpx.AsyncClient) -> None:
    seen = (await admin.get("/api/settings")).json()["version"]
    await put(admin, event_title="first", version=seen)
    reply = await admin.put("/api/settings", json={"event_title": "second", "version": seen})
    assert code(reply) == (409, "version_conflict")
    assert str(seen + 1) in reply.json()["error"]["fields"]["version"]
    assert (await admin.get("/api/settings")).json()["settings"]["event_title"]["value"] == "first"


async def test_a_change_is_recorded_from_and_to_and_secrets_are_not(
    stack: Stack, admin: httpx.AsyncClient
) -> None:
    title = (await admin.get("/api/settings")).json()["settings"]["event_title"]["value"]
    await put(admin, event_title="Recorded", ingest_password=NEW)
    entry = await newest_entry(admin, "settings")
    assert entry["actor"] == "serg"
    assert entry["address"] == "127.0.0.1"
    assert entry["detail"] == {"changes": {"event_title": {"from": title, "to": "Recorded"}}}
    rotated = await newest_entry(admin, "ingest_password.rotated")
    assert rotated["detail"] == {"password": "changed", "previous_valid_until": None}
    assert await stack.value("select count(*) from audit_log where audit_log::text like $1", f"%{NEW}%") == 0


async def test_an_update_that_changes_nothing_leaves_no_trace(admin: httpx.AsyncClient) -> None:
    before, newest = (await admin.get("/api/settings")).json(), await newest_entry(admin, "settings")
    values = {key: entry["value"] for key, entry in before["settings"].items()}
    assert await put(admin, **values) == before
    assert await put(admin) == before
    assert await newest_entry(admin, "settings") == newest


async def test_a_suggested_password_is_readable_and_changes_nothing(
    admin: httpx.AsyncClient, camera: Camera, password: str
) -> None:
    words = [(await admin.post("/api/settings/ingest-password/suggest")).json()["password"] for _ in range(2)]
    assert words[0] != words[1]
    assert not set("".join(words)) & set("0O1lI")
    assert await posted(camera, password) == 200
    assert "ingest_password" in await put(admin, ingest_password=words[0])


async def test_a_shorter_ttl_says_what_it_would_do_and_does_it_only_when_asked(
    stack: Stack, admin: httpx.AsyncClient, camera: Camera, shot: Shot, client: httpx.AsyncClient
) -> None:
    old, new = [(await camera.post("/api/ingest/slot-001", shot)).headers["x-job-id"] for _ in range(2)]
    expires = "select result_expires_at from job_history where job_id = $1"
    async with stack.database() as db:
        await db.execute(
            "update job_history set finished_at = now() - interval '30 hours' where job_id = $1", old
        )
        kept = "status = 'done' and cleaned_at is null and result_expires_at > now()"
        total = await db.fetchval(f"select count(*) from job_history where {kept}")
    before = await stack.value(expires, old)
    preview = (await admin.get("/api/settings/ttl-preview", params={"hours": 24})).json()
    assert preview["existing_results"] == total
    assert preview["applied"]["at_once"] == 1
    assert preview["applied"]["within_a_day"] >= 1
    assert preview["as_they_are"]["at_once"] == 0
    assert sum(value for value in preview["applied"].values() if isinstance(value, int)) == total

    await put(admin, result_ttl_hours=24)
    assert await stack.value(expires, old) == before
    await put(admin, result_ttl_hours=24, apply_to_existing=True)
    assert (await client.get(f"/public/results/{old}")).status_code == 410
    assert (await client.get(f"/public/results/{new}")).status_code == 200
    assert (await newest_entry(admin, "settings"))["detail"] == {"changes": {}, "results_with_new_ttl": total}


@pytest.mark.parametrize("hours", ["", "0", "-1", "9999999", "nan", "x"])
async def test_a_ttl_that_cannot_be_set_has_no_preview(admin: httpx.AsyncClient, hours: str) -> None:
    reply = await admin.get("/api/settings/ttl-preview", params={"hours": hours})
    assert code(reply) == (422, "validation_failed")


async def test_who_may_only_look_or_is_nobody_changes_nothing(
    client: httpx.AsyncClient, viewer: httpx.AsyncClient, account: MakeAccount, place: httpx.AsyncClient
) -> None:
    place.headers.update(bearer(await log_in(place, await account("operator"), PASSWORD)))
    suggest = "/api/settings/ingest-password/suggest"
    calls = [("PUT", "/api/settings", {"ingest_password": NEW}), ("POST", suggest, None)]
    for method, path, body in calls:
        for who in (viewer, place):
            reply = await who.request(method, path, json=body)
            assert code(reply) == (403, "permission_denied")
            assert "settings:write" in reply.json()["error"]["message"]
        assert code(await client.request(method, path, json=body)) == (401, "not_authenticated")
    assert (await place.get("/api/settings")).status_code == 200
    assert code(await viewer.get("/api/settings")) == (403, "permission_denied")
    assert code(await viewer.get("/api/settings/ttl-preview?hours=1")) == (403, "permission_denied")
    assert code(await client.get("/api/settings")) == (401, "not_authenticated")


async def test_a_refused_body_is_not_repeated_in_the_answer(admin: httpx.AsyncClient) -> None:
    secret = "secret-" + "x" * 80
    reply = await admin.put("/api/settings", json={"ingest_password": secret})
    assert reply.status_code == 422
    assert secret not in reply.text


async def test_numbers_that_json_does_not_know_are_refused(admin: httpx.AsyncClient) -> None:
    for word in ("NaN", "Infinity", "-Infinity"):
        reply = await admin.put(
            "/api/settings",
            content=json.dumps({"result_ttl_hours": 1}).replace("1", word),
            headers={"Content-Type": "application/json"},
        )
        assert code(reply) == (422, "validation_failed"), word
