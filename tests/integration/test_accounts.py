"""Logging in, staying in and getting out (UC0)."""

from __future__ import annotations

import time
from typing import Any

import httpx
import jwt
import pytest

from appliance.accounts.keys import SigningKeys
from appliance.accounts.login import HASH_OF_NOBODY, LoginService
from appliance.accounts.throttle import Client
from appliance.core import passwords
from appliance.core.errors import InvalidCredentials
from tests.support.logins import PASSWORD, MakeAccount, bearer, code, log_in, new_address
from tests.support.stack import Stack


async def test_the_first_password_opens_everything_an_administrator_may_do(
    stack: Stack, client: httpx.AsyncClient
) -> None:
    reply = await log_in(client, "serg", stack.report["passwords"]["accounts"]["serg"])
    body = reply.json()
    assert reply.status_code == 200
    assert (body["token_type"], body["expires_in"], body["must_change_password"]) == ("bearer", 900, True)
    assert "settings:write" in body["permissions"]
    claims = jwt.decode(body["access_token"], options={"verify_signature": False})
    assert claims["sub"] == "serg"
    assert claims["permissions"] == body["permissions"]
    assert claims["exp"] - claims["iat"] == 900
    assert {"alg": "HS256", "kid": SigningKeys(stack.data / "secrets").newest().kid}.items() <= (
        jwt.get_unverified_header(body["access_token"]).items()
    )
    me = await client.get("/api/me", headers=bearer(reply))
    assert me.json()["username"] == "serg"
    assert me.json()["must_change_password"] is True


async def test_cookies_are_out_of_reach_of_scripts_and_other_sites(
    stack: Stack, account: MakeAccount, place: httpx.AsyncClient
) -> None:
    reply = await log_in(place, await account(), PASSWORD)
    cookies = {line.split("=")[0]: line for line in reply.headers.get_list("set-cookie")}
    assert set(cookies) == {stack.cookie("refresh"), stack.cookie("device")}
    for line in cookies.values():
        assert "HttpOnly" in line
        assert "SameSite=strict" in line
        assert "Secure" not in line  # plain HTTP on the LAN would never send it back
    assert reply.headers["cache-control"] == "no-store"


async def test_a_wrong_password_and_an_unknown_account_get_the_same_answer(
    account: MakeAccount, place: httpx.AsyncClient
) -> None:
    wrong = await log_in(place, await account(), "not the password")
    unknown = await log_in(place, "nobody", "not the password")
    assert code(wrong) == (401, "invalid_credentials")
    assert unknown.json() == wrong.json()
    assert not wrong.headers.get_list("set-cookie")


@pytest.mark.parametrize("username", ["serg", "nobody", "No Body!", "serg\0", "я" * 40])
async def test_bcrypt_is_run_once_whether_or_not_there_is_such_an_account(
    monkeypatch: pytest.MonkeyPatch, username: str, login_service: LoginService
) -> None:
    checked: list[bytes] = []
    monkeypatch.setattr(passwords.bcrypt, "checkpw", lambda _, hashed: bool(checked.append(hashed)))
    for _ in range(2):
        with pytest.raises(InvalidCredentials):
            await login_service.login(username, "not the password", Client(new_address()))
    assert len(checked) == 2


def test_who_is_not_there_takes_as_many_rounds_as_who_is() -> None:
    there = passwords.hash_password_blocking("some password")
    assert there.split("$")[2] == HASH_OF_NOBODY.split("$")[2]


async def test_the_name_is_taken_as_a_phone_types_it(account: MakeAccount, place: httpx.AsyncClient) -> None:
    name = await account()
    assert (await log_in(place, f" {name.capitalize()} ", PASSWORD)).status_code == 200


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"username": "serg"}, 422),
        ({"username": "serg", "password": ""}, 422),
        ({"username": "serg", "password": None}, 422),
        ({"username": ["serg"], "password": "x"}, 422),
        ({"username": "x" * 65, "password": "x"}, 422),
        ({"username": "serg", "password": "x" * 2000}, 422),
        ({"username": "a\0b", "password": "a\0b"}, 401),
        ({"username": "' or 1=1 --", "password": "ж" * 60}, 401),
        ([], 422),
    ],
)
async def test_what_is_no_login_is_refused_in_our_form(
    place: httpx.AsyncClient, body: Any, status: int
) -> None:
    reply = await place.post("/api/login", json=body)
    assert reply.status_code == status
    assert reply.json()["error"]["message"]


async def test_an_empty_password_must_not_be_empty(place: httpx.AsyncClient) -> None:
    reply = await place.post("/api/login", json={"username": "serg", "password": ""})
    assert reply.json()["error"]["fields"] == {"password": "must not be empty"}


@pytest.mark.parametrize("content", [b"", b"{", b'{"username": "\\ud800", "password": "\\ud800"}', b"\xff"])
async def test_a_login_that_is_no_json_is_refused(place: httpx.AsyncClient, content: bytes) -> None:
    reply = await place.post("/api/login", content=content, headers={"Content-Type": "application/json"})
    assert code(reply) in {(422, "validation_failed"), (400, "invalid_request")}


async def test_only_tokens_that_we_signed_for_this_use_are_taken(
    stack: Stack, account: MakeAccount, place: httpx.AsyncClient
) -> None:
    good = (await log_in(place, await account(), PASSWORD)).json()["access_token"]
    claims = jwt.decode(good, options={"verify_signature": False})
    key = SigningKeys(stack.data / "secrets").newest()
    forged = {
        "none": jwt.encode(claims, None, algorithm="none", headers={"kid": key.kid}),
        "another key": jwt.encode(claims, "x" * 64, headers={"kid": key.kid}),
        "another kid": jwt.encode(claims, key.secret, headers={"kid": "other"}),
        "no kid": jwt.encode(claims, key.secret),
        "another use": jwt.encode({**claims, "use": "device"}, key.secret, headers={"kid": key.kid}),
        "another account": jwt.encode({**claims, "sub": "serg"}, key.secret, headers={"kid": key.kid}),
        "no session": jwt.encode({**claims, "sid": "?"}, key.secret, headers={"kid": key.kid}),
        "the device cookie": place.cookies[stack.cookie("device")],
        "noise": "ab.cd.ef",
        "cut": good[:-3],
    }
    for name, token in forged.items():
        reply = await place.get("/api/me", headers={"Authorization": f"Bearer {token}"})
        assert code(reply) == (401, "not_authenticated"), name
    for headers in ({}, {"Authorization": f"Basic {good}"}, {"Authorization": good}):
        assert code(await place.get("/api/me", headers=headers)) == (401, "not_authenticated")


async def test_a_token_past_its_time_says_so(
    stack: Stack, account: MakeAccount, place: httpx.AsyncClient
) -> None:
    claims = jwt.decode(
        (await log_in(place, await account(), PASSWORD)).json()["access_token"],
        options={"verify_signature": False},
    )
    key = SigningKeys(stack.data / "secrets").newest()
    late = jwt.encode({**claims, "exp": int(time.time()) - 10}, key.secret, headers={"kid": key.kid})
    reply = await place.get("/api/me", headers={"Authorization": f"Bearer {late}"})
    assert code(reply) == (401, "token_expired")
