"""Every page, action and route asks for its permission: tried one by one, as everybody who may not.

The table is ``tests/support/permissions.py``; a new route or page is added there.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from http import HTTPStatus

import bcrypt
import httpx
import pytest

from appliance.accounts.permissions import PERMISSIONS
from appliance.core.clock import utcnow
from tests.support.api import operations, permission
from tests.support.camera import Camera, Shot
from tests.support.logins import PASSWORD, client_at, new_address, permissions_of
from tests.support.permissions import (
    ACCOUNT,
    ANYBODY,
    BOOTH,
    LINK,
    SCRAPER,
    VALUES,
    WHO_MAY,
    Route,
    asked,
    listed,
)
from tests.support.routes import routes_of_the_app
from tests.support.stack import Stack

ROLES = ("administrator", "operator", "viewer")
INCLUDES = {
    "results:moderate": "results:write",
    "tokens:write": "settings:write",
}  # who has the latter may do what the former allows
ANYWHERE = ("HEAD", "OPTIONS", "PUT", "TRACE")  # what is asked for where no route takes it
HASHED = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()
Answers = dict[Route, int]


@asynccontextmanager
async def who_has(stack: Stack, *permissions: str) -> AsyncIterator[httpx.AsyncClient]:
    """A browser of an account with these permissions, logged in, which the API knows too."""
    async with stack.database() as db, client_at(stack, new_address()) as client:
        await db.execute("delete from account where username = 'only'")
        await db.execute(
            "insert into account (username, password_hash, role, permissions, must_change_password)"
            " values ('only', $1, 'viewer', $2, false)",
            HASHED,
            permissions,
        )
        try:
            csrf = re.search(r'name="csrf" value="(\w+)"', (await client.get("/admin/login")).text)
            assert csrf
            form = {"csrf": csrf[1], "username": "only", "password": PASSWORD}
            assert (await client.post("/admin/login", data=form)).status_code == 303
            client.headers["X-CSRF-Token"] = (await client.get("/admin/token")).json()["csrf"]
            client.headers["Authorization"] = f"Bearer {client.cookies[stack.cookie('page')]}"
            yield client
        finally:
            await db.execute("delete from account where username = 'only'")


async def answers_to(client: httpx.AsyncClient, routes: Iterable[Route], **headers: str) -> Answers:
    """The statuses; of what goes on for ever, too."""
    return {
        (method, path): (await answer_to(client, method, path, **headers)).status_code
        for method, path in routes
    }


async def answer_to(client: httpx.AsyncClient, method: str, path: str, **headers: str) -> httpx.Response:
    """One answer, without its body. So many routes are a flood to Nginx: where it says to wait, wait."""
    for _ in range(5):
        async with client.stream(method, path, headers=headers) as answer:
            pass
        if answer.status_code != HTTPStatus.TOO_MANY_REQUESTS:
            break
        await asyncio.sleep(float(answer.headers["retry-after"]))
    return answer


def beneath(*who: str) -> list[Route]:
    return [route for one in who for route in asked(listed(one))]


def with_head(routes: list[Route]) -> list[Route]:
    """``routes``, and the HEAD of each GET that answers one."""
    known = set(asked(routes_of_the_app()))
    return routes + [("HEAD", path) for method, path in routes if method == "GET" and ("HEAD", path) in known]


def odd(answers: Answers, *right: int) -> Answers:
    return {route: status for route, status in answers.items() if status not in right}


def test_every_route_and_page_of_the_app_is_in_the_table() -> None:
    known = routes_of_the_app()
    lines = [route for who in WHO_MAY for route in listed(who)]
    assert len(lines) == len(set(lines)), "twice in the table"
    heads = {("HEAD", path) for method, path in lines if method == "GET"}
    unlisted = sorted(f"{method} {path}" for method, path in known - set(lines) - heads)
    assert not unlisted, (
        f"{unlisted}: add each to WHO_MAY in tests/support/permissions.py, beneath the permission it asks for"
    )
    gone = sorted(f"{method} {path}" for method, path in set(lines) - known)
    assert not gone, f"{gone}: take each out of WHO_MAY in tests/support/permissions.py"
    assert set(WHO_MAY) == {ANYBODY, BOOTH, LINK, SCRAPER, ACCOUNT, *PERMISSIONS}


def test_the_description_of_the_api_names_the_permission_of_every_route() -> None:
    words = {ANYBODY: "open", BOOTH: "open", LINK: "open", SCRAPER: "open", ACCOUNT: "login"}
    table = {route: words.get(who, who) for who in WHO_MAY for route in listed(who)}
    named = {(method, path): permission(operation) for method, path, operation in operations()}
    assert {route: table[route] for route in named} == named


async def test_nobody_sees_or_does_anything_without_logging_in(stack: Stack) -> None:
    tried = with_head(beneath(ACCOUNT, *PERMISSIONS))
    async with client_at(stack, new_address()) as client:
        answers = await answers_to(client, tried)
        led = [route for route, status in answers.items() if status == 303]
        for method, path in led:
            to = (await answer_to(client, method, path)).headers["location"]
            assert to.startswith("/admin/login"), (method, path, to)
    assert len(tried) > 150
    assert odd({route: status for route, status in answers.items() if route not in led}, 401, 403) == {}
    assert all(path.startswith("/admin/") for _, path in led)
    api = {route: status for route, status in answers.items() if route[1].startswith("/api/")}
    assert odd(api, 401) == {}


async def test_everybody_sees_what_is_for_everybody(stack: Stack) -> None:
    """A logo that nobody chose is not there; changes are tried elsewhere."""
    gets = with_head([route for route in beneath(ANYBODY) if route[0] == "GET"])
    async with client_at(stack, new_address()) as client:
        answers = await answers_to(client, gets)
    for method in ("GET", "HEAD"):
        assert answers.pop((method, "/public/event/logo")) in (200, 404)
        assert answers.pop((method, "/s")) in (200, 404)
    assert odd(answers, 200) == {}


async def test_a_made_up_link_shows_nothing_and_a_booth_without_its_password_brings_nothing(
    stack: Stack, shot: Shot
) -> None:
    async with client_at(stack, new_address()) as client:
        assert odd(await answers_to(client, with_head(beneath(LINK))), 404) == {}
        for method, path in asked((method, path) for method, path in listed(BOOTH)):
            files = {"fileToUpload": ("a.jpg", shot.photo)}
            path = path.replace("slot-011", "slot-001")  # noqa: PLW2901 - one that takes photos
            assert (await client.request(method, path, files=files)).status_code in (400, 401), path


@pytest.mark.parametrize("role", ROLES)
async def test_a_role_may_do_what_its_permissions_say_and_nothing_else(stack: Stack, role: str) -> None:
    mine = permissions_of(role)
    foreign = [one for one in PERMISSIONS if one not in mine and INCLUDES.get(one) not in mine]
    looks = [route for route in beneath(ACCOUNT, *mine) if route[0] == "GET"]
    async with who_has(stack, *mine) as client:
        assert odd(await answers_to(client, with_head(beneath(*foreign))), 403) == {}
        seen = await answers_to(client, with_head(looks))
    assert {route: status for route, status in seen.items() if status in (303, 401, 403, 405)} == {}
    assert bool(foreign) == (role != "administrator")
    assert len(seen) > 40


@pytest.mark.parametrize("lacking", PERMISSIONS)
async def test_each_asks_for_its_own_permission_whatever_else_one_may(stack: Stack, lacking: str) -> None:
    others = [one for one in PERMISSIONS if one not in (lacking, INCLUDES.get(lacking))]
    async with who_has(stack, *others) as client:
        tried = beneath(lacking)
        assert odd(await answers_to(client, tried, **{"HX-Request": "true"}), 403) == {}


async def test_a_token_may_do_what_its_scopes_say_and_opens_no_page(
    stack: Stack, admin: httpx.AsyncClient
) -> None:
    """Two tokens: one that may see jobs, and one that may do all else. Neither may see or make tokens."""
    others = [one for one in PERMISSIONS if one not in ("jobs:read", "tokens:write")]
    until = (utcnow() + timedelta(minutes=5)).isoformat()
    for name, scopes, foreign in (("jobs", ["jobs:read"], others), ("others", others, ["jobs:read"])):
        body = {"name": name, "scopes": scopes, "expires_at": until}
        made = (await admin.post("/api/tokens", json=body)).json()
        api = [route for route in beneath("tokens:write", *foreign) if route[1].startswith("/api/")]
        pages = [("GET", "/admin/jobs"), ("GET", "/admin/password")]
        try:
            async with client_at(stack, new_address(), made["token"]) as client:
                answers = await answers_to(client, [("POST", "/api/logout-everywhere"), *api])
                client.cookies[stack.cookie("page")] = made["token"]
                assert odd(await answers_to(client, pages), 303) == {}
        finally:
            await admin.delete(f"/api/tokens/{made['id']}")
        assert odd(answers, 403) == {}, name


@pytest.mark.parametrize("alone", PERMISSIONS)
async def test_its_permission_alone_is_enough_to_look(stack: Stack, alone: str) -> None:
    looks = [route for route in beneath(alone) if route[0] == "GET"]
    async with who_has(stack, alone) as client:
        answers = await answers_to(client, looks)
    assert {route: status for route, status in answers.items() if status in (303, 401, 403)} == {}


async def test_no_other_method_gets_anybody_in(stack: Stack) -> None:
    """Neither OPTIONS nor HEAD nor what changes something elsewhere, as nobody and as an administrator."""
    known = set(asked(routes_of_the_app()))
    paths = sorted({path for _, path in known})
    tried = [(method, path) for path in paths for method in ANYWHERE if (method, path) not in known]

    async with AsyncExitStack() as clients:
        nobody = [await clients.enter_async_context(client_at(stack, new_address())) for _ in range(4)]
        parts = await asyncio.gather(*(answers_to(one, tried[start::4]) for start, one in enumerate(nobody)))
        answers = {route: status for part in parts for route, status in part.items()}
        admin = await clients.enter_async_context(who_has(stack, *PERMISSIONS))
        as_admin = await answers_to(admin, [route for route in tried if route[0] in ("OPTIONS", "HEAD")])
    assert odd(answers, 401, 403, 404, 405) == {}
    assert odd(as_admin, 404, 405) == {}


async def test_a_gallery_with_a_pin_shows_no_part_of_itself_before_it(
    stack: Stack, admin: httpx.AsyncClient
) -> None:
    """Its code for the printer alone, which says no more than the link does; a picture's page leads back."""
    gallery = (await admin.post("/api/shared-galleries", json={"minutes": 5, "pin": "471135"})).json()
    token = httpx.URL(gallery["url"]).path.rpartition("/")[2]
    parts = [(method, path) for method, path in listed(LINK) if path.startswith("/g/") and method == "GET"]
    tried = with_head(asked((method, path) for method, path in parts if "qr" not in path))
    try:
        async with client_at(stack, new_address()) as client:
            there = [(method, path.replace(VALUES["token"], token)) for method, path in tried]
            answers = await answers_to(client, there)
            led = (await client.get(f"/g/{token}/p/{VALUES['name']}")).headers["location"]
    finally:
        await admin.delete(f"/api/shared-galleries/{gallery['id']}")
    assert odd(answers, 303, 401, 403) == {}
    assert [path for (_, path), status in answers.items() if status == 303] == 2 * [
        f"/g/{token}/p/{VALUES['name']}"
    ]
    assert led == f"/g/{token}"
    assert len(answers) == 2 * (len(parts) - 1)


async def test_what_nginx_sends_by_itself_is_styles_and_scripts_alone(
    stack: Stack, admin: httpx.AsyncClient, camera: Camera, shot: Shot
) -> None:
    """A picture lies beside it; only the app may have it sent, even to an administrator."""
    reply = (await camera.post("/api/ingest/slot-001?reply=json", shot)).json()
    row = await stack.row(reply["job_id"])
    assert (stack.media / row["result_key"]).is_file()
    configured = (stack.data / "run/nginx.conf").read_text()
    locations = re.split(r"^\s*location ", configured, flags=re.MULTILINE)[1:]
    from_disk = [
        one.split(" {")[0] for one in locations if re.search(r"^\s*(?:alias|root) ", one, re.MULTILINE)
    ]
    assert from_disk == ["^~ /static/", "^~ /_media/"]
    inside = [
        f"/_media/{row['result_key']}",
        f"/static/../_media/{row['result_key']}",
        f"/static/..%2fmedia/{row['result_key']}",
        "/static/../secrets/first-passwords.json",
        "/static/%2e%2e/secrets/first-passwords.json",
        "/static/",
        "/_error",
        "/_error_page",
        *("/metrics", "/docs", "/redoc", "/openapi.json", "/admin/docs", "/admin/openapi.json"),
    ]
    async with client_at(stack, new_address()) as nobody:
        for client in (nobody, admin):
            for path in inside:
                raw = httpx.URL(stack.url).copy_with(raw_path=path.encode())
                assert (await client.get(raw)).status_code in (400, 404), path
