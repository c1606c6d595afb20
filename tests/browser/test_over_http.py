"""What the pages promise to whoever speaks HTTP to them, without a browser."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Awaitable, Callable

import httpx
import pytest

from appliance.core.installation import Installation
from tests.browser.conftest import MakeAccount
from tests.support.logins import PASSWORD, client_at, new_address
from tests.support.stack import Stack

Enter = Callable[..., Awaitable[httpx.Response]]


@pytest.fixture
async def visitor(stack: Stack) -> AsyncIterator[httpx.AsyncClient]:
    """A cookie jar at an address of its own."""
    async with client_at(stack, new_address()) as client:
        client.headers["Accept-Language"] = "en"
        yield client


def token_in(page: httpx.Response) -> str:
    """The token that a page gives its changes."""
    found = re.search(r'name="csrf" value="([0-9a-f]{64})"', page.text)
    assert found, page.text[:500]
    return found[1]


async def enter(
    client: httpx.AsyncClient, username: str, password: str = PASSWORD, **more: str
) -> httpx.Response:
    """Log in as a browser does."""
    token = token_in(await client.get("/admin/login"))
    return await client.post(
        "/admin/login", data={"csrf": token, "username": username, "password": password, **more}
    )


@pytest.fixture
async def insider(visitor: httpx.AsyncClient, account: MakeAccount) -> httpx.AsyncClient:
    """An administrator who is logged in."""
    assert (await enter(visitor, await account())).status_code == 303
    return visitor


PAGES = [
    "/admin/login",
    "/admin/",
    "/admin/manual",
    "/admin/settings",
    "/admin/audit",
    "/admin/nothing",
    "/admin/events",
]


@pytest.mark.parametrize("path", PAGES)
async def test_every_answer_carries_the_headers_that_scanners_ask_for(
    visitor: httpx.AsyncClient, path: str
) -> None:
    headers = (await visitor.get(path)).headers
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "data:" not in policy
    for name, value in (
        ("x-content-type-options", "nosniff"),
        ("x-frame-options", "DENY"),
        ("referrer-policy", "same-origin"),
        ("cache-control", "no-store"),
        ("cross-origin-resource-policy", "same-origin"),
    ):
        assert headers[name] == value, name
    assert "geolocation=()" in headers["permissions-policy"]


@pytest.mark.parametrize(
    "path", ["/admin/", "/admin/settings", "/admin/audit", "/admin/manual", "/admin/password"]
)
async def test_strangers_are_led_to_the_login(visitor: httpx.AsyncClient, path: str) -> None:
    answer = await visitor.get(path)
    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/admin/login")
    part = await visitor.get(path, headers={"HX-Request": "true"})
    assert (part.status_code, part.headers["hx-redirect"]) == (200, "/admin/login")


async def test_a_link_from_elsewhere_gives_the_cookies_a_second_chance(visitor: httpx.AsyncClient) -> None:
    answer = await visitor.get("/admin/audit", headers={"Sec-Fetch-Site": "cross-site"})
    assert answer.headers["refresh"] == "0; url=/admin/login?next=%2Fadmin%2Faudit"


async def test_cookies_are_for_us_alone(
    stack: Stack, visitor: httpx.AsyncClient, account: MakeAccount
) -> None:
    answer = await enter(visitor, await account())
    cookies = answer.headers.get_list("set-cookie")
    assert {cookie.partition("=")[0] for cookie in cookies} == {
        stack.cookie("page"),
        stack.cookie("page_refresh"),
        stack.cookie("device"),
    }
    for cookie in cookies:
        assert "HttpOnly" in cookie
        assert "SameSite=strict" in cookie
        assert "Path=/admin" in cookie


async def test_the_session_goes_on_without_anybody_noticing(stack: Stack, insider: httpx.AsyncClient) -> None:
    insider.cookies.delete(stack.cookie("page"))  # as when its minutes are over
    answer = await insider.get("/admin/settings")
    assert answer.status_code == 200
    assert f"{stack.cookie('page')}=" in "".join(answer.headers.get_list("set-cookie"))


async def test_another_appliance_on_the_same_host_logs_nobody_out(
    stack: Stack, insider: httpx.AsyncClient
) -> None:
    """Browsers send the cookies of one port to the other."""
    neighbour = Installation("another")
    for name in ("page", "page_refresh", "csrf"):
        assert neighbour.cookie(name) != stack.cookie(name)
        insider.cookies.set(neighbour.cookie(name), "of-the-neighbour", path="/admin")
    answer = await insider.get("/admin/settings")
    assert answer.status_code == 200
    answer = await insider.post("/admin/logout", data={"csrf": token_in(answer)})
    assert answer.headers["location"] == "/admin/login"
    assert stack.cookie("page_refresh") not in insider.cookies
    assert neighbour.cookie("page_refresh") in insider.cookies


async def test_a_log_out_ends_the_session_for_good(insider: httpx.AsyncClient) -> None:
    stolen = dict(insider.cookies)
    token = token_in(await insider.get("/admin/"))
    answer = await insider.post("/admin/logout", data={"csrf": token})
    assert answer.headers["location"] == "/admin/login"
    insider.cookies.clear()
    for name, value in stolen.items():
        insider.cookies.set(name, value, path="/admin")
    assert (await insider.get("/admin/settings")).status_code == 303


@pytest.mark.parametrize(
    ("path", "data"),
    [
        ("/admin/settings/event", {"event_title": "stolen"}),
        ("/admin/settings/password", {"password": "stolen-password"}),
        ("/admin/dashboard/slot-001/pause", {}),
        ("/admin/logout-everywhere", {}),
        ("/admin/password", {"current": PASSWORD, "new": "stolen for sure", "again": "stolen for sure"}),
    ],
)
@pytest.mark.parametrize("token", ["", "0" * 64])
async def test_no_change_without_the_token_of_the_page(
    insider: httpx.AsyncClient, path: str, data: dict[str, str], token: str
) -> None:
    answer = await insider.post(path, data={**data, "csrf": token})
    assert answer.status_code == 403
    assert "csrf_failed" in answer.text
    assert (await insider.get("/admin/settings")).status_code == 200


async def test_the_token_of_another_session_is_worth_nothing(
    insider: httpx.AsyncClient, stack: Stack, account: MakeAccount
) -> None:
    async with client_at(stack, new_address()) as other:
        await enter(other, await account())
        foreign = token_in(await other.get("/admin/settings"))
    answer = await insider.post("/admin/settings/event", data={"csrf": foreign, "event_title": "x"})
    assert answer.status_code == 403


async def test_another_sites_form_is_refused_even_with_the_token(insider: httpx.AsyncClient) -> None:
    token = token_in(await insider.get("/admin/settings"))
    answer = await insider.post(
        "/admin/settings/event",
        data={"csrf": token, "event_title": "x"},
        headers={"Sec-Fetch-Site": "cross-site"},
    )
    assert answer.status_code == 403


async def test_permissions_hold_on_every_page_and_action(
    visitor: httpx.AsyncClient, account: MakeAccount
) -> None:
    await enter(visitor, await account("viewer"))
    page = await visitor.get("/admin/")
    assert page.status_code == 200
    assert "/pause" not in page.text
    token = token_in(page)
    for path in ("/admin/settings", "/admin/audit", "/admin/settings/ttl-preview?result_ttl_hours=1"):
        assert (await visitor.get(path)).status_code == 403, path
    for path in (
        "/admin/dashboard/slot-001/pause",
        "/admin/settings/event",
        "/admin/settings/password",
        "/admin/settings/password/suggest",
    ):
        answer = await visitor.post(path, data={"csrf": token}, headers={"HX-Request": "true"})
        assert answer.status_code == 403, path
        assert "data-toast" in answer.text


async def test_guessing_is_slowed_down_in_plain_words(
    visitor: httpx.AsyncClient, account: MakeAccount
) -> None:
    name = await account()
    answers = [await enter(visitor, name, f"guess {number}") for number in range(11)]
    assert [answer.status_code for answer in answers] == [401] * 10 + [429]
    assert int(answers[-1].headers["retry-after"]) > 0
    assert "Too many login attempts" in answers[-1].text
    assert "data-countdown" in answers[-1].text


@pytest.mark.parametrize(
    "after",
    ["https://elsewhere.example/", "//elsewhere.example", "/admin/\\elsewhere", "/elsewhere", "/admin/login"],
)
async def test_the_login_leads_to_our_own_pages_only(
    visitor: httpx.AsyncClient, account: MakeAccount, after: str
) -> None:
    answer = await enter(visitor, await account(), next=after)
    assert answer.headers["location"] == "/admin/"


async def test_what_was_typed_into_an_address_becomes_no_markup(insider: httpx.AsyncClient) -> None:
    nasty = '"><script>alert(1)</script>'
    for path in ("/admin/audit", "/admin/login"):
        insider.cookies.clear() if path == "/admin/login" else None
        answer = await insider.get(
            path, params={"actor": nasty, "action": nasty, "next": nasty, "since": nasty}
        )
        assert answer.status_code == 200
        assert "<script>alert" not in answer.text


@pytest.mark.parametrize(
    "query", ["cursor=x", "cursor=99999999999999999999", "since=never", "actor=%00", "until=2026-13-01"]
)
async def test_a_broken_filter_is_no_failure(insider: httpx.AsyncClient, query: str) -> None:
    assert (await insider.get(f"/admin/audit?{query}")).status_code == 200


async def test_forms_that_are_too_large_or_broken_are_refused(insider: httpx.AsyncClient) -> None:
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    large = await insider.post("/admin/settings/event", content=b"a=" + b"x" * 300_000, headers=kind)
    assert large.status_code == 413
    broken = await insider.post("/admin/settings/event", content=b"a=%ff", headers=kind)
    assert broken.status_code == 400


async def test_a_strangers_form_is_read_where_they_may_send_one_and_only_if_it_is_small(
    visitor: httpx.AsyncClient,
) -> None:
    """Reading large ones is work, and strangers' is done before anybody's password."""
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    unread = await visitor.post("/admin/settings/event", content=b"a=%ff", headers=kind)
    assert unread.status_code == 403
    large = await visitor.post("/admin/login", content=b"a=" + b"x" * 20_000, headers=kind)
    assert large.status_code == 413
    broken = await visitor.post("/admin/login", content=b"a=%ff", headers=kind)
    assert broken.status_code == 400


async def test_errors_speak_the_language_of_the_reader(visitor: httpx.AsyncClient) -> None:
    russian = await visitor.get("/admin/nothing", headers={"Accept-Language": "de,ru;q=0.9,en;q=0.4"})
    assert 'lang="ru"' in russian.text
    assert "По этому адресу ничего нет" in russian.text
    english = await visitor.get("/admin/nothing", headers={"Accept-Language": "fr"})
    assert "There is nothing at this address" in english.text


async def test_static_files_are_kept_for_ever_and_pages_are_light(insider: httpx.AsyncClient) -> None:
    page = await insider.get("/admin/slots/slot-009")
    addresses = re.findall(r'(?:href|src)="(/static/[0-9a-f]{16}/[a-z0-9.]+)"', page.text)
    own = 0
    for address in addresses:
        answer = await insider.get(address)
        assert answer.status_code == 200, address
        assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert answer.headers["x-content-type-options"] == "nosniff"
        if address.endswith(".woff2"):
            assert answer.headers["content-type"] == "font/woff2"
        if address.endswith("app.js"):
            addresses += [
                address.replace("app.js", name) for name in re.findall(r'import "\./(\w+\.js)"', answer.text)
            ]
        own += len(answer.content) if address.endswith((".css", ".js")) and "htmx" not in address else 0
    assert len(addresses) > 10
    assert 10_000 < own < 110_000, "our own code and styles, before they are packed"
    assert (await insider.get("/static/0000000000000000/app.css")).status_code == 404


async def test_the_stream_is_not_buffered(insider: httpx.AsyncClient) -> None:
    async with insider.stream("GET", "/admin/events") as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        events = []
        async for line in stream.aiter_lines():
            events.append(line)
            if line.startswith("event: cards"):
                break
    assert events[0] == "retry: 2000"


async def test_who_only_asks_whether_a_page_is_there_is_answered(insider: httpx.AsyncClient) -> None:
    for path in ("/admin/login", "/admin/", "/admin/slots/slot-001", "/admin/settings"):
        asked, got = await insider.head(path), await insider.get(path)
        assert (asked.status_code, asked.content) == (got.status_code, b""), path
