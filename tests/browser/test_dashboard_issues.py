"""An evening at a glance: what needs attention, and all slots, on one screen of a phone."""

from __future__ import annotations

from dataclasses import replace

import pytest
from playwright.async_api import expect

from tests.browser.conftest import MakePerson
from tests.browser.person import Person
from tests.conftest import Change
from tests.standins import Script, StandIn
from tests.support.camera import Camera, Shot
from tests.support.slots import with_gemini
from tests.support.stack import Stack

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("no_issue_is_open")]

SLOT = "slot-013"
LOOKS = [("phone", "ru", "dark"), ("phone", "en", "light"), ("desktop", "en", "dark")]
POLICY = {"Content-Security-Policy": "default-src 'none'"}


async def fail(slot: Change, gemini: StandIn, camera: Camera, shot: Shot) -> None:
    """Three guests in a row get no picture of the slot."""
    await slot(SLOT, **with_gemini(display_name="Gala"))
    gemini.script = Script(["refused"] * 3)
    for _ in range(3):
        await camera.post(f"/ingest/{SLOT}?reply=image", shot)


async def is_on_screen(someone: Person, selector: str) -> bool:
    """Whether it can be seen whole without scrolling, above the bar at the bottom."""
    seen = await someone.page.locator(selector).first.evaluate(
        """one => {
            const box = one.getBoundingClientRect();
            const bar = document.querySelector("nav")?.getBoundingClientRect();
            const end = bar && bar.top > innerHeight / 2 ? bar.top : innerHeight;
            return scrollY === 0 && box.height > 0 && box.top >= 0 && box.bottom <= end;
        }"""
    )
    return bool(seen)


@pytest.mark.parametrize(("size", "lang", "theme"), LOOKS)
async def test_a_failing_slot_its_reason_and_a_button_are_seen_without_scrolling(
    admin_person: MakePerson,
    slot: Change,
    gemini: StandIn,
    camera: Camera,
    shot: Shot,
    size: str,
    lang: str,
    theme: str,
) -> None:
    someone = await admin_person(size=size, lang=lang, theme=theme)
    await someone.go("/admin/")
    await someone.page.wait_for_selector("#pulse[data-state=live]")
    await fail(slot, gemini, camera, shot)
    issue = ".issue.stops_photos[data-code='slot.failing']"
    await someone.page.wait_for_selector(
        f"{issue}[open] .button.primary", timeout=20_000
    )  # without reloading
    title = await someone.text(f"{issue} summary b")
    assert title == {"en": "Slot 13 makes no pictures", "ru": "Слот 13 не делает снимков"}[lang]
    for part in (
        f"{issue} summary",
        f"{issue} p",
        f"{issue} .button.primary",
        f"#{SLOT} .edge-number >> visible=true",
    ):
        assert await is_on_screen(someone, part), part
    await someone.assert_whole("dashboard-issue", by_day_and_night=True)
    await someone.page.click(f"{issue} .button.primary")
    await someone.page.wait_for_url("**/admin/jobs/*")


async def test_fifteen_slots_are_on_one_screen_of_a_phone_the_failing_one_first(
    admin_person: MakePerson, slot: Change, gemini: StandIn, camera: Camera, shot: Shot
) -> None:
    await fail(slot, gemini, camera, shot)
    someone = await admin_person(size="phone", lang="ru")
    await someone.go("/admin/")
    await someone.page.wait_for_selector(f"#{SLOT}.is-failing .tile")
    tiles = someone.page.locator(".frame .tile")
    await expect(tiles).to_have_count(15)
    boxes = [box for box in [await tile.bounding_box() for tile in await tiles.all()] if box]
    assert max(box["y"] + box["height"] for box in boxes) - min(box["y"] for box in boxes) < 460
    first = min(await tiles.all(), key=lambda _: 0)
    assert await first.evaluate("one => one.closest('article').id") == SLOT
    await someone.assert_whole("dashboard-tiles", by_day_and_night=True)
    await someone.page.wait_for_selector("#pulse[data-state=live]")
    assert (await camera.post(f"/ingest/{SLOT}?reply=image", shot)).status == 200
    await someone.page.wait_for_selector(f"#{SLOT}.is-ready")
    order = "[...document.querySelectorAll('.frame')].map((one) => one.id)"
    assert (shown := await someone.page.evaluate(order)) == sorted(shown), "back in its place"


async def test_a_tap_on_a_tile_unfolds_the_card_which_stays_so_while_things_happen(
    admin_person: MakePerson, slot: Change, camera: Camera, shot: Shot
) -> None:
    someone = await admin_person(size="phone", lang="en")
    await someone.go("/admin/")
    await someone.page.wait_for_selector("#pulse[data-state=live]")
    assert not await someone.page.locator("#slot-004 .frame-foot").is_visible()
    await someone.page.tap("#slot-004 .tile")
    await someone.page.wait_for_selector("#slot-004 .frame-foot")
    await someone.assert_whole("dashboard-card", by_day_and_night=True)
    assert (await camera.post("/ingest/slot-004?reply=image", shot)).status == 200
    count = "document.querySelector('#slot-004 .tile-count').textContent"
    await someone.until(f"{count}.trim() === '1 in 10 min'")
    assert await someone.page.locator("#slot-004 .frame-foot").is_visible()
    await someone.page.tap("#slot-004 .tile")
    await someone.page.wait_for_selector("#slot-004 .frame-foot", state="hidden")


async def test_an_issue_is_hidden_for_an_hour_and_shown_again(
    admin_person: MakePerson, slot: Change, gemini: StandIn, camera: Camera, shot: Shot
) -> None:
    await fail(slot, gemini, camera, shot)
    someone = await admin_person(size="phone", lang="ru")
    await someone.go("/admin/")
    issue = "[data-code='slot.failing']"
    await someone.page.wait_for_selector(issue, timeout=20_000)
    await someone.page.click(f"{issue} .issue-more summary")
    assert await someone.violations() == []
    assert await someone.small_targets() == []
    await someone.page.click(f"{issue} [data-keep$='-1']")
    await someone.page.wait_for_selector("#issues-ignored")
    await someone.page.click("#issues-ignored > summary")
    await someone.page.click(f"#issues-ignored {issue} > summary")
    await someone.page.click(f"#issues-ignored {issue} .issue-more summary")
    assert await someone.violations() == []
    await someone.page.click(f"#issues-ignored {issue} [data-keep$='-0']")
    await someone.page.wait_for_selector("#issues-ignored", state="detached")
    await someone.page.wait_for_selector(issue)


async def test_an_issue_that_somebody_reads_stays_in_sight_when_worse_ones_come(
    admin_person: MakePerson, stack: Stack
) -> None:
    someone = await admin_person(size="phone", lang="en")
    async with stack.database() as db:

        async def comes(*keys: str, severity: str) -> None:
            await db.executemany(
                "insert into issue (key, code, severity, slots) values ($1, 'backup.unsealed', $2, $3)",
                [(key, severity, ["slot-007"] if key == "worst" else []) for key in keys],
            )

        await comes("read", severity="should_know")
        await someone.go("/admin/")
        await someone.page.wait_for_selector("#pulse[data-state=live]")
        read = someone.page.locator(".issue.should_know")
        await read.locator("p").first.wait_for()
        await comes("worse", "even worse", "worst", severity="stops_photos")
        await someone.page.wait_for_selector(".issue.stops_photos", timeout=20_000)
        await someone.page.wait_for_selector("#issues-rest .issue.should_know", state="attached")
        assert "slot 07" in await someone.text("#issues-rest > summary")
        assert await read.locator("p").first.is_visible()
        await db.execute("update issue set closed_at = now() where code = 'backup.unsealed'")


async def test_a_lost_connection_says_so(admin_person: MakePerson) -> None:
    someone = await admin_person(size="phone", lang="ru", expected={503})
    for place in ("**/admin/events", "**/admin/dashboard/cards"):
        await someone.page.route(place, lambda route: route.fulfill(status=503, headers=POLICY))
    await someone.go("/admin/")
    await someone.page.wait_for_selector("#pulse[data-state=away]")
    assert await someone.text("#pulse") == "Нет связи"


async def test_a_wrong_password_in_a_booth_is_told(
    admin_person: MakePerson, camera: Camera, shot: Shot
) -> None:
    assert (await camera.post("/ingest/slot-001?reply=image", shot)).status == 200
    assert (
        await camera.post("/ingest/slot-001?reply=image", replace(shot, password="no longer"))
    ).status == 401
    someone = await admin_person(lang="ru")
    await someone.go("/admin/")
    issue = someone.page.locator("[data-code='password.ingest_wrong']")
    await issue.wait_for(state="attached", timeout=20_000)
