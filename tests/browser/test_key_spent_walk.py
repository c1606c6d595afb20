"""An evening's hitch from its beginning to its end: the key's money is spent at ten past nine.

``--manual`` keeps the pictures that docs/operator/key-spent.md shows.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from email.message import EmailMessage

import httpx
import pytest

from tests.browser.conftest import MakePerson
from tests.conftest import Change
from tests.standins import Script, StandIn
from tests.support.camera import Camera, Shot
from tests.support.keys import asked_with, entered, made_up
from tests.support.receivers import Mailbox, mail_server
from tests.support.stack import Stack
from tests.support.waiting import until

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("no_provider_keys", "no_issue_is_open")]

SLOT = "slot-010"
LOOK = {
    "active": True,
    "provider": "openai",
    "operation": "image_edit",
    "model": "gpt-image-2",
    "params": {"prompt": "make it a painting"},
    "fallbacks": [{"provider": "local", "operation": "glow", "params": {}}],
    "hedge": False,
    "prompt": {},
    "output": {},
}


@pytest.fixture
async def mailbox(stack: Stack, admin: httpx.AsyncClient) -> AsyncIterator[Mailbox]:
    """The crew's mail, told of what will stop photos and of what does; the slot has no earlier photos."""
    past = "update job_history set created_at = created_at - interval '6 h' where slot_id = $1"
    await admin.put("/api/settings", json={"alert_start_quiet_seconds": 0})
    async with stack.database() as db:
        await db.execute(past, SLOT)
        with mail_server() as box:
            address = f"mailto://127.0.0.1:{box.port}?from=booth@crew.example&to=igor@crew.example"
            body = {"name": "crew by mail", "address": address, "severity": "will_stop"}
            made = await admin.post("/api/alerts/channels", json=body)
            assert made.status_code == 201, made.text
            try:
                yield box
            finally:
                await admin.delete(f"/api/alerts/channels/{made.json()['id']}")
                await admin.put("/api/settings", json={"alert_start_quiet_seconds": 120})
                await db.execute(past, SLOT)


def about(box: Mailbox, key: str) -> Callable[[], EmailMessage | None]:
    """The newest mail about the key, once there is one more than before."""
    before = len(box.mails)

    def newest() -> EmailMessage | None:
        return next((mail for mail in box.mails[before:] if key[-4:] in mail["subject"]), None)

    return newest


def text_of(mail: EmailMessage) -> str:
    part = mail.get_body(("plain", "html"))
    assert part
    found: str = part.get_content()
    return found


async def test_a_spent_key_calls_the_crew_who_enter_another_on_the_phone_while_guests_get_pictures(
    admin_person: MakePerson, admin: httpx.AsyncClient, standins: dict[str, StandIn], slot: Change,
    camera: Camera, shot: Shot, mailbox: Mailbox,
) -> None:  # fmt: skip
    openai = standins["openai"]
    spent, fresh = made_up("openai"), made_up("openai")
    await entered(admin, "openai", spent)
    await slot(SLOT, **LOOK)
    someone = await admin_person(size="phone", lang="en", theme="light")
    await someone.go("/admin/")
    await someone.page.wait_for_selector("#pulse[data-state=live]")

    # The money is spent: the guest gets the fallback's picture, the crew a mail, the dashboard an issue.
    openai.script = Script(["empty_account"] * 2)
    said = about(mailbox, spent)
    assert (await camera.post(f"/api/ingest/{SLOT}?reply=image", shot)).status == 200
    issue = ".issue[data-code='key.spent']"
    await someone.page.wait_for_selector(issue, timeout=30_000)  # without reloading
    assert "UTC" not in await someone.text(issue), "in the viewer's own time from the first moment"
    await someone.page.wait_for_selector("#first-photo .note", state="detached")
    told = await until(said, seconds=30, every=0.2)
    assert told["subject"].startswith("Soon: OpenAI: no money")
    assert "Press: " in text_of(told), text_of(told)
    assert "/admin/settings#keys-openai" in text_of(told)
    if not await someone.page.locator(f"{issue}[open]").count():
        await someone.page.click(f"{issue} > summary")
    await someone.manual_picture("key-spent-1-dashboard")
    assert await someone.sideways() <= 0

    # Another key on the phone, from the issue's own button.
    await someone.page.click(f"{issue} .button.primary")
    await someone.page.wait_for_url("**/admin/settings#keys-openai")
    await someone.page.fill("#key-openai", fresh)
    await someone.manual_picture("key-spent-2-enter")
    await someone.page.keyboard.press("Enter")
    await someone.page.wait_for_selector("#keys-openai .note.good")
    await someone.manual_picture("key-spent-3-works")

    # The next guest gets the provider's picture. The old key is removed, and all is well.
    openai.script = Script()
    assert (await camera.post(f"/api/ingest/{SLOT}?reply=image", shot)).status == 200
    assert asked_with(openai)[-1] == fresh
    over = about(mailbox, spent)
    await (
        someone.page.locator("#keys-openai .keys li", has_text=f"…{spent[-4:]}")
        .locator("form[action$=remove] button")
        .click()
    )
    await someone.page.click("#confirm-yes")
    assert (await until(over, seconds=30, every=0.2))["subject"].startswith("Resolved: ")
    await someone.go("/admin/")
    await someone.page.wait_for_selector("#pulse[data-state=live]")
    assert await someone.page.locator(issue).count() == 0
    await someone.until("[...document.querySelectorAll('.tile img')].every(one => one.complete)")
    await someone.manual_picture("key-spent-4-well")
