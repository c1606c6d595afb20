"""No page is wider than the screen of a small phone, in whatever state it is."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest

from tests.browser.conftest import MakePerson
from tests.conftest import Change
from tests.standins import Script, StandIn
from tests.support.camera import Camera, Shot
from tests.support.keys import URL as KEYS
from tests.support.keys import made_up
from tests.support.logins import PASSWORD, add_account
from tests.support.slots import with_gemini
from tests.support.stack import Stack

pytestmark = pytest.mark.browser

SLOT, OTHER = "slot-013", "slot-006"
LONG = "Очень_длинное_название_слота_без_единого_пробела_для_гостей"
PAGES = (
    "/admin/",
    "/admin/settings",
    "/admin/audit",
    "/admin/booths",
    "/admin/password",
    "/admin/jobs",
    "/admin/jobs?status=failed",
    "/admin/gallery",
    "/admin/screens",
    "/admin/screens/queue",
    "/admin/event",
    "/admin/templates",
    "/admin/slots",
    f"/admin/slots/{SLOT}",
    f"/admin/slots/{OTHER}",
    f"/admin/slots/{OTHER}/history",
)
# The outermost of what sticks out, and is not cut off by what it lies in.
WIDE = """() => {
    const width = document.documentElement.clientWidth;
    if (document.documentElement.scrollWidth <= width) return [];
    const isCut = (one) => one.matches("body *")
        && (getComputedStyle(one).overflowX !== "visible" || isCut(one.parentElement));
    const found = [...document.querySelectorAll("body *")]
        .filter((one) => one.checkVisibility() && one.getBoundingClientRect().right > width + 1)
        .filter((one) => !isCut(one.parentElement))
        .map((one) => `${one.outerHTML.slice(0, 90)} ${Math.round(one.getBoundingClientRect().right)}`);
    return found.length ? found.slice(0, 3) : ["something"];
}"""
# An iPhone enlarges the whole page when one writes into letters of less than 16 pixels.
SMALL_LETTERS = """() => [...document.querySelectorAll("input, select, textarea")]
    .filter((one) => one.checkVisibility() && parseFloat(getComputedStyle(one).fontSize) < 16)
    .map((one) => one.outerHTML.slice(0, 90))"""


@pytest.fixture
async def busy_evening(
    stack: Stack, admin: httpx.AsyncClient, slot: Change, gemini: StandIn, camera: Camera, shot: Shot
) -> AsyncIterator[str]:
    """A slot whose key is refused, one that somebody saved, failed photos, a gallery; the failed job's id."""
    text = made_up("gemini")
    key = (await admin.post(KEYS, json={"provider": "gemini", "key": text})).json()["id"]
    await slot(SLOT, **with_gemini(display_name=LONG))
    saved = (await admin.get(f"/api/slots/{OTHER}")).json()
    for name in ("slot_id", "updated_by", "updated_at", "problems", "recent_results"):
        del saved[name]
    saved |= {"display_name": LONG} | {
        name: value
        for name, value in with_gemini().items()
        if name in ("provider", "operation", "model", "params")
    }
    assert (await admin.put(f"/api/slots/{OTHER}", json=saved)).status_code == 200
    opened = (await admin.post("/api/shared-galleries", json={"slot_id": OTHER, "title": LONG})).json()
    booth_key = (await admin.post("/api/booth-keys", json={"name": LONG, "slots": [OTHER]})).json()["id"]
    assert (await camera.post(f"/ingest/{OTHER}?reply=image", shot)).status == 200
    gemini.revoked.add(text)
    gemini.script = Script(["refused"] * 3)
    failed = await camera.post(f"/ingest/{SLOT}?reply=json", shot)
    yield failed.headers["x-job-id"]
    await admin.delete(f"/api/booth-keys/{booth_key}")
    await admin.delete(f"/api/shared-galleries/{opened['id']}")
    await admin.delete(f"{KEYS}/{key}")


@pytest.mark.parametrize("lang", ["ru", "en"])
async def test_no_page_is_wider_than_a_small_phone_on_a_busy_evening(
    person: MakePerson, stack: Stack, busy_evening: str, lang: str
) -> None:
    name = f"whoever.saved.this.evening.{lang}".ljust(32, "x")
    await add_account(stack, name, PASSWORD, "administrator")
    async with stack.database() as db:
        await db.execute("update account set must_change_password = false where username = $1", name)
        await db.execute("update slot set updated_by = $1 where slot_id = $2", name, OTHER)
        await db.execute("update slot_version set saved_by = $1 where slot_id = $2", name, OTHER)
    someone = await person(size="narrow", lang=lang)
    await someone.be_logged_in(name)
    wide = []
    for path in (*PAGES, f"/admin/jobs/{busy_evening}"):
        await someone.go(path)
        await someone.page.evaluate(
            "document.querySelectorAll('main details').forEach((one) => (one.open = true))"
        )
        for width in (320, 360, 390):
            await someone.page.set_viewport_size({"width": width, "height": 844})
            wide += [(path, width, one) for one in await someone.page.evaluate(WIDE)]
        wide += [(path, "small letters", one) for one in await someone.page.evaluate(SMALL_LETTERS)]
    phone = await someone.page.context.new_cdp_session(someone.page)
    await phone.send("Page.setFontSizes", {"fontSizes": {"standard": 24}})  # 150 %, as set in a phone
    await someone.page.set_viewport_size({"width": 360, "height": 844})
    for path in ("/admin/", "/admin/screens"):
        await someone.go(path)
        wide += [(path, "large text", one) for one in await someone.page.evaluate(WIDE)]
    assert wide == [], "\n".join(map(str, wide))


async def test_nothing_lies_under_the_camera_of_a_phone_on_its_side(admin_person: MakePerson) -> None:
    someone = await admin_person(size="phone")
    await someone.page.set_viewport_size({"width": 844, "height": 390})
    phone = await someone.page.context.new_cdp_session(someone.page)
    await phone.send(
        "Emulation.setSafeAreaInsetsOverride", {"insets": {"left": 59, "right": 59, "bottom": 21}}
    )
    under = """() => [...document.querySelectorAll("header a, header summary, main *")]
        .filter((one) => one.checkVisibility() && !one.closest(".away"))
        .map((one) => [one, one.getBoundingClientRect()])
        .filter(([one, box]) => box.width && (box.left < 58.5 || box.right > innerWidth - 58.5))
        .map(([one]) => one.outerHTML.slice(0, 90)).slice(0, 3)"""
    for path in ("/admin/", "/admin/gallery", "/admin/slots/slot-009", "/admin/settings", "/admin/audit"):
        await someone.go(path)
        assert await someone.page.evaluate(under) == [], path


@pytest.mark.parametrize("size", ["phone", "desktop"])
async def test_what_has_the_focus_lies_under_no_bar(admin_person: MakePerson, size: str) -> None:
    someone = await admin_person(size=size)
    hidden = """() => [...document.querySelectorAll("main :is(a, button, input, select, textarea, summary)")]
        .filter((one) => one.checkVisibility() && !one.matches(".away, :disabled, .cover")
            && !one.closest(".save-bar, .test, .look-list"))
        .filter((one) => {
            one.focus();
            const box = one.getBoundingClientRect(), x = box.left + box.width / 2;
            const top = document.elementFromPoint(x, box.top + Math.min(box.height, 44) / 2);
            return document.activeElement === one && top?.closest(".places, .save-bar");
        }).map((one) => one.outerHTML.slice(0, 90)).slice(0, 3)"""
    for path in ("/admin/booths", "/admin/slots/slot-009"):
        await someone.go(path)
        assert await someone.page.evaluate(hidden) == [], path
