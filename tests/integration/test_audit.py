"""The audit log: who did what, from where; read a page at a time."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.support.logins import PASSWORD, MakeAccount, bearer, code, log_in
from tests.support.stack import Stack


async def entries(client: httpx.AsyncClient, **params: Any) -> list[dict[str, Any]]:
    reply = await client.get("/api/audit", params=params)
    assert reply.status_code == 200, reply.text
    found: list[dict[str, Any]] = reply.json()["entries"]
    return found


async def test_a_session_from_login_to_logout_is_on_record(
    admin: httpx.AsyncClient, account: MakeAccount, place: httpx.AsyncClient, address: str
) -> None:
    name = await account()
    await log_in(place, name, "not the password")
    first = bearer(await log_in(place, name, PASSWORD))
    body = {"current_password": PASSWORD, "new_password": "another good one"}
    await place.post("/api/password", headers=first, json={**body, "current_password": "wrong"})
    second = bearer(await place.post("/api/password", headers=first, json=body))
    await place.post("/api/logout", headers=second)
    third = bearer(await log_in(place, name, "another good one"))
    await place.post("/api/logout-everywhere", headers=third)
    found = await entries(admin, actor=name)
    assert [entry["action"] for entry in reversed(found)] == [
        "login.refused",
        "login.succeeded",
        "account.password_refused",
        "account.password_changed",
        "logout",
        "login.succeeded",
        "logout.everywhere",
    ]
    assert {entry["address"] for entry in found} == {address}
    assert found[3]["detail"] == {"password": "changed"}


async def test_what_was_typed_as_an_unknown_name_is_not_written_down(
    stack: Stack, admin: httpx.AsyncClient, place: httpx.AsyncClient, address: str
) -> None:
    await log_in(place, "my-secret-password", "serg")
    newest = (await entries(admin, actor="unknown", limit=1))[0]
    assert (newest["action"], newest["address"]) == ("login.refused", address)
    for table in ("audit_log", "rate_bucket"):
        like = f"select count(*) from {table} where {table}::text like '%my-secret%'"
        assert await stack.value(like) == 0
    assert "my-secret" not in stack.app_log()


async def test_pages_follow_each_other_without_gaps(
    admin: httpx.AsyncClient, account: MakeAccount, place: httpx.AsyncClient
) -> None:
    name = await account()
    for _ in range(5):
        await log_in(place, name, PASSWORD)
    whole = await entries(admin, actor=name)
    assert len(whole) == 5
    paged, cursor = [], None
    while True:
        params = {"actor": name, "limit": 2} | ({"cursor": cursor} if cursor else {})
        page = (await admin.get("/api/audit", params=params)).json()
        paged += page["entries"]
        cursor = page["next_cursor"]
        if cursor is None:
            break
        await log_in(place, name, PASSWORD)  # new entries do not shift the pages
    assert paged == whole


async def test_entries_are_found_by_action_and_time(
    admin: httpx.AsyncClient, account: MakeAccount, place: httpx.AsyncClient
) -> None:
    name = await account()
    await log_in(place, name, "not the password")
    await log_in(place, name, PASSWORD)
    good, refused = await entries(admin, actor=name)
    assert await entries(admin, actor=name, action="login") == [good, refused]
    assert await entries(admin, actor=name, action="login.refused") == [refused]
    assert await entries(admin, actor=name, action="log") == []
    assert await entries(admin, actor=name, action="login%") == []
    assert await entries(admin, actor=name, since=good["at"]) == [good]
    assert await entries(admin, actor=name, until=good["at"]) == [refused]


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=201", "cursor=x", "cursor=0", "since=2026-01-01T00:00:00", "actor=%00"]
)
async def test_a_filter_that_cannot_be_understood_is_refused(admin: httpx.AsyncClient, query: str) -> None:
    assert code(await admin.get(f"/api/audit?{query}")) == (422, "validation_failed")


async def test_only_administrators_read_it(client: httpx.AsyncClient, viewer: httpx.AsyncClient) -> None:
    assert code(await viewer.get("/api/audit")) == (403, "permission_denied")
    assert code(await client.get("/api/audit")) == (401, "not_authenticated")
