"""What staff's pages say while the appliance gives no answer, or one with nothing that a page can show."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.async_api import Route, expect

from tests.browser.conftest import MakePerson
from tests.support.waiting import until

pytestmark = pytest.mark.browser

# As Nginx answers while the app restarts, and as the app itself says that it can do nothing.
JSON = (
    "application/json",
    '{"error": {"code": "service_unavailable", "message": "The appliance is starting."}}',
)
TOAST = (
    "text/html; charset=utf-8",
    '<div class="toast bad" data-toast><strong>Всё запускается</strong></div>',
)


async def unavailable(route: Route, answer: tuple[str, str]) -> None:
    """The answer to a request during a restart."""
    headers = {"Content-Type": answer[0], "Content-Security-Policy": "default-src 'none'"}
    await route.fulfill(status=503, body=answer[1], headers=headers)


@pytest.mark.parametrize("answer", [JSON, TOAST], ids=["nginx", "app"])
async def test_a_page_that_asks_by_itself_says_once_that_the_appliance_is_away_until_it_is_back(
    admin_person: MakePerson, answer: tuple[str, str]
) -> None:
    someone = await admin_person(size="phone", lang="ru")
    someone.expected = {503}
    asked: list[str] = []

    async def away(route: Route) -> None:
        asked.append(route.request.url)
        await unavailable(route, answer)

    await someone.page.route("**/booths/list?*", away)
    await someone.go("/admin/booths")
    assert "запускается" in await someone.toast()
    asked.clear()
    await until(lambda: asked, seconds=15)
    await expect(someone.page.locator("#toasts [data-toast]")).to_have_count(1)
    assert "service_unavailable" not in await someone.text("#toasts")
    await someone.screenshot("no-answer")
    assert await someone.violations() == []
    await someone.page.unroute("**/booths/list?*")
    await expect(someone.page.locator("#toasts [data-toast]")).to_have_count(0, timeout=15_000)


async def test_who_saves_while_the_appliance_restarts_reads_that_until_they_have_read_it(
    admin_person: MakePerson,
) -> None:
    someone = await admin_person()
    someone.expected = {503}
    await someone.go("/admin/settings")
    await someone.page.route("**/settings/event", lambda route: unavailable(route, JSON))
    await someone.page.click("#event .save")
    assert "starting or being upgraded" in await someone.toast()
    async with someone.page.expect_response("**/settings/ttl-preview?*"):
        await someone.page.fill("#result_ttl_hours", "5")
    await expect(someone.page.locator("#toasts [data-toast]")).to_have_count(1)
    someone.leaving = True


async def test_an_upload_that_nginx_refuses_is_called_too_large(
    admin_person: MakePerson, tmp_path: Path
) -> None:
    someone = await admin_person(lang="ru")
    someone.expected = {413}
    await someone.go("/admin/templates")
    large = tmp_path / "large.jpg"
    large.write_bytes(b"\xff" * 24_000_000)
    await someone.page.set_input_files("[data-uploads] input", large)
    assert "больш" in await someone.toast()
    assert "payload_too_large" not in await someone.text("#toasts")
    someone.problems[:] = [problem for problem in someone.problems if "no policy" not in problem]
