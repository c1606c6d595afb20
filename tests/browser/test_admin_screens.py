"""Galleries and screens, the moderator's queue, and the end of an event, by somebody with a browser."""

from __future__ import annotations

import asyncio
import re
import zipfile
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from playwright.async_api import Route, expect

from tests.browser.conftest import MakePerson
from tests.browser.person import DESKTOP, PHONE, Person
from tests.support.camera import Camera, Shot
from tests.support.stack import Stack

pytestmark = pytest.mark.browser

WORDS = {"en": "wipe everything", "ru": "Удалить  все"}  # as people type: the page says всё


@pytest.fixture(autouse=True)
async def no_other_gallery(stack: Stack) -> AsyncIterator[None]:
    """Galleries of other tests are gone for these, and those of these for others."""
    async with stack.database() as db:
        await db.execute("delete from shared_gallery")
        yield
        await db.execute("delete from shared_gallery")


async def opened(someone: Person, **typed: str) -> None:
    """A gallery, opened with the form."""
    await someone.go("/admin/screens")
    for name, value in typed.items():
        await someone.page.locator(f"#new-{name}").fill(value)
    await someone.page.locator("form .primary.wide").click()
    await someone.page.wait_for_selector(".screen")


@pytest.mark.parametrize(("size", "lang", "theme"), [PHONE])
async def test_a_gallery_is_opened_extended_and_closed(
    admin_person: MakePerson, stack: Stack, size: str, lang: str, theme: str
) -> None:
    someone = await admin_person(size=size, lang=lang, theme=theme)
    await opened(someone, title="Anna & Paul", pin="4711", amount="90")
    await someone.assert_whole("screens")
    card = someone.page.locator(".screen")
    assert "4711" in await card.inner_text()
    await card.locator("[data-copy]").first.click()
    address = await someone.page.evaluate("navigator.clipboard.readText()")
    assert re.fullmatch(r"http://[^/]+/g/[\w-]{22}", address)
    await expect(card.locator("img")).to_have_js_property("complete", value=True)
    assert await card.locator("img").evaluate("image => image.naturalWidth > 0")
    await card.locator("[name=unit]").select_option("closed")
    await card.locator(".screen-time .button").click()
    await expect(card.locator("time")).to_have_count(1)  # no end any more, only a beginning
    assert await stack.value("select closes_at is null from shared_gallery")
    await someone.page.locator(".screen .danger").click()
    await expect(someone.page.locator(".ended")).to_be_visible()
    assert await stack.value("select closed_at is not null from shared_gallery")
    actions = await stack.value("select array_agg(action order by id desc) from audit_log")
    assert actions[:3] == ["gallery.closed", "gallery.opened", "gallery.opened"]


async def test_whoever_ends_a_gallery_earlier_than_it_would_is_asked_and_told_until_when(
    admin_person: MakePerson, stack: Stack
) -> None:
    someone = await admin_person()
    await opened(someone, amount="4")
    form, asked = someone.page.locator(".screen-time"), someone.page.locator("#confirm")
    left = "select closes_at - now() from shared_gallery"
    await form.locator("button").click()  # another hour, as it seemed: from now on it is one of four
    await expect(asked).to_contain_text("earlier")
    await asked.get_by_role("button").first.click()
    assert await stack.value(left) > timedelta(hours=3)
    await form.locator("button").click()
    await someone.page.click("#confirm-yes")
    told = someone.page.locator("#toasts [data-toast]")
    await expect(told).to_have_count(2)
    await expect(told.last).to_contain_text(re.compile(r"until \w+, \w+ \d+, \d\d:\d\d\."))
    assert await stack.value(left) < timedelta(hours=1)
    await form.locator("[name=amount]").fill("2")
    await form.locator("button").click()  # later than before: nothing to ask
    await expect(told).to_have_count(3)
    assert await stack.value(left) > timedelta(hours=1)


async def test_what_was_typed_at_a_gallery_outlasts_the_next_look_at_the_list(
    admin_person: MakePerson,
) -> None:
    someone = await admin_person()
    await someone.page.clock.install()
    await opened(someone, title="Bar")
    amount, unit = (someone.page.locator(f".screen-time [name={name}]") for name in ("amount", "unit"))
    asked: list[str] = []
    someone.page.on("request", lambda request: asked.append(request.url))
    await amount.fill("8")
    await amount.blur()
    await someone.page.clock.fast_forward("00:11")
    await amount.fill("1")
    await amount.blur()
    await unit.select_option("closed")
    await someone.page.clock.fast_forward("00:11")
    assert [url for url in asked if url.endswith("/list")] == []
    await unit.select_option("hours")
    async with someone.page.expect_request("**/screens/list"):
        await someone.page.clock.fast_forward("00:11")


async def test_an_action_that_is_sent_before_the_last_one_is_answered_shows_too(
    admin_person: MakePerson,
) -> None:
    someone = await admin_person()
    someone.expected = {403}  # the code of the one that is closed by then, in the answer to the other
    await opened(someone, title="Dance floor")
    await someone.page.fill("#new-title", "Bar")
    await someone.page.locator("form .primary.wide").click()
    await expect(someone.page.locator(".screen")).to_have_count(2)
    asked: list[asyncio.Event] = []
    both_asked = asyncio.Event()

    async def held(route: Route) -> None:
        answer, before, given = await route.fetch(), list(asked), asyncio.Event()
        asked.append(given)
        if before:
            both_asked.set()
            await before[-1].wait()
        await both_asked.wait()
        await route.fulfill(response=answer)
        given.set()

    await someone.page.route("**/close", held)
    await someone.page.route("**/screens/list", lambda route: route.fulfill(status=204))  # nobody else helps
    await someone.page.fill("#new-title", "Garden")
    for button in await someone.page.locator(".screen .danger").all():
        await button.click()
    await expect(someone.page.locator(".ended .screen")).to_have_count(2)
    assert await someone.page.input_value("#new-title") == "Garden", "what is being typed stays"


async def test_what_cannot_be_is_said_beside_its_field(admin_person: MakePerson) -> None:
    someone = await admin_person(lang="ru")
    someone.expected = {422}
    await someone.go("/admin/screens")
    await someone.page.fill("#new-pin", "12")
    await someone.page.fill("#new-amount", "сто")
    await someone.page.locator("form .primary.wide").click()
    await expect(someone.page.locator("#new-pin-finding")).to_be_visible()
    await expect(someone.page.locator("#new-amount-finding")).to_be_visible()
    assert await someone.page.locator("#new-pin").input_value() == "12", "what was typed stays"
    assert await someone.violations() == []
    await someone.page.fill("#new-amount", "3000")
    await someone.page.locator("form .primary.wide").click()
    await expect(someone.page.locator("#new-amount-finding")).to_contain_text(re.compile(r"\b2.?160\b"))


async def test_the_code_can_be_printed(admin_person: MakePerson) -> None:
    someone = await admin_person()
    await opened(
        someone,
        title="Anna & Paul, who are glad to see all of you here on this long summer evening",
        pin="4821",
    )
    await someone.page.locator("a[href$='/sheet']").last.click()
    await expect(someone.page.locator(".poster img")).to_be_visible()
    assert await someone.violations() == []
    assert [await someone.printed_pages(paper) for paper in ("A4", "Letter")] == [1, 1]
    async with someone.page.expect_download() as download:
        await someone.page.get_by_role("link", name="PNG").click()
    assert (await download.value).suggested_filename == "gallery-qr.png"
    await someone.page.emulate_media(media="print")
    await expect(someone.page.locator(".film")).to_be_hidden()
    await expect(someone.page.locator(".poster")).to_be_visible()


@pytest.mark.parametrize(("size", "lang", "theme"), [PHONE])
async def test_a_picture_is_approved_or_rejected_with_one_tap(
    admin_person: MakePerson, stack: Stack, camera: Camera, shot: Shot, size: str, lang: str, theme: str
) -> None:
    async with stack.database() as db:
        await db.execute("update job_history set approved_at = now() where status = 'done'")
    someone = await admin_person(size=size, lang=lang, theme=theme)
    await someone.go("/admin/screens")
    await someone.page.locator("[name=moderated]").check()
    await someone.page.locator("form .primary.wide").click()
    await someone.page.wait_for_selector(".screen")
    await someone.go("/admin/screens/queue")
    await expect(someone.page.locator(".queue-tail span")).to_be_visible()
    made = [
        (await camera.post("/api/ingest/slot-002", shot)).headers["x-job-id"],
        (await camera.post("/api/ingest/slot-002", shot)).headers["x-job-id"],
    ]
    items = someone.page.locator(".queue-item")
    await expect(items).to_have_count(2)  # they arrive by themselves
    await someone.assert_whole("queue")
    if size == "phone":
        box = await items.first.locator(".primary").bounding_box()
        assert box
        assert box["y"] + box["height"] < 844 - 62, "approving needs no scrolling"
    await items.first.locator(".primary").click()
    await expect(items).to_have_count(1)
    await items.first.locator(".button").first.click()
    await expect(items).to_have_count(0)
    states = "select approved_at is not null, rejected_at is not null from job_history where job_id = $1"
    async with stack.database() as db:
        assert tuple(await db.fetchrow(states, made[0])) == (True, False)
        assert tuple(await db.fetchrow(states, made[1])) == (False, True)
    await someone.page.locator("#queue-last button").click()
    await expect(items).to_have_count(1)


@pytest.mark.parametrize(("size", "lang", "theme"), [DESKTOP])
async def test_an_event_is_exported_and_wiped(
    admin_person: MakePerson,
    stack: Stack,
    camera: Camera,
    shot: Shot,
    size: str,
    lang: str,
    theme: str,
) -> None:
    made = await camera.post("/api/ingest/slot-002", shot)
    someone = await admin_person(size=size, lang=lang, theme=theme)
    await someone.go("/admin/event")
    await someone.assert_whole("event")
    someone.expected = {409, 422}
    await wipe(someone, "no")
    await expect(someone.page.locator("#wipe-words-finding")).to_be_visible()
    await wipe(someone, WORDS[lang])
    await expect(someone.page.locator(".note.bad")).to_be_visible()
    result = stack.media / (await stack.row(made.headers["x-job-id"]))["result_key"]
    assert result.exists(), "nothing is wiped that was not exported"
    async with someone.page.expect_download() as download:
        await someone.page.locator("#event form .primary").click()
    with zipfile.ZipFile(await (await download.value).path()) as archive:
        assert archive.testzip() is None
        assert "pictures.csv" in archive.namelist()
    await expect(someone.page.locator("#event-state .low")).to_have_count(
        0, timeout=12_000
    )  # it noticed the export
    answered = asyncio.Event()

    async def slowly(route: Route) -> None:
        await answered.wait()
        await route.continue_()

    await someone.page.route("**/admin/event/wipe", slowly)
    await wipe(someone, WORDS[lang])
    await expect(someone.page.locator("#event .asking")).to_be_visible()
    answered.set()
    await expect(someone.page.locator(".report")).to_be_visible()
    await someone.assert_whole("wiped")
    assert not result.exists()


async def wipe(someone: Person, words: str) -> None:
    await someone.page.fill("#wipe-words", words)
    await someone.page.locator("#event .danger").click()


async def test_an_operator_moderates_but_neither_opens_nor_wipes(
    admin_person: MakePerson, stack: Stack
) -> None:
    admin = await admin_person()
    await admin.go("/admin/screens")
    await admin.page.locator("[name=moderated]").check()
    await admin.page.locator("form .primary.wide").click()
    await admin.page.wait_for_selector(".screen")
    someone = await admin_person(role="operator")
    await someone.go("/admin/screens")
    await expect(someone.page.locator(".waiting-note")).to_be_visible()
    await expect(someone.page.locator(".screen form")).to_have_count(0)
    await someone.page.locator(".waiting-note").click()
    await expect(someone.page.locator("#queue")).to_be_visible()
    await someone.go("/admin/event")
    await expect(someone.page.locator("#event .danger")).to_have_count(0)


async def test_these_pages_work_without_scripts(admin_person: MakePerson, stack: Stack) -> None:
    someone = await admin_person()
    await someone.page.route("**/*.js", lambda route: route.abort("blockedbyclient"))
    await someone.go("/admin/screens")
    await someone.page.locator("form .primary.wide").click()
    await someone.page.wait_for_url("**/admin/screens")
    await someone.page.locator(".screen .danger").click()
    await someone.page.wait_for_url("**/admin/screens")
    assert await stack.value("select closed_at is not null from shared_gallery")
    await someone.go("/admin/event")
    await someone.page.locator("[name=even_not_exported]").check()
    await wipe(someone, "Wipe everything")
    await expect(someone.page.locator(".report")).to_be_visible()
    someone.problems[:] = [problem for problem in someone.problems if "BLOCKED" not in problem]
