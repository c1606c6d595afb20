"""Sessions: continued by a cookie, ended for good, surviving a change of keys."""

from __future__ import annotations

import asyncio
import hashlib
import subprocess
import sys
import uuid

import httpx
import jwt
import pytest

from appliance.core.secrets import FirstPasswordFile
from tests.support.logins import PASSWORD, Logins, MakeAccount, bearer, client_at, code, log_in, new_address
from tests.support.stack import CHECKOUT, Stack


def run_verb(stack: Stack, *arguments: str, stdin: str = "") -> str:
    done = subprocess.run(
        [sys.executable, "-m", "appliance", *arguments],
        cwd=CHECKOUT,
        env=stack.environment(),
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


async def test_after_logging_out_no_token_of_the_session_is_taken(
    stack: Stack, account: MakeAccount, place: httpx.AsyncClient
) -> None:
    headers = bearer(await log_in(place, await account(), PASSWORD))
    cookie = place.cookies[stack.cookie("refresh")]
    assert (await place.post("/api/logout", headers=headers)).status_code == 204
    assert stack.cookie("refresh") not in place.cookies
    assert code(await place.get("/api/me", headers=headers)) == (401, "token_expired")
    place.cookies[stack.cookie("refresh")] = cookie
    assert code(await place.post("/api/refresh")) == (401, "token_expired")


async def test_a_browser_logs_out_by_its_cookie_alone(account: MakeAccount, place: httpx.AsyncClient) -> None:
    headers = bearer(await log_in(place, await account(), PASSWORD))
    assert (await place.post("/api/logout")).status_code == 204
    assert code(await place.get("/api/me", headers=headers)) == (401, "token_expired")
    assert code(await place.post("/api/logout")) == (401, "not_authenticated")


async def test_logging_out_everywhere_ends_every_session_of_the_account_and_no_other(
    account: MakeAccount, place: httpx.AsyncClient
) -> None:
    name = await account()
    sessions = [bearer(await log_in(place, name, PASSWORD)) for _ in range(3)]
    other = bearer(await log_in(place, await account(), PASSWORD))
    assert (await place.post("/api/logout-everywhere", headers=sessions[0])).status_code == 204
    for headers in sessions:
        assert code(await place.get("/api/me", headers=headers)) == (401, "token_expired")
    assert (await place.get("/api/me", headers=other)).status_code == 200
    assert (await log_in(place, name, PASSWORD)).status_code == 200


async def test_the_refresh_cookie_continues_the_session_and_changes(
    stack: Stack, account: MakeAccount, place: httpx.AsyncClient
) -> None:
    name = await account()
    first = bearer(await log_in(place, name, PASSWORD))
    seen = [place.cookies[stack.cookie("refresh")]]
    for _ in range(3):
        headers = bearer(await place.post("/api/refresh"))
        assert (await place.get("/api/me", headers=headers)).json()["username"] == name
        seen.append(place.cookies[stack.cookie("refresh")])
    assert len(set(seen)) == 4
    assert (await place.get("/api/me", headers=first)).status_code == 200


async def test_two_tabs_that_refresh_at_once_stay_logged_in(
    stack: Stack, account: MakeAccount, place: httpx.AsyncClient
) -> None:
    await log_in(place, await account(), PASSWORD)
    cookie = {"Cookie": f"{stack.cookie('refresh')}={place.cookies[stack.cookie('refresh')]}"}
    place.cookies.clear()
    replies = await asyncio.gather(*(place.post("/api/refresh", headers=cookie) for _ in range(4)))
    assert [reply.status_code for reply in replies] == [200] * 4
    assert len({reply.cookies[stack.cookie("refresh")] for reply in replies}) == 1
    assert (await place.post("/api/refresh")).status_code == 200


@pytest.mark.parametrize("age", [1, 2])
async def test_a_refresh_cookie_that_is_used_again_ends_the_session(
    stack: Stack, account: MakeAccount, place: httpx.AsyncClient, age: int
) -> None:
    name = await account()
    await log_in(place, name, PASSWORD)
    stolen = place.cookies[stack.cookie("refresh")]
    for _ in range(age):
        headers = bearer(await place.post("/api/refresh"))
    async with stack.database() as db:
        await db.execute(
            "update login_session set rotated_at = now() - interval '1 minute' where username = $1", name
        )
    async with client_at(stack, new_address()) as thief:
        thief.cookies[stack.cookie("refresh")] = stolen
        assert code(await thief.post("/api/refresh")) == (401, "token_expired")
    assert code(await place.get("/api/me", headers=headers)) == (401, "token_expired")
    assert code(await place.post("/api/refresh")) == (401, "token_expired")
    actions = "select count(*) from audit_log where actor = $1 and action = 'session.refresh_reused'"
    assert await stack.value(actions, name) == 1


async def test_an_invented_refresh_cookie_ends_nothing(
    stack: Stack, account: MakeAccount, place: httpx.AsyncClient
) -> None:
    headers = bearer(await log_in(place, await account(), PASSWORD))
    session = place.cookies[stack.cookie("refresh")].partition(".")[0]
    place.cookies.clear()
    for invented in (f"{uuid.uuid4().hex}.{'A' * 43}", f"{session}.", session, "x", ""):
        cookie = {"Cookie": f"{stack.cookie('refresh')}={invented}".encode()}
        reply = await place.post("/api/refresh", headers=cookie)
        assert code(reply) == (401, "not_authenticated"), invented
    assert (await place.get("/api/me", headers=headers)).status_code == 200


async def test_another_secret_with_a_sessions_id_ends_it_as_one_that_was_used_up_does(
    stack: Stack, account: MakeAccount, place: httpx.AsyncClient
) -> None:
    name = await account()
    headers = bearer(await log_in(place, name, PASSWORD))
    session = place.cookies[stack.cookie("refresh")].partition(".")[0]
    cookie = {"Cookie": f"{stack.cookie('refresh')}={session}.é".encode()}
    place.cookies.clear()
    assert code(await place.post("/api/refresh", headers=cookie)) == (401, "token_expired")
    assert code(await place.get("/api/me", headers=headers)) == (401, "token_expired")
    actions = "select count(*) from audit_log where actor = $1 and action = 'session.refresh_reused'"
    assert await stack.value(actions, name) == 1


async def test_a_cookie_of_the_version_before_continues_its_session(
    stack: Stack, account: MakeAccount, place: httpx.AsyncClient
) -> None:
    name, secret, session = await account(), "A" * 43, uuid.uuid4()
    async with stack.database() as db:
        await db.execute(
            "insert into login_session (id, username, token_version, network, refresh_hash, rotation_key,"
            " rotations, expires_at) values ($1, $2, 1, 'x', $3, $4, 7, now() + interval '1 day')",
            session, name, hashlib.sha256(secret.encode()).hexdigest(), b"k" * 32,
        )  # fmt: skip
    place.cookies[stack.cookie("refresh")] = f"{session.hex}.{secret}"
    for _ in range(2):
        headers = bearer(await place.post("/api/refresh"))
    assert (await place.get("/api/me", headers=headers)).json()["username"] == name


async def test_who_logs_out_by_the_cookie_that_another_tab_has_just_used_is_logged_out(
    stack: Stack, account: MakeAccount, place: httpx.AsyncClient
) -> None:
    headers = bearer(await log_in(place, await account(), PASSWORD))
    before = place.cookies[stack.cookie("refresh")]
    assert (await place.post("/api/refresh")).status_code == 200
    place.cookies.clear()
    place.cookies[stack.cookie("refresh")] = before
    assert (await place.post("/api/logout")).status_code == 204
    assert code(await place.get("/api/me", headers=headers)) == (401, "token_expired")


async def test_a_session_nobody_refreshed_for_a_week_is_over(
    stack: Stack, account: MakeAccount, place: httpx.AsyncClient
) -> None:
    name = await account()
    headers = bearer(await log_in(place, name, PASSWORD))
    async with stack.database() as db:
        await db.execute("update login_session set expires_at = now() where username = $1", name)
    assert code(await place.get("/api/me", headers=headers)) == (401, "token_expired")
    assert code(await place.post("/api/refresh")) == (401, "token_expired")


async def test_a_new_password_ends_the_other_sessions_and_opens_one_here(
    stack: Stack, account: MakeAccount, place: httpx.AsyncClient
) -> None:
    name, kept = await account(), FirstPasswordFile(stack.data / "secrets")
    kept.add(ingest=None, accounts={name: PASSWORD})
    here, elsewhere = [bearer(await log_in(place, name, PASSWORD)) for _ in range(2)]
    reply = await place.post(
        "/api/password",
        headers=here,
        json={"current_password": PASSWORD, "new_password": "another good one"},
    )
    assert reply.status_code == 200
    assert reply.json()["must_change_password"] is False
    assert (await place.get("/api/me", headers=bearer(reply))).json()["must_change_password"] is False
    for headers in (here, elsewhere):
        assert code(await place.get("/api/me", headers=headers)) == (401, "token_expired")
    assert (await place.post("/api/refresh")).status_code == 200
    assert (await log_in(place, name, PASSWORD)).status_code == 401
    assert (await log_in(place, name, "another good one")).status_code == 200
    assert name not in kept.read()["accounts"]


@pytest.mark.parametrize(
    ("new", "words"),
    [
        ("too short", "10 characters"),
        (PASSWORD, "differ"),
        ("я" * 37, "72 bytes"),
        ("{name}-2026", "user name"),
    ],
)
async def test_a_new_password_that_will_not_do_says_why(
    account: MakeAccount, place: httpx.AsyncClient, new: str, words: str
) -> None:
    name = await account()
    headers = bearer(await log_in(place, name, PASSWORD))
    body = {"current_password": PASSWORD, "new_password": new.format(name=name)}
    reply = await place.post("/api/password", headers=headers, json=body)
    assert code(reply) == (422, "validation_failed")
    assert words in reply.json()["error"]["fields"]["new_password"]
    assert (await place.get("/api/me", headers=headers)).status_code == 200


async def test_a_wrong_current_password_changes_nothing_and_is_not_tried_for_ever(
    account: MakeAccount, place: httpx.AsyncClient
) -> None:
    headers = bearer(await log_in(place, await account(), PASSWORD))
    body = {"current_password": "not the password", "new_password": "another good one"}
    replies = [await place.post("/api/password", headers=headers, json=body) for _ in range(11)]
    assert [code(reply) for reply in replies] == [(401, "invalid_credentials")] * 10 + [
        (429, "too_many_logins")
    ]
    assert (await place.get("/api/me", headers=headers)).status_code == 200


async def test_a_password_set_on_the_machine_ends_the_sessions_too(
    stack: Stack, account: MakeAccount, place: httpx.AsyncClient
) -> None:
    name = await account()
    headers = bearer(await log_in(place, name, PASSWORD))
    await asyncio.to_thread(run_verb, stack, "set-password", name, stdin="set on the machine\n")
    assert code(await place.get("/api/me", headers=headers)) == (401, "token_expired")
    assert (await log_in(place, name, "set on the machine")).status_code == 200


async def test_rotating_the_signing_key_logs_nobody_out(
    stack: Stack, account: MakeAccount, place: httpx.AsyncClient
) -> None:
    name = await account()
    before = bearer(await log_in(place, name, PASSWORD))
    kid = await asyncio.to_thread(run_verb, stack, "rotate-signing-key")
    after = bearer(await log_in(place, name, PASSWORD))
    assert jwt.get_unverified_header(after["Authorization"].split()[1])["kid"] == kid
    for headers in (before, after):
        assert (await place.get("/api/me", headers=headers)).status_code == 200


async def test_a_leaked_signing_key_is_worth_nothing_once_it_is_retired(
    stack: Stack, account: MakeAccount, place: httpx.AsyncClient, logins: Logins
) -> None:
    headers = bearer(await log_in(place, await account(), PASSWORD))
    await asyncio.to_thread(run_verb, stack, "rotate-signing-key", "--retire-old")
    logins.forget()
    assert code(await place.get("/api/me", headers=headers)) == (401, "not_authenticated")
    again = bearer(await place.post("/api/refresh"))
    assert (await place.get("/api/me", headers=again)).status_code == 200


async def test_a_permission_taken_away_is_gone_at_once(
    stack: Stack, account: MakeAccount, place: httpx.AsyncClient
) -> None:
    name = await account("administrator")
    headers = bearer(await log_in(place, name, PASSWORD))
    assert (await place.get("/api/audit", headers=headers)).status_code == 200
    async with stack.database() as db:
        await db.execute("update account set permissions = '{slots:read}' where username = $1", name)
    assert code(await place.get("/api/audit", headers=headers)) == (403, "permission_denied")


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_every_cookie_goes_back_over_https_alone_if_it_came_that_way(
    stack: Stack, admin: httpx.AsyncClient, account: MakeAccount, scheme: str
) -> None:
    """Asked of the app as Nginx does; staff's cookies and guests'. None can be read by a script."""
    gallery = (await admin.post("/api/shared-galleries", json={"minutes": 5, "pin": "471135"})).json()
    path, name = httpx.URL(gallery["url"]).path, await account()
    forwarded = {"X-Forwarded-Proto": scheme, "X-Forwarded-For": new_address()}
    async with httpx.AsyncClient(
        transport=stack.to_app(), base_url="http://app", headers=forwarded
    ) as client:
        page = await client.get("/admin/login")
        form = {
            "csrf": page.text.partition('name="csrf" value="')[2].partition('"')[0],
            "username": name,
            "password": PASSWORD,
        }
        kept = {"Cookie": page.headers["set-cookie"].partition(";")[0]}
        answers = [
            page,
            await client.post("/admin/login", data=form, headers=kept),
            await log_in(client, name, PASSWORD),
            await client.post(path, data={"pin": "471135"}),
            await client.get(f"{path}?lang=ru"),
        ]
    await admin.delete(f"/api/shared-galleries/{gallery['id']}")
    for answer in answers:
        cookies = answer.headers.get_list("set-cookie")
        assert cookies, answer.url
        for cookie in cookies:
            flags = {flag.strip().lower() for flag in cookie.split(";")[1:]}
            assert ("secure" in flags) == (scheme == "https"), cookie
            assert "httponly" in flags, cookie
            assert flags & {"samesite=strict", "samesite=lax"}, cookie
