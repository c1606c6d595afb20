"""API tokens: made once, able to do what they say and their maker may, ended in every way."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import httpx

from appliance.core.clock import utcnow
from tests.support.logins import PASSWORD, MakeAccount, bearer, client_at, code, log_in
from tests.support.stack import Stack
from tests.support.waiting import until

WAITING = "select count(*) from pg_stat_activity where wait_event_type = 'Lock'"


def wanted(name: str = "report", *scopes: str, days: float = 7) -> dict[str, Any]:
    return {
        "name": name,
        "scopes": list(scopes) or ["jobs:read"],
        "expires_at": (utcnow() + timedelta(days=days)).isoformat(),
    }


async def made(client: httpx.AsyncClient, body: dict[str, Any], **kept: Any) -> dict[str, Any]:
    reply = await client.post("/api/tokens", json=body, **kept)
    assert reply.status_code == 201, reply.text
    found: dict[str, Any] = reply.json()
    return found


@asynccontextmanager
async def with_token(stack: Stack, admin: httpx.AsyncClient, *scopes: str) -> AsyncIterator[Any]:
    """A script with a token of serg's, and what the API said of it."""
    token = await made(admin, wanted("script", *scopes))
    async with client_at(stack, token=token["token"]) as script:
        try:
            yield script, token
        finally:
            await admin.delete(f"/api/tokens/{token['id']}")


async def test_a_token_is_shown_once_and_kept_as_a_digest(stack: Stack, admin: httpx.AsyncClient) -> None:
    async with with_token(stack, admin, "jobs:read") as (_, token):
        listed = (await admin.get("/api/tokens")).json()["tokens"]
        mine = next(one for one in listed if one["id"] == token["id"])
        assert mine["ends_in"] == "…" + token["token"][-4:]
        assert "token" not in mine
        assert (
            await stack.value("select count(*) from api_token t where t::text like '%pct@_%' escape '@'") == 0
        )
        assert token["token"] not in stack.app_log()


async def test_a_token_may_do_what_its_scopes_say_and_nothing_else(
    stack: Stack, admin: httpx.AsyncClient
) -> None:
    async with with_token(stack, admin, "jobs:read") as (script, token):
        assert (await script.get("/api/jobs")).status_code == 200
        assert code(await script.get("/api/slots")) == (403, "permission_denied")
        assert code(await script.put("/api/settings", json={})) == (403, "permission_denied")
        me = (await script.get("/api/me")).json()
        assert (me["username"], me["permissions"]) == ("serg", ["jobs:read"])
        listed = (await admin.get("/api/tokens")).json()["tokens"]
        mine = next(one for one in listed if one["id"] == token["id"])
        assert mine["last_used_at"]
        assert mine["last_used_from"] == "127.0.0.1"


async def test_what_a_token_did_stands_in_the_audit_log_under_its_name_and_its_makers(
    stack: Stack, admin: httpx.AsyncClient
) -> None:
    async with with_token(stack, admin, "slots:pause") as (script, _):
        assert (await script.post("/api/slots/slot-002/pause")).status_code == 200
        assert (await script.post("/api/slots/slot-002/resume")).status_code == 200
    newest = (await admin.get("/api/audit", params={"actor": "serg", "limit": 4})).json()["entries"]
    assert [(one["actor"], one["action"]) for one in newest] == [
        ("serg", "token.revoked"),
        ("token script of serg", "slot.resumed"),
        ("token script of serg", "slot.paused"),
        ("serg", "token.made"),
    ]


async def test_a_revoked_token_is_refused_at_once(stack: Stack, admin: httpx.AsyncClient) -> None:
    async with with_token(stack, admin, "jobs:read", "media:write") as (script, token):
        assert (await script.get("/api/jobs")).status_code == 200
        assert (await admin.delete(f"/api/tokens/{token['id']}")).status_code == 204
        assert code(await script.get("/api/jobs")) == (401, "not_authenticated")
        refused = await script.post("/api/template-media/register", content=b"x" * 1000)
        assert code(refused) == (401, "not_authenticated")
        assert code(await admin.delete(f"/api/tokens/{token['id']}")) == (404, "not_found")


async def test_an_expired_token_says_that_it_expired(stack: Stack, admin: httpx.AsyncClient) -> None:
    async with with_token(stack, admin, "jobs:read") as (script, token):
        async with stack.database() as db:
            await db.execute(
                "update api_token set expires_at = now() - interval '1 second' where id = $1", token["id"]
            )
        assert code(await script.get("/api/jobs")) == (401, "token_expired")
        assert code(await script.put("/api/settings", json={})) == (401, "token_expired")


async def test_nobody_gives_a_token_what_they_may_not_do_themselves(
    stack: Stack, admin: httpx.AsyncClient, account: MakeAccount, place: httpx.AsyncClient
) -> None:
    name = await account("operator")
    async with stack.database() as db:
        await db.execute(
            "update account set permissions = array['tokens:write', 'jobs:read'] where username = $1", name
        )
    headers = bearer(await log_in(place, name, PASSWORD))
    refused = await place.post(
        "/api/tokens", json=wanted("more", "jobs:read", "slots:write"), headers=headers
    )
    assert code(refused) == (422, "validation_failed")
    assert "slots:write" in refused.json()["error"]["fields"]["scopes"]


async def test_a_token_loses_what_its_maker_loses_and_dies_with_the_account(
    stack: Stack, account: MakeAccount, place: httpx.AsyncClient
) -> None:
    name = await account("administrator")
    headers = bearer(await log_in(place, name, PASSWORD))
    token = await made(place, wanted("own", "jobs:read", "slots:read"), headers=headers)
    async with client_at(stack, token=token["token"]) as script, stack.database() as db:
        assert (await script.get("/api/slots")).status_code == 200
        await db.execute("update account set permissions = array['jobs:read'] where username = $1", name)
        assert code(await script.get("/api/slots")) == (403, "permission_denied")
        assert (await script.get("/api/jobs")).status_code == 200
        await db.execute("delete from account where username = $1", name)
        assert code(await script.get("/api/jobs")) == (401, "not_authenticated")


async def test_a_token_manages_neither_tokens_nor_passwords_nor_sessions(
    stack: Stack, admin: httpx.AsyncClient
) -> None:
    async with with_token(stack, admin, "settings:write", "settings:read") as (script, _):
        assert (await script.get("/api/settings")).status_code == 200
        assert code(await script.get("/api/tokens")) == (403, "permission_denied")
        assert code(await script.post("/api/tokens", json=wanted())) == (403, "permission_denied")
        assert code(await script.post("/api/logout-everywhere")) == (403, "permission_denied")
        body = {"current_password": "x", "new_password": "another good one"}
        assert code(await script.post("/api/password", json=body)) == (403, "permission_denied")
        assert (await script.get("/admin/settings")).status_code == 303, "pages are for people"


async def test_a_token_with_the_scope_makes_tokens_that_can_do_no_more_and_end_with_it(
    stack: Stack, admin: httpx.AsyncClient
) -> None:
    async with with_token(stack, admin, "tokens:write", "jobs:read") as (script, token):
        for body in (
            wanted("child", "slots:read"),
            wanted("child", "tokens:write"),
            wanted("child", "jobs:read", days=8),
        ):
            assert code(await script.post("/api/tokens", json=body)) == (422, "validation_failed")
        child = await made(script, wanted("child", "jobs:read", days=1))
        assert child["username"] == "serg"
        async with client_at(stack, token=child["token"]) as scripts_script:
            assert (await scripts_script.get("/api/jobs")).status_code == 200
            await admin.delete(f"/api/tokens/{token['id']}")
            assert code(await scripts_script.get("/api/jobs")) == (401, "not_authenticated")


async def test_a_token_that_is_made_with_one_that_is_revoked_at_that_moment_ends_with_it(
    stack: Stack, admin: httpx.AsyncClient
) -> None:
    token = await made(admin, wanted("parent", "tokens:write", "jobs:read"))
    async with client_at(stack, token=token["token"]) as script:
        async with stack.database() as somebody, somebody.transaction():
            await somebody.execute("lock table api_token in share mode")  # so that both meet
            bodies = [wanted(f"child-{number}", days=6) for number in range(3)]
            makes = [asyncio.create_task(script.post("/api/tokens", json=body)) for body in bodies]
            await until(lambda: stack.value(f"select ({WAITING}) >= 3"))
            revokes = asyncio.create_task(admin.delete(f"/api/tokens/{token['id']}"))
            await until(lambda: stack.value(f"select ({WAITING}) >= 4"))
        assert (await revokes).status_code == 204
        replies = await asyncio.gather(*makes)
    left = {one["name"] for one in (await admin.get("/api/tokens")).json()["tokens"]}
    assert not {body["name"] for body in bodies} & left, [reply.text for reply in replies]


async def test_of_two_that_are_made_at_once_under_one_name_one_is_refused(admin: httpx.AsyncClient) -> None:
    body = wanted("twice")
    replies = await asyncio.gather(*(admin.post("/api/tokens", json=body) for _ in range(4)))
    for reply in replies:
        if reply.status_code == 201:
            await admin.delete(f"/api/tokens/{reply.json()['id']}")
    assert sorted(reply.status_code for reply in replies) == [201, 422, 422, 422]


async def test_names_times_and_scopes_that_cannot_be_are_refused(admin: httpx.AsyncClient) -> None:
    token = await made(admin, wanted("once"))
    try:
        for body, field in (
            (wanted("once"), "name"),
            (wanted("\n"), "name"),
            (wanted("a" * 23), "name"),
            (wanted("other", "slots:fly"), "scopes.0"),
            (wanted("other") | {"scopes": []}, "scopes"),
            (wanted("other", days=-1), "expires_at"),
            (wanted("other", days=400), "expires_at"),
        ):
            reply = await admin.post("/api/tokens", json=body)
            assert (code(reply), list(reply.json()["error"]["fields"])) == (
                (422, "validation_failed"),
                [field],
            )
    finally:
        await admin.delete(f"/api/tokens/{token['id']}")
