"""A real Chromium, and people who use it."""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.async_api import Browser, async_playwright

from tests.browser.person import ARGUMENTS, CHROMIUM, SIZES, Person
from tests.browser.slot_editor import WATCH
from tests.support.logins import PASSWORD, add_account
from tests.support.stack import Stack
from tests.support.waiting import until

DEAF = Path(__file__).with_name("chromium")  # starts it so that it hears nothing of networks
MakePerson = Callable[..., Awaitable[Person]]
MakeGuest = Callable[..., Awaitable[Person]]
MakeAccount = Callable[..., Awaitable[str]]
_numbers = itertools.count(time.time_ns() % 10**8)


@pytest.fixture(scope="session")
async def chromium() -> AsyncIterator[Browser]:
    """One browser for all tests; each person has a profile of their own."""
    if not CHROMIUM.exists():
        pytest.skip(f"NO BROWSER: {CHROMIUM} is missing; scripts/_chromium installs it")
    async with async_playwright() as playwright:
        named = {**os.environ, "CHROMIUM": str(CHROMIUM)}
        browser = await playwright.chromium.launch(executable_path=DEAF, args=ARGUMENTS, env=named)
        yield browser
        await browser.close()


@pytest.fixture(autouse=True)
async def _slots_as_before(stack: Stack) -> AsyncIterator[None]:
    """Slots that a test saved in the editor are afterwards what they were, and so is their history."""
    async with stack.database() as db:
        before = [dict(row) for row in await db.fetch("select * from slot")]
    yield
    names = [name for name in before[0] if name != "slot_id"]
    marks = ", ".join(f"${number}" for number in range(2, len(names) + 2))
    restore = f"update slot set ({', '.join(names)}) = row({marks}) where slot_id = $1"
    async with stack.database() as db:
        after = {row["slot_id"]: dict(row) for row in await db.fetch("select * from slot")}
        for row in before:
            if row != after[row["slot_id"]]:
                await db.execute(restore, row["slot_id"], *(row[name] for name in names))
                since = "delete from slot_version where slot_id = $1 and version > $2"
                await db.execute(since, row["slot_id"], row["version"])


@pytest.fixture
async def person(chromium: Browser, stack: Stack, pytestconfig: pytest.Config) -> AsyncIterator[MakePerson]:
    """``await person(size="phone", lang="ru", theme="dark")``; at the end nobody may have complained."""
    people: list[Person] = []

    async def make(
        size: str = "desktop", lang: str = "en", theme: str = "light", expected: Collection[int] = ()
    ) -> Person:
        width, height = SIZES[size]
        context = await chromium.new_context(
            viewport={"width": width, "height": height},
            locale={"en": "en-GB", "ru": "ru-RU"}[lang],
            color_scheme=theme,  # type: ignore[arg-type]
            timezone_id="Europe/Moscow",
            has_touch=size in ("narrow", "phone", "tablet"),
            permissions=["clipboard-read", "clipboard-write"],
        )
        context.set_default_timeout(10_000)
        await context.add_init_script(WATCH)
        made = Person(await context.new_page(), stack, f"{size}-{theme}-{lang}", set(expected))
        made.theme, made.keeps_screens = theme, pytestconfig.getoption("--screens")
        made.keeps_manual = pytestconfig.getoption("--manual")
        made.listen()
        people.append(made)
        return made

    yield make
    for one in people:
        one.leaving = True
        await one.page.context.close()
    assert [problem for one in people for problem in one.complaints()] == []


@pytest.fixture
async def account(stack: Stack) -> MakeAccount:
    """``await account("viewer")``: a new account with ``PASSWORD``; ``settled``: which is its own."""

    async def make(role: str = "administrator", *, settled: bool = True) -> str:
        name = f"page{next(_numbers)}"
        await add_account(stack, name, PASSWORD, role)
        async with stack.database() as db:
            await db.execute(
                "update account set must_change_password = $2 where username = $1", name, not settled
            )
        return name

    return make


@pytest.fixture
def admin_person(person: MakePerson, account: MakeAccount) -> MakePerson:
    """Like ``person``, logged in as an administrator and about to open a page."""

    async def make(role: str = "administrator", **more: Any) -> Person:
        made = await person(**more)
        await made.be_logged_in(await account(role))
        return made

    return make


@pytest.fixture(autouse=True, scope="module")
async def no_template_stays(stack: Stack) -> AsyncIterator[None]:
    """Templates that a module's tests registered are gone for the tests after it."""
    yield
    async with stack.database() as db:
        await db.execute("delete from slot_template_media")
        await db.execute("delete from template_media")
    for path in (*(stack.media / "templates").iterdir(), *(stack.media / "previews").glob("template-*")):
        path.unlink()


@pytest.fixture
async def no_issue_is_open(stack: Stack) -> AsyncIterator[None]:
    """Earlier photos are long past, and no issue is left that an earlier test has caused."""
    past = (
        "update job_history set created_at = created_at - interval '6 hours', primary_trouble = null",
        "update audit_log set at = at - interval '1 hour' where action like '%refused'",
    )
    of_photos = "select count(*) from issue where code like 'slot.%' and closed_at is null"
    async with stack.database() as db:
        for statement in past:
            await db.execute(statement)

        async def none_of_photos() -> bool:
            return bool(await db.fetchval(of_photos) == 0)

        await until(none_of_photos, seconds=30)  # the appliance itself sees that they are over
        await db.execute("update issue set closed_at = now() where closed_at is null")
        yield
        await db.execute(past[0])


@pytest.fixture
async def guest(chromium: Browser, stack: Stack, pytestconfig: pytest.Config) -> AsyncIterator[MakeGuest]:
    """``await guest("ru", scripts=False)``: somebody with a phone; nothing may be complained about."""
    guests: list[Person] = []

    async def make(lang: str = "en", *, scripts: bool = True, dark: bool = False, tv: bool = False) -> Person:
        context = await chromium.new_context(
            viewport={"width": 1920, "height": 1080} if tv else {"width": 390, "height": 844},
            device_scale_factor=1 if tv else 2,
            locale=lang,
            color_scheme="dark" if dark else "light",
            timezone_id="Asia/Almaty",
            java_script_enabled=scripts,
            has_touch=not tv,
        )
        context.set_default_timeout(10_000)
        someone = Person(await context.new_page(), stack, f"guest-{lang}-{'dark' if dark else 'light'}")
        someone.keeps_screens = pytestconfig.getoption("--screens")
        someone.listen()
        guests.append(someone)
        return someone

    yield make
    for one in guests:
        one.leaving = True
        await one.page.context.close()
    assert [problem for one in guests for problem in one.complaints()] == []


@pytest.fixture
async def gallery(admin: httpx.AsyncClient) -> AsyncIterator[dict[str, Any]]:
    """An open gallery of one slot."""
    opened = (await admin.post("/api/shared-galleries", json={"slot_id": "slot-006"})).json()
    yield opened
    await admin.delete(f"/api/shared-galleries/{opened['id']}")
