"""The page Backups: a target is tried and kept, a backup is made and sent, the emergency kit is printed."""

from __future__ import annotations

import re
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from playwright.async_api import expect

from tests.browser.conftest import MakePerson
from tests.browser.person import LOOKS
from tests.support.stack import Stack

pytestmark = pytest.mark.browser


@pytest.fixture
async def shelf(stack: Stack) -> AsyncIterator[Path]:
    """A folder that the appliance may write to, and no target before and after."""
    folder = stack.data.parent / "shelf"
    folder.mkdir(exist_ok=True)
    owner = stack.data.stat()
    shutil.chown(folder, owner.st_uid, owner.st_gid)
    try:
        yield folder
    finally:
        async with stack.database() as db:
            await db.execute("delete from backup_target")
            await db.execute("delete from backup_proof")
        shutil.rmtree(folder)


@pytest.mark.parametrize(("size", "lang", "theme"), LOOKS)
async def test_the_page_and_the_kit_are_whole_and_accessible(
    admin_person: MakePerson, shelf: Path, size: str, lang: str, theme: str
) -> None:
    someone = await admin_person(size=size, lang=lang, theme=theme)
    for kind in ("folder", "sftp", "s3"):
        await someone.go(f"/admin/backups?kind={kind}")
        await someone.assert_whole(f"backups-{kind}", by_day_and_night=True)
    await someone.page.goto(someone.page.url.replace("?kind=s3", "?kind=folder"))
    await someone.page.fill("#target-path", str(shelf))
    await someone.page.click("#target button[value=save]")
    await expect(someone.page.locator("#target .note.good")).to_be_visible(timeout=60_000)
    await someone.assert_whole("backups-kept", by_day_and_night=True)
    await someone.page.click("#target .note a")
    await someone.page.wait_for_url("**/backups/kit")
    await someone.assert_whole("backups-kit", by_day_and_night=True)
    assert [await someone.printed_pages(paper) for paper in ("A4", "Letter")] == [1, 1]
    text = await someone.page.inner_text("article")
    assert str(shelf) in text
    assert "scripts/restore" in text
    assert "scripts/appliance restore" in text


async def test_a_backup_is_made_sent_and_proven_from_the_page(
    admin_person: MakePerson, stack: Stack, shelf: Path
) -> None:
    someone = await admin_person(size="phone")
    page = someone.page
    await someone.go("/admin/backups")
    await page.fill("#target-path", str(shelf))
    await page.click("#target button[value=test]")
    await expect(page.locator("#target .note.good")).to_contain_text("It works.", timeout=60_000)
    assert await stack.value("select count(*) from backup_target") == 0
    await page.click("#target button[value=save]")
    await expect(page.locator("#target .note.good")).to_contain_text("was saved", timeout=60_000)
    await page.click("[data-keep=make]")
    await expect(page.locator("#backups-state .outcome.good")).to_contain_text("Backed up", timeout=90_000)
    names = [path.name for path in shelf.iterdir()]  # noqa: ASYNC240
    sent = [name for name in names if re.fullmatch(r"photochanger-\w+\.tar\.age", name)]
    assert len(sent) == 1
    await page.click("text=List the backups there")
    await expect(page.locator("[id^=target-files]")).to_contain_text(sent[0], timeout=60_000)
    await page.click("[data-keep=prove]")
    await expect(page.locator("[aria-labelledby=proof-title]")).to_contain_text(
        "Restored completely", timeout=90_000
    )
    await someone.screenshot("backups-proven")


async def test_what_somebody_looks_at_or_is_asked_stays_while_the_page_follows_what_is_done(
    admin_person: MakePerson, admin: httpx.AsyncClient, stack: Stack, shelf: Path
) -> None:
    target = {"address": {"kind": "folder", "path": str(shelf)}}
    assert (await admin.put("/api/backups/target", json=target)).status_code == 200
    at_work = "update backup_target set held = true, step = 'sending', step_at = now() + interval '1 minute'"
    async with stack.database() as db:
        await db.execute(at_work)
    someone = await admin_person(size="desktop")
    page = someone.page

    async def follows() -> None:
        for _ in range(2):
            await page.wait_for_event("response", lambda one: one.url.endswith("/backups/state"))

    await someone.go("/admin/backups")
    await page.click("text=List the backups there")
    await follows()
    await expect(page.locator("[id^=target-files]")).to_contain_text(
        "No backup is there yet.", timeout=60_000
    )
    await follows()
    await expect(page.locator("[id^=target-files]")).to_contain_text("No backup is there yet.")
    await page.click("#backups-state button:has-text('Take over')")
    await follows()
    await page.click("#confirm-yes")
    await expect(page.locator("#target .note.good")).to_contain_text("was saved", timeout=60_000)
    assert not await stack.value("select held from backup_target")


async def test_what_is_wrong_with_a_target_is_told_and_nothing_is_kept(
    admin_person: MakePerson, stack: Stack, shelf: Path
) -> None:
    someone = await admin_person(size="desktop")
    someone.expected = {422}
    page = someone.page
    await someone.go("/admin/backups")
    await page.fill("#target-path", str(shelf / "unplugged"))
    await page.click("#target button[value=save]")
    note = page.locator("#target .note.bad")
    await expect(note).to_contain_text("is not there", timeout=60_000)
    assert await page.input_value("#target-path") == str(shelf / "unplugged")
    await page.fill("#target-path", "stick")
    await page.click("#target button[value=save]")
    await expect(page.locator("#target-path-finding")).to_contain_text("Begin with /", timeout=60_000)
    await page.click(".chips a:has-text('SFTP')")
    await page.click("#confirm-yes")  # what was typed is lost
    await page.wait_for_url("**kind=sftp*")
    await page.fill("#target-host", "nas")
    await page.fill("#target-user", "keeper")
    await page.fill("#target-path", "backups")
    await page.click("#target button[value=save]")
    await expect(page.locator("#target [role=alert]")).to_contain_text("password or a private key")
    assert await stack.value("select count(*) from backup_target") == 0
    someone.problems[:] = [one for one in someone.problems if "422" not in one]


@pytest.mark.usefixtures("shelf")  # there is no target
async def test_what_another_process_could_not_do_is_told_in_russian(
    admin_person: MakePerson, admin: httpx.AsyncClient
) -> None:
    assert (await admin.post("/api/backups/send")).status_code == 202
    someone = await admin_person(lang="ru")
    await someone.go("/admin/backups")
    note = someone.page.locator("#backups-state .note.bad")
    await expect(note).to_contain_text("Хранилище для копий ещё не задано.", timeout=60_000)
    said = (await admin.get("/api/backups")).json()["ended"]["said"]
    assert said == "There is no target for backups yet."
