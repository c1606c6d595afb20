"""How often a password may be tried, and who is never locked out."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest

from appliance.accounts import throttle
from appliance.accounts.login import LoginService
from appliance.accounts.throttle import Client
from appliance.core.db import Database
from appliance.core.errors import TooManyLogins
from appliance.core.ratelimit import Limit, RateLimiter
from tests.support.logins import PASSWORD, MakeAccount, client_at, code, log_in, new_address
from tests.support.stack import Stack


async def empty_bucket(stack: Stack, key: str) -> None:
    async with stack.database() as db:
        await db.execute(
            "insert into rate_bucket (key, tokens) values ($1, 0)"
            " on conflict (key) do update set tokens = 0, updated_at = now()",
            key,
        )


async def try_wrong(client: httpx.AsyncClient, username: str, times: int) -> list[int]:
    return [(await log_in(client, username, "not the password")).status_code for _ in range(times)]


async def attack_from_everywhere(stack: Stack, username: str) -> None:
    """As if many addresses had used up what strangers may try of an account."""
    await empty_bucket(stack, f"login:account:{throttle._digest(username)}")


async def test_the_eleventh_wrong_password_in_a_row_has_to_wait(
    account: MakeAccount, place: httpx.AsyncClient
) -> None:
    name = await account()
    assert await try_wrong(place, name, 10) == [401] * 10
    reply = await log_in(place, name, PASSWORD)
    assert code(reply) == (429, "too_many_logins")
    assert 1 <= int(reply.headers["retry-after"]) <= 30
    assert reply.json()["error"]["retry_after"] == int(reply.headers["retry-after"])


async def test_trying_other_names_does_not_help(place: httpx.AsyncClient) -> None:
    statuses = [(await log_in(place, f"name{number}", "x")).status_code for number in range(11)]
    assert statuses == [401] * 10 + [429]


async def test_a_client_cannot_name_its_own_address(place: httpx.AsyncClient) -> None:
    statuses = []
    for number in range(11):
        place.headers["X-Forwarded-For"] = f"10.0.0.{number}"
        place.headers["X-Real-IP"] = f"10.0.0.{number}"
        statuses += await try_wrong(place, "nobody", 1)
    assert statuses == [401] * 10 + [429]


async def test_good_logins_use_nothing_up(account: MakeAccount, place: httpx.AsyncClient) -> None:
    name = await account()
    assert [(await log_in(place, name, PASSWORD)).status_code for _ in range(15)] == [200] * 15


async def test_an_allowance_comes_back_with_time(
    stack: Stack, account: MakeAccount, place: httpx.AsyncClient, address: str
) -> None:
    name = await account()
    await empty_bucket(stack, f"login:address:{address}")
    assert code(await log_in(place, name, PASSWORD)) == (429, "too_many_logins")
    async with stack.database() as db:
        await db.execute(
            "update rate_bucket set updated_at = now() - interval '31 seconds' where key = $1",
            f"login:address:{address}",
        )
    assert (await log_in(place, name, PASSWORD)).status_code == 200


async def test_an_attack_from_everywhere_does_not_reach_a_known_address(
    stack: Stack, account: MakeAccount, place: httpx.AsyncClient, address: str
) -> None:
    name = await account()
    await log_in(place, name, PASSWORD)
    place.cookies.clear()
    await attack_from_everywhere(stack, name)
    await empty_bucket(stack, f"login:address:{address}")
    assert (await log_in(place, name, PASSWORD)).status_code == 200


async def test_a_browser_that_logged_in_before_keeps_its_allowance_beside_an_attacker(
    stack: Stack, account: MakeAccount
) -> None:
    name, address = await account(), new_address()
    async with client_at(stack, address) as browser, client_at(stack, address) as attacker:
        await log_in(browser, name, PASSWORD)
        await browser.post("/api/logout")
        assert await try_wrong(attacker, name, 11) == [401] * 10 + [429]
        assert (await log_in(browser, name, PASSWORD)).status_code == 200
        assert (await log_in(attacker, name, PASSWORD)).status_code == 429


async def test_a_device_is_known_for_its_own_account_alone(
    stack: Stack, account: MakeAccount, place: httpx.AsyncClient
) -> None:
    mine, other = await account(), await account()
    await log_in(place, mine, PASSWORD)
    await try_wrong(place, other, 10)
    assert code(await log_in(place, other, PASSWORD)) == (429, "too_many_logins")
    assert (await log_in(place, mine, PASSWORD)).status_code == 200


async def test_an_attacked_account_stays_open_to_a_place_it_never_logged_in_from(
    stack: Stack, account: MakeAccount
) -> None:
    name = await account()
    await attack_from_everywhere(stack, name)
    async with client_at(stack, new_address()) as stranger:
        assert await try_wrong(stranger, name, 4) == [401] * 3 + [429]
    async with client_at(stack, new_address()) as administrator:
        assert (await log_in(administrator, name, PASSWORD)).status_code == 200


async def test_another_process_knows_what_was_used_up(
    account: MakeAccount, place: httpx.AsyncClient, address: str, login_service: LoginService
) -> None:
    name = await account()
    await try_wrong(place, name, 10)
    with pytest.raises(TooManyLogins):
        await login_service.login(name, PASSWORD, Client(address))


async def test_a_flood_leaves_one_line_a_minute_in_the_audit_log(
    stack: Stack, account: MakeAccount, place: httpx.AsyncClient
) -> None:
    name = await account()
    assert (await try_wrong(place, name, 15))[10:] == [429] * 5
    counts = "select count(*) from audit_log where actor = $1 and action = $2"
    assert await stack.value(counts, name, "login.refused") == 10
    assert await stack.value(counts, name, "login.throttled") == 1


async def test_of_many_that_take_at_once_only_as_many_as_there_are_get_one(database: Database) -> None:
    limit, key = Limit.parse("7 per day"), f"test:{new_address()}"

    async def take() -> float:
        async with database.session() as session:
            return await RateLimiter(session).take(key, limit)

    waits = await asyncio.gather(*(take() for _ in range(40)))
    assert waits.count(0) == 7
    assert all(86400 / 7 * 0.99 < wait <= 86400 / 7 for wait in waits if wait)


async def test_a_bucket_never_holds_more_than_its_limit(stack: Stack, database: Database) -> None:
    limit, key = Limit.parse("2 per second"), f"test:{new_address()}"

    async def bucket(what: str) -> Any:
        async with database.session() as session:
            return await getattr(RateLimiter(session), what)(key, limit)

    await bucket("take")
    for _ in range(3):
        await bucket("give_back")
    assert await stack.value("select tokens from rate_bucket where key = $1", key) == 2
