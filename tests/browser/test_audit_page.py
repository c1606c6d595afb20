"""The audit page."""

from __future__ import annotations

import secrets

import pytest

from tests.browser.conftest import MakePerson
from tests.support.stack import Stack

pytestmark = pytest.mark.browser


async def test_entries_are_found_by_who_and_what_and_older_ones_follow(
    admin_person: MakePerson, stack: Stack
) -> None:
    actor = f"paging-{secrets.token_hex(4)}"
    async with stack.database() as db:
        await db.execute(
            "insert into audit_log (actor, action, address, detail)"
            " select $1::text, 'settings.changed', '192.0.2.7',"
            " jsonb_build_object('changes', jsonb_build_object('slot_permits',"
            " jsonb_build_object('from', n, 'to', n + 1))) from generate_series(1, 70) n",
            actor,
        )
    someone = await admin_person()
    await someone.go("/admin/audit")
    await someone.page.fill("#actor", actor)
    lines = someone.page.locator(".log-line")
    await someone.page.wait_for_url(f"**/admin/audit?actor={actor}")
    await someone.until(
        f"[...document.querySelectorAll('.log-line strong')].every(one => one.textContent === '{actor}')"
    )
    assert "One slot" in await lines.first.inner_text()
    assert "70" in await lines.first.locator("del").inner_text()
    assert await someone.violations() == []
    await someone.page.locator(".log-more .button").scroll_into_view_if_needed()
    await someone.until("document.querySelectorAll('.log-line').length === 70")
    await someone.page.select_option("#action", "login")
    await someone.page.wait_for_selector("#audit-list .empty")
    await someone.screenshot("audit-empty")
    await someone.page.click("#audit-list .empty .button")
    await someone.page.wait_for_selector(".log-line")


@pytest.mark.parametrize(
    ("action", "shown"),
    [
        ("login", "Logins"),
        ("ingest_password.refused", "sent a wrong ingest password"),
        ("nothing.known", "nothing.known"),
    ],
)
async def test_an_address_that_asks_for_one_action_shows_it_in_the_filter(
    admin_person: MakePerson, action: str, shown: str
) -> None:
    someone = await admin_person()
    await someone.go(f"/admin/audit?action={action}")
    assert await someone.page.input_value("#action") == action
    assert await someone.text("#action option:checked") == shown


async def test_times_are_typed_and_shown_as_the_clock_on_the_wall(
    admin_person: MakePerson, stack: Stack
) -> None:
    async with stack.database() as db:
        await db.execute(
            "insert into audit_log (actor, action, at) values ('clock', 'logout', '2026-01-05T21:30:00Z')"
        )
    someone = await admin_person()
    await someone.go("/admin/audit?actor=clock")
    assert "00:30:00" in await someone.text(".log-time"), "Moscow is three hours ahead"
    await someone.page.click(".fold summary")
    await someone.page.fill("#since", "2026-01-06T00:00")
    await someone.page.dispatch_event("#since", "change")
    await someone.page.wait_for_url("**since=2026-01-05T21%3A00%3A00Z*")
    assert await someone.page.locator(".log-line").count() == 1
    await someone.page.reload()
    assert await someone.page.input_value("#since") == "2026-01-06T00:00"
    await someone.page.fill("#since", "2026-01-06T01:00")
    await someone.page.dispatch_event("#since", "change")
    await someone.page.wait_for_selector("#audit-list .empty")
